"""Models with PyTorch's own frames, from tests/data."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
TINY = DATA / "tiny"  # 16 channels, 4 latent frames of 3x5; steps of 1 and 4 frames
SIZE = (3, 5)

sys.path.append(str(ROOT / "tools"))
from exporter.stream import hashed_uniform  # noqa: E402


def load(name: str) -> np.ndarray:
    return np.load(DATA / name)


def bound(reference: str) -> float:
    """Four times PyTorch's own error in fp32, as the end-to-end tests allow, between 1e-5 and 1e-4."""
    words = (DATA / reference).read_text().split()
    return min(max(4 * float(words[words.index("torch_fp32_max_abs_diff") + 1]), 1e-5), 1e-4)


def assert_frames(case, found, expected, limit: float) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    case.assertEqual(found.shape, expected.shape)
    case.assertLess(np.abs(found.astype(np.float64) - expected).max(), limit)


def with_weights(folder: Path, model: str) -> Path:
    """A copy of a model in the folder, beside its weights, made by its recipe (tools/export_decoder.py)."""
    source = DATA / model
    shutil.copy(source, folder)
    (folder / "weights.data").write_bytes(weights(source.with_name("recipe.txt").read_text()))
    return folder / source.name


def weights(recipe: str) -> bytes:
    head, *rows = (line.split() for line in recipe.splitlines())
    seed, data = int(head[3]), np.zeros(int(head[5]) // 4, np.float32)
    for row in rows:
        first, count, start = int(row[0]) // 4, int(row[1]), int(row[2])
        scale, shift = np.float32(row[3]), np.float32(row[4])
        data[first : first + count] = shift + scale * hashed_uniform(seed, start, count)
    return data.tobytes()
