"""Decoder on NumPy arrays, against PyTorch's frames."""

import gc
import signal
import tempfile
import threading
import unittest
import weakref
from pathlib import Path

import numpy as np
import wanvae
from support import SIZE, TINY, assert_frames, bound, load, with_weights

LIMIT = bound("tiny/reference.txt")


class Decode(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.plan = wanvae.compile(TINY / "full.onnx", latent_size=[SIZE, (2, 4)], threads=1)
        cls.latents, cls.expected = load("tiny/latents.npy"), load("tiny/frames.npy")

    def setUp(self):
        self.decoder = wanvae.Decoder(self.plan, threads=1)
        self.addCleanup(self.decoder.close)

    def test_floats(self):
        frames = self.decoder.decode(self.latents)
        self.assertEqual(frames.dtype, np.float32)
        assert_frames(self, frames, self.expected, LIMIT)
        np.testing.assert_array_equal(self.decoder.decode(self.latents[0]), frames[0])

    def test_bytes(self):
        pictures = self.decoder.decode(self.latents, "uint8")
        self.assertEqual((pictures.dtype, pictures.shape), (np.uint8, (1, 13, 24, 40, 3)))
        exact = (self.expected * 0.5 + 0.5).transpose(0, 2, 3, 4, 1) * 255
        self.assertLess(np.abs(pictures - np.clip(exact, 0, 255)).max(), 0.5 + 255 * LIMIT)
        np.testing.assert_array_equal(self.decoder.decode(self.latents[0], np.uint8), pictures[0])

    def test_any_type_and_strides(self):
        plain = self.decoder.decode(self.latents)
        np.testing.assert_array_equal(self.decoder.decode(self.latents.astype(np.float64)), plain)
        np.testing.assert_array_equal(self.decoder.decode(np.asfortranarray(self.latents)), plain)
        np.testing.assert_array_equal(self.decoder.decode(self.latents[:, ::-1])[0].shape, plain[0].shape)
        np.testing.assert_array_equal(self.decoder.decode(self.latents[..., ::-1][..., ::-1]), plain)
        np.testing.assert_array_equal(self.decoder.decode(self.latents.tolist()), plain)
        half = self.latents.astype(np.float16)
        np.testing.assert_array_equal(self.decoder.decode(half), self.decoder.decode(half.astype(np.float32)))

    def test_a_batch_is_its_videos(self):
        other = self.latents[:, :, ::-1] * 0.5
        batch = self.decoder.decode(np.concatenate([self.latents, other]))
        np.testing.assert_array_equal(batch[0], self.decoder.decode(self.latents[0]))
        np.testing.assert_array_equal(batch[1], self.decoder.decode(other[0]))

    def test_out(self):
        room = np.full((13, 24, 41, 4), 7, np.uint8)
        found = self.decoder.decode(self.latents[0], "uint8", out=room[:, ::-1, :40, 2::-1])
        self.assertIs(found.base, room)
        np.testing.assert_array_equal(room[:, ::-1, :40, 2::-1], self.decoder.decode(self.latents[0], "uint8"))
        self.assertTrue((room[:, :, 40] == 7).all() and (room[..., 3] == 7).all())
        for out in (np.empty((3, 13, 24, 40)), np.empty((3, 12, 24, 40), np.float32)):
            with self.assertRaisesRegex(ValueError, r"out: expected float32 \(3, 13, 24, 40\), found"):
                self.decoder.decode(self.latents[0], out=out)

    def test_another_size(self):
        small = self.decoder.decode(self.latents[..., :2, :4])
        self.assertEqual(small.shape, (1, 3, 13, 16, 32))
        self.assertEqual(self.decoder.shape, self.plan.sizes[1])
        assert_frames(self, self.decoder.decode(self.latents), self.expected, LIMIT)

    def test_never_two_sessions(self):
        open_session, others = self.decoder._open, []
        self.decoder._open = lambda shape: (others.append(self.plan._handle.sessions), open_session(shape))[1]
        before = self.plan._handle.sessions
        self.decoder.decode(self.latents[..., :2, :4])
        self.decoder.decode(self.latents[..., :2, :4])
        self.assertEqual(others, [before - 1])

    # ---- streams

    def test_stream(self):
        whole = self.decoder.decode(self.latents)
        for latents in (self.latents, self.latents[0], (self.latents[0, :, t] for t in range(4))):
            frames = list(self.decoder.stream(latents))
            np.testing.assert_array_equal(np.stack(frames, 1), whole[0])
        pictures = list(self.decoder.stream(self.latents, "uint8"))
        np.testing.assert_array_equal(pictures, self.decoder.decode(self.latents[0], "uint8"))

    def test_stream_takes_a_latent_when_its_frames_are_wanted(self):
        taken = []

        def latents():
            for t in range(4):
                taken.append(t)
                yield self.latents[0, :, t]

        stream = self.decoder.stream(latents())
        next(stream)
        self.assertEqual(taken, [0])
        for _ in range(4):
            next(stream)
        self.assertEqual(taken, [0, 1])
        stream.close()
        assert_frames(self, self.decoder.decode(self.latents), self.expected, LIMIT)

    def test_a_stream_does_not_mix_with_another_video(self):
        for taken in (1, 2, 13):
            stream = self.decoder.stream(self.latents)
            for _ in range(taken):
                next(stream)
            self.decoder.decode(self.latents[:, :, :2])
            with self.subTest(taken), self.assertRaisesRegex(RuntimeError, "another video was begun"):
                next(stream)

    def test_parts_of_a_video(self):
        whole = self.decoder.decode(self.latents)
        first = self.decoder.decode(self.latents[:, :, :2])
        self.assertEqual(self.decoder.steps, 2)
        rest = self.decoder.decode(self.latents[:, :, 2:], continued=True)
        np.testing.assert_array_equal(np.concatenate([first, rest], 2), whole)
        self.decoder.decode(self.latents[:, :, :1])
        frames = list(self.decoder.stream(self.latents[:, :, 1:], continued=True))
        np.testing.assert_array_equal(np.stack(frames, 1), whole[0, :, 1:])
        self.decoder.decode(self.latents[:, :, :2])
        with self.assertRaisesRegex(ValueError, "out: expected"):  # what is refused leaves the video as it was
            self.decoder.decode(self.latents[:, :, 2:], out=whole, continued=True)
        np.testing.assert_array_equal(self.decoder.decode(self.latents[:, :, 2:], continued=True), rest)
        self.decoder.reset()
        np.testing.assert_array_equal(self.decoder.decode(self.latents, continued=True), whole)

    # ---- states

    def test_states(self):
        whole = self.decoder.decode(self.latents)
        with tempfile.TemporaryDirectory() as folder:
            state = Path(folder, "state")
            self.decoder.decode(self.latents[:, :, :3])
            self.decoder.save_state(state)
            with wanvae.Decoder(self.plan, threads=1, state=state) as other:
                self.assertEqual(other.steps, 3)
                np.testing.assert_array_equal(other.decode(self.latents[:, :, 3:]), whole[:, :, 9:])
                np.testing.assert_array_equal(other.decode(self.latents), whole)  # a video of its own again
                other.load_state(state)
                np.testing.assert_array_equal(np.stack(list(other.stream(self.latents[0, :, 3:])), 1), whole[0, :, 9:])
                other.load_state(state)
                other.reset()
                self.assertEqual(other.steps, 0)
                np.testing.assert_array_equal(other.decode(self.latents), whole)
                other.decode(self.latents[..., :2, :4])
                other.load_state(state)  # of the other size
                with self.assertRaisesRegex(ValueError, "the video has 3x5, found 2x4"):
                    other.decode(self.latents[..., :2, :4])
                np.testing.assert_array_equal(other.decode(self.latents[:, :, 3:]), whole[:, :, 9:])
            state.write_bytes(state.read_bytes()[:-1])
            with self.assertRaises(wanvae.WanError) as caught:
                self.decoder.load_state(state)
            self.assertEqual(caught.exception.code, wanvae.Status.INPUT)
        stream = self.decoder.stream(self.latents[:, :, 1:])
        next(stream), next(stream)
        with self.assertRaises(wanvae.WanError) as caught:  # frames of the step are left
            self.decoder.save_state("/nonexistent/state")
        self.assertEqual(caught.exception.code, wanvae.Status.STATE)

    # ---- stopping

    def with_ctrl_c(self):
        """A process in the background of a shell ignores it."""
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))

    def watched(self, progress):
        decoder = wanvae.Decoder(self.plan, threads=1, progress=progress)
        self.addCleanup(decoder.close)
        return decoder

    def test_progress(self):
        seen = []
        decoder = self.watched(seen.append)
        decoder.decode(self.latents)
        self.assertEqual(seen, sorted(seen))
        self.assertEqual(seen[0], 0)
        self.assertEqual(sorted({int(s) for s in seen}), [0, 1, 2, 3])
        self.assertTrue(3.5 < seen[-1] < 4)

    def test_cancel(self):
        stop_at = 2.5
        decoder = self.watched(lambda done: done >= stop_at)
        with self.assertRaises(wanvae.Cancelled) as caught:
            decoder.decode(self.latents)
        self.assertEqual((caught.exception.code, caught.exception.name), (wanvae.Status.CANCELLED, "cancelled"))
        with self.assertRaisesRegex(wanvae.WanError, "reset the session first"):
            decoder.decode(self.latents, continued=True)
        stop_at = 5
        assert_frames(self, decoder.decode(self.latents), self.expected, LIMIT)

    def test_what_progress_raises_is_raised(self):
        def progress(done):
            if done > 1:
                raise LookupError("mine")

        with self.assertRaisesRegex(LookupError, "mine"):
            self.watched(progress).decode(self.latents)

    def test_ctrl_c_stops_a_step(self):
        """A signal arrives while the library works; the handler runs, and raises, in the callback."""
        self.with_ctrl_c()
        seen = []

        def progress(done):
            seen.append(done)
            if len(seen) == 3:
                signal.raise_signal(signal.SIGINT)

        decoder = self.watched(progress)
        with self.assertRaises(KeyboardInterrupt):
            decoder.decode(self.latents)
        self.assertLess(seen[-1], 1)
        assert_frames(self, decoder.decode(self.latents), self.expected, LIMIT)

    def test_ctrl_c_without_a_callback_of_ones_own(self):
        self.with_ctrl_c()
        decoder = wanvae.Decoder(wanvae.compile(TINY / "full.onnx", latent_size=(60, 104), threads=1), threads=1)
        latents = np.zeros((16, 40, 60, 104), np.float32)
        timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
        timer.start()
        self.addCleanup(timer.join)
        with self.assertRaises(KeyboardInterrupt):
            decoder.decode(latents)
        self.assertLess(decoder.steps, 40)

    # ---- threads and lifetimes

    def test_threads_decode_at_once(self):
        whole, found = self.decoder.decode(self.latents), {}

        def work(index):
            with wanvae.Decoder(self.plan, threads=1) as decoder:
                found[index] = decoder.decode(self.latents)

        threads = [threading.Thread(target=work, args=[i]) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for i in range(4):
            np.testing.assert_array_equal(found[i], whole)

    def test_python_runs_while_the_library_works(self):
        """The step waits, in its callback, for another thread to run, which is refused the decoder."""
        refused, asked = [], threading.Event()

        def other():
            asked.wait(10)
            try:
                decoder.decode(self.latents)
            except RuntimeError as error:
                refused.append(str(error))

        def progress(done):
            asked.set()
            if thread.is_alive():
                thread.join(10)

        thread = threading.Thread(target=other)
        thread.start()
        decoder = self.watched(progress)
        assert_frames(self, decoder.decode(self.latents), self.expected, LIMIT)
        self.assertEqual(len(refused), 1)
        self.assertIn("the decoder is at work, in another thread", refused[0])

    def test_everything_is_freed(self):
        class Progress:
            def __call__(self, done):
                return self.decoder is None

        progress = Progress()
        plan = wanvae.compile(TINY / "full.onnx", latent_size=SIZE)
        progress.decoder = wanvae.Decoder(plan, threads=1, progress=progress)
        progress.decoder.decode(self.latents)
        freed = [weakref.ref(plan), weakref.ref(progress.decoder), weakref.ref(plan._handle)]
        del plan, progress
        gc.collect()
        self.assertEqual([ref() for ref in freed], [None] * 3)

    # ---- refusals

    def test_latents_that_do_not_fit(self):
        for latents, kind, message in (
            (self.latents[0, 0], ValueError, r"expected \[C,T,h,w\] or \[B,C,T,h,w\], found \(4, 3, 5\)"),
            (self.latents[:, :15], ValueError, "expected 16 channels, found 15"),
            (self.latents[..., :4], ValueError, "of 3x4; the plan has 3x5, 2x4"),
            (self.latents[:, :, :0], ValueError, "at least one frame"),
            (self.latents.astype(np.int32), TypeError, "expected floating point, found int32"),
            (np.full_like(self.latents, np.nan), wanvae.WanError, "nan at channel 0"),
        ):
            with self.subTest(message), self.assertRaisesRegex(kind, message):
                self.decoder.decode(latents)
        with self.assertRaisesRegex(ValueError, "dtype: expected float32 or uint8, found float64"):
            self.decoder.decode(self.latents, "float64")
        with self.assertRaisesRegex(ValueError, r"expected \(16, 3, 5\) as the frames before, found \(16, 3, 4\)"):
            list(self.decoder.stream([self.latents[0, :, 0], self.latents[0, :, 0, :, :4]]))
        with self.assertRaisesRegex(ValueError, "one video goes on, found a batch of 2"):
            self.decoder.decode(np.concatenate([self.latents] * 2), continued=True)
        with self.assertRaisesRegex(ValueError, "threads: expected 1 to 1024, or None, found 0"):
            wanvae.Decoder(self.plan, threads=0)
        with self.assertRaisesRegex(ValueError, "limit_memory: expected 1 to"):
            wanvae.Decoder(self.plan, limit_memory=0)
        with self.assertRaisesRegex(wanvae.WanError, "expected to take") as caught:
            wanvae.Decoder(self.plan, threads=1, limit_memory=1 << 20)
        self.assertEqual(caught.exception.name.split("-")[-1], "memory")
        with wanvae.Decoder(self.plan, threads=1, limit_memory=1 << 30, check_places=2) as decoder:
            self.assertEqual(decoder.decode(self.latents[:, :, :2]).shape[2], 5)

    def test_images(self):
        with tempfile.TemporaryDirectory() as folder:
            plan = wanvae.compile(with_weights(Path(folder), "qwen/image_dy20.onnx"), latent_size=(2, 3))
        latents, expected = load("qwen/latents.npy"), load("qwen/frames.npy")
        with wanvae.Decoder(plan, threads=1) as decoder:
            for _ in range(2):
                image = decoder.decode(latents[:, :, :1])
                assert_frames(self, image, expected[:, :, :1], bound("qwen/reference.txt"))
            with self.assertRaisesRegex(ValueError, "the plan decodes one latent frame, found 2"):
                decoder.decode(latents[:, :, :2])


if __name__ == "__main__":
    unittest.main()
