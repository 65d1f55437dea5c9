"""torch's two exporters, called as people call them."""

import contextlib
import inspect
import io
import logging
import math
import warnings

import onnx
import torch

from .forms import Graph


def dynamo_shapes(graph: Graph):
    """The symbolic axes in the words of torch.export, by parameter; those of a *parameter are one tuple."""
    roots = {}
    # cache_frames may be 1 (after step 0) or 2
    limits = {"cache_frames": {"min": 1, "max": 2}}

    def dim(name, factor):
        root = roots.setdefault(name, torch.export.Dim(name, **limits.get(name, {})))
        return root if factor == 1 else factor * root

    per_input = [{axis: dim(*d) for axis, d in graph.dynamic[name].items()} for name in graph.inputs]
    shapes = {}
    for parameter in inspect.signature(graph.module.forward).parameters.values():
        if parameter.kind == parameter.VAR_POSITIONAL:
            shapes[parameter.name], per_input = tuple(per_input), []
        else:
            shapes[parameter.name] = per_input.pop(0)
    return shapes


def export_dynamo(graph: Graph, opset, more) -> onnx.ModelProto:
    program = torch.onnx.export(
        graph.module,
        tuple(graph.inputs.values()),
        dynamo=True,
        opset_version=opset,
        input_names=list(graph.inputs),
        output_names=graph.outputs,
        dynamic_shapes=dynamo_shapes(graph) if any(graph.dynamic.values()) else None,
        external_data=False,
        verbose=False,
        **more,
    )
    return program.model_proto


def export_torchscript(graph: Graph, opset, more) -> onnx.ModelProto:
    axes = {
        name: {axis: root if factor == 1 else f"{factor}*{root}" for axis, (root, factor) in dims.items()}
        for name, dims in graph.dynamic.items()
    }
    buffer = io.BytesIO()
    torch.onnx.export(
        graph.module,
        tuple(graph.inputs.values()),
        buffer,
        dynamo=False,
        opset_version=opset,
        input_names=list(graph.inputs),
        output_names=graph.outputs,
        dynamic_axes=axes | graph.declared,
        **more,
    )
    return onnx.load_model_from_string(buffer.getvalue())


EXPORTERS = {"dynamo": export_dynamo, "torchscript": export_torchscript}


@contextlib.contextmanager
def quiet():
    """Silences the exporters' progress and their warnings about themselves; errors still come as exceptions."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def attention_written_out(q, k, v):
    return torch.softmax(q @ k.transpose(-2, -1) * (1.0 / math.sqrt(q.shape[-1])), -1) @ v


@contextlib.contextmanager
def attention(kind: str):
    """For `explicit`, what a caller writes whose exporter knows no scaled_dot_product_attention."""
    functional = torch.nn.functional
    original = functional.scaled_dot_product_attention
    if kind == "explicit":
        functional.scaled_dot_product_attention = attention_written_out
    try:
        yield
    finally:
        functional.scaled_dot_product_attention = original


def export_graph(graph: Graph, options) -> onnx.ModelProto:
    more = {"keep_initializers_as_inputs": True} if options.weights_as == "inputs" else {}
    with quiet(), torch.no_grad(), attention(options.attention):
        return EXPORTERS[options.exporter](graph, options.opset, more)
