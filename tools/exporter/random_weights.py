"""Random weights from a counter, as the head of export_decoder.py defines them, and the recipe to rebuild them."""

import dataclasses
import math

import numpy as np
import torch

from .decoders import Config, Decoder, build_decoder
from .stream import hashed_uniform


@dataclasses.dataclass(frozen=True)
class RandomTensor:
    """One tensor of a random decoder: element j is shift + scale * u(start + j)."""

    start: int
    scale: np.float32
    shift: np.float32


def random_range(name: str, shape) -> tuple[float, float]:
    """(scale, shift) that keep activations near unit size and the frames mostly inside [-1, 1]."""
    if name.endswith("gamma"):
        return 0.1, 1.0
    if name.endswith("bias"):
        return 0.05, 0.0
    gain = 0.6 if name == "decoder.conv_out.weight" else 1.0
    return gain * math.sqrt(3.0 / math.prod(shape[1:])), 0.0


def random_tensors(shapes: dict) -> dict[str, RandomTensor]:
    """Deals the stream out to the tensors, in sorted order of their names."""
    tensors, start = {}, 0
    for name in sorted(shapes):
        scale, shift = random_range(name, shapes[name])
        tensors[name] = RandomTensor(start, np.float32(scale), np.float32(shift))
        start += math.prod(shapes[name])
    return tensors


def random_decoder(config: Config, seed: int) -> tuple[Decoder, dict[str, RandomTensor]]:
    """A decoder with weights from the hashed stream, and where each came from."""
    shapes = {name: tuple(p.shape) for name, p in Decoder(config).named_parameters()}
    tensors, state = random_tensors(shapes), {}
    for name, t in tensors.items():
        u = hashed_uniform(seed, t.start, math.prod(shapes[name]))
        state[name] = torch.from_numpy(t.shift + t.scale * u).reshape(shapes[name])
    return build_decoder(config, state), tensors
