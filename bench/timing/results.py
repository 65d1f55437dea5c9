"""What a run found: its JSON, and the same as tables of text.

The JSON (version 1) is one object:
  version, mode ("peers" or "scaling"), machine, versions, base_dim, seed, rounds, steps, timeout_s
  sections: one for each latent size
    latent_size   [height, width]
    gflop         {"first": ..., "steady": ...}, nominal (models.py counts them), or null
    fma_gflops    {threads: [before, after]}: peak of the machine, null where it was not measured
    rows          one for each peer and number of threads
      peer, label, threads, error (null, or why it has no figures, or none of the last rounds)
      first_s, steady_s           medians over all rounds, and all steps
      first_min_s, steady_min_s   minima of the same
      start_s                     largest; loading or compiling; wanrun: all of the process but the steps
      peak_bytes                  largest of all processes
      compile_s, forecast         wanrun: seconds of `wanc compile`, the peak memory that `wanc report` expects
      max_abs_diff_to_torch       of all frames; null where there is nothing to compare
      runs                        every process: first, steady, peak_bytes, start
"""

import dataclasses
import statistics
from pathlib import Path

import numpy as np

from . import environment
from .models import Models
from .peers import OURS, REFERENCE
from .run import Row, frames_path

VERSION = 1


def difference(got: Path, expected: Path) -> float | None:
    """Largest difference of two files of frames, None where one is missing. One frame at a time is in memory."""
    if not (got.is_file() and expected.is_file()):
        return None
    a, b = np.load(got, mmap_mode="r"), np.load(expected, mmap_mode="r")
    if a.shape != b.shape:
        return float("inf")
    return max(float(np.abs(a[:, :, t] - b[:, :, t]).max()) for t in range(a.shape[2]))


def summarise(row: Row, found: dict) -> dict:
    """One row of the result."""
    summary = {"peer": row.peer, "label": environment.label(row.peer, found), "threads": row.threads, "error": row.error}
    if row.runs:
        first = [r.first for r in row.runs]
        steady = [s for r in row.runs for s in r.steady]
        starts = [r.start for r in row.runs if r.start is not None]
        summary |= {
            "first_s": statistics.median(first), "first_min_s": min(first),
            "steady_s": statistics.median(steady), "steady_min_s": min(steady),
            "start_s": max(starts, default=None), "peak_bytes": max(r.peak_bytes for r in row.runs),
        }
    return summary | {"runs": [dataclasses.asdict(r) for r in row.runs]}


def compare(section: dict, rows: list[Row], models: Models) -> None:
    """Frames of every row against PyTorch's, of the same size, with any number of threads."""
    size = section["latent_size"]
    reference = next((r for r in rows if r.peer == REFERENCE and r.runs), None)
    for row, summary in zip(rows, section["rows"]):
        if row is not reference and reference and row.runs:
            found = difference(frames_path(models, row, size), frames_path(models, reference, size))
            summary["max_abs_diff_to_torch"] = found


# ------------------------------------------------------------------------------------------ tables


def peak(section: dict, threads: int) -> float | None:
    """The larger of the peaks before and after: the harder one to come near to."""
    return max((g for g in section["fma_gflops"].get(str(threads), ()) if g), default=None)


def of_peak(section: dict, row: dict) -> float | None:
    """Nominal GFLOP/s of the steady step over the FMA peak."""
    top = peak(section, row["threads"])
    if not (section["gflop"] and top and row.get("steady_s")):
        return None
    return section["gflop"]["steady"] / row["steady_s"] / top


def ratio(row: dict, base: dict | None, key: str) -> str:
    """How many times the seconds of `base` this row takes."""
    return f"{row[key] / base[key]:.2f}" if base and base.get(key) else ""


def short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def seconds(row: dict, kind: str) -> str:
    return f"{short(row[kind + '_s'])} ({short(row[kind + '_min_s'])})"


def number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def label(row: dict) -> str:
    """With what became of its later rounds, when they failed."""
    return f"{row['label']} (only {len(row['runs'])}: {row['error']})" if row["error"] else row["label"]


PEER_HEAD = ["", "first step, s", "to wanrun", "steady step, s", "to wanrun", "of FMA peak", "start, s", "peak memory",
             "frames to PyTorch's"]


def peer_cells(section: dict) -> list[list[str]]:
    """The table of one latent size, its head first."""
    base = next((r for r in section["rows"] if r["peer"] == OURS and r["runs"]), None)
    return [PEER_HEAD] + [peer_line(section, row, base) for row in section["rows"]]


def peer_line(section: dict, row: dict, base: dict | None) -> list[str]:
    if not row["runs"]:
        return [row["label"], row["error"] or "not run"] + [""] * (len(PEER_HEAD) - 2)
    memory = f"{row['peak_bytes'] / 2**30:.2f} GiB" + (f", forecast {row['forecast']}" if row.get("forecast") else "")
    return [label(row), seconds(row, "first"), ratio(row, base, "first_s"), seconds(row, "steady"),
            ratio(row, base, "steady_s"), number(of_peak(section, row), ".2f"), number(row["start_s"], ".2f"), memory,
            number(row.get("max_abs_diff_to_torch"), ".1e")]


SCALING_HEAD = ["", "threads", "first step, s", "faster", "steady step, s", "faster", "of FMA peak", "to wanrun",
                "frames to PyTorch's"]


def scaling_cells(section: dict) -> list[list[str]]:
    """The same for several numbers of threads: how much faster than with the fewest."""
    rows = sorted(section["rows"], key=lambda row: row["threads"])
    peers = list(dict.fromkeys(row["peer"] for row in section["rows"]))
    ours = {row["threads"]: row for row in rows if row["peer"] == OURS and row["runs"]}
    cells = [SCALING_HEAD]
    for peer in peers:
        one = next((r for r in rows if r["peer"] == peer and r["runs"]), None)
        cells += [scaling_line(section, row, one, ours.get(row["threads"])) for row in rows if row["peer"] == peer]
    return cells


def scaling_line(section: dict, row: dict, one: dict | None, base: dict | None) -> list[str]:
    if not row["runs"]:
        return [row["label"], str(row["threads"]), row["error"] or "not run"] + [""] * (len(SCALING_HEAD) - 3)
    return [label(row), str(row["threads"]), seconds(row, "first"), ratio(one, row, "first_s"),
            seconds(row, "steady"), ratio(one, row, "steady_s"), number(of_peak(section, row), ".2f"),
            ratio(row, base, "steady_s"), number(row.get("max_abs_diff_to_torch"), ".1e")]


def cells(result: dict, section: dict) -> list[list[str]]:
    return scaling_cells(section) if result["mode"] == "scaling" else peer_cells(section)


def title(section: dict) -> str:
    height, width = section["latent_size"]
    return f"{height}x{width} latents ({8 * height}x{8 * width} video)"


def peak_text(section: dict) -> str:
    """What the machine could do at most, and what the step costs."""
    parts = []
    for threads, (before, after) in section["fma_gflops"].items():
        if before:
            end = "" if after is None else f" before, {after:.0f} after"
            parts.append(f"{before:.0f}{end} (threads: {threads})")
    text = f"FMA peak in GFLOP/s: {', '.join(parts)}" if parts else "FMA peak not measured"
    gflop = section["gflop"]
    return text + (f"; nominal GFLOP: first {short(gflop['first'])}, steady {short(gflop['steady'])}" if gflop else "")


def as_text(cells: list[list[str]]) -> str:
    """Columns of equal width; a reason instead of figures may stand over all of them."""
    whole = [line for line in cells if any(line[3:])]
    widths = [max(len(line[i]) for line in whole) for i in range(len(cells[0]))]
    widths[0] = max(len(line[0]) for line in cells)
    lines = []
    for line in cells:
        rest = [text.rjust(width) for text, width in zip(line[1:], widths[1:])] if line in whole else line[1:3]
        lines.append("  ".join([line[0].ljust(widths[0]), *rest]).rstrip())
    return "\n".join(lines)


def as_markdown(cells: list[list[str]]) -> str:
    lines = ["| " + " | ".join(line) + " |" for line in cells]
    return "\n".join([lines[0], "|" + "---|" * len(cells[0]), *lines[1:]])


def print_tables(result: dict) -> None:
    for section in result["sections"]:
        print(f"\n{title(section)}; {peak_text(section)}\n{as_text(cells(result, section))}")
