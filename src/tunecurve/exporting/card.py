"""The card of an exported model, README.md: what it is, what it scored, on which data, and where it ends. No text of any row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tunecurve.exporting.rescoring import WHY_NOT_SCORED, Rescored
from tunecurve.learners.converted import ConvertedModel, ModelFormat
from tunecurve.learners.encoder.weights import ENCODERS
from tunecurve.learners.model_files import ModelFiles
from tunecurve.learners.torch.weights import BUILTIN_MODELS
from tunecurve.report.tables import with_interval
from tunecurve.results.model import Results
from tunecurve.results.records.points import Point
from tunecurve.results.records.trials import FinishedTrial
from tunecurve.wording import counted, told_apart

CURVE = "curve.png"
_LICENCES = {name: wheel.licence for name, wheel in (BUILTIN_MODELS | ENCODERS).items()}
_UNKNOWN_LICENCE = "not known to tunecurve: look at the base model's own page before you pass this model on"


def model_card(
    results: Results,
    trial: FinishedTrial,
    files: ModelFiles | None,
    exported: tuple[ModelFormat, ConvertedModel, Rescored],
    shown: tuple[str, str | None],
) -> str:
    """Return the card of an exported trial as Markdown, with the curve's picture and how the model is used."""
    (kind, converted, rescored), (usage, picture) = exported, shown
    base = _public_name(files.name) if files else "unknown"
    licence = _LICENCES.get(files.name) if files else None
    parts = [
        _front_matter(results, base, licence),
        f"# {results.name}: {_public_name(trial.learner)}, {trial.label}, as {kind}\n",
        f"A {results.task} model: {base}, fine-tuned on {trial.train_size} labelled rows{_kept_aside(trial)} "
        f"(seed {trial.seed}) by tunecurve {results.tunecurve_version}, and measured on {results.data.n_test} test rows that "
        "it was not trained on.\n",
        f"Base model: {base}. Licence of the base model: {licence or _UNKNOWN_LICENCE}. The licence of the training data "
        "is for you to say.\n",
        "## Use\n",
        usage,
        "## Scores\n",
        _scores(results, trial),
        f"## After conversion to {kind}\n",
        conversion_table(rescored),
        f"Answered by {converted.answered_by}; before: the answers that the study scored ({_compute(trial)}).\n",
        *(f"- {note}" for note in converted.notes),
        "" if converted.notes else None,
        "## Learning curve\n",
        f"![The learning curve]({picture})\n" if picture else None,
        _curve(results),
        "## Data\n",
        _data(results, trial, converted.knows),
        "## Limits\n",
        _limits(results, trial),
    ]
    return "\n".join(part for part in parts if part is not None)


def conversion_table(rescored: Rescored) -> str:
    """Return scores before and after as Markdown, and how many answers differ."""
    lines = ["| metric | before | after |", "|---|---|---|"]
    lines += [
        f"| {one.metric.title} {one.metric.arrow} | {one.before:.2f} | {one.after:.2f} |" for one in rescored.scores
    ]
    scored_on = f"{rescored.n_rows} of {rescored.n_test}" if rescored.n_rows < rescored.n_test else str(rescored.n_test)
    lines += ["", f"On {scored_on} test rows: {rescored.differing}.", ""]
    if rescored.not_scored:
        lines += [f"Not scored again: {', '.join(rescored.not_scored)} ({WHY_NOT_SCORED}).", ""]
    return "\n".join(lines)


def _front_matter(results: Results, base: str, licence: str | None) -> str:
    lines = ["---", f"base_model: {base}"]
    lines += [f"license: {licence.lower()}"] if licence else []
    return "\n".join([*lines, "tags:", "- tunecurve", f"- {results.task}", "---", ""])


def _public_name(name: str) -> str:
    """Return a model's name without the folders of this machine."""
    kind, colon, rest = name.rpartition(":")
    return kind + colon + (Path(rest).name if rest.startswith(("/", ".", "~")) or rest.endswith(".gguf") else rest)


def _scores(results: Results, trial: FinishedTrial) -> str:
    point = next((one for one in results.points if one.key == trial.key), None)
    seeds = point.n_seeds if point else 1
    header = f"This model, and its point on the curve ({counted(seeds, 'seed')}, {_level(results)} intervals):"
    lines = [header, "", "| metric | this model | point |", "|---|---|---|"]
    for metric in results.metrics:
        if not results.may_say(metric.name, trial.learner):
            lines.append(f"| {metric.title} {metric.arrow} | cannot be said | cannot be said |")
            continue
        own = trial.scores.get(metric.name)
        shown = "–" if own is None else f"{own:.1f}"
        interval = with_interval(point.scores[metric.name]) if point and metric.name in point.scores else "–"
        lines.append(f"| {metric.title} {metric.arrow} | {shown} | {interval} |")
    return "\n".join([*lines, ""])


def _level(results: Results) -> str:
    return f"{100 * results.bootstrap.level:g} %"


def _curve(results: Results) -> str:
    metric = results.metric()
    lines = [f"| model | {metric.title} {metric.arrow} |", "|---|---|"]
    lines += [
        f"| {_public_name(point.learner)}, {point.label} | {_shown(point, metric.name)} |" for point in results.points
    ]
    return "\n".join([*lines, ""])


def _shown(point: Point, metric: str) -> str:
    return with_interval(point.scores[metric]) if metric in point.scores else "–"


def _compute(trial: FinishedTrial) -> str:
    compute = trial.identity.get("compute") or {}
    return ", ".join(str(compute[key]) for key in ("device", "dtype") if key in compute) or "as the study ran"


def _data(results: Results, trial: FinishedTrial, knows: frozenset[str] | None) -> str:
    data = results.data
    groups = f", in {data.groups_in_test} groups" if results.bootstrap.unit == "groups" else ""
    labels = f"\n- labels: {_labels(data.labels, knows)}" if data.labels else ""
    return (
        f"- source: {_sources(results)}\n- rows: {data.rows_in:,} read, {data.rows_kept:,} kept\n"
        f"- labelled rows used: {trial.train_size:,} of {data.n_pool:,}{_kept_aside(trial)}\n"
        f"- test rows: {data.n_test:,}{groups}, chosen once: {data.split_method}\n- test rows, SHA-256: {data.test_sha256[:16]}{labels}\n"
    )


def _kept_aside(trial: FinishedTrial) -> str:
    """Return how many of the rows were not trained on; nothing where all were."""
    n_aside = len((trial.training.kept_aside if trial.training else None) or ())
    if not n_aside:
        return ""
    return f", of which {n_aside} were kept from training, to stop by or to choose a learning rate or threshold on"


def _labels(labels: Sequence[str], knows: frozenset[str] | None) -> str:
    unknown = [] if knows is None else [label for label in labels if label not in knows]
    if not unknown:
        return str(len(labels))
    never = ", ".join(told_apart(unknown))
    return f"{len(labels)} in the study, {len(labels) - len(unknown)} in this model's training rows; it never writes {never}"


def _sources(results: Results) -> str:
    given = dict(results.study.data.model_dump(mode="json")).get("source")
    names = given if isinstance(given, list) else [given]
    return ", ".join(_public_name(str(name)) for name in names)


def _limits(results: Results, trial: FinishedTrial) -> str:
    lines = [
        "- Measured on test rows of the same source; other texts may go worse.",
        f"- Intervals are {_level(results)} and rest on {results.data.n_test} test rows.",
        "- It answers by the prompt and the form of the rows that it was tuned on, and by no other.",
    ]
    if results.task == "masking":
        lines.append("- It leaves some personal data unmasked: a score above is no promise for any one text.")
    blocking = [finding for finding in results.findings if finding.blocks]
    if blocking:
        lines.append(f"- {len(blocking)} finding(s) of the study forbid claims about it; its report names them.")
    cut = trial.answers.stop_reasons.get("length", 0)
    if cut:
        lines.append(f"- {cut} of {results.data.n_test} test answers were cut at the answer cap.")
    return "\n".join([*lines, ""])


def files_line(paths: Sequence[Path]) -> str:
    """Return names of files in a line, of larger ones with their sizes."""
    sizes = [path.stat().st_size / 1e6 for path in paths]
    return ", ".join(
        f"{path.name} ({size:.1f} MB)" if size >= 0.05 else path.name for path, size in zip(paths, sizes, strict=True)
    )
