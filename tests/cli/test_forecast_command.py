"""The forecast command: three numbers are enough, many curves are fine, and bad files get one clear line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tunecurve.cli.forecast import forecast
from tunecurve.curve.curve_table import CurveTable
from tunecurve.curve.points import prepare
from tunecurve.errors import CurvesRefused, DataError, TunecurveError, UsageError

POINTS = "50:86.38,200:90.97,800:94.30"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(forecast, list(arguments))


def write(folder: Path, text: str, encoding: str = "utf-8") -> str:
    path = folder / "curves.csv"
    path.write_bytes(text.encode(encoding))
    return str(path)


def test_three_numbers_get_an_answer() -> None:
    result = run("--points", POINTS, "--at", "6400")
    assert result.exit_code == 0, result.output
    assert "n=6400" in result.output
    assert "80 % interval" in result.output


def test_all_prices_enter_the_decision() -> None:
    free = json.loads(run("--points", POINTS, "--value-per-point", "10", "--json").output)["decision"]
    priced = [
        "--points", POINTS, "--value-per-point", "10", "--label-price", "0.001", "--training-price", "0.002",
        "--run-price", "3", "--serving-price", "7", "--target", "96", "--miss-penalty", "4", "--json",
    ]  # fmt: skip
    decision = json.loads(run(*priced).output)["decision"]
    assert free["options"][0]["cost"] == 0
    first = decision["options"][0]
    assert first["cost"] == pytest.approx(first["more_labels"] * 0.001 + first["n"] * 0.002 + 3 + 7)
    assert decision["unknown"] == []


def test_a_penalty_without_a_target_is_a_usage_error() -> None:
    assert isinstance(run("--points", POINTS, "--miss-penalty", "4").exception, UsageError)


def test_json_has_one_object_a_curve_with_nineteen_quantiles(tmp_path: Path) -> None:
    rows = ["curve_id,n,score,kind,direction,target_n,replicate"]
    rows += [f"a,{n},{score},finetune,max,,0" for n, score in ((50, 60), (200, 70), (800, 78))]
    rows += ["a,0,40,zeroshot,max,,0", "a,0,65,fewshot,max,,0", "a,,,finetune,max,5000,"]
    rows += [f"b,{n},{score},finetune,min,,0" for n, score in ((200, 4.2), (400, 4.0), (800, 3.7))]
    rows += ["c,100,50,finetune,max,,0"]
    result = run(write(tmp_path, "\n".join(rows)), "--at", "3000", "--json", "--target", "70")
    assert result.exit_code == 0, result.output
    a, b, c = (json.loads(line) for line in result.output.splitlines())
    assert [entry["n"] for entry in a["forecasts"]] == [3000.0, 5000.0]
    assert [entry["n"] for entry in b["forecasts"]] == [3000.0]
    assert list(a["forecasts"][0]["quantiles"]) == [f"{0.05 * k:.2f}" for k in range(1, 20)]
    assert a["crossover"]["rival"] == "few-shot"
    assert a["crossover"]["rival_score"] == 65.0
    assert b["forecasts"][0]["median"] < 3.7
    assert c["refusal"] is not None
    assert c["verdict"] is None
    assert [entry["borrowed"] for entry in c["forecasts"]] == [True]
    assert not any(entry["borrowed"] for entry in a["forecasts"] + b["forecasts"])


@pytest.mark.parametrize(
    ("scores", "lowest"), [((-2.1, 10, 30), -100.0), ((-0.02, 0.1, 0.3), -1.0), ((-40, -5, 12), -100.0)]
)
def test_a_correlation_below_zero_is_read_as_one_and_said(tmp_path: Path, scores: tuple, lowest: float) -> None:
    """One such curve in a file must not refuse all the others."""
    rows = ["curve_id,n,score,replicate,n_test,kind,direction,target_n", "other,50,70,0,,finetune,max,100"]
    rows += [f"c,{n},{score},m3,,finetune,max,800" for n, score in zip((20, 60, 200), scores, strict=True)]
    result = run(write(tmp_path, "\n".join(rows)), "--json")
    assert result.exit_code == 0, result.output
    other, curve = (json.loads(line) for line in result.output.splitlines())
    assert any("coefficient" in note for note in curve["notes"])
    assert not any("coefficient" in note for note in other["notes"])
    assert lowest <= curve["forecasts"][0]["quantiles"]["0.05"] < curve["forecasts"][0]["quantiles"]["0.95"] <= -lowest


@pytest.mark.parametrize(
    ("names", "runs", "said"),
    [
        (["m10", "m10", "m5", "m"], [10, 10, 5, 1], "4 of 4"),
        (["m3", "0", "1", "2"], [3, 1, 1, 1], "1 of 4"),
        (["0", "1", "0", "1"], [1, 1, 1, 1], None),
        (["", "", "", ""], [1, 1, 1, 1], None),
    ],
)
def test_replicates_of_a_file_are_runs_or_means(
    tmp_path: Path, names: list[str], runs: list[int], said: str | None
) -> None:
    rows = ["curve_id,n,score,replicate,n_test,kind,direction,target_n"]
    points = zip((50, 100, 200, 400), (60, 66, 71, 75), names, strict=True)
    rows += [f"a,{n},{score},{name},500,finetune,max,1600" for n, score, name in points]
    rows += ["a,0,41.5,0,500,zeroshot,max,1600", "a,4,55,0,500,fewshot,max,1600"]
    result = run(write(tmp_path, "\n".join(rows)), "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.output)
    assert [point["runs"] for point in answer["points"]] == runs
    assert [entry["n"] for entry in answer["forecasts"]] == [1600.0]
    assert answer["crossover"]["rival"] == "few-shot"
    notes = [note for note in answer["notes"] if "means of several runs" in note]
    assert [note[:6] for note in notes] == ([said] if said else [])


def test_byte_order_mark_and_unsorted_repeated_sizes_are_fine(tmp_path: Path) -> None:
    text = "\ufeffn,score\n800,94\n50,86\n200,91\n50,85\n"
    result = run(write(tmp_path, text), "--json")
    assert result.exit_code == 0, result.output
    assert [point["n"] for point in json.loads(result.output)["points"]] == [50.0, 200.0, 800.0]


def test_plot_is_written(tmp_path: Path) -> None:
    result = run("--points", POINTS, "--plot", str(tmp_path / "out.png"))
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out.png").stat().st_size > 5000


def test_a_plot_marks_what_was_measured_and_what_is_borrowed(tmp_path: Path) -> None:
    def words_of(*arguments: str) -> str:
        path = tmp_path / "out.svg"  # which holds every text as a remark
        assert run(*arguments, "--plot", str(path)).exit_code == 0
        return path.read_text(encoding="utf-8")

    three, one = words_of("--points", POINTS), words_of("--points", "50:60")
    none = words_of(write(tmp_path, "n,score,kind,target_n\n0,35,zeroshot,6400\n"))
    assert ["<!-- measured -->" in words for words in (three, one, none)] == [True, True, False]
    assert ["borrowed from other curves" in words for words in (three, one, none)] == [False, True, True]
    assert "speculative" not in none, "8 times the data is nothing where there are none"


def test_prices_give_an_answer_in_money() -> None:
    result = run("--points", POINTS, "--label-price", "0.01", "--value-per-point", "100")
    assert "Go to" in result.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; expected a CSV file with columns n and score"),
        ("# mine\nn,score\n50,60\n", "no column 'n' among # mine. Expected a header line with n and score"),
        ("n,score\n", "no rows"),
        ("size,score\n1,2\n", "no column 'n'"),
        ("n,score\n50,high\n", "line 2: score 'high' is not a number"),
        ("n,score\nmany,50\n", "line 2: n 'many' is not a number"),
        ("n,score\n50,nan\n", "line 2: score is nan"),
        ("n,score\n50,inf\n", "line 2: score is inf"),
        ("n,score,kind\n0,50,finetune\n", "line 2: n=0 in a finetune row"),
        ("n,score\n-5,50\n", "line 2: n=-5"),
        ("n,score\n1e-300,50\n", "line 2: n=1e-300 in a finetune row"),
        ("n,score\n1e300,50\n", "line 2: n=1e+300; expected a number of rows, 1e+15 at most"),
        ("n,score,kind\n50,50,finetun\n", "Did you mean 'finetune'"),
        ("n,score,direction\n50,50,up\n", "direction 'up'"),
        ("n,score,n_test\n50,50,0\n", "n_test=0"),
        (
            "n,score\n1.000,80.5\n2.000,85\n",
            "line 2: every n is written with a point and three digits, which is 1 or 1000 rows",
        ),
        ("n,score\n50,50\n\n100,101\n200,60\n", "line 4: score 101 is outside the metric's range 0 to 100"),
        ("n,score,direction\n50,-1,min\n", "line 2: score -1 is outside the metric's range 0 to any"),
    ],
)
def test_bad_files_get_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    result = run(write(tmp_path, text))
    assert isinstance(result.exception, DataError)
    assert result.exception.exit_code == 3
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)


@pytest.mark.parametrize(
    "text", ["n,score\n1.000,80.500\n2.000,85.000\n", "n,score\n0.500,80\n1.000,85\n", "n,score\n1.5,80\n3.000,85\n"]
)
def test_numbers_that_are_written_with_three_digits_are_no_thousands(tmp_path: Path, text: str) -> None:
    assert run(write(tmp_path, text)).exit_code == 0


def test_published_means_are_not_said_to_be_single_seeds(tmp_path: Path) -> None:
    output = run(write(tmp_path, "n,score,replicate\n100,80,mean\n200,85,mean\n400,88,mean\n")).output
    assert "3 of 3 scores are read as means" in output
    assert "No size was run with more than one seed" not in output


def test_small_leak_rates_are_per_cent_unless_the_test_rows_say_fractions() -> None:
    """1.0, 0.5, 0.5 per cent of 200 documents were read as a half of them."""
    asked = ("--metric", "leak_documents", "--test-rows", "200", "--json")
    small = json.loads(run("--points", "200:1.0,800:0.5,1600:0.5", *asked).output)
    assert "Less is better, as --metric leak_documents has it: direction min, range 0 to 100." in small["notes"]
    assert any("read as per cent; if they are fractions of 1, give --range 0,1" in note for note in small["notes"])
    in_fractions = json.loads(run("--points", "200:0.245,800:0.055,1600:0.015", *asked).output)
    assert "Less is better, as --metric leak_documents has it: direction min, range 0 to 1." in in_fractions["notes"]
    assert any("Scores are read as fractions of 1" in note for note in in_fractions["notes"])
    large = json.loads(run("--points", "200:24.5,800:5.5,1600:1.5", *asked).output)
    assert not any("fractions" in note for note in large["notes"])


def test_the_required_size_has_the_chances_that_are_told_of_sizes() -> None:
    """2,691 rows were required, and reached the target with probability 0.46: some curves had reached it before, and fallen."""
    points = "50:91.2,100:90.2,200:89,400:90.6,800:88.6"
    first = json.loads(run("--points", points, "--test-rows", "500", "--target", "90", "--json").output)["target"]
    required = first["required_size"]["median"]
    at = ("--at", str(required), "--at", str(required / 2))
    told = json.loads(run("--points", points, "--test-rows", "500", "--target", "90", "--json", *at).output)["target"]
    below, there = (one["probability"] for one in told["by_size"])
    assert below < 0.5 <= there + 0.01


def test_unreadable_and_foreign_files_get_one_clear_line(tmp_path: Path) -> None:
    for path in (str(tmp_path / "missing.csv"), str(tmp_path), write(tmp_path, "n,score\n50,é\n", "latin-1")):
        result = run(path)
        assert isinstance(result.exception, DataError)
        assert "\n" not in str(result.exception)


def test_too_many_rows_end_in_a_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunecurve.curve.table.MOST_ROWS", 3)
    result = run(write(tmp_path, "n,score\n" + "50,60\n" * 4))
    assert isinstance(result.exception, DataError)
    assert "more than 3 rows" in str(result.exception)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("file.csv", "--points", POINTS),
        ("--points", "50=86"),
        ("--points", "0:86,10:90,20:91"),
        ("--points", POINTS, "--range", "100"),
        ("--points", POINTS, "--range", "100,0"),
        ("--points", POINTS, "--at", "-1"),
        ("--points", POINTS, "--delta", "0"),
        ("--points", POINTS, "--label-price", "-1", "--value-per-point", "1"),
    ],
)
def test_wrong_options_are_usage_errors(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, UsageError)
    assert result.exception.exit_code == 2


def test_no_error_is_internal_for_odd_but_legal_curves(tmp_path: Path) -> None:
    rows = ["curve_id,n,score"]
    shapes: tuple[list[float], ...] = ([0, 0, 0], [100, 100, 100], [100, 50, 0], [1e-9, 50, 100], [50, 50, 50.0001])
    for number, scores in enumerate(shapes):
        rows += [f"c{number},{n},{score}" for n, score in zip((1, 1000, 10**9), scores, strict=True)]
    result = run(write(tmp_path, "\n".join(rows)), "--json", "--at", "1", "--at", "1e12")
    assert result.exception is None or isinstance(result.exception, TunecurveError), result.exception
    assert len(result.output.splitlines()) == len(shapes)


def test_a_loss_taken_for_a_score_is_pointed_out(tmp_path: Path) -> None:
    path = write(tmp_path, "n,score\n50,4.2\n200,3.9\n800,3.1\n")
    assert "--direction min" in run(path).stdout
    as_loss = run(path, "--direction", "min")
    assert "--direction min" not in as_loss.stdout
    assert "none expected up to 8 times the data" in as_loss.stdout


@pytest.mark.parametrize(
    "points",
    [
        [(50, 86.38), (200, 90.97), (800, 94.3)],
        [(50, 40.0), (100, 55.0), (200, 66.0), (400, 74.0)],
        [(10, 20.0), (40, 21.0), (160, 20.5)],
    ],
)
def test_one_curve_gets_one_verdict_in_per_cent_and_in_fractions(points: list[tuple[int, float]]) -> None:
    from tunecurve.curve.forecast import CurvePoints, forecast_curve

    def typed(scale: float) -> str:
        return ",".join(f"{n}:{score / scale:.6g}" for n, score in points)

    per_cent = run("--points", typed(1), "--json")
    fractions = run("--points", typed(100), "--json")
    word = json.loads(per_cent.output)["verdict"]["word"]
    assert json.loads(fractions.output)["verdict"]["word"] == word
    assert any(
        "fractions" in note and "--range 0,1" in note and "0,100" in note
        for note in json.loads(fractions.output)["notes"]
    )
    assert "fractions" not in per_cent.output
    sizes, scores = zip(*points, strict=True)
    answer = forecast_curve(CurvePoints(sizes, [score / 100 for score in scores]))
    assert answer.verdict.word == word
    assert "fractions" in answer.notes[0]


def test_scores_below_one_per_cent_are_so_when_it_is_said() -> None:
    said = run("--points", "50:0.2,200:0.4,800:0.7", "--range", "0,100", "--json")
    assert "fractions" not in said.output
    mixed = run("--points", "50:0.9,200:1.4,800:2.7", "--json")
    assert "fractions" not in mixed.output


FRACTIONS = "50:0.71,200:0.78,800:0.83"
PER_CENT = "50:71,200:78,800:83"


@pytest.mark.parametrize(
    ("points", "option", "value"),
    [
        (FRACTIONS, "--target", "85"),
        (FRACTIONS, "--target", "1.2"),
        (FRACTIONS, "--delta", "1"),
        (FRACTIONS, "--delta", "2"),
        (PER_CENT, "--target", "101"),
        (PER_CENT, "--target", "-3"),
    ],
)
def test_a_target_or_gain_in_another_unit_is_refused(points: str, option: str, value: str) -> None:
    result = run("--points", points, option, value)
    assert isinstance(result.exception, UsageError)
    assert f"{option[2:]} {value}" in str(result.exception)
    assert "in one unit" in str(result.exception)


@pytest.mark.parametrize(
    ("points", "option", "value"),
    [
        (FRACTIONS, "--target", "0.85"),
        (FRACTIONS, "--delta", "0.02"),
        (PER_CENT, "--target", "100"),
        (PER_CENT, "--delta", "1"),
    ],
)
def test_a_target_or_gain_in_the_unit_of_the_scores_is_taken(points: str, option: str, value: str) -> None:
    result = run("--points", points, option, value)
    assert result.exit_code == 0
    assert "one unit" not in result.output
    assert "if it is a fraction" not in result.output


def test_scores_that_hardly_leave_zero_are_per_cents_in_a_file_of_per_cents(tmp_path: Path) -> None:
    def of(scores: tuple[float, ...], others: tuple[float, ...]) -> dict:
        lines = [f"a,{50 * 2**place},{score}" for place, score in enumerate(scores)]
        lines += [f"b,{50 * 2**place},{score}" for place, score in enumerate(others)]
        result = run(write(tmp_path, "\n".join(["curve_id,n,score", *lines])), "--json")
        return json.loads(result.output.splitlines()[0])

    def highest(found: dict) -> float:
        return found["forecasts"][-1]["quantiles"]["0.95"]

    per_cents, fractions, tiny = (40.0, 50.0, 60.0), (0.4, 0.5, 0.6), (0.0, 0.4, 0.8)
    assert highest(of(tiny, per_cents)) > 1.0
    assert any("read as per cent" in note for note in of(tiny, per_cents)["notes"])
    assert highest(of(tiny, fractions)) <= 1.0
    assert highest(of(fractions, per_cents)) <= 1.0
    assert any("read as fractions" in note for note in of(fractions, per_cents)["notes"])


def test_what_was_read_as_per_cent_is_said_only_where_it_was_and_its_way_out_is_taken(tmp_path: Path) -> None:
    tiny = "a,50,0\na,100,0.4\na,200,0.8\n"
    both = write(tmp_path, f"curve_id,n,score\n{tiny}b,50,40\nb,100,50\nb,200,60\n")
    assert "give them in a file of their own" in run(both).output
    for options in (("--range", "0,100"), ("--direction", "min")):
        assert "read as per cent" not in run(both, *options).output
    alone = run(write(tmp_path, f"curve_id,n,score\n{tiny}"))
    assert "read as fractions" in alone.output


def test_one_fraction_among_scores_in_per_cent_is_said() -> None:
    assert "Score 0.71 beside 83" in run("--points", "50:0.71,200:78,800:83").output
    assert "Target 0.9 of scores in per cent" in run("--points", PER_CENT, "--target", "0.9").output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n,score\n50,61,5\n100,66\n200,72\n", "line 2: 3 cells under 2 columns"),
        ("n,score\n50,61\n100,66,7,8\n200,72\n", "line 3: 4 cells under 2 columns"),
        ("curve_id,n,score,n_test\na,50,61,500,x\n", "line 2: 5 cells under 4 columns"),
        ("n,score,score\n50,61,5\n", "column 'score' stands 2 times"),
        ("n,n,score\n50,50,61\n", "column 'n' stands 2 times"),
        ("n,N,score\n50,50,61\n", "column 'n' stands 2 times"),
        ("n,score,direction\n50,61,max\n100,66,\n200,72,min\n", "line 4: direction 'min'"),
        ("curve_id,n,score\na,50,61\n,100,66\n,200,72\n", "line 3: curve_id is empty"),
        ("curve_id,n,score\n,50,61\nb,100,66\n", "line 2: curve_id is empty"),
        ("n,score,replicate\n50,61,m0\n", "replicate 'm0'"),
        ("n,score,replicate\n50,61,m-3\n", "replicate 'm-3'"),
        ("n;score\n50;61\n", "separated by commas"),
        ("n\tscore\n50\t61\n", "separated by commas"),
    ],
)
def test_a_file_that_would_be_read_wrongly_is_refused(tmp_path: Path, text: str, said: str) -> None:
    problem = run(write(tmp_path, text)).exception
    assert isinstance(problem, DataError)
    assert said in str(problem)


def test_a_run_folder_is_told_where_its_forecast_stands(tmp_path: Path) -> None:
    assert "is a folder; expected a CSV file." in str(run(str(tmp_path)).exception)
    assert "--history" not in str(run(str(tmp_path)).exception)
    results = tmp_path / "results.json"
    results.write_text('{\n "points": []\n}')
    problem = run(str(tmp_path)).exception
    assert isinstance(problem, DataError)
    assert f"`tunecurve status {tmp_path}`; --history" in str(problem)
    assert "is JSON; expected a CSV file" in str(run(str(results)).exception)
    results.write_text('{"n": 1, "score": 2}')
    assert "is JSON; expected a CSV file" in str(run(str(results)).exception)


@pytest.mark.parametrize("tail", ["", ",", ",,,"])
def test_empty_cells_at_the_end_of_a_line_are_no_complaint(tmp_path: Path, tail: str) -> None:
    text = "n,score\n" + "".join(f"{n},{score}{tail}\n" for n, score in ((50, 61), (100, 66), (200, 72)))
    assert run(write(tmp_path, text)).exit_code == 0


CURVE = [(50, 61.0), (100, 66.0), (200, 72.0), (400, 77.0)]


def answer(folder: Path, header: str, lines: list[str]) -> dict:
    result = run(write(folder, "\n".join([header, *lines])), "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


@pytest.mark.parametrize("copied", [[0], [3], [0, 1, 2, 3], [0, 0]])
@pytest.mark.parametrize("replicate", ["0", "seed-a", "m10"])
def test_a_row_that_stands_twice_is_one_run(tmp_path: Path, copied: list[int], replicate: str) -> None:
    lines = [f"{n},{score},{replicate},500" for n, score in CURVE]
    once = answer(tmp_path, "n,score,replicate,n_test", lines)
    twice = answer(tmp_path, "n,score,replicate,n_test", lines + [lines[index] for index in copied])
    assert twice["forecasts"] == once["forecasts"]
    assert [note for note in twice["notes"] if "counted once" not in note] == once["notes"]
    assert any("counted once" in note for note in twice["notes"])
    assert not any("counted once" in note for note in once["notes"])


@pytest.mark.parametrize("names", [("0", "1"), ("a", "b"), ("seed 1", "seed 2")])
def test_equal_scores_of_named_seeds_are_runs_of_their_own(tmp_path: Path, names: tuple[str, str]) -> None:
    lines = [f"{n},{score},{name}" for n, score in CURVE for name in names]
    found = answer(tmp_path, "n,score,replicate", lines)
    assert [point["runs"] for point in found["points"]] == [2, 2, 2, 2]
    assert not any("says what line" in note for note in found["notes"])


def test_equal_rows_without_a_replicate_are_runs_and_it_is_said(tmp_path: Path) -> None:
    found = answer(tmp_path, "n,score", [f"{n},{score}" for n, score in [*CURVE, CURVE[0]]])
    assert found["points"][0]["runs"] == 2
    assert any("Line 6 says what line 2 says" in note and "leave copies out" in note for note in found["notes"])


@pytest.mark.parametrize("column", ["model", "task", "name"])
def test_a_column_that_may_part_curves_is_named(tmp_path: Path, column: str) -> None:
    lines = [f"{who},{n},{score + plus}" for who, plus in (("bert", 0), ("svm", -20)) for n, score in CURVE]
    found = answer(tmp_path, f"{column},n,score", lines)
    assert any(repr(column) in note and "curve_id" in note for note in found["notes"])
    remarks = [f"remark {index},{n},{score}" for index, (n, score) in enumerate(CURVE)]
    assert not any("curve_id" in note for note in answer(tmp_path, f"{column},n,score", remarks)["notes"])
    numbers = [f"{index},{n},{score}" for index, (n, score) in enumerate([*CURVE, (50, 63.0)])]
    assert not any("curve_id" in note for note in answer(tmp_path, f"{column},n,score", numbers)["notes"])


@pytest.mark.parametrize("name", ["m", "mean", "Mean", "avg", "average", "M10"])
def test_the_usual_names_of_a_mean_are_read_as_one(tmp_path: Path, name: str) -> None:
    found = answer(tmp_path, "n,score,replicate", [f"{n},{score},{name}" for n, score in CURVE])
    assert any("4 of 4 scores are read as means" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("word", "plain"), [("lower", "min"), ("Minimize", "min"), ("higher", "max"), ("maximize", "max"), ("MAX", "max")]
)
def test_usual_words_for_a_direction_are_read(tmp_path: Path, word: str, plain: str) -> None:
    lines = [f"{n},{score / 20}" for n, score in ((50, 52), (100, 41), (200, 34), (400, 27))]
    found, same = (answer(tmp_path, "n,score,direction", [f"{line},{way}" for line in lines]) for way in (word, plain))
    assert found == same


@pytest.mark.parametrize(
    "ways", [("min", "", "", ""), ("", "", "min", ""), ("", "", "", "min"), ("min", "", "lower", "")]
)
def test_a_direction_in_some_rows_counts_for_the_whole_curve(tmp_path: Path, ways: tuple[str, ...]) -> None:
    def of(directions: tuple[str, ...]) -> dict:
        lines = [f"{n},{score},{way}" for (n, score), way in zip(CURVE, directions, strict=True)]
        return answer(tmp_path, "n,score,direction", lines)

    assert of(ways) == of(("min",) * 4)


def test_names_of_columns_are_read_however_they_are_written(tmp_path: Path) -> None:
    lines = [f"a,{n},{score},500" for n, score in CURVE]
    assert answer(tmp_path, "Curve_ID,N,Score,N_test", lines) == answer(tmp_path, "curve_id,n,score,n_test", lines)


@pytest.mark.parametrize("word", ["Finetune", "fine-tune", "fine_tuned", "FINE TUNE", ""])
def test_kinds_are_read_however_they_are_written(tmp_path: Path, word: str) -> None:
    def of(tuned: str, untuned: str) -> dict:
        return answer(tmp_path, "n,score,kind", [f"0,31,{untuned}", *(f"{n},{score},{tuned}" for n, score in CURVE)])

    assert of(word, "Zero-Shot") == of("finetune", "zeroshot")


def test_a_floor_is_no_point_and_says_where_a_curve_of_no_size_starts(tmp_path: Path) -> None:
    def of(*lines: str) -> dict:
        return answer(tmp_path, "n,score,kind,target_n", [*lines, ",,,200"])

    (few,), (many,) = (of(f"0,{floor},floor")["forecasts"] for floor in (2, 50))
    assert few["median"] < many["median"]
    assert of("0,0.02,floor")["forecasts"][0]["median"] < 1.0, "a fraction of 1"
    curve = [f"{n},{score},finetune" for n, score in CURVE]
    assert of("0,2,floor", *curve) == of(*curve)


def test_a_metric_says_where_its_curves_start_and_is_not_taken_silently(tmp_path: Path) -> None:
    path = write(tmp_path, "n,score,kind\n0,0,floor\n")
    plain, named = (
        json.loads(run(path, "--at", "100", "--json", *more).output) for more in ((), ("--metric", "entity_f1"))
    )
    assert named["forecasts"][0]["median"] != plain["forecasts"][0]["median"]
    assert not any("--metric" in note for note in named["notes"])
    unused = json.loads(run("--points", POINTS, "--json", "--metric", "entity_f1").output)
    assert any("--metric entity_f1 is not used" in note for note in unused["notes"])
    wrong = run(path, "--metric", "entity_f2").exception
    assert isinstance(wrong, UsageError)
    assert "entity_f1" in str(wrong)


def test_test_rows_of_some_lines_count_for_the_whole_curve_and_it_is_said(tmp_path: Path) -> None:
    def of(n_tests: tuple[str, ...]) -> dict:
        lines = [f"{n},{score},{rows}" for (n, score), rows in zip(CURVE, n_tests, strict=True)]
        return answer(tmp_path, "n,score,n_test", lines)

    found, whole = of(("300", "", "400", "")), of(("300", "300", "400", "300"))
    assert found["notes"][0] == "n_test is empty in line 3 and 1 more: the fewest of the others, 300, are taken."
    assert {**found, "notes": found["notes"][1:]} == whole
    assert not any("n_test" in note for note in of(("", "", "", ""))["notes"])


def test_test_rows_can_be_typed_in_and_what_lacks_them_says_how(tmp_path: Path) -> None:
    flat = [(100, 80.0), (200, 80.2), (400, 80.1), (800, 80.3), (1600, 80.2), (3200, 80.3)]
    typed = ",".join(f"{n}:{score}" for n, score in flat)
    unknown = run("--points", typed).stdout
    assert "Flat: " in unknown
    assert "Test rows are told by --test-rows N" in unknown
    few = run("--points", typed, "--test-rows", "300").stdout
    assert "No gain that this test set can show" in few
    assert "--test-rows" not in few
    many = json.loads(run("--points", typed, "--test-rows", "20000", "--json").stdout)
    assert many["verdict"]["word"] == "flat"
    assert "not checked" not in many["verdict"]["sentence"]
    lines = [f"{n},{score},300" for n, score in flat]
    assert (
        answer(tmp_path, "n,score,n_test", lines)["forecasts"]
        == json.loads(run("--points", typed, "--test-rows", "300", "--json").stdout)["forecasts"]
    )


@pytest.mark.parametrize("word", ["down", "less", "0", "lowest"])
def test_other_words_for_a_direction_are_refused(tmp_path: Path, word: str) -> None:
    problem = run(write(tmp_path, f"n,score,direction\n50,2.6,{word}\n")).exception
    assert isinstance(problem, DataError)
    assert "expected max or min" in str(problem)


@pytest.mark.parametrize(
    ("scores", "end"),
    [((0, 0, 0), 100), ((0.5, 0.3, 0), 1), ((5, 2, 0, 0.5), 100), ((0, 0.2, 0.1), 1), ((100, 40, 0), 100)],
)
def test_a_loss_of_zero_is_read_as_a_rate_of_errors(tmp_path: Path, scores: tuple[float, ...], end: int) -> None:
    lines = [f"{50 * 2**place},{score},min" for place, score in enumerate(scores)]
    found = answer(tmp_path, "n,score,direction", lines)
    assert any(f"a rate of errors from 0 to {end};" in f"{note.replace(',', ';')}" for note in found["notes"])
    low, high = found["forecasts"][0]["intervals"]["0.90"]
    assert 0 <= low < high <= end
    assert high > 1e-4 * end


@pytest.mark.parametrize("scores", [(0.5, 0.3, 0.1), (5, 2, 0.01), (500, 20, 0)])
def test_other_losses_stay_losses(tmp_path: Path, scores: tuple[float, ...]) -> None:
    lines = [f"{50 * 2**place},{score},min" for place, score in enumerate(scores)]
    notes = answer(tmp_path, "n,score,direction", lines)["notes"]
    assert not any("read as a rate of errors" in note for note in notes)
    assert any(note.startswith("Less is better: read as a loss without an upper end") for note in notes)


def test_test_rows_that_a_loss_cannot_use_are_named() -> None:
    typed = ["--points", "50:12,200:8,800:5", "--direction", "min", "--json"]
    notes = json.loads(run(*typed, "--test-rows", "200").output)["notes"]
    assert any("The 200 test rows are not used" in note for note in notes)
    assert any(note.startswith("Doubtful: ") and "give --range 0,100 (per cent)" in note for note in notes)
    untold = json.loads(run(*typed).output)["notes"]
    assert any("For a rate of errors in per cent give --range 0,100" in note for note in untold)
    assert not any("not used" in note for note in json.loads(run(*typed).output)["notes"])
    unbounded = json.loads(run(*typed, "--test-rows", "200", "--range", "0,").output)["notes"]
    assert any("The 200 test rows are not used" in note for note in unbounded)
    bounded = json.loads(run(*typed, "--test-rows", "200", "--range", "0,100").output)["notes"]
    assert not any("not used" in note or "loss" in note for note in bounded)


def test_errors_counted_on_the_test_rows_are_forecast_as_with_their_range(tmp_path: Path) -> None:
    lines = [f"{50 * 2**place},{score},min,200" for place, score in enumerate((31.5, 27.0, 24.5, 22.0))]
    found = answer(tmp_path, "n,score,direction,n_test", lines)
    assert any("counts of the 200 test rows: read as a rate of errors from 0 to 100" in note for note in found["notes"])
    told = run(str(tmp_path / "curves.csv"), "--range", "0,100", "--json")
    assert found["forecasts"] == json.loads(told.output)["forecasts"]


@pytest.mark.parametrize(
    ("scores", "way", "near"),
    [
        ((90, 95, 100), "max", True),
        ((0.9, 0.95, 0.98), "max", True),
        ((10, 5, 2), "max", False),
        ((80, 90, 96.5), "max", False),
        ((2.0, 1.0, 0.5), "min", False),
        ((9, 4, 0), "min", True),
    ],
)
def test_what_intervals_near_the_best_score_missed_is_said(
    tmp_path: Path, scores: tuple[float, ...], way: str, near: bool
) -> None:
    lines = [f"{50 * 2**place},{score},{way}" for place, score in enumerate(scores)]
    notes = answer(tmp_path, "n,score,direction", lines)["notes"]
    assert any("the three others ended worse" in note for note in notes) == near


@pytest.mark.parametrize("points", ["50:4.2,200:3.9,800:3.1", "50:4.2,200:3.9,800:3.9,3200:3.1"])
def test_what_falls_at_every_size_is_doubted_before_any_word(points: str) -> None:
    lines = run("--points", points).stdout.splitlines()
    assert lines[0].startswith("  Doubtful: no size scores above the one before")
    assert "range from 0 to 100" in lines[0]
    assert "--direction min" in lines[0]
    assert json.loads(run("--points", points, "--json").stdout)["notes"][0] == lines[0].strip()
    assert "Doubtful" not in run("--points", points, "--direction", "max").stdout


def test_what_would_be_a_mean_of_different_things_is_doubted_before_any_number(tmp_path: Path) -> None:
    rows = "".join(f"{epoch},{n},{score + epoch}\n" for epoch in (1, 2) for n, score in CURVE)
    assert "column 'epoch'" in run(write(tmp_path, f"epoch,n,score\n{rows}")).stdout.splitlines()[1]


@pytest.mark.parametrize("points", ["100:70", "100:70,400:78"])
def test_a_target_and_a_gain_that_few_sizes_cannot_answer_are_named(points: str) -> None:
    said = run("--points", points, "--target", "90", "--delta", "2").output
    assert "--target 90 and --delta 2 are not used: an answer needs 3 sizes." in said
    assert "--target 90 is not used" in run("--points", points, "--target", "90").output
    assert "not used" not in run("--points", points).output


def test_prices_without_any_size_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, "n,score,kind\n0,40,zeroshot\n")
    assert "so --label-price is not weighed" in run(path, "--label-price", "1").output


def test_points_that_may_have_thousands_are_refused() -> None:
    problem = run("--points", "200:86.1,800:90.2,3.200:93").exception
    assert isinstance(problem, UsageError)
    assert "--points: n '3.200' beside whole numbers is 3.2 or 3200 rows" in str(problem)


def test_a_metric_that_the_atlas_does_not_have_gets_a_way_on() -> None:
    problem = run("--points", POINTS, "--metric", "loss").exception
    assert isinstance(problem, UsageError)
    assert "or none: where less of it is better, --direction min says so" in str(problem)


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        (["--label-price", "0.5"], "Labels alone: 800 more, to 1,600, which are twice as many, cost 400."),
        (["--label-price", "2"], "Labels alone: 800 more, to 1,600, which are twice as many, cost 1,600."),
        (["--run-price", "3"], "so --run-price is not weighed"),
        (["--label-price", "1", "--run-price", "3"], "so --label-price, --run-price are not weighed"),
    ],
)
def test_a_price_without_a_value_per_point_is_not_passed_over(prices: list[str], said: str) -> None:
    shown = run("--points", POINTS, *prices)
    assert said in shown.output
    assert "it needs --value-per-point" in shown.output
    full = run("--points", POINTS, *prices, "--value-per-point", "10")
    assert "No decision by prices" not in full.output


@pytest.mark.parametrize("kind", ["floor", "zeroshot", "fewshot"])
@pytest.mark.parametrize(("score", "options"), [("120", ()), ("-3", ("--range", "0,50")), ("60", ("--range", "0,50"))])
def test_an_untrained_score_outside_the_range_names_file_and_line(
    tmp_path: Path, kind: str, score: str, options: tuple[str, ...]
) -> None:
    path = write(tmp_path, f"n,score,kind\n50,40,finetune\n0,{score},{kind}\n")
    problem = run(path, *options).exception
    assert isinstance(problem, DataError)
    assert f"curves.csv line 3: score {score} is outside the metric's range" in str(problem)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n,score,kind\n0,0.2,floor\n50,55,\n", "Score 0.2 of kind floor beside 55: read as per cent"),
        ("n,score,kind\n0,0.4,zeroshot\n50,55,\n", "Score 0.4 of kind zero-shot beside 55: read as per cent"),
        ("n,score,kind\n0,20,floor\n50,0.55,\n", "beside a curve that ends at 0.55 at most"),
    ],
)
def test_fractions_among_per_cents_are_doubted_in_every_kind_of_row(tmp_path: Path, text: str, said: str) -> None:
    assert said in run(write(tmp_path, text)).output


def test_fewer_is_better_where_the_metric_says_so(tmp_path: Path) -> None:
    path = write(tmp_path, "n,score,kind\n0,80,floor\n")
    named = json.loads(run(path, "--metric", "leak_documents", "--json").output)
    assert named["forecasts"][-1]["median"] < 80
    assert "Less is better, as --metric leak_documents has it: direction min, range 0 to 100." in named["notes"]
    assert json.loads(run(path, "--metric", "leak_documents", "--direction", "min", "--json").output) == named
    falling = run("--points", "50:30,100:20,200:12", "--metric", "leak_documents").output
    assert "Rising" in falling
    assert "Less is better" in falling
    for options in (("--direction", "max"), ()):
        wrong = write(tmp_path, f"n,score,kind,direction\n0,80,floor,{'' if options else 'max'}\n")
        problem = run(wrong, "--metric", "leak_documents", *options).exception
        assert isinstance(problem, UsageError)
        assert "of --metric leak_documents less is better" in str(problem)


def test_a_direction_that_nothing_says_is_told_where_scores_cannot_show_it(tmp_path: Path) -> None:
    assert "max is taken" in run(write(tmp_path, "n,score,kind\n0,80,floor\n")).output
    assert "max is taken" not in run(write(tmp_path, "n,score,kind,direction\n0,80,floor,max\n")).output
    assert "max is taken" not in run("--points", POINTS).output


def test_a_floor_of_a_loss_gets_a_reason_and_no_forecast(tmp_path: Path) -> None:
    path = write(tmp_path, "n,score,kind\n0,3.2,floor\n")
    for options in (("--direction", "min"), ("--direction", "min", "--range", "0,")):
        result = run(path, *options)
        assert result.exit_code == 0
        assert "A floor says where a curve starts only in a metric with two ends" in result.output
        assert "kind zeroshot" in result.output
    assert "n=100" in run(path, "--direction", "min", "--range", "0,100").output


def test_more_is_better_without_an_end_and_without_a_score_is_refused(tmp_path: Path) -> None:
    problem = run(write(tmp_path, "n,score,kind\n0,3.2,floor\n"), "--range", "0,").exception
    assert isinstance(problem, UsageError)
    assert "expected a range with both ends" in str(problem)


def test_a_width_of_nothing_is_that_of_the_expected_score(tmp_path: Path) -> None:
    shown = run(write(tmp_path, "n,score,kind\n0,100,floor\n")).output
    assert "interval of the expected score at n=6400, 0 wide now" in shown
    assert "around which single runs scatter" in shown


@pytest.mark.parametrize("option", ["--label-price", "--training-price", "--run-price", "--miss-penalty"])
def test_a_price_that_is_none_is_named_as_typed(option: str) -> None:
    result = run("--points", POINTS, "--value-per-point", "1", option, "-1")
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == f"{option} -1: expected a price of 0 or more."


def test_the_terminal_names_one_step_and_promises_no_chance() -> None:
    said = run(
        "--points", "50:70,100:76,200:72,400:78,800:75", "--test-rows", "20000", "--delta", "1", "--run-price", "1000"
    ).output
    assert "Cannot tell" in said
    assert "guessed to differ by as much as the gain" in said
    assert said.count("    Next: ") == 1
    assert "settles it" not in said
    assert "cheapest" not in said


def test_a_part_of_a_test_row_is_refused(tmp_path: Path) -> None:
    problem = run(write(tmp_path, "n,score,n_test\n50,70,12\n100,72,12.5\n")).exception
    assert isinstance(problem, DataError)
    assert "line 3: n_test '12.5'; expected a whole number" in str(problem)


def test_one_replicate_with_two_scores_is_named(tmp_path: Path) -> None:
    lines = ["50,70,0", "100,72,0", "100,75,0", "200,76,0"]
    notes = answer(tmp_path, "n,score,replicate", lines)["notes"]
    assert any("Replicate '0' at n=100 scores 72 in line 3 and 75 in line 4" in note for note in notes)


def test_a_direction_given_over_the_file_s_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, "n,score,direction\n50,70,max\n100,72,max\n200,75,max\n")
    notes = json.loads(run(path, "--direction", "min", "--json").output)["notes"]
    assert "--direction min is taken; the file says max." in notes
    assert not any("is taken; the file" in note for note in json.loads(run(path, "--json").output)["notes"])


def test_a_curve_s_own_test_rows_tell_its_unit_before_other_curves_do(tmp_path: Path) -> None:
    others = [f"b,{n},{score},100" for n, score in ((50, 60), (100, 70), (200, 75))]

    def end_of(n_test: str) -> float:
        own = [f"a,{n},{score},{n_test}" for n, score in ((50, 0), (100, 0.2), (200, 0.35), (400, 0.55))]
        path = write(tmp_path, "\n".join(["curve_id,n,score,n_test", *own, *others]))
        first = json.loads(run(path, "--json").output.splitlines()[0])
        return first["forecasts"][0]["intervals"]["0.90"][1]

    assert end_of("20") <= 1.0
    assert end_of("") > 1.0


def test_the_run_that_does_not_fit_the_others_is_named() -> None:
    rising = "50:50,100:60,200:68,400:74"
    odd = run("--points", f"{rising},800:40,800:79,800:80,800:78").output
    assert "Of the 4 runs at n=800, the one that scored 40 does not fit the others (78 to 80)" in odd
    assert "does not fit the others" not in run("--points", f"{rising},800:76,800:79,800:80,800:78").output


MANY = "curve_id,n,score,replicate,n_test,kind,direction,target_n"
SOUND = [
    f"{name},{n},{score + plus},0,500,finetune,max,1600" for name, plus in (("a", 0), ("z", 7)) for n, score in CURVE
]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["b,50,nan,0,500,finetune,max,400", "b,100,60,0,500,finetune,max,400"], "line 6: score is nan"),
        (["b,50,failed,0,500,finetune,max,400"], "line 6: score 'failed' is not a number"),
        (["b,0,50,0,500,finetune,max,400"], "line 6: n=0 in a finetune row"),
        (["b,50,60,0,500,tuning,max,400"], "line 6: kind 'tuning'"),
        (["b,50,60,0,500,finetune,up,400"], "line 6: direction 'up'"),
        (["b,50,60,0,500,finetune,max,400", "b,100,62,0,500,finetune,min,400"], "line 7: direction 'min' after 'max'"),
        (["b,50,60,0,0,finetune,max,400"], "line 6: n_test=0"),
        (["b,50,60,0,500,finetune,max,-4"], "line 6: target_n=-4"),
        (["b,50,60,m0,500,finetune,max,400"], "line 6: replicate 'm0'"),
        (["b,50,60,0,500,finetune,max,400", "b,100,612,0,500,finetune,max,400"], "line 7: score 612 is outside"),
        (["b,50,60,0,500,finetune,max,400", "b,100"], "line 7: score '' is not a number"),
        (
            ["b,50,nan,0,500,finetune,max,400", "b,50,nan,1,500,finetune,max,400"],
            "(1 more of its lines cannot be read.)",
        ),
    ],
)
def test_one_curve_that_cannot_be_used_is_named_and_the_others_are_forecast(
    tmp_path: Path, rows: list[str], said: str
) -> None:
    sound = run(write(tmp_path, "\n".join([MANY, *SOUND])), "--json").output.splitlines()
    path = write(tmp_path, "\n".join([MANY, *SOUND[:4], *rows, *SOUND[4:]]))
    result = run(path, "--json")
    assert isinstance(result.exception, CurvesRefused)
    assert result.exception.exit_code == 6
    assert "1 of 3 curves are not forecast" in str(result.exception)
    first, refused, last = result.stdout.splitlines()
    assert [first, last] == sound
    named = json.loads(refused)
    assert set(named) == {*json.loads(first), "error"}
    assert named["curve_id"] == "b"
    assert said in named["error"]
    assert named["refusal"] == named["error"]
    assert (named["forecasts"], named["verdict"]) == ([], None)
    shown = run(path)
    assert f"tunecurve: {named['error']}\n" == shown.stderr
    assert "b\n" not in shown.stdout


def test_what_is_said_of_a_file_is_said_with_the_first_curve_that_is_forecast(tmp_path: Path) -> None:
    rows = ["b,50,nan,0,500,finetune,max,400,x", *(f"{row},x" for row in SOUND)]
    result = run(write(tmp_path, "\n".join([f"{MANY},source", *rows])), "--json", "--plot", str(tmp_path / "a.png"))
    _, first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert "Not read: column 'source'." in first["notes"]
    assert "Not read: column 'source'." not in second["notes"]
    assert (tmp_path / "a.png").exists()


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        (["b,50,nan", "c,50,inf"], (), "line 2: score is nan"),
        (["50,61", *(f"a,{n},{score}" for n, score in CURVE)], (), "line 2: score '' is not a number"),
        (
            [f"{name},{n},{score}" for name in "abc" for n, score in CURVE],
            ("--range", "0,1"),
            "line 2: score 61 is outside",
        ),
        ([f"{name},{n},{score}" for name in "abc" for n, score in CURVE], ("--target", "0"), None),
        (
            [f"{name},{n},{score}" for name in "abc" for n, score in CURVE],
            ("--target", "120"),
            "target 120 lies outside",
        ),
        (
            [f"{name},{n},{score}" for name in "abc" for n, score in CURVE],
            ("--at", "-1"),
            "--at -1: expected a positive",
        ),
        (
            [f"{name},{n},{score}" for name in "abc" for n, score in CURVE],
            ("--delta", "0"),
            "--delta 0: expected a positive",
        ),
    ],
)
def test_a_file_of_which_nothing_is_sure_or_an_option_that_fits_few_curves_is_refused(
    tmp_path: Path, rows: list[str], options: tuple[str, ...], said: str | None
) -> None:
    result = run(write(tmp_path, "\n".join(["curve_id,n,score", *rows])), "--json", *options)
    if said is None:
        assert result.exit_code == 0
        return
    assert isinstance(result.exception, DataError | UsageError)
    assert said in str(result.exception)
    assert result.stdout == ""


def test_a_target_in_another_unit_than_one_curve_s_refuses_that_curve(tmp_path: Path) -> None:
    rows = [*SOUND, *(f"f,{n},{score / 100},0,500,finetune,max,1600" for n, score in CURVE)]
    result = run(write(tmp_path, "\n".join([MANY, *rows])), "--json", "--target", "85")
    assert [json.loads(line).get("error") is None for line in result.stdout.splitlines()] == [True, True, False]
    assert "target 85 lies outside the metric's range 0 to 1" in result.stdout


@pytest.mark.parametrize(
    ("scores", "way", "beyond"),
    [
        ((1060, 1100, 1150, 1190), "max", "above 100 in 4 of 4"),
        ((70, 95, 140, 190), "max", "above 100 in 2 of 4"),
        ((-310, -250, -190, -120), "max", "beyond 100 and -100 in 4 of 4"),
        ((0.4, 0.1, -0.2, -0.4), "min", "below 0 in 2 of 4"),
    ],
)
def test_scores_that_no_usual_range_holds_are_read_without_ends_and_it_is_said(
    tmp_path: Path, scores: tuple[float, ...], way: str, beyond: str
) -> None:
    rows = [f"e,{n},{score},0,,finetune,{way},1600" for (n, _), score in zip(CURVE, scores, strict=True)]
    result = run(write(tmp_path, "\n".join([MANY, *SOUND, *rows])), "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.output.splitlines()[-1])
    assert any(f"Scores {beyond} sizes: read as a score without a best value" in note for note in found["notes"])
    sign = -1.0 if way == "min" else 1.0
    assert sign * found["forecasts"][0]["median"] > sign * scores[-1]
    told = run(str(tmp_path / "curves.csv"), "--range", ",", "--json").stdout.splitlines()[-1]
    assert found["forecasts"] == json.loads(told)["forecasts"]


@pytest.mark.parametrize(
    "points",
    [
        "50:61,100:660,200:72,400:77",  # a slip of the pen
        "61:50,66:100,72:200,77:400",  # columns exchanged
        "61.5:150,66:160,72:170,77:180",
        "50:450,100:300,200:220,400:180",  # a loss whose direction nobody said
    ],
)
def test_scores_above_100_that_may_be_mistakes_are_refused(points: str) -> None:
    problem = run("--points", points).exception
    assert isinstance(problem, DataError)
    assert "outside the metric's range 0..100" in str(problem)


def test_per_cents_beside_mostly_other_scores_are_doubted(tmp_path: Path) -> None:
    def notes(count: int) -> list[str]:
        rows = [f"e{k},{n},{10 * score},0,,finetune,max,1600" for k in range(count) for n, score in CURVE]
        return json.loads(run(write(tmp_path, "\n".join([MANY, *SOUND, *rows])), "--json").output.splitlines()[0])[
            "notes"
        ]

    doubt = "while most curves of the file score above 100"
    assert [any(doubt in note for note in notes(count)) for count in (2, 3)] == [False, True]


def test_a_size_that_is_asked_for_and_lies_within_the_data_is_said(tmp_path: Path) -> None:
    rows = [f"{n},{score},{target}" for (n, score), target in zip(CURVE, ("", "", 400, 800), strict=True)]
    found = answer(tmp_path, "n,score,target_n", rows)
    assert "Asked for n=400, with n=400 measured: what one more run there would score, no look ahead." in found["notes"]
    assert [entry["n"] for entry in found["forecasts"]] == [400.0, 800.0]


@pytest.mark.parametrize(
    ("scores", "n_test", "ways"),
    [
        ((12, 8, 5), 200, ["0,100", "0,200"]),
        ((12, 8, 5), 100, ["0,100"]),
        ((150, 90, 60), 200, ["0,200"]),
        ((12.4, 8, 5.6), 500, ["0,100"]),
        ((0.12, 0.08, 0.05), 200, ["0,1"]),
        ((12.3, 8.1, 5.2), 200, []),
        ((4.21, 3.87, 3.52), 200, []),
    ],
)
def test_round_errors_are_doubted_before_any_number_and_the_ways_out_work(
    tmp_path: Path, scores: tuple[float, ...], n_test: int, ways: list[str]
) -> None:
    rows = [f"{n},{score},{n_test},min" for (n, _), score in zip(CURVE, scores, strict=False)]
    path = write(tmp_path, "\n".join(["n,score,n_test,direction", *rows]))
    shown = run(path).output.splitlines()
    assert ("Doubtful" in shown[1]) == bool(ways)
    assert [f"--range {way} (" in shown[1] or f"or {way} (" in shown[1] for way in ways] == [True] * len(ways)
    assert sum("Doubtful" in line for line in shown) == bool(ways)
    loss = json.loads(run(path, "--json").output)["forecasts"][0]["intervals"]["0.80"]
    for way in ways:
        result = run(path, "--range", way, "--json")
        assert result.exit_code == 0
        told = json.loads(result.output)
        assert not any("Doubtful" in note or "not used" in note for note in told["notes"])
        low, high = told["forecasts"][0]["intervals"]["0.80"]
        assert high - low > 1.5 * (loss[1] - loss[0])


def test_how_often_a_step_settles_is_said_where_it_was_judged() -> None:
    counted, judged = (json.loads(run("--points", POINTS, "--json", *more).output) for more in ((), ("--chances",)))
    assert counted["forecasts"] == judged["forecasts"]
    assert [step["chance"] for step in counted["verdict"]["settle"]] != [
        s["chance"] for s in judged["verdict"]["settle"]
    ]
    shown = run("--points", POINTS, "--chances").output
    chance = judged["verdict"]["answer"]["chance"]
    assert f"(a plain word after {100 * chance:.0f} of 100 expected outcomes)" in shown


def test_test_rows_that_differ_within_a_curve_are_said_with_what_each_number_is_taken_for(tmp_path: Path) -> None:
    lines = [f"a,{n},{score},{rows}" for (n, score), rows in zip(CURVE, (100, 100, 300, 500), strict=True)]
    path = write(tmp_path, "\n".join(["curve_id,n,score,n_test", *lines]))
    notes = json.loads(run(path, "--json").output)["notes"]
    (note,) = [note for note in notes if "n_test" in note]
    assert note.startswith(
        "n_test differs within curve 'a': 100 to 500 (3 numbers); each size's own rows give its noise"
    )
    assert "the 500 of the largest size" in note
    points = CurveTable("a")
    points.size.extend(n for n, _ in CURVE)
    points.score.extend(score for _, score in CURVE)
    points.replicate.extend([""] * 4)
    points.test_rows.extend((100, 100, 300, 500))
    assert prepare(points.points(), (0.0, 100.0), "max").test_rows == 500
    given = json.loads(run(path, "--json", "--test-rows", "200").output)["notes"]
    assert "--test-rows 200 is taken; the file says 100 to 500 (3 numbers)." in given
    assert not any("differs" in note for note in given)


def test_test_rows_that_are_not_used_are_named_from_the_fewest_to_the_most(tmp_path: Path) -> None:
    lines = [f"{n},{score},min,{rows}" for n, score, rows in ((50, 4.21, 100), (100, 3.87, 100), (200, 3.52, 500))]
    notes = answer(tmp_path, "n,score,direction,n_test", lines)["notes"]
    assert any(note.startswith("The 100 to 500 test rows are not used") for note in notes)
    assert not any("differs" in note for note in notes)


@pytest.mark.parametrize("option", ["--label-price", "--value-per-point", "--serving-price"])
def test_a_price_whose_sums_overflow_is_refused_before_a_forecast(option: str) -> None:
    """The decision said "to be worth nan, and so to return nan net"."""
    problem = run("--points", POINTS, "--value-per-point", "1", option, "1e308").exception
    assert isinstance(problem, UsageError)
    assert f"{option} 1e+308: expected a price of 0 or more, 1e+15 at most" in str(problem)
    assert "nan" not in run("--points", POINTS, "--value-per-point", "1e15", "--label-price", "1e15").output
