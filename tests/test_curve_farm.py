"""The curve farm: its table of sets, its run folders that continue, and its points, which hold no text."""

from __future__ import annotations

import csv
import fcntl
import json
import signal
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks" / "curves"
sys.path.insert(0, str(FOLDER))

import farm as curve_farm  # noqa: E402  (a folder of scripts, not a package)
import points  # noqa: E402
import sets  # noqa: E402
import to_atlas  # noqa: E402
import track_record  # noqa: E402

SETS = sets.read_sets()
WORDS = {"fire": "flame smoke burn", "water": "wave river rain", "earth": "stone sand hill"}


@pytest.fixture
def farm(tmp_path, capsys, monkeypatch):
    """A function that runs the farm on a made-up set of three classes, in a folder of its own: exit code and what it printed."""
    monkeypatch.setattr("tunecurve.report.live.write_report", lambda folder, results: None)
    monkeypatch.setitem(sets.SEEDS, "tfidf", 2)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    rows = [
        {"text": f"the {WORDS[label].split()[number % 3]} of number {number}", "label": label}
        for number in range(90)
        for label in [list(WORDS)[number % 3]]
    ]
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:60]))
    (tmp_path / "toy" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[60:]))
    (tmp_path / "sets.toml").write_text(
        '[[set]]\nname = "toy"\ntask = "classification"\nsource = "toy"\norigin = "made up"\nlicence = "none"\n'
        'language = "en"\nexam = false\ntrain = "toy/train.jsonl"\ntest = "toy/test.jsonl"\nlargest = 50\n'
        'input_column = "text"\ntarget_column = "label"\n'
    )

    def run(*options: str) -> tuple[int, str]:
        places = ["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--table", str(tmp_path / "sets.toml")]
        try:
            code = curve_farm.main([*places, *options])
        except SystemExit as wrong:  # as argparse ends
            code = wrong.code
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def table_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "out" / "points.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_set_is_measured_at_doubling_sizes_and_a_second_start_finds_it_done(farm, tmp_path):
    assert farm("--learners", "tfidf", "--largest", "25")[0] == 0
    assert {(row["n"], row["seed"]) for row in table_of(tmp_path)} == {("25", "0"), ("25", "1")}
    assert farm("--learners", "tfidf")[0] == 0
    table = table_of(tmp_path)
    assert len(table) == 2 * 2 * 2  # sizes, seeds, metrics
    assert {(row["metric"], row["strategy"], row["n_test"]) for row in table} == {
        ("accuracy", "fine-tune", "30"),
        ("macro_f1", "fine-tune", "30"),
    }
    assert all(0 <= float(row["score"]) <= 100 and row["version"] and row["date"] for row in table)
    assert {row["floor"] for row in table if row["metric"] == "accuracy"} == {"33.333"}
    code, printed = farm("--learners", "tfidf")
    assert code == 0
    assert "1 of them finished" in printed
    assert "Accuracy" not in printed
    assert table_of(tmp_path) == table


@pytest.mark.slow
@pytest.mark.parametrize(("falls", "seeds"), [(True, {"0", "1", "2"}), (False, {"0", "1"})])
def test_a_curve_that_falls_somewhere_is_run_with_more_seeds(farm, tmp_path, monkeypatch, falls, seeds):
    monkeypatch.setitem(sets.SEEDS_AFTER_A_FALL, "tfidf", 3)
    monkeypatch.setattr(curve_farm, "falls_somewhere", lambda rows: bool(rows) and falls)
    assert farm("--learners", "tfidf")[0] == 0
    assert {(row["n"], row["seed"]) for row in table_of(tmp_path)} == {
        (n, seed) for n in ("25", "50") for seed in seeds
    }
    assert json.loads((tmp_path / "out" / "done" / "toy--tfidf.json").read_text())["seeds"] == len(seeds)


@pytest.mark.slow
def test_fewer_runs_come_first_and_the_rest_is_not_taken_for_done(farm, tmp_path):
    assert farm("--learners", "tfidf", "--largest", "25", "--runs", "1")[0] == 0
    assert {row["seed"] for row in table_of(tmp_path)} == {"0"}
    assert "1 of them finished" in farm("--learners", "tfidf", "--largest", "25", "--runs", "1")[1]
    assert farm("--learners", "tfidf", "--largest", "25")[0] == 0
    assert {row["seed"] for row in table_of(tmp_path)} == {"0", "1"}


@pytest.mark.parametrize(
    ("scores", "falls"),
    [([50, 50, 60], False), ([50, 49.9, 60], True), ([50, 60, 59], True), ([50], False), ([], False)],
)
def test_a_fall_is_one_of_the_first_runs_headline(scores, falls):
    curve = {25 * 2**step: [score, 0.0] for step, score in enumerate(scores)}
    other = [*curve_rows({25: [9], 50: [8]}, metric="macro_f1"), *curve_rows({0: [9], 3: [8]}, strategy="few-shot")]
    assert points.falls_somewhere([*curve_rows(curve), *other]) is falls
    better = curve_rows({25: [1], 50: [2]}, learner="another")
    assert points.falls_somewhere([*better, *curve_rows(curve)]) is falls, "any of the models"


def test_what_another_process_holds_is_left_to_it(farm, tmp_path):
    lock = tmp_path / "out" / "locks" / "toy--tfidf.lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert farm("--learners", "tfidf")[0] == 0
        assert table_of(tmp_path) == []


@pytest.mark.slow
def test_when_the_time_is_over_the_code_says_that_something_is_left(farm, tmp_path):
    code, printed = farm("--learners", "tfidf", "--max-minutes", "0.0001")
    assert code == 130
    assert "the same command continues" in printed
    assert farm("--learners", "tfidf", "--list")[1].split() == ["open", "toy--tfidf", "25..50"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sets", "toi"], "no set 'toi'; there are: toy"),
        (["--learners", "tfdif"], "no learner 'tfdif'; there are: tfidf"),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_ones(farm, options, said):
    code, printed = farm(*options)
    assert code == 2
    assert said in printed


def test_the_table_has_sets_of_every_kind_and_leaves_half_of_the_sources_out_of_tuning():
    assert len(SETS) >= 26
    assert len({one.name for one in SETS}) == len(SETS)
    assert {one.task for one in SETS} == set(points.METRICS)
    assert len({one.language for one in SETS}) >= 8
    sources: dict[str, set[bool]] = {}
    for one in SETS:
        sources.setdefault(one.source, set()).add(one.exam)
    assert all(len(answers) == 1 for answers in sources.values()), "sets of one source share rows"
    assert sum(answers == {True} for answers in sources.values()) * 2 >= len(sources)
    assert sum("smollm2" in one.learners for one in SETS) >= 8
    assert sum(len(sets.models_of(one, "smollm2")) == 2 for one in SETS) >= 8


@pytest.mark.parametrize("one", SETS, ids=lambda one: one.name)
def test_every_set_gives_a_study_that_the_program_takes(one):
    from tunecurve.spec.reading import parse_spec

    for learner in one.learners:
        spec = parse_spec(sets.study_of(one, learner, Path("data")))
        assert spec.train_sizes == [25 * 2**step for step in range(len(spec.train_sizes))]
        assert spec.train_sizes[-1] <= one.largest < 2 * one.largest
        assert not spec.show_texts
        assert one.licence


def row(**changes: str) -> dict[str, str]:
    usual = {"set": "a", "learner": "tagger", "strategy": "fine-tune", "n": "25", "seed": "0", "metric": "bleu"}
    return usual | {"score": "50", "device": "cpu", "n_test": "100"} | changes


def test_points_of_two_devices_never_stand_in_one_curve():
    cpu = [row(), row(n="50")]
    gpu = [row(device="cuda", score="51", n=n) for n in ("25", "50", "100")]
    for tables in ([cpu, gpu], [gpu, cpu]):
        assert {item["device"] for item in points.merged(tables, ["a"])} == {"cuda"}
    other_learner = [row(learner="tfidf", device="cpu")]
    assert {item["device"] for item in points.merged([gpu, other_learner], ["a"])} == {"cuda", "cpu"}


def test_a_later_table_of_the_same_origin_replaces_and_adds():
    found = points.merged([[row(), row(n="200")], [row(score="60"), row(n="100")]], ["a"])
    assert [(item["n"], item["score"]) for item in found] == [("25", "60"), ("100", "50"), ("200", "50")]


def test_a_point_without_a_score_is_left_out():
    assert points.merged([[row(score="")]], ["a"]) == []


def test_points_come_back_as_they_were_written(tmp_path):
    written = [dict.fromkeys(points.COLUMNS, "1") | row()]
    points.write_points(tmp_path / "points.csv", written)
    assert points.read_points(tmp_path / "points.csv") == written
    assert points.read_points(tmp_path / "none.csv") == []


def curve_rows(scores: dict[int, list[float]], **changes: str) -> list[dict[str, str]]:
    """Rows of the stored table for one tfidf curve on a set of the real table."""
    common = {
        "set": "snips",
        "task": "classification",
        "learner": "tfidf",
        "strategy": "fine-tune",
        "metric": "accuracy",
    }
    rest = {
        "loss": "",
        "n_test": "500",
        "floor": "14.4",
        "seconds": "1",
        "device": "cpu",
        "version": "1",
        "date": "2026-01-01",
    }
    return [
        common | rest | {"n": str(n), "seed": str(seed), "score": str(score)} | changes
        for n, runs in scores.items()
        for seed, score in enumerate(runs)
    ]


SCORES = {
    25: [50.0, 54.0],
    50: [61.0, 63.0],
    100: [70.0, 72.0],
    200: [77.0, 79.0],
    400: [82.0, 84.0],
    1600: [90.0, 90.0],
}


def test_a_forecast_of_the_record_sees_smaller_sizes_only_and_is_judged_by_the_mean_of_all_runs(tmp_path):
    points.write_points(tmp_path / "measured.csv", curve_rows(SCORES))
    last, four, three, two, one, none = track_record.outcomes(tmp_path / "measured.csv")
    assert (last.seen, last.target, last.measured) == ((25, 50, 100, 200, 400), 1600, 90.0)
    assert (three.seen, three.target, three.measured) == ((25, 50, 100), 400, 83.0), "1,600 is more than 8 times 100"
    assert three.crps_last == pytest.approx(12.0)
    assert (four.seen, four.target) == ((25, 50, 100, 200), 1600)
    assert ((two.seen, two.target), (one.seen, one.target)) == (((25, 50), 400), ((25,), 200))
    assert ((none.seen, none.target), none.crps_last) == (((), 200), pytest.approx(78 - 14.4)), (
        "doing nothing is the last value"
    )
    assert one.interval_80[1] - one.interval_80[0] > three.interval_80[1] - three.interval_80[0], "borrowed is wide"
    assert three.interval_90[0] < three.interval_80[0] < three.median < three.interval_80[1] < three.interval_90[1]
    changed = SCORES | {400: [10.0, 10.0]}
    points.write_points(tmp_path / "measured.csv", curve_rows(changed))
    assert track_record.outcomes(tmp_path / "measured.csv")[2].median == three.median, "what came is not seen"


def test_no_task_of_a_curve_stands_there_twice(tmp_path):
    for n_sizes, n_tasks in ((1, 0), (2, 2), (3, 3), (4, 4), (5, 5)):
        points.write_points(tmp_path / "measured.csv", curve_rows(dict(list(SCORES.items())[:n_sizes])))
        assert len(track_record.outcomes(tmp_path / "measured.csv")) == n_tasks


def test_less_is_better_where_documents_leak(tmp_path):
    falling = {25: [60.0], 50: [40.0], 100: [27.0], 200: [18.0], 400: [12.0]}
    rows = curve_rows(falling, set="meddocan", learner="tagger", metric="leak_documents", task="masking")
    points.write_points(tmp_path / "measured.csv", rows)
    last = track_record.outcomes(tmp_path / "measured.csv")[0]
    assert last.median < 18.0
    assert last.interval_80[0] >= 0.0


def test_every_source_counts_the_same():
    sources = {one.source: one for one in SETS}
    first, second = list(sources.values())[:2]

    def outcome(one, measured):
        curve = track_record.MeasuredCurve(one, "tagger", "bleu", 100, {}, {}, "cpu")
        return track_record.Outcome(curve, "first three", (1,), 2, measured, 5, (0, 10), (0, 10), 1.0, 1.0)

    found = [outcome(first, 5), outcome(first, 5), outcome(first, 5), outcome(second, 50)]
    assert track_record.by_source(found, lambda item: item.held(item.interval_80)) == 0.5


def test_a_curve_goes_into_the_atlas_with_its_command_and_its_device():
    from tunecurve.atlas.load import FAMILY_COLUMNS, POINT_COLUMNS, parse_atlas

    one = next(item for item in SETS if item.name == "hate_forum")
    family = to_atlas.family_row(one)
    assert family["locator"].endswith("--sets hate_forum")
    families = ",".join(FAMILY_COLUMNS) + "\n" + ",".join(f'"{family[key]}"' for key in FAMILY_COLUMNS)
    rows = curve_rows({25: [50.0, 54.0], 50: [61.0]}, set="hate_forum")
    measured = "\n".join([",".join(points.COLUMNS), *(",".join(item[key] for key in points.COLUMNS) for item in rows)])
    (curve,) = parse_atlas(families, ",".join(POINT_COLUMNS), measured).curves
    assert curve.runs == {25: [50.0, 54.0], 50: [61.0]}
    assert curve.without_tuning == {"floor": 14.4}
    assert curve.measured_by == {"device": ["cpu"], "version": ["1"], "date": ["2026-01-01"]}
    assert curve.test_rows == 500


def test_a_family_says_who_was_given_a_part_of_the_test_rows():
    notes = {one.name: to_atlas.family_row(one)["notes"] for one in SETS}
    assert "(3080 rows), of which were given at most: classifier 1,000;" in notes["banking77"] + ";"
    assert "(1452 rows), of which were given at most: smollm2 300, classifier 1,000" in notes["hate_forum"]
    assert "(695 rows), of which were given at most: smollm2 300" in notes["snips"]
    assert "given" not in notes["lifebench_pii"]


def test_a_learner_with_one_size_is_no_curve():
    single = curve_rows({25: [50.0]}) + curve_rows({25: [50.0], 50: [60.0]}, learner="classifier")
    assert {item["learner"] for item in to_atlas.whole_curves(single)} == {"classifier"}
    untuned = curve_rows({3: [20.0]}, strategy="few-shot")
    assert to_atlas.whole_curves(single + untuned) == to_atlas.whole_curves(single)


@pytest.mark.parametrize(
    ("loss", "written"), [({"test": {"mean": 1.23456}}, "1.2346"), ({"test": None}, ""), (None, "")]
)
def test_the_loss_of_the_right_answers_is_written_where_a_learner_measures_it(tmp_path, loss, written):
    trial = {
        "learner": "tagger", "strategy": "fine-tune", "train_size": 25, "shots": 0, "seed": 0, "state": "finished",
        "folder": "trials/a", "answer_seconds": 2.0, "training": {"train_seconds": 3.0}, "loss": loss,
        "config": {"learner": {"compute": {"device": "cuda", "dtype": "bfloat16"}}}, "scores": {"entity_f1": 61.5},
    }  # fmt: skip
    floor = {"strategy": "floor", "scores": {"entity_f1": {"estimate": 0.0}}}
    results = {"trials": [trial], "points": [floor], "data": {"n_test": 350}, "tunecurve_version": "0.1.0"}
    (tmp_path / "trials" / "a").mkdir(parents=True)
    (tmp_path / "trials" / "a" / "result.json").touch()
    (tmp_path / "results.json").write_text(json.dumps(results))
    one = next(item for item in SETS if item.name == "europeana_de")
    (found,) = points.points_of_run(one, tmp_path)
    assert (found["loss"], found["seconds"], found["device"]) == (written, "5.0", "cuda bfloat16")
    assert (found["floor"], found["score"]) == ("0.000", "61.500")


def test_what_a_choice_was_made_on_is_no_exam_any_more():
    def curve(name, learner):
        one = next(item for item in SETS if item.name == name)
        return track_record.MeasuredCurve(one, learner, "accuracy", 100, {}, {}, "cpu")

    marks = [curve(*key).mark for key in (("xsid", "tfidf"), ("xsid", "classifier"), ("snips", "tfidf"))]
    assert marks == [" (*)", " *", ""]
    for name, learner in track_record.LOOKED_AT:
        assert not curve(name, learner).is_exam


def test_the_prior_is_learned_from_no_curve_of_the_exam():
    curves = track_record.read_curves(points.read_points(track_record.MEASURED), sets.read_sets())
    learned = [curve for curve in curves if curve.is_learned]
    assert learned
    assert not [curve for curve in learned if curve.one.exam or curve.is_fresh or curve.learner == "tfidf"]
