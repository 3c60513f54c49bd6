"""The options that describe a study on the command line, laid over the study file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tunecurve.own_code import allow_code, is_reference
from tunecurve.tasks.lookup import TASK_NAMES

if TYPE_CHECKING:
    from tunecurve.study.options import StudyOptions


class IntegerList(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    """Whole numbers separated by commas, e.g. ``50,200,800``."""

    name = "N,N,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """Return the numbers."""
        if isinstance(value, list):
            return value
        try:
            return [int(part) for part in str(value).split(",") if part.strip()]
        except ValueError:
            self.fail(f"'{value}' is not a list of whole numbers; expected e.g. 50,200,800", param, ctx)


def _allow_code(context: click.Context, parameter: click.Parameter, is_allowed: bool) -> None:
    if is_allowed:
        allow_code()


allow_code_option = click.option(
    "--allow-code",
    is_flag=True,
    expose_value=False,
    callback=_allow_code,
    help="Run the code that the study names as package.module:name.",
)


class TaskName(click.Choice[str]):
    """A kind of task, or the reference of one's own."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        return value if is_reference(value) else super().convert(value, param, ctx)


_OPTIONS = [
    click.argument("study", required=False, type=click.Path(path_type=Path), metavar="[STUDY.yaml]"),
    click.option("--data", help="builtin:pii, a .jsonl/.csv/.tsv/.parquet file, or a hub id owner/name."),
    click.option(
        "--input-column",
        "input_column",
        multiple=True,
        help="Column with the input text (found from the rows); repeatable: the texts, joined by line breaks.",
    ),
    click.option(
        "--target-column",
        "target_column",
        multiple=True,
        help="Column with the text that should come out (found from the rows); repeatable for multilabel: columns of 0 and 1.",
    ),
    click.option("--shape", help="Shape of the rows, e.g. openai-chat (found from the rows); columns: plain columns."),
    click.option("--group-column", help="Rows with the same value here stay on one side of the split."),
    click.option(
        "--task",
        type=TaskName(TASK_NAMES),
        help="Kind of task (masking); package.module:name for one of your own, with --allow-code.",
    ),
    click.option(
        "--model",
        "models",
        multiple=True,
        help="Built-in name, hub id, folder, .gguf file, or provider/model; constrained:NAME lets a local model write "
        "nothing but maskings; repeatable.",
    ),
    click.option("--train-sizes", type=IntegerList(), help="Training rows to fine-tune on, e.g. 50,200,800."),
    click.option("--shots", type=IntegerList(), help="Numbers of examples in the prompt (0,3)."),
    click.option("--seeds", type=click.IntRange(min=1), help="Repeats on other draws of rows (1)."),
    click.option(
        "--test-size", type=click.IntRange(min=1), help="Number of test rows (200; of test rows of your own: all)."
    ),
    click.option("--metric", "metrics", multiple=True, help="Metric; the first is the headline; repeatable."),
    click.option("--recipe", type=click.Choice(["default", "article"]), help="How to fine-tune (default)."),
    click.option("--split", type=click.Choice(["group", "random"]), help="How to part test and training rows (group)."),
    click.option(
        "--sampling",
        type=click.Choice(["random", "stratified"]),
        help="How training rows are drawn (random); stratified: small sizes hold all labels evenly.",
    ),
    click.option("--limit", type=click.IntRange(min=1), help="Use only so many rows, drawn at random."),
    click.option(
        "--first-rows", "limit_takes", flag_value="first", help="With --limit: the first rows, not drawn ones."
    ),
    click.option(
        "--where",
        multiple=True,
        help="Use only rows with COLUMN=VALUE, COLUMN!=VALUE or 'COLUMN in VALUE,VALUE'; repeatable.",
    ),
    click.option("--test-data", help="Test rows of your own: a file or hub id with the same columns."),
    click.option("--split-column", help="Column that says which rows are train, test or dev."),
    click.option("--encoding", help="Encoding of text files that are no UTF-8, e.g. cp1250."),
    click.option("--sheet", help="Sheet of a workbook (the only one that is visible and filled)."),
    click.option("--dev-data", help="Development rows, kept out of both training and test rows."),
    click.option(
        "--accept-data-changes",
        is_flag=True,
        help="Take rows that were changed or are gone since the study began as they are now; what they affect is measured anew.",
    ),
    click.option("--out", type=click.Path(path_type=Path), help="Run folder (runs/<name>)."),
    click.option("--threads", type=click.IntRange(min=1), help="CPU threads (physical cores)."),
    click.option(
        "--max-cost", type=click.FloatRange(min=0), help="Hard cap on spending for hosted models, US dollars."
    ),
    click.option("-j", "--concurrency", type=click.IntRange(min=1), help="Most calls to a provider in flight (8)."),
    click.option("--batch", is_flag=True, default=None, help="Provider's batch mode: half the price, up to a day."),
    click.option(
        "--checkpoints", is_flag=True, default=None, help="Also score each pass's checkpoint of hosted tuning."
    ),
    click.option("--local-only", is_flag=True, help="Refuse every connection to another machine."),
    allow_code_option,
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True),
]


def study_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that describe a study to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that describe a study's rows to a command, from ``--data`` to ``--dev-data``."""
    for option in reversed(_OPTIONS[1:]):
        command = option(command) if _name_of(option) in _DATA_OPTIONS else command
    return command


_DATA_OPTIONS = frozenset(
    {"data", "input_column", "target_column", "shape", "group_column", "task", "test_size", "metrics", "split", "limit"}
    | {"limit_takes", "where", "test_data", "split_column", "dev_data", "allow_code"}
    | {"encoding", "sheet"}
)


def _name_of(option: Callable[..., Any]) -> str:
    """Return the parameter that an option fills."""

    def probe() -> None: ...

    option(probe)
    return str(probe.__click_params__[0].name)  # type: ignore[attr-defined]


def study_values(study: Path | None, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the study's values, options laid over the file, and where they come from.

    Without a file and without ``--data`` this is the built-in study with quick sizes.
    """
    from tunecurve.run import merge_values
    from tunecurve.spec.reading import load_spec
    from tunecurve.spec.study import QUICK_STUDY

    if options.get("local_only"):
        from tunecurve.privacy.network import stay_on_this_machine

        stay_on_this_machine()
    overrides = _overrides(options)
    if study is not None:
        return merge_values(load_spec(study), overrides), str(study)
    if options.get("data"):
        return merge_values({"name": _name_for(options["data"])}, overrides), "options"
    return merge_values(QUICK_STUDY, overrides), "options"


def options_of(options: dict[str, Any], **more: Any) -> StudyOptions:
    """Return how a study is prepared: what the options say, and more."""
    from tunecurve.study.options import StudyOptions

    return StudyOptions(**{key: options[key] for key in ("out", "device", "threads", "accept_data_changes")}, **more)


def _name_for(data: str) -> str:
    path = Path(data)
    stem = path.parent.name if path.stem in ("data", "train", "rows") and path.parent.name else path.stem
    name = "".join(character if character.isalnum() or character in "-_" else "-" for character in stem).strip("-")
    return name or "study"


def _overrides(options: dict[str, Any]) -> dict[str, Any]:
    places: dict[str, tuple[str, ...]] = {
        "data": ("data", "source"),
        "input_column": ("data", "input_column"),
        "target_column": ("data", "target_column"),
        "shape": ("data", "shape"),
        "group_column": ("data", "group_column"),
        "limit": ("data", "limit"),
        "limit_takes": ("data", "limit_takes"),
        "where": ("data", "where"),
        "test_data": ("data", "test_source"),
        "split_column": ("data", "split_column"),
        "encoding": ("data", "encoding"),
        "sheet": ("data", "sheet"),
        "dev_data": ("data", "dev_source"),
        "task": ("task",),
        "models": ("models",),
        "train_sizes": ("train_sizes",),
        "shots": ("shots",),
        "seeds": ("seeds",),
        "test_size": ("split", "test_size"),
        "split": ("split", "method"),
        "sampling": ("sampling",),
        "metrics": ("metrics",),
        "recipe": ("recipe", "name"),
        "max_cost": ("hosted", "max_cost"),
        "concurrency": ("hosted", "concurrency"),
        "batch": ("hosted", "batch"),
        "checkpoints": ("hosted", "checkpoints"),
    }
    values: dict[str, Any] = {}
    for option, path in places.items():
        value = options.get(option)
        if value is None or value == ():
            continue
        target = values
        for key in path[:-1]:
            target = target.setdefault(key, {})
        target[path[-1]] = list(value) if isinstance(value, tuple) else value
    return values
