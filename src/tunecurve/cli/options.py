"""The options that describe a study on the command line, laid over the study file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tunecurve.cli.rights import allow_code_option, local_only_option
from tunecurve.cli.spec_options import KEYS, OF_ROWS, Decorator, check_options, given_keys, option_of, typed_options

if TYPE_CHECKING:
    from tunecurve.study.options import StudyOptions


_OF_RUNNING = ("track", "show_texts")
_OF_STUDY = [
    *(option_of(parameter) for parameter in KEYS if parameter not in _OF_RUNNING),
    click.option(
        "--accept-data-changes",
        is_flag=True,
        help="Take rows that were changed or are gone since the study began as they are now; what they affect is measured anew.",
    ),
    click.option("--out", type=click.Path(path_type=Path), help="Run folder (runs/<name>)."),
    click.option(
        "--threads",
        type=click.IntRange(min=1),
        help="CPU threads (as finished trials in the folder, else physical cores); OMP_NUM_THREADS is not heeded.",
    ),
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True),
    local_only_option,
    allow_code_option,
]


def study_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the study and the options that describe it to a command."""
    study = click.argument("study", required=False, metavar="[STUDY.yaml|DATA]")
    return study(_with(_OF_STUDY, command))


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that describe a study's rows to a command."""
    return _with([*map(option_of, OF_ROWS), allow_code_option], command)


def row_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how the rows of a file that is named otherwise are read."""
    names = [name for name in OF_ROWS if KEYS[name].split(".")[0] in ("data", "task") and name != "data"]
    return _with([*map(option_of, names), local_only_option, allow_code_option], command)


def _with(options: Sequence[Decorator], command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command


def study_values(study: str | Path | None, options: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the study's values, options laid over the file, and where they come from.

    Rows may stand in the place of the study file. Without a file and without ``--data`` this is the built-in study with quick sizes.

    Raises
    ------
    UsageError
        Where an option is wrong; what is wrong in the study file is said where it is parsed.
    """
    from tunecurve.errors import UsageError
    from tunecurve.spec.quick import QUICK_STUDY
    from tunecurve.spec.reading import is_data, load_study, name_of_data
    from tunecurve.spec.section import merge_values

    if study is None:
        of_file: dict[str, Any] = {"name": name_of_data(options["data"])} if options.get("data") else QUICK_STUDY
        origin = "options"
    elif options.get("data") and is_data(study):
        raise UsageError(
            f"'{study}' and --data {options['data']} are both rows to study; give one of them (test rows of your own: --test-data)"
        )
    else:
        of_file, origin = load_study(study), str(study)
    values = merge_values(of_file, given_keys(options))
    check_options(values, of_file, options)
    return values, origin


def options_of(options: Mapping[str, Any], **more: Any) -> StudyOptions:
    """Return how a study is prepared: what the options say, and more."""
    from tunecurve.study.options import StudyOptions

    kept = {key: options[key] for key in ("out", "device", "threads", "accept_data_changes")}
    return StudyOptions(**kept, typed=typed_options(options), **more)
