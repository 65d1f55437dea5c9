"""What happens to a model between the exporter and its file: no traces, weights stored as asked, one clean write."""

import contextlib
import os
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from .errors import ExportError
from .random_weights import RandomTensor

DATA_ALIGNMENT = 64


def strip_traces(model: onnx.ModelProto) -> None:
    """Removes doc strings and metadata everywhere: exporters put stack traces with file paths there."""

    def strip(message):
        for field in ("doc_string", "metadata_props"):
            if field in message.DESCRIPTOR.fields_by_name:
                message.ClearField(field)

    def strip_graph(g):
        strip(g)
        for part in (*g.input, *g.output, *g.value_info, *g.initializer):
            strip(part)
        strip_nodes(g.node)

    def strip_nodes(nodes):
        for node in nodes:
            strip(node)
            for attribute in node.attribute:
                strip(attribute)
                if attribute.type == onnx.AttributeProto.GRAPH:
                    strip_graph(attribute.g)

    strip(model)
    strip_graph(model.graph)
    for function in model.functions:
        strip(function)
        strip_nodes(function.node)


def check_no_paths(model: onnx.ModelProto, name: str) -> None:
    """Refuses a model that still names files of this machine."""
    data = model.SerializeToString()
    for text in ("site-packages", sys.prefix, os.path.expanduser("~") + "/", os.getcwd() + "/"):
        if len(text) > 2 and text.encode() in data:
            raise ExportError(f"{name} would contain the text '{text}', a path of this machine")


LOW_PRECISION = {"fp16": (TensorProto.FLOAT16, torch.float16), "bf16": (TensorProto.BFLOAT16, torch.bfloat16)}


def store_low(model: onnx.ModelProto, parameters: dict, dtype: str) -> None:
    """Stores each float32 parameter as float16 or bfloat16 and a Cast back in front; computing stays float32.

    Constants that are no parameters (such as the 1e-12 of the norm) are left alone.
    """
    onnx_type, torch_type = LOW_PRECISION[dtype]
    casts = []
    for tensor in model.graph.initializer:
        if tensor.name not in parameters or tensor.data_type != TensorProto.FLOAT:
            continue
        low = torch.from_numpy(numpy_helper.to_array(tensor).copy()).to(torch_type)
        if not torch.isfinite(low).all():
            raise ExportError(f"{tensor.name} has values beyond the range of {torch_type}")
        name, dims = tensor.name, list(tensor.dims)
        tensor.Clear()
        tensor.name, tensor.data_type = f"{name}.{dtype}", onnx_type
        tensor.dims.extend(dims)
        tensor.raw_data = low.view(torch.int16).numpy().tobytes()
        casts.append(helper.make_node("Cast", [tensor.name], [name], name=f"cast_{name}", to=TensorProto.FLOAT))
    put_in_front(model, casts)


def make_constants(model: onnx.ModelProto) -> None:
    """Every initializer becomes a Constant node."""
    constants = []
    for tensor in model.graph.initializer:
        value = TensorProto()
        value.CopyFrom(tensor)
        value.ClearField("name")
        constants.append(helper.make_node("Constant", [], [tensor.name], name=f"constant_{tensor.name}", value=value))
    del model.graph.initializer[:]
    put_in_front(model, constants)


def put_in_front(model: onnx.ModelProto, nodes) -> None:
    nodes = [*nodes, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def data_layout(parameters: dict) -> tuple[dict[str, int], int]:
    """Byte offset of each parameter in the external file, and the file's size."""
    offsets, end = {}, 0
    for name in sorted(parameters):
        offsets[name] = -(-end // DATA_ALIGNMENT) * DATA_ALIGNMENT
        end = offsets[name] + parameters[name].nbytes
    return offsets, end


def data_parts(parameters: dict, location: str, files: int) -> dict[str, dict]:
    """Which parameters lie in which file: one file of that name, or several with numbers in front of its ending."""
    if files == 1:
        return {location: parameters}
    stem, dot, ending = location.rpartition(".")
    names = sorted(parameters)
    return {f"{stem}_{i}{dot}{ending}": {n: parameters[n] for n in names[i::files]} for i in range(files)}


def make_external(model: onnx.ModelProto, parameters: dict, location: str, files: int = 1) -> None:
    """Replaces the values of the parameters by references to the external files."""
    tensors = {t.name: t for t in model.graph.initializer}
    for part, values in data_parts(parameters, location, files).items():
        offsets, _ = data_layout(values)
        for name in values.keys() & tensors.keys():
            refer(tensors[name], values[name], part, offsets[name])


def refer(tensor: TensorProto, values: np.ndarray, location: str, offset: int) -> None:
    """Lets one tensor say where its values lie."""
    if not np.array_equal(numpy_helper.to_array(tensor), values):
        raise ExportError(f"the exporter changed the values of {tensor.name}")
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", values.nbytes)):
        tensor.external_data.add(key=key, value=str(value))


def write_data(path: Path, parameters: dict) -> None:
    """Writes the external file."""
    offsets, _ = data_layout(parameters)
    with replacing(path) as file:
        for name, offset in offsets.items():
            file.write(b"\0" * (offset - file.tell()))
            file.write(np.ascontiguousarray(parameters[name], dtype="<f4").tobytes())


def write_recipe(path: Path, parameters: dict, tensors: dict[str, RandomTensor], seed: int) -> None:
    """Writes the text from which make_weights rebuilds the external file."""
    offsets, size = data_layout(parameters)
    lines = [f"wanc-weights 1 seed {seed} bytes {size}"]
    for name, offset in offsets.items():
        t = tensors[name]
        lines.append(f"{offset} {parameters[name].size} {t.start} {t.scale:.9g} {t.shift:.9g}")
    with replacing(path) as file:
        file.write(("\n".join(lines) + "\n").encode())


@contextlib.contextmanager
def replacing(path: Path):
    """A file to write that takes its name only when complete."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            yield file
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
