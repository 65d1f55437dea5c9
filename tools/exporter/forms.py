"""The forms: each cuts a decoder into graphs, that is modules with example inputs and symbolic axes."""

import dataclasses
import random
from typing import Callable

import torch

from .decoders import Decoder, Entry, whole_vae
from .errors import ExportError
from .flagged import flagged_module

# The latent size of the example input when height and width stay symbolic. Odd and unequal, so that no
# two axes of the graph happen to have the same length.
EXAMPLE_SIZE = (5, 7)
EXAMPLE_FRAMES = 3
UNROLLED_FRAMES = 4


@dataclasses.dataclass
class Graph:
    """One graph to export."""

    suffix: str  # added to the stem of the output file
    module: torch.nn.Module
    inputs: dict[str, torch.Tensor]
    outputs: list[str]
    # per input: axis -> (root name, factor): "this axis is factor times that symbol"
    dynamic: dict[str, dict[int, tuple[str, int]]]
    # axes that the file calls dynamic though the trace fixed them (TorchScript only): name -> axis -> symbol
    declared: dict[str, dict[int, str]] = dataclasses.field(default_factory=dict)


class WholeGraph(Entry):
    """latents -> frames."""

    def forward(self, latents):
        return self.whole(latents)


class UncachedGraph(Entry):
    """latents -> frames, as many as latents: the trap of a trace without feat_cache."""

    def forward(self, latents):
        return self.without_caches(latents)


class VaeGraph(Entry):
    """latents -> frames by diffusers' own vae.decode: every step of it ends up in the trace."""

    def __init__(self, decoder: Decoder):
        super().__init__(decoder)
        self.vae = [whole_vae(decoder)]  # a list, so that parameters keep the names of the decoder

    def forward(self, latents):
        return self.vae[0].decode(latents).sample


class LoopGraph(Entry):
    """latents -> frames by a caller's own loop: every step has its post_quant_conv and clamp, one Concat joins them."""

    def forward(self, latents):
        caches, frames = [None] * self.slots(), []
        for t in range(latents.shape[2]):
            part, caches = self.step(latents[:, :, t : t + 1], caches, t == 0)
            frames.append(part)
        return torch.cat(frames, 2)


class FirstGraph(Entry):
    """latents -> frames, caches after step 0."""

    def forward(self, latents):
        frames, caches = self.first_step(latents)
        return (frames, *(c for c in caches if isinstance(c, torch.Tensor)))


class SteadyGraph(Entry):
    """latents, caches -> frames, caches."""

    def forward(self, latents, *caches):
        frames, caches = self.step(latents, caches, False)
        return (frames, *(c for c in caches if c is not None))


class ShuffledGraph(Entry):
    """SteadyGraph with its inputs and outputs in another order."""

    def __init__(self, decoder: Decoder, input_order, output_order):
        super().__init__(decoder)
        self.input_order, self.output_order = input_order, output_order

    def forward(self, *values):
        latents, *caches = (values[self.input_order.index(i)] for i in range(len(values)))
        frames, caches = self.step(latents, caches, False)
        results = [frames, *(c for c in caches if c is not None)]
        return tuple(results[i] for i in self.output_order)


def spatial_axes(fixed, factor=1) -> dict[int, tuple[str, int]]:
    """The symbolic axes for height and width, none when the latent size is fixed."""
    return {} if fixed else {3: ("height", factor), 4: ("width", factor)}


def example_latents(decoder: Decoder, options, frames: int):
    """Zeros as latents, in the order of axes that the graph takes."""
    height, width = options.latent_size or EXAMPLE_SIZE
    latents = torch.zeros(1, decoder.config.z_dim, frames, height, width, dtype=decoder.post_quant_conv.weight.dtype)
    return latents.permute(0, 2, 1, 3, 4) if "btchw" in decoder.wraps else latents


def time_axis(decoder: Decoder) -> int:
    return 1 if "btchw" in decoder.wraps else 2


def full_form(decoder: Decoder, options) -> list[Graph]:
    latents = example_latents(decoder, options, options.frames or EXAMPLE_FRAMES)
    axes = spatial_axes(options.latent_size)
    if not options.frames:
        axes[time_axis(decoder)] = ("latent_frames", 1)
    module = UncachedGraph(decoder) if options.fault == "no-cache" else WholeGraph(decoder)
    return [Graph("", module, {"latents": latents}, ["frames"], {"latents": axes})]


def unrolled_form(decoder: Decoder, options) -> list[Graph]:
    latents = example_latents(decoder, options, options.frames or UNROLLED_FRAMES)
    module = LoopGraph(decoder) if options.loop == "caller" else VaeGraph(decoder)
    declared = {}
    if options.declare_dynamic:
        declared = {"latents": {2: "T", 3: "h", 4: "w"}, "frames": {2: "F", 3: "H", 4: "W"}}
    return [Graph("", module, {"latents": latents}, ["frames"], {"latents": {}}, declared)]


def image_form(decoder: Decoder, options) -> list[Graph]:
    latents = example_latents(decoder, options, 1)
    axes = {"latents": spatial_axes(options.latent_size)}
    return [Graph("", VaeGraph(decoder), {"latents": latents}, ["frames"], axes)]


def cache_slots(decoder: Decoder) -> list[tuple[bool, int, int]]:
    """Per used cache slot: does step 0 fill it, its channels, its size relative to the latents."""
    decoder = Entry(decoder)
    decoder.wraps = frozenset()
    with torch.no_grad():
        latents = torch.zeros(1, decoder.config.z_dim, 1, 1, 1, dtype=decoder.post_quant_conv.weight.dtype)
        _, after_first = decoder.first_step(latents)
        _, after_second = decoder.step(latents, after_first, False)
    return [
        (isinstance(first, torch.Tensor), second.shape[1], second.shape[3])
        for first, second in zip(after_first, after_second)
        if second is not None
    ]


def step_graph(decoder: Decoder, options, suffix: str) -> Graph:
    """Every later step, with explicit caches."""
    height, width = options.latent_size or EXAMPLE_SIZE
    latents = example_latents(decoder, options, 1)
    slots = cache_slots(decoder)
    inputs, dynamic = {"latents": latents}, {"latents": spatial_axes(options.latent_size)}
    for i, (_, channels, factor) in enumerate(slots):
        inputs[f"cache_{i}"] = torch.zeros(1, channels, 2, factor * height, factor * width, dtype=latents.dtype)
        dynamic[f"cache_{i}"] = spatial_axes(options.latent_size, factor)
        if options.cache_frames == "dynamic":
            dynamic[f"cache_{i}"][2] = ("cache_frames", 1)
    outputs = ["frames", *(f"new_cache_{i}" for i in range(len(slots)))]
    return Graph(suffix, SteadyGraph(decoder), inputs, outputs, dynamic)


def step_form(decoder: Decoder, options) -> list[Graph]:
    graph = step_graph(decoder, options, "")
    return [shuffled(graph, decoder, options.shuffle)] if options.shuffle else [graph]


def shuffle_orders(count: int, seed: int) -> tuple[list[int], list[int]]:
    """Which input (of latents, cache_0, ...) and which output stands at each place."""
    orders, chance = (list(range(count)), list(range(count))), random.Random(seed)
    for order in orders:
        chance.shuffle(order)
    return orders


def shuffled(graph: Graph, decoder: Decoder, seed: int) -> Graph:
    """The same graph, its inputs and outputs in another order under names without meaning."""
    names = list(graph.inputs)
    takes, gives = shuffle_orders(len(names), seed)
    return Graph(
        graph.suffix,
        ShuffledGraph(decoder, takes, gives),
        {f"x{place}": graph.inputs[names[i]] for place, i in enumerate(takes)},
        [f"y{place}" for place in range(len(gives))],
        {f"x{place}": graph.dynamic[names[i]] for place, i in enumerate(takes)},
    )


def pair_form(decoder: Decoder, options) -> list[Graph]:
    steady = step_graph(decoder, options, "_steady")
    slots = cache_slots(decoder)
    first_caches = [f"new_cache_{i}" for i, (filled, _, _) in enumerate(slots) if filled]
    return [
        Graph("_first", FirstGraph(decoder), {"latents": steady.inputs["latents"]}, ["frames", *first_caches],
              {"latents": steady.dynamic["latents"]}),
        steady,
    ]


def flagged_form(decoder: Decoder, options) -> list[Graph]:
    if decoder.config.family == "wan2.2":
        raise ExportError("--form flagged is for decoders without residual shortcuts")
    height, width = options.latent_size or EXAMPLE_SIZE
    dtype = decoder.post_quant_conv.weight.dtype
    flag = torch.ones([1] if options.flag_shape == "1" else [], dtype=dtype)
    inputs = {"z": torch.zeros(1, 1, decoder.config.z_dim, height, width, dtype=dtype), "use_cache": flag}
    for i, (_, channels, factor) in enumerate(cache_slots(decoder)):
        inputs[f"vae_cache_{i}"] = torch.zeros(1, channels, 2, factor * height, factor * width, dtype=dtype)
    module = flagged_module(decoder, options.select or "if", options.rule or "self-forcing", options.exporter)
    return [Graph("", module, inputs, ["rgb_out", "cache_out"], {name: {} for name in inputs})]


@dataclasses.dataclass(frozen=True)
class Form:
    """A way to cut the decoder into graphs. To add one: a function, and a row in FORMS."""

    make: Callable[[Decoder, object], list[Graph]]
    summary: str
    options: tuple[str, ...]  # the options that mean something for some forms only


FORMS = {
    "full": Form(full_form, "the whole sequence at once, no caches", ("frames", "fault", "wrap")),
    "unrolled": Form(unrolled_form, "diffusers' vae.decode traced at --frames latent frames (default 4)",
                     ("frames", "loop", "declare_dynamic")),
    "image": Form(image_form, "diffusers' vae.decode at one latent frame", ()),
    "step": Form(step_form, "one later step, explicit caches", ("cache_frames", "shuffle", "wrap")),
    "pair": Form(pair_form, "OUT_first.onnx and OUT_steady.onnx, explicit caches", ("cache_frames", "wrap")),
    "flagged": Form(flagged_form, "one step with a flag for the first, after Self-Forcing's export",
                    ("select", "rule", "flag_shape")),
}
