"""Thoughts before an answer: removed whole, counted where cut, left alone where they are text of the task."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.records import finished_trial
from tunecurve.learners.answers import answer_stream, predict_answers
from tunecurve.learners.base import Completion, Learner
from tunecurve.learners.baselines.floor import FloorLearner
from tunecurve.learners.cleaning import THOUGHT_MARKS, Cleaning, strip_thoughts, without_thoughts
from tunecurve.prompts import PromptRenderer
from tunecurve.report.tables import answer_table
from tunecurve.study.answer_report import summarise_answers

RENDERER = PromptRenderer("Mask it. Do not write <think>.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>\nA name.\n</think>\n\nCall [NAME].", ("Call [NAME].", "removed")),
        ("<think>\n\n</think>\n\nCall [NAME].", ("Call [NAME].", "removed")),
        ("\n<think>A name.</think> Call [NAME].", ("Call [NAME].", "removed")),
        ("A name.\n</think>\n\nCall [NAME].", ("Call [NAME].", "removed")),
        ("<think>one</think><think>two</think>Call [NAME].", ("Call [NAME].", "removed")),
        ("[THINK]A name.[/THINK]Call [NAME].", ("Call [NAME].", "removed")),
        ("<think>A name.</think>\r\n\r\n  Call [NAME].", ("  Call [NAME].", "removed")),
        ("<think>\nA name, or perhaps", ("", "cut")),
        ("<think>one</think><think>two", ("", "cut")),
        ("<think>", ("", "cut")),
        ("<think>A name.</think>", ("", "removed")),
        ("Call [NAME].", ("Call [NAME].", "")),
        ("Call <think>[NAME]</think>.", ("Call <think>[NAME]</think>.", "")),
        ("I think </thinker> of it", ("I think </thinker> of it", "")),
        ("", ("", "")),
    ],
)
def test_thoughts_before_an_answer_are_no_part_of_it(text, expected):
    assert strip_thoughts(text) == expected


marks = [mark for pair in THOUGHT_MARKS for mark in pair]
plain = st.text().filter(lambda text: not any(mark in text for mark in marks))


@given(plain, plain.filter(lambda text: text[:1].isprintable() and text[:1].strip()), st.sampled_from(THOUGHT_MARKS))
def test_any_answer_comes_whole_from_behind_any_thought(thought, answer, pair):
    opening, closing = pair
    assert strip_thoughts(opening + thought + closing + "\n\n" + answer) == (answer, "removed")
    assert strip_thoughts(opening + thought) == ("", "cut")
    assert strip_thoughts(answer) == (answer, "")


def test_marks_in_the_rows_own_text_are_text():
    answer = Completion("<think>a</think> b", "end")
    assert without_thoughts(answer, RENDERER.prompt("hello")).text == "b"
    assert without_thoughts(answer, RENDERER.prompt("<think>a</think> b")) == answer
    assert without_thoughts(answer, RENDERER.prompt("hello", [("x", "<think>y</think> z")])) == answer


class Thinking(Learner):
    name, takes_prompts = "thinking", True

    def identity(self):
        return {"kind": "thinking"}

    def predict_stream(self, prompts, done=()):
        answers = ["<think>a</think>one", "<think>b", "three"]
        for index in range(len(prompts)):
            if index not in done:
                yield index, Completion(answers[index % 3], "length" if index == 1 else "end")


def test_thoughts_of_every_learner_are_removed_and_counted():
    prompts = [RENDERER.prompt(text) for text in "abc"]
    answers = predict_answers(Thinking(), prompts)
    assert [(answer.text, answer.thought) for answer in answers] == [("one", "removed"), ("", "cut"), ("three", "")]
    assert [index for index, _ in answer_stream(Thinking(), prompts, {0, 1})] == [2]
    kept = [answer.text for answer in predict_answers(Thinking(), prompts, cleaning=Cleaning(thoughts=False))]
    assert kept == ["<think>a</think>one", "<think>b", "three"]


class ThinkingUnprompted(Thinking):
    takes_prompts = False


def test_thoughts_of_an_own_learner_are_removed_whether_it_takes_prompts_or_not():
    prompts = [RENDERER.prompt(text) for text in "abc"]
    assert ThinkingUnprompted().answers_are_cleaned
    assert [answer.text for answer in predict_answers(ThinkingUnprompted(), prompts)] == ["one", "", "three"]


def test_answers_that_are_labels_or_the_input_have_nothing_to_clean():
    copied = "<think>a</think> b"
    (answer,) = predict_answers(FloorLearner(), [RENDERER.prompt(copied)])
    assert not FloorLearner().answers_are_cleaned
    assert answer.text == copied


def of_one_trial(answers):
    return SimpleNamespace(finished=[finished_trial(label="zero-shot", answers=answers)], primary_metric="bleu")


def test_the_report_says_how_many_thoughts_there_were():
    answers = predict_answers(Thinking(), [RENDERER.prompt(text) for text in "abc"])
    summary = summarise_answers(answers)
    assert (summary.n_thoughts_removed, summary.n_thoughts_cut, summary.n_empty) == (1, 1, 1)
    _, rows = answer_table(of_one_trial(summary))
    assert rows == [
        ["m", "zero-shot", "2", "1", "0", "0", "0", "1", "thoughts removed from 1; 1 with nothing but a cut thought"]
    ]
    whole = summarise_answers([Completion("<think>a</think>b", "end", thought="removed")])
    _, rows = answer_table(of_one_trial(whole))
    assert rows[0][-1] == "thoughts removed from 1"
