"""Which executor runs the trials of a study, and what it was told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tunecurve.errors import UsageError

if TYPE_CHECKING:
    from tunecurve.spec.study import StudySpec

ExecutorName = Literal["local", "shared", "ray"]


@dataclass(frozen=True)
class Executor:
    """How the trials of a study are run."""

    name: ExecutorName = "local"
    """On this machine; sharing a directory with the same command elsewhere; on a Ray cluster."""
    workers: int | None = None
    """For ``local``: trials at once; default: one a CUDA device, else one."""
    ray_address: str | None = None
    """For ``ray``: the cluster, as `ray.init` takes it; default: ``$RAY_ADDRESS``, else a cluster of this machine."""
    gpus_per_trial: float = 0.0
    """For ``ray``: share of a GPU for each trial; 0 computes on the CPU."""

    def __post_init__(self) -> None:
        """Refuse options that belong to another executor.

        Raises
        ------
        UsageError
            Naming the option and its executor.
        """
        if self.name not in ("local", "shared", "ray"):
            raise UsageError(f"unknown executor '{self.name}'; expected local, shared or ray")
        if self.workers is not None and self.name != "local":
            raise UsageError(f"--workers belongs to --executor local, not to {self.name}; drop it")
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"--workers {self.workers}: expected 1 or more")
        if self.name != "ray" and (self.ray_address is not None or self.gpus_per_trial):
            raise UsageError("--ray-address and --gpus-per-trial belong to --executor ray; add it, or drop them")

    def refuse_time(self, spec: StudySpec) -> None:
        """Refuse a study that is planned for a time where its trials do not run here one after the other.

        Raises
        ------
        UsageError
            With what to do instead.
        """
        budget = spec.time_budget
        if budget is not None and self.name != "local":
            raise UsageError(
                f"time budget {budget} with executor {self.name}: the plan for a time is made for this machine alone; "
                "expected executor local, or no time budget"
            )
        if budget is not None and self.workers_here > 1:
            raise UsageError(
                f"time budget {budget} with --workers {self.workers}: the plan for a time is made for trials one after the "
                "other; expected --workers 1, or no time budget"
            )

    @property
    def workers_here(self) -> int:
        """How many workers share this machine's cores."""
        return self.workers or 1

    @property
    def is_shared(self) -> bool:
        """Whether several processes lead the study together."""
        return self.name == "shared"
