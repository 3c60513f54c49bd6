"""What a provider trained otherwise is said with the trials that it concerns."""

from __future__ import annotations

import pytest

from tests.fakes.records import finished_trial, training_of_job
from tunecurve.results.training_findings import training_findings


def trial(label, differences, learner="lab"):
    job = None if differences is None else {"differences": differences}
    return finished_trial(learner=learner, label=label, training=training_of_job(job))


@pytest.mark.parametrize(
    ("trials", "lines"),
    [
        ([], []),
        ([finished_trial(learner="floor", label="floor"), trial("n50", []), trial("n50", None)], []),
        ([trial("n50", ["3 passes instead of 20"])], ["lab", "n50: 3 passes instead of 20", "hosted.tuning_fields"]),
        (
            [
                trial("n50", ["3 passes instead of 20", "1 rows a step instead of 8"]),
                trial("n200", ["3 passes instead of 6"]),
            ],
            ["n50: 3 passes instead of 20, 1 rows a step instead of 8", "n200: 3 passes instead of 6"],
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
