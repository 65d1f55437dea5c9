"""A whole run: for each latent size the models, the machine's peak, the rounds, the frames."""

import json
import os
from pathlib import Path

import numpy as np

from . import environment, results
from .errors import PeerError
from .fma import FmaPeak
from .models import Models, size_name
from .peers import PEERS
from .run import Row, readable, run_rounds


def run(folder: Path, options) -> None:
    if options.latents:
        take_latents(options)
    fma = FmaPeak(folder, options.fma)
    models = Models(folder, options)
    result = new_result(options)
    for size in options.latent_size:
        measure_size(size, result, models, fma)
    results.print_tables(result)
    print(f"\n{options.rounds} rounds of 1 + {options.steps} steps, base width {options.base_dim}; {result['versions']}")
    save(result, options)


def take_latents(options) -> None:
    """A file of latents decides about the size and the number of steps."""
    shape = np.load(options.latents, mmap_mode="r").shape
    if len(shape) != 5 or shape[:2] != (1, 16) or shape[2] < 2:
        raise PeerError(f"{options.latents.name}: latents of shape [1,16,T,h,w] with T of at least 2, found {list(shape)}")
    options.latent_size, options.steps = [shape[3:]], shape[2] - 1


def new_result(options) -> dict:
    return {
        "version": results.VERSION, "mode": "scaling" if options.scaling else "peers",
        "machine": environment.machine(), "versions": environment.versions(options.peers),
        "base_dim": options.base_dim, "seed": options.seed, "rounds": options.rounds, "steps": options.steps,
        "timeout_s": options.timeout, "sections": [],
    }


def save(result: dict, options) -> None:
    """Beside its name, then renamed: a run that is cut off leaves what it had."""
    if options.json:
        temporary = options.json.with_name(options.json.name + ".new")
        temporary.write_text(json.dumps(result, indent=1) + "\n")
        os.replace(temporary, options.json)


def measure_size(size, result: dict, models: Models, fma: FmaPeak) -> None:
    """One section of the result; it grows with every process."""
    options = models.options
    print(f"{size_name(size)}: models and plans", flush=True)
    models.latents(size)
    rows = [Row(peer, threads) for threads in options.thread_counts for peer in options.peers]
    extras = prepare(rows, models, size)
    section = {"latent_size": list(size), "gflop": models.nominal_gflop(size), "rows": []}
    section["fma_gflops"] = {str(n): [fma.gflops(n), None] for n in options.thread_counts}
    result["sections"].append(section)

    def update():
        section["rows"] = [results.summarise(row, result["versions"]) | extras[row.peer, row.threads] for row in rows]
        save(result, options)

    run_rounds(rows, models, size, update)
    update()
    for threads, peak in section["fma_gflops"].items():
        peak[1] = fma.gflops(int(threads))
    results.compare(section, rows, models)
    save(result, options)


def prepare(rows: list[Row], models: Models, size) -> dict:
    """What each peer reads. A peer for which it cannot be made gets its reason; returns what there is to say of plans."""
    extras, reasons, seconds = {}, {}, {}
    for row in rows:
        peer = row.peer
        if peer not in seconds:
            seconds[peer], reasons[peer] = prepare_peer(peer, models, size)
        row.error = reasons[peer]
        extras[peer, row.threads] = {}
        if PEERS[peer].child is None and not row.error:
            extras[peer, row.threads] = {"compile_s": seconds[peer], "forecast": models.forecast(peer, size, row.threads)}
    return extras


def prepare_peer(peer: str, models: Models, size) -> tuple[float | None, str | None]:
    """Seconds of compiling a plan, and what is in the way."""
    try:
        if PEERS[peer].pair:
            models.pair(size)
        if PEERS[peer].child is None:
            if models.options.wanrun is None:
                raise PeerError("no --wanrun")
            return models.compile(peer, size), None
    except (PeerError, OSError) as error:
        return None, readable(str(error), models)
    return None, None
