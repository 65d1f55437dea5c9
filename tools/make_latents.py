"""Writes tests/data/latents: the same numbers in every file format, type and layout that wanrun reads, and files that it refuses.

    python3 tools/make_latents.py [FOLDER]

Needs numpy, torch, safetensors and diffusers. All numbers are multiples of 1/32 of at most 8 binary digits, which every type
holds exactly; reference.bin has them as float32 [channels, frames, height, width], denormalized.bin what torch makes of them
by statistics.json.
"""

import json
import sys
import zipfile
from pathlib import Path

import numpy
import torch
from safetensors.torch import save_file

CHANNELS, FRAMES, HEIGHT, WIDTH = 8, 3, 2, 5

# Wan 2.2 TI2V-5B: the defaults of Wan2_2_VAE in Wan's own wan/modules/vae2_2.py; diffusers has them in the model's config.json only.
WAN22_MEAN = [
    -0.2289, -0.0052, -0.1323, -0.2339, -0.2799, 0.0174, 0.1838, 0.1557,
    -0.1382, 0.0542, 0.2813, 0.0891, 0.1570, -0.0098, 0.0375, -0.1825,
    -0.2246, -0.1207, -0.0698, 0.5109, 0.2665, -0.2108, -0.2158, 0.2502,
    -0.2055, -0.0322, 0.1109, 0.1567, -0.0729, 0.0899, -0.2799, -0.1230,
    -0.0313, -0.1649, 0.0117, 0.0723, -0.2839, -0.2083, -0.0520, 0.3748,
    0.0152, 0.1957, 0.1433, -0.2944, 0.3573, -0.0548, -0.1681, -0.0667,
]
WAN22_STD = [
    0.4765, 1.0364, 0.4514, 1.1677, 0.5313, 0.4990, 0.4818, 0.5013,
    0.8158, 1.0344, 0.5894, 1.0901, 0.6885, 0.6165, 0.8454, 0.4978,
    0.5759, 0.3523, 0.7135, 0.6804, 0.5833, 1.4146, 0.8986, 0.5659,
    0.7069, 0.5338, 0.4889, 0.4917, 0.4069, 0.4999, 0.6866, 0.4093,
    0.5709, 0.6065, 0.6415, 0.4944, 0.5726, 1.2042, 0.5458, 1.6887,
    0.3971, 1.0600, 0.3943, 0.5537, 0.5444, 0.4089, 0.7468, 0.7744,
]


def numbers(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-127, 128, (CHANNELS, FRAMES, HEIGHT, WIDTH), generator=generator) / 32


def write_numpy(folder: Path, z: torch.Tensor, other: torch.Tensor) -> None:
    a = z.numpy()
    for name, dtype in (("f32", "<f4"), ("f16", "<f2"), ("f64", "<f8")):
        numpy.save(folder / f"{name}.npy", a.astype(dtype))
    numpy.save(folder / "words.npy", z.bfloat16().view(torch.uint16).numpy())
    numpy.save(folder / "batched.npy", a[None])
    numpy.save(folder / "tchw.npy", a.swapaxes(0, 1))
    numpy.save(folder / "batched_tchw.npy", a[None].swapaxes(1, 2))
    both = {"latents": a.astype("<f2"), "seed": numpy.array(7)}
    numpy.savez(folder / "stored.npz", **both)
    numpy.savez_compressed(folder / "deflated.npz", **both)
    numpy.savez_compressed(folder / "two.npz", latents=a, other=other.numpy())


def write_safetensors(folder: Path, z: torch.Tensor, other: torch.Tensor) -> None:
    for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float64):
        name = str(dtype).removeprefix("torch.") + ".safetensors"
        save_file({"latents": z.to(dtype), "step": torch.tensor([3])}, folder / name, metadata={"format": "pt"})
    save_file({"latents": z, "other": other}, folder / "two.safetensors")


class Trap:
    def __reduce__(self):
        return print, ("this must never be printed",)


def write_torch(folder: Path, z: torch.Tensor, other: torch.Tensor) -> None:
    for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float64):
        torch.save(z.to(dtype), folder / (str(dtype).removeprefix("torch.") + ".pt"))
    torch.save({"latents": z[None].half(), "prompt": "a cat", "seed": 2**40, "cfg": 5.0, "steps": [1, 2], "done": None},
               folder / "dict.pt")
    torch.save({"latents": z, "other": other}, folder / "two.pt")
    torch.save([other[:, :, :1], z], folder / "list.pt")
    torch.save(z.swapaxes(0, 1), folder / "transposed.pt")
    torch.save(z[None].contiguous(memory_format=torch.channels_last_3d), folder / "channels_last.pt")
    torch.save(torch.cat((other, z), dim=1)[:, FRAMES:], folder / "slice.pt")
    torch.save(z.transpose(2, 3).contiguous().transpose(2, 3), folder / "columns_first.pt")
    torch.save(z, folder / "checkpoint.pth")
    with zipfile.ZipFile(folder / "float32.pt") as stored, \
            zipfile.ZipFile(folder / "deflated.pt", "w", zipfile.ZIP_DEFLATED) as deflated:
        for member in stored.namelist():
            deflated.writestr(member, stored.read(member))
    # Refused.
    torch.save(z[:, :1].clone().expand(CHANNELS, 64, HEIGHT, WIDTH), folder / "bad_expanded.pt")
    torch.save(torch.nn.Parameter(z), folder / "bad_parameter.pt")
    torch.save({"latents": z, "trap": Trap()}, folder / "bad_trap.pt")
    torch.save(z, folder / "bad_old.pt", _use_new_zipfile_serialization=False)
    torch.save(z, folder / "bad_protocol.pt", pickle_protocol=4)
    torch.save((z * 32).long(), folder / "bad_integers.pt")
    torch.save({"prompt": "a cat"}, folder / "bad_empty.pt")


def write_statistics(folder: Path, z: torch.Tensor) -> None:
    from diffusers import AutoencoderKLQwenImage, AutoencoderKLWan

    std, mean = torch.linspace(0.5, 3.0, CHANNELS), torch.linspace(-1.0, 1.0, CHANNELS)
    text = json.dumps({"z_dim": CHANNELS, "latents_mean": mean.tolist(), "latents_std": std.tolist()})
    (folder / "statistics.json").write_text(text + "\n")
    shape = (CHANNELS, 1, 1, 1)
    (z * std.view(shape) + mean.view(shape)).numpy().tofile(folder / "denormalized.bin")
    for name, family in (("wan2.1", AutoencoderKLWan), ("qwen-image", AutoencoderKLQwenImage)):
        config = family().config
        text = json.dumps({k: list(config[k]) for k in ("latents_mean", "latents_std")})
        (folder / f"{name}.json").write_text(text + "\n")
    text = json.dumps({"latents_mean": WAN22_MEAN, "latents_std": WAN22_STD})
    (folder / "wan2.2.json").write_text(text + "\n")


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "tests/data/latents")
    folder.mkdir(parents=True, exist_ok=True)
    z, other = numbers(1), numbers(2)
    z.numpy().tofile(folder / "reference.bin")
    z.bfloat16().view(torch.uint16).numpy().tofile(folder / "bf16.bin")
    write_numpy(folder, z, other)
    write_safetensors(folder, z, other)
    write_torch(folder, z, other)
    write_statistics(folder, z)
    for path in folder.iterdir():
        path.chmod(0o644)


if __name__ == "__main__":
    main()
