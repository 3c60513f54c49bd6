"""What stands around answers, and what only looks like it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tunecurve.formats.wrappers import WRAPPERS, unwrap, wrappers_of
from tunecurve.learners.base import Completion
from tunecurve.learners.cleaning import Cleaning
from tunecurve.prompts import PromptRenderer

TEXT = "Call [NAME] at 9: it is late."


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        (f"```\n{TEXT}\n```", ("fence",)),
        (f"```text\n{TEXT}\n```\n", ("fence",)),
        (f"~~~~\n{TEXT}\n~~~~", ("fence",)),
        (f"```{TEXT}```", ("fence",)),
        (f"```text\n{TEXT}", ("fence",)),  # cut before its end
        (f"Text: {TEXT}", ("prefix",)),
        (f"**Answer:** {TEXT}", ("prefix",)),
        (f"Here is the masked text:\n\n{TEXT}", ("prefix",)),
        (f"Sure! Here\u2019s the anonymized version: {TEXT}", ("prefix",)),
        (f"Here is the masked text:\n```\n{TEXT}\n```", ("prefix", "fence")),
        (f'"{TEXT}"', ("quotes",)),
        (f"\u201e{TEXT}\u201c", ("quotes",)),
        (f'{{"masked": "{TEXT}"}}', ("json",)),
        (f'```json\n{{"text": "{TEXT}"}}\n```', ("fence", "json")),
    ],
)
def test_wrappers_come_off(answer, kinds):
    assert unwrap(answer, "Call Ada at 9: it is late.", WRAPPERS) == (TEXT, kinds)


@pytest.mark.parametrize(
    "answer",
    [
        TEXT, "", "Here is Ada.", "Answer:", "```\na\n```\nand more", "`", '"a" and "b"', '{"a": 1}', '{"a": "b", "c": "d"}',
        "The text: nothing", "Re: your call", "Ada: hello", "[NAME]: call me", "```",
    ],
)  # fmt: skip
def test_what_is_no_wrapper_stays(answer):
    assert (
        unwrap(answer, "x", [kind for kind in WRAPPERS if kind != "prefix" or not answer.startswith("The text")])[0]
        == answer
    )


@pytest.mark.parametrize("source", ["```\nx\n```", "Text: x", '"x y"', '{"text": "x"}'])
def test_what_the_input_has_itself_stays(source):
    assert unwrap(source, source, WRAPPERS) == (source, ())


def test_what_targets_have_is_part_of_answers():
    targets = ["plain", "```\ncode\n```"]
    assert wrappers_of(targets) == {"fence"}
    cleaning = Cleaning.for_targets(["think", "fence", "quotes"], targets)
    assert (cleaning.wrappers, "fence" in cleaning.watched) == (("quotes",), False)
    assert Cleaning.from_json(cleaning.to_json()) == cleaning


@example("\r")
@example("one\r")
@given(st.text(max_size=60))
def test_fencing_and_cleaning_gives_back_any_text(text):
    answer = Completion(f"```\n{text}\n```", "end")
    prompt = PromptRenderer("Mask.").prompt("some input")
    cleaned = Cleaning(thoughts=False, watched=("fence",)).clean(answer, prompt)
    if "```" not in text:
        assert cleaned.text == text
        assert cleaned.as_given == answer.text
        assert Cleaning(thoughts=False).clean(cleaned, prompt) == cleaned
