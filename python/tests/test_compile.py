"""compile() and Plan."""

import logging
import tempfile
import unittest
from pathlib import Path

import numpy as np
import wanvae
from support import SIZE, TINY, assert_frames, bound, load, with_weights


class Compile(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        logging.getLogger("wanvae").setLevel(logging.ERROR)
        self.addCleanup(logging.getLogger("wanvae").setLevel, logging.NOTSET)

    def check(self, plan):
        with wanvae.Decoder(plan, threads=1) as decoder:
            assert_frames(
                self, decoder.decode(load("tiny/latents.npy")), load("tiny/frames.npy"), bound("tiny/reference.txt")
            )

    def test_to_a_file(self):
        plan = wanvae.compile(TINY / "full.onnx", self.folder / "plan.bin", latent_size=SIZE)
        self.assertEqual(plan.path, self.folder / "plan.bin")
        self.check(plan)
        self.check(str(self.folder / "plan.bin"))

    def test_to_memory_and_from_bytes(self):
        plan = wanvae.compile(str(TINY / "full.onnx"), latent_size=SIZE)
        self.assertIsNone(plan.path)
        self.check(plan)
        plan.save(self.folder / "plan.bin")
        self.assertEqual([p.name for p in self.folder.iterdir()], ["plan.bin"])
        self.check((self.folder / "plan.bin").read_bytes())
        self.check(memoryview(bytearray(self.folder.joinpath("plan.bin").read_bytes())))

    def test_a_file_has_the_bytes_of_memory(self):
        wanvae.compile(TINY / "full.onnx", self.folder / "file", latent_size=SIZE)
        wanvae.compile(TINY / "full.onnx", latent_size=SIZE).save(self.folder / "memory")
        self.assertEqual((self.folder / "file").read_bytes(), (self.folder / "memory").read_bytes())

    def test_models_in_memory(self):
        self.check(wanvae.compile((TINY / "full.onnx").read_bytes(), latent_size=SIZE))

    def test_a_pair_of_steps(self):
        pair = [TINY / "pair_first.onnx", TINY / "pair_steady.onnx"]
        self.check(wanvae.compile(pair))
        self.check(wanvae.compile([path.read_bytes() for path in pair]))

    def test_sizes(self):
        plan = wanvae.compile(TINY / "full.onnx", latent_size=[SIZE, (4, 6)], threads=1)
        self.assertEqual([(s.latent_height, s.latent_width) for s in plan.sizes], [SIZE, (4, 6)])
        shape = plan.sizes[1]
        self.assertEqual(
            (shape.latent_channels, shape.frame_channels, shape.frame_height, shape.frame_width), (16, 3, 32, 48)
        )
        self.assertEqual((shape.first_kept, shape.steady_frames), (1, 4))
        self.assertEqual([shape.frames(n) for n in (0, 1, 4)], [0, 1, 13])
        self.assertEqual(shape.frames(2, first_step=False), 8)
        self.check(plan)

    def test_options_reach_the_compiler(self):
        def peak(**options):
            return wanvae.compile(TINY / "full.onnx", latent_size=(24, 40), **options).sizes[0].peak_bytes

        plain = peak()
        self.assertLess(peak(cache_type="f16"), plain)
        self.assertLess(peak(bands="least"), plain)
        limit = plain - 1_000_000
        self.assertLessEqual(peak(max_memory=limit), limit)
        with self.assertRaisesRegex(wanvae.WanError, "1e-09"):
            peak(max_error=1e-9)
        wanvae.compile(TINY / "full.onnx", self.folder / "plain", latent_size=SIZE)
        size = (self.folder / "plain").stat().st_size
        wanvae.compile(TINY / "full.onnx", self.folder / "packed", latent_size=SIZE, prepack=True)
        self.assertGreater((self.folder / "packed").stat().st_size, size)
        plans = {
            conv: wanvae.compile(TINY / "full.onnx", latent_size=SIZE, conv=conv) for conv in ("direct", "winograd2")
        }
        frames = [wanvae.Decoder(plan, 1).decode(load("tiny/latents.npy")) for plan in plans.values()]
        self.assertFalse(np.array_equal(*frames))
        wanvae.compile(
            TINY / "full.onnx", latent_size=SIZE, tune_seconds=0.01, timing_cache=self.folder / "times", threads=1
        )
        self.assertTrue((self.folder / "times").is_file())

    def test_a_step_alone_has_two_first_steps(self):
        def first_frames(first):
            return wanvae.compile(TINY / "pair_steady.onnx", first=first).sizes[0].first_frames

        self.assertEqual((first_frames("reference"), first_frames("as_is")), (1, 4))

    def test_denormalization(self):
        plain = wanvae.compile(TINY / "full.onnx", latent_size=SIZE)
        self.assertIsNone(plain.denormalization)
        model = with_weights(self.folder, "opsets/denormalise_dy20.onnx")
        plan = wanvae.compile(model, latent_size=SIZE)
        scale, shift = plan.denormalization
        np.testing.assert_allclose(scale[:2], (2.8184, 1.4541))
        np.testing.assert_allclose(shift[:2], (-0.7571, -0.7089))
        frames = wanvae.Decoder(plan, 1).decode(load("opsets/latents.npy"))
        assert_frames(self, frames, load("opsets/frames_denormalised.npy"), bound("opsets/reference_denormalised.txt"))

    def test_notes_and_log(self):
        model = with_weights(self.folder, "forms/flagged_if_dy18.onnx")
        logging.getLogger("wanvae").setLevel(logging.INFO)
        with self.assertLogs("wanvae", logging.WARNING) as log:
            plan = wanvae.compile(model)
        self.assertIn("first step", " ".join(plan.notes))
        for note in plan.notes:
            self.assertIn(note, "\n".join(log.output))

    def test_what_a_log_handler_raises_ends_the_call(self):
        """As a Ctrl-C does, which Python raises in whichever of its code runs."""

        def interrupt(record):
            raise KeyboardInterrupt

        model = with_weights(self.folder, "forms/flagged_if_dy18.onnx")
        logger = logging.getLogger("wanvae")
        logger.setLevel(logging.INFO)
        logger.addFilter(interrupt)
        self.addCleanup(logger.removeFilter, interrupt)
        with self.assertRaises(KeyboardInterrupt):
            wanvae.compile(model)
        logger.removeFilter(interrupt)
        logger.setLevel(logging.ERROR)
        self.check(wanvae.compile(TINY / "full.onnx", latent_size=SIZE))

    def test_errors(self):
        with self.assertRaises(wanvae.WanError) as caught:
            wanvae.compile("/nonexistent.onnx", self.folder / "plan.bin")
        error = caught.exception
        self.assertEqual((error.code, error.name), (wanvae.Status.IO, "io"))
        self.assertEqual(str(error), "/nonexistent.onnx: cannot open: No such file or directory [io]")
        self.assertEqual(list(self.folder.iterdir()), [])
        with self.assertRaises(wanvae.WanError) as caught:
            wanvae.compile(b"no model")
        self.assertEqual(caught.exception.name, "onnx-input")
        with self.assertRaises(wanvae.WanError) as caught:
            wanvae.Plan(b"no plan")
        self.assertEqual((caught.exception.code, caught.exception.name), (wanvae.Status.INPUT, "plan-input"))
        with self.assertRaises(wanvae.WanError) as caught:
            wanvae.compile([])
        self.assertEqual(caught.exception.code, wanvae.Status.ARGUMENT)

    def test_limits(self):
        for options in ({"limit_memory": 2 << 20}, {"limit_nodes": 100}):
            with self.subTest(**options), self.assertRaises(wanvae.WanError) as caught:
                wanvae.compile(TINY / "full.onnx", latent_size=SIZE, **options)
            self.assertEqual(caught.exception.code, wanvae.Status.MEMORY)
        self.check(wanvae.compile(TINY / "full.onnx", latent_size=SIZE, limit_memory=64 << 20, limit_nodes=1000))

    def test_wrong_arguments(self):
        for options, message in (
            ({"conv": "fft"}, "conv: expected one of auto, direct, .*found 'fft'"),
            ({"latent_size": (3, 0)}, "latent_size: expected .*, found .3, 0."),
            ({"latent_size": [(3, 5), (3,)]}, "latent_size: expected .*, found .3,."),
            ({"threads": 0}, "threads: expected a number above 0, or None, found 0"),
            ({"threads": 2**32}, "threads"),
            ({"max_memory": -1}, "max_memory"),
            ({"limit_memory": 0}, "limit_memory"),
            ({"limit_nodes": 2**32}, "limit_nodes"),
        ):
            with self.subTest(**options), self.assertRaisesRegex(ValueError, message):
                wanvae.compile(TINY / "full.onnx", **options)

    def test_closing(self):
        plan = wanvae.compile(TINY / "full.onnx", latent_size=SIZE)
        decoder = wanvae.Decoder(plan, threads=1)
        with self.assertRaisesRegex(ValueError, "close its decoders first"):
            plan.close()
        decoder.close()
        decoder.close()
        plan.close()
        plan.close()
        for use in (lambda: plan.notes, lambda: wanvae.Decoder(plan), lambda: plan.save("x")):
            with self.assertRaisesRegex(ValueError, "the plan is closed"):
                use()
        with self.assertRaisesRegex(ValueError, "the decoder is closed"):
            decoder.decode(load("tiny/latents.npy"))


if __name__ == "__main__":
    unittest.main()
