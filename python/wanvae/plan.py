"""Plans: what compile() makes and Decoder runs."""

from __future__ import annotations

import ctypes as c
import dataclasses
import os
import weakref
from pathlib import Path

import numpy as np

from . import _callbacks
from ._library import WAN_OK, Error, OpenParams, PlanParams, wan, wanc
from .errors import check

ALIGNMENT = 64  # WAN_PLAN_ALIGNMENT: of a plan in memory


@dataclasses.dataclass(frozen=True)
class Shape:
    """The shapes of a plan at one of its sizes."""

    latent_channels: int
    latent_height: int
    latent_width: int
    frame_channels: int
    frame_height: int
    frame_width: int
    first_frames: int  # that the first step computes
    first_kept: int  # the last of them, which are video
    steady_frames: int  # of each later step; 0: the plan decodes one latent frame
    peak_bytes: int  # that a decode is expected to need in all, with a thread on each core

    def frames(self, latent_frames: int, first_step: bool = True) -> int:
        """Video frames of so many latent frames, from the start of a video or, without `first_step`, behind it."""
        if latent_frames == 0 or not first_step:
            return latent_frames * self.steady_frames
        return self.first_kept + (latent_frames - 1) * self.steady_frames


class PlanHandle:
    """A wan_plan and its memory. Sessions hold it, too: so the plan outlives them in any order of finalizers."""

    def __init__(self, pointer: int, memory: object) -> None:
        self.pointer, self.sessions = pointer, 0
        self.close = weakref.finalize(self, _close, pointer, memory)


def _close(pointer: int, memory: object) -> None:
    wan().wan_plan_close(pointer)
    if isinstance(memory, CompiledMemory):
        memory.free()


class CompiledMemory:
    """A plan in the memory of libwanc."""

    def __init__(self, pointer: int | None, size: int) -> None:
        self.pointer, self.size = pointer, size

    def free(self) -> None:
        wanc().wanc_plan_free(self.pointer, self.size)


class Plan:
    """A compiled decoder, from a file or from bytes; verified completely when it is opened.

    Decoders of one plan share its packed weights, in any number of threads. A file is mapped and should not be changed
    meanwhile. Bytes are used where they lie if their address is a multiple of 64, as that of an mmap is, else copied.
    """

    def __init__(self, source: str | os.PathLike[str] | bytes | bytearray | memoryview) -> None:
        if isinstance(source, (str, os.PathLike)):
            self.path: Path | None = Path(source)
            self._data: np.ndarray | None = None
            self._open(lambda *more: wan().wan_plan_open(os.fsencode(source), *more), None)
        else:
            data = aligned(source)
            self._open_memory(data, data)

    @classmethod
    def _of_compiler(cls, memory: CompiledMemory) -> Plan:
        plan = cls.__new__(cls)
        data = np.ctypeslib.as_array(c.cast(memory.pointer, c.POINTER(c.c_uint8)), (memory.size,))
        plan._open_memory(data, memory)
        return plan

    def _open_memory(self, data: np.ndarray, memory: object) -> None:
        self.path, self._data = None, data
        self._open(lambda *more: wan().wan_plan_open_memory(data.ctypes.data, data.nbytes, *more), memory)

    def _open(self, function, memory: object) -> None:
        error = Error()
        with _callbacks.guarded():
            pointer = function(c.byref(OpenParams(log=_callbacks.log)), c.byref(error))
            self._handle = PlanHandle(pointer, memory)
        check(WAN_OK if pointer else error.status, error)
        self.sizes: tuple[Shape, ...] = tuple(self._sizes())

    def _sizes(self):
        params = PlanParams()
        for index in range(2**31):
            if not wan().wan_plan_get_size(self._pointer, index, c.byref(params)):
                return
            yield Shape(**{field.name: getattr(params, field.name) for field in dataclasses.fields(Shape)})

    @property
    def _pointer(self) -> int:
        if not self._handle.close.alive:
            raise ValueError("the plan is closed")
        return self._handle.pointer

    @property
    def notes(self) -> tuple[str, ...]:
        """What the compiler warned of, and whether packed weights are for another CPU."""
        found: list[str] = []
        while (note := wan().wan_plan_note(self._pointer, len(found))) is not None:
            found.append(note.decode(errors="replace"))
        return tuple(found)

    @property
    def denormalization(self) -> tuple[np.ndarray, np.ndarray] | None:
        """(scale, shift) of each channel, if the plan begins with latents * scale + shift, as pipelines denormalise."""
        channels = self.sizes[0].latent_channels
        scale, shift = np.empty(channels, np.float32), np.empty(channels, np.float32)
        floats = c.POINTER(c.c_float)
        found = wan().wan_plan_denormalizes(self._pointer, scale.ctypes.data_as(floats), shift.ctypes.data_as(floats))
        return (scale, shift) if found else None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a plan that is in memory to a file, beside its name and then renamed."""
        data = self._data
        if self._pointer and data is None:
            raise ValueError(f"the plan is the file {self.path}: copy that")
        beside = Path(f"{os.fspath(path)}.{os.getpid()}.part")
        try:
            data.tofile(beside)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def close(self) -> None:
        """Gives its memory back now, packed weights included; else that happens when nothing refers to it any more."""
        if self._handle.sessions:
            raise ValueError(f"the plan is in use: close its decoders first ({self._handle.sessions})")
        self._data = None  # which is the libraries' memory, or keeps the caller's
        self._handle.close()

    def __enter__(self) -> Plan:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        sizes = ", ".join(f"{s.latent_height}x{s.latent_width}" for s in self.sizes)
        return f"<wanvae.Plan {self.path or 'in memory'}: latents of {sizes}>"


def aligned(source: bytes | bytearray | memoryview) -> np.ndarray:
    """The bytes at an address that a plan may lie at: where they are, or in a copy."""
    data = np.frombuffer(source, np.uint8)
    if data.ctypes.data % ALIGNMENT == 0:
        return data
    room = np.empty(data.nbytes + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    room[start : start + data.nbytes] = data
    return room[start : start + data.nbytes]
