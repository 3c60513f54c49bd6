"""Lines on a terminal break between words; in pipes they stay as they are."""

import io
import sys

import pytest

from tunecurve.cli.wide import broken, tell

LONG = "what to do  Stop: from 100 to 400 rows the score changes by less than what matters; --target says otherwise."


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.mark.parametrize("width", [30, 40, 80, 110])
def test_words_stay_whole_and_later_lines_stand_below_the_text(width):
    lines = broken(LONG, width).splitlines()
    assert all(len(line) <= width for line in lines)
    assert " ".join(" ".join(lines).split()) == " ".join(LONG.split()), "nothing is lost"
    assert lines[0].startswith("what to do  Stop")
    assert all(line.startswith(" " * 12 + line.strip()[0]) for line in lines[1:])


@pytest.mark.parametrize(
    ("line", "later"), [("A sentence without a term " * 5, ""), ("warning  60 test rows " + "are few " * 20, " " * 9)]
)
def test_the_indent_is_that_of_the_text(line, later):
    second = broken(line, 50).splitlines()[1]
    assert second == later + second.strip()


def test_a_word_that_is_too_long_stays_whole_to_be_copied():
    path = "/a/folder/" + "x" * 80
    assert path in broken(f"Report: {path} and more", 40).splitlines()


@pytest.mark.parametrize(("columns", "n_lines"), [("40", 4), ("200", 1)])
def test_a_terminal_gets_broken_lines(monkeypatch, columns, n_lines):
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", columns)
    tell(LONG)
    assert len(screen.getvalue().splitlines()) == n_lines


def test_a_pipe_gets_the_line_as_it_is(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    tell(LONG)
    tell()
    tell("to standard error " * 9, err=True)
    said = capsys.readouterr()
    assert said.out == LONG + "\n\n"
    assert said.err == "to standard error " * 9 + "\n"


def test_what_would_steer_the_terminal_is_shown(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    tell("name \x1b[2J")
    assert screen.getvalue() == "name \\x1b[2J\n"
