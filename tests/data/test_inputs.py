"""One input text from several columns: joined, or where a template names them; what is empty leaves nothing behind."""

import pytest

from tunecurve.data.cleaning import CleaningRules, clean_rows
from tunecurve.data.inputs import InputText, columns_in_template, fill
from tunecurve.errors import DataError, SpecError
from tunecurve.spec.reading import parse_spec

ALPACA = "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:"


def rows_of(*cells, **options):
    return clean_rows(
        [(f"line {n}", row) for n, row in enumerate(cells, start=1)], CleaningRules(target_column="output", **options)
    )


@pytest.mark.parametrize(
    ("template", "texts", "filled"),
    [
        ("{instruction}\n{input}", {"instruction": "Sum", "input": "1 2"}, "Sum\n1 2"),
        ("{instruction}\n{input}", {"instruction": "Sum"}, "Sum"),
        ("{instruction}\n{input}", {"input": "1 2"}, "1 2"),
        ("{a}\nText: {b}\n{a}", {"a": "x"}, "x\nx"),
        ("Q: {a} ({b})", {"a": "x"}, "Q: x ()"),
        (
            ALPACA,
            {"instruction": "Sum", "input": "1 2"},
            "### Instruction:\nSum\n\n### Input:\n1 2\n\n### Response:",
        ),
        (ALPACA, {"instruction": "Sum"}, "### Instruction:\nSum\n\n### Response:"),
        ('{{"x"}} {a} {{y}}', {"a": "{a}"}, '{"x"} {a} {y}'),
    ],
)
def test_a_template_leaves_out_the_lines_and_blocks_of_empty_columns(template, texts, filled):
    assert fill(texts, template) == filled


def test_braces_that_are_no_names_are_text():
    assert columns_in_template('Answer as {"a": 1}, {{name}} {} {input} {my column} {x.y}') == ("my column", "x.y")


def test_several_columns_are_joined_and_empty_ones_left_out():
    rows, report = rows_of(
        {"a": "one", "b": "two", "output": "x"},
        {"a": "one", "b": "", "output": "x"},
        {"a": None, "b": 2, "output": "x"},
        {"b": "three", "output": "x"},
        {"a": " ", "output": "x"},
        input_column=["a", "b"],
    )
    assert [row.source for row in rows] == ["one\ntwo", "one", "2", "three"]
    assert report.dropped == {"empty input": 1}


def test_duplicates_are_judged_on_the_whole_input():
    cells = [
        {"instruction": "Sum", "input": "1 2", "output": "3"},
        {"instruction": "Sum", "input": "2 2", "output": "4"},
        {"instruction": "Sum", "input": "1 2", "output": "three"},
    ]
    for options in ({"input_column": ["instruction", "input"]}, {"template": "{instruction}\n{input}"}):
        rows, report = rows_of(*cells, **options)
        assert [row.source for row in rows] == ["Sum\n1 2", "Sum\n2 2"]
        assert report.dropped == {"duplicate input with another target": 1}


def test_input_in_a_template_is_the_input_column_that_was_named():
    cells = {"instruction": "Sum", "input": "1 2", "text": "5 6", "output": "3"}
    assert rows_of(cells, template="{instruction}: {input}")[0][0].source == "Sum: 1 2"
    assert rows_of(cells, template="{instruction}: {input}", input_column="text")[0][0].source == "Sum: 5 6"
    assert rows_of(cells, template="{instruction}: {text}")[0][0].source == "Sum: 5 6"


def test_a_part_may_be_missing_in_the_first_rows_but_not_in_all():
    rows, _ = rows_of({"a": "x", "output": "1"}, {"a": "x", "b": "y", "output": "1"}, template="{a} {b}")
    assert [row.source for row in rows] == ["x ", "x y"]
    with pytest.raises(DataError, match=r"no row has the column 'instrution'.*the columns are: a, output"):
        rows_of({"a": "x", "output": "1"}, template="{a}\n{instrution}")
    with pytest.raises(DataError, match="no column 'p'; the columns are: a, output"):
        rows_of({"a": "x", "output": "1"}, input_column=["p", "q"])


def test_the_reading_of_one_column_is_that_column():
    reading, parts = InputText(("a",)).read({"a": 5})
    assert (reading.texts, reading.kind, list(parts)) == (("5",), "number", ["a"])


def test_a_study_file_names_several_columns_or_a_template():
    one = parse_spec({"data": {"input_column": ["a"]}})
    assert one.signature() == parse_spec({"data": {"input_column": "a"}}).signature()
    assert parse_spec({"data": {"input_column": ["a", "b"]}}).data.input_columns == ("a", "b")
    named = parse_spec({"prompt": {"template": "{instruction}\n{input}"}})
    assert (named.prompt.column_template, named.prompt.user_template) == ("{instruction}\n{input}", "{input}")
    plain = parse_spec({"prompt": {"template": "Text: {input}"}})
    assert (plain.prompt.column_template, plain.prompt.user_template) == ("", "Text: {input}")


@pytest.mark.parametrize(
    "values",
    [
        {"data": {"input_column": []}},
        {"data": {"input_column": ""}},
        {"prompt": {"template": "{input} {input}"}},
        {"prompt": {"template": "no place"}},
        {"data": {"input_column": "mail"}, "prompt": {"template": "{instruction}"}},
    ],
)
def test_an_input_that_no_column_makes_is_refused(values):
    with pytest.raises(SpecError):
        parse_spec(values)
