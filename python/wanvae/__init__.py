"""Compiles ONNX decoders of the Wan video VAE, and decodes latents with them on a CPU.

    plan = wanvae.compile("decoder.onnx", "plan.bin", latent_size=(60, 104))
    with wanvae.Decoder(plan) as decoder:
        frames = decoder.decode(latents)            # NumPy or torch, [C,T,h,w] or [B,C,T,h,w]
        for frame in decoder.stream(latents): ...   # one at a time, in constant memory

    pipe.vae = wanvae.DiffusersVAE(plan)            # WanPipeline, QwenImagePipeline; needs diffusers

docs/python.md is the manual.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._library import wan as _wan
from .compiler import compile  # noqa: A004
from .decoder import Decoder
from .errors import Cancelled, Status, WanError
from .plan import Plan, Shape

if TYPE_CHECKING:
    from .diffusers import DiffusersVAE

__all__ = ["Cancelled", "Decoder", "DiffusersVAE", "Plan", "Shape", "Status", "WanError", "compile"]
__version__: str = _wan().wan_version().decode()


def __getattr__(name: str) -> object:
    """DiffusersVAE imports torch and diffusers, which takes seconds: only who asks for it waits."""
    if name == "DiffusersVAE":
        from .diffusers import DiffusersVAE

        return DiffusersVAE
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
