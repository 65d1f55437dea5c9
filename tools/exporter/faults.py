"""Faults that people's exports have, so that what wanc says of them can be tested."""

import torch
from diffusers.models.autoencoders import autoencoder_kl_wan as wan

from .decoders import Decoder


class AttentionOverTime(wan.WanAttentionBlock):
    """Attends over all positions of all frames: cannot be streamed."""

    def forward(self, x):
        b, c, t, h, w = x.shape
        qkv = self.to_qkv(self.norm(x.reshape(b, c, t * h, w)))
        q, k, v = qkv.reshape(b, 1, 3 * c, -1).permute(0, 1, 3, 2).chunk(3, -1)
        y = torch.nn.functional.scaled_dot_product_attention(q, k, v)
        y = self.proj(y.squeeze(1).permute(0, 2, 1).reshape(b, c, t * h, w))
        return y.view(b, c, t, h, w) + x


def attention_over_time(decoder: Decoder) -> None:
    attentions = decoder.decoder.mid_block.attentions
    block = AttentionOverTime(attentions[0].dim)
    block.load_state_dict(attentions[0].state_dict())
    attentions[0] = block.eval().requires_grad_(False)


def padding_ahead(decoder: Decoder) -> None:
    """One convolution looks a frame ahead."""
    conv = decoder.decoder.up_blocks[0].resnets[1].conv1
    conv._padding = (*conv._padding[:4], 1, 1)


def no_cache(decoder: Decoder) -> None:
    """Traced without feat_cache: the form does it (UncachedGraph)."""


FAULTS = {"no-cache": no_cache, "attention-over-time": attention_over_time, "padding-ahead": padding_ahead}
