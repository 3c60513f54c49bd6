"""TF-IDF and logistic regression: the cheap baseline that every classifier has to beat.

Words and pairs of words, and character n-grams inside words, as scikit-learn counts them. Stored as safetensors and
JSON, never as a pickle.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from tunecurve.learners.answer_bounds import among_classes
from tunecurve.learners.base import (
    Completion,
    Learner,
    RoundTrip,
    TargetLoss,
    TrainingJob,
    TrainingProgress,
    TrainingRecord,
    Tuned,
    Workload,
    unanswered,
)
from tunecurve.learners.unseen import class_losses
from tunecurve.prompts import Prompt, TuningExample
from tunecurve.storage.files import write_text

TUNED_FOLDER = "tfidf"
REGULARISATION = 10.0
# About what a trial takes on one processor: short texts and up to 64 classes take 0.4 to 1.9 ms a row, longer texts more.
SECONDS_A_TRIAL, SECONDS_A_ROW = 0.5, 0.002
# Name, scikit-learn's analyzer, n-gram lengths.
VIEWS = (("words", "word", (1, 2)), ("characters", "char_wb", (2, 5)))


@dataclass(frozen=True)
class Head:
    """What the scores of a fitted model mean: a class or label each; a label is in an answer above its threshold."""

    classes: list[str]
    thresholds: list[float] = field(default_factory=list)


class _Model(NamedTuple):
    """What was fitted: vectorizers, linear model, and what else an answer needs."""

    vectorizers: list[Any]
    weights: np.ndarray
    bias: np.ndarray
    head: Head


class TfidfLearner(Learner):
    """A linear classifier over n-gram counts; answers only after training."""

    name = "tfidf"
    answers_are_cleaned = False
    settings_read = frozenset()

    def __init__(self, name: str = "tfidf", tuned_folder: Path | None = None) -> None:
        self.name, self.tuned_folder = name, tuned_folder
        self._loaded: _Model | None = None
        self._last: tuple[list[str], np.ndarray] | None = None

    def identity(self) -> dict[str, object]:
        """Return the settings and scikit-learn's version."""
        import sklearn

        views = [[name, analyzer, list(lengths)] for name, analyzer, lengths in VIEWS]
        return {"kind": "tfidf", "views": views, "C": REGULARISATION, "scikit_learn": sklearn.__version__}

    def resolve_recipe(self, recipe: dict[str, Any], n_examples: int) -> dict[str, Any]:
        """Return the fixed recipe: one fit over all rows; `recipe` is for language models."""
        fit = {"name": "tfidf", "epochs": 1, "n_steps": 1, "C": REGULARISATION}
        return fit | {"learning_rate": None, "batch_size": n_examples}

    def estimate_seconds(self, work: Workload) -> float:
        """Return about how long it takes to fit on so many rows and to answer, whatever the texts and the number of classes."""
        return SECONDS_A_TRIAL + SECONDS_A_ROW * work.n_training_rows

    def fine_tune(self, job: TrainingJob, on_step: Callable[[TrainingProgress], None]) -> Tuned:
        """Fit on the examples; the model goes to ``folder/tfidf``. Deterministic: the seed changes nothing."""
        from scipy.sparse import hstack

        started = time.perf_counter()
        texts = [example.prompt.source for example in job.examples]
        vectorizers = [new_vectorizer(analyzer, lengths).fit(texts) for _, analyzer, lengths in VIEWS]
        features = hstack([vectorizer.transform(texts) for vectorizer in vectorizers]).tocsr()
        weights, bias, head, loss = self.fit(features, [example.answer for example in job.examples])
        _save(job.folder / TUNED_FOLDER, _Model(vectorizers, weights, bias, head))
        seconds = time.perf_counter() - started
        on_step(TrainingProgress(1, 1, loss, len(texts) / max(seconds, 1e-9)))
        record = TrainingRecord(1, 1, len(texts), [loss], seconds, 0, job.recipe, f"{len(head.classes)} classes")
        return Tuned(self.load_tuned(job.folder), record)

    def fit(self, features: Any, answers: Sequence[str]) -> tuple[np.ndarray, np.ndarray, Head, float]:
        """Return weights, bias, what the scores mean and the mean loss on the rows."""
        from sklearn.linear_model import LogisticRegression

        gold = [answer.strip() for answer in answers]
        classes = sorted(set(gold))
        if len(classes) < 2:
            return np.zeros((1, features.shape[1])), np.zeros(1), Head(classes), 0.0
        with warnings.catch_warnings():  # many classes and few rows are what is measured here, no mistake
            warnings.filterwarnings("ignore", message=".*unique classes", category=UserWarning)
            model = LogisticRegression(C=REGULARISATION, max_iter=1000).fit(features, gold)
        shares = model.predict_proba(features)
        loss = float(-np.mean(np.log([row[classes.index(name)] for row, name in zip(shares, gold, strict=True)])))
        return model.coef_, model.intercept_, Head(classes), loss

    def answers_of(self, scores: np.ndarray, head: Head) -> list[str]:
        """Return the answers that linear scores stand for: the likeliest classes."""
        # Two classes have one row of weights, for the second of them.
        best = scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(int)
        return [head.classes[index] for index in best]

    def losses_of(
        self, scores: np.ndarray, head: Head, prompts: Sequence[Prompt], targets: Sequence[str]
    ) -> list[TargetLoss]:
        """Return the losses of right answers from linear scores."""
        return class_losses(-_log_shares(scores, len(head.classes)), head.classes, prompts, targets)

    def return_targets(
        self, prompts: Sequence[Prompt], targets: Sequence[str], examples: Sequence[TuningExample]
    ) -> RoundTrip:
        """Return the right answers that are classes of the training rows; the others cannot be given."""
        return among_classes(targets, {example.answer.strip() for example in examples})

    def load_tuned(self, folder: Path) -> Self:
        """Return the learner stored in ``folder/tfidf``."""
        return type(self)(self.name, folder / TUNED_FOLDER)

    def predict_stream(self, prompts: Sequence[Prompt], done: Collection[int] = ()) -> Iterator[tuple[int, Completion]]:
        """Yield the answer to every prompt not in `done`."""
        wanted = [index for index, _ in unanswered(prompts, done)]
        if not wanted:
            return
        started = time.perf_counter()
        answers = self.answers_of(*self._scores([prompts[index].source for index in wanted]))
        seconds = (time.perf_counter() - started) / len(wanted)
        for index, answer in zip(wanted, answers, strict=True):
            yield index, Completion(answer, "end", 0, 0, seconds)

    def target_losses(
        self, prompts: Sequence[Prompt], targets: Sequence[str], done: Collection[int] = ()
    ) -> Iterator[tuple[int, TargetLoss]]:
        """Yield the loss of every row's right answer for every prompt not in `done`."""
        wanted = [index for index, _ in unanswered(prompts, done)]
        if not wanted:
            return
        scores, head = self._scores([prompts[index].source for index in wanted])
        yield from zip(wanted, self.losses_of(scores, head, prompts, [targets[index] for index in wanted]), strict=True)

    def _scores(self, texts: list[str]) -> tuple[np.ndarray, Head]:
        """Return the linear scores of texts and what else was learnt; those of the last texts are kept."""
        from scipy.sparse import hstack

        assert self.tuned_folder is not None, "the plan fine-tunes it first"
        if self._loaded is None:
            self._loaded = _load(self.tuned_folder)
        model = self._loaded
        if self._last is None or self._last[0] != texts:
            features = hstack([vectorizer.transform(texts) for vectorizer in model.vectorizers]).tocsr()
            self._last = texts, features @ model.weights.T + model.bias
        return self._last[1], model.head


def _log_shares(scores: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the logarithms of the classes' probabilities, shape (rows, classes), as scikit-learn's `predict_log_proba`."""
    if n_classes == 1:
        return np.zeros_like(scores)
    if scores.shape[1] == 1:  # the second of two classes against the first
        return -np.logaddexp(0.0, np.hstack([scores, -scores]))
    return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)


def new_vectorizer(analyzer: str, lengths: tuple[int, int], number: type = np.float64) -> Any:
    """Return scikit-learn's vectorizer of one of the `VIEWS`, not fitted, and of which kind of number its features are."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    # Every sign counts: the default pattern for words leaves out those of one letter, and texts may hold nothing else.
    pattern = {"token_pattern": r"(?u)\S+"} if analyzer == "word" else {}
    return TfidfVectorizer(analyzer=analyzer, ngram_range=lengths, sublinear_tf=True, dtype=number, **pattern)


def _save(folder: Path, model: _Model) -> None:
    from safetensors.numpy import save_file

    folder.mkdir(exist_ok=True, mode=0o700)
    tensors = {"weights": np.ascontiguousarray(model.weights), "bias": np.ascontiguousarray(model.bias)}
    vocabularies = {}
    for (name, _, _), vectorizer in zip(VIEWS, model.vectorizers, strict=True):
        tensors[f"idf:{name}"] = np.ascontiguousarray(vectorizer.idf_)
        vocabularies[name] = {term: int(index) for term, index in vectorizer.vocabulary_.items()}
    save_file(tensors, folder / "model.safetensors")
    write_text(folder / "head.json", json.dumps({**vars(model.head), "vocabularies": vocabularies}))


def _load(folder: Path) -> _Model:
    from safetensors.numpy import load_file

    tensors, head = load_file(folder / "model.safetensors"), json.loads((folder / "head.json").read_text())
    vectorizers = []
    for name, analyzer, lengths in VIEWS:
        vectorizer = new_vectorizer(analyzer, lengths)
        vectorizer.vocabulary_ = head["vocabularies"][name]
        vectorizer.idf_ = tensors[f"idf:{name}"]
        vectorizers.append(vectorizer)
    return _Model(vectorizers, tensors["weights"], tensors["bias"], Head(head["classes"], head.get("thresholds", [])))
