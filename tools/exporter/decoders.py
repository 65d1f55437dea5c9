"""Decoders of the three families, over diffusers' own modules, and where their weights come from."""

import dataclasses
import json
import math
from pathlib import Path

import safetensors.torch
import torch
from diffusers.models.autoencoders import autoencoder_kl_qwenimage as qwen
from diffusers.models.autoencoders import autoencoder_kl_wan as wan

from .errors import ExportError

# What a pipeline does to its latents before vae.decode: z * std + mean (Wan 2.1 and Qwen-Image, 16 channels).
LATENT_MEAN = (-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508,
               0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921)
LATENT_STD = (2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
              3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160)
CAUSAL_CONVS = (wan.WanCausalConv3d, qwen.QwenImageCausalConv3d)
FAMILIES = ("wan2.1", "wan2.2", "qwen-image")


@dataclasses.dataclass(frozen=True)
class Config:
    """The shape of a decoder, in the words of diffusers."""

    base_dim: int
    z_dim: int
    dim_mult: tuple[int, ...]
    num_res_blocks: int
    temporal: tuple[bool, ...]  # per stage: does its upsampler double the frames?
    out_channels: int = 3
    family: str = "wan2.1"
    patch: int = 1  # Wan 2.2: each output pixel is a patch of this many pixels in height and width


class Decoder(torch.nn.Module):
    """post_quant_conv and the decoder of diffusers; parameter names as in its AutoencoderKL classes.

    `wraps` says what stands around it in the graph (see WRAPS); steps and sequences go through enter and leave.
    """

    def __init__(self, config: Config):
        super().__init__()
        self.config, self.wraps = config, frozenset()
        shape = {
            "dim": config.base_dim,
            "z_dim": config.z_dim,
            "dim_mult": list(config.dim_mult),
            "num_res_blocks": config.num_res_blocks,
            "temperal_upsample": list(config.temporal),
        }
        if config.family == "qwen-image":
            self.post_quant_conv = qwen.QwenImageCausalConv3d(config.z_dim, config.z_dim, 1)
            self.decoder = qwen.QwenImageDecoder3d(**shape, input_channels=config.out_channels)
        else:
            self.post_quant_conv = wan.WanCausalConv3d(config.z_dim, config.z_dim, 1)
            self.decoder = wan.WanDecoder3d(
                **shape, out_channels=config.out_channels, is_residual=config.family == "wan2.2"
            )

    def enter(self, latents):
        """From what the graph takes to what the decoder takes."""
        x = latents.permute(0, 2, 1, 3, 4) if "btchw" in self.wraps else latents
        if "denormalise" in self.wraps:
            std, mean = latent_statistics(self.config.z_dim, x)
            x = x * std + mean
        return x if "no-post-quant" in self.wraps else self.post_quant_conv(x)

    def leave(self, frames):
        """From what the decoder gives to what the graph gives."""
        if self.config.patch > 1:
            frames = wan.unpatchify(frames, self.config.patch)
        if "no-clamp" not in self.wraps:
            frames = frames.clamp(-1.0, 1.0)
        if "uint8" in self.wraps:
            return ((frames[0].permute(1, 2, 3, 0) + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return frames.permute(0, 2, 1, 3, 4) if "btchw" in self.wraps else frames

    def step(self, latents, caches, first):
        """One step as diffusers' _decode takes it. Returns frames and the new caches."""
        return self.step_inside(self.enter(latents), caches, first)

    def step_inside(self, x, caches, first):
        """The same, on what enter() gave."""
        caches = list(caches)
        more = {} if self.config.family == "qwen-image" else {"first_chunk": first}
        return self.leave(self.decoder(x, feat_cache=caches, feat_idx=[0], **more)), caches

    def slots(self):
        """Caches that diffusers makes room for; the last ones stay unused."""
        return sum(isinstance(m, CAUSAL_CONVS) for m in self.decoder.modules())

    def first_step(self, latents):
        """Step 0. Slots of temporal upsamplers come back as the marker "Rep", unused slots as None."""
        return self.step(latents, [None] * self.slots(), True)

    def whole(self, latents):
        """The whole sequence at once, in the parallel form."""
        decoder = self.decoder
        x = decoder.mid_block(decoder.conv_in(self.enter(latents)))
        for block in decoder.up_blocks:
            x = whole_block(block, x)
        return self.leave(decoder.conv_out(decoder.nonlinearity(decoder.norm_out(x))))

    def without_caches(self, latents):
        """What a decoder gives that is called without feat_cache: its temporal upsamplers never run."""
        return self.leave(self.decoder(self.enter(latents)))


class Entry(Decoder):
    """The same weights under the same names; each subclass is one way in: its forward()."""

    def __init__(self, decoder: Decoder):
        torch.nn.Module.__init__(self)
        self.config, self.wraps = decoder.config, decoder.wraps
        self.post_quant_conv, self.decoder = decoder.post_quant_conv, decoder.decoder


def whole_block(block, x):
    """One stage on the whole sequence."""
    shortcut = getattr(block, "avg_shortcut", None)
    y = x
    for resnet in block.resnets:
        y = resnet(y)
    for upsampler in upsamplers(block):
        if upsampler.mode == "upsample3d":
            y = upsample_time(upsampler.time_conv, y)
        y = upsampler(y)  # without a cache diffusers' module does the spatial part only
    return y if shortcut is None else y + shortcut(x, first_chunk=True)


def upsamplers(block):
    """The upsampler of a stage, or none: Wan 2.2's stages hold it under another name."""
    one = getattr(block, "upsampler", None)
    return [one] if one is not None else list(getattr(block, "upsamplers", None) or ())


def upsample_time(time_conv, x):
    """x[0], x[1:] -> x[0], interleave(time_conv(x[1:])): T frames become 2T-1."""
    y = interleave(time_conv(x[:, :, 1:]))
    return torch.cat([x[:, :, :1], y], 2)


def interleave(y):
    """The two halves of the channels become every other frame."""
    b, c, t, h, w = y.shape
    y = y.reshape(b, 2, c // 2, t, h, w)
    return torch.stack((y[:, 0], y[:, 1]), 3).reshape(b, c // 2, 2 * t, h, w)


def latent_statistics(z_dim, like):
    """std and mean as [1,C,1,1,1]; a decoder with other than 16 latent channels takes the 16 in turn."""
    def row(values):
        return torch.tensor([values[i % 16] for i in range(z_dim)], dtype=like.dtype).view(1, -1, 1, 1, 1)
    return row(LATENT_STD), row(LATENT_MEAN)


def whole_vae(decoder: Decoder):
    """diffusers' AutoencoderKL class around this decoder (its encoder is the smallest there is, and not used)."""
    config = decoder.config
    shape = {
        "z_dim": config.z_dim,
        "dim_mult": list(config.dim_mult),
        "num_res_blocks": config.num_res_blocks,
        "temperal_downsample": list(reversed(config.temporal)),
    }
    if config.family == "qwen-image":
        vae = qwen.AutoencoderKLQwenImage(base_dim=2, input_channels=config.out_channels, **shape)
    else:
        residual = config.family == "wan2.2"
        vae = wan.AutoencoderKLWan(
            base_dim=2,
            decoder_base_dim=config.base_dim,
            out_channels=config.out_channels,
            is_residual=residual,
            patch_size=config.patch if residual else None,
            **shape,
        )
    vae.decoder, vae.post_quant_conv = decoder.decoder, decoder.post_quant_conv
    vae._cached_conv_counts["decoder"] = decoder.slots()
    return vae.eval().requires_grad_(False)


def build_decoder(config: Config, state: dict) -> Decoder:
    """A decoder with these weights, ready to export."""
    decoder = Decoder(config)
    try:
        decoder.load_state_dict({name: tensor.float() for name, tensor in state.items()}, strict=True)
    except RuntimeError as error:
        raise ExportError(f"the weights do not fit the decoder inferred from them ({config}): {error}") from None
    # diffusers asks for nearest-exact, which TorchScript cannot export; at factor 2 nearest is equal.
    set_upsampling(decoder, "nearest")
    return decoder.eval().requires_grad_(False)


def set_upsampling(decoder: Decoder, mode: str) -> None:
    for module in decoder.modules():
        if isinstance(module, torch.nn.Upsample):
            module.mode = mode


# ------------------------------------------------------------------------------------------ weights


def infer_config(state: dict, family=None) -> Config:
    """Reads the shape of the decoder off its tensors. Wan 2.1 and Qwen-Image look the same."""
    if "decoder.conv_in.weight" not in state:
        raise ExportError("no tensor decoder.conv_in.weight: not the weights of a Wan VAE")
    residual = any(name.startswith("decoder.up_blocks.0.upsampler.") for name in state)
    if family and (family == "wan2.2") != residual:
        raise ExportError(f"these are not the weights of a {family} decoder")
    stages = count_from_zero(state, "decoder.up_blocks.{}.resnets.0.conv1.weight")
    channels = [state[f"decoder.up_blocks.{i}.resnets.0.conv1.weight"].shape[0] for i in range(stages)]
    base_dim = channels[-1]
    if any(c % base_dim for c in channels):
        raise ExportError(f"stage channels {channels} are not multiples of the last one")
    time_conv = "upsampler.time_conv.weight" if residual else "upsamplers.0.time_conv.weight"
    out_channels = state["decoder.conv_out.weight"].shape[0]
    return Config(
        base_dim=base_dim,
        z_dim=state["decoder.conv_in.weight"].shape[1],
        dim_mult=tuple(c // base_dim for c in reversed(channels)),
        num_res_blocks=count_from_zero(state, "decoder.up_blocks.0.resnets.{}.conv1.weight") - 1,
        temporal=tuple(f"decoder.up_blocks.{i}.{time_conv}" in state for i in range(stages - 1)),
        out_channels=out_channels,
        family=family or ("wan2.2" if residual else "wan2.1"),
        patch=math.isqrt(out_channels // 3) if residual else 1,
    )


def count_from_zero(state: dict, pattern: str) -> int:
    """How many of pattern.format(0), pattern.format(1), ... are there."""
    n = 0
    while pattern.format(n) in state:
        n += 1
    return n


def decoder_part(state: dict) -> dict:
    """The tensors that decoding needs, under diffusers' names."""
    if "decoder.upsamples.0.upsamples.0.residual.0.gamma" in state:
        raise ExportError("Wan 2.2 weights under their original names: convert them to diffusers' first")
    if "decoder.conv1.weight" in state:
        from diffusers.loaders.single_file_utils import convert_wan_vae_to_diffusers

        state = convert_wan_vae_to_diffusers(dict(state))
    return {k: v for k, v in state.items() if k.startswith(("decoder.", "post_quant_conv."))}


def load_weights(path: Path, family=None) -> Decoder:
    """From a .safetensors (or .pth) file with diffusers' or the original names."""
    state = decoder_part(read_state(path))
    return build_decoder(infer_config(state, family), state)


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


def load_diffusers(folder: Path, family=None) -> Decoder:
    """From a folder written by save_pretrained of AutoencoderKLWan or AutoencoderKLQwenImage."""
    if not (folder / "config.json").is_file():
        raise ExportError(f"{folder}: no config.json there")
    name = json.loads((folder / "config.json").read_text()).get("_class_name", "AutoencoderKLWan")
    classes = {"AutoencoderKLWan": wan.AutoencoderKLWan, "AutoencoderKLQwenImage": qwen.AutoencoderKLQwenImage}
    if name not in classes:
        raise ExportError(f"{folder}: holds {name}, which is none of {', '.join(classes)}")
    state = decoder_part(classes[name].from_pretrained(folder, local_files_only=True).state_dict())
    if name == "AutoencoderKLQwenImage":
        family = family or "qwen-image"
    return build_decoder(infer_config(state, family), state)
