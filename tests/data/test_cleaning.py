import pytest

from tunecurve.data.cleaning import clean_rows
from tunecurve.errors import DataError


def raw(*pairs, **more):
    return [(f"line {i}", {"source_text": s, "target_text": t, **more}) for i, (s, t) in enumerate(pairs, start=1)]


def test_rows_in_equals_kept_plus_dropped_with_every_reason_named():
    rows, report = clean_rows(
        raw(
            ("a", "b"),
            ("", "b"),
            ("c", "  "),
            ("a", "b"),
            ("a", "other"),
            (5, "b"),
            ("d", None),
            ("long" * 9, "x"),
            ("e", ["f", "also f"]),
            ("g", [7]),
            ("cut \ud83d", "x"),
        ),
        is_too_long=lambda source, target: len(source) > 20,
    )
    assert [(row.source, row.references) for row in rows] == [("a", "b"), ("e", ("f", "also f"))]
    assert report.dropped == {
        "empty input": 1,
        "empty target": 2,
        "duplicate": 1,
        "duplicate input with another target": 1,
        "input not text": 1,
        "target not text": 1,
        "input not valid Unicode": 1,
        "longer than data.max_tokens": 1,
    }
    assert report.rows_in == report.rows_kept + sum(report.dropped.values()) == 11
    assert report.places["empty target"] == ["line 3", "line 7"]


def test_duplicates_can_be_kept():
    rows, _ = clean_rows(raw(("a", "b"), ("a", "b")), drop_duplicates=False)
    assert len(rows) == 2


def test_a_misspelt_column_is_an_error_with_a_suggestion():
    with pytest.raises(DataError, match=r"no column 'source_txt'.*Did you mean 'source_text'"):
        clean_rows(raw(("a", "b")), input_column="source_txt")


def test_no_rows_and_no_usable_rows_are_errors():
    with pytest.raises(DataError, match="no rows"):
        clean_rows([])
    with pytest.raises(DataError, match=r"no usable row is left .*2 empty target"):
        clean_rows(raw(("a", ""), ("b", "")))


def test_groups_come_from_the_column_or_from_the_skeleton():
    with_column, _ = clean_rows(raw(("a", "b"), template=7), group_column="template")
    assert with_column[0].group == "7"
    without_value, _ = clean_rows(raw(("a", "b"), ("c", "d"), template=None), group_column="template")
    assert without_value[0].group != without_value[1].group
    rows, _ = clean_rows(raw(("Bo is 5", "[NAME] is 5"), ("Al  is 66", "[CITY]  is 66"), ("Al was 5", "[NAME] was 5")))
    assert rows[0].group == rows[1].group != rows[2].group
