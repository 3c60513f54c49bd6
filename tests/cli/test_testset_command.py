"""`tunecurve testset`: what test rows can show, from a run, from rows alone, and from bare points."""

import json

import pytest

from tests.conftest import simple_rows
from tests.fakes.lookup_learner import LookupLearner
from tunecurve.cli.main import run_command
from tunecurve.run import run_study


@pytest.fixture(scope="module")
def a_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("testset")
    rows = folder / "rows.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in simple_rows(200)))
    study = {"name": "tiny", "split": {"test_size": 60, "method": "random"}, "models": ["lookup"], "shots": [0]}
    values = {**study, "train_sizes": [10, 40, 120], "bootstrap": {"draws": 200}, "data": {"source": str(rows)}}
    run_study(values, out=folder / "out", learners={"lookup": LookupLearner()})
    return folder / "out", rows


def said(capsys, *arguments):
    code = run_command(["testset", *map(str, arguments)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_a_run_speaks_from_its_answers(a_run, capsys):
    code, out, _ = said(capsys, a_run[0])
    assert code == 0
    assert "With these 60 test rows, " in out
    assert "BLEU between two sizes is told in 4 of 5 cases" in out
    assert "Measured: the answers of lookup tuned on 40 and on 120 rows, one run a size" in out
    assert "documents with personal data leaks, at most" in out


def test_another_difference_takes_another_number_of_rows(a_run, capsys):
    needed = []
    for difference in ("0.5", "1", "4"):
        code, out, _ = said(capsys, a_run[0], "--difference", difference, "--json")
        assert code == 0
        entry = json.loads(out)["differences"][0]
        assert entry["basis"] == "answers"
        assert entry["wanted"] == float(difference)
        needed += entry["rows_needed"]
    assert needed == sorted(needed, reverse=True)
    assert needed[0] > needed[-1]


def test_a_tighter_leak_bound_takes_more_rows(a_run, capsys):
    rows = [
        json.loads(said(capsys, a_run[0], "--leak-bound", bound, "--json")[1])["leaks"]["rows_needed"]
        for bound in ("0.5", "1", "5")
    ]
    assert rows[0] > rows[1] > rows[2]
    assert 298 <= rows[1] <= 310  # 299 independent documents, by the textbook


def test_rows_alone_are_marked_as_borrowed(a_run, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, out, _ = said(capsys, "--data", a_run[1], "--test-size", "60", "--split", "random")
    assert code == 0
    assert "Not measured yet: borrowed from other studies" in out
    assert "will be told in 4 of 5 cases" in out
    assert "Measured" not in out


def test_status_plan_and_report_say_the_same_as_the_command(a_run, capsys):
    _, out, _ = said(capsys, a_run[0])
    sentence = out.splitlines()[0]
    assert run_command(["status", str(a_run[0])]) == 0
    assert sentence in capsys.readouterr().out
    assert sentence in (a_run[0] / "report.html").read_text()


def test_points_are_guessed_and_say_so(capsys):
    code, out, _ = said(capsys, "--points", "50:86.4,200:91.0,800:94.3", "--test-rows", "500")
    assert code == 0
    assert "500 test rows" in out
    assert "Guessed from the scores alone" in out


def test_a_curves_file_has_a_line_a_curve_and_its_own_test_rows(tmp_path, capsys):
    path = tmp_path / "curves.csv"
    path.write_text("curve_id,n,score,n_test\na,50,0.5,100\na,100,0.6,100\nb,50,0.7,2000\nb,100,0.8,2000\n")
    code, out, _ = said(capsys, "--points", path)
    first, second, *notes = out.splitlines()
    assert code == 0
    assert [note.split(",")[0] for note in notes] == [
        "Note: All scores lie within 0 to 1 and are read as fractions of 1"
    ]
    assert first.startswith("a: With these 100 test rows")
    assert second.startswith("b: With these 2,000 test rows")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "expected one of"),
        (("--points", "50:86.4,200:91.0"), 2, "--test-rows"),
        (("--points", "50:86.4,200:91.0", "--test-rows", "50", "--groups", "60"), 2, "at most as many groups as rows"),
        (("--points", "50:86.4,200:91.0", "--test-rows", "50", "--leak-bound", "1"), 2, "--leak-bound"),
        (("--points", "50:86.4,200:91.0", "--test-rows", "50", "--range", "0,"), 2, "loss"),
        (("--points", "50:0.8,200:0.9", "--test-rows", "50", "--difference", "2"), 2, "same unit"),
        (("--data", "builtin:pii", "--limit", "600", "--difference", "500"), 2, "same unit"),
        (("--points", "nowhere.csv"), 3, "nowhere.csv"),
        (("--points", "50:86.4,200:91.0", "--data", "rows.jsonl"), 2, "expected one of"),
        (("--data", "nowhere.jsonl"), 3, "nowhere.jsonl"),
        (("--test-rows", "50", "--data", "rows.jsonl"), 2, "needs --points"),
        (("--difference", "0", "--data", "rows.jsonl"), 2, "--difference"),
        (("--points", "50:86.4,200:91.0", "--test-rows", "50", "--difference", "nan"), 2, "nan is no finite number"),
        (("--points", "50:86.4,200:91.0", "--test-rows", "50", "--range", "100,0"), 2, "expected LOW < HIGH"),
        (("--points", "50:86.4,200:91.0", "--test-rows", "50", "--range", "0,inf"), 2, "expected finite numbers"),
        (("--leak-bound", "nan", "--data", "rows.jsonl"), 2, "nan is no finite number"),
        (("nowhere",), 4, "nowhere"),
    ],
)
def test_what_cannot_be_answered_is_one_line_and_a_documented_code(
    arguments, code, words, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    got, out, err = said(capsys, *arguments)
    assert (got, out) == (code, "")
    assert words in err
    assert "Traceback" not in err


def test_a_frozen_run_takes_no_options_about_its_rows(a_run, capsys):
    code, _, err = said(capsys, a_run[0], "--test-size", "10")
    assert code == 2
    assert "frozen" in err
    assert len(err.strip().splitlines()) == 1


def test_results_of_an_earlier_version_say_what_to_do(a_run, capsys, tmp_path):
    from tunecurve.storage.files import read_checked_json, write_checked_json

    results = read_checked_json(a_run[0] / "results.json")
    del results["test_set"]
    write_checked_json(tmp_path / "results.json", results)
    code, _, err = said(capsys, tmp_path)
    assert code == 8
    assert "tunecurve run" in err
    assert run_command(["status", str(tmp_path)]) == 8, "no command reads half of it"
    assert "test_set: field required" in capsys.readouterr().err


def test_a_blind_metric_promises_no_difference(a_run, capsys, tmp_path):
    from tunecurve.findings import Finding
    from tunecurve.storage.files import read_checked_json, write_checked_json

    results = read_checked_json(a_run[0] / "results.json")
    results["findings"] = [
        Finding("blind-metric", "BLEU does not see it", "go by another", blocks=("verdict", "leaks")).to_json()
    ]
    write_checked_json(tmp_path / "results.json", results)
    code, out, _ = said(capsys, tmp_path)
    assert (code, out) == (0, "Which differences these test rows can tell is not said: BLEU does not see it.\n")


def test_a_file_without_tuned_runs_is_refused(tmp_path, capsys):
    path = tmp_path / "curves.csv"
    path.write_text("curve_id,n,score,kind\na,0,0.5,zeroshot\n")
    code, out, err = said(capsys, "--points", path, "--test-rows", "100")
    assert (code, out) == (3, "")
    assert "no fine-tuned run" in err


def test_more_rows_than_anyone_has_are_not_blamed_on_seeds(capsys):
    _, out, _ = said(capsys, "--points", "50:80,100:82", "--test-rows", "100", "--difference", "0.001")
    assert "not even 10,000,000 rows tell 0.001 points" in out
    assert "seeds" not in out


def test_a_single_test_row_tells_nothing(tmp_path, capsys):
    path = tmp_path / "curves.csv"
    path.write_text("n,score,n_test\n50,80,1\n100,85,1\n")
    code, out, _ = said(capsys, "--points", path)
    assert code == 0
    assert out.startswith("With this single test row, no difference")


def _rows_file(folder, rows):
    path = folder / "few.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(("n_rows", "test_size"), [(40, 30), (60, 45), (12, 8)])
def test_nobody_asked_testset_for_training_rows(tmp_path, capsys, n_rows, test_size):
    path = _rows_file(tmp_path, simple_rows(n_rows))
    code, out, err = said(capsys, "--data", path, "--test-size", test_size, "--split", "random")
    assert code == 0, err
    assert f"With these {test_size} test rows" in out


@pytest.mark.parametrize("test_size", [40, 41, 200])
def test_too_few_rows_name_the_option_that_testset_has(tmp_path, capsys, test_size):
    path = _rows_file(tmp_path, simple_rows(40))
    code, _, err = said(capsys, "--data", path, "--test-size", test_size, "--split", "random")
    assert code == 3
    assert "lower --test-size" in err
    assert "--train-sizes" not in err


@pytest.mark.parametrize("test_size", [10, 30, 50])
def test_rows_of_one_group_bound_no_leak_rate(tmp_path, capsys, test_size):
    """Intervals rest on whole groups where a split keeps them together, and on rows where it ignores them."""
    rows = [{"source_text": f"Tell Ann at {n}", "target_text": f"Tell [NAME] at {n}"} for n in range(120)]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:test_size]))
    learnt = _rows_file(tmp_path, simple_rows(120))
    code, out, _ = said(capsys, "--data", learnt, "--test-data", tmp_path / "test.jsonl")
    assert code == 0
    assert "1 group only" in out
    assert "leaks, at most" not in out
    code, out, _ = said(capsys, "--data", _rows_file(tmp_path, rows), "--test-size", test_size, "--split", "random")
    assert code == 0
    assert "group" not in out
    assert f"none of the {test_size} documents with personal data leaks, at most" in out


@pytest.mark.parametrize("test_size", [3, 5, 8])
def test_a_range_of_differences_goes_up(tmp_path, capsys, test_size):
    path = _rows_file(tmp_path, simple_rows(120))
    _, out, _ = said(capsys, "--data", path, "--test-size", test_size, "--split", "random", "--json")
    for entry in json.loads(out)["differences"]:
        known = [value for value in entry["smallest"] if value is not None]
        assert known == sorted(known)


def test_errors_counted_on_the_test_rows_are_a_rate_and_a_loss_is_refused(tmp_path, capsys):
    path = tmp_path / "curves.csv"
    path.write_text("n,score,direction,n_test\n50,31.5,min,200\n100,27,min,200\n200,24.5,min,200\n")
    code, out, _ = said(capsys, "--points", path)
    assert code == 0
    assert "counts of the 200 test rows: read as a rate of errors from 0 to 100" in out
    code, _, err = said(capsys, "--points", path, "--test-rows", "20000")
    assert code == 2
    assert "a score without a largest value, as a loss" in err


def test_a_curves_file_says_how_it_was_read_and_where_a_score_is_impossible(tmp_path, capsys):
    path = tmp_path / "curves.csv"
    path.write_text("curve,n,score,n_test\na,50,60,300\nb,50,70,300\n")
    code, out, _ = said(capsys, "--points", path)
    assert code == 0
    assert "Note: Column 'curve' (2 values, such as 'a' and 'b') is not read" in out
    path.write_text("n,score,n_test\n50,60,300\n100,170,300\n")
    code, _, err = said(capsys, "--points", path)
    assert code == 3
    assert "curves.csv line 3: score 170 is outside the metric's range 0 to 100" in err


SOUND = ["a,50,50,100", "a,100,60,100", "c,50,50,300", "c,100,60,300"]


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        (["b,50,xx,100", "b,100,60,100"], (), "line 6: score 'xx' is not a number"),
        (["b,50,50,", "b,100,60,"], (), "how many test rows there are is not known"),
        (
            ["b,50,170,100", "b,100,60,100"],
            (),
            "line 6: score 170 is outside the metric's range 0 to 100; mend it, or, with this curve",
        ),
        (["b,50,0.5,100", "b,100,0.6,100"], ("--difference", "5"), "in the same unit as the scores"),
        (["b,50,5,20", "b,100,6,20"], ("--groups", "30"), "--groups 30 with 20 test rows"),
        (["b,100,6,20", "b,x,6,20", "b,y,7,20"], (), "(1 more of its lines cannot be read.)"),
    ],
)
def test_one_curve_that_cannot_be_used_is_named_and_the_others_are_answered(tmp_path, capsys, rows, options, words):
    path = tmp_path / "curves.csv"
    header = "curve_id,n,score,n_test"
    path.write_text("\n".join([header, *SOUND]))
    sound = said(capsys, "--points", path, *options)
    path.write_text("\n".join([header, *SOUND, *rows]))
    code, out, err = said(capsys, "--points", path, *options)
    assert (code, out) == (6, sound[1])
    named, last = err.splitlines()
    assert named.startswith("tunecurve: curve 'b': ")
    assert words in named
    assert "1 of 3 curves are not answered" in last
    code, out, _ = said(capsys, "--points", path, *options, "--json")
    found = json.loads(out)
    assert code == 6
    assert [entry["learner"] for entry in found["differences"]] == ["a", "c"]
    assert [(one["curve_id"], f"tunecurve: {one['error']}") for one in found["refused"]] == [("b", named)]
    assert (found["n_rows"], found["n_groups"]) == (None, None), "no one number is that of both"


def test_an_option_that_fits_few_curves_or_a_file_of_no_use_is_refused_whole(tmp_path, capsys):
    path = tmp_path / "curves.csv"
    path.write_text("\n".join(["curve_id,n,score,n_test", *SOUND, "b,50,0.5,100", "b,100,0.6,100"]))
    assert said(capsys, "--points", path, "--difference", "100")[:2] == (2, "")
    assert said(capsys, "--points", path, "--range", "0,1")[:2] == (3, "")
    path.write_text("curve_id,n,score\na,50,x\nb,50,60\n")
    code, out, err = said(capsys, "--points", path)
    assert (code, out) == (3, "")
    assert "line 2: score 'x' is not a number" in err


def test_test_rows_that_differ_within_a_curve_are_said_with_what_is_taken(tmp_path, capsys):
    path = tmp_path / "curves.csv"
    path.write_text("curve_id,n,score,n_test\na,50,50,100\na,100,60,500\nb,50,50,\nb,100,60,300\n")
    code, out, _ = said(capsys, "--points", path)
    assert code == 0
    assert "a: With these 100 test rows" in out
    assert "b: With these 300 test rows" in out, "as docs say, n_test in some rows of a curve counts for all of it"
    assert "Note: n_test differs within curve 'a': 100 and 500; the fewest, 100, are taken" in out
    assert "Note: curve 'b': n_test is empty in line 4: the 300 test rows of the others are taken." in out
    _, out, _ = said(capsys, "--points", path, "--test-rows", "300")
    assert "With these 100" not in out
    assert "Note: curve 'a': --test-rows 300 is taken; the file says 100 and 500." in out
    assert "n_test" not in out


def test_how_some_curves_were_read_is_said_with_their_names(tmp_path, capsys):
    path = tmp_path / "curves.csv"
    path.write_text("curve_id,n,score,n_test\na,50,0.5,100\na,100,0.6,100\nb,50,70,100\nb,100,80,100\n")
    assert "Note: curve 'a': All scores lie within 0 to 1" in said(capsys, "--points", path)[1]
