"""The peers: one row each, with all that distinguishes them."""

import dataclasses

# What a process is given so that glibc keeps the memory that PyTorch frees after every operator: nothing is
# trimmed, nothing is a mapping of its own, and the heap grows in large steps, of huge pages where the kernel
# gives them on request.
TUNED_MALLOC = {
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TOP_PAD_": str(64 << 20),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


@dataclasses.dataclass(frozen=True)
class Peer:
    """How to run one peer."""

    label: str  # for people; a package's name in braces stands for its version
    child: str | None = None  # the decoder of decode.py; None is wanrun
    conv: str | None = None  # wanrun: what wanc's --conv says; None leaves the choice to wanc
    pair: bool = False  # reads the pair form
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    packages: tuple[str, ...] = ()  # those whose versions belong to the result


PEERS = {
    "wanrun": Peer("wanrun"),
    **{f"wanrun-{conv}": Peer(f"wanrun, plan made with `--conv={conv}`", conv=conv)
       for conv in ("direct", "winograd2", "winograd4")},
    "torch": Peer("PyTorch {torch}, eager, channels last", "torch", packages=("torch", "diffusers")),
    "torch-malloc": Peer("PyTorch {torch}, the same with a tuned malloc", "torch", environment=TUNED_MALLOC,
                         packages=("torch", "diffusers")),
    "torch-compile": Peer("PyTorch {torch}, `torch.compile`, channels last", "torch-compile",
                          packages=("torch", "diffusers")),
    "torch-bf16": Peer("PyTorch {torch}, eager, channels last, bf16", "torch-bf16", packages=("torch", "diffusers")),
    "ort": Peer("ONNX Runtime {onnxruntime}, on the pair form", "ort", pair=True, packages=("onnxruntime",)),
    "openvino": Peer("OpenVINO {openvino}, on the pair form", "openvino", pair=True, packages=("openvino",)),
}
OURS = "wanrun"  # what ratios are taken to
REFERENCE = "torch"  # what frames are compared with
DEFAULT = ("wanrun", "wanrun-direct", "torch", "torch-malloc", "torch-compile", "ort", "openvino")
DEFAULT_SCALING = ("wanrun", "torch", "torch-bf16")
