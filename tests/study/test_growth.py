"""A study grows: its test rows stay, new rows join behind, what has changed is named and measured anew with consent."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.lookup_learner import LookupLearner
from tunecurve.data.rows import Row
from tunecurve.data.split import grown_order
from tunecurve.errors import DataError, StudyStateError
from tunecurve.run import StudyRun, run_study
from tunecurve.spec.reading import parse_spec
from tunecurve.study.dataset import split_data
from tunecurve.study.freezing import freeze
from tunecurve.study.options import StudyOptions
from tunecurve.study.prepare import prepare_study
from tunecurve.study.reading import read_study_rows

pytestmark = pytest.mark.usefixtures("undrawn")


def sentences(start, end):
    return [{"text": f"The {word} anvil number {word} rolled.", "label": "leak" if n % 2 else "noise"}
            for n in range(start, end) for word in [f"w{chr(97 + n % 26)}{chr(97 + n // 26)}x"]]  # fmt: skip


def values_for(path, **more):
    base = {
        "task": "classification",
        "models": ["lookup"],
        "train_sizes": [10],
        "split": {"test_size": 10},
        "shots": [],
    }
    data = {"source": str(path), "input_column": "text", "target_column": "label", **more.pop("data", {})}
    return {**base, "data": data, **more}


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(path, out, **more) -> StudyRun:
    accept = more.pop("accept_data_changes", False)
    learners = {"lookup": LookupLearner()}
    return run_study(values_for(path, **more), out=out, learners=learners, accept_data_changes=accept)


def study_data(path, out=None, accept=False, keep=False, **more):
    spec = parse_spec(values_for(path, **more))
    data = split_data(spec, read_study_rows(spec, out), out, accept_data_changes=accept)
    if keep:
        out.mkdir(exist_ok=True)
        freeze(data, spec, out)
    return data


def ids(rows):
    return [row.row_id for row in rows]


def test_more_labels_give_one_more_point_of_the_same_curve(tmp_path):
    path = write(tmp_path / "rows.jsonl", sentences(0, 30))
    first = run(path, tmp_path / "out").results
    write(path, sentences(0, 75))
    second = run(path, tmp_path / "out", train_sizes=[10, 40])
    assert second.results.data.test_sha256 == first.data.test_sha256
    assert second.results.data.n_pool == 65
    assert second.outcome.n_found_finished >= 1
    assert {"tuned on 10", "tuned on 40"} <= {point.label for point in second.results.points}
    before = next(trial for trial in first.trials if trial.label == "fine-tune-n10-seed0")
    after = next(trial for trial in second.results.trials if trial.label == "fine-tune-n10-seed0")
    assert after.folder == before.folder
    assert any(finding.code == "pool-grown" for finding in second.results.findings)
    assert run(path, tmp_path / "out", train_sizes=[10, 40]).outcome.n_run == 0


def test_too_few_rows_for_a_size_name_the_way_on(tmp_path):
    path = write(tmp_path / "rows.jsonl", sentences(0, 30))
    run(path, tmp_path / "out")
    with pytest.raises(DataError, match=r"20 training rows now, 40 are asked for.*add labelled rows"):
        run(path, tmp_path / "out", train_sizes=[10, 40])


def test_twins_of_test_rows_do_not_join(tmp_path):
    path = write(tmp_path / "rows.jsonl", sentences(0, 30))
    before = study_data(path, tmp_path / "out", keep=True)
    twins = [{"text": row.source.upper(), "label": row.target} for row in before.test[:4]]
    write(path, sentences(0, 40) + twins)
    after = study_data(path, tmp_path / "out")
    assert len(after.pool) == len(before.pool) + 10
    assert after.facts.n_set_aside == 4


@pytest.mark.parametrize("sampling", ["random", "stratified"])
@pytest.mark.parametrize("method", ["group", "random"])
def test_growing_changes_no_earlier_subset(tmp_path, sampling, method):
    path, out = tmp_path / "rows.jsonl", tmp_path / "out"
    more = {"sampling": sampling, "split": {"test_size": 10, "method": method}}
    write(path, sentences(0, 40))
    earlier = study_data(path, out, keep=True, **more)
    for end in (55, 56, 90):
        write(path, sentences(0, end))
        now = study_data(path, out, keep=True, **more)
        assert ids(now.test) == ids(earlier.test)
        for seed in range(4):
            order = ids(now.training_rows(len(now.pool), seed))
            assert order[: len(earlier.pool)] == ids(earlier.training_rows(len(earlier.pool), seed))
            assert len(set(order)) == len(order) == end - 10
        earlier = now


@settings(max_examples=40, deadline=None)
@given(
    generations=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    seed=st.integers(0, 5),
    gone=st.sets(st.integers(0, 59)),
    labels=st.none() | st.lists(st.sampled_from("abc"), min_size=60, max_size=60),
)
def test_an_order_begins_with_that_of_fewer_generations_and_holds_every_row_that_is_left(
    generations, seed, gone, labels
):
    n = sum(generations)
    pool = [None if number in gone else number for number in range(n)]
    kinds = None if labels is None else [[label] for label in labels]
    whole = grown_order(pool, generations, seed, 42, kinds)
    assert sorted(whole) == [number for number in range(n) if number not in gone]
    for count in range(len(generations)):
        shorter = grown_order(pool[: sum(generations[:count])], generations[:count], seed, 42, kinds)
        assert whole[: len(shorter)] == shorter


def test_a_row_that_goes_moves_no_other_row_of_any_seed():
    for seed in range(4):
        whole = grown_order(list(range(20)), [20], seed)
        for lost in (0, 7, 19):
            slots = [None if number == lost else number for number in range(20)]
            assert grown_order(slots, [20], seed) == [number for number in whole if number != lost]


@pytest.mark.parametrize("variant", ["order", "columns", "duplicates", "file", "csv"])
def test_what_is_no_change_of_the_rows_changes_nothing(tmp_path, variant):
    rows = sentences(0, 40)
    path, out = write(tmp_path / "rows.jsonl", rows), tmp_path / "out"
    before = study_data(path, out, keep=True)
    if variant == "order":
        write(path, random.Random(3).sample(rows, len(rows)))
    elif variant == "columns":
        write(path, [{"note": "x", **row, "by": "me"} for row in rows])
    elif variant == "duplicates":
        write(path, rows + rows[:7])
    elif variant == "file":
        path = path.rename(tmp_path / "moved.jsonl")
    else:
        path = tmp_path / "rows.csv"
        path.write_text("text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in rows))
    after = study_data(path, out)
    assert (ids(after.test), ids(after.pool)) == (ids(before.test), ids(before.pool))
    assert ids(after.training_rows(20, 2)) == ids(before.training_rows(20, 2))


def changed_line(path, rows, position, **cells):
    mended = [dict(row) for row in rows]
    mended[position] |= cells
    write(path, mended)


def position_of(rows, row):
    return next(n for n, cells in enumerate(rows) if cells["text"] == row.source)


def test_a_mended_label_is_named_with_its_line_and_both_labels(tmp_path):
    rows = sentences(0, 40)
    path, out = write(tmp_path / "rows.jsonl", rows), tmp_path / "out"
    before = study_data(path, out, keep=True)
    for side, row in (("training row", before.pool[3]), ("test row", before.test[2])):
        position = position_of(rows, row)
        other = {"leak": "noise", "noise": "leak"}[row.target]
        changed_line(path, rows, position, label=other)
        told = rf"1 of the 40 rows .*line {position + 1}: target changed from '{row.target}' to '{other}' \({side}\).*--accept"
        with pytest.raises(StudyStateError, match=told) as raised:
            study_data(path, out)
        assert raised.value.exit_code == 8


def test_old_and_new_place_are_named_where_a_row_moved(tmp_path):
    rows = sentences(0, 40)
    path, out = write(tmp_path / "rows.jsonl", rows), tmp_path / "out"
    row = study_data(path, out, keep=True).pool[0]
    position = position_of(rows, row)
    mended = {**rows[position], "label": {"leak": "noise", "noise": "leak"}[row.target]}
    write(path, [*rows[:position], *rows[position + 1 :], mended])
    with pytest.raises(StudyStateError, match=rf"line 40 \(was line {position + 1}\): target changed"):
        study_data(path, out)


def test_rows_that_are_gone_and_inputs_that_changed_are_told_apart(tmp_path):
    rows = sentences(0, 40)
    path, out = write(tmp_path / "rows.jsonl", rows), tmp_path / "out"
    data = study_data(path, out, keep=True)
    lost, edited = position_of(rows, data.pool[0]), position_of(rows, data.pool[1])
    changed_line(path, rows, edited, text="Another input altogether")
    with pytest.raises(StudyStateError, match=rf"line {edited + 1}: the input has changed.*Another input"):
        study_data(path, out)
    write(path, rows[:lost] + rows[lost + 1 :])
    with pytest.raises(StudyStateError, match=rf"\(1 gone\): line {lost + 1}: gone from the data \(training row\)"):
        study_data(path, out)


def test_a_changed_setting_is_named_beside_the_rows_that_it_takes(tmp_path):
    path, out = write(tmp_path / "rows.jsonl", sentences(0, 40)), tmp_path / "out"
    study_data(path, out, keep=True)
    with pytest.raises(StudyStateError, match=r"data\.where: \[\] -> \['label=leak'\]"):
        study_data(path, out, data={"where": ["label=leak"]})


def test_an_accepted_training_label_changes_only_the_trials_that_it_stands_in(tmp_path):
    rows = sentences(0, 60)
    path, out = write(tmp_path / "rows.jsonl", rows), tmp_path / "out"
    first = run(path, out, train_sizes=[5, 30]).results
    late = study_data(path, out).pool[20]  # in the 30, not in the 5
    changed_line(path, rows, position_of(rows, late), label={"leak": "noise", "noise": "leak"}[late.target])
    with pytest.raises(StudyStateError):
        run(path, out, train_sizes=[5, 30])
    second = run(path, out, train_sizes=[5], accept_data_changes=True)
    folders = [{trial.label: trial.folder for trial in results.trials} for results in (first, second.results)]
    assert folders[0]["fine-tune-n5-seed0"] == folders[1]["fine-tune-n5-seed0"]
    assert folders[0]["fine-tune-n30-seed0"] != folders[1]["fine-tune-n30-seed0"]
    assert (out / folders[0]["fine-tune-n30-seed0"]).is_dir(), "nothing is deleted"
    assert any(finding.code == "accepted-data-changes" for finding in second.results.findings)
    assert run(path, out, train_sizes=[5]).outcome.n_run == 0, "agreed to once"


def test_an_accepted_test_label_and_a_lost_test_row_measure_everything_anew(tmp_path):
    rows = sentences(0, 60)
    path, out = write(tmp_path / "rows.jsonl", rows), tmp_path / "out"
    first = run(path, out).results
    test = study_data(path, out).test
    mended, lost = (position_of(rows, row) for row in test[:2])
    rows[mended] = {**rows[mended], "label": {"leak": "noise", "noise": "leak"}[rows[mended]["label"]]}
    write(path, rows[:lost] + rows[lost + 1 :])
    second = run(path, out, accept_data_changes=True).results
    assert second.data.n_test == 9
    assert second.complete
    assert not {trial.folder for trial in first.trials} & {trial.folder for trial in second.trials}


def test_labels_that_come_later_change_no_prompt_and_are_said(tmp_path):
    path, out = write(tmp_path / "rows.jsonl", sentences(0, 40)), tmp_path / "out"
    before = study_data(path, out, keep=True)
    write(path, [*sentences(0, 40), *({"text": f"A third thing {c}", "label": "other"} for c in "abc")])
    after = study_data(path, out)
    assert after.renderer.system_text == before.renderer.system_text
    assert any(finding.code == "new-labels" and "other" in finding.text for finding in after.findings)


def test_the_rows_and_prompts_do_not_depend_on_the_models(tmp_path):
    path = write(tmp_path / "rows.jsonl", [*sentences(0, 40), {"text": "word " * 200, "label": "leak"}])
    names = [["lookup"], ["lookup", "tfidf"], ["tfidf"]]
    found = []
    for models in names:
        values = values_for(path, models=models, data={"max_tokens": 60})
        study = prepare_study(
            values, StudyOptions(out=tmp_path / "none", learners={name: LookupLearner(name) for name in models})
        )
        found.append((study.data.facts.test_sha256, study.data.facts.pool_sha256, study.data.facts.dropped))
    assert found[0] == found[1] == found[2]
    assert found[0][2] == {"longer than data.max_tokens": 1}


def test_the_date_of_the_first_run_stays(tmp_path, monkeypatch):
    import datetime

    from tunecurve.study import dataset

    path, out = write(tmp_path / "rows.jsonl", sentences(0, 40)), tmp_path / "out"
    for day in ("2031-05-06", "2031-05-07"):

        class Day(datetime.date):
            @classmethod
            def today(cls, day=day):
                return cls.fromisoformat(day)

        monkeypatch.setattr(dataset, "date", Day)
        assert study_data(path, None).frozen_date == day
        assert study_data(path, out, keep=True).frozen_date == "2031-05-06"


@pytest.mark.parametrize("family", ["llama3", "smollm3"])
def test_a_date_in_a_chat_template_is_that_of_the_first_run_on_every_later_day(tmp_path, monkeypatch, family):
    import datetime

    from transformers import LlamaConfig, LlamaForCausalLM

    from tests.learners.lm import tiny_tokenizers
    from tunecurve.run import run_study
    from tunecurve.study import dataset

    tokenizer = getattr(tiny_tokenizers, family)()
    LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=2048, tie_word_embeddings=True,
    )).save_pretrained(tmp_path / "model")  # fmt: skip
    tokenizer.save_pretrained(tmp_path / "model")
    path, out, model = write(tmp_path / "rows.jsonl", sentences(0, 40)), tmp_path / "out", str(tmp_path / "model")

    def on(day):
        class Day(datetime.date):
            @classmethod
            def today(cls):
                return cls.fromisoformat(day)

        monkeypatch.setattr(dataset, "date", Day)

    def read(study, shots):
        return [study.learners[model].prompt_text(prompt) for prompt in study.data.prompts(shots)]

    values = values_for(path, models=[model], shots=[0], train_sizes=[5], recipe={"epochs": 1}, training_score_rows=0)
    on("2031-05-06")
    run_study(values, out=out, device="cpu", threads=1)
    keys = {folder.name for folder in (out / "trials").iterdir()}
    on("2032-11-17")
    later, fresh = (
        prepare_study(values | changed, StudyOptions(out=folder, device="cpu", threads=1))
        for changed, folder in (({"shots": [0, 2]}, out), ({}, tmp_path / "fresh"))
    )
    assert all("06 May 2031" in text or "6 May 2031" in text for shots in (0, 2) for text in read(later, shots))
    assert all("17 Nov 2032" in text or "17 November 2032" in text for text in read(fresh, 0))
    names = {item.folder.name for item in later.planned}
    assert keys < names
    assert len(names) == len(keys) + 1
    assert {item.folder.name for item in fresh.planned} & keys == {item for item in keys if item.startswith("floor")}
    (said,) = [finding.text for finding in later.data.findings if finding.code == "prompt-date"]
    assert "2031-05-06" in said


def test_the_key_holds_what_the_learner_reads(tmp_path):
    class Dated(LookupLearner):
        day = "1"

        def prompt_text(self, prompt):
            return f"{self.day} {prompt.source}"

    path = write(tmp_path / "rows.jsonl", sentences(0, 40))
    folders = []
    for day in "121":
        learner = Dated()
        learner.day = day
        study = prepare_study(
            values_for(path, shots=[0]), StudyOptions(out=tmp_path / "out", learners={"lookup": learner})
        )
        folders.append([item.folder.name for item in study.planned if item.trial.learner == "lookup"])
    assert folders[0] == folders[2]
    assert not set(folders[0]) & set(folders[1])


def test_rows_know_their_slots_without_their_texts(tmp_path):
    path, out = write(tmp_path / "rows.jsonl", sentences(0, 40)), tmp_path / "out"
    study_data(path, out, keep=True)
    assert "anvil" not in (out / "split.json").read_text()
    assert Row("a", "b", "c").row_id == Row("a", "b", "other group", "line 9", side="test").row_id


@pytest.mark.parametrize(
    ("context", "told_of"),
    [
        (100_000, None),
        (80, ("examples-cut", "8 examples do not fit", "10 of 10 prompts lose 50 of their 80 examples")),
        (15, ("context-too-short", "10 of 10 test rows", "all its trials will fail")),
    ],
)
def test_rows_that_a_model_cannot_hold_stay_and_are_told_before_anything_runs(tmp_path, context, told_of):
    class Small(LookupLearner):
        def context_length(self):
            return context

        def tokens_needed(self, prompt):
            return 10 * len(prompt.messages)

    path = write(tmp_path / "rows.jsonl", sentences(0, 40))
    study = prepare_study(
        values_for(path, shots=[0, 8]), StudyOptions(out=tmp_path / "out", learners={"lookup": Small()})
    )
    told = [finding for finding in study.data.findings if finding.code in ("context-too-short", "examples-cut")]
    assert len(study.data.test) == 10
    assert [finding.code for finding in told] == ([told_of[0]] if told_of else [])
    assert all(part in finding.text for finding in told for part in told_of[1:])
    assert all(("fewer --shots" in finding.remedy) == (finding.code == "examples-cut") for finding in told)
