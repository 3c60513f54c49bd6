"""The table of strategies of several studies, and the studies that it was made for."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from tests.fakes.records import finished_trial, results_of, score
from tests.support.class_rows import class_rows
from tunecurve.results.records.points import Point
from tunecurve.results.records.trials import TrialResult
from tunecurve.run import run_study
from tunecurve.spec.reading import load_spec, parse_spec
from tunecurve.study.plan import Strategy

FOLDER = Path(__file__).parents[1] / "benchmarks" / "strategies"
SCRIPT = FOLDER / "table.py"
STUDIES = sorted(FOLDER.glob("*.yaml"))
SETS = ["banking77", "bc5cdr", "presidio_synthetic", "snips_json", "wikisql"]
table = runpy.run_path(str(SCRIPT))["table"]


def key_values(strategy="fine-tune", learner="m", shots=0, train_size=50):
    return {"learner": learner, "strategy": strategy, "shots": shots, "train_size": train_size}


def measured(*, n_seeds=1, estimate=50.0, low=40.0, high=60.0, **values):
    own = key_values(**values)
    return Point(*own.values(), "label", n_seeds, {"bleu": score(estimate, low, high)}, None, None)


def waiting(state="waiting", seed=0, **values):
    own = key_values(**values)
    return TrialResult(**own, seed=seed, label="", folder="", config_sha256="", config={}, state=state, failure=None)


def done(seed=0, **values):
    return finished_trial(seed=seed, **key_values(**values))


def study(name="strategies-toy", points=(), trials=(), **values):
    spec = {"name": name, "task": "masking", "show_texts": False}
    return results_of(spec=spec, points=list(points), trials=list(trials), **values)


def cells_of(text):
    """The cells of a Markdown table by row, after the two lines of its head."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert len({len(row) for row in rows}) == 1, "every row has as many cells"
    return {row[0]: row[1:] for row in rows[2:]}


def test_a_score_stands_with_its_interval_below_its_study():
    first = study(points=[measured()], trials=[done()])
    second = study("strategies-other", [measured(estimate=7.25, low=1.0, high=12.0)], [done()])
    text = table([first, second])
    assert text.splitlines()[0] == "|  | toy, BLEU | other, BLEU |"
    assert cells_of(text)["m, tuned on 50"] == ["50.0 [40.0, 60.0]", "7.2 [1.0, 12.0]"]


@pytest.mark.parametrize(
    ("trials", "said"),
    [
        ([waiting()], "not measured"),
        ([waiting("started")], "not measured"),
        ([waiting("failed")], "failed"),
        ([waiting(), waiting("failed", seed=1)], "failed"),
        ([], ""),
    ],
)
def test_what_has_no_score_says_why(trials, said):
    other = study("strategies-other", [measured()], [done()])
    assert cells_of(table([study(trials=trials), other]))["m, tuned on 50"] == [said, "50.0 [40.0, 60.0]"]


@pytest.mark.parametrize(("n_seeds", "ends"), [(1, "(1 of 3 seeds)"), (2, "(2 of 3 seeds)"), (3, "60.0]")])
def test_seeds_that_are_missing_are_said(n_seeds, ends):
    trials = [done(seed) if seed < n_seeds else waiting(seed=seed) for seed in range(3)]
    [cell] = cells_of(table([study(points=[measured(n_seeds=n_seeds)], trials=trials)]))["m, tuned on 50"]
    assert cell.startswith("50.0 [40.0, 60.0]")
    assert cell.endswith(ends)


def test_an_undefined_score_is_a_dash_and_one_without_an_interval_has_none():
    points = [measured(estimate=None, low=None, high=None), measured(train_size=200, low=None, high=None)]
    cells = cells_of(table([study(points=points, trials=[done(), done(train_size=200)])]))
    assert (cells["m, tuned on 50"], cells["m, tuned on 200"]) == (["–"], ["50.0"])


def test_prompts_stand_before_tuned_models_and_sizes_grow():
    wanted = [
        (key_values("floor", "floor", 0, 0), "nothing done"),
        (key_values("zero-shot", "m", 0, 0), "m, no examples"),
        (key_values("few-shot", "m", 3, 0), "m, 3 random"),
        (key_values("similar", "m", 8, 50), "m, 8 similar of 50"),
        (key_values("similar", "m", 8, 200), "m, 8 similar of 200"),
        (key_values("similar", "m", 32, 200), "m, 32 similar of 200"),
        (key_values("optimized", "m", 0, 50), "m, instruction found on 50"),
        (key_values("fine-tune", "m", 0, 50), "m, tuned on 50"),
        (key_values("fine-tune", "m", 0, 1200), "m, tuned on 1,200"),
        (key_values("fine-tune", "m+4x:t", 0, 50), "m+4x:t, tuned on 50"),
    ]
    mixed = [wanted[number] for number in (6, 2, 8, 0, 5, 9, 7, 3, 1, 4)]
    studies = [study(trials=[done(**own) for own, _ in mixed])]
    assert list(cells_of(table(studies)))[1:] == [words for _, words in wanted]


def test_every_strategy_has_words_and_a_place():
    trials = [done(strategy=strategy, learner="m", shots=2, train_size=50) for strategy in get_args(Strategy)]
    assert len(cells_of(table([study(trials=trials)]))) == 1 + len(get_args(Strategy))


def test_how_many_rows_and_which_level_is_said_of_every_study():
    first, second = study(trials=[done()]), study("b", trials=[done()])
    rows, level = replace(second.data, n_test=60), replace(second.bootstrap, level=0.9)
    other = replace(second, data=rows, bootstrap=level)
    assert cells_of(table([first, other]))["test rows; level"] == ["1; 95%", "60; 90%"]


@pytest.mark.slow
def test_the_script_reads_run_folders_and_says_what_is_no_run(tmp_path):
    path = tmp_path / "classes.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in class_rows(120)))
    study = {
        "name": "strategies-toy",
        "task": "classification",
        "data": {"source": str(path), "input_column": "text", "target_column": "label"},
        "split": {"test_size": 40, "method": "random"},
        "models": ["tfidf"],
        "train_sizes": [20, 40],
        "bootstrap": {"draws": 100},
    }
    found = run_study(study, out=tmp_path / "out").results
    printed = _run(tmp_path / "out")
    assert (printed.returncode, printed.stderr) == (0, "")
    cells = cells_of(printed.stdout)
    scores = {point.train_size: point.scores["accuracy"].estimate for point in found.points if point.learner == "tfidf"}
    assert {n: float(cells[f"tfidf, tuned on {n}"][0].split()[0]) for n in (20, 40)} == pytest.approx(scores, abs=0.05)
    shutil.rmtree(tmp_path / "out" / "trials")
    assert _run(tmp_path / "out").stdout == printed.stdout, "results.json alone is read"
    empty = _run(tmp_path)
    assert (empty.returncode, empty.stdout) == (1, "")
    assert "no results.json" in empty.stderr
    assert "Traceback" not in empty.stderr
    assert _run().returncode == 1


def _run(*folders):
    command = [sys.executable, str(SCRIPT), *map(str, folders)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_there_is_a_study_of_every_set_and_its_command_is_shown():
    readme = (FOLDER / "README.md").read_text()
    assert [path.stem for path in STUDIES] == SETS
    assert all(f"{name}.yaml" in readme for name in SETS)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_asks_for_the_strategies_that_are_compared(path):
    spec = parse_spec(load_spec(path), str(path))
    assert spec.name == f"strategies-{path.stem}"
    assert not Path(str(spec.data.source)).is_absolute()
    assert {0, 3} <= set(spec.random_shots)
    assert {(one.choose, one.count) for one in spec.similar_shots} == {("similar", 8), ("similar", 32)}
    assert len(spec.train_sizes) > 1
    assert spec.split.test_size >= 60
