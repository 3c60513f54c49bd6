"""What `--json` prints is what docs/for-agents.md says: one object with its version, and nothing else on standard output."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.test_commands import invoke, options, with_lookup  # noqa: F401  (a fixture)
from tunecurve.cli.main import COMMANDS, command_of
from tunecurve.errors import EXIT_CODES
from tunecurve.results.model import Results

PAGE = (Path(__file__).parents[2] / "docs" / "for-agents.md").read_text()
POINTS = "50:86.38,200:90.97,800:94.30"


def table_below(heading):
    lines = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")][2:]


FORMS = {
    row[0].strip("`"): (row[1], row[2], re.findall(r"`([a-z_]+)`", row[3]), "and others" in row[3])
    for row in table_below("The JSON forms")
}


@pytest.fixture
def a_run(rows_file, tmp_path, with_lookup):  # noqa: F811
    assert invoke("run", *options(rows_file, tmp_path / "out"), "--quiet")[0] == 0
    return tmp_path / "out"


def checked(command, arguments):
    """Return what a command prints, after its form was compared with the page."""
    code, out, err = invoke(*command.split(), *arguments, "--json")
    assert code == 0, err
    version, form, fields, others = FORMS[command]
    values = [json.loads(line) for line in out.splitlines()]
    if form.startswith("list"):
        [values] = values
    if form == "object":
        assert len(values) == 1, "one object, and nothing else"
    for value in values:
        assert str(value["schema_version"]) == version
        assert set(fields) <= set(value), f"{command}: the page names fields that are not printed"
        if form == "object" and not others and fields:
            assert set(value) - {"schema_version"} == set(fields), f"{command}: fields that the page does not name"
    return values


def test_forms_of_rows_and_plan(rows_file, tmp_path, with_lookup):  # noqa: F811
    out = tmp_path / "out"
    [validated] = checked("validate", options(rows_file, out))
    assert validated["ok"] is True
    assert validated["data"]["rows_in"] == validated["data"]["rows_kept"] + sum(validated["data"]["dropped"].values())
    [planned] = checked("plan", options(rows_file, out))
    assert (planned["is_paid"], planned["usd_left"], planned["missing"]) == (False, 0.0, None)
    assert {trial["train_size"] for trial in planned["trials"]} == {0, 5, 20, 80}
    assert {trial["state"] for trial in planned["trials"]} == {"waiting"}
    assert planned["seconds_left"] == pytest.approx(sum(trial["seconds"] for trial in planned["trials"]))
    assert planned["data"] == validated["data"]
    assert planned["findings"] == validated["findings"]
    assert not out.exists() or not (out / "results.json").exists()


def test_forms_of_a_run(a_run):
    results = json.loads((a_run / "results.json").read_text())
    [status] = checked("status", [a_run])
    trials = status["trials"]
    assert status["decision"] == results["decision"]
    assert status["money"] is None
    assert status["seconds"]["total"] == pytest.approx(status["seconds"]["training"] + status["seconds"]["answering"])
    assert status["seconds"]["answering"] == pytest.approx(sum(trial["answer_seconds"] for trial in results["trials"]))
    assert {trial["state"] for trial in trials} == {"finished"}
    assert all(results["primary_metric"] in trial for trial in trials)
    [report] = checked("report", [a_run])
    assert report["decision"] == results["decision"]
    assert {name: report[name] for name in ("money", "seconds", "findings")} == {
        name: status[name] for name in ("money", "seconds", "findings")
    }
    assert (report["complete"], report["n_finished"]) == (True, len(results["trials"]))
    assert all(Path(path).is_file() for path in report["files"])
    [test_set] = checked("testset", [a_run])
    assert test_set["n_rows"] == results["data"]["n_test"]
    [compared] = checked("compare", [a_run, a_run])
    assert len(compared["runs"]) == 2
    [history] = checked("forecast --history", [a_run])
    assert [run["run"] for run in history["runs"]] == [str(a_run)]


def test_forms_that_need_no_rows(tmp_path, monkeypatch):
    monkeypatch.setenv("TUNECURVE_LEDGER", str(tmp_path / "ledger.sqlite"))
    [curve] = checked("forecast", ["--points", POINTS])
    assert curve["verdict"]
    checked("atlas", ["--task", "ner"])
    checked("atlas --target", ["70", "--task", "classification"])
    assert checked("jobs list", []) == []


def test_results_json_of_run_has_the_version_of_the_page(rows_file, tmp_path, with_lookup):  # noqa: F811
    code, out, _ = invoke("run", *options(rows_file, tmp_path / "out"), "--quiet", "--json")
    assert code == 0
    assert str(json.loads(out)["schema_version"]) == FORMS["run"][0]


def test_every_command_with_json_is_on_the_page():
    with_json = {name for name in COMMANDS if any("--json" in option.opts for option in command_of(name).params)}
    assert with_json == {name.split()[0] for name in FORMS} - {"jobs"}


def test_the_page_knows_every_exit_code():
    assert {int(row[0]) for row in table_below("What to do about an exit code")} == set(EXIT_CODES)


def test_the_page_reads_fields_of_the_decision_that_are_there():
    told = [
        name
        for row in table_below("What to read: `decision` in results.json")
        for name in re.findall(r"`(\w+)`", row[0])
    ]
    schema = Results.json_schema()["$defs"]["StudyDecision"]
    assert set(told) | {"learner"} == set(schema["properties"])
    actions = next(row[1] for row in table_below("What to read: `decision` in results.json") if row[0] == "`action`")
    assert set(re.findall(r"`([a-z ]+)`:", actions)) == set(schema["properties"]["action"]["enum"])


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_a_finding_that_blocks_is_in_the_json(rows_file, tmp_path, with_lookup, command):  # noqa: F811
    of_groups = [*options(rows_file, tmp_path / "out"), "--split", "group", "--group-column", "kind"]
    code, out, err = invoke(command, *of_groups, "--json")
    assert code == 0, err
    printed = json.loads(out)
    [blocking] = [finding for finding in printed["findings"] if "verdict" in finding["blocks"]]
    assert blocking["code"] == "few-test-groups"
    if command != "run":
        assert blocking["kind"] == "blocked"
    if command == "validate":
        assert printed["ok"] is False
    if command == "run":
        [test_set] = checked("testset", [tmp_path / "out"])
        assert blocking["code"] in [finding["code"] for finding in test_set["findings"]]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["validate", "nowhere.jsonl"], 3),
        (["status", "nowhere"], 8),
        (["report", "nowhere"], 8),
        (["testset", "--points", "50:x"], 2),
        (["plan", "rows.jsonl", "--show-prompts"], 2),
    ],
)
def test_an_error_is_one_line_and_no_json(tmp_path, monkeypatch, arguments, code):
    monkeypatch.chdir(tmp_path)
    met, out, err = invoke(*arguments, "--json")
    assert met == code, err
    assert out == ""
    assert err.startswith("tunecurve: ")
    assert err.count("\n") == 1
