#!/usr/bin/env python3
"""Makes everything that the tests and the demo keep in the repository: models, latents, golden frames.

    tools/make_references.py --demo DIR              all of it: examples/demo, tests/data
    tools/make_references.py --only tiny --only row  some of it

DIR holds the demo's sources: demo_decoder.safetensors, latents.npy, frames_u8.npy.

reference_forms.py has the folders that hold every form, and writes their manifest.

Golden frames are the output of diffusers' own vae.decode, step by step, in double precision, stored as
float32.  Each folder also gets

  command.txt     the commands that exported its models, from the root of the repository
  reference.txt   `frames N`, `torch_fp32_max_abs_diff P`: the largest difference between diffusers' decode in
                  float32 on a CPU and the golden frames, over all frames.  Tests bound ours by a multiple of P.

Before a model is kept, ONNX Runtime has run it to the golden frames, within reference_forms.MODEL_TOLERANCE.
The files are the same bytes on every run, except that P and the demo's last bits follow the machine's torch.
"""

import argparse
import dataclasses
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from diffusers.utils import logging as diffusers_logging

sys.path.insert(0, str(Path(__file__).resolve().parent))
import export_decoder  # noqa: E402
import reference_forms  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
EXPORTER = "tools/export_decoder.py"
DEMO_FRAMES = (0, 1, 4, 5, 24, 48)
DEMO_STRIDE = 4


@dataclasses.dataclass(frozen=True)
class Export:
    """One run of the exporter: OUT without .onnx, and its options."""

    name: str
    options: str

    @property
    def is_pair(self):
        return "--form pair" in self.options

    def files(self):
        return [f"{self.name}{suffix}.onnx" for suffix in (("_first", "_steady") if self.is_pair else ("",))]


@dataclasses.dataclass(frozen=True)
class RandomCase:
    """A folder of tests/data: one random decoder, its exports, and a clip to decode."""

    name: str
    why: str
    decoder: str  # options that choose the decoder
    size: tuple[int, int]
    frames: int  # latent frames
    exports: tuple[Export, ...]


CASES = (
    RandomCase(
        "tiny", "the plain case, by both exporters", "--random --base-dim 4 --seed 1", (3, 5), 4,
        (Export("full", "--form full"),
         Export("pair", "--form pair --latent-size 3x5"),
         Export("full_ts", "--form full --exporter torchscript --opset 17"),
         Export("pair_ts", "--form pair --cache-frames dynamic --exporter torchscript --opset 17")),
    ),
    RandomCase(
        "row", "one row of latents; channels that are no multiple of four", "--random --base-dim 6 --seed 2", (1, 7), 3,
        (Export("full", "--form full --latent-size 1x7"), Export("pair", "--form pair")),
    ),
    RandomCase(
        "column", "one column of latents, one residual block less, caches of 1 or 2 frames",
        "--random --base-dim 4 --num-res-blocks 1 --seed 3", (5, 1), 3,
        (Export("full", "--form full --latent-size 5x1"),
         Export("pair", "--form pair --latent-size 5x1 --cache-frames dynamic")),
    ),
    RandomCase(
        "shallow", "three stages, 2x in time and 4x in space, 8 latent channels",
        "--random --base-dim 6 --z-dim 8 --dim-mult 1,2,2 --temporal 1,0 --seed 4", (7, 3), 5,
        (Export("full", "--form full"), Export("pair", "--form pair")),
    ),
    RandomCase(
        "half", "weights stored as float16; temporal upsampling in the second and third stage",
        "--random --base-dim 4 --temporal 0,1,1 --seed 5", (2, 4), 3,
        (Export("full", "--form full --dtype fp16"), Export("pair", "--form pair --latent-size 2x4 --dtype fp16")),
    ),
    RandomCase(
        "base96", "full width; tests rebuild weights.data with make_weights. Any size: also the benchmark's model",
        "--random --base-dim 96 --seed 6", (2, 3), 3,
        (Export("full", "--form full --external --data-name weights.data --recipe {folder}/recipe.txt"),
         Export("pair", "--form pair --external --data-name weights.data")),
    ),
)


def check_export(folder, export, decoder, latents, frames):
    """Stops when a model does not compute the golden frames."""
    paths = [folder / name for name in export.files()]
    if export.is_pair:
        got = reference_forms.run_pair(*paths, latents, export_decoder.cache_slots(decoder))
    else:
        got = reference_forms.session(paths[0]).run(None, {"latents": latents})[0]
    difference = float(np.abs(got - frames).max())
    print(f"  {folder.name}/{export.name}: ONNX Runtime differs from the golden frames by {difference:.2e}")
    tolerance = reference_forms.MODEL_TOLERANCE["fp32"]
    if not difference <= tolerance:
        sys.exit(f"make_references: {folder}/{export.name} is wrong: more than {tolerance}")


# ------------------------------------------------------------------------------------------ the folders


def run_exporter(arguments):
    """Runs one command line of the exporter from the root, and returns it as text."""
    subprocess.run([sys.executable, EXPORTER, *shlex.split(arguments)], cwd=ROOT, check=True)
    return f"python3 {EXPORTER} {arguments}"


def case_decoder(case):
    """The decoder of a case as its models hold it: rounded if they store float16."""
    options = export_decoder.parse_arguments([*shlex.split(case.decoder), "-o", "x.onnx"])
    decoder, _ = export_decoder.load_decoder(options)
    if any("fp16" in e.options for e in case.exports):
        for parameter in decoder.parameters():
            parameter.data = parameter.data.half().float()
    return decoder, options.seed


def make_case(case):
    folder = ROOT / "tests" / "data" / case.name
    relative = folder.relative_to(ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    commands = [f"# {case.why}"]
    for e in case.exports:
        options = e.options.format(folder=relative)
        commands.append(run_exporter(f"{case.decoder} {options} -o {relative}/{e.name}.onnx"))
    (folder / "command.txt").write_text("\n".join(commands) + "\n")
    decoder, seed = case_decoder(case)
    latents = reference_forms.random_latents(decoder.config.z_dim, case.frames, case.size, seed)
    golden = reference_forms.make_golden(decoder, latents, "")
    frames = golden.frames
    for e in case.exports:
        check_export(folder, e, decoder, latents, frames)
    reference_forms.write_golden(folder, golden, "")
    (folder / "weights.data").unlink(missing_ok=True)
    clamped = float((np.abs(frames) == 1).mean())
    print(f"  {case.name}: {frames.shape}, std {frames.std():.2f}, clamped {clamped:.1%}, P {golden.difference:.2e}")


def make_demo(source):
    """examples/demo (what a user runs) and tests/data/demo (what it must give)."""
    example, data = ROOT / "examples" / "demo", ROOT / "tests" / "data" / "demo"
    example.mkdir(parents=True, exist_ok=True)
    data.mkdir(parents=True, exist_ok=True)
    weights = source / "demo_decoder.safetensors"
    options = "--form full --dtype fp16 -o examples/demo/decoder.onnx"
    run_exporter(f"--weights {shlex.quote(str(weights.resolve()))} {options}")
    for name in ("latents.npy", "frames_u8.npy"):
        shutil.copyfile(source / name, example / name)
    decoder = export_decoder.load_weights(weights)
    latents = np.load(source / "latents.npy").astype(np.float32)
    golden = reference_forms.make_golden(decoder, latents, "")
    check_export(example, Export("decoder", ""), decoder, latents, golden.frames)
    check_u8(np.load(source / "frames_u8.npy"), golden.frames)
    write_demo_frames(data, golden)
    command = f"python3 {EXPORTER} --weights demo_decoder.safetensors {options}"
    (data / "command.txt").write_text(f"# the model is examples/demo/decoder.onnx\n{command}\n")
    print(f"  demo: {golden.frames.shape}, P {golden.difference:.3e}")


def check_u8(expected, frames):
    """The demo came with some frames in bytes; ours must agree to the last bit but one."""
    video = frames[0].transpose(1, 2, 3, 0)[:: (frames.shape[2] - 1) // (len(expected) - 1)]
    got = np.rint(255 * (0.5 * video + 0.5)).astype(int)
    if np.abs(got - expected).max() > 1:
        sys.exit("make_references: the demo's frames_u8.npy are not what its weights decode to")


def write_demo_frames(data, golden):
    """All frames would be 58 MB: keep every fourth pixel of all of them, and a few in full."""
    time_first = golden.frames[0].transpose(1, 0, 2, 3).astype(np.float32)
    np.save(data / "frames_every4.npy", np.ascontiguousarray(time_first[:, :, ::DEMO_STRIDE, ::DEMO_STRIDE]))
    for i in DEMO_FRAMES:
        np.save(data / f"frame_{i:03d}.npy", time_first[i])
    reference_forms.write_reference(data / "reference.txt", golden)


def main():
    parser = argparse.ArgumentParser(description="Makes the models and golden frames that the repository keeps.")
    folders = {folder.name: folder for folder in reference_forms.FOLDERS}
    names = ["demo", *(case.name for case in CASES), *folders]
    parser.add_argument("--demo", type=Path, metavar="DIR", help="where the demo's weights and latents are")
    parser.add_argument("--only", action="append", choices=names, help="make this only (repeatable)")
    options = parser.parse_args()
    diffusers_logging.set_verbosity_error()
    wanted = options.only or names
    source = options.demo and options.demo.resolve()
    if "demo" in wanted and not options.demo:
        parser.error("the demo needs --demo DIR (or choose others with --only)")
    for case in CASES:
        if case.name in wanted:
            make_case(case)
    os.chdir(ROOT)
    for name in wanted:
        if name in folders:
            reference_forms.make_folder(ROOT, folders[name])
    reference_forms.write_manifest(ROOT / "tests" / "data" / "forms" / "manifest.txt")
    if "demo" in wanted:
        make_demo(source)


if __name__ == "__main__":
    main()
