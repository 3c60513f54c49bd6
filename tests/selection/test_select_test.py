"""`tunecurve select-test`: from rows or a run to a verdict, resumable, on frozen test rows."""

import json

import numpy as np
import pytest

from tests.fakes.lookup_learner import LookupLearner
from tunecurve.cli.main import run_command
from tunecurve.formats.spans import EntityFormat, derive_mask
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.metrics.settings import MetricSettings
from tunecurve.report.selection import selection_page
from tunecurve.run import run_study
from tunecurve.selection import run as selection_run
from tunecurve.selection.cheap_learners import OfTexts, fit_classes
from tunecurve.selection.replay import Setting, replay, without
from tunecurve.selection.vectors import tfidf_products
from tunecurve.selection.ways import WAYS
from tunecurve.storage.files import read_checked_json

QUICK = ("--replays", "3", "--sizes", "8,16,32")
WORDS = ("rain", "goal", "vote", "song", "bread", "train")


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def mostly_one(n, rare):
    """Rows that hardly differ, and one in `rare` of another topic."""
    return [
        {
            "text": f"{WORDS[1 + number // rare % 5]} {WORDS[1 + number // rare % 5]}s now n{number}",
            "label": WORDS[1 + number // rare % 5],
        }
        if number % rare == 0
        else {"text": f"rain again and again today n{number}", "label": WORDS[0]}
        for number in range(n)
    ]


def topics(n, seed=0):
    """Rows of six topics, as many of each."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        topic, filler = number % 6, " ".join(f"w{word}" for word in generator.integers(12, size=4))
        rows.append({"text": f"{WORDS[topic]} {WORDS[topic]}s {filler} n{number}", "label": WORDS[topic]})
    return rows


def said(capsys, *arguments):
    code = run_command(["select-test", *map(str, arguments)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


@pytest.fixture
def rows(tmp_path):
    return write(tmp_path / "rows.jsonl", topics(160))


def options(rows, out):
    return (rows, "--input-column", "text", "--target-column", "label", "--task", "classification",
            "--split", "random", "--test-size", "40", "--out", out, *QUICK)  # fmt: skip


def test_it_says_what_it_measured_and_recommends_nothing_without_proof(rows, tmp_path, capsys):
    code, out, err = said(capsys, *options(rows, tmp_path / "out"))
    assert code == 0, err
    assert "accuracy on 40 test rows" in out.lower()
    assert "3 seed sets of 8 rows, then 16, 32" in out
    found = read_checked_json(tmp_path / "out" / "select-test" / "select-test.json")
    assert found["sentence"] in out
    is_proven = any(result["outcome"] == "better" for result in found["results"])
    assert is_proven != ("choose the next rows at random" in found["sentence"])
    for result in found["results"]:
        change = result["change"]
        assert (change is None) == (result["way"] == "random")
        if result["outcome"] == "better":
            assert change["low"] > 0
    assert "[12/12]" in err
    assert "left" in err
    page = (tmp_path / "out" / "select-test" / "select-test.html").read_text()
    assert "which rows next?" in page
    assert "<script" not in page


def test_a_way_that_finds_rare_kinds_is_proven(tmp_path, capsys):
    """The positive control: one topic is nearly everything that waits, and the test rows are even."""
    pool = write(tmp_path / "pool.jsonl", mostly_one(300, rare=12))
    test = write(tmp_path / "test.jsonl", [row for row in topics(180, seed=1) if row["label"] != "rain"])
    arguments = ("--input-column", "text", "--target-column", "label", "--task", "classification", "--split", "random")
    code, out, err = said(
        capsys,
        pool,
        "--test-data",
        test,
        *arguments,
        "--out",
        tmp_path / "out",
        "--replays",
        "5",
        "--sizes",
        "10,20,40",
        "--json",
    )
    assert code == 0, err
    found = json.loads(out)
    by_way = {result["way"]: result for result in found["results"]}
    assert by_way["diverse"]["outcome"] == "better"
    assert "rows learn fastest" in found["sentence"]
    assert by_way["diverse"]["change"]["low"] > 0
    assert found["schema_version"] == 1


def test_random_labels_prove_nothing(tmp_path, capsys):
    generator = np.random.default_rng(0)
    noise = [{**row, "label": WORDS[generator.integers(3)]} for row in topics(160)]
    code, out, err = said(capsys, *options(write(tmp_path / "rows.jsonl", noise), tmp_path / "out"))
    assert code == 0, err
    assert "learn fastest" not in out
    assert "do not get this learner above the floor" in out


def test_the_same_command_goes_on_and_ends_with_the_same_numbers(rows, tmp_path, capsys, monkeypatch):
    arguments = options(rows, tmp_path / "out")
    assert said(capsys, *arguments)[0] == 0
    whole = (tmp_path / "out" / "select-test" / "select-test.json").read_bytes()
    log = tmp_path / "out" / "select-test" / "replays.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    assert len(lines) == 12
    log.write_bytes(b"".join(lines[:4]) + lines[4][:50])  # killed while it wrote the fifth
    computed = []
    monkeypatch.setattr(
        selection_run,
        "replay",
        lambda setting, learner, way, seed: computed.append((way, seed)) or replay(setting, learner, way, seed),
    )
    assert said(capsys, *arguments)[0] == 0
    assert len(computed) == 8
    assert (tmp_path / "out" / "select-test" / "select-test.json").read_bytes() == whole
    computed.clear()
    assert said(capsys, *arguments)[0] == 0
    assert computed == []


@pytest.mark.parametrize("change", [("--sizes", "8,16,40"), ("--pool-rows", "100"), ("--metric", "macro_f1")])
def test_nothing_that_was_kept_serves_another_question(rows, tmp_path, capsys, monkeypatch, change):
    assert said(capsys, *options(rows, tmp_path / "out"))[0] == 0
    computed = []
    monkeypatch.setattr(selection_run, "replay", lambda *given: computed.append(given[2:]) or replay(*given))
    assert said(capsys, *options(rows, tmp_path / "out"), *change)[0] == 0
    assert len(computed) == 12


def test_a_run_is_replayed_on_its_frozen_rows(rows, tmp_path, capsys):
    study = {
        "name": "topics", "task": "classification", "models": ["lookup"], "shots": [0], "train_sizes": [10, 40],
        "split": {"test_size": 40, "method": "random"}, "bootstrap": {"draws": 100},
        "data": {"source": str(rows), "input_column": "text", "target_column": "label"},
    }  # fmt: skip
    ran = run_study(study, out=tmp_path / "out", learners={"lookup": LookupLearner()})
    code, _, err = said(capsys, tmp_path / "out", *QUICK)
    assert code == 0, err
    found = read_checked_json(tmp_path / "out" / "select-test" / "select-test.json")
    assert found["test_sha256"] == ran.results.data.test_sha256
    assert found["n_pool"] == ran.results.data.n_pool
    code, _, err = said(capsys, tmp_path / "out", *QUICK, "--test-size", "20")
    assert code == 2
    assert "--test-size with the run folder" in err


def test_test_groups_are_never_chosen_from(tmp_path, capsys, monkeypatch):
    grouped = [{**row, "customer": f"c{number // 4}"} for number, row in enumerate(topics(200))]
    seen = []
    monkeypatch.setattr(selection_run, "replay", lambda *given: seen.append(given[0]) or replay(*given))
    path = write(tmp_path / "rows.jsonl", grouped)
    arguments = [one if one != "random" else "group" for one in options(path, tmp_path / "out")]
    code, out, err = said(capsys, *arguments, "--group-column", "customer")
    assert code == 0, err
    setting = seen[0]
    assert not {row.group for row in setting.pool} & {row.group for row in setting.test}
    assert f"40 test rows in {len({row.group for row in setting.test})} groups" in out
    assert len(set(setting.groups.tolist())) == len({row.group for row in setting.test}) < 40


def test_sets_of_labels_are_replayed_too(tmp_path, capsys):
    rows = [
        {**row, "label": f"{row['label']}; even" if number % 2 else row["label"]}
        for number, row in enumerate(topics(160))
    ]
    arguments = [
        one if one != "classification" else "multilabel"
        for one in options(write(tmp_path / "r.jsonl", rows), tmp_path / "out")
    ]
    code, out, err = said(capsys, *arguments)
    assert code == 0, err
    assert "random" in out


@pytest.mark.parametrize(
    ("more", "code", "line"),
    [
        (("--sizes", "8"), 2, "expected at least two sizes from 1 to 120"),
        (("--sizes", "0,8"), 2, "expected at least two sizes from 1 to 120"),
        (("--sizes", "8,121"), 2, "expected at least two sizes from 1 to 120"),
        (("--sizes", "8,120"), 2, "are all rows, which every way chooses alike"),
        (("--replays", "2"), 2, "3<=x<=50"),
        (("--limit", "50"), 3, "10 training rows are left beside the test rows, and a replay needs 20"),
    ],
)
def test_what_cannot_be_replayed_is_one_line(rows, tmp_path, capsys, more, code, line):
    # Of sizes that are given twice all count.
    usual = options(rows, tmp_path / "out")
    found, out, err = said(capsys, *(usual[: -len(QUICK)] if "--sizes" in more else usual), *more)
    assert found == code
    assert line in err
    assert out == ""


def test_tasks_without_a_cheap_learner_are_refused(rows_file, tmp_path, capsys):
    code, _, err = said(capsys, rows_file, "--task", "generation", "--test-size", "20", "--out", tmp_path / "out")
    assert code == 2
    assert "the task is generation, and select-test replays classification, multilabel, masking and ner studies" in err
    assert said(capsys)[0] == 2


@pytest.mark.parametrize("task", ["masking", "ner"])
def test_maskings_and_entities_are_replayed_with_a_tagger(rows_file, tmp_path, capsys, task):
    path = rows_file
    if task == "ner":
        rows = [json.loads(line) for line in rows_file.read_text().splitlines()]
        path = write(
            tmp_path / "ner.jsonl", [{"source_text": row["source_text"], "target_text": listed(row)} for row in rows]
        )
    options = (path, "--task", task, "--split", "random", "--test-size", "20", "--out", tmp_path / "out", *QUICK)
    code, out, err = said(capsys, *options)
    assert code == 0, err
    found = read_checked_json(tmp_path / "out" / "select-test" / "select-test.json")
    assert {result["learner"] for result in found["results"]} == {"words"}
    for result in found["results"]:
        assert result["steps"][-1]["score"] > found["floor"] + 20, "four names and four cities are soon learnt"
        assert result["outcome"] != "nothing learnt"
    assert "logistic regression on every word, its form and two words on each side" in out
    code, _, err = said(capsys, *options, "--vectors", "encoder")
    assert code == 2
    assert f"what learns in a {task} study is a tagger, which reads words; leave it out" in err


def listed(row):
    """The names and cities of a masking as a list of entities."""
    spans = derive_mask(row["source_text"], row["target_text"])
    return EntityFormat().render(row["source_text"], spans)


def setting_of(rows, metric="accuracy"):
    from tunecurve.data.rows import Row

    texts = [Row(row["text"], row["label"], str(number)) for number, row in enumerate(rows)]
    pool, test = texts[:60], texts[60:]
    metric = build_metrics([metric], MetricSettings(labels=WORDS))[0]
    return Setting(pool, test, np.arange(len(test)), metric, lambda t: [t], "class", [10, 20, 40], 42)


def learner_of(setting):
    products = tfidf_products([row.source for row in setting.pool], [row.source for row in setting.test])
    return OfTexts(fit_classes, products)


def test_a_floor_that_no_way_passes_is_said(tmp_path, capsys):
    path = write(tmp_path / "rows.jsonl", mostly_one(160, rare=40))
    code, out, err = said(capsys, *options(path, tmp_path / "out"))
    assert code == 0, err
    assert "32 rows do not get this learner above the floor (most frequent class)" in out


@pytest.mark.parametrize("seed", [0, 2])
def test_all_ways_of_a_seed_begin_alike_and_seeds_begin_apart(seed):
    setting = setting_of(topics(100))
    learner = learner_of(setting)
    starts = {way: replay(setting, learner, way, seed)[0].left_out.tolist() for way in WAYS}
    assert len({tuple(start) for start in starts.values()}) == 1
    assert replay(setting, learner, "random", seed + 1)[0].left_out.tolist() != starts["random"]


def test_all_rows_are_the_same_rows_however_they_were_chosen():
    setting = setting_of(topics(100))
    whole = Setting(**{**setting.__dict__, "sizes": [10, 30, 60], "_statistics": {}})
    learner = learner_of(whole)
    ends = [replay(whole, learner, way, 0)[-1].estimate for way in WAYS]
    assert ends == pytest.approx([ends[0]] * len(WAYS), abs=2.6)  # the order of rows may turn a tie


def test_without_keeps_the_order():
    assert without([3, 1, 2, 5], [1, 5]) == [3, 2]


def test_names_are_no_markup_on_the_page(rows, tmp_path, capsys):
    from dataclasses import replace

    from tunecurve.selection.records import SelectionTest

    assert said(capsys, *options(rows, tmp_path / "out"))[0] == 0
    found = SelectionTest.from_json(read_checked_json(tmp_path / "out" / "select-test" / "select-test.json"))
    page = selection_page(replace(found, name="<img src=x>", metric_title="a $ b"))
    assert "<img src=x>" not in page
    assert "&lt;img src=x&gt;" in page
