"""A session of libwan: latents in, frames out, at one size of a plan."""

from __future__ import annotations

import contextlib
import ctypes as c
import os
import threading
import weakref
from collections.abc import Callable, Iterator

import numpy as np

from . import _callbacks
from ._library import PROGRESS, WAN_BYTE, WAN_FLOAT, WAN_OK, Error, Image, SessionParams, State, wan
from .errors import check
from .plan import Plan, PlanHandle, Shape

ELEMENTS = {np.dtype(np.float32): WAN_FLOAT, np.dtype(np.uint8): WAN_BYTE}

# (operators done, operators of the step): something true stops the step
StepProgress = Callable[[int, int], object]


class Session:
    """For one thread at a time: a second one is refused, as is a call from inside of a progress callback."""

    def __init__(
        self,
        plan: Plan,
        shape: Shape,
        threads: int | None,
        cache_folder: str | None,
        progress: StepProgress | None,
        limit_memory: int | None,
        check_places: int | None,
        huge_pages: bool,
    ) -> None:
        self.plan, self.shape = plan, shape
        self._alone = threading.Lock()
        # Always there: a Ctrl-C during a step is raised in it.
        self._progress = PROGRESS(_progress_callback(progress))
        params = SessionParams(
            threads=threads or 0,
            latent_height=shape.latent_height,
            latent_width=shape.latent_width,
            progress=self._progress,
            cache_folder=None if cache_folder is None else os.fsencode(cache_folder),
            limit_memory=limit_memory or 0,
            check_places=check_places or 0,
            huge_pages=huge_pages,
        )
        error = Error()
        try:
            with _callbacks.guarded():
                self._pointer = wan().wan_session_new(plan._pointer, c.byref(params), c.byref(error))
                plan._handle.sessions += 1
                self._free = weakref.finalize(self, _free, self._pointer, plan._handle)
            check(WAN_OK if self._pointer else error.status, error)
        except BaseException:
            if hasattr(self, "_free"):
                self._free()
            raise

    @contextlib.contextmanager
    def _call(self) -> Iterator[Error]:
        """One call of the library on this session: nobody else makes one, and its error is raised."""
        if not self._free.alive:
            raise ValueError("the decoder is closed")
        if not self._alone.acquire(blocking=False):
            raise RuntimeError(
                "the decoder is at work, in another thread or around this callback: a thread needs one of its own"
            )
        try:
            yield Error()
        finally:
            self._alone.release()

    def send(self, latent: np.ndarray) -> None:
        """float32 [C,h,w], dense; the shape was checked."""
        with self._call() as error:
            data = latent.ctypes.data_as(c.POINTER(c.c_float))
            with _callbacks.guarded():
                status = wan().wan_session_send(self._pointer, data, c.byref(error))
            check(status, error)

    def pending(self) -> int:
        with self._call():
            return wan().wan_session_pending(self._pointer)

    def receive_into(self, frame: np.ndarray) -> None:
        """Writes the next frame into [C,H,W] of float32 or uint8, of any strides; the shape was checked."""
        image = Image(
            element=ELEMENTS[frame.dtype],
            data=frame.ctypes.data,
            channel_stride=frame.strides[0],
            row_stride=frame.strides[1],
            pixel_stride=frame.strides[2],
        )
        with self._call() as error:
            check(wan().wan_session_receive_into(self._pointer, c.byref(image), c.byref(error)), error)

    def reset(self) -> None:
        with self._call():
            wan().wan_session_reset(self._pointer)

    def save(self, path: str | os.PathLike[str]) -> None:
        with self._call() as error:
            check(wan().wan_session_save(self._pointer, os.fsencode(path), c.byref(error)), error)

    def load(self, path: str | os.PathLike[str]) -> None:
        with self._call() as error:
            check(wan().wan_session_load(self._pointer, os.fsencode(path), c.byref(error)), error)

    @property
    def steps(self) -> int:
        with self._call():
            return wan().wan_session_steps(self._pointer)

    @property
    def threads(self) -> int:
        with self._call():
            return wan().wan_session_threads(self._pointer)

    def close(self) -> None:
        if self._free.alive:
            with self._call():
                self._free()


def _progress_callback(progress: StepProgress | None) -> Callable:
    """Holds nothing of the session, which would keep itself alive."""

    @_callbacks.keeping(1)
    def callback(_context: int | None, done: int, count: int) -> int:
        return 1 if progress is not None and progress(done, count) else 0

    return callback


def _free(pointer: int | None, handle: PlanHandle) -> None:
    """The handle: with it the plan lives until here."""
    wan().wan_session_free(pointer)
    handle.sessions -= 1


def read_state(path: str | os.PathLike[str]) -> State:
    error, state = Error(), State()
    check(wan().wan_state_read(os.fsencode(path), c.byref(state), c.byref(error)), error)
    return state
