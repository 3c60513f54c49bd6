"""Where a study would compute, why there, and how fast that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunecurve.doctor.records import ComputeFacts
from tunecurve.learners.waiting import explain_waiting

if TYPE_CHECKING:
    import torch

    from tunecurve.learners.torch.device import Compute


def compute_facts(install: str) -> tuple[ComputeFacts | None, list[str]]:
    """Return where a study would compute on this machine, and what is wrong with it; needs torch.

    Parameters
    ----------
    install : str
        The command that installs torch.
    """
    try:
        from tunecurve.learners.torch.device import choose_compute, explain_device, explain_precision

        compute = choose_compute()
        reasons = explain_device(compute), explain_precision(compute)
    except (ImportError, OSError, RuntimeError) as error:
        return None, [f"torch is installed and cannot be used ({_first_line(error)}); run: {install}"]
    speeds, problems = _gflops(compute)
    facts = ComputeFacts(
        device=compute.device.type,
        device_reason=reasons[0],
        precision=str(compute.describe()["dtype"]),
        precision_reason=reasons[1],
        threads=compute.threads,
        waiting=explain_waiting(),
        gflops=speeds.get(compute.dtype),
        gflops_float32=next((speed for dtype, speed in speeds.items() if str(dtype) == "torch.float32"), None),
    )
    return facts, problems


def _gflops(compute: Compute) -> tuple[dict[torch.dtype, float], list[str]]:
    """Return the speed by precision, in billions of operations a second: what `plan` estimates times from."""
    import torch

    from tunecurve.learners.torch.speed import matmul_flops_per_second

    device = compute.device.type
    try:
        types = dict.fromkeys((compute.dtype, torch.float32))
        return {dtype: matmul_flops_per_second(device, dtype) / 1e9 for dtype in types}, []
    except RuntimeError as error:
        elsewhere = "" if device == "cpu" else "; mend its driver, or give --device cpu"
        return {}, [f"torch cannot compute on {device} ({_first_line(error)}){elsewhere}"]


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
