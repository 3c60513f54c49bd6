"""TF-IDF and logistic regression: the cheap baseline that every classifier has to beat.

Words and pairs of words, and character n-grams inside words, as scikit-learn counts them. Stored as safetensors and
JSON, never as a pickle.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

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
    unanswered,
)
from tunecurve.learners.unseen import ClassShares
from tunecurve.prompts import Prompt, TuningExample

TUNED_FOLDER = "tfidf"
REGULARISATION = 10.0
# Name, scikit-learn's analyzer, n-gram lengths.
VIEWS = (("words", "word", (1, 2)), ("characters", "char_wb", (2, 5)))


class TfidfLearner(Learner):
    """A linear classifier over n-gram counts; answers only after training."""

    name = "tfidf"

    def __init__(self, name: str = "tfidf", tuned_folder: Path | None = None) -> None:
        self.name, self.tuned_folder = name, tuned_folder
        self._loaded: tuple[list[Any], np.ndarray, np.ndarray, list[str]] | None = None
        self._last: tuple[list[str], np.ndarray] | None = None

    def identity(self) -> dict[str, Any]:
        """Return the settings and scikit-learn's version."""
        import sklearn

        views = [[name, analyzer, list(lengths)] for name, analyzer, lengths in VIEWS]
        return {"kind": "tfidf", "views": views, "C": REGULARISATION, "scikit_learn": sklearn.__version__}

    def resolve_recipe(self, recipe: dict[str, Any], n_examples: int) -> dict[str, Any]:
        """Return the fixed recipe: one fit over all rows; `recipe` is for language models."""
        fit = {"name": "tfidf", "epochs": 1, "n_steps": 1, "C": REGULARISATION}
        return fit | {"learning_rate": None, "batch_size": n_examples}

    def fine_tune(self, job: TrainingJob, on_step: Callable[[TrainingProgress], None]) -> Tuned:
        """Fit on the examples; the model goes to ``folder/tfidf``. Deterministic: the seed changes nothing."""
        from scipy.sparse import hstack
        from sklearn.linear_model import LogisticRegression

        started = time.perf_counter()
        texts = [example.prompt.source for example in job.examples]
        gold = [example.answer.strip() for example in job.examples]
        classes = sorted(set(gold))
        vectorizers = [_vectorizer(analyzer, lengths).fit(texts) for _, analyzer, lengths in VIEWS]
        features = hstack([vectorizer.transform(texts) for vectorizer in vectorizers]).tocsr()
        weights, bias, loss = np.zeros((1, features.shape[1])), np.zeros(1), 0.0
        if len(classes) > 1:
            with warnings.catch_warnings():  # many classes and few rows are what is measured here, no mistake
                warnings.filterwarnings("ignore", message=".*unique classes", category=UserWarning)
                model = LogisticRegression(C=REGULARISATION, max_iter=1000).fit(features, gold)
            weights, bias = model.coef_, model.intercept_
            shares = model.predict_proba(features)
            loss = float(-np.mean(np.log([row[classes.index(name)] for row, name in zip(shares, gold, strict=True)])))
        _save(job.folder / TUNED_FOLDER, vectorizers, weights, bias, classes)
        seconds = time.perf_counter() - started
        on_step(TrainingProgress(1, 1, loss, len(texts) / max(seconds, 1e-9)))
        record = TrainingRecord(1, 1, len(texts), [loss], seconds, 0, job.recipe, f"{len(classes)} classes")
        return Tuned(self.load_tuned(job.folder), record)

    def return_targets(
        self, prompts: Sequence[Prompt], targets: Sequence[str], examples: Sequence[TuningExample]
    ) -> RoundTrip:
        """Return the right answers that are classes of the training rows; the others cannot be given."""
        return among_classes(targets, {example.answer.strip() for example in examples})

    def load_tuned(self, folder: Path) -> TfidfLearner:
        """Return the learner stored in ``folder/tfidf``."""
        return TfidfLearner(self.name, folder / TUNED_FOLDER)

    def predict_stream(self, prompts: Sequence[Prompt], done: Collection[int] = ()) -> Iterator[tuple[int, Completion]]:
        """Yield the likeliest class of every prompt not in `done`."""
        wanted = [index for index, _ in unanswered(prompts, done)]
        if not wanted:
            return
        started = time.perf_counter()
        scores, classes = self._scores([prompts[index].source for index in wanted])
        # Two classes have one row of weights, for the second of them.
        best = scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(int)
        seconds = (time.perf_counter() - started) / len(wanted)
        for index, place in zip(wanted, best.tolist(), strict=True):
            yield index, Completion(classes[place], "end", 0, 0, seconds)

    def target_losses(
        self, prompts: Sequence[Prompt], targets: Sequence[str], done: Collection[int] = ()
    ) -> Iterator[tuple[int, TargetLoss]]:
        """Yield the loss of every row's class for every prompt not in `done`."""
        wanted = [index for index, _ in unanswered(prompts, done)]
        if not wanted:
            return
        scores, classes = self._scores([prompts[index].source for index in wanted])
        nats = -_log_shares(scores, len(classes))
        gold = [target.strip() for target in targets]
        shares = ClassShares(classes, {*gold, *(label for prompt in prompts for label in prompt.labels)})
        for index, row in zip(wanted, nats, strict=True):
            place = shares.places.get(gold[index])
            loss = shares.nats_unknown if place is None else float(row[place]) + shares.nats_known
            yield index, TargetLoss(loss, 1)

    def _scores(self, texts: list[str]) -> tuple[np.ndarray, list[str]]:
        """Return the linear scores of texts and the classes; those of the last texts are kept."""
        from scipy.sparse import hstack

        assert self.tuned_folder is not None, "the plan fine-tunes it first"
        if self._loaded is None:
            self._loaded = _load(self.tuned_folder)
        vectorizers, weights, bias, classes = self._loaded
        if self._last is None or self._last[0] != texts:
            features = hstack([vectorizer.transform(texts) for vectorizer in vectorizers]).tocsr()
            self._last = texts, features @ weights.T + bias
        return self._last[1], classes


def _log_shares(scores: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the logarithms of the classes' probabilities, shape (rows, classes), as scikit-learn's `predict_log_proba`."""
    if n_classes == 1:
        return np.zeros_like(scores)
    if scores.shape[1] == 1:  # the second of two classes against the first
        return -np.logaddexp(0.0, np.hstack([scores, -scores]))
    return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)


def _vectorizer(analyzer: str, lengths: tuple[int, int]) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    # Every sign counts: the default pattern for words leaves out those of one letter, and texts may hold nothing else.
    pattern = {"token_pattern": r"(?u)\S+"} if analyzer == "word" else {}
    return TfidfVectorizer(analyzer=analyzer, ngram_range=lengths, sublinear_tf=True, **pattern)


def _save(folder: Path, vectorizers: Sequence[Any], weights: np.ndarray, bias: np.ndarray, classes: list[str]) -> None:
    from safetensors.numpy import save_file

    folder.mkdir(exist_ok=True, mode=0o700)
    tensors = {"weights": np.ascontiguousarray(weights), "bias": np.ascontiguousarray(bias)}
    vocabularies = {}
    for (name, _, _), vectorizer in zip(VIEWS, vectorizers, strict=True):
        tensors[f"idf:{name}"] = np.ascontiguousarray(vectorizer.idf_)
        vocabularies[name] = {term: int(place) for term, place in vectorizer.vocabulary_.items()}
    save_file(tensors, folder / "model.safetensors")
    (folder / "head.json").write_text(json.dumps({"classes": classes, "vocabularies": vocabularies}))


def _load(folder: Path) -> tuple[list[Any], np.ndarray, np.ndarray, list[str]]:
    from safetensors.numpy import load_file

    tensors, head = load_file(folder / "model.safetensors"), json.loads((folder / "head.json").read_text())
    vectorizers = []
    for name, analyzer, lengths in VIEWS:
        vectorizer = _vectorizer(analyzer, lengths)
        vectorizer.vocabulary_ = head["vocabularies"][name]
        vectorizer.idf_ = tensors[f"idf:{name}"]
        vectorizers.append(vectorizer)
    return vectorizers, tensors["weights"], tensors["bias"], head["classes"]
