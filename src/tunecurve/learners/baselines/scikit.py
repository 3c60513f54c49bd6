"""A classifier of scikit-learn's interface as a learner: `fit(texts, labels)`, `predict(texts)`; a pipeline with a vectorizer first.

Nothing is unpickled: what is kept of a fitted classifier are its rows and its seed, and it is fitted again where it is needed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tunecurve.errors import ModelError
from tunecurve.learners.answer_bounds import among_classes
from tunecurve.learners.base import (
    Completion,
    Learner,
    RoundTrip,
    TrainingJob,
    TrainingProgress,
    TrainingRecord,
    Tuned,
    unanswered,
)
from tunecurve.prompts import Prompt, TuningExample
from tunecurve.storage.files import make_folder, read_checked_json, write_checked_json

TUNED_FOLDER, ROWS = "scikit", "rows.json"
# Where functions and objects stand in memory is another at every start.
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def is_classifier(value: object) -> bool:
    """Return whether an object has scikit-learn's interface: it is fitted, predicts, and tells its parameters."""
    methods = ("fit", "predict", "get_params", "set_params")
    return not isinstance(value, type) and all(callable(getattr(value, name, None)) for name in methods)


class ScikitLearner(Learner):
    """Fits a copy of a classifier, which reads texts as they are and is never fitted itself, on every training set."""

    answers_are_cleaned = False

    def __init__(self, name: str, classifier: Any, tuned_folder: Path | None = None) -> None:
        self.name, self.classifier, self.tuned_folder = name, classifier, tuned_folder
        self._fitted: Any = None

    def identity(self) -> dict[str, object]:
        """Return class and parameters, and scikit-learn's version."""
        import sklearn

        told = {name: _ADDRESS.sub("", repr(value)) for name, value in sorted(self.classifier.get_params().items())}
        kind = type(self.classifier)
        return {
            "kind": "scikit",
            "class": f"{kind.__module__}.{kind.__qualname__}",
            "parameters": told,
            "scikit_learn": sklearn.__version__,
        }

    def fine_tune(self, job: TrainingJob, on_step: Callable[[TrainingProgress], None]) -> Tuned:
        """Fit a copy on the examples; their texts and the seed go to ``folder/scikit``."""
        started = time.perf_counter()
        texts = [example.prompt.source for example in job.examples]
        labels = [example.answer.strip() for example in job.examples]
        fitted = self._fit(texts, labels, job.seed)
        folder = make_folder(job.folder / TUNED_FOLDER)
        write_checked_json(folder / ROWS, {"texts": texts, "labels": labels, "seed": job.seed})
        seconds = time.perf_counter() - started
        on_step(TrainingProgress(1, 1, 0.0, len(texts) / max(seconds, 1e-9)))
        said = f"{len(set(labels))} classes"
        tuned = self.load_tuned(job.folder)
        tuned._fitted = fitted
        return Tuned(tuned, TrainingRecord(1, 1, len(texts), [], seconds, 0, job.recipe, said))

    def _fit(self, texts: Sequence[str], labels: Sequence[str], seed: int) -> Any:
        from sklearn.base import clone

        fitted = clone(self.classifier)
        chance = {name: seed for name, value in fitted.get_params().items() if _is_open_seed(name, value)}
        try:
            return fitted.set_params(**chance).fit(list(texts), list(labels))
        except Exception as error:  # whatever a classifier of the user's own raises
            raise ModelError(
                f"'{self.name}' ({type(fitted).__name__}) cannot be fitted on {len(texts)} texts: {_first_line(error)}; it is given texts "
                "as they are, so a vectorizer comes first: make_pipeline(TfidfVectorizer(), ...)"
            ) from None

    def load_tuned(self, folder: Path) -> ScikitLearner:
        """Return the learner whose rows lie in ``folder/scikit``."""
        return ScikitLearner(self.name, self.classifier, folder / TUNED_FOLDER)

    def tuned_files(self) -> tuple[str, ...]:
        """Return what `fine_tune` stores in a trial's folder."""
        return (TUNED_FOLDER,)

    def return_targets(
        self, prompts: Sequence[Prompt], targets: Sequence[str], examples: Sequence[TuningExample]
    ) -> RoundTrip:
        """Return the right answers that are classes of the training rows; the others cannot be given."""
        return among_classes(targets, {example.answer.strip() for example in examples})

    def predict_stream(self, prompts: Sequence[Prompt], done: Collection[int] = ()) -> Iterator[tuple[int, Completion]]:
        """Yield the answer to every prompt not in `done`."""
        wanted = [index for index, _ in unanswered(prompts, done)]
        if not wanted:
            return
        if self._fitted is None:
            if self.tuned_folder is None:
                raise ModelError(f"'{self.name}' answers only after training; give --train-sizes")
            kept = read_checked_json(self.tuned_folder / ROWS)
            self._fitted = self._fit(kept["texts"], kept["labels"], kept["seed"])
        started = time.perf_counter()
        texts = [prompts[index].source for index in wanted]
        try:
            found = np.asarray(self._fitted.predict(texts))
        except Exception as error:
            raise ModelError(f"'{self.name}' cannot answer {len(texts)} texts: {_first_line(error)}") from None
        if found.shape != (len(texts),):
            raise ModelError(
                f"'{self.name}' gives answers of the shape {found.shape} for {len(texts)} texts, expected one label for each"
            )
        seconds = (time.perf_counter() - started) / len(texts)
        for index, label in zip(wanted, found.tolist(), strict=True):
            yield index, Completion(str(label), "end", 0, 0, seconds)


def _is_open_seed(name: str, value: object) -> bool:
    return value is None and (name == "random_state" or name.endswith("__random_state"))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__
