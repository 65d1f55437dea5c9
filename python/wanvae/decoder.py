"""Decoder: latents of a video in, its frames out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from ._arrays import Array, ArrayT, as_array, as_dtype, as_latent, as_view, empty_like_kind, is_tensor
from ._session import Session, read_state
from .plan import Plan, Shape

# Latent frames of the video that are decoded, that of the current step as a fraction. Something true stops the decode.
Progress = Callable[[float], object]


class Decoder:
    """Decodes with a plan, for one thread at a time; threads decode at once with decoders of their own, of one plan.

    plan: a Plan, or what makes one: a path or bytes.
    threads: None: one on each core.
    state: a file of save_state to go on from.
    progress: called in front of each operator, with the latent frames that are decoded, as 2.35; what it raises ends
        the decode, and something true that it returns does, with Cancelled.
    cache_folder: keeps the caches in a file there, for more caches than memory.
    huge_pages: keeps the caches in huge pages that the system has reserved; without it, it may use some as it likes.
    limit_memory: bytes; a session that is expected to take more is refused, with a WanError.
    check_places: so many places of each operator's result are computed a second time, by its formula in double
        precision; a step in which they do not agree ends with a WanError.

    A latents' height and width choose the size of the plan; a video of another size than the last one opens a session
    anew, which clears caches, and packs no weights again. Other Python threads run while the library works. Ctrl-C
    ends a decode within an operator. After that, or any other error in a step, the next video starts as if nothing
    had been.
    """

    def __init__(
        self,
        plan: Plan | str | os.PathLike[str] | bytes | bytearray | memoryview,
        threads: int | None = None,
        state: str | os.PathLike[str] | None = None,
        *,
        progress: Progress | None = None,
        cache_folder: str | os.PathLike[str] | None = None,
        limit_memory: int | None = None,
        check_places: int | None = None,
        huge_pages: bool = False,
    ) -> None:
        for name, number, most in (
            ("threads", threads, 1024),
            ("limit_memory", limit_memory, 2**64 - 1),
            ("check_places", check_places, 10000),
        ):
            if number is not None and not 0 < number <= most:
                raise ValueError(f"{name}: expected 1 to {most}, or None, found {number!r}")
        self.plan = plan if isinstance(plan, Plan) else Plan(plan)
        self._threads = threads
        self._cache_folder = None if cache_folder is None else os.fspath(cache_folder)
        self._progress = progress
        self._limit_memory, self._check_places = limit_memory, check_places
        self._huge_pages = huge_pages
        self._steps = _Steps()
        self._video: object = None
        self._loaded = False
        self._session = self._open(self.plan.sizes[0])
        if state is not None:
            self.load_state(state)

    # ---- decoding

    def decode(
        self, latents: ArrayT, dtype: str | np.dtype = "float32", *, out: Array | None = None, continued: bool = False
    ) -> ArrayT:
        """The frames of latents [C,T,h,w] or, of a batch of videos, [B,C,T,h,w]; of any floating-point type.

        dtype "float32": [C,F,H,W] or [B,C,F,H,W], about [-1, 1], as `vae.decode(latents).sample` of diffusers.
        dtype "uint8": pictures, [F,H,W,C] or [B,F,H,W,C], 0 to 255, rounded.
        Arrays give arrays and tensors give tensors, on the CPU; with `out`, frames are written there, whatever its
        strides.

        A video of its own, unless `continued`: then it goes on behind what this decoder decoded last. Right after
        load_state it goes on from there in any case.
        """
        array, element = as_array(latents), as_dtype(dtype)
        if array.ndim not in (4, 5):
            raise ValueError(f"latents: expected [C,T,h,w] or [B,C,T,h,w], found {tuple(array.shape)}")
        videos = array if array.ndim == 5 else array[None]
        session, frames = self._session_and_frames(videos, continued)
        shape = _frames_shape(session.shape, frames, element, len(videos))
        result, view = _result(out, shape[5 - array.ndim :], element, array)
        views = view if array.ndim == 5 else view[None]
        for index, video in enumerate(videos):
            self._begin(session, continued)
            self._decode_video(session, video, _frames_first(views[index], element))
        return result

    def stream(
        self, latents: Iterable[Array] | Array, dtype: str | np.dtype = "float32", *, continued: bool = False
    ) -> Iterator[Array]:
        """Frames one by one, as they are decoded: float32 [C,H,W] or uint8 [H,W,C], each in memory of its own.

        latents: an iterable of latent frames [C,h,w], taken one at a time, or a video [C,T,h,w] or [1,C,T,h,w].
        Memory does not grow with their number. `continued` is that of decode.
        """
        element = as_dtype(dtype)
        session, video = None, None
        for latent in _latent_frames(latents):
            if session is None:
                session = self._session_of(latent.shape, continued)
                video = self._begin(session, continued)
            yield from self._step(session, latent, element, video)

    def reset(self) -> None:
        """Forgets the video, and a loaded state: what is decoded next starts one."""
        self._loaded = False
        self._begin(self._session, False)

    # ---- states

    @property
    def steps(self) -> int:
        """Latent frames decoded since the start of the video, those before a loaded state included."""
        return self._session.steps

    def save_state(self, path: str | os.PathLike[str]) -> None:
        """Writes the caches to a file, for a decoder of the plan to go on from, once all frames of a step are taken."""
        self._session.save(path)

    def load_state(self, path: str | os.PathLike[str]) -> None:
        """The next decode or stream goes on behind the video that was saved."""
        state = read_state(path)
        session = self._session_for(state.latent_height, state.latent_width)
        session.load(path)
        self._video, self._loaded = object(), True
        self._steps.done = session.steps

    # ---- what it is

    @property
    def shape(self) -> Shape:
        """The shapes at the size of the video at hand, of the plan's first size before there is one."""
        return self._session.shape

    @property
    def threads(self) -> int:
        return self._session.threads

    def close(self) -> None:
        """Gives the session's memory back now. The plan stays open."""
        self._session.close()

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    # ---- sessions

    def _open(self, shape: Shape) -> Session:
        progress = None if self._progress is None else self._steps.callback(self._progress)
        return Session(
            self.plan,
            shape,
            self._threads,
            self._cache_folder,
            progress,
            self._limit_memory,
            self._check_places,
            self._huge_pages,
        )

    def _session_for(self, height: int, width: int) -> Session:
        """The session at hand, or one of another size in its place: never two, for their caches are large."""
        if (height, width) == (self.shape.latent_height, self.shape.latent_width):
            return self._session
        found = [s for s in self.plan.sizes if (s.latent_height, s.latent_width) == (height, width)]
        if not found:
            sizes = ", ".join(f"{s.latent_height}x{s.latent_width}" for s in self.plan.sizes)
            raise ValueError(f"latents: of {height}x{width}; the plan has {sizes}")
        self._session.close()
        self._session = self._open(found[0])
        return self._session

    def _session_of(self, latent: tuple[int, ...], continued: bool) -> Session:
        """The session for a latent of shape [C,h,w]."""
        channels, height, width = latent
        known = self.shape
        if channels != known.latent_channels:
            raise ValueError(f"latents: expected {known.latent_channels} channels, found {channels}")
        if (continued or self._loaded) and (height, width) != (known.latent_height, known.latent_width):
            raise ValueError(
                f"latents: the video has {known.latent_height}x{known.latent_width}, found {height}x{width}"
            )
        return self._session_for(height, width)

    def _session_and_frames(self, videos: Array, continued: bool) -> tuple[Session, int]:
        """The session for videos [B,C,T,h,w], and the number of frames of each."""
        batch, channels, steps, height, width = videos.shape
        goes_on = continued or self._loaded
        if batch == 0 or steps == 0:
            raise ValueError(f"latents: expected at least one frame, found {tuple(videos.shape)}")
        if goes_on and batch != 1:
            raise ValueError(f"latents: one video goes on, found a batch of {batch}")
        session = self._session_of((channels, height, width), continued)
        done = session.steps if goes_on else 0
        if session.shape.steady_frames == 0 and done + steps > 1:
            raise ValueError(f"latents: the plan decodes one latent frame, found {done + steps}")
        return session, session.shape.frames(steps, first_step=done == 0)

    def _begin(self, session: Session, continued: bool) -> object:
        """A video: from its start, or going on. Returns what tells it from the next one."""
        if not continued and not self._loaded:
            session.reset()
        self._loaded = False
        self._steps.done = session.steps
        self._video = object()
        return self._video

    # ---- steps

    def _send(self, session: Session, latent: Array) -> None:
        session.send(as_latent(latent))
        self._steps.done = session.steps

    def _decode_video(self, session: Session, latents: Array, frames: np.ndarray) -> None:
        """[C,T,h,w] into [F,C,H,W]."""
        first = 0
        for t in range(latents.shape[1]):
            self._send(session, latents[:, t])
            for frame in frames[first : first + session.pending()]:
                session.receive_into(frame)
                first += 1

    def _step(self, session: Session, latent: Array, element: np.dtype, video: object) -> Iterator[Array]:
        expected = (session.shape.latent_channels, session.shape.latent_height, session.shape.latent_width)
        if tuple(latent.shape) != expected:
            raise ValueError(f"latents: expected {expected} as the frames before, found {tuple(latent.shape)}")
        self._check_same(video)
        self._send(session, latent)
        shape = _frames_shape(session.shape, 1, element, 1)[1:]
        while session.pending():
            result, view = empty_like_kind(shape, element, latent)
            session.receive_into(_frames_first(view, element)[0])
            yield result[0] if element == np.uint8 else result[:, 0]
            self._check_same(video)  # anything may have been done meanwhile

    def _check_same(self, video: object) -> None:
        if self._video is not video:
            raise RuntimeError("another video was begun on this decoder: this stream cannot go on")


class _Steps:
    """What the progress callback says: apart from the decoder, which its session would keep alive otherwise."""

    def __init__(self) -> None:
        self.done = 0

    def callback(self, progress: Progress) -> Callable[[int, int], object]:
        return lambda done, count: progress(self.done + done / count)


def _frames_shape(shape: Shape, frames: int, element: np.dtype, batch: int) -> tuple[int, ...]:
    channels, size = shape.frame_channels, (shape.frame_height, shape.frame_width)
    return (batch, frames, *size, channels) if element == np.uint8 else (batch, channels, frames, *size)


def _frames_first(view: np.ndarray, element: np.dtype) -> np.ndarray:
    """[F,C,H,W] of [F,H,W,C] or [C,F,H,W]."""
    return view.transpose(0, 3, 1, 2) if element == np.uint8 else view.transpose(1, 0, 2, 3)


def _result(out: Array | None, shape: tuple[int, ...], element: np.dtype, like: Array) -> tuple[Array, np.ndarray]:
    if out is None:
        return empty_like_kind(shape, element, like)
    view = as_view(out)
    if view.shape != shape or view.dtype != element:
        raise ValueError(f"out: expected {element} {shape}, found {view.dtype} {view.shape}")
    return out, view


def _latent_frames(latents: Iterable[Array] | Array) -> Iterator[Array]:
    """[C,h,w] each, of a video or of an iterable."""
    if is_tensor(latents) or isinstance(latents, np.ndarray):
        array = as_array(latents)
        if array.ndim == 5 and array.shape[0] == 1:
            array = array[0]
        if array.ndim != 4:
            raise ValueError(f"latents: expected [C,T,h,w] or [1,C,T,h,w], found {tuple(array.shape)}")
        yield from (array[:, t] for t in range(array.shape[1]))
        return
    for latent in latents:
        array = as_array(latent)
        if array.ndim != 3:
            raise ValueError(f"latents: expected frames of [C,h,w], found {tuple(array.shape)}")
        yield array
