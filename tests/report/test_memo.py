"""The panel for a memo: a title that fits, the panel's parts, and files that can be pictures."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.records import point, results_of, score
from tunecurve.errors import UsageError
from tunecurve.report.memo import LONGEST_TITLE, memo_figure, short_title
from tunecurve.report.write import check_memo, write_memo


@given(st.text(max_size=400))
def test_a_title_fits_and_is_one_line(sentence):
    title = short_title(sentence)
    assert len(title) <= LONGEST_TITLE
    assert "\n" not in title
    assert bool(title) == bool(sentence.split())


@pytest.mark.parametrize(
    ("sentence", "title"),
    [
        ("Label about 800 more rows (1,600 in all) and train on them.", "Label about 800 more rows (1,600 in all) and train on them."),
        (
            "Cannot tell yet. Next: label about 400 more test rows, which tell a gain of 2.1",
            "Cannot tell yet. Next: label about 400 more test rows, which tell a gain of 2.1",
        ),
        (
            "Cannot tell yet. Next: train on 3,200 rows, which are labelled already: not even 10 times the test rows would show a gain",
            "Cannot tell yet. Next: train on 3,200 rows.",
        ),
        (
            "Cannot tell yet. Next: run 5 seeds a size at 200 and 400 training rows (8 more runs, no more labels), which tell a gain of 2",
            "Cannot tell yet. Next: run 5 seeds a size at 200 and 400 training rows.",
        ),
    ],
)  # fmt: skip
def test_a_title_ends_where_a_part_of_the_sentence_ends(sentence, title):
    assert short_title(sentence) == title


def study():
    points = [
        point("floor", 0, bleu=40.0),
        *(point(train_size=n, bleu=score(at, at - 4, at + 4)) for n, at in [(50, 61.0), (200, 72.5)]),
    ]
    return results_of(points=points)


@pytest.mark.parametrize("dark", [False, True])
def test_the_panel_names_learner_scores_unit_and_interval(dark):
    figure = memo_figure(study(), dark=dark)
    [axes] = figure.axes
    said = " ".join([text.get_text() for text in axes.texts] + [axes.get_xlabel(), axes.get_ylabel()])
    for words in ("m", "61.0", "72.5", "40.0", "0 to 100", "more is better", "95 % interval", "training rows"):
        assert words in said
    assert tuple(figure.get_size_inches()) == (6.0, 3.5)
    assert figure._suptitle.get_text()


def test_the_panel_is_written_as_its_name_says(tmp_path):
    write_memo(tmp_path / "memo.png", study())
    write_memo(tmp_path / "memo.svg", study(), dark=True)
    content = (tmp_path / "memo.png").read_bytes()
    assert struct.unpack(">II", content[16:24]) == (1200, 700)
    assert "<svg" in (tmp_path / "memo.svg").read_text()


@pytest.mark.parametrize(
    ("name", "dark", "words"),
    [
        ("memo.pdf", False, ".png or .svg"),
        ("results.json", False, ".png or .svg"),
        ("no/memo.png", False, "folder"),
        (None, True, "--memo"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path, name, dark, words):
    with pytest.raises(UsageError, match=words):
        check_memo(None if name is None else tmp_path / Path(name), dark=dark)
