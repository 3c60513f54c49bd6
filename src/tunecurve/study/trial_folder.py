"""The folder of a trial: its files, the state that they tell, their checksums, and what becomes of damaged ones.

``<study>/trials/<trial>-<hash>`` holds config.json (what determines the trial), the tuned model and training.json (once trained),
examples.json (where every row has examples of its own),
instruction.txt and optimised.json (where an instruction was looked for), predictions.jsonl (once answered), losses.jsonl (where the learner
measures losses), statistics.npy (what metrics counted in each row; see `trial_record`) and result.json, written last: its existence
means the trial is done. training.json and result.json hold the checksums of the files that they vouch for, and one of their own. A
damaged file is moved to ``<study>/damaged/<trial>-<hash>``; nothing is deleted.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

from tunecurve.errors import DamagedFile, TunecurveError
from tunecurve.learners.training import TrainingRecord
from tunecurve.storage.files import (
    TEMPORARY,
    AppendLog,
    flush_to_disk,
    make_folder,
    move_aside,
    read_checked_json,
    read_lines,
    remove_leftovers,
    sha256_of,
    write_checked_json,
    write_lines,
    write_text,
)
from tunecurve.storage.records import Record
from tunecurve.storage.versions import difference, made_by

TRIALS, DAMAGED = "trials", "damaged"  # folders of a study
CONFIG, TRAINING, RESULT = "config.json", "training.json", "result.json"
ANSWERS, ANSWERS_SO_FAR = "predictions.jsonl", "predictions.partial.jsonl"
LOSSES, LOSSES_SO_FAR = "losses.jsonl", "losses.partial.jsonl"
CHECKPOINT, PROVIDER_CHECKPOINTS = "checkpoint.safetensors", "checkpoints.json"
STATISTICS = "statistics.npy"
EXAMPLES = "examples.json"
INSTRUCTION, OPTIMISED, CALLS_SO_FAR = "instruction.txt", "optimised.json", "calls.partial.jsonl"
FAILURE, ATTEMPT, TIME = "failure.txt", "attempt.txt", "time.json"
_NOT_OF_THE_MODEL = frozenset(
    {
        CONFIG, TRAINING, RESULT, ANSWERS, ANSWERS_SO_FAR, LOSSES, LOSSES_SO_FAR, CHECKPOINT, PROVIDER_CHECKPOINTS,
        FAILURE, ATTEMPT, TIME, STATISTICS, EXAMPLES, INSTRUCTION, OPTIMISED, CALLS_SO_FAR,
    }
)  # fmt: skip

_VOUCHED_FOR = (ANSWERS, LOSSES, EXAMPLES, INSTRUCTION, OPTIMISED)  # by result.json


class KeptAnswer(TypedDict):
    """A line of predictions.jsonl: what the other parts of the program read of it."""

    row_id: str
    input: str
    target: str
    prediction: str
    stop_reason: str


class KeptLoss(TypedDict):
    """A line of losses.jsonl."""

    side: Literal["test", "train"]
    row_id: str
    nats: float
    n_units: int
    left_out: str


TrialState = Literal["finished", "failed", "started", "waiting"]


@dataclass(frozen=True, order=True)
class TrialFolder:
    """The folder of a trial, whether it exists or not."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @classmethod
    def of_study(cls, study: Path, name: str) -> TrialFolder:
        """Return the folder of a study's trial by its name."""
        return cls(study / TRIALS / name)

    @property
    def name(self) -> str:
        """The trial's name and the hash of its config."""
        return self.path.name

    @property
    def study(self) -> Path:
        """The study's folder."""
        return self.path.parent.parent

    def has(self, name: str) -> bool:
        """Return whether a file of the trial is there."""
        return (self.path / name).exists()

    @property
    def is_finished(self) -> bool:
        """Whether the trial is done."""
        return self.has(RESULT)

    @property
    def is_trained(self) -> bool:
        """Whether the trial's model is trained."""
        return self.has(TRAINING)

    @property
    def state(self) -> TrialState:
        """What the files tell; ``started``: running or interrupted."""
        if self.is_finished:
            return "finished"
        if self.has(FAILURE):
            return "failed"
        return "started" if self.has(CONFIG) else "waiting"

    def begin(self, config: Mapping[str, Any]) -> None:
        """Make the folder, with what determines the trial; what a killed process was writing goes."""
        make_folder(self.path)
        remove_leftovers(self.path)
        write_checked_json(self.path / CONFIG, config)

    def config(self) -> Mapping[str, Any]:
        """Return what determines the trial.

        Raises
        ------
        DamagedFile
            As for all files with a checksum: when it is not what was written.
        """
        return read_checked_json(self.path / CONFIG)

    def training(self) -> TrainingRecord:
        """Return the record of the training."""
        path = self.path / TRAINING
        return TrainingRecord.from_json(read_checked_json(path)["record"], str(path))

    def keep_training(self, record: TrainingRecord) -> None:
        """Write what a training did, once its model is safely on disk: the training is not run again."""
        flush_to_disk(self.path)  # training.json says that all of it is there, also after a power cut
        files = [path for path in sorted(self.path.rglob("*")) if path.is_file() and path.name not in _NOT_OF_THE_MODEL]
        sums = {str(path.relative_to(self.path)): sha256_of(path) for path in files if path.suffix != TEMPORARY}
        write_checked_json(self.path / TRAINING, {"record": record, "made_by": made_by(), "files": sums})

    def copy_model(self, other: TrialFolder, names: Iterable[str]) -> bool:
        """Take over the files of another trial's model; False, and nothing is copied, where one of them is not there."""
        parts = [other.path / name for name in names]
        if not parts or not other.is_trained or not all(part.exists() for part in parts):
            return False
        for part in parts:
            if part.is_dir():
                shutil.copytree(part, self.path / part.name, dirs_exist_ok=True)
            else:
                shutil.copy2(part, self.path / part.name)
        return True

    def answers(self) -> list[KeptAnswer]:
        """Return the lines of predictions.jsonl, in the order of the test rows.

        Raises
        ------
        DamagedFile
            When it is gone.
        """
        if not self.has(ANSWERS):
            raise DamagedFile(self.path / ANSWERS, "it is gone")
        return read_lines(self.path / ANSWERS)

    def keep_answers(self, lines: Sequence[Mapping[str, object]]) -> None:
        """Write predictions.jsonl."""
        write_lines(self.path / ANSWERS, lines)

    def examples(self) -> Mapping[str, Any] | None:
        """Return what examples.json holds; None where no examples were chosen yet."""
        return read_checked_json(self.path / EXAMPLES) if self.has(EXAMPLES) else None

    def keep_examples(self, kept: Mapping[str, object]) -> None:
        """Write which examples every row has, and what they were chosen from."""
        write_checked_json(self.path / EXAMPLES, dict(kept))

    def found_instruction(self) -> dict[str, Any] | None:
        """Return what the search for an instruction found; None where none has ended yet."""
        return read_checked_json(self.path / OPTIMISED)["found"] if self.has(OPTIMISED) else None

    def keep_instruction(self, text: str, found: Record, candidates: Sequence[Record]) -> None:
        """Write the instruction that was found, for people, and all that were tried with their development scores."""
        write_text(self.path / INSTRUCTION, text + "\n")
        write_checked_json(self.path / OPTIMISED, {"found": found, "candidates": list(candidates)})

    def losses(self, side: Literal["test", "train"]) -> list[KeptLoss]:
        """Return the lines of losses.jsonl of one side: the test rows in their order, or rows that were tuned on."""
        return [line for line in read_lines(self.path / LOSSES) if line["side"] == side]

    def keep_losses(self, lines: Sequence[Mapping[str, object]]) -> None:
        """Write losses.jsonl."""
        write_lines(self.path / LOSSES, lines)

    def copy_losses(self, other: TrialFolder) -> None:
        """Take over losses.jsonl of another trial."""
        shutil.copy2(other.path / LOSSES, self.path / LOSSES)

    def result(self) -> Mapping[str, Any]:
        """Return the result."""
        return read_checked_json(self.path / RESULT)

    def score(self, metric: str) -> float | None:
        """Return a finished trial's score by the metric's name; None: undefined, or unreadable."""
        try:
            score = self.result()["scores"].get(metric)
        except (TunecurveError, OSError, KeyError):  # whoever needs it whole says so
            return None
        return float(score) if isinstance(score, float | int) and math.isfinite(score) else None

    def keep_result(self, result: Mapping[str, Any]) -> Mapping[str, Any]:
        """Write the result with versions and checksums, and return it so; what only an unfinished trial needs goes."""
        sums = {name: sha256_of(self.path / name) for name in _VOUCHED_FOR if self.has(name)}
        result = {**result, "made_by": made_by(), "files": sums}
        write_checked_json(self.path / RESULT, result)
        self.remove(ANSWERS_SO_FAR, LOSSES_SO_FAR, CALLS_SO_FAR, CHECKPOINT)
        return result

    def keep_seconds(self, seconds: float) -> None:
        """Write how long the trial took, where a study is planned for a time."""
        write_checked_json(self.path / TIME, {"seconds": seconds})

    def seconds(self) -> float | None:
        """Return how long the trial took; None: that was not kept, or cannot be read."""
        try:
            return float(read_checked_json(self.path / TIME)["seconds"]) if self.has(TIME) else None
        except (TunecurveError, OSError, KeyError, ValueError, TypeError):  # it is but a help for estimates
            return None

    def provider_checkpoints(self) -> list[Mapping[str, Any]]:
        """Return the scores of the checkpoints that a provider kept; empty where none were scored."""
        return read_checked_json(self.path / PROVIDER_CHECKPOINTS)["scored"] if self.has(PROVIDER_CHECKPOINTS) else []

    def keep_provider_checkpoints(self, scored: Sequence[Mapping[str, object]]) -> None:
        """Write the scores of a provider's checkpoints."""
        write_checked_json(self.path / PROVIDER_CHECKPOINTS, {"scored": scored})

    def failure(self) -> str | None:
        """Return in a line why the trial failed; None where it did not, or is finished since."""
        if self.is_finished or not self.has(FAILURE):
            return None
        return (self.path / FAILURE).read_text(encoding="utf-8").partition("\n")[0]

    def failed_at(self) -> int | None:
        """Return when the trial failed, in nanoseconds of the file system's clock; None where it did not."""
        try:
            return (self.path / FAILURE).stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def keep_failure(self, line: str, detail: str = "") -> None:
        """Write why the trial failed: a line, and what may follow it."""
        write_text(make_folder(self.path) / FAILURE, line + detail)

    def remove(self, *names: str) -> None:
        """Delete files that nobody needs any more."""
        for name in names:
            (self.path / name).unlink(missing_ok=True)

    def open_log(self, name: str) -> tuple[AppendLog, list[str]]:
        """Open a log of answers or losses so far, and return what to tell of it.

        Damaged lines are dropped. A log of other versions is quarantined, and begun anew.
        """
        path, said = self.path / name, []
        log = AppendLog(path)
        made_then = next((line["made_by"] for line in log.values if "made_by" in line), None)
        changed = difference(made_then) if log.values else None
        if log.n_damaged:
            said.append(f"{log.n_damaged} damaged line(s) in '{path}' are dropped")
        if changed:
            log.close()
            what = "losses" if name == LOSSES_SO_FAR else "answers"
            said.append(f"its {what} so far are of other versions ({changed}); moved to '{self.quarantine(path)}'")
            log = AppendLog(path)
        if not log.values:
            log.append({"made_by": made_by()})
        return log, said

    def damage(self, manifest: str) -> list[DamagedFile]:
        """Return what is wrong with training.json or result.json, or with the files that it vouches for."""
        try:
            files = read_checked_json(self.path / manifest)["files"]
        except DamagedFile as damaged:
            return [damaged]
        found = []
        for path, sha256 in ((self.path / name, sha256) for name, sha256 in files.items()):
            if not path.is_file():
                found.append(DamagedFile(path, "it is gone"))
            elif sha256_of(path) != sha256:
                found.append(DamagedFile(path, "its content does not match its checksum"))
        return found

    def quarantine(self, path: Path) -> Path:
        """Move a damaged file of the trial out of the way; return where it is now."""
        return move_aside(path, make_folder(self.study / DAMAGED / self.name))

    def namesakes(self) -> list[TrialFolder]:
        """Return the folders of the same trial with another config, and this one, where they exist."""
        stem = self.name.rpartition("-")[0]
        folders = sorted(self.path.parent.glob("*")) if self.path.parent.is_dir() else []
        return [TrialFolder(folder) for folder in folders if folder.name.rpartition("-")[0] == stem]


def trials_of(study: Path) -> list[TrialFolder]:
    """Return the folders of all trials of a study that are there."""
    return [TrialFolder(path) for path in sorted((study / TRIALS).glob("*")) if path.is_dir()]
