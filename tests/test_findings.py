"""What a study finds odd about itself, said the same everywhere: validate, plan, run, status, results.json and the report."""

import html
import json
import re

import pytest

from tests.cli.test_commands import invoke, options, with_lookup  # noqa: F401  (a fixture)
from tunecurve.findings import Finding, as_shown, blocked, in_order


def test_the_line_holds_text_places_and_remedy_and_shortens_places():
    many = Finding("x", "3 rows went", "look at them", tuple(f"line {number}" for number in range(9)))
    assert many.line == "3 rows went (line 0, line 1, line 2, line 3, ...); look at them"
    assert Finding("x", "3 rows went", places=("line 1",)).line == "3 rows went (line 1)"
    assert Finding("x", "3 rows went").line == "3 rows went"


def test_what_blocks_stands_first_notes_last_and_each_once():
    note, warning = Finding("n", "note", is_note=True), Finding("w", "warning")
    block = Finding("b", "block", blocks=("verdict",))
    assert in_order([note, warning, block, warning]) == [block, warning, note]
    assert [finding.kind for finding in in_order([note, warning, block])] == ["blocked", "warning", "note"]
    assert blocked([note, warning, block], "verdict") == [block]
    assert blocked([note, warning, block], "leaks") == []


def test_what_is_said_of_several_learners_is_one_line_and_what_differs_is_not():
    def of(learner, text="nothing learnt", **values):
        return Finding("x", f"{learner}: {text}", "train", learner=learner, **values)

    def lines(*findings):
        return [finding.line for finding in as_shown(findings)]

    assert lines(of("a"), of("b"), of("c")) == ["a, b, c: nothing learnt; train"]
    assert lines(of("a"), of("b", "else")) == ["a: nothing learnt; train", "b: else; train"]
    assert lines(of("a", blocks=("verdict",)), of("b")) == ["a: nothing learnt; train", "b: nothing learnt; train"]
    assert lines(of("a"), of("b", places=("line 1",))) == [
        "a: nothing learnt; train",
        "b: nothing learnt (line 1); train",
    ]
    unnamed = Finding("x", "nothing learnt", "train")
    assert lines(of("a"), unnamed, of("a")) == ["a: nothing learnt; train", "nothing learnt; train"]


@pytest.mark.parametrize(
    "finding",
    [
        Finding("a", "text"),
        Finding("a", "text", "remedy", ("line 1",), ("verdict", "leaks")),
        Finding("a", "text", is_note=True),
    ],
)
def test_a_finding_comes_back_from_json(finding):
    assert Finding.from_json(json.loads(json.dumps(finding.to_json()))) == finding


@pytest.mark.slow
def test_every_command_and_the_report_show_the_same_findings(rows_file, tmp_path, with_lookup):  # noqa: F811
    out = tmp_path / "out"
    expected = "30 test rows give wide intervals; 100 or more tell sizes apart"
    _, validated, _ = invoke("validate", *options(rows_file, out))
    _, planned, _ = invoke("plan", *options(rows_file, out))
    _, _, said_before_trials = invoke("run", *options(rows_file, out))
    _, status, _ = invoke("status", out)
    for shown in (validated, planned, said_before_trials, status):
        assert f"warning  {expected}" in shown
    for shown in (validated, planned):
        assert "150 rows in, 150 kept" in shown
        assert re.search(r"^split    .*30 test rows in \d+ groups", shown, re.MULTILINE)
    assert said_before_trials.index(expected) < said_before_trials.index("[1/6]")
    results = json.loads((out / "results.json").read_text())
    assert expected in [finding["line"] for finding in results["findings"]]
    report = html.unescape((out / "report.html").read_text())
    # The decision first, then the curve, then what it rests on; what forbids a verdict stands in the decision itself.
    checks = report.index("<h2>Checks</h2>")
    assert report.index("<h2>The curve</h2>") < checks
    assert expected in report[checks:]
