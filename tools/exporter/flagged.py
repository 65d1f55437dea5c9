"""The flagged step: one graph for the first and for every later step, chosen by a scalar input.

Written after the export of Self-Forcing (demo_utils/vae.py there), over diffusers' modules.  Latents and frames
are [B,T,C,H,W], latents are denormalised inside, all caches have two frames and are zeros at first.  Its caller:

    caches = zeros
    for t in range(T):
        frames, *caches = graph(z[:, t:t+1], use_cache = 1.0 if t == 0 else 0.0, *caches)
        keep frames[:, 3:] if t == 0, else all four

By the rule `self-forcing` the first call runs no time convolution but puts a zero frame in front of each frame
that a temporal upsampler meets, so four frames come out and three that no reference decoder ever saw enter the
caches.  By the rule `reference` the first call bypasses the temporal upsamplers as diffusers does.
"""

import torch

from .decoders import Decoder, Entry, interleave, upsamplers


def select_where(first, a, b):
    return torch.where(first.bool(), a(), b())


def select_arithmetic(first, a, b):
    return first * a() + (1 - first) * b()


def select_cond(first, a, b):
    return torch.cond(first.bool(), a, b)


def select_eager(first, a, b):
    return a() if bool(first) else b()


@torch.jit.script
def scripted_choice(first, a, b):
    if bool(first):
        y = a
    else:
        y = b
    return y


def select_scripted(first, a, b):
    """TorchScript traces no condition, but keeps one that is scripted."""
    return scripted_choice(first, a(), b())


@torch.jit.script
def scripted_upsampling(x, cache, first, weight, bias):
    if bool(first):
        y = x
        new_cache = cache
    else:
        joined = torch.cat([cache, x], 2)
        y = torch.nn.functional.conv3d(joined, weight, bias)
        b, c, t, h, w = y.shape
        y = y.reshape(b, 2, c // 2, t, h, w)
        y = torch.stack((y[:, 0], y[:, 1]), 3).reshape(b, c // 2, 2 * t, h, w)
        new_cache = joined[:, :, -2:]
    return y, new_cache


class FlaggedGraph(Entry):
    """z, use_cache, caches -> frames, caches, by the rule self-forcing."""

    def __init__(self, decoder: Decoder, select):
        super().__init__(decoder)
        self.wraps, self.select = frozenset(("denormalise", "btchw")), select

    def forward(self, z, use_cache, *vae_cache):
        decoder, caches, new = self.decoder, iter(vae_cache), []
        x = self.convolve(decoder.conv_in, self.enter(z), next(caches), new)
        x = self.residual(decoder.mid_block.resnets[0], x, caches, new)
        x = self.residual(decoder.mid_block.resnets[1], decoder.mid_block.attentions[0](x), caches, new)
        for block in decoder.up_blocks:
            for resnet in block.resnets:
                x = self.residual(resnet, x, caches, new)
            for upsampler in upsamplers(block):
                if upsampler.mode == "upsample3d":
                    x = self.upsample_time(upsampler.time_conv, x, use_cache, next(caches), new)
                x = upsampler(x)
        x = self.convolve(decoder.conv_out, decoder.nonlinearity(decoder.norm_out(x)), next(caches), new)
        return self.leave(x), new

    def convolve(self, conv, x, cache, new):
        keep = x[:, :, -2:].clone()
        if keep.shape[2] < 2:
            keep = torch.cat([cache[:, :, -1].unsqueeze(2), keep], 2)
        new.append(keep)
        return conv(x, cache)

    def residual(self, block, x, caches, new):
        shortcut = block.conv_shortcut(x)
        x = self.convolve(block.conv1, block.nonlinearity(block.norm1(x)), next(caches), new)
        return self.convolve(block.conv2, block.nonlinearity(block.norm2(x)), next(caches), new) + shortcut

    def upsample_time(self, conv, x, first, cache, new):
        keep = x[:, :, -2:].clone()
        if keep.shape[2] < 2:
            keep = torch.cat([torch.zeros_like(keep), keep], 2)
        y = self.select(first, lambda: torch.cat([torch.zeros_like(x), x], 1).contiguous(),
                        lambda: conv(x, cache).contiguous())
        new.append(self.select(first, lambda: cache.clone().contiguous(), lambda: keep.clone().contiguous()))
        return interleave(y).contiguous()


class ScriptedReference(FlaggedGraph):
    """By the rule reference: the condition has branches of one and of two frames."""

    def convolve(self, conv, x, cache, new):
        new.append(torch.cat([cache, x], 2)[:, :, -2:])
        return conv(x, cache)

    def upsample_time(self, conv, x, first, cache, new):
        y, keep = scripted_upsampling(x, cache, first, conv.weight, conv.bias)
        new.append(keep)
        return y


class CondReference(FlaggedGraph):
    """By the rule reference: one condition around the whole decoder, as torch.cond wants branches of one shape.

    The first branch puts zero frames in front of its one frame, which the caller drops.
    """

    def forward(self, z, use_cache, *vae_cache):
        x = self.enter(z)

        def first():
            frames, caches = self.step_inside(x, [None] * self.slots(), True)
            filled = [joined_zero(c) if isinstance(c, torch.Tensor) else torch.zeros_like(old)
                      for c, old in zip([c for c in caches if c is not None], vae_cache)]
            surplus = 2 ** sum(self.config.temporal) - 1
            zeros = torch.zeros_like(frames)
            return (torch.cat([zeros] * surplus + [frames], 1).contiguous(), *filled)

        def later():
            frames, caches = self.step_inside(x, vae_cache, False)
            return (frames.contiguous(), *(c.contiguous() for c in caches if c is not None))

        frames, *new = torch.cond(use_cache.bool(), first, later)
        return frames, new


def joined_zero(frame):
    return torch.cat([torch.zeros_like(frame), frame], 2).contiguous()


def flagged_module(decoder: Decoder, select: str, rule: str, exporter: str) -> FlaggedGraph:
    """The graph's module; an If is spelled by torch.cond for dynamo and by a scripted function for TorchScript."""
    if rule == "reference":
        return (CondReference if exporter == "dynamo" else ScriptedReference)(decoder, select_eager)
    by_if = select_cond if exporter == "dynamo" else select_scripted
    return FlaggedGraph(decoder, {"if": by_if, "where": select_where, "arithmetic": select_arithmetic}[select])
