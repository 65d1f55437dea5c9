"""The forms that the tests decode: one row per stored model, its golden frames, its check by ONNX Runtime.

make_references.py makes what the table FOLDERS lists, and tests/data/forms/manifest.txt, which says of every model
what must come out of it.  Models of a folder share one decoder; its weights are rebuilt from recipe.txt.

Golden frames are diffusers' vae.decode, step by step in double precision, of as many frames as latents.npy has:
more than any unrolled model was traced with.  Variants of the arithmetic have golden frames of their own (see
golden_kind), and latents that are exact in the precision they are for.
"""

import copy
import dataclasses
import shlex
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from diffusers.models.autoencoders import autoencoder_kl_qwenimage as qwen
from diffusers.models.autoencoders import autoencoder_kl_wan as wan

import export_decoder
from exporter.decoders import latent_statistics, whole_vae
from exporter.flagged import FlaggedGraph, select_eager
from exporter.forms import UNROLLED_FRAMES, cache_slots, shuffle_orders
from exporter.onnx_files import LOW_PRECISION

MODEL_TOLERANCE = {"fp32": 3e-5, "fp16": 3e-2}  # fp32 on random weights is within 1e-5 of fp64


@dataclasses.dataclass(frozen=True)
class Model:
    """One row: a model or a pair, and the exporter's options for it."""

    name: str
    options: str
    size: tuple[int, int] | None = None  # compile it for this size, though traced at another
    expect: str = "decodes"  # or warned, refused


@dataclasses.dataclass(frozen=True)
class Folder:
    name: str
    why: str
    decoder: str
    size: tuple[int, int]
    frames: int
    models: tuple[Model, ...]


def torchscript(opset, name, options, **more):
    return Model(f"{name}_ts{opset}", f"{options} --exporter torchscript --opset {opset}", **more)


def dynamo(opset, name, options, **more):
    return Model(f"{name}_dy{opset}", f"{options} --exporter dynamo --opset {opset}", **more)


def every_form(export, opset):
    """The matrix's column of one exporter at one opset."""
    return (
        export(opset, "full", "--form full"),
        export(opset, "unrolled2", "--form unrolled --frames 2 --latent-size 3x5"),
        export(opset, "pair", "--form pair"),
        export(opset, "flagged", "--form flagged --latent-size 3x5"),
    )


FOLDERS = (
    Folder(
        "forms", "Wan 2.1: every form by both exporters", "--random --base-dim 4 --seed 1", (3, 5), 6,
        (
            torchscript(17, "full", "--form full"),
            torchscript(17, "unrolled4", "--form unrolled --frames 4 --latent-size 3x5"),
            torchscript(17, "pair", "--form pair --cache-frames dynamic"),
            torchscript(17, "flagged_if", "--form flagged --select if --latent-size 3x5"),
            dynamo(20, "full", "--form full"),
            dynamo(20, "full_exact", "--form full --upsampling nearest-exact"),
            dynamo(20, "unrolled4", "--form unrolled --frames 4 --latent-size 3x5"),
            dynamo(20, "unrolled4_exact", "--form unrolled --frames 4 --latent-size 3x5 --upsampling nearest-exact"),
            dynamo(20, "pair", "--form pair"),
            dynamo(20, "step_shuffled", "--form step --shuffle 7"),
            dynamo(20, "step_exact", "--form step --upsampling nearest-exact"),
            dynamo(18, "flagged_if", "--form flagged --flag-shape 1 --latent-size 3x5"),
        ),
    ),
    Folder(
        "opsets", "a small decoder: every form at the oldest and newest opsets; wrappers, weights, faults",
        "--random --base-dim 4 --z-dim 8 --dim-mult 1,2 --num-res-blocks 1 --temporal 1 --seed 8", (3, 5), 6,
        (
            *every_form(torchscript, 13),
            *every_form(torchscript, 23),
            *every_form(dynamo, 18),
            *every_form(dynamo, 23),
            *every_form(dynamo, 25),
            torchscript(14, "full", "--form full"),
            torchscript(16, "full", "--form full"),
            torchscript(18, "full", "--form full"),
            torchscript(20, "full", "--form full"),
            torchscript(17, "flagged_where", "--form flagged --select where --latent-size 3x5"),
            dynamo(20, "flagged_where", "--form flagged --select where --latent-size 3x5"),
            torchscript(17, "flagged_arithmetic", "--form flagged --select arithmetic --latent-size 3x5"),
            dynamo(20, "flagged_arithmetic", "--form flagged --select arithmetic --flag-shape 1 --latent-size 3x5"),
            torchscript(17, "flagged_reference", "--form flagged --rule reference --latent-size 3x5"),
            dynamo(20, "flagged_reference", "--form flagged --rule reference --latent-size 3x5"),
            torchscript(17, "unrolled3_loop", "--form unrolled --frames 3 --loop caller --declare-dynamic"
                        " --latent-size 3x5"),
            dynamo(20, "unrolled4_loop", "--form unrolled --frames 4 --loop caller --latent-size 3x5"),
            dynamo(20, "unrolled21", "--form unrolled --frames 21 --latent-size 3x5"),
            torchscript(17, "step2", "--form step --latent-size 3x5"),
            torchscript(17, "full5", "--form full --frames 5"),
            dynamo(20, "full5", "--form full --frames 5"),
            torchscript(17, "unrolled3_resized", "--form unrolled --frames 3 --latent-size 6x10", size=(3, 5)),
            dynamo(20, "unrolled3_resized", "--form unrolled --frames 3 --latent-size 6x10", size=(3, 5)),
            torchscript(17, "full_resized", "--form full --latent-size 6x10", size=(3, 5)),
            dynamo(20, "full_resized", "--form full --latent-size 6x10", size=(3, 5)),
            dynamo(20, "btchw", "--form full --wrap btchw"),
            torchscript(17, "btchw", "--form full --wrap btchw,denormalise"),
            dynamo(20, "uint8", "--form full --wrap uint8"),
            torchscript(17, "uint8", "--form full --wrap uint8"),
            dynamo(20, "no_post_quant", "--form full --wrap no-post-quant"),
            torchscript(17, "no_clamp", "--form full --wrap no-clamp"),
            torchscript(17, "denormalise", "--form full --wrap denormalise"),
            dynamo(20, "denormalise", "--form full --wrap denormalise"),
            dynamo(20, "stored_fp16", "--form full --dtype fp16"),
            dynamo(20, "stored_bf16", "--form full --dtype bf16"),
            torchscript(17, "stored_bf16", "--form full --dtype bf16"),
            dynamo(20, "computed_fp16", "--form full --compute fp16"),
            torchscript(17, "computed_fp16", "--form full --compute fp16"),
            dynamo(20, "computed_bf16", "--form full --compute bf16"),
            torchscript(17, "computed_bf16", "--form full --compute bf16"),
            dynamo(20, "many_files", "--form full --external-files 3"),
            torchscript(17, "weights_as_inputs", "--form full --weights-as inputs"),
            dynamo(20, "weights_as_inputs", "--form full --weights-as inputs"),
            torchscript(17, "weights_as_constants", "--form full --weights-as constants"),
            torchscript(17, "explicit_attention", "--form full --attention explicit"),
            dynamo(20, "explicit_attention", "--form full --attention explicit"),
            torchscript(17, "no_cache", "--form full --fault no-cache", expect="warned"),
            dynamo(20, "no_cache", "--form full --fault no-cache", expect="warned"),
            torchscript(17, "attention_over_time", "--form full --fault attention-over-time", expect="refused"),
            dynamo(20, "attention_over_time", "--form full --fault attention-over-time", expect="refused"),
            torchscript(17, "padding_ahead", "--form full --fault padding-ahead", expect="refused"),
            dynamo(20, "padding_ahead", "--form full --fault padding-ahead", expect="refused"),
        ),
    ),
    Folder(
        "wan22", "Wan 2.2: residual shortcuts, unpatchify",
        "--random --family wan2.2 --base-dim 4 --z-dim 8 --num-res-blocks 1 --seed 11", (2, 3), 5,
        (
            torchscript(17, "full", "--form full"),
            torchscript(17, "unrolled2", "--form unrolled --frames 2 --latent-size 2x3"),
            torchscript(17, "pair", "--form pair --cache-frames dynamic"),
            dynamo(20, "full", "--form full"),
            dynamo(20, "full_exact", "--form full --upsampling nearest-exact"),
            dynamo(20, "unrolled4", "--form unrolled --frames 4 --latent-size 2x3"),
            dynamo(20, "pair", "--form pair"),
        ),
    ),
    Folder(
        "qwen", "Qwen-Image: one latent frame; its decoder can do videos too",
        "--random --family qwen-image --base-dim 4 --num-res-blocks 1 --seed 21", (2, 3), 6,
        (
            torchscript(17, "image", "--form image"),
            dynamo(20, "image", "--form image"),
            dynamo(20, "image_exact", "--form image --upsampling nearest-exact"),
            torchscript(14, "image_fixed", "--form image --latent-size 2x3"),
            dynamo(20, "unrolled4", "--form unrolled --frames 4 --latent-size 2x3"),
            dynamo(20, "full", "--form full"),
        ),
    ),
)


# ------------------------------------------------------------------------------------------ options


def arguments(folder: Folder, model: Model) -> str:
    """The exporter's command line for one model, without the program."""
    where = f"tests/data/{folder.name}"
    parts = [folder.decoder, model.options]
    if not stores_inside(model):
        many = "--external-files" in model.options
        parts.append("--external --data-name weights.data")
        if many or model is folder.models[0]:
            parts.append(f"--recipe {where}/recipe.txt")
    return " ".join([*parts, f"-o {where}/{model.name}.onnx"])


def stores_inside(model: Model) -> bool:
    """External files hold float32 initializers only."""
    return any(text in model.options for text in ("--dtype", "--compute", "--weights-as constants"))


def parsed(folder: Folder, model: Model):
    return export_decoder.parse_arguments(shlex.split(arguments(folder, model)))


def golden_kind(options) -> str | None:
    """Which golden frames a model has: "" for the plain ones, None for none."""
    if options.form == "flagged":
        return "denormalised" if options.rule == "reference" else "flagged"
    if options.fault:
        return "no_cache" if options.fault == "no-cache" else None
    for wrap, kind in (("denormalise", "denormalised"), ("no-clamp", "unclamped"), ("no-post-quant", "no_post_quant")):
        if wrap in options.wrap:
            return kind
    for precision in LOW_PRECISION:
        if precision in (options.dtype, options.compute):
            return precision
    return ""


def files(options) -> list[Path]:
    stem = options.output
    return [stem.with_stem(stem.stem + s) for s in (("_first", "_steady") if options.form == "pair" else ("",))]


# ------------------------------------------------------------------------------------------ golden frames


def keep_double(module):
    """diffusers' upsampler rounds to float32 on its way; this one does not."""
    for name, child in module.named_children():
        if isinstance(child, (wan.WanUpsample, qwen.QwenImageUpsample)):
            setattr(module, name, torch.nn.Upsample(scale_factor=2.0, mode="nearest-exact"))
        else:
            keep_double(child)


def in_precision(decoder, dtype):
    """A copy that computes in dtype throughout."""
    decoder = copy.deepcopy(decoder)
    if dtype == torch.float64:
        keep_double(decoder)
    return decoder.to(dtype)


def decode(decoder, latents, dtype, kind):
    """Frames of one kind, computed in dtype; and all frames of all steps where a caller drops some."""
    decoder, z = in_precision(decoder, dtype), torch.from_numpy(latents).to(dtype)
    with torch.no_grad():
        if kind == "flagged":
            return decode_flagged(decoder, z)
        if kind == "no_cache":
            return decoder.without_caches(z).numpy(), None
        return decode_vae(decoder, z, kind).numpy(), None


def decode_vae(decoder, z, kind):
    vae = whole_vae(decoder)
    if kind == "denormalised":
        std, mean = latent_statistics(decoder.config.z_dim, z)
        z = z * std + mean
    if kind == "no_post_quant":
        vae.post_quant_conv = torch.nn.Identity()
    if kind == "unclamped":
        return decode_unclamped(vae, z)
    return vae.decode(z).sample


def decode_unclamped(vae, z):
    """The loop of vae.decode, without its clamp."""
    vae.clear_cache()
    x, parts = vae.post_quant_conv(z), []
    for t in range(z.shape[2]):
        parts.append(vae.decoder(x[:, :, t : t + 1], feat_cache=vae._feat_map, feat_idx=[0], first_chunk=t == 0))
    return torch.cat(parts, 2)


def zero_caches(decoder, size, dtype):
    return [torch.zeros(1, c, 2, f * size[0], f * size[1], dtype=dtype) for _, c, f in cache_slots(decoder)]


def decode_flagged(decoder, z):
    """The flagged step as its caller runs it: what that keeps, and all of it."""
    module = FlaggedGraph(decoder, select_eager)
    caches, parts = zero_caches(decoder, z.shape[3:], z.dtype), []
    for t in range(z.shape[2]):
        frames, caches = module(z[:, :, t : t + 1].permute(0, 2, 1, 3, 4), torch.tensor(float(t == 0)), *caches)
        parts.append(frames.permute(0, 2, 1, 3, 4))
    return torch.cat([parts[0][:, :, -1:], *parts[1:]], 2).numpy(), torch.cat(parts, 2).numpy()


def decode_as_is(decoder, latents):
    """All frames of the later step run from zero caches (--first=as-is), in double precision."""
    decoder, z = in_precision(decoder, torch.float64), torch.from_numpy(latents).double()
    caches, parts = zero_caches(decoder, z.shape[3:], z.dtype), []
    with torch.no_grad():
        for t in range(z.shape[2]):
            frames, caches = decoder.step(z[:, :, t : t + 1], caches, False)
            caches = [c for c in caches if c is not None]
            parts.append(frames)
    return torch.cat(parts, 2).numpy()


@dataclasses.dataclass
class Golden:
    """What a model must give, and from what."""

    latents: np.ndarray
    frames: np.ndarray
    all_frames: np.ndarray | None
    difference: float  # of a float32 decode


def suffixed(name: str, kind: str) -> str:
    stem, dot, ending = name.partition(".")
    return f"{stem}_{kind}{dot}{ending}" if kind else name


def make_golden(decoder, latents, kind) -> Golden:
    if kind in LOW_PRECISION:
        dtype = LOW_PRECISION[kind][1]
        latents = torch.from_numpy(latents).to(dtype).float().numpy()
        decoder = copy.deepcopy(decoder).to(dtype).float()
    frames, all_frames = decode(decoder, latents, torch.float64, kind)
    single, _ = decode(decoder, latents, torch.float32, kind)
    return Golden(latents, frames, all_frames, float(np.abs(single - frames).max()))


def write_reference(path: Path, golden: Golden) -> None:
    path.write_text(f"frames {golden.frames.shape[2]}\ntorch_fp32_max_abs_diff {golden.difference:.3e}\n")


def write_golden(path: Path, golden: Golden, kind: str) -> None:
    """latents.npy, frames.npy, frames_all.npy and reference.txt, with the kind in their names."""
    arrays = {"frames.npy": golden.frames}
    if not kind or kind in LOW_PRECISION:
        arrays["latents.npy"] = golden.latents
    if golden.all_frames is not None:
        arrays["frames_all.npy"] = golden.all_frames
    for name, values in arrays.items():
        np.save(path / suffixed(name, kind), np.ascontiguousarray(values, np.float32))
    write_reference(path / suffixed("reference.txt", kind), golden)


# ------------------------------------------------------------------------------------------ checks by ONNX Runtime


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def traced_frames(options) -> int | None:
    return {"image": 1, "unrolled": options.frames or UNROLLED_FRAMES}.get(options.form, options.frames)


def fitting(options, golden, decoder, kind):
    """The golden frames, or others made for this check only, if the model was traced at another size or for more."""
    size, count = options.latent_size or golden.latents.shape[3:], golden.latents.shape[2]
    traced = traced_frames(options) or count
    if size == golden.latents.shape[3:] and traced <= count:
        return golden
    return make_golden(decoder, random_latents(decoder.config.z_dim, max(traced, count), size, options.seed), kind)


def run_sequence(options, path, golden, steady):
    """A graph of the whole sequence, at as many frames as it was traced with. Returns its largest difference."""
    latents = golden.latents[:, :, : traced_frames(options) or golden.latents.shape[2]]
    count = latents.shape[2] if options.fault else 1 + steady * (latents.shape[2] - 1)
    x = np.ascontiguousarray(latents.transpose(0, 2, 1, 3, 4)) if "btchw" in options.wrap else latents
    result = session(path).run(None, {"latents": x.astype(np.float16) if options.compute == "fp16" else x})[0]
    expected = golden.frames[:, :, :count]
    if "uint8" in options.wrap:
        expected = np.rint((expected[0].transpose(1, 2, 3, 0) + 1) * 127.5).clip(0, 255)
        return max(0.0, np.abs(result.astype(int) - expected).max() - 1)  # a byte may round the other way
    if "btchw" in options.wrap:
        result = result.transpose(0, 2, 1, 3, 4)
    return np.abs(result.astype(np.float64) - expected).max()


def run_pair(first_path, steady_path, latents, slots):
    """Runs the pair as a caller would: zero caches of 2 frames, step 0's frame in the last place."""
    first, steady = session(first_path), session(steady_path)
    _, _, steps, height, width = latents.shape
    state = {f"new_cache_{i}": np.zeros((1, channels, 2, factor * height, factor * width), np.float32)
             for i, (_, channels, factor) in enumerate(slots)}
    parts = []
    for t in range(steps):
        graph = first if t == 0 else steady
        feeds = {"latents": latents[:, :, t : t + 1]}
        feeds |= {i.name: state["new_" + i.name] for i in graph.get_inputs()[1:]}
        names = [o.name for o in graph.get_outputs()]
        result = dict(zip(names, graph.run(None, feeds)))
        parts.append(result.pop("frames"))
        for name, value in result.items():
            state[name] = np.concatenate([state[name], value], 2)[:, :, -2:]
    return np.concatenate(parts, 2)


def run_step(options, path, golden, decoder):
    """The step alone: step 0 comes from PyTorch."""
    graph = session(path)
    slots, size = cache_slots(decoder), golden.latents.shape[3:]
    inputs = ["latents", *(f"cache_{i}" for i in range(len(slots)))]
    outputs = list(range(len(inputs)))
    if options.shuffle:
        takes, gives = shuffle_orders(len(inputs), options.shuffle)
        inputs = [f"x{takes.index(i)}" for i in range(len(inputs))]
        outputs = [gives.index(i) for i in range(len(inputs))]
    with torch.no_grad():
        frames, filled = decoder.first_step(torch.from_numpy(golden.latents[:, :, :1]))
    caches = zero_caches(decoder, size, torch.float32)
    for cache, value in zip(caches, [c for c in filled if c is not None]):
        if isinstance(value, torch.Tensor):
            cache[:, :, 1:] = value
    parts, state = [frames.numpy()], [c.numpy() for c in caches]
    for t in range(1, golden.latents.shape[2]):
        results = graph.run(None, dict(zip(inputs, [golden.latents[:, :, t : t + 1], *state])))
        frames, *state = (results[i] for i in outputs)
        parts.append(frames)
    return np.abs(np.concatenate(parts, 2) - golden.frames).max()


def run_flagged(options, path, golden, decoder):
    graph = session(path)
    names = [i.name for i in graph.get_inputs()]
    state = [c.numpy() for c in zero_caches(decoder, golden.latents.shape[3:], torch.float32)]
    shape, parts = ([1] if options.flag_shape == "1" else []), []
    for t in range(golden.latents.shape[2]):
        z = np.ascontiguousarray(golden.latents[:, :, t : t + 1].transpose(0, 2, 1, 3, 4))
        frames, *state = graph.run(None, dict(zip(names, [z, np.full(shape, float(t == 0), np.float32), *state])))
        parts.append(frames.transpose(0, 2, 1, 3, 4)[:, :, (-1 if t == 0 else 0) :])
    return np.abs(np.concatenate(parts, 2) - golden.frames).max()


def check_model(folder: Folder, model: Model, options, golden, decoder) -> str | None:
    """Runs a model as its caller would. Returns what is wrong, or None."""
    steady = 2 ** sum(decoder.config.temporal)
    paths = files(options)
    if golden is not None:
        golden = fitting(options, golden, decoder, golden_kind(options))
    if golden is None or options.compute == "bf16":
        difference = None  # ONNX Runtime has no bfloat16 on a CPU
    elif options.form == "pair":
        difference = np.abs(run_pair(*paths, golden.latents, cache_slots(decoder)) - golden.frames).max()
    elif options.form in ("step", "flagged"):
        difference = {"step": run_step, "flagged": run_flagged}[options.form](options, paths[0], golden, decoder)
    else:
        difference = run_sequence(options, paths[0], golden, steady)
    note = "not run" if difference is None else f"ONNX Runtime differs from the golden frames by {difference:.2e}"
    print(f"  {folder.name}/{model.name}: {note}", flush=True)
    if difference is None or difference <= MODEL_TOLERANCE["fp16" if options.compute == "fp16" else "fp32"]:
        return None
    return f"{folder.name}/{model.name} is wrong: differs by {difference:.2e}"


# ------------------------------------------------------------------------------------------ the folders


def random_latents(z_dim, frames, size, seed):
    """Close to normal, from the exporter's hash: sums of three uniforms, which have variance 1."""
    count = z_dim * frames * size[0] * size[1]
    u = export_decoder.hashed_uniform(seed + 1000, 0, 3 * count).reshape(-1, 3)
    return u.sum(1, dtype=np.float32).reshape(1, z_dim, frames, *size)


def write_commands(path: Path, folder: Folder) -> None:
    commands = [f"python3 tools/export_decoder.py {arguments(folder, model)}" for model in folder.models]
    (path / "command.txt").write_text("\n".join([f"# {folder.why}", *commands]) + "\n")


def has_steps(folder: Folder) -> bool:
    """Whether a model of the folder is, or contains, a step that can be its own first one."""
    return any(parsed(folder, model).form in ("pair", "step") for model in folder.models)


def make_folder(root: Path, folder: Folder) -> None:
    """Exports every model of a folder, from the root, and keeps what ONNX Runtime decodes to the golden frames."""
    path, wrong, goldens = root / "tests" / "data" / folder.name, [], {}
    path.mkdir(parents=True, exist_ok=True)
    for model in folder.models:
        options = parsed(folder, model)
        export_decoder.run(options)
        decoder, _ = export_decoder.load_decoder(options)
        kind = golden_kind(options)
        if kind is not None and kind not in goldens:
            latents = random_latents(decoder.config.z_dim, folder.frames, folder.size, options.seed)
            goldens[kind] = make_golden(decoder, latents, kind)
            if not kind and has_steps(folder):
                goldens[kind].all_frames = decode_as_is(decoder, latents)
            write_golden(path, goldens[kind], kind)
        wrong.append(check_model(folder, model, options, goldens.get(kind), decoder))
    write_commands(path, folder)
    for data in path.glob("weights*.data"):
        data.unlink()
    if any(wrong):
        raise SystemExit("\n".join(f"make_references: {text}" for text in wrong if text))


# ------------------------------------------------------------------------------------------ the manifest

MANIFEST_HEAD = """\
# The models of forms, opsets, wan22 and qwen, one a line; made by tools/make_references.py, paths from tests/data.
#
# name     folder/name, unique
# form     what wanc inspect must call it: full, unrolled, image, step, pair, flagged
# expect   decodes; warned (decodes, with a warning: no temporal upsampling, or a first step unlike the
#          reference's); refused (with the node and the reason)
# models   the file, or first,steady
# traced   the latent size that is baked in, or symbolic
# size     the --latent-size to compile for; where it differs from traced, the file must be resized
# output   f32 ([1,3,F,H,W]) or u8 ([F,H,W,3] bytes: the golden frames x as round((x+1)*127.5), one off at most)
# latents  [1,C,T,h,w], whatever order of axes the model has; an image takes the first latent frame only,
#          and gives the first golden frame
# golden   [1,3,F,H,W] in double precision, stored as float32; or -
# all      frames with --all-frames (flagged) or --first=as-is (step): every frame of every call; or -
# frames   frames of the first step, frames of each later one
# bound    the file with torch_fp32_max_abs_diff, of which the tolerance is a multiple; or -
# recipes  RECIPE:DATA,...: the weights' files to rebuild with make_weights beside the model; or -
# exporter, opset
#
# name form expect models traced size output latents golden all frames bound recipes exporter opset
"""


def size_text(size) -> str:
    return f"{size[0]}x{size[1]}" if size else "symbolic"


def manifest_rows(folder: Folder, model: Model) -> list[str]:
    """One row; a pair has a second one, its step alone."""
    options = parsed(folder, model)
    kind = golden_kind(options)
    temporal = export_decoder.random_config(options).temporal

    def local(name):
        return f"{folder.name}/{name}"

    def row(suffix, form, paths, every="-"):
        latents = suffixed("latents.npy", kind if kind in LOW_PRECISION else "")
        frames = "1,1" if kind == "no_cache" else f"1,{2 ** sum(temporal)}"
        recipes = "-"
        if not stores_inside(model):
            numbers = [f"_{i}" for i in range(options.external_files)] if options.external_files > 1 else [""]
            recipes = ",".join(f"{local(f'recipe{n}.txt')}:{local(f'weights{n}.data')}" for n in numbers)
        expect = "warned" if kind == "flagged" else model.expect
        return " ".join([
            local(model.name + suffix), form, expect, ",".join(local(p.name) for p in paths),
            size_text(options.latent_size), size_text(model.size or folder.size),
            "u8" if "uint8" in options.wrap else "f32", local(latents),
            "-" if kind is None else local(suffixed("frames.npy", kind)), every, frames,
            "-" if kind is None else local(suffixed("reference.txt", kind)), recipes,
            options.exporter, str(options.opset),
        ])

    paths = files(options)
    as_is = local("frames_all.npy")
    if options.form == "pair":
        return [row("", "pair", paths), row("_step", "step", paths[1:], as_is)]
    every = {"step": as_is, "flagged": local("frames_all_flagged.npy") if kind == "flagged" else "-"}
    return [row("", options.form, paths, every.get(options.form, "-"))]


def write_manifest(path: Path) -> None:
    for folder in FOLDERS:  # the exporter's options want them to be there
        path.parent.with_name(folder.name).mkdir(parents=True, exist_ok=True)
    rows = [row for folder in FOLDERS for model in folder.models for row in manifest_rows(folder, model)]
    path.write_text(MANIFEST_HEAD + "\n".join(rows) + "\n")
