"""An option that sets a key of the study file takes what the key takes, and says of it what the study file's page says."""

import json
from pathlib import Path

import pytest
from click import BadParameter
from pydantic import Field

from tunecurve.cli import testset
from tunecurve.cli.main import run_command
from tunecurve.cli.plan import plan
from tunecurve.cli.run import run
from tunecurve.cli.spec_options import KEYS, OF_ROWS, given_keys, help_of
from tunecurve.cli.validate import validate
from tunecurve.errors import SpecError, UsageError
from tunecurve.spec.docs import study_file_page
from tunecurve.spec.reading import parse_spec
from tunecurve.spec.section import PositiveInt, Section
from tunecurve.spec.study import StudySpec

GIVEN = {
    "data.source": (["--data", "rows.jsonl"], "rows.jsonl"),
    "data.input_column": (["--input-column", "a", "--input-column", "b"], ["a", "b"]),
    "data.target_column": (["--target-column", "out"], "out"),
    "data.shape": (["--shape", "columns"], "columns"),
    "data.group_column": (["--group-column", "who"], "who"),
    "task": (["--task", "ner"], "ner"),
    "models": (["--model", "tagger", "--model", "presidio"], ["tagger", "presidio"]),
    "train_sizes": (["--train-sizes", "50,200"], [50, 200]),
    "shots": (["--shots", "0"], [0]),
    "optimize.calls": (["--optimize", "300"], 300),
    "optimize.proposer": (["--proposer", "coach"], "coach"),
    "seeds": (["--seeds", "3"], 3),
    "time_budget": (["--time-budget", "1h30m"], "1h30m"),
    "split.test_size": (["--test-size", "30"], 30),
    "metrics": (["--metric", "bleu", "--metric", "chrf"], ["bleu", "chrf"]),
    "recipe.name": (["--recipe", "article"], "article"),
    "split.method": (["--split", "random"], "random"),
    "sampling": (["--sampling", "stratified"], "stratified"),
    "data.limit": (["--limit", "7"], 7),
    "data.limit_takes": (["--first-rows"], "first"),
    "data.where": (["--where", "a=1", "--where", "b=2"], ["a=1", "b=2"]),
    "data.test_source": (["--test-data", "test.jsonl"], "test.jsonl"),
    "data.split_column": (["--split-column", "side"], "side"),
    "data.unlabelled": (["--unlabelled", "more.jsonl"], "more.jsonl"),
    "data.encoding": (["--encoding", "cp1250"], "cp1250"),
    "data.sheet": (["--sheet", "rows"], "rows"),
    "data.dev_source": (["--dev-data", "dev.jsonl"], "dev.jsonl"),
    "advice.target": (["--target", "92.5"], 92.5),
    "advice.label_price": (["--label-price", "0.25"], 0.25),
    "advice.value_per_point": (["--value-per-point", "100"], 100.0),
    "hosted.max_cost": (["--max-cost", "2.5"], 2.5),
    "hosted.concurrency": (["-j", "3"], 3),
    "hosted.batch": (["--batch"], True),
    "hosted.checkpoints": (["--checkpoints"], True),
    "track": (["--track", "mlflow"], "mlflow"),
    "show_texts": (["--no-text"], False),
}


def plain(spec):
    """Return every key with its value, sections with a dot."""
    found = {}
    for key, value in spec.model_dump().items():
        found |= {f"{key}.{name}": inner for name, inner in value.items()} if isinstance(value, dict) else {key: value}
    return found


@pytest.mark.parametrize("key", KEYS.values())
def test_an_option_sets_its_key_and_nothing_else(key):
    arguments, expected = GIVEN[key]
    values = given_keys(run.make_context("run", arguments).params)
    before, after = plain(parse_spec({})), plain(parse_spec(values))
    assert after[key] == expected
    changed = {name for name in after if after[name] != before[name]}
    assert changed - {"task", "models"} == {key} - {"task", "models"}, "rows bring their task, a task its models"


@pytest.mark.parametrize(
    ("arguments", "key", "expected"),
    [
        (["--shots", "0", "--shots", "3"], "shots", [0, 3]),
        (["--shots", "0,3", "--shots", "16"], "shots", [0, 3, 16]),
        (["--train-sizes", "50", "--train-sizes", "200,800"], "train_sizes", [50, 200, 800]),
        (["--train-sizes", "800", "--train-sizes", "50"], "train_sizes", [800, 50]),
        (["--train-sizes", ""], "train_sizes", []),
    ],
)
def test_a_list_that_is_given_in_parts_is_the_same_as_in_one(arguments, key, expected):
    assert given_keys(run.make_context("run", arguments).params) == {key: expected}


def test_ways_to_choose_examples_may_be_given_one_by_one():
    in_parts = ["--shots", "0", "--shots", "similar:8", "--shots", "similar-by-label:7"]
    parts, one = (
        given_keys(run.make_context("run", arguments).params)
        for arguments in (in_parts, ["--shots", "0,similar:8,similar-by-label:7"])
    )
    assert parts == one
    assert len(parts["shots"]) == 3


def test_without_options_the_study_file_holds():
    assert given_keys(run.make_context("run", []).params) == {}


@pytest.mark.parametrize("command", [run, plan, validate, testset.testset], ids=lambda command: command.name)
def test_help_says_what_the_study_files_page_says(command):
    page = study_file_page()
    options = {option.name: option for option in command.params if option.name in KEYS}
    assert set(options) >= set(OF_ROWS)
    for name, option in options.items():
        model, key = StudySpec, KEYS[name]
        for section in key.split(".")[:-1]:
            model = model.model_fields[section].annotation
        description = model.model_fields[key.rpartition(".")[2]].description
        assert description.rstrip(".").lower() in option.help.lower()
        assert description.replace("|", "/") in page


class Example(Section):
    size: PositiveInt | None = None
    steps: PositiveInt = 1
    sizes: list[int] = Field([0, 3])
    is_quick: bool = True


@pytest.mark.parametrize(
    ("name", "description", "said"),
    [
        ("size", "rows; default: all", "Rows; default: all."),
        ("steps", "steps of a pass", "Steps of a pass (1)."),
        ("sizes", "built-in sizes", "Built-in sizes (0,3)."),
        ("is_quick", "builtin:pii, quickly", "builtin:pii, quickly."),
    ],
)
def test_help_is_a_sentence_with_the_default(monkeypatch, name, description, said):
    monkeypatch.setattr(Example.model_fields[name], "description", description)
    assert help_of(Example, name) == said


@pytest.mark.parametrize(
    "arguments",
    [["--seeds", "0"], ["--test-size", "many"], ["--max-cost", "-1"], ["--train-sizes", "a,b"], ["--split", "both"], ["--task", "x"]],
)  # fmt: skip
def test_what_the_key_does_not_take_is_refused_before_anything_is_read(arguments):
    with pytest.raises(BadParameter) as refused:
        run.make_context("run", [*arguments])
    assert arguments[0] in refused.value.param.opts


ROWS = [{"text": f"Ask Ada {'x' * n} today", "label": ["tea", "milk"][n % 2]} for n in range(1, 31)]


def refused(capsys, *arguments):
    code = run_command(["validate", *arguments])
    [line] = capsys.readouterr().err.splitlines()
    return code, line


@pytest.fixture
def rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return "rows.jsonl"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--time-budget", "30"], "--time-budget: '30' is not a time; expected "),
        (["--time-budget", "½h"], "--time-budget: '½h' is not a time; "),
        (["--where", "xyz"], "--where: 'xyz' is no condition; expected COLUMN=VALUE, "),
        (["--metric", "blue"], "--metric: unknown metric 'blue'. Did you mean 'bleu'? "),
        (["--metric", "mine:score"], "--metric: metric 'mine:score' is code, "),
        (["--task", "mine:TASK"], "--task: task 'mine:TASK' is code, "),
        (["--shape", "heap"], "--shape: unknown shape 'heap'."),
        (["--encoding", "u8x"], "--encoding: expected the name of an encoding, "),
        (["--train-sizes", "0"], "--train-sizes: expected a whole number of at least 1, got 0"),
        (["--target", "nan"], "--target: expected a finite number, got NaN"),
        (["--test-data", "a", "--split-column", "b"], "--test-data --split-column: expected one way to name the test rows, "),
        (["--shots=", "--train-sizes="], "--train-sizes --shots: nothing to measure: "),
    ],
)  # fmt: skip
def test_a_wrong_value_is_the_options_not_the_datas(capsys, rows, arguments, said):
    code, line = refused(capsys, rows, *arguments)
    assert code == UsageError.exit_code
    assert line.startswith(f"tunecurve: {said}")
    assert rows not in line


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('time_budget: "½h"', "time_budget: '½h' is not a time; "),
        ("data: {where: [xyz]}", "data.where: 'xyz' is no condition; "),
        ("data: {encoding: [½]}", 'data.encoding: expected text, got ["½"]'),
    ],
)
@pytest.mark.parametrize("options", [[], ["--test-size", "10"]])
def test_what_is_wrong_in_the_study_file_is_said_of_the_file(capsys, rows, written, said, options):
    Path("study.yaml").write_text(f"{written}\n")
    code, line = refused(capsys, "study.yaml", *options)
    assert code == SpecError.exit_code
    assert line.startswith(f"tunecurve: study.yaml: {said}")


def test_an_option_that_contradicts_the_study_file_is_the_one_to_change(capsys, rows):
    Path("study.yaml").write_text(f"data: {{source: {rows}, test_source: test.jsonl}}\n")
    code, line = refused(capsys, "study.yaml", "--split-column", "side")
    assert code == UsageError.exit_code
    assert line == "tunecurve: --split-column: expected one way to name the test rows, got test_source and split_column"
