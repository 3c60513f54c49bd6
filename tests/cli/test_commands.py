"""The command line as a user meets it: every error one line, with a documented exit code and no traceback."""

import json
import subprocess
import sys

import pytest
import yaml

from tests.fakes.lookup_learner import LookupLearner
from tunecurve.cli.main import run_command
from tunecurve.cli.predict import _read_texts
from tunecurve.errors import EXIT_CODES


def invoke(*arguments):
    """Run a command in this process; return exit code, standard output and standard error."""
    import contextlib
    import io

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_command([str(argument) for argument in arguments])
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def with_lookup(monkeypatch):
    """Let every model name stand for the instant learner."""
    import tunecurve.study.prepare

    def build(models, options):
        return {"floor": tunecurve.study.prepare.FloorLearner(), **{name: LookupLearner(name) for name in models}}

    monkeypatch.setattr(tunecurve.study.prepare, "build_learners", build)


def options(rows_file, out):
    return [
        "--data",
        rows_file,
        "--model",
        "lookup",
        "--split",
        "random",
        "--train-sizes",
        "5,20,80",
        "--test-size",
        "30",
        "--out",
        out,
    ]


def test_run_status_report_export(rows_file, tmp_path, with_lookup):
    out = tmp_path / "out"
    code, stdout, stderr = invoke("run", *options(rows_file, out))
    assert code == 0
    assert "tuned on 80" in stdout
    assert "Best so far" in stdout
    assert stdout.strip().startswith("what to do  "), "the decision comes first"
    assert "150 rows in, 150 kept; 30 test rows" in stderr
    assert "[1/6]" in stderr
    code, stdout, _ = invoke("run", *options(rows_file, out))
    assert code == 0
    assert "Nothing to do" in stdout
    code, stdout, _ = invoke("status", out)
    assert code == 0
    assert "6 of 6 trials finished" in stdout
    assert invoke("report", out)[0] == 0
    code, stdout, _ = invoke("export", out)
    assert code == 0
    assert (out / "export" / "predictions.csv").read_text().count("\n") >= 6 * 30 + 1
    invoke("export", out, "--format", "json", "--to", tmp_path / "j")
    exported = json.loads((tmp_path / "j" / "predictions.json").read_text())
    assert len(exported) == 6 * 30
    assert [row["test_row"] for row in exported[:30]] == list(range(1, 31))
    source = rows_file.read_text().splitlines()
    for row in exported:
        assert json.dumps(row["input"]) in source[int(row["place"].removeprefix("line ")) - 1]
    copied = [row for row in exported if row["strategy"] == "floor"]
    assert all(row["values_leaked"] > 0 for row in copied if row["input"] != row["target"])
    assert all(row["values_leaked"] == 0 for row in exported if row["prediction"] == row["target"])


def test_json_and_quiet(rows_file, tmp_path, with_lookup):
    code, stdout, stderr = invoke("run", *options(rows_file, tmp_path / "out"), "--quiet", "--json")
    assert (code, stderr) == (0, "")
    assert json.loads(stdout)["complete"] is True


def test_resolved_study_file_runs_to_the_same_signature(rows_file, tmp_path, with_lookup):
    out = tmp_path / "out"
    invoke("run", *options(rows_file, out))
    code, stdout, _ = invoke("run", out / "study.yaml", "--out", out)
    assert code == 0
    assert "Nothing to do" in stdout


def test_options_lie_over_the_file(rows_file, tmp_path, with_lookup):
    path = tmp_path / "study.yaml"
    path.write_text(
        yaml.safe_dump(
            {"data": {"source": str(rows_file)}, "train_sizes": [5], "split": {"test_size": 20, "method": "random"}}
        )
    )
    code, stdout, _ = invoke("run", path, "--train-sizes", "7", "--shots", "0", "--out", tmp_path / "o", "--json")
    results = json.loads(stdout)
    assert code == 0
    assert results["spec"]["train_sizes"] == [7]
    assert results["spec"]["split"]["test_size"] == 20


def test_init_validate_plan(rows_file, tmp_path, with_lookup):
    path = tmp_path / "study.yaml"
    assert invoke("init", path)[0] == 0
    assert invoke("init", path)[0] == 2
    path.write_text(path.read_text().replace("builtin:pii", str(rows_file)))
    code, stdout, _ = invoke("validate", path, "--split", "random", "--test-size", "30", "--train-sizes", "50")
    assert code == 0
    assert "150 rows in, 150 kept" in stdout
    assert "template twin" in stdout, "a random split of template rows is warned of"
    code, stdout, _ = invoke("plan", *options(rows_file, tmp_path / "o"), "--show-prompts")
    assert code == 0
    assert "fine-tune-n80-seed0" in stdout
    assert "[system] Mask the personal data" in stdout
    assert not (tmp_path / "o").exists()


BAD = {
    "no such column": (["--input-column", "source_txt"], 3, "Did you mean 'source_text'"),
    "no such file": (["--data", "none.jsonl"], 3, "does not exist"),
    "sizes not numbers": (["--train-sizes", "a,b"], 2, "not a list of whole numbers"),
    "too large": (["--train-sizes", "9999"], 3, "lower --test-size or --train-sizes"),
    "test set too large": (["--test-size", "9999"], 3, "lower --test-size"),
    "unknown metric": (["--metric", "blue"], 2, "Did you mean 'bleu'"),
    "unknown option": (["--trainsizes", "5"], 2, "No such option"),
    "target is the input": (["--target-column", "source_text"], 3, "is the target and a part of the input"),
    "no rows": (["--limit", "2"], 3, "2 usable rows"),
    "out is a file": (["--out", __file__], 7, "name another one, or move the file away"),
}


def test_prices_of_a_folder_are_kept_and_told_until_they_are_named_anew(rows_file, tmp_path, with_lookup):
    out = tmp_path / "out"

    def advice_after(*more):
        code, _, err = invoke("run", *options(rows_file, out), *more)
        assert code == 0, err
        return yaml.safe_load((out / "study.yaml").read_text())["advice"], err

    advice, err = advice_after("--label-price", "0.5", "--value-per-point", "20", "--target", "90")
    assert (advice["label_price"], advice["value_per_point"], advice["target"]) == (0.5, 20.0, 90.0)
    assert "kept from the last run" not in err
    kept, err = advice_after("--label-price", "0.7")
    assert kept == {**advice, "label_price": 0.7}
    assert "kept from the last run in this folder: target 90.0, value_per_point 20.0" in err
    path = tmp_path / "study.yaml"
    path.write_text(
        yaml.safe_dump({**yaml.safe_load((out / "study.yaml").read_text()), "advice": {"label_price": None}})
    )
    code, _, err = invoke("run", path, "--out", out)
    assert code == 0, err
    left = yaml.safe_load((out / "study.yaml").read_text())["advice"]
    assert (left["label_price"], left["value_per_point"]) == (None, 20.0)
    code, _, err = invoke("run", *options(rows_file, out), "--label-price", "-1")
    assert code == 2
    assert "--label-price" in err


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_a_documented_code(rows_file, tmp_path, with_lookup, case):
    extra, expected_code, part = BAD[case]
    code, _, stderr = invoke("run", *options(rows_file, tmp_path / "out"), *extra)
    assert code == expected_code
    assert code in EXIT_CODES
    assert part in stderr
    assert "Traceback" not in stderr
    if code != 2:
        assert len([line for line in stderr.splitlines() if line.startswith("tunecurve:")]) == 1


@pytest.mark.parametrize(
    ("command", "code"), [(["status"], 8), (["report"], 8), (["export"], 8), (["predict", "--text", "x"], 8)]
)
def test_commands_on_a_folder_without_results(tmp_path, command, code):
    got, _, stderr = invoke(command[0], tmp_path, *command[1:])
    assert got == code
    assert "no results.json" in stderr


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (b"\xef\xbb\xbfone\r\ntwo\r\n", ["one", "two"]),
        (b"one\rtwo\r", ["one", "two"]),  # was one text
        (b"one\n\ntwo", ["one", "", "two"]),
        ("a\rb\u2028c\nd".encode(), ["a\rb\u2028c", "d"]),
    ],
)
def test_predict_reads_one_text_a_line_however_lines_end(tmp_path, content, texts):
    (tmp_path / "texts.txt").write_bytes(content)
    assert _read_texts((), tmp_path / "texts.txt") == texts


def test_a_text_behind_the_folder_of_predict_is_told_where_it_goes(tmp_path):
    code, _, stderr = invoke("predict", tmp_path, "where is my card?")
    assert code == 2
    assert "'where is my card?' stands behind the run's folder; give texts as --text" in stderr


def test_failed_trials_end_in_code_6_with_a_summary(rows_file, tmp_path, monkeypatch):
    from tunecurve.study import prepare

    monkeypatch.setattr(
        prepare, "build_learners",
        lambda models, options: {"floor": prepare.FloorLearner(), models[0]: LookupLearner(models[0], fail_on_size=20)},
    )  # fmt: skip
    code, stdout, stderr = invoke("run", *options(rows_file, tmp_path / "out"), "--seeds", "2")
    assert code == 6
    assert "2 trial(s) failed" in stderr
    # Each reason once, as its trial fails; the last line names the trials and where to look.
    assert stderr.count("RuntimeError: the lookup table caught fire") == 2
    assert "fine-tune-n20-seed0, " in stderr.splitlines()[-1]
    assert "why they failed stands above" in stderr.splitlines()[-1]
    assert "tuned on 80" in stdout


def test_without_the_extra_the_missing_package_and_the_command_are_named(rows_file, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    given = ["tagger" if one == "lookup" else one for one in options(rows_file, tmp_path / "out")]
    assert "tagger" in given
    code, _, stderr = invoke("run", *given)
    assert code == 7
    assert "pip install '.[local]'" in stderr


def test_control_characters_in_messages_are_shown_not_obeyed(tmp_path):
    code, _, stderr = invoke("run", "--data", "\x1b[31mx.jsonl", "--out", tmp_path / "o")
    assert code == 3
    assert "\x1b" not in stderr
    assert "\\x1b[31mx.jsonl" in stderr


def run_without(heavy, *arguments):
    """Run a command in a process of its own that fails where it has imported one of the packages."""
    script = (
        f"import sys; from tunecurve.cli.main import run_command; run_command({arguments!r}); "
        f"heavy = {heavy!r} & set(sys.modules); sys.exit(f'imported {{heavy}}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


HEAVY = {"torch", "transformers", "numpy", "matplotlib", "datasets", "scipy", "sacrebleu", "sqlglot", "pyarrow"}


@pytest.mark.parametrize("command", ["run", "validate", "plan", "testset", "convert"])
def test_help_of_commands_that_take_a_study_needs_no_numbers(command):
    assert "--task" in run_without(HEAVY, command, "--help").stdout


def test_help_is_light():
    done = run_without({*HEAVY, "pydantic", "yaml"}, "--help")
    for name in ("run", "init", "validate", "plan", "status", "report", "predict", "export", "forecast"):
        assert f"\n  {name} " in done.stdout
    for code in EXIT_CODES:
        assert f"{code}  " in done.stdout


@pytest.mark.parametrize(
    "changed",
    [["--task", "generation"], ["--metric", "exact_match"], ["--split", "group"], ["--input-column", "target_text"]],
)
def test_validate_refuses_settings_that_the_study_in_the_folder_does_not_have(
    rows_file, tmp_path, with_lookup, changed
):
    asked = options(rows_file, tmp_path / "out")
    assert invoke("run", *asked)[0] == 0
    assert invoke("validate", *asked)[0] == 0
    for command in ("validate", "plan", "run"):
        code, _, stderr = invoke(command, *asked, *changed)
        assert code == 8, command
        assert "other settings" in stderr


WRONG_MODELS = [
    ("tagger:no-such-encoder", "unknown encoder 'no-such-encoder'"),
    ("no-such-model", "unknown model 'no-such-model'"),
    ("nowhere.gguf", "model file 'nowhere.gguf' does not exist"),
    ("tfidf", "'tfidf' is for multilabel and classification tasks"),
    ("openai/", "'openai/' is no name of a provider's model"),
    ("constrained:google/gemini-3.5-flash", "does not let its answers be constrained"),
    ("my_module:Learner", "add --allow-code"),
]


@pytest.mark.parametrize(("model", "said"), WRONG_MODELS)
def test_a_wrong_model_is_named_with_the_key_or_the_option_that_says_it(tmp_path, rows_file, capsys, model, said):
    study = tmp_path / "study.yaml"
    study.write_text(f"data: {{source: {rows_file}}}\ntask: masking\nmodels: ['{model}']\n")
    assert run_command(["plan", str(study)]) == 4
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"tunecurve: {study}: models: ")
    assert said in line
    assert run_command(["plan", str(rows_file), "--task", "masking", "--model", model]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("tunecurve: --model: ")
    assert said in line


def test_a_proposer_and_a_metric_of_a_study_file_are_named_with_their_keys(tmp_path, rows_file, capsys):
    study = tmp_path / "study.yaml"
    head = f"data: {{source: {rows_file}}}\ntask: masking\nmodels: [tagger]\n"
    study.write_text(head + "optimize: {calls: 30, proposer: nobody}\n")
    assert run_command(["plan", str(study)]) == 4
    assert f"{study}: optimize.proposer: unknown model 'nobody'" in capsys.readouterr().err
    study.write_text(head + "metrics: ['my_module:metric']\n")
    assert run_command(["plan", str(study)]) == 4
    assert f"{study}: metrics: metric 'my_module:metric' is code" in capsys.readouterr().err


def test_a_device_that_is_not_there_is_no_mistake_of_the_models(tmp_path, rows_file, capsys):
    study = tmp_path / "study.yaml"
    study.write_text(f"data: {{source: {rows_file}}}\ntask: masking\nmodels: [tagger]\n")
    assert run_command(["plan", str(study), "--device", "mps"]) == 2
    assert capsys.readouterr().err.startswith("tunecurve: --device mps: ")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["plan", "--seeds", "x"], "--seeds: 'x' is not a whole number; see: tunecurve plan --help"),
        (["forecast", "--at", "x"], "--at: 'x' is not a number; see: tunecurve forecast --help"),
        (["forecast", "--direction", "up"], "--direction: 'up' is not one of 'max', 'min'; see: tunecurve forecast --help"),
        (["plan", "study.yaml", "more"], "Got unexpected extra argument (more); see: tunecurve plan --help"),
        (["export"], "Missing argument 'FOLDER'; see: tunecurve export --help"),
        (["jobs", "nothing"], "No such command 'nothing'; see: tunecurve jobs --help"),
        (["nothing"], "No such command 'nothing'; see: tunecurve --help"),
    ],
)  # fmt: skip
def test_what_click_refuses_is_one_line_too(arguments, line):
    assert invoke(*arguments) == (2, "", f"tunecurve: {line}\n")


def test_no_command_shows_the_help():
    _, out, err = invoke()
    assert "Commands:" in out + err
