"""The shared libraries: where they are found, their structures and functions as ctypes sees them.

Structures and functions are those of include/wan/wan.h and include/wan/wanc.h, under their names; what they mean
stands there.
"""

from __future__ import annotations

import ctypes as c
import functools
import os
from pathlib import Path

LIBRARY_PATH = "WANVAE_LIBRARY_PATH"
ABI_VERSION = 1

WAN_OK = 0
WAN_FLOAT, WAN_BYTE = 1, 2


class Error(c.Structure):
    _fields_ = [("status", c.c_int), ("name", c.c_char * 40), ("message", c.c_char * 1024)]


class Versioned(c.Structure):
    """Structures that begin with their size: by it a newer library knows which fields we know."""

    def __init__(self, **fields: object) -> None:
        super().__init__(size=c.sizeof(type(self)), **fields)


LOG = c.CFUNCTYPE(None, c.c_void_p, c.c_int, c.c_char_p)
PROGRESS = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_size_t, c.c_size_t)


class OpenParams(Versioned):
    _fields_ = [("size", c.c_size_t), ("allocator", c.c_void_p), ("log", LOG), ("log_context", c.c_void_p)]


class PlanParams(Versioned):
    _fields_ = [
        ("size", c.c_size_t),
        ("latent_channels", c.c_uint32),
        ("latent_height", c.c_uint32),
        ("latent_width", c.c_uint32),
        ("frame_channels", c.c_uint32),
        ("frame_height", c.c_uint32),
        ("frame_width", c.c_uint32),
        ("first_frames", c.c_uint32),
        ("first_kept", c.c_uint32),
        ("steady_frames", c.c_uint32),
        ("peak_bytes", c.c_uint64),
    ]


class SessionParams(Versioned):
    _fields_ = [
        ("size", c.c_size_t),
        ("threads", c.c_uint),
        ("latent_height", c.c_uint32),
        ("latent_width", c.c_uint32),
        ("all_frames", c.c_int),
        ("pool", c.c_void_p),
        ("observer", c.c_void_p),
        ("observer_context", c.c_void_p),
        ("progress", PROGRESS),
        ("progress_context", c.c_void_p),
        ("cache_folder", c.c_char_p),
        ("allocator", c.c_void_p),
        ("log", LOG),
        ("log_context", c.c_void_p),
        ("check_places", c.c_uint),
        ("limit_memory", c.c_uint64),
        ("huge_pages", c.c_int),
    ]


class Image(Versioned):
    _fields_ = [
        ("size", c.c_size_t),
        ("element", c.c_int),
        ("data", c.c_void_p),
        ("channel_stride", c.c_ssize_t),
        ("row_stride", c.c_ssize_t),
        ("pixel_stride", c.c_ssize_t),
    ]


class State(Versioned):
    _fields_ = [
        ("size", c.c_size_t),
        ("latent_height", c.c_uint32),
        ("latent_width", c.c_uint32),
        ("steps", c.c_uint64),
    ]


class Model(Versioned):
    _fields_ = [("size", c.c_size_t), ("path", c.c_char_p), ("data", c.c_void_p), ("bytes", c.c_size_t)]


class LatentSize(c.Structure):
    _fields_ = [("height", c.c_uint32), ("width", c.c_uint32)]


class CompileParams(Versioned):
    _fields_ = [
        ("size", c.c_size_t),
        ("latent_sizes", c.POINTER(LatentSize)),
        ("latent_size_count", c.c_size_t),
        ("conv", c.c_int),
        ("max_error", c.c_double),
        ("cache_type", c.c_int),
        ("bands", c.c_int),
        ("first", c.c_int),
        ("max_memory", c.c_uint64),
        ("threads", c.c_uint),
        ("prepack", c.c_int),
        ("tune_seconds", c.c_double),
        ("timing_cache", c.c_char_p),
        ("log", LOG),
        ("log_context", c.c_void_p),
        ("limit_memory", c.c_uint64),
        ("limit_nodes", c.c_uint),
    ]


_error = c.POINTER(Error)
_floats = c.POINTER(c.c_float)

# name: (result, arguments)
_WAN = {
    "wan_version": (c.c_char_p, []),
    "wan_plan_open": (c.c_void_p, [c.c_char_p, c.POINTER(OpenParams), _error]),
    "wan_plan_open_memory": (c.c_void_p, [c.c_void_p, c.c_size_t, c.POINTER(OpenParams), _error]),
    "wan_plan_close": (None, [c.c_void_p]),
    "wan_plan_get_size": (c.c_int, [c.c_void_p, c.c_size_t, c.POINTER(PlanParams)]),
    "wan_plan_denormalizes": (c.c_int, [c.c_void_p, _floats, _floats]),
    "wan_plan_note": (c.c_char_p, [c.c_void_p, c.c_size_t]),
    "wan_session_new": (c.c_void_p, [c.c_void_p, c.POINTER(SessionParams), _error]),
    "wan_session_free": (None, [c.c_void_p]),
    "wan_session_send": (c.c_int, [c.c_void_p, _floats, _error]),
    "wan_session_pending": (c.c_uint32, [c.c_void_p]),
    "wan_session_receive_into": (c.c_int, [c.c_void_p, c.POINTER(Image), _error]),
    "wan_session_reset": (None, [c.c_void_p]),
    "wan_session_threads": (c.c_uint, [c.c_void_p]),
    "wan_session_save": (c.c_int, [c.c_void_p, c.c_char_p, _error]),
    "wan_session_load": (c.c_int, [c.c_void_p, c.c_char_p, _error]),
    "wan_session_steps": (c.c_uint64, [c.c_void_p]),
    "wan_state_read": (c.c_int, [c.c_char_p, c.POINTER(State), _error]),
}
_compile = [c.POINTER(Model), c.c_size_t, c.POINTER(CompileParams)]
_WANC = {
    "wanc_version": (c.c_char_p, []),
    "wanc_compile_to_file": (c.c_int, [*_compile, c.c_char_p, _error]),
    "wanc_compile_to_memory": (c.c_int, [*_compile, c.POINTER(c.c_void_p), c.POINTER(c.c_size_t), _error]),
    "wanc_plan_free": (None, [c.c_void_p, c.c_size_t]),
}


def find(name: str) -> str:
    """What to load: a file of WANVAE_LIBRARY_PATH if that is set, else ours, else what the loader finds by name."""
    file = f"lib{name}.so.{ABI_VERSION}"
    if os.environ.get(LIBRARY_PATH):
        folders = os.environ[LIBRARY_PATH].split(os.pathsep)
        found = [path for path in (Path(folder, file) for folder in folders) if path.is_file()]
        if not found:
            raise ImportError(f"{LIBRARY_PATH}: expected {file} in {' or '.join(folders)}, found none")
        return str(found[0])
    own = Path(__file__).with_name(file)
    return str(own) if own.is_file() else file


def load(name: str, functions: dict[str, tuple]) -> c.CDLL:
    path = find(name)
    try:
        library = c.CDLL(path)
    except OSError as error:
        raise ImportError(
            f"cannot load {path}: {error}; expected it beside {__file__}, in a folder of {LIBRARY_PATH}, or installed"
        ) from None
    for function, (result, arguments) in functions.items():
        getattr(library, function).restype = result
        getattr(library, function).argtypes = arguments
    return library


@functools.cache
def wan() -> c.CDLL:
    """libwan."""
    return load("wan", _WAN)


@functools.cache
def wanc() -> c.CDLL:
    """libwanc: loaded by the first compilation, so that decoding needs neither it nor what it links."""
    return load("wanc", _WANC)
