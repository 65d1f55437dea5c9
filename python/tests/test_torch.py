"""Decoder on torch tensors. Skipped where there is no torch."""

import unittest

import numpy as np
import wanvae
from support import SIZE, TINY, assert_frames, bound, load

try:
    import torch
except ImportError:
    torch = None


@unittest.skipIf(torch is None, "needs torch")
class Tensors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.decoder = wanvae.Decoder(wanvae.compile(TINY / "full.onnx", latent_size=SIZE), threads=1)
        cls.latents, cls.expected = torch.from_numpy(load("tiny/latents.npy")), load("tiny/frames.npy")
        cls.plain = cls.decoder.decode(cls.latents.numpy())

    def test_tensors_give_tensors(self):
        frames = self.decoder.decode(self.latents)
        self.assertEqual((type(frames), frames.dtype), (torch.Tensor, torch.float32))
        assert_frames(self, frames, self.expected, bound("tiny/reference.txt"))
        pictures = self.decoder.decode(self.latents[0], torch.uint8)
        self.assertEqual((pictures.dtype, pictures.shape), (torch.uint8, (13, 24, 40, 3)))
        np.testing.assert_array_equal(pictures, self.decoder.decode(self.latents[0].numpy(), "uint8"))

    def test_any_type_and_strides(self):
        for dtype in (torch.float16, torch.bfloat16, torch.float64):
            rounded = self.latents.to(dtype)
            frames = self.decoder.decode(rounded)
            self.assertEqual(frames.dtype, torch.float32)
            np.testing.assert_array_equal(frames, self.decoder.decode(rounded.to(torch.float32).numpy()))
        strided = self.latents.permute(4, 3, 2, 1, 0).contiguous().permute(4, 3, 2, 1, 0)
        self.assertFalse(strided.is_contiguous())
        np.testing.assert_array_equal(self.decoder.decode(strided), self.plain)
        with torch.enable_grad():
            frames = self.decoder.decode(self.latents.clone().requires_grad_())
        self.assertFalse(frames.requires_grad)
        np.testing.assert_array_equal(frames, self.plain)
        with self.assertRaisesRegex(TypeError, "expected floating point, found torch.int64"):
            self.decoder.decode(self.latents.long())

    def test_out(self):
        room = torch.zeros(1, 4, 13, 24, 40)
        out = room[:, 1:]
        self.assertIs(self.decoder.decode(self.latents, out=out), out)
        np.testing.assert_array_equal(room[:, 1:], self.plain)
        self.assertEqual(room[:, 0].abs().max(), 0)
        with self.assertRaisesRegex(ValueError, "found one on meta"):
            self.decoder.decode(self.latents, out=out.to("meta"))

    def test_stream(self):
        frames = list(self.decoder.stream(self.latents[0, :, t] for t in range(4)))
        self.assertEqual(type(frames[0]), torch.Tensor)
        np.testing.assert_array_equal(torch.stack(frames, 1), self.plain[0])


if __name__ == "__main__":
    unittest.main()
