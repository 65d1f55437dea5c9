"""DiffusersVAE in pipelines of random weights, against the same pipelines with their own VAE.

Skipped where there is no diffusers. The plans are compiled from what tools/export_decoder.py exports of these VAEs.
"""

import logging
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import wanvae
from support import ROOT

try:
    import diffusers
    import onnx  # noqa: F401 (for the exporter)
    import onnxscript  # noqa: F401
    import torch
except ImportError as missing:
    raise unittest.SkipTest(f"needs {missing.name}") from None

HEIGHT, WIDTH, FRAMES = 32, 64, 9  # multiples of 32, for Wan 2.2
VAE = {
    "base_dim": 8,
    "z_dim": 16,
    "dim_mult": [1, 2, 4, 4],
    "num_res_blocks": 1,
    "temperal_downsample": [False, True, True],
}
# Of frames in [0, 1]; PyTorch's own rounding errors are as large.
LIMIT = 2e-5
EMBEDS = torch.linspace(-1, 1, 4 * 16).view(1, 4, 16)


def setUpModule():
    logging.getLogger("wanvae").setLevel(logging.ERROR)
    diffusers.utils.logging.set_verbosity_error()


def randomise(module, seed):
    """Larger weights than torch's, so that all of the decoder has a say in its frames."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(module.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            fan_in = parameter[0].numel() if parameter.ndim > 1 else 0
            gamma = name.endswith("gamma")
            parameter.copy_(noise * fan_in**-0.5 if fan_in and not gamma else noise * 0.1 + gamma)
    return module.eval()


def compiled(vae, *options, latent_size=(HEIGHT // 8, WIDTH // 8)):
    with tempfile.TemporaryDirectory() as folder:
        vae.save_pretrained(f"{folder}/vae")
        model = Path(folder, "decoder.onnx")
        command = [
            sys.executable,
            ROOT / "tools" / "export_decoder.py",
            "--diffusers",
            f"{folder}/vae",
            *options,
            "-o",
            model,
        ]
        subprocess.run(command, check=True, capture_output=True)
        return wanvae.compile(model, latent_size=latent_size, threads=1)


def wan_pipeline(vae):
    torch.manual_seed(3)
    transformer = diffusers.WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=vae.config.z_dim,
        out_channels=vae.config.z_dim,
        text_dim=16,
        freq_dim=32,
        ffn_dim=32,
        num_layers=1,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
    ).eval()
    scheduler = diffusers.UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True)
    return diffusers.WanPipeline(
        tokenizer=None, text_encoder=None, vae=vae, transformer=transformer, scheduler=scheduler
    )


def wan_frames(pipe, **options):
    """[F,H,W,3] in [0, 1]"""
    generator = torch.Generator().manual_seed(1)
    shape = {"height": HEIGHT, "width": WIDTH, "num_frames": FRAMES, "num_inference_steps": 2}
    pipe.set_progress_bar_config(disable=True)
    return pipe(
        prompt_embeds=EMBEDS, guidance_scale=1.0, generator=generator, output_type="np", **shape, **options
    ).frames


class Wan(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.vae = randomise(diffusers.AutoencoderKLWan(**VAE), 1)
        cls.plan = compiled(cls.vae, "--form", "full")

    def same_frames(self, expected, found, limit=LIMIT):
        self.assertEqual(expected.shape, found.shape)
        self.assertGreater(expected.std(), 0.05)  # there is a picture to compare
        self.assertLess(np.abs(expected - found).max(), limit)

    def test_a_pipeline_decodes_with_it(self):
        pipe = wan_pipeline(self.vae)
        expected = wan_frames(pipe)
        for config in (None, self.vae.config, dict(self.vae.config)):
            pipe.vae = wanvae.DiffusersVAE(self.plan, config, threads=1)
            self.same_frames(expected, wan_frames(pipe))
        self.assertEqual(expected.shape, (1, FRAMES, HEIGHT, WIDTH, 3))

    def test_a_pipeline_is_made_with_it(self):
        expected = wan_frames(wan_pipeline(self.vae))
        pipe = wan_pipeline(wanvae.DiffusersVAE(self.plan, threads=1))
        self.assertEqual((pipe.vae_scale_factor_temporal, pipe.vae_scale_factor_spatial), (4, 8))
        pipe.to(torch.float32)
        self.same_frames(expected, wan_frames(pipe))

    def test_a_pipeline_is_loaded_with_it(self):
        pipe = wan_pipeline(self.vae)
        expected = wan_frames(pipe)
        with tempfile.TemporaryDirectory() as folder:
            pipe.save_pretrained(folder)
            vae = wanvae.DiffusersVAE(self.plan, f"{folder}/vae", threads=1)
            pipe = diffusers.WanPipeline.from_pretrained(
                folder, vae=vae, transformer=pipe.transformer, tokenizer=None, text_encoder=None
            )
        self.assertIs(pipe.vae, vae)
        self.same_frames(expected, wan_frames(pipe))
        with self.assertRaises(NotImplementedError):
            pipe.save_pretrained("/nonexistent")

    def test_a_batch(self):
        pipe = wan_pipeline(self.vae)
        expected = wan_frames(pipe, num_videos_per_prompt=2)
        pipe.vae = wanvae.DiffusersVAE(self.plan, threads=1)
        self.same_frames(expected, wan_frames(pipe, num_videos_per_prompt=2))

    def test_a_plan_that_denormalises(self):
        """Once, whatever config it is given."""
        pipe = wan_pipeline(self.vae)
        expected = wan_frames(pipe)
        plan = compiled(self.vae, "--form", "full", "--wrap", "denormalise")
        for config in (None, self.vae.config):
            pipe.vae = wanvae.DiffusersVAE(plan, config, threads=1)
            self.same_frames(expected, wan_frames(pipe))
        with self.assertRaisesRegex(ValueError, "the plan denormalises latents itself"):
            wanvae.DiffusersVAE(plan, dict(self.vae.config, latents_mean=[0.5] * 16))
        neutral = {"latents_mean": [0] * 16, "latents_std": [1] * 16}
        self.assertEqual(wanvae.DiffusersVAE(plan, neutral, threads=1).config.latents_std, [1.0] * 16)

    def test_statistics_of_ones_own(self):
        vae = diffusers.AutoencoderKLWan(**VAE, latents_mean=[0.1] * 16, latents_std=[0.5] * 16)
        vae.load_state_dict(self.vae.state_dict())
        pipe = wan_pipeline(vae.eval())
        expected = wan_frames(pipe)
        pipe.vae = wanvae.DiffusersVAE(self.plan, vae.config, threads=1)
        self.same_frames(expected, wan_frames(pipe))
        pipe.vae = wanvae.DiffusersVAE(self.plan, threads=1)
        self.assertGreater(np.abs(expected - wan_frames(pipe)).max(), 0.01)

    def test_wan22(self):
        torch.manual_seed(0)
        vae = diffusers.AutoencoderKLWan(
            **dict(VAE, z_dim=48),
            is_residual=True,
            in_channels=12,
            out_channels=12,
            patch_size=2,
            scale_factor_spatial=16,
            latents_mean=wanvae.diffusers.KNOWN[48][0],
            latents_std=wanvae.diffusers.KNOWN[48][1],
        )
        pipe = wan_pipeline(randomise(vae, 2))
        expected = wan_frames(pipe)
        pipe.vae = wanvae.DiffusersVAE(
            compiled(vae, "--form", "full", latent_size=(HEIGHT // 16, WIDTH // 16)), threads=1
        )
        self.same_frames(expected, wan_frames(pipe))
        self.assertEqual(pipe.vae.config.scale_factor_spatial, 16)
        self.assertEqual(pipe.vae.temperal_downsample, [False, True, True])

    def test_decode(self):
        vae = wanvae.DiffusersVAE(self.plan, threads=1)
        z = torch.randn(2, 16, 3, 4, 8, generator=torch.Generator().manual_seed(2))
        with torch.no_grad():
            expected = self.vae.decode(z).sample
        (sample,) = vae.decode(z, return_dict=False)
        self.same_frames(expected.numpy(), sample.numpy(), 2 * LIMIT)
        for output in (vae.decode(z), vae(z)):
            self.assertTrue(torch.equal(output.sample, sample))
            self.assertTrue(torch.equal(output[0], sample))
        vae.enable_tiling(tile_sample_min_height=16)
        vae.enable_slicing()
        self.assertTrue(torch.equal(vae.decode(z.requires_grad_()).sample, sample))

    def test_types_and_devices(self):
        vae = wanvae.DiffusersVAE(self.plan, threads=1)
        self.assertEqual((vae.dtype, vae.device), (torch.float32, torch.device("cpu")))
        vae.to(torch.bfloat16)
        vae.half()
        self.assertEqual(vae.dtype, torch.float32)
        z = torch.zeros(1, 16, 1, 4, 8, dtype=torch.bfloat16)
        self.assertEqual(vae.decode(z).sample.dtype, torch.float32)
        self.assertEqual(vae.to("meta").device.type, "meta")
        self.assertEqual(list(vae.parameters()), [])

    def test_config(self):
        vae = wanvae.DiffusersVAE(self.plan, threads=1)
        own = self.vae.config
        for key in ("z_dim", "scale_factor_temporal", "scale_factor_spatial", "temperal_downsample"):
            self.assertEqual(vae.config[key], own[key], key)
        np.testing.assert_array_equal(vae.config.latents_mean, own.latents_mean)
        np.testing.assert_array_equal(vae.config.latents_std, own.latents_std)
        self.assertEqual((vae.z_dim, vae.temperal_downsample), (16, [False, True, True]))
        for config, message in (
            ({"z_dim": 48}, "config: expected z_dim 16, as the plan has it, found 48"),
            ({"scale_factor_spatial": 16}, "config: expected scale_factor_spatial 8"),
            ({"latents_mean": [0.0] * 16}, "config: expected 16 numbers in latents_std, found None"),
            ({"latents_mean": [0.0] * 4, "latents_std": [1.0] * 4}, "config: expected 16 numbers in latents_mean"),
        ):
            with self.subTest(message), self.assertRaisesRegex(ValueError, message):
                wanvae.DiffusersVAE(self.plan, config, threads=1)

    def test_it_only_decodes(self):
        vae = wanvae.DiffusersVAE(self.plan, threads=1)
        with self.assertRaisesRegex(NotImplementedError, "a plan has no encoder"):
            vae.encode(torch.zeros(1, 3, 1, 32, 64))
        with self.assertRaisesRegex(ValueError, r"expected \[B,C,T,h,w\]"):
            vae.decode(torch.zeros(16, 1, 4, 8))


class QwenImage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.vae = randomise(diffusers.AutoencoderKLQwenImage(**VAE), 4)

    def pipeline(self, vae):
        torch.manual_seed(5)
        transformer = diffusers.QwenImageTransformer2DModel(
            patch_size=2,
            in_channels=64,
            out_channels=16,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            axes_dims_rope=(8, 4, 4),
        ).eval()
        scheduler = diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
        return diffusers.QwenImagePipeline(scheduler, vae, None, None, transformer)

    def image(self, pipe):
        pipe.set_progress_bar_config(disable=True)
        generator, mask = torch.Generator().manual_seed(6), torch.ones(1, 4, dtype=torch.long)
        shape = {"height": HEIGHT, "width": WIDTH, "num_inference_steps": 2}
        prompt = {"prompt_embeds": EMBEDS, "prompt_embeds_mask": mask, "true_cfg_scale": 1.0}
        return pipe(**prompt, **shape, generator=generator, output_type="np").images

    def test_a_pipeline_decodes_with_it(self):
        """By plans of one image, and of any number of frames."""
        expected = self.image(self.pipeline(self.vae))
        self.assertGreater(expected.std(), 0.05)
        self.assertEqual(expected.shape, (1, HEIGHT, WIDTH, 3))
        for form in ("image", "full"):
            plan = compiled(self.vae, "--form", form)
            swapped, made = self.pipeline(self.vae), self.pipeline(wanvae.DiffusersVAE(plan, threads=1))
            swapped.vae = wanvae.DiffusersVAE(plan, self.vae.config, threads=1)
            for pipe in (swapped, made):
                with self.subTest(form):
                    self.assertLess(np.abs(expected - self.image(pipe)).max(), LIMIT)


if __name__ == "__main__":
    unittest.main()
