"""What was trained otherwise, or slower than usual, is said with the trials that it concerns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes.records import finished_trial, training_of_job
from tunecurve.learners.base import Decoder, TrainingRecord
from tunecurve.learners.training import OverMaskingBudget
from tunecurve.results.training_findings import budget_findings, memory_findings, speed_findings, training_findings


def trial(label, differences, learner="lab"):
    job = None if differences is None else {"differences": differences}
    return finished_trial(learner=learner, label=label, training=training_of_job(job))


@pytest.mark.parametrize(
    ("trials", "lines"),
    [
        ([], []),
        ([finished_trial(learner="floor", label="floor"), trial("n50", []), trial("n50", None)], []),
        ([trial("n50", ["3 epochs instead of 20"])], ["lab", "n50: 3 epochs instead of 20", "hosted.tuning_fields"]),
        (
            [
                trial("n50", ["3 epochs instead of 20", "1 rows a step instead of 8"]),
                trial("n200", ["3 epochs instead of 6"]),
            ],
            ["n50: 3 epochs instead of 20, 1 rows a step instead of 8", "n200: 3 epochs instead of 6"],
        ),
    ],
)
def test_differences_are_said(trials, lines):
    found = training_findings(trials)
    assert len(found) == bool(lines)
    for words in lines:
        assert words in found[0].line


def test_each_learner_has_its_own():
    found = training_findings([trial("n50", ["a"], "one"), trial("n50", ["b"], "two")])
    assert [finding.text.partition(":")[0] for finding in found] == ["one", "two"]


def timed(label, *, training=None, decoder=None, learner="gemma"):
    record = training and TrainingRecord(path=training[0], is_fastest=training[1])
    used = decoder and Decoder("any", decoder[0], decoder[1])
    trial = finished_trial(learner=learner, label=label, training=record)
    return replace(trial, answers=replace(trial.answers, decoder=used))


CACHED = ("cached: rows behind a prefix; not packed: this model does not allow it (ValueError)", False)
GENERATE = ("reference: transformers' generate; not packed: other logits (relative difference 2.0e-01)", False)
PACKED = ("packed: rows packed", True)


@pytest.mark.parametrize(
    ("trials", "lines"),
    [
        ([], []),
        ([timed("zero-shot"), timed("n8", training=PACKED, decoder=PACKED)], []),
        ([timed("zero-shot", decoder=GENERATE)], [f"gemma: answered slower than usual ({GENERATE[0]})"]),
        (
            [timed("n8", training=CACHED, decoder=GENERATE), timed("n16", training=CACHED, decoder=GENERATE)],
            [f"gemma: trained slower than usual ({CACHED[0]})", f"gemma: answered slower than usual ({GENERATE[0]})"],
        ),
        (
            [timed("n8", training=CACHED), timed("n8", training=CACHED, learner="other")],
            [f"gemma: trained slower than usual ({CACHED[0]})", f"other: trained slower than usual ({CACHED[0]})"],
        ),
    ],
)
def test_what_took_longer_than_usual_is_noted_with_the_reason(trials, lines):
    found = speed_findings(trials)
    assert [finding.text for finding in found] == lines
    assert all(finding.kind == "note" for finding in found)
    if len(trials) == 2 and len(lines) == 2 and trials[0].learner == trials[1].learner:
        assert [finding.places for finding in found] == [("n8", "n16")] * 2


def test_what_was_done_so_that_trainings_fitted_is_noted_with_their_names():
    def fitted(label, to_fit):
        trial = timed(label, training=PACKED)
        return replace(trial, training=replace(trial.training, to_fit=to_fit))

    how = "layers computed again on the way back (activation checkpointing): memory did not suffice for 1"
    [found] = memory_findings([timed("zero-shot"), fitted("n8", None), fitted("n16", how), fitted("n32", how)])
    assert found.text == f"gemma: trained so that it fits into memory: {how}"
    assert (found.kind, found.places) == ("note", ("n16", "n32"))


def kept_for(budget, label="fine-tune-n50-seed0"):
    return finished_trial(learner="tagger", label=label, training=TrainingRecord(over_masking=budget))


def test_a_budget_that_cannot_be_measured_is_said_with_what_it_rests_on():
    few, enough = OverMaskingBudget(2.0, 10, 120, 1.5, 1.0), OverMaskingBudget(2.0, 40, 600, 1.9, 1.0)
    none = OverMaskingBudget(2.0, 3, 0, None, None)
    [found] = budget_findings(
        [kept_for(few), kept_for(enough, "tuned on 200"), kept_for(none, "tuned on 10"), kept_for(None)]
    )
    assert found.code == "budget-not-measured"
    assert found.places == (
        "fine-tune-n50-seed0: 2 % is 2.4 of the 120 public words of 10 rows",
        "tuned on 10: no word of the 3 rows kept aside should stay, so no threshold was chosen",
    )
    assert budget_findings([kept_for(enough), kept_for(None)]) == []


def test_a_budget_by_which_less_is_masked_is_said():
    [found] = budget_findings([kept_for(OverMaskingBudget(2.0, 40, 600, 1.9, 6.25))])
    assert (found.code, found.is_note) == ("budget-masks-less", True)
    assert found.places == ("fine-tune-n50-seed0: 1.9 % of their public text, 6.2 % without it",)
