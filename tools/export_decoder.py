#!/usr/bin/env python3
"""Exports the VAE decoders of Wan 2.1, Wan 2.2 and Qwen-Image to ONNX, in every form that wanc is tested for.

    export_decoder.py --weights decoder.safetensors --form full -o decoder.onnx
    export_decoder.py --random --base-dim 4 --seed 1 --form pair --latent-size 3x5 -o tiny.onnx
    export_decoder.py --random --base-dim 4 --family wan2.2 --form unrolled --frames 4 --exporter torchscript -o u.onnx

Decoders (`--family`) are diffusers' own modules.  Forms (`--form`), one row of FORMS (exporter/forms.py) each:

  full      the whole sequence at once, no caches.  latents [1,C,T,h,w] -> frames [1,3,1+4(T-1),8h,8w].
            Every causal convolution pads zeros in front; each temporal upsampler maps x[0], x[1:] to
            x[0], interleave(time_conv(x[1:])).  Equal to diffusers' step by step decode up to rounding.
  unrolled  diffusers' vae.decode traced at a fixed number of frames; `--loop caller` is a caller's own loop
            instead.  `--declare-dynamic` declares T, h and w dynamic although the trace has baked them in.
  image     vae.decode at one latent frame.
  step      one later step: one latent and all caches -> frames and all caches.  `--shuffle SEED` puts inputs and
            outputs in another order, under names without meaning.
  pair      diffusers' own decoder, traced twice.  OUT_first.onnx: one latent -> one frame and the caches
            that exist after step 0 (one frame each, none for the temporal upsamplers).  OUT_steady.onnx: the step.
  flagged   one step with a flag that says whether it is the first (exporter/flagged.py).

What stands around the decoder (`--wrap`, several with commas): denormalise (z*std + mean inside), btchw (time
before channels at either end), no-post-quant, no-clamp, uint8 ([T,H,W,3] bytes as output).
Weights: `--dtype fp16|bf16` stores them so, with a Cast each; `--compute fp16|bf16` exports the whole model in that
precision; `--weights-as inputs|constants` makes them graph inputs as well, or Constant nodes.
`--fault` makes an export that wanc must diagnose (exporter/faults.py).

Files hold no stack traces and no paths of the machine that wrote them, and are the same bytes on every run.
Nothing else of what an exporter writes is changed.

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
`--external-files N` deals the parameters out to N files in turn: OUT_0.data, OUT_1.data, ...
`--recipe` writes the text from which make_weights rebuilds it (several are numbered in the same way):

    wanc-weights 1 seed SEED bytes SIZE
    byte_offset count stream_start scale shift           one line per tensor, in file order
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import onnx

from exporter.decoders import FAMILIES, Config, Decoder, load_diffusers, load_weights, set_upsampling
from exporter.errors import ExportError
from exporter.faults import FAULTS
from exporter.forms import FORMS, cache_slots
from exporter.onnx_files import (LOW_PRECISION, check_no_paths, data_parts, make_constants, make_external, replacing,
                                 store_low, strip_traces, write_data, write_recipe)
from exporter.random_weights import RandomTensor, random_decoder
from exporter.stream import hashed_uniform
from exporter.torch_exporters import EXPORTERS, export_graph

# what make_references and the benchmark use of it
__all__ = ["cache_slots", "hashed_uniform", "load_decoder", "load_weights", "parse_arguments"]

WRAPS = ("denormalise", "btchw", "no-post-quant", "no-clamp", "uint8")
ATTENTION_OPSET = 14  # the first in which the TorchScript exporter has scaled_dot_product_attention


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


def wraps(text: str) -> tuple[str, ...]:
    parts = tuple(text.split(","))
    if not all(p in WRAPS for p in parts):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of {', '.join(WRAPS)}")
    return parts


def parse_arguments(arguments=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Exports a VAE decoder of the Wan family to ONNX.",
                                     epilog="Forms: " + "; ".join(f"{n}: {f.summary}" for n, f in FORMS.items()))
    add_decoder_options(parser)
    add_form_options(parser)
    add_storage_options(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.onnx")
    options = parser.parse_args(arguments)
    complaint = find_conflict(options)
    if complaint:
        parser.error(complaint)
    old = options.exporter == "torchscript" and (options.opset or ATTENTION_OPSET) < ATTENTION_OPSET
    options.attention = options.attention or ("explicit" if old else "own")
    return options


def add_decoder_options(parser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--weights", type=Path, help="a .safetensors or .pth file, diffusers' or original names")
    source.add_argument("--diffusers", type=Path, metavar="DIR", help="a folder of diffusers' AutoencoderKL classes")
    source.add_argument("--random", action="store_true", help="random weights, see the head of this file")
    parser.add_argument("--family", choices=FAMILIES, help="default: what the weights say, or wan2.1")
    shape = parser.add_argument_group("with --random")
    shape.add_argument("--base-dim", type=positive)
    shape.add_argument("--seed", type=int, default=1)
    shape.add_argument("--z-dim", type=positive, default=16)
    shape.add_argument("--dim-mult", type=numbers, default=(1, 2, 4, 4))
    shape.add_argument("--num-res-blocks", type=positive, default=2)
    shape.add_argument("--temporal", type=flags, help="per upsampler: does it double the frames? (default 1,1,0,...)")


def add_form_options(parser) -> None:
    parser.add_argument("--form", choices=FORMS, default="full")
    parser.add_argument("--exporter", choices=EXPORTERS, default="dynamo")
    parser.add_argument("--opset", type=positive, help="default: the exporter's own")
    parser.add_argument("--latent-size", type=latent_size, metavar="HxW", help="fixes both; without it symbolic")
    parser.add_argument("--frames", type=positive, help="fixes the number of latent frames (full, unrolled)")
    parser.add_argument("--loop", choices=("vae", "caller"), help="whose loop is unrolled (default vae)")
    parser.add_argument("--declare-dynamic", action="store_true", help="baked axes are declared dynamic (unrolled)")
    parser.add_argument("--cache-frames", choices=("2", "dynamic"),
                        help="time axis of the caches (step, pair; default 2)")
    parser.add_argument("--shuffle", type=positive, metavar="SEED", help="order and names without meaning (step)")
    parser.add_argument("--select", choices=("if", "where", "arithmetic"), help="how the flag selects (default if)")
    parser.add_argument("--rule", choices=("self-forcing", "reference"), help="what the first flagged step does")
    parser.add_argument("--flag-shape", choices=("scalar", "1"), help="shape of the flag: [] (default) or [1]")
    parser.add_argument("--wrap", type=wraps, default=(), help=f"around the decoder: {', '.join(WRAPS)}")
    parser.add_argument("--upsampling", choices=("nearest", "nearest-exact"), default="nearest",
                        help="nearest-exact is diffusers' own; TorchScript cannot export it")
    parser.add_argument("--attention", choices=("own", "explicit"), help="explicit: softmax(q k^T s) v, written out")
    parser.add_argument("--fault", choices=FAULTS, help="an export that must be diagnosed (full)")


def add_storage_options(parser) -> None:
    parser.add_argument("--dtype", choices=("fp32", *LOW_PRECISION), default="fp32", help="how weights are stored")
    parser.add_argument("--compute", choices=("fp32", *LOW_PRECISION), default="fp32", help="the whole model's type")
    parser.add_argument("--weights-as", choices=("initializers", "inputs", "constants"), default="initializers")
    parser.add_argument("--external", action="store_true", help="weights in one file beside the model")
    parser.add_argument("--external-files", type=positive, default=1, metavar="N", help="in N files")
    parser.add_argument("--data-name", help="the name of that file (default: OUT.data)")
    parser.add_argument("--recipe", type=Path, help="how to rebuild that file (with --random)")


def find_conflict(options) -> str | None:
    """What is wrong with a combination of options, or None."""
    complaint = find_form_conflict(options)
    if complaint:
        return complaint
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
    low = options.dtype != "fp32" or options.compute != "fp32" or options.weights_as == "constants"
    if options.external and low:
        return "--external stores float32 initializers only"
    if options.external_files > 1 and not options.external:
        return "--external-files needs --external"
    return None


def find_form_conflict(options) -> str | None:
    """What of it the form cannot do."""
    for form in FORMS.values():
        for option in form.options:
            if getattr(options, option) and option not in FORMS[options.form].options:
                return f"--{option.replace('_', '-')} means nothing for --form {options.form}"
    if options.frames == 1:
        return "--frames 1 never runs the temporal upsamplers: take 2 or more"
    if options.declare_dynamic and options.exporter == "dynamo":
        return "--declare-dynamic: the dynamo exporter refuses axes that are not dynamic"
    if options.upsampling == "nearest-exact" and options.exporter == "torchscript":
        return "--upsampling nearest-exact: the TorchScript exporter has no such operator"
    if options.form != "full" and "uint8" in options.wrap:
        return "--wrap uint8 is for --form full"
    return None


def random_config(options) -> Config:
    upsamplers = len(options.dim_mult) - 1
    temporal = options.temporal or tuple(i < 2 for i in range(upsamplers))
    if len(temporal) != upsamplers:
        raise ExportError(f"--temporal needs {upsamplers} flags, one per upsampler")
    if any(options.base_dim * m % 2 for m in options.dim_mult[1:]):
        raise ExportError("each stage with an upsampler halves its channels: base dim times multiplier must be even")
    shape = Config(options.base_dim, options.z_dim, options.dim_mult, options.num_res_blocks, temporal)
    if options.family == "wan2.2":
        return dataclasses.replace(shape, family="wan2.2", out_channels=12, patch=2)
    return dataclasses.replace(shape, family=options.family or "wan2.1")


def load_decoder(options) -> tuple[Decoder, dict[str, RandomTensor]]:
    if options.random:
        return random_decoder(random_config(options), options.seed)
    if options.diffusers:
        return load_diffusers(options.diffusers, options.family), {}
    return load_weights(options.weights, options.family), {}


def prepare(decoder: Decoder, options) -> None:
    """Changes the decoder as the options say."""
    decoder.wraps = frozenset(options.wrap)
    set_upsampling(decoder, options.upsampling)
    if options.fault:
        FAULTS[options.fault](decoder)
    if options.compute != "fp32":
        decoder.to(LOW_PRECISION[options.compute][1])


def finish(model: onnx.ModelProto, parameters: dict, options, path: Path) -> None:
    """Post-processes one model as the options say and writes it."""
    strip_traces(model)
    if options.dtype != "fp32":
        store_low(model, parameters, options.dtype)
    if options.weights_as == "constants":
        make_constants(model)
    if options.external:
        make_external(model, parameters, options.data_name, options.external_files)
    check_no_paths(model, path.name)
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    if options.opset and opset != options.opset:
        raise ExportError(f"the {options.exporter} exporter gave opset {opset} instead of {options.opset}")
    with replacing(path) as file:
        file.write(model.SerializeToString(deterministic=True))
    print(f"{path}: {path.stat().st_size} bytes, {len(model.graph.node)} nodes, opset {opset}")


def write_weights(parameters: dict, tensors: dict, options) -> None:
    """The external files and their recipes."""
    parts = data_parts(parameters, options.data_name, options.external_files)
    for i, (name, values) in enumerate(parts.items()):
        path = options.output.with_name(name)
        write_data(path, values)
        print(f"{path}: {path.stat().st_size} bytes")
        if options.recipe:
            recipe = options.recipe
            if len(parts) > 1:
                recipe = recipe.with_stem(f"{recipe.stem}_{i}")
            write_recipe(recipe, values, tensors, options.seed)


def run(options) -> None:
    decoder, tensors = load_decoder(options)
    parameters = {name: p.numpy() for name, p in decoder.named_parameters()}
    prepare(decoder, options)
    options.data_name = options.data_name or options.output.with_suffix(".data").name
    for graph in FORMS[options.form].make(decoder, options):
        path = options.output.with_name(options.output.stem + graph.suffix + ".onnx")
        finish(export_graph(graph, options), parameters, options, path)
    if options.external:
        write_weights(parameters, tensors, options)


def main() -> int:
    try:
        run(parse_arguments())
    except (ExportError, OSError) as error:
        print(f"export_decoder: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
