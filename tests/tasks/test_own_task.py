"""A task of one's own, from a study file or as an object, goes through run, resume, report and predict like any other."""

import json
import sys

import pytest

from tests.cli.test_commands import invoke
from tests.fakes.lookup_learner import LookupLearner
from tunecurve import own_code
from tunecurve.errors import SpecError
from tunecurve.predictor import load_predictor
from tunecurve.run import run_study
from tunecurve.spec.reading import parse_spec
from tunecurve.tasks import lookup
from tunecurve.tasks.base import Task
from tunecurve.tasks.floors import Floor
from tunecurve.tasks.lookup import suggest_task, task_of, use_task

# Triage: one of a few desks, written in any case.
MODULE = """
from tunecurve.tasks.classification import Classification
from tunecurve.tasks.floors import MostFrequent


class Triage(Classification):
    name = "triage"
    description = "the desk that a message goes to"
    instruction = "Which desk takes this message? Answer with one of: {labels}."
    metrics = ("macro_f1", "accuracy", "class_recall")
    second_metric = "accuracy"
    models = ("tfidf",)
    floor = MostFrequent("busiest desk")

    def labels_of(self, target, source=""):
        return [target.strip().lower()]


TASK = Triage()
not_a_task = 3
"""
WORDS = {"billing": "invoice paid twice", "repair": "screen is broken", "sales": "price of ten licences"}


def results_of(tmp_path):
    return json.loads((tmp_path / "out" / "results.json").read_text())


@pytest.fixture(autouse=True)
def _nothing_is_allowed(monkeypatch, tmp_path):
    """Give every test a process that has loaded no code, and a current folder with the module."""
    monkeypatch.setattr(own_code, "_settings", {"is_allowed": False})
    monkeypatch.setattr(lookup, "_own", {})
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "my_tasks", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_tasks.py").write_text(MODULE)
    (tmp_path / "failing.py").write_text("raise RuntimeError('no luck\\ntoday')\n")


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "messages.jsonl"
    pairs = [(f"{n}: {text}, case {n * n}", desk) for n in range(40) for desk, text in WORDS.items()]
    path.write_text("".join(json.dumps({"source_text": s, "target_text": t}) + "\n" for s, t in pairs))
    return path


def arguments(rows, *more):
    return ["--data", rows, "--task", "my_tasks:TASK", "--split", "random", "--test-size", "30", "--out", "out", *more]


@pytest.mark.slow
def test_it_runs_resumes_reports_and_predicts(rows, tmp_path):
    run = ["run", *arguments(rows, "--train-sizes", "6,30"), "--allow-code"]
    code, stdout, stderr = invoke(*run)
    assert code == 0, stderr
    results = results_of(tmp_path)
    assert results["spec"]["task"] == "my_tasks:TASK"
    assert [metric["name"] for metric in results["metrics"]] == ["macro_f1", "accuracy", "class_recall"]
    assert (results["primary_metric"], results["second_metric"]) == ("macro_f1", "accuracy")
    assert results["floor"] == {"rule": "majority", "title": "busiest desk"}
    assert results["prompt"]["system"] == "Which desk takes this message? Answer with one of: billing, repair, sales."
    assert sorted(results["labels"]) == ["billing", "repair", "sales"]
    assert "tuned on 30" in stdout

    code, stdout, stderr = invoke("run", *arguments(rows, "--train-sizes", "6,12,30"), "--allow-code")
    assert code == 0, stderr
    sizes = [trial["train_size"] for trial in results_of(tmp_path)["trials"]]
    assert sorted(sizes) == [0, 6, 12, 30]

    assert invoke("report", "out")[0] == 0, "the report needs no code"
    assert "busiest desk" in (tmp_path / "out" / "report.html").read_text()
    code, stdout, _ = invoke("predict", "out", "--text", "my screen is broken", "--allow-code")
    assert (code, stdout.strip()) == (0, "repair")


@pytest.mark.parametrize(
    "command",
    [["run", "study.yaml"], ["plan", "study.yaml"], ["validate", "study.yaml"], ["testset", "study.yaml"]],
)
def test_a_study_file_runs_no_code_by_itself(rows, tmp_path, command):
    (tmp_path / "study.yaml").write_text(f"task: my_tasks:TASK\ndata: {{source: {rows}}}\n")
    code, _, stderr = invoke(*command)
    assert code == 4
    assert len(stderr.splitlines()) == 1
    assert "task 'my_tasks:TASK' is code" in stderr
    assert "--allow-code" in stderr
    assert "my_tasks" not in sys.modules


@pytest.mark.slow
def test_a_run_folder_runs_no_code_by_itself(rows, tmp_path):
    assert invoke("run", *arguments(rows, "--train-sizes", "6"), "--allow-code")[0] == 0
    lookup._own.clear()
    own_code._settings["is_allowed"] = False
    code, _, stderr = invoke("predict", "out", "--text", "x")
    assert code == 4
    assert "add --allow-code" in stderr
    assert load_predictor(tmp_path / "out", allow_code=True)("my invoice, paid twice") == "billing"


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("my_tasks:TASKS", "my_tasks.py has no 'TASKS'"),
        ("my_tasks:not_a_task", "is a int; expected an object or a subclass of tunecurve.tasks.base.Task"),
        ("my_task:TASK", "cannot import my_task (ModuleNotFoundError: No module named 'my_task')"),
        ("failing:TASK", "cannot import failing (RuntimeError: no luck today)"),
        ("triage", "unknown task 'triage'"),
        ("maskin", "Did you mean 'masking'?"),
        ("my_tasks:", "unknown task 'my_tasks:'"),
        ("os.path;x:y", "unknown task"),
    ],
)
def test_what_is_no_task_is_said_in_a_line(reference, said):
    own_code.allow_code()
    with pytest.raises(SpecError) as caught:
        parse_spec({"task": reference})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


class Shout(Task):
    """The input in capitals."""

    name = "shout"
    instruction = "Write the text in capitals."
    metrics = ("exact_match", "chrf")
    second_metric = "chrf"

    class Floor(Floor):
        rule, title = "first word", "the first word in capitals"

        def answer(self, source, learnt):
            return source.split()[0].upper()

    floor = Floor()

    def recognise(self, pairs):
        return "all is in capitals" if all(target == source.upper() for source, target in pairs) else ""


@pytest.mark.slow
def test_an_object_can_be_given_in_python(tmp_path):
    rows = tmp_path / "rows.jsonl"
    pairs = [(f"text {n} of {'cats and dogs' if n % 2 else 'birds'}",) * 2 for n in range(60)]
    rows.write_text("".join(json.dumps({"source_text": s, "target_text": t.upper()}) + "\n" for s, t in pairs))
    study = {
        "task": Shout(),
        "data": {"source": str(rows)},
        "split": {"method": "random", "test_size": 20},
        "train_sizes": [10],
        "models": ["upper"],
        "shots": [],
    }
    run_study(study, out=tmp_path / "out", learners={"upper": LookupLearner("upper")})
    assert results_of(tmp_path)["spec"]["task"] == f"{__name__}:Shout"
    assert [metric["name"] for metric in results_of(tmp_path)["metrics"]] == ["exact_match", "chrf"]
    assert results_of(tmp_path)["floor"]["title"] == "the first word in capitals"
    assert "other-task" not in {finding["code"] for finding in results_of(tmp_path)["findings"]}
    again = run_study(study, out=tmp_path / "out", learners={"upper": LookupLearner("upper")})
    assert again.outcome.n_run == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metrics": ("exact_match",)}, "metrics is ('exact_match',); expected two metrics or more"),
        ({"metrics": ("exact_match", "chrff")}, "unknown metric 'chrff'. Did you mean 'chrf'?"),
        ({"second_metric": "bleu"}, "second_metric is 'bleu'; expected one of chrf"),
        ({"recall_metric": "label_recall"}, "recall_metric is 'label_recall'; expected '' or one of exact_match, chrf"),
        ({"models": ()}, "models is (); expected one model or more"),
    ],
)
def test_a_task_that_is_not_whole_is_refused_with_what_is_missing(changes, said):
    task = type("Broken", (Shout,), changes)()
    with pytest.raises(SpecError) as caught:
        use_task(task)
    assert said in str(caught.value)


def test_a_task_of_ones_own_is_never_suggested_and_takes_no_name_of_ours():
    reference = use_task(Shout())
    assert task_of(reference).name == "shout"
    assert suggest_task([("a b", "A B")] * 9)[0] != "shout"
    assert use_task(task_of("ner")) == "ner"
