#!/usr/bin/env python3
"""Runs a decoder in ONNX Runtime and writes the tensors between its nodes, step by step, as `wanrun --dump-taps` does:

    python3 tools/dump_taps.py decoder.onnx latents.npy -o reference
    wanrun plan.bin latents.npy --verify reference

The model takes the latents of a whole video (form `full` of tools/export_decoder.py), in any number of frames. A causal decoder
gives the same frames whatever follows them, so that the part of a step is cut out of one run: along the axis that grows with the
number of latent frames. All tensors of a video are in memory at once: use few and small latents.

Needs onnx, onnxruntime and numpy.
"""

import argparse
import fnmatch
import re
import urllib.parse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("latents", type=Path, help=".npy, [1,C,T,h,w] or [C,T,h,w]")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the folder to write to")
    parser.add_argument("--taps", metavar="PATTERN", default="*", help="only tensors whose names fit")
    return parser.parse_args()


def open_session(path, pattern):
    """The model with every tensor that fits as a result, and their names."""
    model = onnx.load(path)
    names = [name for node in model.graph.node for name in node.output if name and fnmatch.fnmatchcase(clean(name), pattern)]
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    how = onnxruntime.SessionOptions()
    how.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    how.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), how, providers=["CPUExecutionProvider"]), names


def clean(name):
    """As wanc's import names a tensor."""
    return re.sub(r"[^A-Za-z0-9_.$/-]", "_", name)[:200]


def frames_of(two, three):
    """The axis of time, and the frames of a first and of a later step, told by the shapes with two and with three latent frames;
    None where nothing grows. (With one, ONNX Runtime refuses convolutions of no frames.)"""
    axes = [i for i, (a, b) in enumerate(zip(two, three)) if a != b]
    if len(axes) != 1 or len(two) != len(three):
        return None
    steady = three[axes[0]] - two[axes[0]]
    return axes[0], two[axes[0]] - steady, steady


def part_of_step(tensor, axis, first, steady, step):
    start = 0 if step == 0 else first + (step - 1) * steady
    return tensor.take(range(start, start + (first if step == 0 else steady)), axis)


def run_padded(session, names, latents, frames):
    """With zeros behind the latents where there are fewer: what follows changes nothing."""
    more = max(0, frames - latents.shape[2])
    padded = np.pad(latents, [(0, 0), (0, 0), (0, more), (0, 0), (0, 0)])
    return session.run(names, {session.get_inputs()[0].name: padded[:, :, :frames]})


def main():
    args = options()
    latents = np.load(args.latents).astype(np.float32)
    latents = latents[None] if latents.ndim == 4 else latents
    session, names = open_session(args.model, args.taps)
    shapes = [[tensor.shape for tensor in run_padded(session, names, latents, frames)] for frames in (2, 3)]
    steps, written = latents.shape[2], 0
    for step in range(steps):
        (args.output / f"step{step}").mkdir(parents=True, exist_ok=True)
    for name, two, three, tensor in zip(names, *shapes, run_padded(session, names, latents, max(steps, 2))):
        frames = frames_of(two, three) if tensor.dtype.kind == "f" else None
        for step in range(steps) if frames else ():
            part = part_of_step(tensor, *frames, step)
            if part.size == 0:
                continue
            file = args.output / f"step{step}" / (urllib.parse.quote(clean(name), safe="~") + ".npy")
            np.save(file, np.ascontiguousarray(part, np.float32))
            written += 1
    print(f"{written} tensors of {steps} steps -> {args.output}")


if __name__ == "__main__":
    main()
