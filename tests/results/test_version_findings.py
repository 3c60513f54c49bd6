"""Which model answered is compared with which was asked, within a trial and between trials."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes.records import answer_summary, finished_trial, training_of_job
from tunecurve.results.version_findings import is_a_version_of, version_findings


@pytest.mark.parametrize(
    ("told", "asked", "is_it"),
    [
        ("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini", True),
        ("gemini-3.5-flash-lite-001", "gemini-3.5-flash-lite", True),
        ("models/gemini-3.5-flash", "gemini-3.5-flash", True),
        ("gemini-3.5-flash", "gemini-3.5-flash-001", True),
        ("gemini-3.5-flash-preview-09-2026", "gemini-3.5-flash", True),
        ("GPT-4.1-Mini", "gpt-4.1-mini", True),
        ("gemini-3.5-flash", "gemini-flash-latest", True),
        ("org/model", "org/model", True),
        ("claude-sonnet-5@20261001", "claude-sonnet-5", True),
        ("gemini-3.5-flash-lite", "gemini-3.5-flash", False),
        ("gemini-3.5-flash-lite", "gemini-2.5-flash", False),
        ("gpt-4.1-mini", "gpt-4.1", False),
        ("gpt-4.1", "gpt-4.1-mini", False),
        ("gpt-4", "gpt-4.1", False),
        ("llama-3-8b", "llama-3-70b", False),
        ("", "gpt-4.1", False),
    ],
)
def test_names_of_one_model(told, asked, is_it):
    assert is_a_version_of(told, asked) == is_it


def trial(label, versions, *, model="gpt-4.1-mini", strategy="zero-shot", tuned=None, **learner):
    return finished_trial(
        label=label,
        strategy=strategy,
        config={"learner": {"kind": "hosted", "model": model, **learner}},
        answers=answer_summary(model_versions=versions),
        training=training_of_job({"tuned_model": tuned, "checkpoints": []}) if tuned else None,
    )


FT = "ft:gpt-4.1-mini-2025-04-14:org::abc"
ENDPOINT = "projects/p/locations/us/endpoints/7"


@pytest.mark.parametrize(
    ("trials", "codes"),
    [
        ([trial("a", ["gpt-4.1-mini-2025-04-14"]), trial("b", ["gpt-4.1-mini-2025-04-14"])], []),
        ([trial("a", []), trial("b", ["gpt-4.1-mini"])], []),
        ([trial("a", ["gpt-4.1-mini-2025-04-14"]), trial("b", ["gpt-4.1-mini-2026-01-01"])], ["version-changed"]),
        ([trial("a", ["gpt-4.1-mini-2025-04-14", "gpt-4.1-mini-2026-01-01"])], ["version-changed"]),
        ([trial("a", ["gpt-5-nano"])], ["answered-by-another"]),
        ([trial("a", ["gpt-4.1-mini-2025-04-14"], deployment="mine")], []),
        ([trial("a", [FT], strategy="fine-tune", tuned=FT)], []),
        ([trial("a", ["gpt-4.1-mini"]), trial("b", [FT], strategy="fine-tune", tuned=FT)], []),
        ([trial("a", ["gpt-4.1-mini-2025-04-14"], strategy="fine-tune", tuned=FT)], ["answered-by-another"]),
        ([trial("a", ["gemini-3.5-flash-001"], model="gemini-3.5-flash", service="vertex", strategy="fine-tune",
                tuned=ENDPOINT)], []),
        ([trial("a", ["gemini-3.5-flash-lite"], model="gemini-2.5-flash", service=None)], ["answered-by-another"]),
        ([replace(trial("a", ["x", "y"]), config={"learner": {"kind": "local"}})], []),
    ],
)  # fmt: skip
def test_what_is_said_of_who_answered(trials, codes):
    assert [finding.code for finding in version_findings(trials)] == codes


def test_a_tuned_endpoint_of_another_family_is_another_model():
    odd = trial(
        "a", ["gemini-2.0-pro"], model="gemini-3.5-flash", service="vertex", strategy="fine-tune", tuned=ENDPOINT
    )
    [found] = version_findings([odd])
    assert "'gemini-2.0-pro' answered" in found.line
    assert "(a)" in found.line
