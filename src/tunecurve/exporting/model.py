"""`tunecurve export --as`: one tuned model, converted, asked again, and described."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tunecurve.errors import UsageError
from tunecurve.exporting.card import CURVE, files_line, model_card
from tunecurve.exporting.rescoring import WHY_NOT_SCORED, Rescored, rescore
from tunecurve.exporting.usage import write_usage
from tunecurve.learners.converted import ConvertedModel, ModelFormat
from tunecurve.learners.hosted.names import parse_hosted_name
from tunecurve.predictor import load_predictor
from tunecurve.results.choosing import choose_trial
from tunecurve.results.stored import load
from tunecurve.storage.files import make_folder, write_text

CARD = "README.md"


@dataclass(frozen=True)
class Exported:
    """What `export_model` wrote."""

    trial: str
    """The trial."""
    folder: Path
    """Where it is."""
    converted: ConvertedModel
    """The model's files."""
    rescored: Rescored
    """Its scores before and after."""
    beside: tuple[str, ...]
    """The names of what else was written."""

    @property
    def lines(self) -> list[str]:
        """What was written and what it costs, for people."""
        unscored = self.rescored.not_scored
        return [
            f"Wrote {self.trial} to {self.folder}: {files_line(self.converted.files)}, " + ", ".join(self.beside),
            f"{self.rescored.line} (answered by {self.converted.answered_by})",
            *(f"note: {note}" for note in self.converted.notes),
            *([f"note: not scored again: {', '.join(unscored)} ({WHY_NOT_SCORED})"] if unscored else []),
        ]


def export_model(
    folder: Path,
    kind: ModelFormat,
    destination: Path | None = None,
    *,
    trial: str | None = None,
    check_rows: int | None = None,
    on_message: Callable[[str], None] = lambda line: None,
) -> Exported:
    """Write a tuned model of a run in a format of other tools, and say what the conversion costs.

    Parameters
    ----------
    folder : Path
        The run.
    kind : {"safetensors", "gguf-f16", "gguf-q8_0", "onnx"}
        The format.
    destination : Path, optional
        Where to write; default ``<run>/export/<format>``.
    trial : str, optional
        The trial; default: the best fine-tuned one.
    check_rows : int, optional
        Ask the converted model only so many test rows; default: all.
    on_message : callable
        Told in a line what takes time.

    Raises
    ------
    TunecurveError
        When there is no such run or trial, or its model cannot be written so.
    """
    results = load(folder)
    chosen = choose_trial(results, trial, tuned_only=True)
    if parse_hosted_name(chosen.learner) is not None:
        raise UsageError(
            f"'{chosen.learner}' is not a local model: its weights stay with its provider; tunecurve predict asks it, "
            "--trial names another trial"
        )
    predictor = load_predictor(folder, trial=chosen.name, device="cpu")
    if predictor.caution:
        on_message(predictor.caution)
    target = make_folder(destination or folder / "export" / kind)
    on_message(f"writing {chosen.name} as {kind}")
    converted = predictor.learner.convert(kind, target)
    usage, beside = write_usage(predictor, kind, converted, target)
    on_message(f"answering {check_rows or results.data.n_test} test rows with it")
    rescored = rescore(results, chosen, predictor, converted.answers, check_rows)
    dtype = (chosen.identity.get("compute") or {}).get("dtype")
    if rescored.n_changed and dtype not in (None, "float32"):
        converted.notes.append(
            f"the study's own answers were computed in {dtype}: a part of the difference may be that"
        )
    if (folder / CURVE).is_file():
        shutil.copyfile(folder / CURVE, target / CURVE)
    described = (kind, converted, rescored)
    curve = CURVE if (target / CURVE).is_file() else None
    write_text(target / CARD, model_card(results, chosen, predictor.learner.files, described, (usage, curve)))
    return Exported(chosen.name, target, converted, rescored, (*beside, CARD, *([curve] if curve else [])))
