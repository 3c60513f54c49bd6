"""Steps of a GPU launched as one: the kernels of a step are recorded once for every shape, then only replayed.

A small model's step is thousands of short kernels, and launching them one by one takes several times as long as
computing them. CUDA graphs launch all of them at once ("Accelerating PyTorch with CUDA Graphs", Nguyen et al. 2021).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from tunecurve.learners.lm.cached import CachedStep
from tunecurve.learners.lm.training.one_pass import OnePassStep
from tunecurve.learners.torch.device import is_out_of_memory

Step = CachedStep | OnePassStep


class _Recording(NamedTuple):
    graph: torch.cuda.CUDAGraph
    step: Step
    losses: torch.Tensor


class CudaGraphs:
    """Computes steps; on a CUDA device, from a shape's second step on, by replaying what the second recorded.

    Parameters
    ----------
    compute : callable
        From a step's tensors to its losses; adds to gradients that stay at their places in memory.
    device : torch.device
        Where the steps are computed.
    may_record : bool, default True
        False computes every step anew.

    Attributes
    ----------
    n_recorded : int
        Shapes recorded so far.
    """

    def __init__(
        self, compute: Callable[[Any], torch.Tensor], device: torch.device, *, may_record: bool = True
    ) -> None:
        self._compute, self._device = compute, device
        self._may_record = may_record and device.type == "cuda"
        self._seen: set[tuple[torch.Size, ...]] = set()
        self._recordings: dict[tuple[torch.Size, ...], _Recording] = {}
        self.n_recorded = 0
        self._held = 0
        self._obstacle = ""

    @property
    def said(self) -> str:
        """Why steps are launched one by one where they could have been recorded, to be read behind the backend."""
        return f"; not recorded as CUDA graphs: {self._obstacle}" if self._obstacle else ""

    def forget(self) -> None:
        """Drop the recordings: the memory that they compute with is another now."""
        self._seen.clear()
        self._recordings.clear()
        self._held = 0

    def __call__(self, step: Any) -> torch.Tensor:
        """Return the losses of a step."""
        step = step.to(self._device)
        if not self._may_record:
            return self._compute(step)
        shape = tuple(tensor.shape for tensor in step)
        recording = self._recordings.get(shape)
        # The first time is the warm-up that recording needs: libraries choose their kernels then.
        if recording is None and shape in self._seen:
            recording = self._record(step)
        self._seen.add(shape)
        if recording is None:
            return self._compute(step)
        self._recordings[shape] = recording
        for held, tensor in zip(recording.step, step, strict=True):
            held.copy_(tensor)
        recording.graph.replay()
        return recording.losses

    def _has_room(self) -> bool:
        """Return whether the device's memory suffices for a recording, which keeps what a step computes with.

        Memory that ends while a step is recorded ends the process: so much must be free as was ever used above what is
        used now, the recordings' own memory included.
        """
        torch.cuda.empty_cache()
        needed = torch.cuda.max_memory_allocated(self._device) - torch.cuda.memory_allocated(self._device)
        free, total = torch.cuda.mem_get_info(self._device)
        share = getattr(torch.cuda, "get_per_process_memory_fraction", lambda: 1.0)()
        allowed = share * total - torch.cuda.memory_reserved(self._device)
        return needed <= min(free, allowed) + self._held

    def _record(self, step: Step) -> _Recording | None:
        """Return the recorded step, which is not computed yet; None, from now on, where it cannot be recorded."""
        if not self._has_room():
            self._obstacle = f"free memory sufficed for {self.n_recorded} shapes of steps"
            return None
        before = torch.cuda.memory_reserved(self._device)
        graph = torch.cuda.CUDAGraph()
        pool = next((recording.graph.pool() for recording in self._recordings.values()), None)
        try:
            with torch.cuda.graph(graph, pool=pool):
                losses = self._compute(step)
        except RuntimeError as error:  # something in it waits for the GPU, or its memory does not suffice
            not_allowed = f"this model does not allow it ({type(error).__name__})"
            self._obstacle = "memory ran out" if is_out_of_memory(error) else not_allowed
            self._may_record = False
            self.forget()
            return None
        self.n_recorded += 1
        self._held += torch.cuda.memory_reserved(self._device) - before
        return _Recording(graph, step, losses)
