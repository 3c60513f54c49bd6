"""Reader for the text files beside this module: ``# heading`` lines, and one entry a line below each.

Plain text keeps templates and word lists readable and reviewable for people who do not program.
"""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def read_sections(file_name: str) -> dict[str, tuple[str, ...]]:
    """Read one packaged text file, such as ``"templates_en.txt"``.

    Returns
    -------
    dict of str to tuple of str
        Heading to entries, both in file order. Empty lines are skipped.
    """
    sections: dict[str, list[str]] = {}
    entries: list[str] | None = None
    text = resources.files(__package__).joinpath(file_name).read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("# "):
            entries = sections.setdefault(line[2:].strip(), [])
        elif line.strip():
            if entries is None:
                raise ValueError(f"{file_name}: entry before the first '# heading': {line!r}")
            entries.append(line.strip())
    return {heading: tuple(lines) for heading, lines in sections.items()}
