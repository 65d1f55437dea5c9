#!/usr/bin/env python3
"""Packs ONNX's own tests of single operators into tests/data/onnx-node/tests.tar.gz.

    venv/bin/python tools/make_node_tests.py

Takes the tests of the installed onnx package whose operators all stand in the table of docs/operators.md, the newest
version of each. Each becomes a folder with model.onnx and test_data_set_N/{input,output}_K.pb. The numbers in the tests are
random; the seed makes them the same in every run with the same versions of onnx and numpy.
"""
import gzip
import importlib
import io
import os
import pkgutil
import re
import tarfile
import warnings

import numpy
import onnx
from onnx import TensorProto, numpy_helper

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def claimed_operators():
    with open(os.path.join(ROOT, "docs", "operators.md")) as page:
        return set(re.findall(r"^\| `(\w+)` \|", page.read(), re.MULTILINE))


def collect():
    """All test cases, by importing the modules that define them."""
    import onnx.backend.test.case.node as cases

    warnings.filterwarnings("ignore")
    for module in sorted(info.name for info in pkgutil.iter_modules(cases.__path__)):
        numpy.random.seed(0)
        importlib.import_module(f"{cases.__name__}.{module}")
    numpy.random.seed(0)
    return cases.collect_testcases(None)


def operators(graph):
    for node in graph.node:
        yield node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}::{node.op_type}"
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from operators(attribute.g)


def files_of(case):
    """Pairs of path and bytes; None when a value is not a tensor."""
    files = [("model.onnx", case.model.SerializeToString())]
    for number, (inputs, outputs) in enumerate(case.data_sets):
        graph = case.model.graph
        for kind, values, infos in (("input", inputs, graph.input), ("output", outputs, graph.output)):
            for k, (value, info) in enumerate(zip(values, infos)):
                if not info.type.HasField("tensor_type"):
                    return None
                tensor = value if isinstance(value, TensorProto) else numpy_helper.from_array(value, info.name)
                files.append((f"test_data_set_{number}/{kind}_{k}.pb", tensor.SerializeToString()))
    return files


def main():
    claimed = claimed_operators()
    archive = io.BytesIO()
    count = 0
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for case in sorted(collect(), key=lambda c: c.name):
            if case.model is None or not set(operators(case.model.graph)) <= claimed:
                continue
            files = files_of(case)
            if files is None:
                continue
            count += 1
            for path, data in files:
                member = tarfile.TarInfo(f"{case.name}/{path}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    out = os.path.join(ROOT, "tests", "data", "onnx-node", "tests.tar.gz")
    os.makedirs(os.path.dirname(out), exist_ok=True)
    with open(out, "wb") as f:
        f.write(gzip.compress(archive.getvalue(), 9, mtime=0))
    print(f"{count} tests of onnx {onnx.__version__}, {os.path.getsize(out)} bytes")


if __name__ == "__main__":
    main()
