"""Rewrites the figures of README.md from the JSON of a run.

They stand between two lines, <!-- peers:begin --> and <!-- peers:end --> (or scaling: for the result of --scaling).
"""

import json
import os
from pathlib import Path

from .errors import PeerError
from .peers import DEFAULT, DEFAULT_SCALING
from .results import VERSION, as_markdown, cells, peak_text, title


def rewrite(readme: Path, result_path: Path) -> None:
    result = read_result(result_path)
    begin, end = (f"<!-- {result['mode']}:{which} -->" for which in ("begin", "end"))
    head, found, rest = readme.read_text().partition(begin + "\n")
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise PeerError(f"{readme.name}: no lines {begin} and {end} between which the figures could stand")
    temporary = readme.with_name(readme.name + ".new")
    temporary.write_text(f"{head}{begin}\n{figures(result)}{end}{tail}")
    os.replace(temporary, readme)


def read_result(path: Path) -> dict:
    try:
        result = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise PeerError(f"{path}: {error}") from None
    if not isinstance(result, dict) or result.get("version") != VERSION:
        raise PeerError(f"{path}: not a result of version {VERSION}")
    return result


def figures(result: dict) -> str:
    """The text between the two lines."""
    parts = [introduction(result)]
    for section in result["sections"]:
        parts.append(f"{title(section)}. {peak_text(section)}.")
        parts.append(as_markdown(cells(result, section)))
    return "\n\n".join(parts) + "\n\n    " + command(result) + "\n"


def introduction(result: dict) -> str:
    """What was measured, on what, and what the columns mean. One sentence a line."""
    machine, scaling = result["machine"], result["mode"] == "scaling"
    width = "Full-width Wan 2.1 decoder" if result["base_dim"] == 96 else "Narrow decoder of Wan 2.1's kind"
    isa = f" ({', '.join(machine['isa'])})" if machine["isa"] else ""
    ratios = ("`faster`: than the same peer with the fewest threads." if scaling else
              "`start`: loading or compiling before the first step (wanrun: all of the process but the steps).")
    rounds = "1 round" if result["rounds"] == 1 else f"{result['rounds']} interleaved rounds"
    return "\n".join([
        f"{width} (base {result['base_dim']}, random weights), fp32 unless a row says bf16, {threads_text(result)}, "
        f"{machine['cpu']}{isa}.",
        f"Medians, in parentheses minima, of {rounds} of 1 + {result['steps']} steps; seconds for one step, 4 video frames "
        "in a steady one.",
        f"`to wanrun`: multiple of wanrun's median. {ratios}",
        "`of FMA peak`: nominal GFLOP/s of the steady step over the larger of the peaks before and after.",
    ])


def threads_text(result: dict) -> str:
    counts = sorted({row["threads"] for section in result["sections"] for row in section["rows"]})
    return f"{', '.join(map(str, counts))} thread{'s' if counts != [1] else ''}"


def command(result: dict) -> str:
    """The command line that measures the same again."""
    rows = [row for section in result["sections"] for row in section["rows"]]
    sizes = ",".join("{}x{}".format(*section["latent_size"]) for section in result["sections"])
    threads = ",".join(map(str, sorted({row["threads"] for row in rows})))
    scaling = result["mode"] == "scaling"
    peers = tuple(dict.fromkeys(row["peer"] for row in rows))
    width = "" if result["base_dim"] == 96 else f" --base-dim {result['base_dim']}"
    chosen = "" if peers == (DEFAULT_SCALING if scaling else DEFAULT) else f" --peers {','.join(peers)}"
    return (f"VENV/bin/python bench/peers.py --wanc build/tools/wanc --wanrun build/tools/wanrun --latent-size {sizes} \\\n"
            f"        --{'scaling' if scaling else 'threads'} {threads} --rounds {result['rounds']} "
            f"--steps {result['steps']}{width}{chosen}")
