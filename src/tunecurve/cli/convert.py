"""`tunecurve convert`: write rows of any shape as plain JSON Lines, or as the chat files of tuning services."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tunecurve.cli.findings import show_findings
from tunecurve.cli.main import echo
from tunecurve.cli.options import row_options

if TYPE_CHECKING:
    from tunecurve.spec.study import StudySpec

_STUDY_FILES = (".yaml", ".yml")


@click.command()
@click.argument("source", metavar="FILE|STUDY.yaml")
@row_options
@click.option(
    "--to",
    type=click.Choice(["rows", "openai", "vertex", "together", "trl"]),
    default="rows",
    show_default=True,
    help="Plain rows with input and target, or chats as a tuning service or TRL takes them.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File to write (NAME.rows.jsonl, NAME.openai.jsonl, ...)."
)
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
def convert(source: str, to: str, output: Path | None, force: bool, **options: Any) -> None:
    """Write the rows of a file, of whatever shape, as they were understood.

    These are the rows that `validate` counts with the same options. Chats hold the study's instruction with its labels; test and
    development rows that the data name get files of their own.

    tunecurve convert annotations.json --task ner --to openai -o tuning.jsonl
    """
    from tunecurve.cli.options import study_values
    from tunecurve.spec.reading import name_of_data
    from tunecurve.storage.files import write_text
    from tunecurve.study.converting import converted, fewest_rows
    from tunecurve.study.looking import looked_at
    from tunecurve.study.reading import read_study_rows
    from tunecurve.study.settling import settled_study

    is_study = Path(source).suffix.lower() in _STUDY_FILES
    values, origin = study_values(
        Path(source) if is_study else None, options if is_study else {**options, "data": source}
    )
    settled, said = looked_at(lambda out: settled_study(values, out, origin), values, None, origin)
    spec = settled.spec
    whole = output or Path(f"{name_of_data(spec.data.source)}.{to}.jsonl")
    _check_free(whole, spec, force)
    found = read_study_rows(spec, settled.folder, settled.findings)
    files = {_beside(whole, side): lines for side, lines in converted(spec, found.rows, to, settled.folder).items()}
    for path in files:
        _check_free(path, spec, force)
    echo(f"rows     {found.cleaning.summary()}")
    show_findings([*said, *settled.findings, *found.cleaning.findings()])
    for path, lines in files.items():
        write_text(path, "".join(f"{line}\n" for line in lines))
        echo(f"wrote    {path}: {len(lines)} rows {_in_words(to)}")
    if note := _system_note(spec, to):
        echo(f"note     {note}")
    if to != "rows" and spec.data.group_column:
        echo(
            "note     chats name no groups: rows of one group may be trained on and tested; plain rows keep them (--to rows)"
        )
    n_more = sum(bool(row.other_targets) for row in found.rows)
    if to != "rows" and n_more:
        echo(
            f"note     chats hold the first of several right answers, and {n_more} rows have more; plain rows keep all (--to rows)"
        )
    n_rows, n_fewest = len(files.get(whole, ())), fewest_rows(to)
    if n_rows < n_fewest:
        echo(f"warning  {n_rows} rows are fewer than the {n_fewest} that one tuning job takes there")
    echo(f"next     {_next_command(whole, spec, to, has_sides=any(row.side for row in found.rows))}")


def _check_free(path: Path, spec: StudySpec, force: bool) -> None:
    """Refuse to write over a file that is there, or over the data."""
    from tunecurve.errors import UsageError

    sources = [source for source in (spec.data.source, spec.data.test_source, spec.data.dev_source) if source]
    if str(path) == "-":
        raise UsageError("rows are written to files, not to standard output; name one with -o")
    if path.is_symlink() and not path.exists():
        raise UsageError(f"'{path}' is a link that leads to no file; name another file with -o")
    if any(os.path.realpath(path) == os.path.realpath(source) for source in sources):
        raise UsageError(f"'{path}' is the data itself; name another file with -o")
    if path.is_dir():
        raise UsageError(f"'{path}' is a folder; name a file in it with -o")
    if path.exists() and not force:
        raise UsageError(f"'{path}' exists; choose another name with -o, or add --force")
    if not path.parent.is_dir():
        raise UsageError(f"the folder '{path.parent}' does not exist; make it first")


def _beside(whole: Path, side: str) -> Path:
    """Return the file of a side: ``tuning-test.jsonl`` beside ``tuning.jsonl``."""
    return whole.with_name(f"{whole.stem}-{side}{whole.suffix}") if side else whole


def _system_note(spec: StudySpec, to: str) -> str:
    """Return what became of the system text, where nothing else tells of it."""
    if to == "rows":
        way = "stands in no row: give it as prompt.system in a study file, or write chats (--to openai)"
        return f"the system text {_cut(spec.prompt.system)} {way}" if spec.prompt.system else ""
    if spec.prompt.system is not None:
        return ""
    return "the chats' system text is the task's instruction; prompt.system in a study file is another, '' none"


def _cut(text: str) -> str:
    """Return the beginning of a text in quotation marks, on one line."""
    line = " ".join(text.split())
    return f"'{line[:60]}{'...' if len(line) > 60 else ''}'"


def _in_words(to: str) -> str:
    if to == "rows":
        return "with 'input' and 'target'"
    return "as chats for " + {"openai": "OpenAI", "vertex": "Vertex AI", "together": "Together", "trl": "TRL"}[to]


def _next_command(path: Path, spec: StudySpec, to: str, *, has_sides: bool) -> str:
    """Return the command that reads the file again."""
    parts = ["tunecurve", "validate", "--data", str(path), "--task", spec.task]
    if to == "rows":
        parts += ["--input-column", "input", "--target-column", "target"]
        parts += ["--group-column", "group"] if spec.data.group_column else []
        parts += ["--split-column", "split"] if has_sides else []
    return shlex.join(parts)
