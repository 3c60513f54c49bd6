"""Suspicious labels: planted errors are found, good rows are not accused, groups never teach themselves."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_commands import invoke
from tunecurve.data.rows import Row
from tunecurve.formats.spans import LabelledSpan
from tunecurve.study.suspicious.classes import suspicious_classes, suspicious_labels
from tunecurve.study.suspicious.folds import Folds
from tunecurve.study.suspicious.words import suspicious_words, words_of
from tunecurve.tasks.lookup import task_of

TOPICS = {
    "weather": ["rain", "sunny", "forecast", "storm", "cloudy", "degrees"],
    "music": ["song", "album", "guitar", "singer", "playlist", "concert"],
    "food": ["recipe", "oven", "pasta", "dinner", "bake", "soup"],
}


def topic_rows(n, topics=TOPICS):
    """(text, topic) of made-up rows, each with three words of its topic."""
    made = random.Random(0)
    names = sorted(topics)
    return [
        (
            f"{' '.join(made.sample(topics[name], 3))} {made.choice(['please', 'now', 'today', 'tell me'])} {number}",
            name,
        )
        for number in range(n)
        for name in [names[number % len(names)]]
    ]


def gold_of(given, names):
    return np.array([[name in one for name in names] for one in given])


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.mark.parametrize("wrong", [{5}, {5, 31}, {0, 40, 89}, set()])
def test_changed_classes_are_found_and_good_ones_are_not_accused(wrong):
    rows, names = topic_rows(90), sorted(TOPICS)
    given = [names[(names.index(name) + 1) % 3] if n in wrong else name for n, (_, name) in enumerate(rows)]
    texts = [text for text, _ in rows]
    found = suspicious_classes(texts, gold_of([[one] for one in given], names), Folds.of_groups(texts))
    assert {row for row, _, _ in found} == wrong
    assert all(names[suggested] == rows[row][1] and 0 < sureness <= 1 for row, suggested, sureness in found)


def test_rows_of_a_wrong_group_do_not_vouch_for_each_other():
    rows, names = topic_rows(60), sorted(TOPICS)
    texts = [text for text, _ in rows] + ["rain storm forecast please 7"] * 6
    given = [name for _, name in rows] + ["food"] * 6
    gold = gold_of([[one] for one in given], names)
    alone, together = (
        Folds.of_groups([f"g{n}" for n in range(66)]),
        Folds.of_groups([f"g{min(n, 60)}" for n in range(66)]),
    )
    assert {row for row, _, _ in suspicious_classes(texts, gold, together)} == set(range(60, 66))
    assert not {row for row, _, _ in suspicious_classes(texts, gold, alone)} & set(range(60, 66))


def test_missing_and_wrong_labels_of_sets_are_found_one_by_one():
    rows, names = topic_rows(120), sorted(TOPICS)
    pairs = list(zip(rows[:60], rows[60:], strict=True))
    texts = [f"{first} and {second}" for (first, _), (second, _) in pairs] + [text for text, _ in rows[:60]]
    right = [sorted({first, second}) for (_, first), (_, second) in pairs] + [[name] for _, name in rows[:60]]
    given = [list(one) for one in right]
    given[70] = []
    given[90] = [next(name for name in names if name not in right[90])]
    found = {row: turned for row, turned, _ in suspicious_labels(texts, gold_of(given, names), Folds.of_groups(texts))}
    assert {names[n] for n in found[70]} == set(right[70])
    assert {names[n] for n in found[90]} == {*right[90], *given[90]}
    assert len(found) <= 6


def masked_rows(n):
    made = random.Random(1)
    names, cities = ["Ada", "Ben", "Cleo", "Dan", "Eve"], ["Oslo", "Rome", "Lima", "Bonn"]
    shapes = [
        "my name is {N} and I live in {C}",
        "call {N} in {C} today",
        "{N} moved to {C} last year",
        "send it to {N} in {C}",
    ]
    rows = []
    for number in range(n):
        name, city = made.choice(names), made.choice(cities)
        text = shapes[number % 4].replace("{N}", name).replace("{C}", city) + f" ok {number}"
        spans = [(text.index(name), name, "NAME"), (text.index(city), city, "CITY")]
        rows.append((text, [LabelledSpan(start, start + len(value), label) for start, value, label in spans]))
    return rows


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda spans: spans[1:], ("", "NAME")),
        (lambda spans: spans[:1], ("", "CITY")),
        (lambda spans: [LabelledSpan(spans[0].start, spans[0].end, "CITY"), spans[1]], ("CITY", "NAME")),
        (lambda spans: [*spans, LabelledSpan(0, 0, "NAME")], None),
    ],
)
def test_words_that_are_masked_elsewhere_are_found(change, expected):
    rows = masked_rows(80)
    texts, spans = [text for text, _ in rows], [own for _, own in rows]
    spans[17] = change(spans[17])
    found = suspicious_words(texts, words_of(texts, spans), Folds.of_groups(texts))
    assert [(one.row, one.label, one.suggested) for one in found] == ([(17, *expected)] if expected else [])


def class_file(tmp_path, n=90, wrong=(5, 31)):
    names = sorted(TOPICS)
    rows = [
        {"text": text, "label": names[(names.index(name) + 1) % 3] if n in wrong else name}
        for n, (text, name) in enumerate(topic_rows(n))
    ]
    return write(tmp_path / "rows.jsonl", rows)


def validate(tmp_path, path, *more):
    return invoke("validate", path, "--test-size", "20", "--train-sizes", "20", "--out", str(tmp_path / "out"), *more)


def test_validate_lists_suspicious_rows_with_places_and_writes_them(tmp_path):
    path, file = class_file(tmp_path), tmp_path / "look.jsonl"
    code, out, _ = validate(tmp_path, path, "--suspicious-to", str(file))
    assert code == 0
    assert "2 rows have a label that two cheap learners" in out
    assert "line 6" in out
    assert "line 32" in out
    written = [json.loads(line) for line in file.read_text().splitlines()]
    assert {row["place"] for row in written} == {"line 6", "line 32"}
    assert {(row["label"], row["suggested"]) for row in written} <= {
        ("food", "weather"),
        ("music", "food"),
        ("weather", "music"),
    }
    assert all(row["input"] in out and row["side"] in ("test", "training") for row in written)
    before = file.read_text()
    code, _, err = validate(tmp_path, path, "--suspicious-to", str(file))
    assert code == 2
    assert "exists" in err
    assert file.read_text() == before


def test_the_place_is_the_rows_own_in_its_file_also_behind_rows_that_are_dropped(tmp_path):
    path = Path(class_file(tmp_path))
    lines = path.read_text().splitlines(keepends=True)
    empty, twice = '{"text": " ", "label": "food"}\n', lines[0]
    path.write_text("".join([empty, twice, "\n", *lines[:20], empty, *lines[20:]]))
    shown = json.loads(validate(tmp_path, path, "--json")[1])
    assert shown["suspicious"]["n_rows"] == 90, "two empty rows and one that stands twice are dropped"
    of_file = path.read_text().splitlines()
    for row in shown["suspicious"]["rows"]:
        assert json.loads(of_file[int(row["place"].split()[1]) - 1]) == {"text": row["input"], "label": row["target"]}
    assert {row["place"] for row in shown["suspicious"]["rows"]} == {"line 9", "line 36"}


def test_the_place_of_a_masking_is_its_own_also_behind_targets_that_are_no_masking(tmp_path):
    rows = []
    for number, (text, spans) in enumerate(masked_rows(80)):
        target = text
        for span in reversed(spans[1:] if number == 17 else spans):
            target = f"{target[: span.start]}[{span.label}]{target[span.end :]}"
        rows.append({"source_text": text, "target_text": "Something else." if number in (3, 9) else target})
    path = write(tmp_path / "rows.jsonl", [{"source_text": "", "target_text": "[NAME]"}, *rows])
    found = json.loads(validate(tmp_path, path, "--task", "masking", "--json")[1])["suspicious"]["rows"]
    assert [(row["place"], row["input"]) for row in found] == [("line 19", rows[17]["source_text"])]


def test_no_texts_keeps_texts_out_of_list_file_and_json(tmp_path):
    path, file = class_file(tmp_path), tmp_path / "look.jsonl"
    outputs = [
        validate(tmp_path, path, "--no-texts", "--suspicious-to", str(file))[1],
        validate(tmp_path, path, "--no-texts", "--json")[1],
        file.read_text(),
    ]
    assert all("line 6" in output for output in outputs)
    assert not any(text in output for text, _ in topic_rows(90) for output in outputs)


def test_json_has_all_rows_and_findings_stay_those_of_plan(tmp_path):
    shown = json.loads(validate(tmp_path, class_file(tmp_path), "--json")[1])
    assert {row["place"] for row in shown["suspicious"]["rows"]} == {"line 6", "line 32"}
    assert shown["suspicious"]["n_looked_at"] == shown["suspicious"]["n_rows"] == 90
    assert [one["code"] for one in shown["suspicious"]["findings"]] == ["suspicious-labels"]
    assert not any(one["code"].startswith("suspicious") for one in shown["findings"])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--no-suspicious"], "--no-suspicious"),
        (["--task", "generation"], "generation task are no labels"),
    ],
)
def test_why_nothing_was_looked_for_is_said(tmp_path, more, words):
    code, out, _ = validate(tmp_path, class_file(tmp_path), *more)
    assert code == 0
    assert words in out
    assert "suspects " not in out


@pytest.mark.parametrize("n", [60, 150, 300])
def test_labels_that_texts_do_not_tell_are_not_doubted(tmp_path, n):
    made = random.Random(n)
    words = [word for own in TOPICS.values() for word in own]
    rows = [{"text": f"{' '.join(made.choices(words, k=8))} {i}", "label": made.choice("ab")} for i in range(n)]
    code, out, _ = validate(tmp_path, write(tmp_path / "rows.jsonl", rows))
    assert code == 0
    assert "cheap learners cannot tell these labels" in out
    assert "suspects " not in out


def test_no_suspicious_with_a_file_to_write_is_refused(tmp_path):
    code, _, err = validate(
        tmp_path, class_file(tmp_path), "--no-suspicious", "--suspicious-to", str(tmp_path / "x.jsonl")
    )
    assert code == 2
    assert "contradict" in err


def test_of_more_rows_than_there_is_time_for_a_sample_is_looked_at_and_said():
    from types import SimpleNamespace

    from tunecurve.study.suspicious.find import find_suspicious, rows_to_look_at
    from tunecurve.study.suspicious.finding import suspicious_findings

    task = task_of("classification")
    rows = [Row(text, name, text, f"line {n}") for n, (text, name) in enumerate(topic_rows(120))]
    rows[3] = Row(rows[3].source, "music", rows[3].group, "line 3")
    data = SimpleNamespace(test=rows[:20], pool=rows[20:], facts=SimpleNamespace(labels=sorted(TOPICS)))
    looked_at = rows_to_look_at(data, task, seconds=0.0008)
    assert set(looked_at.rows) < set(rows)
    assert [side == "test" for side in looked_at.sides] == [row in rows[:20] for row in looked_at.rows]
    found = find_suspicious(looked_at, task)
    assert 30 <= found.n_looked_at < 120
    assert found == find_suspicious(rows_to_look_at(data, task, seconds=0.0008), task)
    whole = find_suspicious(rows_to_look_at(data, task, seconds=None), task)
    assert [row.place for row in whole.rows] == ["line 3"]
    assert whole.rows[0].side == "test"
    [finding] = suspicious_findings(whole)
    assert finding.kind == "note"
    assert "(1 in the test set; of 120 rows)" in finding.text


def test_validate_gives_up_the_rows_that_are_not_looked_at(tmp_path, monkeypatch):
    import gc

    from tunecurve.study.suspicious import find

    alive = []

    def look(rows, *others):
        gc.collect()
        alive.append(sum(type(one) is Row for one in gc.get_objects()))
        return real(rows, *others)

    gc.collect()
    before = sum(type(one) is Row for one in gc.get_objects())
    real = find._look
    monkeypatch.setattr(find, "_look", look)
    monkeypatch.setattr(find, "MOST_ROWS", 50)
    code, _, _ = validate(tmp_path, class_file(tmp_path, n=400))
    assert code == 0
    assert 50 <= alive[0] - before < 120, "beside them only near-duplicates and the examples of messages are kept"
