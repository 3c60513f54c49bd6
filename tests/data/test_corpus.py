"""Small files in the formats that people have, with what the formats' documents say stands in them.

`corpus/expected.json` was written before the program was run on the files: rows as pairs of input and target, or words that the
error must hold. Where the program reads a file otherwise today, `wrong_today` says how, and the test fails if that changes.
"""

import json
from pathlib import Path

import pytest

from tunecurve.cli.main import run_command

CORPUS = Path(__file__).parent / "corpus"


def cases():
    found = []
    for case in json.loads((CORPUS / "expected.json").read_text()):
        wrong = case.get("wrong_today")
        marks = [pytest.mark.xfail(strict=True, reason=wrong, raises=AssertionError)] if wrong else []
        found.append(pytest.param(case, id=f"{case['file']} {' '.join(arguments(case['options']))}", marks=marks))
    return found


def arguments(options):
    for name, values in options.items():
        for value in values if isinstance(values, list) else [values]:
            yield from (f"--{name.replace('_', '-')}", value)


@pytest.mark.parametrize("case", cases())
def test_a_file_of_the_corpus_is_read_as_its_format_says(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(CORPUS)
    out = tmp_path / "rows.jsonl"
    code = run_command(["convert", case["file"], *arguments(case["options"]), "--to", "rows", "-o", str(out)])
    shown = capsys.readouterr()
    assert "Traceback" not in shown.out + shown.err
    if "error" in case:
        assert code != 0, out.read_text()
        assert not out.exists()
        (line,) = [line for line in shown.err.splitlines() if line.startswith("tunecurve: ")]
        said = line.replace(case["file"], "").casefold()  # a word of the file's own name says nothing
        assert [word for word in case["error"] if word.casefold() not in said] == [], line
    else:
        assert code == 0, shown.err
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        assert [[row["input"], row["target"]] for row in rows] == case["rows"], shown.out
