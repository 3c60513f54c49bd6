"""`tunecurve predict`: one line of answer for every line of a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tunecurve import predictor
from tunecurve.cli.main import run_command
from tunecurve.learners.base import Completion
from tunecurve.learners.baselines.floor import FloorLearner
from tunecurve.prompts import Prompt, PromptRenderer


class TwoLines(predictor.Predictor):
    """Answers every text in two lines, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(FloorLearner(), PromptRenderer("Echo."), "two-lines")
        self.asked: list[str] = []

    def complete_prompts(self, prompts: Sequence[Prompt]) -> list[Completion]:
        self.asked += [prompt.source for prompt in prompts]
        return [Completion(f"{prompt.source}\nand more", "end") for prompt in prompts]


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> TwoLines:
    found = TwoLines()
    monkeypatch.setattr(predictor, "load_predictor", lambda *_, **__: found)
    return found


def test_answers_stand_at_the_numbers_of_their_lines(
    answering: TwoLines, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("one\n\n  \ntwo\n\n", encoding="utf-8")
    assert run_command(["predict", "run", "--file", str(texts)]) == 0
    assert capsys.readouterr().out == "one\\nand more\n\n  \ntwo\\nand more\n\n"
    assert answering.asked == ["one", "two"], "nothing is asked of a blank line"
    assert run_command(["predict", "run", "--file", str(texts), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["input"] for line in lines] == ["one", "", "  ", "two", ""]
    assert lines[0]["output"] == "one\nand more"


@pytest.mark.usefixtures("answering")
def test_a_text_that_was_typed_in_keeps_the_lines_of_its_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["predict", "run", "--text", "one"]) == 0
    assert capsys.readouterr().out == "one\nand more\n"
