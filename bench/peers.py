#!/usr/bin/env python3
"""Times wanrun, PyTorch and ONNX Runtime on the same decoder and the same latents, in one sitting.

    bench/peers.py --wanc BUILD/wanc --wanrun BUILD/wanrun --json result.json
    bench/peers.py --base-dim 8 --latent-size 6x8                 small, to try the script itself

The decoder has random weights (tools/export_decoder.py) and full width unless --base-dim says otherwise.
Every peer runs in a process of its own, which decodes the latents once: a first step and --steps steady
ones, each timed.  Rounds are interleaved (wanrun, torch, ort, wanrun, torch, ort, ...), so that a machine
that slows down slows all of them.  Reported per peer: median over all rounds of the first step, median over
all rounds and steps of the steady step, the largest peak memory of a process, the largest difference of the
frames to those of PyTorch.  The machine's FMA peak is measured before and after.

Peers:  wanrun   compiled from the full form, direct convolutions; times are those that wanrun prints
        winograd the same with `wanc compile --conv winograd4`
        torch    diffusers' decoder, eager, channels_last_3d, one step at a time
        ort      ONNX Runtime on the pair form, caches handed from step to step
"""

import argparse
import dataclasses
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "tools"
EXPORTER = TOOLS / "export_decoder.py"
sys.path.insert(0, str(TOOLS))

FMA_SOURCE = r"""
// Independent chains of fused multiply-adds on vectors, in every thread; prints GFLOP/s of all together.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#ifdef __AVX512F__
#define LANES 16
#else
#define LANES 8
#endif
#define CHAINS 12
#define ROUNDS 300000000L
typedef float vector __attribute__((vector_size(4 * LANES)));
static void *work(void *out) {
    vector a = {0}, b = {0}, x[CHAINS];
    a += 0.999f;
    b += 1e-3f;
    for (int c = 0; c < CHAINS; c++) x[c] = b * (float)c;
    for (long r = 0; r < ROUNDS; r++)
        for (int c = 0; c < CHAINS; c++) x[c] = x[c] * a + b;
    for (int c = 0; c < CHAINS; c++) *(float *)out += x[c][0];
    return NULL;
}
int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 1;
    pthread_t *threads = malloc(sizeof *threads * (size_t)n);
    float *sums = calloc((size_t)n, sizeof *sums), sum = 0;
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < n; i++) pthread_create(&threads[i], NULL, work, &sums[i]);
    for (int i = 0; i < n; i++) { pthread_join(threads[i], NULL); sum += sums[i]; }
    clock_gettime(CLOCK_MONOTONIC, &end);
    double s = (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
    fprintf(stderr, "%g\n", sum);
    printf("%.3f\n", 2.0 * LANES * CHAINS * (double)ROUNDS * n / s * 1e-9);
    return 0;
}
"""


@dataclasses.dataclass
class Result:
    """What one process measured."""

    first: float  # seconds
    steady: list[float]
    peak_bytes: int


class PeerError(Exception):
    """A peer could not run; shown without a traceback."""


# ------------------------------------------------------------------------------------------ the peers' processes


def report(first, steady, frames, out):
    """What a peer's process leaves: the frames in a file, its times on stdout."""
    np.save(out, frames)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(dataclasses.asdict(Result(first, steady, peak))))


def timed(function, *arguments):
    begin = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - begin


def child_torch(folder, threads, out):
    """diffusers' own step by step decode, without its concatenation of all frames so far."""
    import export_decoder
    import torch

    torch.set_num_threads(threads)
    options = export_decoder.parse_arguments(json.loads((folder / "arguments.json").read_text()))
    decoder, _ = export_decoder.load_decoder(options)
    for module in decoder.modules():
        if isinstance(module, torch.nn.Conv3d):
            module.to(memory_format=torch.channels_last_3d)
        elif isinstance(module, torch.nn.Conv2d):
            module.to(memory_format=torch.channels_last)
    latents = torch.from_numpy(np.load(folder / "latents.npy"))
    parts, times, caches = [], [], None
    with torch.inference_mode():
        for t in range(latents.shape[2]):
            latent = latents[:, :, t : t + 1].contiguous(memory_format=torch.channels_last_3d)
            if t == 0:
                (frames, caches), seconds = timed(decoder.first_step, latent)
            else:
                (frames, caches), seconds = timed(decoder.step, latent, caches, False)
            parts.append(frames.contiguous().numpy())
            times.append(seconds)
    report(times[0], times[1:], np.concatenate(parts, 2), out)


def ort_session(path, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def two_frames(cache, shape):
    """Step 0's cache, or none, as the steady graph takes it: zeros in front."""
    cache = np.zeros((*shape[:2], 0, *shape[3:]), np.float32) if cache is None else cache
    missing = np.zeros((*shape[:2], 2 - cache.shape[2], *shape[3:]), np.float32)
    return np.concatenate([missing, cache], 2)


def child_ort(folder, threads, out):
    """The pair: caches go from outputs to inputs as they are."""
    latents = np.load(folder / "latents.npy")
    first, steady = (ort_session(folder / f"pair_{name}.onnx", threads) for name in ("first", "steady"))
    names = [o.name for o in first.get_outputs()]
    values, seconds = timed(first.run, None, {"latents": latents[:, :, :1]})
    state = dict(zip(names, values))
    parts, times = [state["frames"]], [seconds]
    inputs = {i.name: i.shape for i in steady.get_inputs()[1:]}
    caches = {name: two_frames(state.get("new_" + name), shape) for name, shape in inputs.items()}
    del first, state, values
    names = [o.name for o in steady.get_outputs()]
    for t in range(1, latents.shape[2]):
        values, seconds = timed(steady.run, None, {"latents": latents[:, :, t : t + 1], **caches})
        state = dict(zip(names, values))
        caches = {name: state["new_" + name] for name in inputs}
        parts.append(state["frames"])
        times.append(seconds)
    report(times[0], times[1:], np.concatenate(parts, 2), out)


CHILDREN = {"torch": child_torch, "ort": child_ort}


# ------------------------------------------------------------------------------------------ running them


def run_child(name, folder, options):
    """One decode by a Python peer in a fresh process."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
    command = [sys.executable, __file__, "--child", name, str(folder), str(options.threads)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise PeerError(f"{name} failed:\n{done.stderr[-2000:]}")
    return Result(**json.loads(done.stdout.splitlines()[-1]))


def parse_timing(text):
    """The line `timing: first S s, steady S S S s; peak RSS N bytes` of wanrun, with some tolerance."""
    lines = [line for line in text.splitlines() if "timing:" in line]
    if not lines:
        raise PeerError(f"wanrun printed no timing line:\n{text[-2000:]}")
    number = r"\d+(?:\.\d*)?(?:e[-+]?\d+)?"
    first = re.search(rf"first\s+({number})", lines[-1])
    steady = re.search(rf"steady((?:[\s,]+{number})*)", lines[-1])
    peak = re.search(rf"peak\D*({number})", lines[-1])
    if not (first and steady and peak):
        raise PeerError(f"cannot read wanrun's timing line: {lines[-1]}")
    return Result(float(first[1]), [float(s) for s in re.findall(number, steady[1])], int(float(peak[1])))


# Our own peers, and the algorithm of convolution that each is compiled for.
OURS = {"wanrun": "direct", "winograd": "winograd4"}


def run_wanrun(peer, folder, options):
    """One decode by wanrun."""
    command = [options.wanrun, folder / f"plan_{peer}.bin", folder / "latents.npy", "-o", folder / f"frames_{peer}.npy",
               "--threads", str(options.threads), "--timings"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PeerError(f"wanrun failed:\n{done.stderr[-2000:]}")
    return parse_timing(done.stderr)


def compile_plan(peer, folder, options):
    """Compiles the full form for wanrun; returns the seconds it took."""
    height, width = options.latent_size
    command = [options.wanc, "compile", folder / "full.onnx", "-o", folder / f"plan_{peer}.bin",
               "--latent-size", f"{height}x{width}", "--conv", OURS[peer]]
    done, seconds = timed(lambda: subprocess.run(command, capture_output=True, text=True, check=False))
    if done.returncode != 0:
        raise PeerError(f"wanc compile failed:\n{done.stderr[-2000:]}")
    return seconds


def prepare(folder, peers, options):
    """The models and the latents, in the bench's folder."""
    height, width = options.latent_size
    decoder = ["--random", "--base-dim", str(options.base_dim), "--seed", str(options.seed)]
    external = ["--external", "--data-name", "weights.data"]
    exports = {"wanrun": ["--form", "full", "-o", str(folder / "full.onnx")],
               "ort": ["--form", "pair", "--latent-size", f"{height}x{width}", "-o", str(folder / "pair.onnx")]}
    for peer, arguments in exports.items():
        if peer in peers or (peer == "wanrun" and set(peers) & set(OURS)):
            subprocess.run([sys.executable, EXPORTER, *decoder, *external, *arguments], check=True)
    (folder / "arguments.json").write_text(json.dumps([*decoder, "-o", "unused.onnx"]))
    random = np.random.default_rng(options.seed)
    latents = random.standard_normal((1, 16, 1 + options.steps, height, width)).astype(np.float32)
    np.save(folder / "latents.npy", latents)


class FmaPeak:
    """Measures the machine's peak of float32 fused multiply-adds with a small C program."""

    def __init__(self, folder):
        self.program = folder / "fma"
        source = folder / "fma.c"
        source.write_text(FMA_SOURCE)
        command = ["gcc", "-O3", "-march=native", "-ffp-contract=fast", source, "-o", self.program, "-pthread"]
        subprocess.run(command, check=True)

    def gflops(self, threads):
        done = subprocess.run([self.program, str(threads)], capture_output=True, text=True, check=True)
        return float(done.stdout)


def run_rounds(folder, peers, options):
    """All rounds, interleaved. Returns the results per peer."""
    results = {peer: [] for peer in peers}
    for number in range(options.rounds):
        for peer in peers:
            result = run_wanrun(peer, folder, options) if peer in OURS else run_child(peer, folder, options)
            results[peer].append(result)
            steady = " ".join(f"{s:.3f}" for s in result.steady)
            print(f"round {number + 1}: {peer:7} first {result.first:.3f} s, steady {steady} s, "
                  f"peak {result.peak_bytes / 2**30:.2f} GiB", flush=True)
    return results


# ------------------------------------------------------------------------------------------ results


def difference(folder, peer):
    """Largest difference of a peer's frames to PyTorch's, None where there is nothing to compare."""
    reference = folder / "frames_torch.npy"
    if peer == "torch" or not reference.is_file():
        return None
    got, expected = np.load(folder / f"frames_{peer}.npy"), np.load(reference)
    if got.shape != expected.shape:
        raise PeerError(f"{peer} gave frames of shape {got.shape}, PyTorch {expected.shape}")
    return float(np.abs(got - expected).max())


def summarise(folder, results):
    return {
        peer: {
            "first_s": statistics.median(r.first for r in runs),
            "steady_s": statistics.median(s for r in runs for s in r.steady),
            "peak_bytes": max(r.peak_bytes for r in runs),
            "max_abs_diff_to_torch": difference(folder, peer),
            "runs": [dataclasses.asdict(r) for r in runs],
        }
        for peer, runs in results.items()
    }


def versions(peers):
    from importlib.metadata import version

    packages = {"torch": ("torch", "diffusers"), "ort": ("onnxruntime",)}
    return {name: version(name) for peer in peers for name in packages.get(peer, ())}


def print_table(summary):
    print(f"\n{'peer':8} {'first step':>11} {'steady step':>12} {'peak RSS':>10} {'max diff to torch':>18}")
    for peer, row in summary.items():
        diff = row["max_abs_diff_to_torch"]
        print(f"{peer:8} {row['first_s']:9.3f} s {row['steady_s']:10.3f} s {row['peak_bytes'] / 2**30:6.2f} GiB "
              f"{'-' if diff is None else f'{diff:.2e}':>18}")


def bench(folder, options):
    peers = options.peers
    fma = FmaPeak(folder)
    prepare(folder, peers, options)
    compile_seconds = {peer: compile_plan(peer, folder, options) for peer in peers if peer in OURS}
    before = fma.gflops(options.threads)
    summary = summarise(folder, run_rounds(folder, peers, options))
    after = fma.gflops(options.threads)
    print_table(summary)
    height, width = options.latent_size
    print(f"\nlatents {height}x{width}, base width {options.base_dim}, {options.threads} threads, "
          f"{options.rounds} rounds of 1 + {options.steps} steps; "
          f"FMA peak {before:.0f} GFLOP/s before, {after:.0f} after; {versions(peers)}")
    if options.json:
        result = {
            "latent_size": [height, width], "base_dim": options.base_dim, "threads": options.threads,
            "rounds": options.rounds, "steps": options.steps, "fma_gflops": [before, after],
            "compile_s": compile_seconds, "versions": versions(peers), "peers": summary,
        }
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def latent_size(text):
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"'{text}' is not HEIGHTxWIDTH, such as 30x52")
    return int(match[1]), int(match[2])


def positive(text):
    if not (text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive number")
    return int(text)


def parse_arguments():
    parser = argparse.ArgumentParser(description="Times wanrun, PyTorch and ONNX Runtime on the same decoder.")
    parser.add_argument("--wanc", type=Path, help="the compiler; without it wanrun is left out")
    parser.add_argument("--wanrun", type=Path, help="the runner; without it wanrun is left out")
    parser.add_argument("--peers", default="wanrun,winograd,torch,ort", help="which, in this order (default %(default)s)")
    parser.add_argument("--latent-size", type=latent_size, default=(30, 52), metavar="HxW")
    parser.add_argument("--base-dim", type=positive, default=96)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--steps", type=positive, default=3, help="steady steps per decode (default %(default)s)")
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--threads", type=positive, default=len(os.sched_getaffinity(0)), help="default: all cores")
    parser.add_argument("--work", type=Path, help="keep models and frames in this folder (default: a temporary one)")
    parser.add_argument("--json", type=Path, help="write everything measured to this file")
    options = parser.parse_args()
    options.peers = options.peers.split(",")
    if unknown := set(options.peers) - {*OURS, *CHILDREN}:
        parser.error(f"unknown peers: {', '.join(sorted(unknown))}")
    if set(options.peers) & set(OURS) and not (options.wanc and options.wanrun):
        print("peers: no --wanc and --wanrun, so wanrun is left out", file=sys.stderr)
        options.peers = [peer for peer in options.peers if peer not in OURS]
    for program in (options.wanc, options.wanrun):
        if program and not os.access(program, os.X_OK):
            parser.error(f"{program}: no such program")
    return options


def main():
    if sys.argv[1:2] == ["--child"]:
        name, folder, threads = sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
        CHILDREN[name](folder, threads, folder / f"frames_{name}.npy")
        return 0
    options = parse_arguments()
    options.wanc, options.wanrun = (p and p.resolve() for p in (options.wanc, options.wanrun))
    try:
        if options.work:
            options.work.mkdir(parents=True, exist_ok=True)
            bench(options.work.resolve(), options)
        else:
            with tempfile.TemporaryDirectory(prefix="wanc-peers-") as folder:
                bench(Path(folder), options)
    except (PeerError, subprocess.CalledProcessError, OSError) as error:
        print(f"peers: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
