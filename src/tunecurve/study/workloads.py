"""What the trials of a study will compute or send, in tokens: for the estimate of time and, where it costs, of money."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tunecurve.data.rows import Row
from tunecurve.learners.base import Learner, Workload
from tunecurve.learners.development_settings import n_trained, steps_in_all
from tunecurve.study.dataset import StudyData
from tunecurve.study.optimising.proposals import PROPOSAL_TOKENS, ROWS_SHOWN
from tunecurve.study.plan import MOST_LOSS_ROWS, Trial, proposer_in, training_key

# The proposer's own instruction, in tokens.
PROPOSAL_TEXT = 250
# So many rows tell how many windows a row has; a text of so many tokens fits into no window.
MOST_ROWS_OF_WINDOWS, MANY_TOKENS = 1000, 10**9
# Of so many rows their labels tell how many examples by label there are, in so many orders.
MOST_ROWS_OF_LABELS, ORDERS_TRIED = 1000, 10


def estimate_workloads(
    planned: Sequence[tuple[Trial, Mapping[str, Any]]],
    data: StudyData,
    learners: Mapping[str, Learner],
    *,
    training_score_rows: int = 0,
) -> dict[Trial, Workload]:
    """Return what each trial will compute or send, in tokens; answers are taken to be as long as the targets.

    Training rows are sampled (the first 100 of the pool) rather than all tokenised. A training that several trials
    share counts at the first of them. `training_score_rows` are those of `run_trial`.
    """
    workloads = {}
    keys_trained: set[str] = set()
    lengths: dict[str, _Lengths] = {}
    for trial, config in planned:
        learner = learners[trial.learner]
        if not learner.counts_tokens:
            workloads[trial] = Workload(0, 0, 0, 0, n_training_rows=trial.train_size)
            continue
        if trial.learner not in lengths:
            lengths[trial.learner] = _measure_lengths(data, learner)
        known = lengths[trial.learner]
        instruction = known.instruction if learner.takes_prompts else 0.0
        search = _search_of(trial, config, known)
        if trial.strategy == "optimized":
            instruction = max(instruction, PROPOSAL_TOKENS)  # what is found is as long at most, or the given one
        n_rows, prefix = len(data.test), instruction + _n_examples(trial, data) * known.row
        if (context := learner.context_length()) is not None:  # examples that do not fit are left out
            prefix = min(prefix, max(instruction, context - known.source - known.answer))
        steps = trained = epochs = 0
        if config["recipe"]:
            epochs = config["recipe"]["epochs"]
            row_epochs = epochs * n_trained(config["recipe"], learner.rows_trained(trial.train_size))
            steps = _steps_of(trial, config["recipe"], learner, data)
            # A local model reads the instruction once a step; a provider bills it with every row.
            instructions = steps if learner.trains_here else row_epochs
            own, steps = steps, steps_in_all(config["recipe"], steps)
            trained = round((steps / own if own else 1.0) * (instructions * instruction + row_epochs * known.row))
            key = training_key(config, learner)
            if key is not None:
                trained = 0 if key in keys_trained else trained
                keys_trained.add(key)
        n_answered = n_rows
        if config["recipe"] and learner.trains_here:
            n_answered += min(training_score_rows, trial.train_size)
        workloads[trial] = Workload(
            trained,
            round(n_rows * (prefix + known.source)) + search.tokens_read,
            round(n_answered * known.answer) + search.tokens_written,
            steps,
            n_rows + search.n_calls,
            epochs,
            _tokens_judged(trial, data, learner, known) if learner.measures_loss else 0,
            trial.train_size,
            round(n_rows * max(prefix - instruction, 0.0)) if trial.chooses_examples else 0,
        )
    return workloads


def _steps_of(trial: Trial, recipe: Mapping[str, Any], learner: Learner, data: StudyData) -> int:
    """Return about how many steps a training takes: the recipe's, which knows of no windows and of no rows that thresholds take."""
    steps = recipe["n_steps"] or 0
    windows = 1.0
    if learner.n_windows(MANY_TOKENS) > 1:
        rows = data.training_rows(min(trial.train_size, MOST_ROWS_OF_WINDOWS), trial.seed)
        windows = sum(learner.n_windows(learner.count_tokens(row.source)) for row in rows) / len(rows)
    if windows == 1 and not recipe.get("over_masking"):
        return steps
    n_rows = n_trained(recipe, learner.rows_trained(trial.train_size))
    return recipe["epochs"] * math.ceil(round(n_rows * windows) / recipe["batch_size"])


def _n_proposals(calls: int) -> int:
    """Return about how many of the calls of a search are proposals: one for the answers of two instructions to some rows."""
    return calls // (2 * ROWS_SHOWN + 1)


def _search_of(trial: Trial, config: Mapping[str, Any], known: _Lengths) -> Workload:
    """Return what a search for an instruction takes of the model that is asked, instructions at their longest; nothing in other trials."""
    if trial.strategy != "optimized":
        return Workload(0, 0, 0, 0)
    calls, has_proposer = config["optimize"]["calls"], config["optimize"]["proposer"] is not None
    instruction, n_proposals = max(known.instruction, PROPOSAL_TOKENS), _n_proposals(calls)
    answers = calls - n_proposals
    read, written = answers * (instruction + known.source), answers * known.answer
    if has_proposer:
        return Workload(0, round(read), round(written), 0, answers)
    proposals = _proposals(known, n_proposals)
    return Workload(0, round(read) + proposals.tokens_read, round(written) + proposals.tokens_written, 0, calls)


def _proposals(known: _Lengths, n: int) -> Workload:
    shown = ROWS_SHOWN * (known.row + known.answer) + max(known.instruction, PROPOSAL_TOKENS) + PROPOSAL_TEXT
    return Workload(0, round(n * shown), n * PROPOSAL_TOKENS, 0, n)


def proposals_workloads(
    planned: Sequence[tuple[Trial, Mapping[str, Any]]], data: StudyData, proposer: Learner | None
) -> dict[Trial, Workload]:
    """Return what a model that only proposes instructions is asked, by the trial; nothing where models propose their own."""
    asked = {trial: _n_proposals(config["optimize"]["calls"]) for trial, config in planned if proposer_in(config)}
    if proposer is None or not asked:
        return {}
    if not proposer.counts_tokens:
        return {trial: Workload(0, 0, 0, 0, n) for trial, n in asked.items()}
    known = _measure_lengths(data, proposer)
    return {trial: _proposals(known, n) for trial, n in asked.items()}


def teachers_workloads(work: Mapping[Trial, Workload], learners: Mapping[str, Learner]) -> dict[Trial, Workload]:
    """Return what teachers compute or send beside their students, by the trial; nothing where that is not known."""
    of_teachers = {trial: learners[trial.learner].work_of_teacher(own) for trial, own in work.items()}
    return {trial: known for trial, known in of_teachers.items() if known is not None}


def _n_examples(trial: Trial, data: StudyData) -> float:
    """Return the most examples that a row has; where they are chosen by label, how many it takes to show those of the rows."""
    if trial.strategy == "similar-by-label":
        return _n_by_label(trial, data)
    return min(trial.shots, trial.train_size) if trial.chooses_examples else trial.shots


def _n_by_label(trial: Trial, data: StudyData) -> float:
    """Return the mean number of examples by label, were rows near in any order: one is taken where it shows another label."""
    rows = data.training_rows(min(trial.train_size, MOST_ROWS_OF_LABELS), trial.seed)
    labels = [frozenset(data.task.labels_of(row.target, row.source)) or {""} for row in rows]
    generator, counts = np.random.default_rng(0), []
    for _ in range(ORDERS_TRIED):
        shown: set[str] = set()
        n = 0
        for number in generator.permutation(len(labels)):
            if n < trial.shots and not labels[number] <= shown:
                shown |= labels[number]
                n += 1
        counts.append(n)
    return float(np.mean(counts))


def _tokens_judged(trial: Trial, data: StudyData, learner: Learner, known: _Lengths) -> int:
    """Return the tokens that are read for the loss of right answers; what all prompts start with is read once a side."""
    n_tuned = min(trial.train_size, MOST_LOSS_ROWS) if trial.strategy == "fine-tune" else 0
    n_rows, examples = len(data.test), _n_examples(trial, data) * known.row
    shared = known.instruction + (0.0 if trial.chooses_examples else examples) if learner.takes_prompts else 0.0
    # An encoder reads the inputs alone.
    test, tuned = (known.source + known.answer, known.row) if learner.takes_prompts else (known.source, known.source)
    test += examples if trial.chooses_examples else 0.0
    return round(n_rows * test + n_tuned * tuned + shared * (2 if n_tuned else 1))


@dataclass(frozen=True)
class _Lengths:
    instruction: float
    row: float
    source: float
    answer: float


def _tokens_of_training(row: Row, learner: Learner, around: int) -> int:
    """Return the tokens of a row in a training step; an encoder reads the input alone, between two marks."""
    n_source = learner.count_tokens(row.source)
    return n_source + learner.count_tokens(row.target) + 2 * around if learner.takes_prompts else n_source + 2


def _measure_lengths(data: StudyData, learner: Learner) -> _Lengths:
    def mean(counts: list[int]) -> float:
        return sum(counts) / len(counts)

    sample = data.pool[:100]
    # What a chat template puts around a turn; providers bill less of it than local models read.
    around = 5 if learner.trains_here else 2
    instruction = learner.count_tokens(data.renderer.system_text) + 2 * around
    rows = mean([_tokens_of_training(row, learner, around) for row in sample])
    sources = mean([learner.count_tokens(row.source) + around for row in data.test])
    answers = mean([learner.count_tokens(row.target) + 1 for row in data.test])
    return _Lengths(instruction, rows, sources, answers)
