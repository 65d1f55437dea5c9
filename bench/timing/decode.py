"""The process of one Python peer: decodes the latents of a run's folder once, each step timed.

    decode.py DECODER FOLDER HxW THREADS FRAMES.npy

Leaves the frames in a file, and one line of JSON on stdout: the seconds of the first and of each steady step,
the peak memory, and the seconds that loading or compiling took before them, for those peers that do so.
"""

import functools
import json
import re
import sys
import time
import traceback
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))

WARM_FRAMES = 3  # the first step, and steady ones on caches of the first and of a steady step


class Task(NamedTuple):
    folder: Path
    size: str
    threads: int

    def latents(self):
        return np.load(self.folder / f"latents_{self.size}.npy")

    def pair(self):
        return [self.folder / f"pair_{self.size}_{step}.onnx" for step in ("first", "steady")]


class Decoded(NamedTuple):
    frames: list
    times: list
    start: float | None = None  # seconds of loading or compiling


def timed(function, *arguments):
    begin = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - begin


def peak_bytes():
    """Of this process alone: getrusage would count what the parent had when it forked."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)[1]) * 1024


# ------------------------------------------------------------------------------------------ PyTorch


def load_torch(task, dtype):
    """diffusers' decoder, its convolutions in channels-last memory."""
    import export_decoder
    import torch

    torch.set_num_threads(task.threads)
    arguments = json.loads((task.folder / "decoder.json").read_text())["arguments"]
    decoder, _ = export_decoder.load_decoder(export_decoder.parse_arguments([*arguments, "-o", "unused.onnx"]))
    decoder.to(dtype)
    for module in decoder.modules():
        if isinstance(module, torch.nn.Conv3d):
            module.to(memory_format=torch.channels_last_3d)
        elif isinstance(module, torch.nn.Conv2d):
            module.to(memory_format=torch.channels_last)
    return decoder


def torch_steps(decoder, step, latents, between=list):
    """diffusers' step by step decode, without its concatenation of all frames so far.

    `between` is what the caches go through from one step to the next, in no step's time.
    """
    import torch

    parts, times, caches = [], [], [None] * decoder.slots()
    for t in range(latents.shape[2]):
        latent = latents[:, :, t : t + 1].contiguous(memory_format=torch.channels_last_3d)
        (frames, caches), seconds = timed(step, latent, caches, t == 0)
        caches = between(caches)
        parts.append(frames.float().contiguous().numpy())
        times.append(seconds)
    return Decoded(parts, times)


def decode_torch(task, dtype="float32"):
    """Eager."""
    import torch

    dtype = getattr(torch, dtype)
    decoder = load_torch(task, dtype)
    with torch.inference_mode():
        return torch_steps(decoder, decoder.step, torch.from_numpy(task.latents()).to(dtype))


def decode_compiled(task):
    """torch.compile with its defaults; a decode beforehand compiles everything, and no step may compile again."""
    import export_decoder
    import torch

    decoder = load_torch(task, torch.float32)
    latents = torch.from_numpy(task.latents())
    slots = export_decoder.cache_slots(decoder)
    step = torch.compile(decoder.step, dynamic=False)
    between = functools.partial(steady_caches, slots, latents.shape[3:])
    with torch.inference_mode():
        _, start = timed(torch_steps, decoder, step, latents[:, :, :WARM_FRAMES], between)
        with torch.compiler.set_stance("fail_on_recompile"):
            return torch_steps(decoder, step, latents, between)._replace(start=start)


def steady_caches(slots, size, caches):
    """Two frames in each cache, zeros in front of those of the first step, channels last with nothing between.

    All steady steps then have the same shapes and strides, so there is one graph for them. Done inside that graph,
    the inductor of PyTorch 2.14 gave wrong caches.
    """
    for i, (_, channels, factor) in enumerate(slots):  # in place: each old cache is freed before the next copy
        caches[i] = steady_cache(caches[i], (1, channels, 2, factor * size[0], factor * size[1]))
    return caches


def steady_cache(cache, shape):
    """One of them; a copy only where it has to be one."""
    import torch

    strides = torch.empty(shape, device="meta", memory_format=torch.channels_last_3d).stride()
    if isinstance(cache, torch.Tensor) and cache.shape == shape and cache.stride() == strides:
        return cache
    dense = torch.zeros(shape).contiguous(memory_format=torch.channels_last_3d)
    if isinstance(cache, torch.Tensor):
        dense[:, :, 2 - cache.shape[2] :] = cache
    return dense


# ------------------------------------------------------------------------------------------ the pair form


def two_frames(cache, shape):
    """Step 0's cache, or none, as the steady graph takes it: zeros in front."""
    cache = np.zeros((*shape[:2], 0, *shape[3:]), np.float32) if cache is None else cache
    missing = np.zeros((*shape[:2], 2 - cache.shape[2], *shape[3:]), np.float32)
    return np.concatenate([missing, cache], 2)


def pair_steps(latents, functions, cache_shapes):
    """Both graphs are functions of a dictionary of inputs; caches go from outputs to inputs as they are."""
    run = functions.pop(0)
    state, seconds = timed(run, {"latents": latents[:, :, :1]})
    parts, times = [np.array(state["frames"])], [seconds]
    caches = {name: two_frames(state.get("new_" + name), shape) for name, shape in cache_shapes.items()}
    del state
    run = functions.pop(0)  # nothing holds the first step's model any longer
    for t in range(1, latents.shape[2]):
        state, seconds = timed(run, {"latents": latents[:, :, t : t + 1], **caches})
        caches = {name: state["new_" + name] for name in cache_shapes}
        parts.append(np.array(state["frames"]))
        times.append(seconds)
    return Decoded(parts, times)


def decode_ort(task):
    sessions, start = timed(lambda: [ort_session(path, task.threads) for path in task.pair()])
    shapes = {i.name: i.shape for i in sessions[1].get_inputs() if i.name != "latents"}
    functions = [ort_function(sessions.pop(0)), ort_function(sessions.pop(0))]
    return pair_steps(task.latents(), functions, shapes)._replace(start=start)


def ort_session(path, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def ort_function(session):
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(None, inputs)))


def decode_openvino(task):
    models, start = timed(lambda: [openvino_model(path, task.threads) for path in task.pair()])
    shapes = {i.any_name: tuple(i.shape) for i in models[1].inputs if i.any_name != "latents"}
    functions = [openvino_function(models.pop(0)), openvino_function(models.pop(0))]
    return pair_steps(task.latents(), functions, shapes)._replace(start=start)


def openvino_model(path, threads):
    import openvino

    core = openvino.Core()
    config = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    return core.compile_model(core.read_model(path), "CPU", config)


def openvino_function(model):
    """Nothing is copied: with two requests in turn the results of one are the inputs of the other."""
    requests = [model.create_infer_request(), model.create_infer_request()]
    names = [output.any_name for output in model.outputs]

    def run(inputs):
        requests.append(requests.pop(0))
        results = requests[-1].infer(inputs, share_inputs=True, share_outputs=True)
        return {name: results[name] for name in names}

    return run


# ------------------------------------------------------------------------------------------


DECODERS = {
    "torch": decode_torch,
    "torch-compile": decode_compiled,
    "torch-bf16": lambda task: decode_torch(task, "bfloat16"),
    "ort": decode_ort,
    "openvino": decode_openvino,
}


def main():
    name, folder, size, threads, out = sys.argv[1:]
    try:
        decoded = DECODERS[name](Task(Path(folder), size, int(threads)))
    except Exception as error:  # noqa: BLE001  (whatever a peer raises becomes the reason in its row)
        traceback.print_exc()
        print(f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}", file=sys.stderr)
        return 1
    np.save(out, np.concatenate(decoded.frames, 2))
    first, *steady = decoded.times
    print(json.dumps({"first": first, "steady": steady, "peak_bytes": peak_bytes(), "start": decoded.start}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
