"""compile(): from an ONNX decoder to a plan, by libwanc."""

from __future__ import annotations

import ctypes as c
import math
import os
from collections.abc import Sequence
from typing import Literal, Union

import numpy as np

from . import _callbacks
from ._library import CompileParams, Error, LatentSize, Model, wanc
from .errors import check
from .plan import CompiledMemory, Plan

OnnxModel = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview]
Size = tuple[int, int]

# In the order of the enumerations of wan/wanc.h, which begin at 0.
CONVS = ("auto", "direct", "im2col", "winograd2", "winograd4")
CACHE_TYPES = ("f32", "f16", "bf16")
BANDS = ("auto", "none", "least")
FIRSTS = ("reference", "as_is")


def compile(  # noqa: A001 (wanvae.compile is what it is called)
    onnx: OnnxModel | Sequence[OnnxModel],
    output: str | os.PathLike[str] | None = None,
    *,
    latent_size: Size | Sequence[Size] | None = None,
    threads: int | None = None,
    max_memory: int | None = None,
    max_error: float | None = None,
    cache_type: Literal["f32", "f16", "bf16"] = "f32",
    conv: Literal["auto", "direct", "im2col", "winograd2", "winograd4"] = "auto",
    bands: Literal["auto", "none", "least"] = "auto",
    first: Literal["reference", "as_is"] = "reference",
    prepack: bool = False,
    tune_seconds: float | None = None,
    timing_cache: str | os.PathLike[str] | None = None,
    limit_memory: int | None = None,
    limit_nodes: int | None = None,
) -> Plan:
    """Compiles an ONNX decoder, and opens the plan.

    onnx: a path, or the bytes of a file; two of these, in a list: a first and a steady step.
    output: the file of the plan. None: the plan stays in memory.
    latent_size: (height, width), or several in a list: one plan for all of them. None: the model's own.
    threads: of a decode, for max_memory, bands and measured times. None: all cores.
    max_memory: bytes that a decode may take at most.
    max_error: of frames in [-1, 1]; None: 3.5e-4.
    cache_type: "f16" and "bf16" take half of the memory of the caches.
    conv, bands, first: as the options of `wanc compile` (docs/wanc.md).
    prepack: the plan also holds the weights as this CPU's kernels want them: larger, starts at once.
    tune_seconds: measures algorithms on this machine for about so long.
    timing_cache: a file to take measured times from, and to keep new ones in.
    limit_memory, limit_nodes: bytes that compiling takes at most, and nodes; a model that asks for more is refused with a
        WanError of Status.MEMORY. None: a function of the size of the model (docs/reliability.md).

    Other threads run meanwhile. Warnings, and what was recognised, go to the logger "wanvae". A Ctrl-C is raised when
    the compilation has ended.
    """
    models = [onnx] if isinstance(onnx, (str, os.PathLike, bytes, bytearray, memoryview)) else list(onnx)
    kept, structures = zip(*map(_model, models), strict=True) if models else ((), ())
    sizes = _sizes(latent_size)
    params = CompileParams(
        latent_sizes=sizes,
        latent_size_count=0 if sizes is None else len(sizes),
        conv=_index("conv", CONVS, conv),
        max_error=_positive("max_error", max_error),
        cache_type=_index("cache_type", CACHE_TYPES, cache_type),
        bands=_index("bands", BANDS, bands),
        first=_index("first", FIRSTS, first),
        max_memory=_positive("max_memory", max_memory, 2**64),
        threads=_positive("threads", threads, 2**32),
        prepack=prepack,
        tune_seconds=_positive("tune_seconds", tune_seconds),
        timing_cache=None if timing_cache is None else os.fsencode(timing_cache),
        log=_callbacks.log,
        limit_memory=_positive("limit_memory", limit_memory, 2**64),
        limit_nodes=_positive("limit_nodes", limit_nodes, 2**32),
    )
    call = ((Model * len(models))(*structures), len(models), c.byref(params))
    plan = _to_memory(call) if output is None else _to_file(call, output)
    del kept  # models in memory are needed until here
    return plan


def _to_file(call: tuple, output: str | os.PathLike[str]) -> Plan:
    error = Error()
    with _callbacks.guarded():
        status = wanc().wanc_compile_to_file(*call, os.fsencode(output), c.byref(error))
    check(status, error)
    return Plan(output)


def _to_memory(call: tuple) -> Plan:
    error, data, size = Error(), c.c_void_p(), c.c_size_t()
    try:
        with _callbacks.guarded():
            status = wanc().wanc_compile_to_memory(*call, c.byref(data), c.byref(size), c.byref(error))
        check(status, error)
    except BaseException:
        CompiledMemory(data.value, size.value).free()  # of an interrupted call that gave a plan
        raise
    return Plan._of_compiler(CompiledMemory(data.value, size.value))


def _model(model: OnnxModel) -> tuple[object, Model]:
    """The structure, and what it points to."""
    if isinstance(model, (str, os.PathLike)):
        path = os.fsencode(model)
        return path, Model(path=path)
    data = np.frombuffer(model, np.uint8)
    return data, Model(data=data.ctypes.data, bytes=data.nbytes)


def _sizes(latent_size: Size | Sequence[Size] | None):
    if latent_size is None:
        return None
    several = latent_size if isinstance(latent_size[0], Sequence) else [latent_size]
    for size in several:
        if len(size) != 2 or not all(0 < n < 2**32 for n in size):
            raise ValueError(f"latent_size: expected (height, width), found {size!r}")
    return (LatentSize * len(several))(*(LatentSize(*map(int, size)) for size in several))


def _index(name: str, words: tuple[str, ...], word: str) -> int:
    if word not in words:
        raise ValueError(f"{name}: expected one of {', '.join(words)}, found {word!r}")
    return words.index(word)


def _positive(name: str, number: float | None, end: float = math.inf) -> float:
    """0 stands for the default. What a field of the structure has no room for would be another number there."""
    if number is None:
        return 0
    if not 0 < number < end:
        raise ValueError(f"{name}: expected a number above 0, or None, found {number!r}")
    return number
