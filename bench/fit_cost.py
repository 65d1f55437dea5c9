#!/usr/bin/env python3
"""The prices of passes/conv_cost.c, fitted to what bench/kernels measures. Needs NumPy.

    build/bench/kernels bench/cost_shapes.txt --cpu --repeats 9 --work >measured.txt
    bench/fit_cost.py measured.txt

The expected time is a sum of counted work at a price for each kind, at least 0. The fit takes the errors relative to
the shortest of the measured times, and weighs large ones less than squares would. Prints units per second, then the
measured times that the fit misses by more than a fifth.
"""

import sys

import numpy as np

FIRST_COUNT = 11  # column of the table


def read(path):
    with open(path) as f:
        rows = [line.split() for line in f]
    kinds = rows[0][rows[0].index("s") + 1 :]  # behind "open s"
    names = [f"{r[0]} {r[1]}" for r in rows[1:]]
    seconds = np.array([1e-3 * float(r[3]) for r in rows[1:]])
    return kinds, names, seconds, np.array([[float(x) for x in r[FIRST_COUNT:]] for r in rows[1:]])


def solve(a, b):
    """Least squares without negative prices: kinds that would get one are left out."""
    active = list(range(a.shape[1]))
    while True:
        x = np.linalg.lstsq(a[:, active], b, rcond=None)[0]
        if (x > 0).all():
            prices = np.zeros(a.shape[1])
            prices[active] = x
            return prices
        active = [k for k, v in zip(active, x) if v > 0]


def fit(counts, seconds):
    a, b = counts / seconds[:, None], np.ones(len(seconds))
    scale = np.sqrt((a * a).sum(0))
    weight = np.ones(len(b))
    for _ in range(100):  # towards the sum of absolute errors, but for small ones
        x = solve(a / scale * weight[:, None], b * weight) / scale
        weight = 1 / np.sqrt(np.maximum(np.abs(a @ x - b), 0.03))
    return x, a @ x


def main():
    kinds, names, seconds, counts = read(sys.argv[1])
    prices, ratio = fit(counts, seconds)
    for kind, price in zip(kinds, prices):
        print(f"{kind:12} {1 / price if price > 0 else float('inf'):10.3g} per second")
    miss = np.sort(np.abs(ratio - 1))
    print(f"expected / measured: half within {miss[len(miss) // 2]:.0%}, nine of ten within {miss[len(miss) * 9 // 10]:.0%}")
    for name, s, r in zip(names, seconds, ratio):
        if abs(r - 1) > 0.2:
            print(f"  {name:32} {1e3 * s:10.3f} ms, expected {1e3 * s * r:10.3f}")


if __name__ == "__main__":
    main()
