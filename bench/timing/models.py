"""The folder of a run: the decoder in the forms that the peers read, the latents, the plans.

    full.onnx  weights.data  recipe.txt         the full form, its weights, and how to rebuild those
    pair_HxW_first.onnx  pair_HxW_steady.onnx   the pair form of one latent size, over the same weights
    decoder.json                                the options of the export, from which PyTorch's peers make theirs
    latents_HxW.npy  plan_PEER_HxW.bin          latents, and what wanc made for a peer

What a folder holds of an earlier run of the same decoder is used again, except plans.
"""

import json
import math
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from .errors import PeerError
from .peers import OURS, PEERS

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = ROOT / "tools"
sys.path.insert(0, str(TOOLS))
from exporter.stream import hashed_uniform  # noqa: E402


def size_name(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


class Models:
    """Makes what is missing in the folder, when it is asked for."""

    def __init__(self, folder: Path, options):
        self.folder, self.options = folder, options
        self.arguments = ["--random", "--base-dim", str(options.base_dim), "--seed", str(options.seed)]
        description = folder / "decoder.json"
        text = json.dumps({"arguments": self.arguments}) + "\n"
        if not (description.is_file() and description.read_text() == text):
            self.remove_others()
            description.write_text(text)

    def remove_others(self) -> None:
        """Another decoder's models. Without an export they are all there is, and no description came with them."""
        if self.options.skip_export:
            return
        for path in (*self.folder.glob("*.onnx"), *self.folder.glob("weights.data"), *self.folder.glob("recipe.txt")):
            path.unlink()

    def full(self) -> Path:
        """The full form, its weights beside it."""
        path = self.options.model or self.folder / "full.onnx"
        if not path.is_file():
            self.export("full", path, ["--recipe", str(self.folder / "recipe.txt")])
        recipe = path.parent / "recipe.txt"
        if (path.parent / "weights.data").exists() or not recipe.is_file():
            return path
        if path.parent != self.folder:
            path = Path(shutil.copy(path, self.folder / "full.onnx"))
        self.rebuild_weights(recipe)
        return path

    def rebuild_weights(self, recipe: Path) -> None:
        """weights.data from its recipe (the format is in the head of export_decoder.py)."""
        if (self.folder / "weights.data").is_file():
            return
        first, *lines = recipe.read_text().splitlines()
        head = re.fullmatch(r"wanc-weights 1 seed (\d+) bytes (\d+)", first)
        if not head:
            raise PeerError(f"{recipe.name}: not a recipe of weights: {first[:60]}")
        data = np.zeros(int(head[2]) // 4, "<f4")
        for line in lines:
            offset, count, start, scale, shift = line.split()
            u = hashed_uniform(int(head[1]), int(start), int(count))
            data[int(offset) // 4 : int(offset) // 4 + int(count)] = np.float32(shift) + np.float32(scale) * u
        data.tofile(self.folder / "weights.data")

    def pair(self, size: tuple[int, int]) -> None:
        """The pair form for one size."""
        path = self.folder / f"pair_{size_name(size)}.onnx"
        if not all(path.with_stem(f"{path.stem}_{step}").is_file() for step in ("first", "steady")):
            self.export("pair", path, ["--latent-size", size_name(size)])
        if not (self.folder / "weights.data").is_file():
            self.full()  # which rebuilds the weights

    def export(self, form: str, path: Path, more: list[str]) -> None:
        if self.options.skip_export:
            raise PeerError(f"no {path.name} in the folder, and nothing is exported")
        command = [sys.executable, TOOLS / "export_decoder.py", *self.arguments, "--form", form, *more,
                   "--external", "--data-name", "weights.data", "-o", path]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise PeerError(f"the export of form {form} failed: {last_line(done.stderr)}")

    def latents(self, size: tuple[int, int]) -> Path:
        """Latents of 1 + steps frames; the same for every run with this seed."""
        path = self.folder / f"latents_{size_name(size)}.npy"
        if self.options.latents:
            shutil.copy(self.options.latents, path)
            return path
        random = np.random.default_rng(self.options.seed)
        np.save(path, random.standard_normal((1, 16, 1 + self.options.steps, *size)).astype(np.float32))
        return path

    def plan_path(self, peer: str, size: tuple[int, int]) -> Path:
        if self.options.plan and peer == OURS:
            return self.options.plan
        return self.folder / f"plan_{peer}_{size_name(size)}.bin"

    def compile(self, peer: str, size: tuple[int, int]) -> float | None:
        """The plan of one of our peers; returns the seconds that wanc took, None for a plan that was there."""
        path = self.plan_path(peer, size)
        if self.options.wanc is None or path == self.options.plan:
            if not path.is_file():
                raise PeerError(f"no {path.name} in the folder, and no --wanc")
            return None
        conv = ["--conv", PEERS[peer].conv] if PEERS[peer].conv else []
        model, begin = self.full(), time.perf_counter()
        run_wanc([self.options.wanc, "compile", model, "-o", path, "--latent-size", size_name(size), *conv])
        return time.perf_counter() - begin

    def forecast(self, peer: str, size: tuple[int, int], threads: int) -> str | None:
        """The peak memory that `wanc report` expects, where it expects it for this number of threads."""
        if self.options.wanc is None:
            return None
        text = run_wanc([self.options.wanc, "report", self.plan_path(peer, size)])
        found = re.search(rf"with {threads} threads?\b.*?peak memory to expect\s+(\S+ \S+)", text, re.DOTALL)
        return found[1] if found else None

    def nominal_gflop(self, size: tuple[int, int]) -> dict[str, float] | None:
        """What the decoder's products cost, for the first and the steady step; None without compiler or model."""
        if self.options.wanc is None:
            return None
        try:
            model = self.full()
        except PeerError:
            return None
        return count_products(run_wanc([self.options.wanc, "compile", model, "--latent-size", size_name(size),
                                        "--stop-after", "specialise"]))


def run_wanc(command) -> str:
    """What wanc prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PeerError(last_line(done.stderr))
    return done.stdout


def count_products(ir: str) -> dict[str, float]:
    """GFLOP of each graph of an IR: a convolution's 2 * |output| * |weight| / channels out, attention's
    4 * |output| * positions.

    Taps count as well that meet only zeros (of a border, or of a cache that is empty). All else does not count.
    """
    weights, flop, graph = {}, {}, None
    for line in ir.splitlines():
        if found := re.match(r"const @(\S+): \w+\[([\d,]+)\]", line):
            weights[found[1]] = dims(found[2])
        elif found := re.match(r"graph @(\w+)\(", line):
            graph = found[1]
            flop[graph] = 0
        elif found := re.match(r"\s*%\S+: \w+\[([\d,]+)\] = (?:causal_)?conv %\S+, @([^\s,]+)", line):
            flop[graph] += 2 * math.prod(dims(found[1])) * math.prod(weights[found[2]][1:])
        elif found := re.match(r"\s*%\S+: \w+\[([\d,]+)\] = attention ", line):
            flop[graph] += 4 * math.prod(dims(found[1])) * dims(found[1])[-2]
    return {graph: operations * 1e-9 for graph, operations in flop.items()}


def dims(text: str) -> list[int]:
    return [int(n) for n in text.split(",")]


def last_line(text: str) -> str:
    """What a program says last, which is its error."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
