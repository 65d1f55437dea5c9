#!/usr/bin/env python3
"""Exports a Wan 2.1 VAE decoder to ONNX, in the forms that wanc is built and tested for.

    export_decoder.py --weights decoder.safetensors --form full -o decoder.onnx
    export_decoder.py --random --base-dim 4 --seed 1 --form pair --latent-size 3x5 -o tiny.onnx

Forms (`--form`), one row of FORMS each:

  full   the whole sequence at once, no caches.  latents [1,C,T,h,w] -> frames [1,3,1+4(T-1),8h,8w].
         Every causal convolution pads zeros in front; each temporal upsampler maps x[0], x[1:] to
         x[0], interleave(time_conv(x[1:])).  Equal to diffusers' step by step decode up to rounding.
  pair   diffusers' own decoder, traced twice.  OUT_first.onnx: one latent -> one frame and the caches
         that exist after step 0 (one frame each, none for the temporal upsamplers).  OUT_steady.onnx:
         one latent and all caches -> the frames of a later step and all caches.

Files hold no stack traces and no paths of the machine that wrote them, and are the same bytes on every run.

Random weights (`--random`)
---------------------------
They come from a counter, not from a generator with a state, so that a few lines of C can make the same
bytes (tests/support/make_weights.c).  All arithmetic on integers is modulo 2^64:

    z = seed * 0xD1342543DE82EF95 + (i + 1) * 0x9E3779B97F4A7C15
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB
    z =  z ^ (z >> 31)
    u(i) = ((z >> 40) - 2^23) / 2^23                     in [-1, 1), exact in float32

Element j of a tensor is  shift + scale * u(stream_start + j)  in float32: one rounded multiplication, then
one rounded addition.  Tensors take consecutive parts of the stream in the sorted order of their names.

External data (`--external`)
----------------------------
One file OUT.data holds every parameter of the decoder as little-endian float32, in the sorted order of the
names, each at the next multiple of 64 bytes, with zeros in the gaps.  The layout does not depend on the form,
so the files of a pair share it, and models exported with the same `--data-name` can too.
`--recipe` writes the text from which make_weights rebuilds it:

    wanc-weights 1 seed SEED bytes SIZE
    byte_offset count stream_start scale shift           one line per tensor, in file order
"""

import argparse
import contextlib
import dataclasses
import io
import logging
import math
import os
import sys
import warnings
from pathlib import Path
from typing import Callable

import numpy as np
import onnx
import safetensors.torch
import torch
from diffusers.models.autoencoders import autoencoder_kl_wan as wan
from onnx import TensorProto, helper, numpy_helper

DATA_ALIGNMENT = 64
# The latent size of the example input when height and width stay symbolic. Odd and unequal, so that no
# two axes of the graph happen to have the same length.
EXAMPLE_SIZE = (5, 7)
EXAMPLE_FRAMES = 3


class ExportError(Exception):
    """Something the user can correct; shown without a traceback."""


# ------------------------------------------------------------------------------------------ the decoder


@dataclasses.dataclass(frozen=True)
class Config:
    """The shape of a decoder, in the words of diffusers."""

    base_dim: int
    z_dim: int
    dim_mult: tuple[int, ...]
    num_res_blocks: int
    temporal: tuple[bool, ...]  # per stage: does its upsampler double the frames?
    out_channels: int = 3


class Decoder(torch.nn.Module):
    """post_quant_conv and diffusers' WanDecoder3d; parameter names as in AutoencoderKLWan."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.post_quant_conv = wan.WanCausalConv3d(config.z_dim, config.z_dim, 1)
        self.decoder = wan.WanDecoder3d(
            dim=config.base_dim,
            z_dim=config.z_dim,
            dim_mult=list(config.dim_mult),
            num_res_blocks=config.num_res_blocks,
            temperal_upsample=list(config.temporal),
            out_channels=config.out_channels,
        )

    def step(self, latents, caches, first):
        """One step as diffusers' AutoencoderKLWan._decode takes it. Returns frames and the new caches."""
        caches = list(caches)
        x = self.post_quant_conv(latents)
        frames = self.decoder(x, feat_cache=caches, feat_idx=[0], first_chunk=first)
        return frames.clamp(-1.0, 1.0), caches

    def first_step(self, latents):
        """Step 0. Slots of temporal upsamplers come back as the marker "Rep", unused slots as None."""
        slots = sum(isinstance(m, wan.WanCausalConv3d) for m in self.decoder.modules())
        return self.step(latents, [None] * slots, True)

    def whole(self, latents):
        """The whole sequence at once, in the parallel form."""
        decoder = self.decoder
        x = decoder.mid_block(decoder.conv_in(self.post_quant_conv(latents)))
        for block in decoder.up_blocks:
            for resnet in block.resnets:
                x = resnet(x)
            for upsampler in block.upsamplers or ():
                if upsampler.mode == "upsample3d":
                    x = upsample_time(upsampler.time_conv, x)
                x = upsampler(x)  # without a cache diffusers' module does the spatial part only
        return decoder.conv_out(decoder.nonlinearity(decoder.norm_out(x))).clamp(-1.0, 1.0)


def upsample_time(time_conv, x):
    """x[0], x[1:] -> x[0], interleave(time_conv(x[1:])): T frames become 2T-1."""
    y = time_conv(x[:, :, 1:])
    b, c, t, h, w = y.shape
    y = y.reshape(b, 2, c // 2, t, h, w)
    y = torch.stack((y[:, 0], y[:, 1]), 3).reshape(b, c // 2, 2 * t, h, w)
    return torch.cat([x[:, :, :1], y], 2)


def build_decoder(config: Config, state: dict) -> Decoder:
    """A decoder with these weights, ready to export."""
    decoder = Decoder(config)
    try:
        decoder.load_state_dict({name: tensor.float() for name, tensor in state.items()}, strict=True)
    except RuntimeError as error:
        raise ExportError(f"the weights do not fit the decoder inferred from them ({config}): {error}") from None
    for module in decoder.modules():
        # diffusers asks for nearest-exact, which TorchScript cannot export; at factor 2 nearest is equal.
        if isinstance(module, torch.nn.Upsample):
            module.mode = "nearest"
    return decoder.eval().requires_grad_(False)


# ------------------------------------------------------------------------------------------ weights


def infer_config(state: dict) -> Config:
    """Reads the shape of the decoder off its tensors."""
    if "decoder.conv_in.weight" not in state:
        raise ExportError("no tensor decoder.conv_in.weight: not the weights of a Wan VAE")
    if any(name.startswith("decoder.up_blocks.0.upsampler.") for name in state):
        raise ExportError("these are weights of a Wan 2.2 decoder (residual stages): not supported yet")
    stages = count_from_zero(state, "decoder.up_blocks.{}.resnets.0.conv1.weight")
    channels = [state[f"decoder.up_blocks.{i}.resnets.0.conv1.weight"].shape[0] for i in range(stages)]
    base_dim = channels[-1]
    if any(c % base_dim for c in channels):
        raise ExportError(f"stage channels {channels} are not multiples of the last one")
    return Config(
        base_dim=base_dim,
        z_dim=state["decoder.conv_in.weight"].shape[1],
        dim_mult=tuple(c // base_dim for c in reversed(channels)),
        num_res_blocks=count_from_zero(state, "decoder.up_blocks.0.resnets.{}.conv1.weight") - 1,
        temporal=tuple(f"decoder.up_blocks.{i}.upsamplers.0.time_conv.weight" in state for i in range(stages - 1)),
        out_channels=state["decoder.conv_out.weight"].shape[0],
    )


def count_from_zero(state: dict, pattern: str) -> int:
    """How many of pattern.format(0), pattern.format(1), ... are there."""
    n = 0
    while pattern.format(n) in state:
        n += 1
    return n


def decoder_part(state: dict) -> dict:
    """The tensors that decoding needs, under diffusers' names."""
    if "decoder.conv1.weight" in state:
        from diffusers.loaders.single_file_utils import convert_wan_vae_to_diffusers

        state = convert_wan_vae_to_diffusers(dict(state))
    return {k: v for k, v in state.items() if k.startswith(("decoder.", "post_quant_conv."))}


def load_weights(path: Path) -> Decoder:
    """From a .safetensors (or .pth) file with diffusers' or the original names."""
    state = decoder_part(read_state(path))
    return build_decoder(infer_config(state), state)


def read_state(path: Path) -> dict:
    """The tensors of a weights file, under the names it has."""
    if not path.is_file():
        raise ExportError(f"{path}: no such file")
    if path.suffix in (".pth", ".pt"):
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # noqa: BLE001  (its readers raise whatever they do)
            raise ExportError(f"{path}: not a file of tensors: {error}") from None
    try:
        return safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise ExportError(f"{path}: not a safetensors file: {error}") from None


def load_diffusers(folder: Path) -> Decoder:
    """From a folder written by AutoencoderKLWan.save_pretrained."""
    if not (folder / "config.json").is_file():
        raise ExportError(f"{folder}: no config.json there")
    vae = wan.AutoencoderKLWan.from_pretrained(folder, local_files_only=True)
    if vae.config.is_residual or vae.config.patch_size:
        raise ExportError(f"{folder}: a Wan 2.2 decoder (residual stages, patches): not supported yet")
    state = decoder_part(vae.state_dict())
    return build_decoder(infer_config(state), state)


@dataclasses.dataclass(frozen=True)
class RandomTensor:
    """One tensor of a random decoder: element j is shift + scale * u(start + j)."""

    start: int
    scale: np.float32
    shift: np.float32


def hashed_uniform(seed: int, start: int, count: int) -> np.ndarray:
    """u(start) ... u(start + count - 1) of the stream in this file's docstring."""
    mask = (1 << 64) - 1
    with np.errstate(over="ignore"):
        z = np.arange(start + 1, start + count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z += np.uint64(seed * 0xD1342543DE82EF95 & mask)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    k = (z >> np.uint64(40)).astype(np.int32) - (1 << 23)
    return k.astype(np.float32) / np.float32(1 << 23)


def random_range(name: str, shape) -> tuple[float, float]:
    """(scale, shift) that keep activations near unit size and the frames mostly inside [-1, 1]."""
    if name.endswith("gamma"):
        return 0.1, 1.0
    if name.endswith("bias"):
        return 0.05, 0.0
    gain = 0.6 if name == "decoder.conv_out.weight" else 1.0
    return gain * math.sqrt(3.0 / math.prod(shape[1:])), 0.0


def random_tensors(shapes: dict) -> dict[str, RandomTensor]:
    """Deals the stream out to the tensors, in sorted order of their names."""
    tensors, start = {}, 0
    for name in sorted(shapes):
        scale, shift = random_range(name, shapes[name])
        tensors[name] = RandomTensor(start, np.float32(scale), np.float32(shift))
        start += math.prod(shapes[name])
    return tensors


def random_decoder(config: Config, seed: int) -> tuple[Decoder, dict[str, RandomTensor]]:
    """A decoder with weights from the hashed stream, and where each came from."""
    shapes = {name: tuple(p.shape) for name, p in Decoder(config).named_parameters()}
    tensors, state = random_tensors(shapes), {}
    for name, t in tensors.items():
        u = hashed_uniform(seed, t.start, math.prod(shapes[name]))
        state[name] = torch.from_numpy(t.shift + t.scale * u).reshape(shapes[name])
    return build_decoder(config, state), tensors


# ------------------------------------------------------------------------------------------ forms


@dataclasses.dataclass
class Graph:
    """One graph to export: a module, example inputs and which of their axes are symbolic."""

    suffix: str  # added to the stem of the output file
    module: torch.nn.Module
    inputs: dict[str, torch.Tensor]
    outputs: list[str]
    # per input: axis -> (root name, factor): "this axis is factor times that symbol"
    dynamic: dict[str, dict[int, tuple[str, int]]]


class Entry(Decoder):
    """The same weights under the same names; each subclass is one way in: its forward()."""

    def __init__(self, decoder: Decoder):
        torch.nn.Module.__init__(self)
        self.config = decoder.config
        self.post_quant_conv, self.decoder = decoder.post_quant_conv, decoder.decoder


class WholeGraph(Entry):
    """latents -> frames."""

    def forward(self, latents):
        return self.whole(latents)


class FirstGraph(Entry):
    """latents -> frames, caches after step 0."""

    def forward(self, latents):
        frames, caches = self.first_step(latents)
        return (frames, *(c for c in caches if isinstance(c, torch.Tensor)))


class SteadyGraph(Entry):
    """latents, caches -> frames, caches."""

    def forward(self, latents, *caches):
        frames, caches = self.step(latents, caches, False)
        return (frames, *caches)


def spatial_axes(fixed, factor=1) -> dict[int, tuple[str, int]]:
    """The symbolic axes for height and width, none when the latent size is fixed."""
    return {} if fixed else {3: ("height", factor), 4: ("width", factor)}


def full_form(decoder: Decoder, options) -> list[Graph]:
    height, width = options.latent_size or EXAMPLE_SIZE
    latents = torch.zeros(1, decoder.config.z_dim, options.frames or EXAMPLE_FRAMES, height, width)
    axes = spatial_axes(options.latent_size)
    if not options.frames:
        axes[2] = ("latent_frames", 1)
    return [Graph("", WholeGraph(decoder), {"latents": latents}, ["frames"], {"latents": axes})]


def cache_slots(decoder: Decoder) -> list[tuple[bool, int, int]]:
    """Per used cache slot: does step 0 fill it, its channels, its size relative to the latents."""
    with torch.no_grad():
        latents = torch.zeros(1, decoder.config.z_dim, 1, 1, 1)
        _, after_first = decoder.first_step(latents)
        _, after_second = decoder.step(latents, after_first, False)
    return [
        (isinstance(first, torch.Tensor), second.shape[1], second.shape[3])
        for first, second in zip(after_first, after_second)
        if second is not None
    ]


def pair_form(decoder: Decoder, options) -> list[Graph]:
    height, width = options.latent_size or EXAMPLE_SIZE
    latents = torch.zeros(1, decoder.config.z_dim, 1, height, width)
    slots = cache_slots(decoder)
    inputs, dynamic = {"latents": latents}, {"latents": spatial_axes(options.latent_size)}
    for i, (_, channels, factor) in enumerate(slots):
        inputs[f"cache_{i}"] = torch.zeros(1, channels, 2, factor * height, factor * width)
        dynamic[f"cache_{i}"] = spatial_axes(options.latent_size, factor)
        if options.cache_frames == "dynamic":
            dynamic[f"cache_{i}"][2] = ("cache_frames", 1)
    new_caches = [f"new_cache_{i}" for i in range(len(slots))]
    first_caches = [name for name, (filled, _, _) in zip(new_caches, slots) if filled]
    return [
        Graph("_first", FirstGraph(decoder), {"latents": latents}, ["frames", *first_caches],
              {"latents": dynamic["latents"]}),
        Graph("_steady", SteadyGraph(decoder), inputs, ["frames", *new_caches], dynamic),
    ]


@dataclasses.dataclass(frozen=True)
class Form:
    """A way to cut the decoder into graphs. To add one: a function, and a row in FORMS."""

    make: Callable[[Decoder, argparse.Namespace], list[Graph]]
    summary: str
    options: tuple[str, ...]  # the options that mean something for this form only


FORMS = {
    "full": Form(full_form, "the whole sequence at once, no caches", ("frames",)),
    "pair": Form(pair_form, "OUT_first.onnx and OUT_steady.onnx, explicit caches", ("cache_frames",)),
}


# ------------------------------------------------------------------------------------------ exporters


def dynamo_shapes(graph: Graph):
    """The symbolic axes in the words of torch.export; *caches is one tuple there."""
    roots = {}
    # cache_frames may be 1 (after step 0) or 2
    limits = {"cache_frames": {"min": 1, "max": 2}}

    def dim(name, factor):
        root = roots.setdefault(name, torch.export.Dim(name, **limits.get(name, {})))
        return root if factor == 1 else factor * root

    per_input = [{axis: dim(*d) for axis, d in graph.dynamic[name].items()} for name in graph.inputs]
    shapes = {"latents": per_input[0]}
    if len(per_input) > 1:
        shapes["caches"] = tuple(per_input[1:])
    return shapes


def export_dynamo(graph: Graph, opset) -> onnx.ModelProto:
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
    )
    return program.model_proto


def export_torchscript(graph: Graph, opset) -> onnx.ModelProto:
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
        dynamic_axes=axes,
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


def export_graph(graph: Graph, options) -> onnx.ModelProto:
    with quiet(), torch.no_grad():
        return EXPORTERS[options.exporter](graph, options.opset)


# ------------------------------------------------------------------------------------------ post-processing


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


def store_as_fp16(model: onnx.ModelProto, parameters: dict) -> None:
    """Stores each float32 parameter as float16 and a Cast back in front of the graph; computing stays float32.

    Constants that are no parameters (such as the 1e-12 of the norm) are left alone.
    """
    casts = []
    for tensor in model.graph.initializer:
        if tensor.name not in parameters or tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if not np.isfinite(half).all():
            raise ExportError(f"{tensor.name} has values beyond the range of float16")
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, name + ".fp16"))
        casts.append(helper.make_node("Cast", [name + ".fp16"], [name], name=f"cast_{name}", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def data_layout(parameters: dict) -> tuple[dict[str, int], int]:
    """Byte offset of each parameter in the external file, and the file's size."""
    offsets, end = {}, 0
    for name in sorted(parameters):
        offsets[name] = -(-end // DATA_ALIGNMENT) * DATA_ALIGNMENT
        end = offsets[name] + parameters[name].nbytes
    return offsets, end


def make_external(model: onnx.ModelProto, parameters: dict, location: str) -> None:
    """Replaces the values of the parameters by references to the external file."""
    offsets, _ = data_layout(parameters)
    for tensor in model.graph.initializer:
        if tensor.name not in parameters:
            continue
        values = parameters[tensor.name]
        if not np.array_equal(numpy_helper.to_array(tensor), values):
            raise ExportError(f"the exporter changed the values of {tensor.name}")
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", offsets[tensor.name]), ("length", values.nbytes)):
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


# ------------------------------------------------------------------------------------------ the program


def latent_size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit() and int(height) and int(width)):
        raise argparse.ArgumentTypeError(f"'{text}' is not HEIGHTxWIDTH, such as 30x52")
    return int(height), int(width)


def numbers(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(p.isdigit() and int(p) for p in parts):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of positive numbers, such as 1,2,4,4")
    return tuple(map(int, parts))


def positive(text: str) -> int:
    if not (text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive number")
    return int(text)


def flags(text: str) -> tuple[bool, ...]:
    parts = text.split(",")
    if not all(p in ("0", "1") for p in parts):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of 0 and 1, such as 1,1,0")
    return tuple(p == "1" for p in parts)


def parse_arguments(arguments=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Exports a Wan 2.1 VAE decoder to ONNX.",
                                     epilog="Forms: " + "; ".join(f"{n}: {f.summary}" for n, f in FORMS.items()))
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--weights", type=Path, help="a .safetensors or .pth file, diffusers' or original names")
    source.add_argument("--diffusers", type=Path, metavar="DIR", help="a folder of diffusers' AutoencoderKLWan")
    source.add_argument("--random", action="store_true", help="random weights, see the head of this file")
    shape = parser.add_argument_group("with --random")
    shape.add_argument("--base-dim", type=positive)
    shape.add_argument("--seed", type=int, default=1)
    shape.add_argument("--z-dim", type=positive, default=16)
    shape.add_argument("--dim-mult", type=numbers, default=(1, 2, 4, 4))
    shape.add_argument("--num-res-blocks", type=positive, default=2)
    shape.add_argument("--temporal", type=flags, help="per upsampler: does it double the frames? (default 1,1,0,...)")
    parser.add_argument("--form", choices=FORMS, default="full")
    parser.add_argument("--exporter", choices=EXPORTERS, default="dynamo")
    parser.add_argument("--opset", type=positive, help="default: the exporter's own")
    parser.add_argument("--latent-size", type=latent_size, metavar="HxW", help="fixes both; without it symbolic")
    parser.add_argument("--frames", type=positive, help="fixes the number of latent frames (full)")
    parser.add_argument("--cache-frames", choices=("2", "dynamic"), help="time axis of the caches (pair; default 2)")
    parser.add_argument("--dtype", choices=("fp32", "fp16"), default="fp32", help="how weights are stored")
    parser.add_argument("--external", action="store_true", help="weights in one file beside the model")
    parser.add_argument("--data-name", help="the name of that file (default: OUT.data)")
    parser.add_argument("--recipe", type=Path, help="how to rebuild that file (with --random)")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.onnx")
    options = parser.parse_args(arguments)
    complaint = find_conflict(options)
    if complaint:
        parser.error(complaint)
    return options


def find_conflict(options) -> str | None:
    """What is wrong with a combination of options, or None."""
    for form in FORMS.values():
        for option in form.options:
            if getattr(options, option) and option not in FORMS[options.form].options:
                return f"--{option.replace('_', '-')} means nothing for --form {options.form}"
    if options.output.suffix != ".onnx":
        return "the output must end in .onnx"
    if not options.output.parent.is_dir():
        return f"there is no folder {options.output.parent}"
    if options.random and not options.base_dim:
        return "--random needs --base-dim"
    if options.recipe and not (options.random and options.external):
        return "--recipe needs --random and --external"
    if options.data_name and not options.external:
        return "--data-name needs --external"
    if options.external and options.dtype == "fp16":
        return "--external stores float32 only"
    if options.frames == 1:
        return "--frames 1 never runs the temporal upsamplers: take 2 or more"
    return None


def random_config(options) -> Config:
    upsamplers = len(options.dim_mult) - 1
    temporal = options.temporal or tuple(i < 2 for i in range(upsamplers))
    if len(temporal) != upsamplers:
        raise ExportError(f"--temporal needs {upsamplers} flags, one per upsampler")
    if any(options.base_dim * m % 2 for m in options.dim_mult[1:]):
        raise ExportError("each stage with an upsampler halves its channels: base dim times multiplier must be even")
    return Config(options.base_dim, options.z_dim, options.dim_mult, options.num_res_blocks, temporal)


def load_decoder(options) -> tuple[Decoder, dict[str, RandomTensor]]:
    if options.random:
        return random_decoder(random_config(options), options.seed)
    if options.diffusers:
        return load_diffusers(options.diffusers), {}
    return load_weights(options.weights), {}


def finish(model: onnx.ModelProto, parameters: dict, options, path: Path) -> None:
    """Post-processes one model as the options say and writes it."""
    strip_traces(model)
    if options.dtype == "fp16":
        store_as_fp16(model, parameters)
    if options.external:
        make_external(model, parameters, options.data_name)
    check_no_paths(model, path.name)
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    if options.opset and opset != options.opset:
        raise ExportError(f"the {options.exporter} exporter gave opset {opset} instead of {options.opset}")
    with replacing(path) as file:
        file.write(model.SerializeToString(deterministic=True))
    print(f"{path}: {path.stat().st_size} bytes, {len(model.graph.node)} nodes, opset {opset}")


def run(options) -> None:
    decoder, tensors = load_decoder(options)
    parameters = {name: p.numpy() for name, p in decoder.named_parameters()}
    options.data_name = options.data_name or options.output.with_suffix(".data").name
    for graph in FORMS[options.form].make(decoder, options):
        path = options.output.with_name(options.output.stem + graph.suffix + ".onnx")
        finish(export_graph(graph, options), parameters, options, path)
    if options.external:
        path = options.output.with_name(options.data_name)
        write_data(path, parameters)
        print(f"{path}: {path.stat().st_size} bytes")
    if options.recipe:
        write_recipe(options.recipe, parameters, tensors, options.seed)


def main() -> int:
    try:
        run(parse_arguments())
    except (ExportError, OSError) as error:
        print(f"export_decoder: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
