"""What a head knows of the rows that it was trained on; stored beside its weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from tunecurve.formats.spans import EntityFormat, MaskFormat, SpanFormat
from tunecurve.learners.training import OverMaskingBudget
from tunecurve.storage.files import write_text


@dataclass(frozen=True)
class Head:
    """What the outputs of a head mean."""

    classes: list[str]
    """A name for every output: classes, labels, or tags."""
    labels: list[str] | None = None
    """The labels that a tagger's tags stand for."""
    threshold: float | None = None
    """A tagger's words above it are in a span; None: the likeliest tag counts."""
    thresholds: list[float] | None = None
    """For every label of a set: it is in the answer above it."""
    joined: list[str] | None = None
    """A tagger's labels whose neighbouring spans, with blanks between them alone, are one span; None: those of none."""
    filled: list[str] | None = None
    """What goes on with a tagger's span where it stands between two words of spans without a blank: signs, or "" for letters."""
    format: MaskFormat | None = None
    """How masked targets are written; None: spans are listed."""

    @property
    def span_format(self) -> SpanFormat:
        """How the targets of a tagger say spans."""
        return EntityFormat() if self.format is None else self.format

    @property
    def known_labels(self) -> list[str]:
        """The labels of a tagger; none where no training row has one."""
        return self.labels or []

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        values = {**asdict(self), "format": None if self.format is None else self.format.to_json()}
        write_text(path, json.dumps({name: value for name, value in values.items() if value is not None}))

    @classmethod
    def load(cls, path: Path) -> Head:
        """Read what `save` wrote."""
        values = json.loads(path.read_text())
        written = values.pop("format", None)
        values.pop("task", None)  # of an earlier version
        return cls(**values, format=None if written is None else MaskFormat.from_json(written))


class Calibrated(NamedTuple):
    """A head with what is chosen after training, and what that rests on."""

    head: Head
    budget: OverMaskingBudget | None = None
