"""Processes: one decode by one peer, and the interleaved rounds of them."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable

from .errors import PeerError
from .models import ROOT, Models, last_line, size_name
from .peers import PEERS

DECODE = Path(__file__).resolve().parent / "decode.py"


@dataclasses.dataclass
class Run:
    """What one process measured."""

    first: float  # seconds
    steady: list[float]
    peak_bytes: int
    start: float | None  # seconds of loading or compiling; wanrun: all of the process but the steps


@dataclasses.dataclass
class Row:
    """All runs of one peer with one number of threads at one latent size, or why there are none."""

    peer: str
    threads: int
    runs: list[Run] = dataclasses.field(default_factory=list)
    error: str | None = None


def frames_path(models: Models, row: Row, size) -> Path:
    return models.folder / f"frames_{row.peer}_{size_name(size)}_{row.threads}.npy"


def be_the_first_to_die() -> None:
    """When memory runs out the kernel shall end the peer, not this script."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        pass


def run_process(command, environment: dict, timeout: float) -> tuple[str, str]:
    """stdout and stderr of a process, which is ended with all that it started when its time is over."""
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, **environment}, start_new_session=True,
                          preexec_fn=be_the_first_to_die) as process:
        try:
            out, errors = process.communicate(timeout=timeout)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise PeerError(f"not done after {timeout:g} s") from None
            raise
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        raise PeerError(f"ended by {name}" + (", perhaps for memory" if name == "SIGKILL" else ""))
    if process.returncode > 0:
        raise PeerError(last_line(errors))
    return out, errors


def run_child(row: Row, models: Models, size, timeout: float) -> Run:
    """One decode by a Python peer in a fresh process."""
    environment = {
        "OMP_NUM_THREADS": str(row.threads),
        "TORCHINDUCTOR_CACHE_DIR": str(models.folder / "inductor"),
        **PEERS[row.peer].environment,
    }
    command = [sys.executable, DECODE, PEERS[row.peer].child, models.folder, size_name(size), row.threads,
               frames_path(models, row, size)]
    out, _ = run_process(command, environment, timeout)
    return Run(**json.loads(out.splitlines()[-1]))


def run_wanrun(row: Row, models: Models, size, timeout: float) -> Run:
    """One decode by wanrun."""
    command = [models.options.wanrun, models.plan_path(row.peer, size), models.folder / f"latents_{size_name(size)}.npy",
               "-o", frames_path(models, row, size), "--threads", row.threads, "--timings", "--quiet"]
    begin = time.perf_counter()
    _, errors = run_process(command, {}, timeout)
    wall = time.perf_counter() - begin
    run = parse_timing(errors)
    run.start = max(0.0, wall - run.first - sum(run.steady))
    return run


def parse_timing(text: str) -> Run:
    """The line `timing: first S s, steady S S S s; peak RSS N bytes` of wanrun, with some tolerance."""
    lines = [line for line in text.splitlines() if "timing:" in line]
    if not lines:
        raise PeerError(f"wanrun printed no timing line, but: {last_line(text)}")
    number = r"\d+(?:\.\d*)?(?:e[-+]?\d+)?"
    first = re.search(rf"first\s+({number})", lines[-1])
    steady = re.search(rf"steady((?:[\s,]+{number})*)", lines[-1])
    peak = re.search(rf"peak\D*({number})", lines[-1])
    if not (first and steady and peak):
        raise PeerError(f"cannot read wanrun's timing line: {lines[-1]}")
    return Run(float(first[1]), [float(s) for s in re.findall(number, steady[1])], int(float(peak[1])), None)


def run_rounds(rows: list[Row], models: Models, size, after_each: Callable[[], None]) -> None:
    """All rounds, every row once in each; a row that failed is not tried again."""
    for number in range(models.options.rounds):
        for row in rows:
            if row.error:
                continue
            runner = run_child if PEERS[row.peer].child else run_wanrun
            try:
                row.runs.append(runner(row, models, size, models.options.timeout))
            except (PeerError, OSError, ValueError) as error:
                row.error = readable(str(error), models)
            show(number, row, size)
            after_each()


def readable(text: str, models: Models) -> str:
    """A reason for a table: without the names of folders, and not too long."""
    for folder in (models.folder, ROOT):
        text = text.replace(f"{folder}/", "")
    text = text.replace("|", "/")
    return text if len(text) <= 160 else text[:157] + "..."


def show(number: int, row: Row, size) -> None:
    """A line of progress."""
    head = f"{size_name(size)} round {number + 1}: {row.peer} with {row.threads} threads:"
    if row.error:
        print(f"{head} {row.error}", flush=True)
        return
    run = row.runs[-1]
    steady = " ".join(f"{s:.3f}" for s in run.steady)
    start = "" if run.start is None else f", before that {run.start:.2f} s"
    print(f"{head} first {run.first:.3f} s, steady {steady} s, peak {run.peak_bytes / 2**30:.2f} GiB{start}", flush=True)
