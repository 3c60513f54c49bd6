"""The list of trials of a study, in the order of its tables: what needs no training first, then by size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tunecurve.data.rows import content_id, ids_hash
from tunecurve.formats.answer_shapes import AnswerShape, shape_from_json
from tunecurve.formats.wrappers import SAFE_TO_CLEAN
from tunecurve.learners.base import Learner, TrainingJob
from tunecurve.prompts import Prompt
from tunecurve.spec.study import CONSTRAINED, StudySpec, stable_hash
from tunecurve.study.dataset import StudyData
from tunecurve.study.trial_folder import TrialFolder
from tunecurve.study.trial_prompts import fixed_prompts

Strategy = Literal[
    "floor", "baseline", "zero-shot", "few-shot", "similar", "similar-by-label", "optimized", "fine-tune"
]
# Strategies that choose the examples of every row by itself, out of `train_size` labelled rows.
SIMILAR: tuple[Strategy, ...] = ("similar", "similar-by-label")
# Strategies without any training: what tuning has to beat.
PROMPTED: tuple[Strategy, ...] = ("zero-shot", "few-shot", *SIMILAR, "optimized")
TRIAL_FORMAT = 1
# Training rows whose loss is measured: so many, drawn at random where a model was tuned on more.
MOST_LOSS_ROWS = 100


PointKey = tuple[str, Strategy, int, int]


class OfPoint:
    """What belongs to a point of a curve, whose trials differ in their seed alone."""

    learner: str
    strategy: Strategy
    shots: int
    train_size: int

    @property
    def key(self) -> PointKey:
        """What it has in common with all of its point."""
        return self.learner, self.strategy, self.shots, self.train_size


@dataclass(frozen=True)
class Trial(OfPoint):
    """One (learner, strategy, size, seed): the unit of work and of resume."""

    learner: str
    """The learner's name."""
    strategy: Strategy
    """What is done with it; a baseline answers as it is, without prompt or training."""
    shots: int = 0
    train_size: int = 0
    """Examples in the prompt; rows fine-tuned on, chosen from where examples are similar ones, or looked at
    by a search for an instruction; 0 where there are none."""
    seed: int = 0
    """Draw of the examples or training rows, and randomness of training."""

    @property
    def label(self) -> str:
        """Short name for people and folders, e.g. ``fine-tune-n200-seed0``."""
        of_rows = f"-n{self.train_size}-seed{self.seed}"
        detail = {"few-shot": f"-k{self.shots}-seed{self.seed}", "fine-tune": of_rows, "optimized": of_rows}
        if self.chooses_examples:
            return f"{self.strategy}-k{self.shots}-n{self.train_size}-seed{self.seed}"
        return self.strategy + detail.get(self.strategy, "")

    @property
    def shared_shots(self) -> int:
        """Examples that the prompts of all rows share."""
        return self.shots if self.strategy == "few-shot" else 0

    @property
    def chooses_examples(self) -> bool:
        """Whether every row has examples of its own."""
        return self.strategy in SIMILAR

    @property
    def name(self) -> str:
        """The learner and the label, as messages name a trial; the floor has one name for both."""
        return self.label if self.learner == self.label else f"{self.learner} {self.label}"


@dataclass(frozen=True)
class PlannedTrial:
    """A trial with its config and its folder."""

    trial: Trial
    config: Mapping[str, Any]
    folder: TrialFolder

    @property
    def name(self) -> str:
        """As `Trial.name`."""
        return self.trial.name


def list_trials(spec: StudySpec, learners: Mapping[str, Learner]) -> list[Trial]:
    """Return all trials of a study, in the order of its tables."""
    trials = [Trial("floor", "floor")]
    models = [name for name in learners if name != "floor"]
    for name in models:
        if not learners[name].is_asked_untrained:
            continue
        if not learners[name].takes_prompts:
            if not learners[name].can_fine_tune:
                trials.append(Trial(name, "baseline"))
            elif learners[name].answers_untrained and 0 in spec.random_shots:
                trials.append(Trial(name, "zero-shot"))
            continue
        for shots in spec.random_shots:
            if shots == 0:
                trials.append(Trial(name, "zero-shot"))
            else:
                trials += [Trial(name, "few-shot", shots=shots, seed=seed) for seed in range(spec.seeds)]
    asked = [name for name in models if learners[name].takes_prompts and learners[name].is_asked_untrained]
    sizes = {similar: similar.sizes(spec.train_sizes) for similar in spec.similar_shots}
    similar_trials = [
        Trial(name, similar.choose, shots=similar.count, train_size=size, seed=seed)
        for size in sorted({size for own in sizes.values() for size in own})
        for name in asked
        for similar in spec.similar_shots
        if size in sizes[similar] and size >= similar.count
        for seed in range(spec.seeds)
    ]
    trials += dict.fromkeys(similar_trials)  # two entries may ask for the same ones
    trials += [
        Trial(name, "optimized", train_size=size, seed=seed)
        for size in spec.optimized_sizes
        for name in asked
        if can_be_optimized(name, spec)
        for seed in range(spec.seeds)
    ]
    for size in spec.train_sizes:
        for name in models:
            if learners[name].can_fine_tune and has_size(learners[name], size):
                trials += [Trial(name, "fine-tune", train_size=size, seed=seed) for seed in range(spec.seeds)]
    return trials


def can_be_optimized(name: str, spec: StudySpec) -> bool:
    """Return whether an instruction can be looked for: a constrained model writes none, so that it needs a proposer."""
    return spec.optimize.proposer is not None or not name.startswith(CONSTRAINED)


def has_size(learner: Learner, size: int) -> bool:
    """Return whether a learner can be tuned on so many labelled rows."""
    most = learner.most_training_rows
    return learner.fewest_training_rows <= size and (most is None or size <= most)


def trial_config(
    trial: Trial,
    spec: StudySpec,
    data: StudyData,
    learner: Learner,
    proposer: Learner | None = None,
    trained_together: bool | Literal["auto"] = False,
) -> dict[str, Any]:
    """Return everything that determines the trial's answers, JSON-able; its hash names the trial's folder.

    `proposer`: who proposes instructions, where the learner does not do so itself. `trained_together`: whether all its
    trainings are computed as one, and by whose decision; auto: the program's.
    """
    config: dict[str, Any] = {
        "format": TRIAL_FORMAT,
        "learner": learner.identity(),
        "strategy": trial.strategy,
        "shots": trial.shots,
        "train_size": trial.train_size,
        "seed": trial.seed,
        "test_sha256": data.facts.test_sha256,
        "train_sha256": ids_hash(data.training_rows(trial.train_size or trial.shots, trial.seed)),
        "system": data.renderer.system_text,
        "template": data.renderer.template,
        "recipe": None,
    }
    if not data.renderer.form.is_classic:
        config["placeholders"] = data.renderer.form.to_json()  # taggers, constraints and baselines write them
    if learner.takes_prompts:
        asked = fixed_prompts(data, learner, trial.shared_shots, trial.seed)
        config["prompts_sha256"] = prompts_hash(asked.prompts, learner)
        if trial.chooses_examples:  # with the rows above they say what is chosen, which is kept with the trial
            config["examples"] = {
                "by": data.similarity and data.similarity.identity(),
                "context": learner.context_length(),
                "version": 1,
            }
    if trial.strategy == "optimized":
        config["optimize"] = {
            "calls": spec.optimize.calls,
            "proposer": None if proposer is None else proposer.identity(),
            "metric": spec.metric_names[0],
            "version": 1,
        }
    if not learner.takes_prompts and trial.strategy == "zero-shot":
        config["labels"] = list(data.renderer.labels)
    if learner.answers_are_cleaned and sorted(spec.answers.clean) != sorted(SAFE_TO_CLEAN):
        config["clean"] = sorted(spec.answers.clean)
    if learner.needs_answer_shape:
        shape = _answer_shape(trial, data)
        config["answer_shape"] = None if shape is None else shape.to_json()
    if trial.strategy == "fine-tune":
        examples = [example.prompt for example in data.tuning_examples(1, trial.seed)]
        config["training_prompt_sha256"] = prompts_hash(examples, learner) if learner.takes_prompts else None
        config["recipe"] = learner.resolve_recipe(spec.recipe.model_dump(), trial.train_size)
        further = learner.further_inputs(trial.train_size, trial.seed)
        if further:
            config["further_inputs_sha256"] = content_id(*further)
            config["labels"], config["answers_checked_by"] = list(data.renderer.labels), "labelled rows"
        if trained_together:
            config["trained_together"] = trained_together  # its additions come in another order
    return config


def _answer_shape(trial: Trial, data: StudyData) -> AnswerShape | None:
    """Return what answers may be: as the rows show it that the model is tuned on, else as the instruction names it."""
    rows = data.training_rows(trial.train_size, trial.seed)
    return data.task.answer_shape([(row.source, row.target) for row in rows], data.renderer.labels)


def shape_in(config: Mapping[str, Any]) -> AnswerShape | None:
    """Return the shape to which a trial's answers are held by its config."""
    written = config.get("answer_shape")
    return None if written is None else shape_from_json(written)


def is_paid(config: Mapping[str, Any]) -> bool:
    """Return whether a trial's model, teacher or proposer is behind a provider's API: such trials stay with the process that has
    the ledger."""
    learner = config["learner"]
    asked = [learner, learner.get("teacher", {}), proposer_in(config)]
    return "hosted" in [one.get("kind") for one in asked]


def proposer_in(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what identifies the model that only proposes instructions in a trial; empty where there is none."""
    return config.get("optimize", {}).get("proposer") or {}


def sampled_for_loss(trial: Trial) -> list[int]:
    """Return the numbers of the training rows whose loss is measured, the same ones for the same trial."""
    if trial.train_size <= MOST_LOSS_ROWS:
        return list(range(trial.train_size))
    generator = np.random.default_rng([trial.seed, trial.train_size])
    return sorted(generator.choice(trial.train_size, MOST_LOSS_ROWS, replace=False).tolist())


def prompts_hash(prompts: Sequence[Prompt], learner: Learner) -> str:
    """Return the hash of prompts as they are rendered, and of the first one as the learner reads it, 16 hexadecimal digits.

    A learner puts its own turns, dates and tokens around a prompt, the same ones around all of them.
    """
    texts = [f"{message.role}: {message.content}" for prompt in prompts for message in prompt.messages]
    as_read = learner.prompt_text(prompts[0]) if prompts else None
    return content_id(*texts, *([] if as_read is None else [as_read]))


def trial_folder_name(trial: Trial, config: Mapping[str, Any]) -> str:
    """Return the folder's name: readable, plus the hash of the config."""
    readable = "".join(character if character.isalnum() or character in "-_." else "_" for character in trial.learner)
    prefix = "" if trial.strategy == "floor" else f"{readable[-40:].lstrip('._')}-"
    return f"{prefix}{trial.label}-{stable_hash(config, 10)}"


def training_key(config: Mapping[str, Any], learner: Learner) -> str | None:
    """Return the hash of everything that determines the training of a trial with this config.

    Trials with equal keys train to the same end, so one of them has to. None where nothing is trained, or where the
    learner does not say what determines its training.
    """
    training = learner.training_identity() if config["strategy"] == "fine-tune" else None
    if training is None:
        return None
    keys = ("format", "train_size", "seed", "train_sha256", "system", "template", "training_prompt_sha256", "recipe")
    together = {"trained_together": True} if config.get("trained_together") else {}
    return stable_hash({key: config[key] for key in keys} | together | {"learner": training})


def training_job(planned: PlannedTrial, data: StudyData) -> TrainingJob:
    """Return what a trial's learner is fine-tuned on, how, and where its model goes."""
    trial = planned.trial
    examples = data.tuning_examples(trial.train_size, trial.seed)
    groups = data.training_groups(trial.train_size, trial.seed)
    return TrainingJob(examples, planned.config["recipe"], trial.seed, planned.folder.path, groups)
