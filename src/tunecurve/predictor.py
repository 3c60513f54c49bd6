"""A fine-tuned model of a run as a function, or one with examples chosen for every text: the thing the user keeps."""

from __future__ import annotations

import bisect
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from tunecurve import own_code
from tunecurve.errors import ModelError, StudyStateError, UsageError, did_you_mean
from tunecurve.findings import Finding
from tunecurve.formats.placeholders import form_of_decision
from tunecurve.learners.answers import predict_answers
from tunecurve.learners.base import Completion, Learner
from tunecurve.learners.cleaning import USUAL_CLEANING, Cleaning
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.own import check_same, own_learners
from tunecurve.learners.registry import LearnerOptions, build_learners, names_code
from tunecurve.prompts import Prompt, PromptRenderer
from tunecurve.results.choosing import PROMPTED, cautions, choose_trial
from tunecurve.results.model import Results
from tunecurve.results.records.trials import FinishedTrial
from tunecurve.results.stored import load
from tunecurve.spec.study import StudySpec
from tunecurve.study.checked_inputs import check_arguments, check_prompts, check_text, checked_texts
from tunecurve.study.integrity import verify_model
from tunecurve.study.plan import SIMILAR, shape_in
from tunecurve.study.similar import ChosenExamples, Retriever, build_similarity
from tunecurve.study.trial_folder import TrialFolder
from tunecurve.study.trial_prompts import shortened

# Models of this process answer one caller at a time: parts of a model are replaced while it does, and it takes all threads as it is.
_one_at_a_time = threading.RLock()


class Predictor:
    """Answers texts with one trial's model and prompt.

    Parameters
    ----------
    learner : Learner
        The fine-tuned learner.
    renderer : PromptRenderer
        Makes the prompts the model was tuned on.
    trial_label : str
        Which trial it is.
    cleaning : Cleaning
        What was taken off the trial's answers.
    retriever : Retriever, optional
        Chooses the examples of every text, where the trial's prompts had such ones.
    findings : sequence of Finding, optional
        What the study found that speaks against this model: what forbids its verdict, or that it has learnt nothing yet. Shown in its
        repr; the command line prints it.
    """

    def __init__(
        self,
        learner: Learner,
        renderer: PromptRenderer,
        trial_label: str,
        cleaning: Cleaning = USUAL_CLEANING,
        retriever: Retriever | None = None,
        findings: Sequence[Finding] = (),
    ) -> None:
        self.learner, self.renderer, self.trial_label, self.cleaning = learner, renderer, trial_label, cleaning
        self.retriever, self.findings = retriever, list(findings)

    def __repr__(self) -> str:
        """Return the trial, and what speaks against it."""
        caution = f", {self.caution}" if self.caution else ""
        return f"<Predictor {self.trial_label}{caution}>"

    @property
    def caution(self) -> str:
        """What speaks against this model, in a line; empty where nothing does."""
        if not self.findings:
            return ""
        more = f" (and {len(self.findings) - 1} more, see the report)" if self.findings[1:] else ""
        return f"caution, its study says: {self.findings[0].line}{more}"

    def prompts(self, texts: Sequence[str]) -> list[Prompt]:
        """Return what the model is asked about texts.

        Raises
        ------
        UsageError
            For anything but a list of texts.
        """
        texts = checked_texts(texts)
        if self.retriever is None:
            return [self.renderer.prompt(text) for text in texts]
        examples = [self.retriever.examples(numbers) for numbers in self.retriever.choose(texts)]
        return shortened(self.renderer, self.learner, texts, examples).prompts

    def complete(self, texts: Sequence[str]) -> list[Completion]:
        """Return the answers with stop reason and token counts.

        Parameters
        ----------
        texts : sequence of str
            A list of texts, or a column of a table. A blank one stays as it is, and no model is asked.

        Raises
        ------
        UsageError
            For anything else, one text alone among it, and for a text that is too long for the model.
        """
        texts = checked_texts(texts)
        answers = iter(self.complete_prompts(self.prompts([text for text in texts if text.strip()])))
        return [next(answers) if text.strip() else Completion(text, "end") for text in texts]

    def complete_prompts(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Return the answers to prompts, which may have turns of their own.

        Raises
        ------
        UsageError
            For what are no prompts, and for a text that is too long for the model.
        """
        check_prompts(prompts)
        most = self.learner.context_length()
        if most is not None:
            self._check_lengths(prompts, most)
        with _one_at_a_time if self.learner.trains_here else nullcontext():
            return predict_answers(self.learner, prompts, cleaning=self.cleaning)

    def _check_lengths(self, prompts: Sequence[Prompt], most: int) -> None:
        for number, prompt in enumerate(prompts, start=1):
            needed = self.learner.tokens_needed(prompt)
            if needed > most:
                raise UsageError(
                    f"text {number} with its prompt and longest answer needs {needed} tokens, and {self.learner.name} takes {most}; "
                    "give a shorter text"
                )

    def cut(self, answer: Completion, most_tokens: int | None) -> Completion:
        """Return an answer of a language model with no more tokens than that; other models' answers are whole."""
        learner = self.learner
        if most_tokens is None or not learner.takes_prompts or not learner.counts_tokens:
            return answer
        if learner.count_tokens(answer.text) <= most_tokens:
            return answer
        shorter = range(len(answer.text))
        length = bisect.bisect_right(shorter, most_tokens, key=lambda end: learner.count_tokens(answer.text[:end])) - 1
        return replace(answer, text=answer.text[: max(length, 0)], stop_reason="length", tokens_out=most_tokens)

    def cleaned(self, prompts: Sequence[Prompt], answers: Sequence[Completion]) -> list[Completion]:
        """Return answers that came some other way as the trial's were scored."""
        if not self.learner.answers_are_cleaned:
            return list(answers)
        return [self.cleaning.clean(answer, prompt) for prompt, answer in zip(prompts, answers, strict=True)]

    def __call__(self, text: str) -> str:
        """Return the answer to one text.

        Raises
        ------
        UsageError
            For anything but one text, and for one that is too long for the model.
        """
        check_text(text)
        return self.complete([text])[0].text


def _tuned(learner: Learner, trial: FinishedTrial, folder: Path) -> Learner:
    """Return the learner as the trial left it; one that is only prompted stays as it is."""
    if trial.strategy in PROMPTED:
        return learner
    verify_model(folder)
    return learner.load_tuned(folder)


def _learner_of(
    folder: Path,
    results: Results,
    trial: FinishedTrial,
    device: str,
    threads: int | None,
    learners: Mapping[str, Learner | Any],
) -> Learner:
    """Return the learner that a trial began with: the caller's own, else the one that its name says."""
    spec, name = results.study, trial.learner
    own = own_learners(learners)
    for given in learners:
        if given not in spec.models:
            raise UsageError(
                f"learners: '{given}' is not among the run's models ({', '.join(spec.models)}); give it under the name that it had "
                f"there.{did_you_mean(given, spec.models)}"
            )
    if name in learners:
        learner = own[name]
    else:
        # What a user asks a tuned model is paid, too, but is no part of what the study has cost.
        account = Account(spec.hosted, f"{folder.absolute()} (predict)")
        account.on_message = lambda line: print(line, file=sys.stderr)  # noqa: T201
        try:
            spec = _with_weights_of(spec, trial)
            learner = build_learners([name], LearnerOptions.of_study(spec, account, device, threads))[name]
        except ModelError as error:
            raise ModelError(f"{error}{_own_learner_hint(name, str(error))}") from None
    day = results.decided.get("date")
    if day:
        learner.use_date(str(day))
    if name in learners or names_code(name):
        check_same(name, learner, trial.identity)
    else:
        _check_model(trial, learner.identity())
    return learner


def _with_weights_of(spec: StudySpec, trial: FinishedTrial) -> StudySpec:
    """Return the study with the weights that a trial was tuned over and answered with, packed or not, whatever fits here.

    Raises
    ------
    EnvironmentProblem
        When they are packed and bitsandbytes is missing.
    """
    compute = trial.identity.get("compute")
    is_packed = isinstance(compute, Mapping) and compute.get("base_weights") is not None
    if is_packed:
        from tunecurve.learners.lm.four_bit import check_installed

        check_installed(f"the run's '{trial.learner}' answers with weights in 4 bits and")
    return spec.model_copy(update={"four_bit_weights": is_packed})


def _check_model(trial: FinishedTrial, identity: Mapping[str, Any]) -> None:
    """Refuse a model that has the name of a trial's, and is another one."""
    then = trial.identity
    if then.get("kind") != identity.get("kind"):
        raise StudyStateError(
            f"the run's '{trial.learner}' is {then.get('kind') or 'no built-in learner'}, and the one of that name here is "
            f"{identity.get('kind')}.{_own_learner_hint(trial.learner, '.')}"
        )
    expected, found = then.get("weights_sha256"), identity.get("weights_sha256")
    if expected != found:
        raise StudyStateError(
            f"the model '{trial.learner}' is not the one this run was tuned on (weights {str(found)[:12]}..., expected "
            f"{str(expected)[:12]}...); restore that model"
        )


def _own_learner_hint(name: str, line: str) -> str:
    """Return the next step for a name that may be a learner's of the user's own, behind a line."""
    stop = "" if line.endswith((".", "?")) else "."
    return f'{stop} If it was a learner of your own, load it in Python: tunecurve.load_predictor(folder, learners={{"{name}": ...}}).'


def _retriever_of(folder: TrialFolder) -> Retriever | None:
    """Return what chose the examples of a finished trial, with the rows that it chose from; None where none were chosen.

    Raises
    ------
    StudyStateError
        When they are damaged, or were chosen in a way that is not there any more.
    """
    kept = folder.examples()
    if kept is None:
        return None
    similarity = build_similarity(kept["similarity"]["kind"], on_message=lambda line: print(line, file=sys.stderr))  # noqa: T201
    if similarity.identity() != kept["similarity"]:
        raise StudyStateError(
            f"the examples of '{folder}' were chosen by {kept['similarity']}, and here is {similarity.identity()}; run the study again, "
            "which measures them anew"
        )
    return ChosenExamples.from_json(kept, similarity).retriever


def load_predictor(
    folder: str | Path,
    *,
    trial: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    learners: Mapping[str, Learner | Any] | None = None,
    allow_code: bool = False,
) -> Predictor:
    """Return the best (or a named) fine-tuned model of a run as a function from text to text.

    Parameters
    ----------
    folder : str or Path
        Folder of the run.
    trial : str, optional
        Label of the trial, e.g. ``"fine-tune-n200-seed0"``; default: that with the best score of the headline metric. The repr names it.
    device, threads
        Where to compute.
    learners : mapping of str to Learner, optional
        Learners of your own by name, as they were given to `run`: one that was tuned is loaded into this object.
    allow_code : bool, default False
        Whether code that the study names (``task: package.module:name``, also a model) may be loaded.

    Raises
    ------
    TunecurveError
        When there is no such run, trial or model.

    Examples
    --------
    >>> import tempfile, tunecurve
    >>> rows = [(f"{word} {number}", word.upper()) for word in ("rain", "wind") for number in range(20)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     results = tunecurve.run(rows, out=folder, task="classification", models=["tfidf"], train_sizes=[10],
    ...                             split={"method": "random", "test_size": 20})
    ...     answer = load_predictor(folder)("wind and wind")
    >>> answer
    'WIND'
    """
    check_arguments(folder, trial, learners)
    if allow_code:
        own_code.allow_code()
    results = load(folder)
    chosen = choose_trial(results, trial)
    learner = _learner_of(Path(folder), results, chosen, device, threads, learners or {})
    learner = _tuned(learner, chosen, Path(folder) / chosen.folder)
    # The labels are already filled into the stored instruction; a constrained model needs them as such.
    renderer = PromptRenderer(
        results.prompt.system if chosen.optimisation is None else chosen.optimisation.instruction,
        results.prompt.template,
        tuple(results.data.labels),
        results.data.labels_are_numbered,
        form_of_decision(results.decided.get("placeholders")),
        shape_in(TrialFolder(Path(folder) / chosen.folder).config()) if learner.needs_answer_shape else None,
    )
    retriever = _retriever_of(TrialFolder(Path(folder) / chosen.folder)) if chosen.strategy in SIMILAR else None
    if chosen.strategy in SIMILAR and retriever is None:
        raise StudyStateError(
            f"the examples of '{chosen.folder}' are gone; run the same command again, which chooses them"
        )
    against = cautions(results, chosen)
    return Predictor(learner, renderer, chosen.name, chosen.answers.cleaning or USUAL_CLEANING, retriever, against)
