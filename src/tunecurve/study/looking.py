"""Commands that only look at rows: what an earlier study left in the usual run folder must not keep them from it.

Nothing is written there, so nothing can be mixed up. Where the folder was named, its study is meant, and refuses what it would
refuse a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from tunecurve.errors import DataError, StudyStateError
from tunecurve.findings import Finding
from tunecurve.spec.reading import parse_spec
from tunecurve.study.frozen import FROZEN

Seen = TypeVar("Seen")


def looked_at(
    look: Callable[[Path | None], Seen], values: Mapping[str, Any], out: Path | None, origin: str
) -> tuple[Seen, list[Finding]]:
    """Return what a command sees of a study, and a warning where the study in the usual folder is another one.

    Parameters
    ----------
    look : callable
        Looks at the study as if it were kept in a folder; None stands for the usual one.
    values : mapping
        The study file's content.
    out : Path, optional
        The folder that was named.
    origin : str
        Where the content comes from.
    """
    try:
        return look(out), []
    except (StudyStateError, DataError) as refused:
        usual = Path("runs") / parse_spec(values, origin).name
        if out is not None or not (usual / FROZEN).exists():
            raise
        free = next(path for number in count(2) if not (path := Path(f"{usual}-{number}")).exists())
        return look(free), [_other_study(usual, free, refused)]


def _other_study(usual: Path, free: Path, refused: Exception) -> Finding:
    text = (
        f"'{usual}' holds another study, and these rows are looked at without it; a run there would end with: {refused}"
    )
    return Finding("other-study-in-folder", text, f"to run this one: --out {free}")
