#!/usr/bin/env python3
"""Times wanrun and other ways to run the same decoder, on the same latents, in one sitting.

    bench/peers.py --setup VENV                      a virtual environment with the newest of every peer
    bench/peers.py --setup VENV --package torch==2.14.1 --package onnxruntime==1.32.0
    VENV/bin/python bench/peers.py --wanc build/tools/wanc --wanrun build/tools/wanrun --json result.json
    bench/peers.py --readme result.json              puts the figures of that run into README.md
    VENV/bin/python bench/peers.py ... --base-dim 8 --latent-size 6x8 --steps 2 --rounds 1     to try the script

How rows are measured
---------------------
The decoder has random weights (tools/export_decoder.py) and full width unless --base-dim says otherwise.
Every peer runs in a process of its own, with the same number of threads, and decodes the latents once: a first
step and --steps steady ones, each timed by itself.  Rounds are interleaved (wanrun, torch, ort, wanrun, torch,
ort, ...), so that a machine that slows down slows all of them; latent sizes follow one another.  A row has

  - the median over all rounds of the first step, the median over all rounds and steps of the steady step, and
    the minima of both;
  - `to wanrun`: these medians as multiples of wanrun's;
  - `of FMA peak`: the nominal GFLOP/s of the steady step over the machine's peak of fused multiply-adds with as
    many threads, which is measured before and after the rounds of a size (each the best of several runs; the
    larger counts).  Nominal are two operations for each tap of each output of each convolution of the model,
    2 * |output| * |weight| / channels out, and 4 * |output| * positions for attention, read from the IR that
    `wanc compile --stop-after specialise` prints; all else does not count.  The full decoder has 13,550 GFLOP in
    a steady step at 60x104;
  - `start`: the longest time that a process loads or compiles before its first step.  Not part of any step.
    For wanrun it is all of the process but the steps, writing frames included;
  - the largest peak memory (resident) of a process;
  - the largest difference of its frames to those of PyTorch in fp32.

A peer that cannot run, or not within --timeout, gets a row that says why, and the others go on.

Peers (--peers; all is every one of them)
-----------------------------------------
  wanrun            the plan that wanc makes by itself; times are those that wanrun prints
  wanrun-ALGORITHM  the same, compiled with --conv ALGORITHM (direct, winograd2, winograd4)
  torch             diffusers' decoder, eager, channels_last_3d, one step at a time, as pip installs it
  torch-malloc      the same process with glibc's malloc told to keep its memory, in huge pages (timing/peers.py)
  torch-compile     torch.compile (inductor, needs g++) of the step; compiled before the first timed step, and caches
                    brought to one layout between steps, in no step's time
  torch-bf16        eager in bf16, which uses AMX where the machine has it
  ort               ONNX Runtime on the pair form, caches handed from step to step
  openvino          OpenVINO on the pair form, inference precision f32, results handed to the next step uncopied

More cores
----------
`--scaling 1,2,4,8,16` runs wanrun, torch and torch-bf16 (or --peers) with each number of threads, interleaved as
well, and says how much faster than with the fewest.

A machine without network
-------------------------
`--skip-export` exports nothing, so that wanrun's rows need no more than Python and NumPy.  The models are those of
--model, or what an earlier run left in --work; weights.data may be missing where its recipe.txt is there.  Plans
are compiled if --wanc is given, else they too must be there, or --plan and --latents name them:

    bench/peers.py --skip-export --model tests/data/base96/full.onnx --wanc build/tools/wanc \\
        --wanrun build/tools/wanrun --scaling 1,2,4,8,16 --latent-size 60x104 --json scaling.json

--base-dim and --seed must be those of the model (96 and 6), for PyTorch's peers make the same decoder from them.
"""

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path

from timing import environment, peers
from timing.errors import PeerError

ROOT = Path(__file__).resolve().parent.parent


def latent_sizes(text):
    sizes = [re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", size) for size in text.split(",")]
    if not all(sizes):
        raise argparse.ArgumentTypeError(f"'{text}' is not HEIGHTxWIDTH,.., such as 30x52,60x104")
    return [(int(size[1]), int(size[2])) for size in sizes]


def positive(text):
    if not (text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive number")
    return int(text)


def thread_counts(text):
    return sorted({positive(count) for count in text.split(",")})


def peer_names(text):
    names = list(peers.PEERS) if text == "all" else list(dict.fromkeys(text.split(",")))
    if unknown := set(names) - set(peers.PEERS):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(peers.PEERS)}")
    return names


def parse_arguments():
    parser = argparse.ArgumentParser(description="Times wanrun and other ways to run the same decoder.",
                                     epilog="The head of this file says how rows are measured.")
    add_tasks(parser)
    add_measure_options(parser)
    add_file_options(parser)
    options = parser.parse_args()
    for name in ("wanc", "wanrun", "model", "plan", "latents", "fma"):
        path = getattr(options, name)
        if path and not path.is_file():
            parser.error(f"--{name}: no file {path}")
        setattr(options, name, path and path.resolve())
    if options.package and not options.setup:
        parser.error("--package is for --setup")
    options.peers = options.peers or list(peers.DEFAULT_SCALING if options.scaling else peers.DEFAULT)
    options.thread_counts = options.scaling or [options.threads]
    cores = len(os.sched_getaffinity(0))
    if max(options.thread_counts) > cores:
        parser.error(f"{max(options.thread_counts)} threads, but this process may run on {cores} cores only")
    return options


def add_tasks(parser):
    parser.add_argument("--setup", type=Path, metavar="VENV",
                        help="make a virtual environment with the peers; nothing else")
    parser.add_argument("--package", action="append", default=[], metavar="NAME==VERSION",
                        help="with --setup: this instead of the newest, or in addition (repeatable)")
    parser.add_argument("--readme", type=Path, metavar="RESULT.json",
                        help="put the figures of a run into README.md; nothing else")
    parser.add_argument("--readme-file", type=Path, default=ROOT / "README.md", metavar="FILE",
                        help="another file than README.md")


def add_measure_options(parser):
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--peers", type=peer_names, metavar="A,B,..",
                        help=f"which, in this order, or all (default {','.join(peers.DEFAULT)}; "
                             f"with --scaling {','.join(peers.DEFAULT_SCALING)})")
    parser.add_argument("--latent-size", type=latent_sizes, default=[(30, 52), (60, 104)], metavar="HxW,..",
                        help="default 30x52,60x104")
    parser.add_argument("--base-dim", type=positive, default=96, help="width of the decoder (default %(default)s)")
    parser.add_argument("--seed", type=int, default=6, help="of weights and latents (default %(default)s)")
    parser.add_argument("--steps", type=positive, default=3, help="steady steps per decode (default %(default)s)")
    parser.add_argument("--rounds", type=positive, default=3, help="default %(default)s")
    parser.add_argument("--threads", type=positive, default=cores, help="default: all cores")
    parser.add_argument("--scaling", type=thread_counts, metavar="N,M,..", help="several numbers of threads")
    parser.add_argument("--timeout", type=positive, default=1800, metavar="SECONDS",
                        help="for one process (default %(default)s)")


def add_file_options(parser):
    parser.add_argument("--wanc", type=Path, help="the compiler")
    parser.add_argument("--wanrun", type=Path, help="the runner")
    parser.add_argument("--skip-export", action="store_true", help="export nothing, see the head of this file")
    parser.add_argument("--model", type=Path, metavar="FULL.onnx", help="the full form, instead of an export")
    parser.add_argument("--plan", type=Path, help="wanrun's plan, instead of compiling it")
    parser.add_argument("--latents", type=Path, metavar="FILE.npy",
                        help="[1,16,T,h,w]; says the latent size and the steps too")
    parser.add_argument("--fma", type=Path, metavar="PROGRAM",
                        help="the program that an earlier run left as WORK/fma (default: compile it with gcc)")
    parser.add_argument("--work", type=Path, help="keep models and frames in this folder (default: a temporary one)")
    parser.add_argument("--json", type=Path, help="write everything measured to this file, after every process anew")


def measure(options):
    """The folder, then everything else."""
    from timing import bench  # here, because the other tasks do without NumPy

    if options.work:
        options.work.mkdir(parents=True, exist_ok=True)
        bench.run(options.work.resolve(), options)
        return
    with tempfile.TemporaryDirectory(prefix="wanc-peers-") as folder:
        bench.run(Path(folder), options)


def main():
    options = parse_arguments()
    try:
        if options.setup:
            environment.make_environment(options.setup, options.package)
        elif options.readme:
            from timing import readme

            readme.rewrite(options.readme_file, options.readme)
        else:
            measure(options)
    except ModuleNotFoundError as error:
        print(f"peers: {error}: bench/peers.py --setup VENV, then VENV/bin/python bench/peers.py", file=sys.stderr)
        return 1
    except (PeerError, OSError) as error:
        print(f"peers: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
