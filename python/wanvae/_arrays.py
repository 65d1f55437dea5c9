"""NumPy arrays and torch tensors, as one. torch is not imported: who has no tensors need not have it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar, Union

import numpy as np

if TYPE_CHECKING:
    import torch

    Array = Union[np.ndarray, torch.Tensor]
    ArrayT = TypeVar("ArrayT", np.ndarray, torch.Tensor)
else:
    Array, ArrayT = Any, TypeVar("ArrayT")


def is_tensor(array: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def as_array(array: Array) -> Array:
    """A tensor as it is, anything else as NumPy sees it; of floating point."""
    if is_tensor(array):
        floating, kind = array.is_floating_point(), array.dtype
        array = array.detach()
    else:
        array = np.asarray(array)
        # NumPy's own, and ml_dtypes' bfloat16, which NumPy takes for bytes
        floating, kind = array.dtype.kind == "f" or array.dtype.name == "bfloat16", array.dtype
    if not floating:
        raise TypeError(f"latents: expected floating point, found {kind}")
    return array


def as_latent(array: Array) -> np.ndarray:
    """Dense float32 in NumPy's memory; no copy if it is that already."""
    if is_tensor(array):
        torch = sys.modules["torch"]
        array = array.to(device="cpu", dtype=torch.float32).numpy()
    return np.ascontiguousarray(array, np.float32)


def empty_like_kind(shape: tuple[int, ...], dtype: np.dtype, like: Array) -> tuple[Array, np.ndarray]:
    """An array, or a tensor on the CPU if `like` is a tensor, and NumPy's view of it."""
    view = np.empty(shape, dtype)
    return (sys.modules["torch"].from_numpy(view) if is_tensor(like) else view), view


def as_view(array: Array) -> np.ndarray:
    """NumPy's view of memory to write into."""
    if is_tensor(array):
        if array.device.type != "cpu" or array.requires_grad:
            raise ValueError(f"out: expected a tensor on the CPU without gradients, found one on {array.device}")
        array = array.numpy()
    if not isinstance(array, np.ndarray) or not array.flags.writeable:
        raise ValueError("out: expected a writeable array")
    return array


def as_dtype(dtype: object) -> np.dtype:
    """From "uint8", numpy.uint8 or torch.uint8."""
    found = np.dtype(str(dtype)[len("torch.") :] if str(dtype).startswith("torch.") else dtype)
    if found not in (np.dtype(np.float32), np.dtype(np.uint8)):
        raise ValueError(f"dtype: expected float32 or uint8, found {found}")
    return found
