"""The virtual environment of the peers, what is in it, and the machine that it is on."""

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from .errors import PeerError
from .peers import PEERS

PACKAGES = ("torch", "diffusers", "onnx", "onnxscript", "onnxruntime", "openvino", "safetensors", "numpy")


def make_environment(folder: Path, wanted: list[str]) -> None:
    """A virtual environment with the newest of each package, or with what `wanted` (NAME==VERSION) says."""
    given = {re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower(): requirement for requirement in wanted}
    requirements = [given.pop(name, name) for name in PACKAGES] + list(given.values())
    python = folder / "bin" / "python"
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--upgrade", *requirements], check=True)
        subprocess.run([python, "-m", "pip", "list"], check=True)
    except (subprocess.CalledProcessError, OSError) as error:
        raise PeerError(f"--setup: {error}") from None
    print(f"\nready: {python} bench/peers.py ...")


def versions(peers) -> dict[str, str]:
    """The version of each package that the peers use; a missing one is left out."""
    found = {}
    for name in sorted({package for peer in peers for package in PEERS[peer].packages}):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def label(peer: str, found: dict[str, str]) -> str:
    """The peer's name for people, versions included."""
    return re.sub(r"\{(\w+)\}", lambda package: found.get(package[1], "(missing)").split("+")[0], PEERS[peer].label)


def machine() -> dict:
    """What of the machine explains the figures. No name of it."""
    info = read("/proc/cpuinfo")
    model = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", info, re.MULTILINE)
    present = set(flags[1].split()) if flags else set()
    known = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_bf16": "AVX-512 bf16", "amx_tile": "AMX", "asimd": "NEON"}
    return {
        "cpu": model[1] if model else platform.machine(),
        "isa": [name for flag, name in known.items() if flag in present],
        "cores": len(os.sched_getaffinity(0)),
        "libc": " ".join(platform.libc_ver()),
        "transparent_hugepage": read("/sys/kernel/mm/transparent_hugepage/enabled").strip(),
        "python": platform.python_version(),
    }


def read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
