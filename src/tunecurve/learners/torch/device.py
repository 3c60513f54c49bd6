"""Which device, which precision, how many threads: chosen once, said out loud, part of a result's identity."""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from tunecurve.errors import OutOfMemory, UsageError
from tunecurve.learners.cores import usual_threads
from tunecurve.learners.workload import Resources

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
# What results call frozen weights in four bits.
FOUR_BITS = "nf4"
NATIVE_BFLOAT16 = {"avx512_bf16", "amx_bf16"}  # as /proc/cpuinfo has them


@dataclass(frozen=True)
class Compute:
    """Where and how precisely a model computes."""

    device: torch.device
    """cpu, cuda or mps."""
    dtype: torch.dtype
    """Of the frozen weights; adapters are always float32."""
    threads: int
    """Threads of one operation on the CPU."""
    four_bit: bool = False
    """Whether a language model's frozen weights are kept in four bits, and written out in `dtype` to be computed with."""

    def describe(self) -> dict[str, str | int]:
        """Return the JSON-able description that results carry."""
        dtype = str(self.dtype).removeprefix("torch.")
        packed = {"base_weights": FOUR_BITS} if self.four_bit else {}
        return {"device": self.device.type, "dtype": dtype, "threads": self.threads, **packed}

    @property
    def resources(self) -> Resources:
        """What of this machine is computed with."""
        return Resources(self.threads, self.device.type == "cuda")

    def apply(self) -> None:
        """Set this process up to compute so."""
        torch.set_num_threads(self.threads)
        _return_large_blocks()


def choose_compute(device: str = "auto", threads: int | None = None, share: int = 1) -> Compute:
    """Return the device and precision for this machine and set torch's threads.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "mps"}
        ``auto`` takes cuda, then mps, then cpu.
    threads : int, optional
        Default: physical cores, or the container's share of them where that is less, whatever ``OMP_NUM_THREADS`` says. More
        threads than free cores cost up to ten times the time.
    share : int, default 1
        Processes that share the cores; each takes its part of the default.

    Raises
    ------
    UsageError
        When the device is not there.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    check_device(device)
    compute = Compute(torch.device(device), _fastest_exact_enough(device), threads or usual_threads(share))
    compute.apply()
    return compute


def check_device(device: str) -> None:
    """Refuse a device that is not there, before anything else is loaded.

    Raises
    ------
    UsageError
        With what torch does not see.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch sees no CUDA device here; use --device cpu or auto")
    if device == "mps" and not torch.backends.mps.is_available():
        raise UsageError("--device mps: torch sees no Apple GPU here; use --device cpu or auto")


def explain_device(compute: Compute) -> str:
    """Return in words why `choose_compute` takes this device where none is asked for."""
    if compute.device.type == "cuda":
        memory = torch.cuda.get_device_properties(compute.device).total_memory / 1e9
        return f"torch sees {torch.cuda.get_device_name(compute.device)}, {memory:.0f} GB"
    if compute.device.type == "mps":
        return "torch sees an Apple GPU"
    built = f", though it is built for CUDA {torch.version.cuda}" if torch.version.cuda else ""
    return f"torch sees no GPU{built}"


def explain_precision(compute: Compute) -> str:
    """Return in words why `choose_compute` takes this precision."""
    what = {"cuda": "the GPU", "mps": "an Apple GPU"}.get(compute.device.type, "the processor")
    if compute.dtype == torch.bfloat16:
        named = sorted(NATIVE_BFLOAT16 & cpu_flags()) if compute.device.type == "cpu" else []
        return f"{what} multiplies bfloat16 natively" + (f" ({', '.join(named)})" if named else "")
    if compute.device.type == "mps":
        return "the one that is used on Apple GPUs"
    named_none = f" (none of {', '.join(sorted(NATIVE_BFLOAT16))})" if compute.device.type == "cpu" else ""
    return f"{what} does not multiply bfloat16 natively{named_none}, and emulated it is slower"


# What torch says of memory that could not be allocated, where it has no exception of its own for it.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory, of the machine or of its GPU, could not be allocated."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in _OUT_OF_MEMORY)


@contextmanager
def enough_memory(compute: Compute, task: str, remedy: str) -> Iterator[None]:
    """Turn running out of memory into one line.

    Parameters
    ----------
    compute : Compute
        Where the task is computed.
    task : str
        What is done, e.g. ``"to answer"``.
    remedy : str
        What to set.

    Raises
    ------
    OutOfMemory
        When the memory of the device does not suffice.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        elsewhere = "" if compute.device.type == "cpu" else ", or give --device cpu"
        raise OutOfMemory(
            f"{_memory_of(compute.device)} is not enough {task} in {compute.describe()['dtype']}; {remedy}{elsewhere}"
        ) from None


def _memory_of(device: torch.device) -> str:
    if device.type == "cuda" and torch.cuda.is_available():
        return f"the GPU's memory of {torch.cuda.get_device_properties(device).total_memory / 1e9:.0f} GB"
    return "this machine's memory" if device.type == "cpu" else "the GPU's memory"


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let the C library keep up to 256 MB of freed memory inside this context instead of 64.

    An encoder's step frees some 100 MB, little by little; given back, they cost a page fault every 4 kB at the next step: 3 to 7 % of it.
    """
    _set_malloc(_M_TRIM_THRESHOLD, 256 * 1024 * 1024)
    try:
        yield
    finally:
        _return_large_blocks()


def _return_large_blocks() -> None:
    """Let the C library give freed blocks of 4 MB and more back at once, and keep up to 64 MB of smaller ones.

    By default it learns to keep large ones, in holes that the next step's tensors do not fit into: a training step of
    SmolLM2 peaked 0.15 GB higher, and was no faster. Told so, it gives back all others, too, whenever 128 KB at its end are
    free, and gets them again page by page: a pass of 494 tokens took a fifth longer.
    """
    _set_malloc(_M_MMAP_THRESHOLD, 4 * 1024 * 1024)
    _set_malloc(_M_TRIM_THRESHOLD, 64 * 1024 * 1024)


def _set_malloc(option: int, n_bytes: int) -> None:
    """Set an option of the C library's malloc, where it has options."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(option, n_bytes)


def _fastest_exact_enough(device: str) -> torch.dtype:
    """bfloat16 where the hardware multiplies it natively; emulated it is four times slower than float32."""
    if device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device == "cpu" and NATIVE_BFLOAT16 & cpu_flags():
        return torch.bfloat16
    return torch.float32


@functools.cache
def cpu_flags() -> frozenset[str]:
    """Return the instruction sets that the processor names; none where it cannot be asked."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return frozenset()
    return frozenset(flag for line in text.splitlines() if line.startswith("flags") for flag in line.split())
