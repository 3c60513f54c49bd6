"""Answers that a CSV file, a sheet or a stream spells out as a list are those of the same rows in JSON Lines."""

import csv
import gzip
import io
import json
import zipfile

import pytest

from tests.data.test_workbooks import workbook
from tunecurve.cli.main import run_command
from tunecurve.data.cells import TargetRule, read_target
from tunecurve.data.spelled_out import as_bracketed
from tunecurve.study.reading import read_study_rows
from tunecurve.study.settling import settled_study

WORDS = ["amber", "brisk", "coral", "dusky", "eager", "frosty"]
LISTS = [
    [f"the {WORDS[n % 6]} pump {n}", f'it\'s "pump" {n}, {WORDS[n // 6 % 6]}', f"pump {n}"][: 1 + n % 3]
    for n in range(60)
]
TEXTS = [
    f"Inspection {n} of the {WORDS[n % 6]} hall found what {WORDS[n // 6 % 6]} engineers report." for n in range(60)
]
LISTS_SAID = ("answers-read", "lists-read")
ASKED = ["--input-column", "text", "--target-column", "keywords"]


def as_numpy(items):
    return "[" + " ".join(map(repr, items)) + "]"


def table(cells, **how):
    out = io.StringIO()
    csv.writer(out, **how).writerows([["text", "keywords"], *zip(TEXTS, cells, strict=True)])
    return out.getvalue().encode()


def archive(cells):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("rows.csv", table(cells))
    return out.getvalue()


def with_index(cells):
    lines = table(cells).decode().splitlines()
    return "\n".join([f",{lines[0]}", *(f"{n},{line}" for n, line in enumerate(lines[1:]))]).encode()


FILES = {
    "rows.csv": table,
    "semicolons.csv": lambda cells: table(cells, delimiter=";"),
    "index.csv": with_index,
    "rows.tsv": lambda cells: table(cells, delimiter="\t"),
    "rows.csv.gz": lambda cells: gzip.compress(table(cells)),
    "rows.zip": archive,
}


def written(path, cells):
    if path.suffix == ".xlsx":
        workbook(path, {"rows": [["text", "keywords"], *zip(TEXTS, cells, strict=True)]})
    else:
        path.write_bytes(FILES[path.name](cells))
    return path


def rows_and_findings(path, task):
    assert run_command(["convert", str(path), *ASKED, "--task", task, "--to", "rows", "-o", f"{path}.out.jsonl"]) == 0
    rows = [json.loads(line) for line in (path.parent / f"{path.name}.out.jsonl").read_text().splitlines()]
    read = {
        "name": "s",
        "task": task,
        "data": {"source": str(path), "input_column": "text", "target_column": "keywords"},
    }
    findings = read_study_rows(settled_study(read, path.parent / "run").spec).cleaning.notes
    return rows, [(one.code, one.text, one.remedy, one.is_note) for one in findings if one.code in LISTS_SAID]


def json_lines(path, cells):
    rows = [{"text": text, "keywords": cell} for text, cell in zip(TEXTS, cells, strict=True)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("task", ["generation", "summarization"])
@pytest.mark.parametrize("name", [*FILES, "rows.xlsx"])
def test_files_without_lists_are_read_as_json_lines_are(tmp_path, name, task):
    found, said = rows_and_findings(written(tmp_path / name, [repr(cell) for cell in LISTS]), task)
    expected, said_of_lists = rows_and_findings(json_lines(tmp_path / "lists.jsonl", LISTS), task)
    assert [row["target"] for row in found] == [row["target"] for row in expected]
    assert found[2]["target"] == LISTS[2]
    assert found[3]["target"] == LISTS[3][0]
    assert said == said_of_lists
    assert next(text for code, text, _, _ in said if code == "answers-read").startswith(
        "40 of 60 cells of column 'keywords' are lists"
    )


@pytest.mark.parametrize("write", [json.dumps, as_numpy])
def test_lists_may_be_spelled_as_json_and_as_numpy_prints_them(tmp_path, write):
    path = tmp_path / "rows.csv"
    path.write_bytes(table([write(cell) for cell in LISTS]))
    found, _ = rows_and_findings(path, "generation")
    assert [row["target"] for row in found] == [cell if len(cell) > 1 else cell[0] for cell in LISTS]


def test_a_text_of_json_lines_keeps_its_brackets(tmp_path):
    found, said = rows_and_findings(
        json_lines(tmp_path / "rows.jsonl", [json.dumps(cell) for cell in LISTS]), "generation"
    )
    assert [row["target"] for row in found] == [json.dumps(cell) for cell in LISTS]
    assert said == []


def test_the_test_file_is_read_by_its_own_format(tmp_path):
    (tmp_path / "test.csv").write_bytes(table([repr(cell) for cell in LISTS]))
    texts = json_lines(tmp_path / "rows.jsonl", [f"['{text}']" for text in TEXTS])
    data = {
        "source": str(texts),
        "test_source": str(tmp_path / "test.csv"),
        "input_column": "text",
        "target_column": "keywords",
    }
    spec = settled_study({"name": "s", "task": "generation", "data": data}, tmp_path / "run").spec
    rows = read_study_rows(spec).rows
    assert {row.references for row in rows if row.side == "test"} == {
        tuple(cell) if len(cell) > 1 else cell[0] for cell in LISTS
    }
    assert all(row.target.startswith("['") for row in rows if row.side != "test")


def test_few_lists_in_a_column_of_texts_are_a_warning_with_the_way_to_keep_them(tmp_path):
    cells = [f"print('{word} {n}')" for n, word in enumerate(WORDS * 10)]
    cells[7:10] = ["['a', 'b']", "[1, 2]", "['c']"]
    path = tmp_path / "rows.csv"
    path.write_bytes(table(cells))
    found, said = rows_and_findings(path, "generation")
    assert [row["target"] for row in found[7:10]] == [["a", "b"], ["1", "2"], "c"]
    assert [(code, is_note) for code, _, _, is_note in said] == [("answers-read", False), ("lists-read", False)]
    assert all("where brackets belong to the text, write the rows as JSON Lines" in remedy for _, _, remedy, _ in said)


REFERENCES = TargetRule("references")


@pytest.mark.parametrize(
    "text",
    [
        "[NAME]",
        "[x for x in xs]",
        "[1] Smith 2004 [2]",
        "[[1, 2], [3]]",
        '[{"a": 1}]',
        "['a', 'b",
        "['a'] + ['b']",
        "[f(1)]",
    ],
)
def test_brackets_that_spell_out_no_list_of_texts_stay_text(text):
    assert read_target(as_bracketed(text), REFERENCES).texts == (text,)


def test_inputs_and_masked_texts_keep_their_brackets():
    assert read_target(as_bracketed("['a', 'b']"), TargetRule()).texts == ("['a', 'b']",)


def test_an_answer_to_an_instruction_keeps_its_brackets(tmp_path):
    path = tmp_path / "alpaca.csv"
    lines = [
        [f"Name {n} colours of the {word} hall", "as a list", f"['red {n}', 'blue']"]
        for n, word in enumerate(WORDS * 5)
    ]
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([["instruction", "input", "output"], *lines])
    assert run_command(["convert", str(path), "--to", "rows", "-o", str(tmp_path / "out.jsonl")]) == 0
    found = [json.loads(line)["target"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert found == [line[2] for line in lines]


@pytest.mark.parametrize(
    ("is_csv", "said"), [(True, "read as answers that are all right"), (False, "and stay these texts")]
)
def test_a_found_task_is_told_with_how_its_lists_are_read(tmp_path, is_csv, said):
    path = tmp_path / ("rows.csv" if is_csv else "rows.jsonl")
    cells = [repr(cell) for cell in LISTS]
    if is_csv:
        path.write_bytes(table(cells).replace(b"text,keywords", b"question,answers"))
    else:
        path.write_text(
            json_lines(path, cells).read_text().replace('"keywords"', '"answers"').replace('"text"', '"question"')
        )
    settled = settled_study({"name": "s", "data": {"source": str(path)}}, tmp_path / "run")
    assert settled.spec.task == "generation"
    assert any(said in finding.text for finding in settled.findings)
