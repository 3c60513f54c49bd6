"""A curve in characters: every mark in its place, whatever the width."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.records import metric_result, point, results_of
from tunecurve.findings import Finding
from tunecurve.report.text_chart import MARKS, PLAIN_MARKS, TextChart, TextCurve, chart_of_results

TAGGER = TextCurve("tagger", {25: 50.0, 50: 60.0, 100: 70.0})
MODEL = TextCurve("smollm2-135m-instruct", {0: 30.0, 25: 40.0})
CHART = TextChart("BLEU", "max", [TAGGER, MODEL], [25, 50, 100], floor=45.0)


def places(lines, mark):
    """Return row and column of a mark in the drawing."""
    drawing = [line for line in lines if "│" in line or "|" in line]
    return [(row, column) for row, line in enumerate(drawing) for column, cell in enumerate(line) if cell == mark]


def test_marks_stand_at_their_sizes_and_scores():
    title, *drawing, axis, numbers, first, second, floor = CHART.lines(52, 5)
    assert title == "BLEU (more is better) by training rows, log axis"
    assert [line.partition(" │")[0].strip() for line in drawing] == ["70", "", "50", "", "30"]
    assert places(drawing, "▲") == [(3, axis.index("┬", 7)), (4, axis.index("┬"))], (
        "40 and 30, at 25 rows and untrained"
    )
    (_, largest), (_, middle), (_, smallest) = places(drawing, "●")
    assert [row for row, _ in places(drawing, "●")] == [0, 1, 2]
    assert smallest == axis.index("┬", 7)
    assert abs((middle - smallest) - (largest - middle)) <= 1, "doublings are equally far apart"
    assert drawing[2].count("╌") > 20, "the floor, 45, in the row of 50"
    assert numbers.split() == ["0", "25", "50", "100"]
    assert (first, second) == ("● tagger 70.0 on 100 rows", "▲ smollm2-135m-instruct 40.0 on 25 rows")
    assert floor == "╌ doing nothing 45.0"


def test_ascii_alone_where_nothing_else_can_be_shown():
    lines = CHART.lines(60, 6, plain=True)
    assert all(line.isascii() for line in lines)
    assert places(lines, "^")
    assert lines[-1].startswith(("o tagger", ". doing nothing"))


def test_less_is_better_is_said():
    assert TextChart("leaks, %", "min", [TAGGER], []).lines(40, 4)[0] == "leaks, % (less is better)"


@pytest.mark.parametrize(
    ("chart", "width", "height"),
    [
        (TextChart("BLEU", "max", [], [10, 20]), 80, 10),
        (TextChart("BLEU", "max", [TextCurve("a", {})], [10, 20]), 80, 10),
        (CHART, 23, 10),
        (CHART, 80, 3),
    ],
)
def test_nothing_to_draw_or_no_room_is_no_chart(chart, width, height):
    assert chart.lines(width, height) == []


def test_marks_that_meet_stand_side_by_side():
    alike = [TextCurve(name, {10: 5.0, 20: 9.0}) for name in "abc"]
    drawn = TextChart("F1", "max", alike, [10, 20]).lines(60, 5)
    rows = {mark: [row for row, _ in places(drawn, mark)] for mark in MARKS[:3]}
    assert set(map(tuple, rows.values())) == {(0, 4)}


def test_one_score_alone_has_a_place():
    drawn = TextChart("F1", "max", [TextCurve("a", {50: 3.0})], [50]).lines(40, 5)
    assert len(places(drawn, "●")) == 1
    assert "0" not in drawn[-2].split(), "nothing untrained was scored"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.dictionaries(st.integers(0, 10**6), st.floats(-1e3, 1e3), max_size=5), max_size=8),
    st.sets(st.integers(1, 10**6), max_size=6),
    st.none() | st.floats(-1e3, 1e3),
    st.integers(24, 120),
    st.integers(4, 12),
    st.booleans(),
)
def test_any_curve_fits_and_shows_every_learner(scores, sizes, floor, width, height, plain):
    curves = [TextCurve(f"learner {number} {'x' * 40}", points) for number, points in enumerate(scores)]
    chart = TextChart("score " * 9, "max", curves, sorted(sizes), floor)
    lines = chart.lines(width, height, plain=plain)
    assert all(len(line) <= width for line in lines)
    if chart.is_empty:
        assert lines == []
        return
    drawing = lines[1 : 1 + height]
    assert all(("|" if plain else "│") in line for line in drawing)
    assert all(math.isfinite(float(line.split("|" if plain else "│")[0])) for line in (drawing[0], drawing[-1]))
    legend = "\n".join(lines[height + 3 :])
    for number, points in enumerate(scores):
        mark = (PLAIN_MARKS if plain else MARKS)[number % 6]
        assert (f"{mark} l" in legend) or not points


def test_the_chart_of_results_has_what_is_scored_and_may_be_said():
    points = [point("floor", 0, bleu=45.0), point("zero-shot", 0, bleu=30.0), point(train_size=50, bleu=60.0)]
    points += [point(train_size=200, bleu=None), point(train_size=800, bleu=80.0)]
    chart = chart_of_results(results_of(points=points))
    assert (chart.title, chart.direction, chart.floor, chart.sizes) == ("BLEU", "max", 45.0, [50, 800])
    assert {curve.name: dict(curve.scores) for curve in chart.curves} == {"m": {0: 30.0, 50: 60.0, 800: 80.0}}


def test_what_a_finding_forbids_to_say_is_not_drawn():
    leaks = metric_result("leak_documents", "documents that leak, %", "min")
    blind = Finding("blind", "the metric is blind", blocks=("leaks",))
    points = [point(train_size=50, leak_documents=3.0)]
    known = {
        "points": points,
        "metrics": [leaks],
        "primary_metric": "leak_documents",
        "second_metric": "leak_documents",
    }
    assert not chart_of_results(results_of(**known)).is_empty
    assert chart_of_results(results_of(**known, findings=[blind])).is_empty
