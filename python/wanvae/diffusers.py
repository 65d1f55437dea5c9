"""DiffusersVAE: a plan in the place of a pipeline's VAE."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin
from diffusers.models.modeling_utils import ModelMixin

from ._statistics import KNOWN
from .decoder import Decoder, Progress
from .plan import Plan, Shape

Config = Mapping[str, Any]


class DecoderOutput(NamedTuple):
    sample: torch.Tensor


class DiffusersVAE(ModelMixin, ConfigMixin):
    """Decodes for WanPipeline, QwenImagePipeline and others of these families: `pipe.vae = DiffusersVAE(plan)`.

    plan: a Plan, or what makes one. It must have the height and width of the latents that the pipeline makes.
    config: that of the VAE which the plan was made of: `pipe.vae.config`, or its config.json, or the folder of
        that. None: the families' own, told apart by the number of channels.
    threads, progress: those of Decoder.

    Pipelines denormalise latents by latents_mean and latents_std of the config, z * std + mean, and hand the result
    to decode. A plan that denormalises itself takes what it is given before that; here, config then has means of 0
    and deviations of 1, so that it is done once. Statistics in `config` that are not the plan's are refused.

    It computes on the CPU, in float32, which is its dtype whatever it is converted to. Latents may be on any device
    and of any floating-point type; frames are float32, on the device of the latents. `device` is where it was moved
    to last, for pipelines move latents there; nothing of it moves. There are no gradients, and no encoder.
    """

    config_name = "config.json"

    def __init__(
        self,
        plan: Plan | str | os.PathLike[str] | bytes,
        config: Config | str | os.PathLike[str] | None = None,
        *,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        super().__init__()
        self.decoder = Decoder(plan, threads, progress=progress)
        self.register_to_config(**_config(self.decoder.plan, _read(config)))
        self.z_dim = self.config["z_dim"]
        self.temperal_downsample = self.config["temperal_downsample"]
        # What torch moves when a pipeline is moved; device is read off it.
        self.register_buffer("_where", torch.empty(0), persistent=False)

    @property
    def device(self) -> torch.device:
        return self._where.device

    @property
    def dtype(self) -> torch.dtype:
        return torch.float32

    def decode(self, z: torch.Tensor, return_dict: bool = True) -> DecoderOutput | tuple[torch.Tensor]:
        """Frames [B,3,F,H,W], clamped to [-1, 1], of latents [B,C,T,h,w]."""
        if z.ndim != 5:
            raise ValueError(f"latents: expected [B,C,T,h,w], found {tuple(z.shape)}")
        sample = self.decoder.decode(z).clamp_(-1.0, 1.0).to(z.device)
        return DecoderOutput(sample) if return_dict else (sample,)

    forward = decode

    def encode(self, *_arguments: object, **_more: object) -> None:
        raise NotImplementedError("a plan has no encoder: encode with the VAE that it was made of")

    def save_pretrained(self, *_arguments: object, **_more: object) -> None:
        raise NotImplementedError("a plan is no model of diffusers: Plan.save writes it")

    # Tiles and slices are for memory. Here that is the plan's (compile's max_memory), without seams in the image; and
    # the videos of a batch are decoded one after the other in any case.
    def enable_tiling(self, *_arguments: object, **_more: object) -> None:
        """Nothing to do: see compile's max_memory for less memory. Frames have no seams."""

    disable_tiling = enable_tiling

    def enable_slicing(self) -> None:
        """Nothing to do: the videos of a batch are always decoded one after the other."""

    disable_slicing = enable_slicing


def _read(config: Config | str | os.PathLike[str] | None) -> Config:
    if config is None or isinstance(config, Mapping):
        return config or {}
    path = Path(config)
    if path.is_dir():
        path = path / "config.json"
    return json.loads(path.read_text(encoding="utf-8"))


def _config(plan: Plan, given: Config) -> dict[str, Any]:
    """What pipelines read of a VAE's config, with what the plan says of it, and the rest of `given`."""
    shape = plan.sizes[0]
    mean, std = _statistics(plan, given)
    spatial = shape.frame_height // shape.latent_height
    temporal = shape.steady_frames or given.get("scale_factor_temporal", 4)
    config = {key: value for key, value in given.items() if not key.startswith("_")}
    of_plan = {"z_dim": shape.latent_channels, "scale_factor_spatial": spatial}
    if shape.steady_frames:
        of_plan["scale_factor_temporal"] = temporal
    for key, value in of_plan.items():
        if given.get(key, value) != value:
            raise ValueError(f"config: expected {key} {value}, as the plan has it, found {given[key]}")
    config.update(of_plan, scale_factor_temporal=temporal, latents_mean=mean, latents_std=std)
    config.setdefault("temperal_downsample", _downsampling(shape, spatial, temporal))
    return config


def _downsampling(shape: Shape, spatial: int, temporal: int) -> list[bool]:
    """For each halving of the image by the encoder: does it halve the frames, too? The last ones do.

    Wan 2.2, of 48 channels, halves the image once more, by patches.
    """
    stages = int(math.log2(spatial)) - (shape.latent_channels == 48)
    halvings = int(math.log2(temporal))
    return [stage >= stages - halvings for stage in range(stages)]


def _statistics(plan: Plan, given: Config) -> tuple[list[float], list[float]]:
    """Means and deviations that a pipeline shall denormalise with."""
    channels = plan.sizes[0].latent_channels
    known = _given_statistics(given, channels)
    own = plan.denormalization
    if own is not None:
        _check_same(known, own)
        return [0.0] * channels, [1.0] * channels
    known = known or KNOWN.get(channels)
    if known is None:
        raise ValueError(f"config: needed for latents_mean and latents_std: no family is known for {channels} channels")
    return list(known[0]), list(known[1])


def _given_statistics(given: Config, channels: int) -> tuple[list[float], list[float]] | None:
    found = given.get("latents_mean"), given.get("latents_std")
    if found == (None, None):
        return None
    for name, values in zip(("latents_mean", "latents_std"), found, strict=True):
        if values is None or len(values) != channels:
            raise ValueError(f"config: expected {channels} numbers in {name}, found {values}")
    return found


def _check_same(known: tuple[list[float], list[float]] | None, own: tuple[np.ndarray, np.ndarray]) -> None:
    """Other statistics are those of another decoder. Means of 0 and deviations of 1 know that the plan does it."""
    scale, shift = own
    if known is None or np.allclose(known, (shift, scale), rtol=1e-3, atol=1e-3):
        return
    if not (np.all(np.equal(known[0], 0)) and np.all(np.equal(known[1], 1))):
        raise ValueError(
            f"config: the plan denormalises latents itself, by means {shift.tolist()} and deviations {scale.tolist()}; "
            f"found {list(known[0])} and {list(known[1])}"
        )
