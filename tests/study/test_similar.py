"""Similar examples: which rows are chosen, that no test row and no copy of the input is among them, and that they are kept."""

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.prompt_reader import PromptReader
from tests.support.class_rows import class_rows
from tunecurve.data.sides import levelled
from tunecurve.errors import Interrupted, SpecError, StudyStateError
from tunecurve.learners.baselines.tfidf import TfidfLearner
from tunecurve.learners.similarity import TfidfSimilarity
from tunecurve.predictor import load_predictor
from tunecurve.results.model import results_schema
from tunecurve.results.stored import without_times
from tunecurve.run import run_study
from tunecurve.serving.requests import read_completion
from tunecurve.spec.reading import parse_spec
from tunecurve.study.decisions import Decisions
from tunecurve.study.left_out import left_out
from tunecurve.study.options import StudyOptions
from tunecurve.study.prepare import prepare_study
from tunecurve.study.progress import Progress
from tunecurve.study.similar import LabelledRow, Retriever, decide_similarity

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def rows_of_classes(tmp_path):
    path = tmp_path / "classes.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in class_rows(160)))
    return path


def study_of(path, **changes):
    return {
        "name": "similar",
        "task": "classification",
        "data": {"source": str(path), "input_column": "text", "target_column": "label"},
        "split": {"test_size": 24, "method": "random"},
        "models": ["reader"],
        "shots": [0, 3, {"count": 4, "choose": "similar"}],
        "similar_by": "tfidf",
        "train_sizes": [8, 100],
        "bootstrap": {"draws": 100},
        **changes,
    }


def run(path, out, learner=None, progress=None, **changes):
    learner = learner or PromptReader()
    return run_study(study_of(path, **changes), out=out, learners={"reader": learner}, progress=progress).results


def points_of(results, strategy):
    return [point for point in results.points if point.strategy == strategy]


def test_examples_that_are_like_the_input_make_a_curve_over_the_rows_to_choose_from(rows_of_classes, tmp_path):
    learner = PromptReader()
    results = run(rows_of_classes, tmp_path / "out", learner)
    jsonschema.validate(json.loads((tmp_path / "out" / "results.json").read_text()), results_schema())
    similar = points_of(results, "similar")
    assert [(point.shots, point.train_size, point.label) for point in similar] == [
        (4, 8, "4 similar of 8"),
        (4, 100, "4 similar of 100"),
    ]
    few, many = (point.scores["accuracy"].estimate for point in similar)
    [random] = points_of(results, "few-shot")
    assert many > few
    assert many > random.scores["accuracy"].estimate + 20


def test_no_test_row_is_an_example_and_every_example_is_of_the_n_rows(rows_of_classes, tmp_path):
    learner = PromptReader()
    results = run(rows_of_classes, tmp_path / "out", learner, shots=[{"count": 4, "choose": "similar"}], seeds=2)
    study = prepare_study(
        study_of(rows_of_classes, shots=[{"count": 4}], seeds=2),
        StudyOptions(out=tmp_path / "out", learners={"reader": PromptReader()}),
    )
    tested = {row.source for row in study.data.test}
    for trial in results.finished:
        if trial.strategy != "similar":
            continue
        kept = json.loads((tmp_path / "out" / trial.folder / "examples.json").read_text())
        allowed = {row.row_id for row in study.data.training_rows(trial.train_size, trial.seed)}
        assert {row["row_id"] for row in kept["pool"]} == allowed
        assert not tested & {row["source"] for row in kept["pool"]}
        assert len(kept["chosen"]) == len(study.data.test)
        assert all(len(numbers) == len(set(numbers)) == 4 for numbers in kept["chosen"])
    asked = {message.content for prompt in learner.asked for message in prompt.messages[:-1]}
    assert asked
    assert not tested & asked


def test_a_study_that_is_stopped_and_goes_on_has_the_same_results(rows_of_classes, tmp_path):
    whole = run(rows_of_classes, tmp_path / "whole")

    class StopAfter(Progress):
        n = 0

        def answered(self, trial, *_):
            self.n += trial.strategy == "similar"
            self.stop_requested = self.n >= 5

    with pytest.raises(Interrupted):
        run(rows_of_classes, tmp_path / "stopped", progress=StopAfter())
    learner = PromptReader()
    again = run(rows_of_classes, tmp_path / "stopped", learner)
    assert 0 < len(learner.asked) < 48
    assert without_times(again) == without_times(whole)
    idle = PromptReader()
    assert run(rows_of_classes, tmp_path / "stopped", idle).points == whole.points
    assert not idle.asked


def test_similar_examples_change_no_trial_of_a_study_with_plain_numbers(rows_of_classes, tmp_path):
    plain = run(rows_of_classes, tmp_path / "out", shots=[0, 3])
    learner = PromptReader()
    grown = run(rows_of_classes, tmp_path / "out", learner)
    kept = [trial for trial in grown.finished if trial.strategy in ("zero-shot", "few-shot")]
    assert [trial.folder for trial in kept] == [trial.folder for trial in plain.finished if trial.strategy != "floor"]
    assert len(learner.asked) == 2 * 24
    keys = [trial.config_sha256 for trial in grown.trials]
    assert len(set(keys)) == len(keys)


def test_damaged_examples_are_chosen_again_and_are_the_same(rows_of_classes, tmp_path):
    before = run(rows_of_classes, tmp_path / "out")
    [folder, _] = [trial.folder for trial in before.finished if trial.strategy == "similar"]
    path = tmp_path / "out" / folder / "examples.json"
    kept = path.read_text()
    path.write_text(kept.replace("card", "bird", 1))
    after = run(rows_of_classes, tmp_path / "out")
    assert path.read_text() == kept
    assert after.points == before.points
    assert list((tmp_path / "out" / "damaged").rglob("examples.json"))


@pytest.mark.parametrize("context", [None, 400, 60, 34])
def test_examples_that_the_context_does_not_hold_are_left_out_least_similar_first_and_counted(
    rows_of_classes, tmp_path, context
):
    everything, learner = PromptReader(), PromptReader(context=context)
    shots = [{"count": 8, "choose": "similar"}]
    changes = {"shots": shots, "train_sizes": [100], "prompt": {"system": "Name the class."}}
    run(rows_of_classes, tmp_path / "free", everything, **changes)
    results = run(rows_of_classes, tmp_path / "out", learner, **changes)
    [trial] = [trial for trial in results.finished if trial.strategy == "similar"]
    n_kept = [len(prompt.messages) // 2 - 1 for prompt in learner.asked]
    assert n_kept == [8] * 24 if context in (None, 400) else min(n_kept) < 8
    assert context is None or all(learner.tokens_needed(prompt) <= context for prompt in learner.asked)
    cut = trial.answers.examples_cut
    lost = sum(8 - n for n in n_kept)
    assert (cut.n_examples if cut else 0) == lost
    assert (cut.n_prompts if cut else 0) == sum(n < 8 for n in n_kept)
    for whole, short in zip(everything.asked, learner.asked, strict=True):
        n = len(short.messages) - 1
        assert short.messages[1:] == whole.messages[-n:]
    said = [finding for finding in results.findings if finding.code == "examples-cut"]
    assert bool(said) == (lost > 0)


@pytest.mark.parametrize(("shots", "context"), [(16, 60), (32, 90), (64, 3000)])
def test_many_random_examples_share_what_fits(rows_of_classes, tmp_path, shots, context):
    learner = PromptReader(context=context)
    system = {"system": "Name the class."}
    results = run(rows_of_classes, tmp_path / "out", learner, shots=[shots], train_sizes=[], prompt=system)
    [trial] = [trial for trial in results.finished if trial.strategy == "few-shot"]
    assert all(learner.tokens_needed(prompt) <= context for prompt in learner.asked)
    shortest = min(len(prompt.messages) for prompt in learner.asked) - 1
    assert len({prompt.messages[:shortest] for prompt in learner.asked}) == 1, "the shared beginning stays shared"
    n_lost = sum(shots - (len(prompt.messages) // 2 - 1) for prompt in learner.asked)
    assert (trial.answers.examples_cut.n_examples if trial.answers.examples_cut else 0) == n_lost
    said = [finding for finding in results.findings if finding.code == "examples-cut"]
    assert bool(said) == (n_lost > 0)


def test_a_size_with_fewer_rows_than_examples_is_left_out_and_said(rows_of_classes, tmp_path):
    results = run(rows_of_classes, tmp_path / "out", shots=[{"count": 20}])
    assert [point.train_size for point in points_of(results, "similar")] == [100]
    [said] = [finding for finding in results.findings if finding.code == "size-left-out"]
    assert "20 similar examples" in said.text
    assert "8" in said.text


@pytest.mark.parametrize(("of", "train_sizes"), [([20, 60], []), ([60, 20], [8]), ([20], [100])])
def test_the_rows_to_choose_from_may_be_said_without_any_training(rows_of_classes, tmp_path, of, train_sizes):
    shots = [{"count": 4, "of": of}]
    results = run(rows_of_classes, tmp_path / "out", shots=shots, train_sizes=train_sizes)
    assert [point.train_size for point in points_of(results, "similar")] == sorted(of)
    again = run(rows_of_classes, tmp_path / "out", shots=[{"count": 4, "of": [40]}], train_sizes=[])
    assert [point.train_size for point in points_of(again, "similar")] == sorted([*of, 40])


# What is chosen


def rows(*texts, labels=()):
    given = [*labels, *[""] * (len(texts) - len(labels))]
    return [
        LabelledRow(str(number), text, f"t{number}", (label,) if label else ())
        for number, (text, label) in enumerate(zip(texts, given, strict=True))
    ]


def chosen(pool, source, count=3, choice="similar"):
    retriever = Retriever(pool, TfidfSimilarity(), count, choice)
    return [text for text, _ in retriever.examples(retriever.choose([source])[0])]


def test_the_most_similar_example_comes_last():
    pool = rows("book a table for two", "my card is blocked", "is my card blocked or lost", "rain today")
    assert chosen(pool, "my card is lost", 2) == ["my card is blocked", "is my card blocked or lost"]
    assert chosen(pool, "is my card lost", 1) == ["is my card blocked or lost"]
    assert chosen(pool, "book a table for three", 1) == ["book a table for two"]
    assert chosen(pool, "will there be rain", 3)[-1] == "rain today"


@pytest.mark.parametrize("copy", ["my card is lost", "My CARD is lost", "my  card is\tlost "], ids=repr)
def test_the_input_itself_is_never_its_own_example(copy):
    pool = rows(copy, "my card is blocked", "rain today")
    assert set(chosen(pool, "my card is lost")) == {"my card is blocked", "rain today"}


@pytest.mark.parametrize("copy", ["my card is blocked", "My card is BLOCKED", " my card  is blocked"], ids=repr)
def test_equal_rows_are_one_example(copy):
    pool = rows("my card is blocked", copy, "rain today", "book a table")
    assert len(chosen(pool, "my card is lost")) == 3


def test_one_of_every_label_takes_the_most_similar_of_each():
    pool = rows(
        "my card is blocked", "my card is stolen", "my loan is late", "a loan please", "rain today",
        labels=["card", "card", "loan", "loan", "weather"],
    )  # fmt: skip
    found = chosen(pool, "my card is lost", 8, "similar-by-label")
    assert len(found) == 3
    assert found[-1] in ("my card is blocked", "my card is stolen")
    assert "my loan is late" in found
    assert "rain today" in found
    assert len(chosen(pool, "my card is lost", 2, "similar-by-label")) == 2


@given(
    st.lists(st.text(alphabet="ab c1é", max_size=12), max_size=12), st.text(alphabet="ab c1é", max_size=12),
    st.integers(1, 6), st.randoms(use_true_random=False),
)  # fmt: skip
def test_what_is_chosen_does_not_depend_on_the_order_of_the_rows(texts, source, count, random):
    pool = rows(*texts)
    shuffled = random.sample(pool, len(pool))
    first, second = chosen(pool, source, count), chosen(shuffled, source, count)
    assert [levelled(text) for text in first] == [levelled(text) for text in second]
    different = {levelled(text) for text in texts} - {levelled(source)}
    assert len({levelled(text) for text in first}) == len(first) == min(count, len(different))
    alike = TfidfSimilarity().scores([source], [row.source for row in pool]) if pool else None
    if first:
        by_text = {row.source: alike[0][number] for number, row in enumerate(pool)}
        scores = [by_text[text] for text in first]
        assert scores == sorted(scores)


def test_equal_texts_are_most_alike_and_strange_ones_not_at_all():
    scores = TfidfSimilarity().scores(["my card is lost", "qqq"], ["my card is lost", "my card is here", "rain"])
    assert scores[0, 0] == pytest.approx(1.0)
    assert scores[0, 0] > scores[0, 1] > scores[0, 2] == 0.0
    assert not scores[1].any()


# How it is asked for


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ([3, 0, 3], [0, 3]),
        ([{"count": 8, "choose": "random"}], [8]),
        ([{"choose": "random", "count": 3}, 3], [3]),
        (["similar:8"], [("similar", 8)]),
        ([{"choose": "similar"}], [("similar", 8)]),
        ([{"count": 4, "of": [50, 20, 50]}, {"count": 4}], [("similar", 4), ("similar", 4)]),
        ([{"count": 2, "choose": "similar-by-label"}, {"count": 1}, 0], [0, ("similar", 1), ("similar-by-label", 2)]),
    ],
)
def test_entries_of_shots(given, read):
    spec = parse_spec({"shots": given})
    assert [one if isinstance(one, int) else (one.choose, one.count) for one in spec.shots] == read
    again = parse_spec(spec.model_dump(mode="json"))
    assert again.shots == spec.shots


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([{"count": 0}], "a whole number of at least 1"),
        ([{"count": 8, "choose": "nearest"}], "'nearest' is no way to choose examples; expected random, similar"),
        ([{"count": 8, "of": [0]}], "a whole number of at least 1"),
        ([{"count": 8, "of": []}], "a list of whole numbers of at least 1, at least one"),
        ([{"count": 8, "chose": "similar"}], "chose"),
        ([{"count": -1, "choose": "random"}], "an entry such as 3 or similar:8, got -1"),
        (["nearest:8"], "'nearest:8' is no number of examples"),
        ([{"count": "8"}], "shots.0.count: expected a whole number"),
        (["similar:x"], "'similar:x' is no number of examples"),
        ([2.5], "an entry such as 3 or similar:8, got 2.5"),
    ],
)
def test_entries_that_are_none_are_refused_in_a_line(given, said):
    with pytest.raises(SpecError) as refused:
        parse_spec({"shots": given})
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_similar_examples_need_rows_to_choose_from():
    with pytest.raises(SpecError, match="train_sizes is empty"):
        parse_spec({"shots": [{"count": 8}], "train_sizes": []})


# What comes after


def test_a_predictor_chooses_the_same_examples_as_the_trial(rows_of_classes, tmp_path, monkeypatch):
    learner = PromptReader()
    results = run(rows_of_classes, tmp_path / "out", learner, shots=[{"count": 4}])
    monkeypatch.setattr("tunecurve.predictor.build_learners", lambda names, options: {"reader": PromptReader()})
    monkeypatch.setattr(PromptReader, "identity", lambda self: {"kind": "reader", "weights_sha256": None})
    predictor = load_predictor(tmp_path / "out", trial="similar-k4-n100-seed0")
    [trial] = [trial for trial in results.finished if trial.train_size == 100]
    lines = [
        json.loads(line) for line in (tmp_path / "out" / trial.folder / "predictions.jsonl").read_text().splitlines()
    ]
    texts = [line["input"] for line in lines]
    assert predictor.prompts(texts) == learner.asked[-len(texts) :]
    assert [answer.text for answer in predictor.complete(texts)] == [line["prediction"] for line in lines]
    asked = read_completion({"model": "out", "prompt": texts}, "out", predictor)
    assert list(asked.prompts) == learner.asked[-len(texts) :], "and so does the endpoint"
    assert load_predictor(tmp_path / "out").trial_label == results.best_trial().name, (
        "nothing is tuned: the best prompt"
    )
    (tmp_path / "out" / trial.folder / "examples.json").unlink()
    with pytest.raises(StudyStateError, match="examples of"):
        load_predictor(tmp_path / "out", trial="similar-k4-n100-seed0")


def test_plan_counts_the_examples_and_shows_a_prompt_with_them(rows_of_classes, tmp_path):
    study = prepare_study(
        study_of(rows_of_classes), StudyOptions(out=tmp_path / "out", learners={"reader": CountingReader()})
    )
    work = {item.trial.label: study.workloads[item.trial] for item in study.planned}
    bare, similar = work["zero-shot"].tokens_read, work["similar-k4-n100-seed0"].tokens_read
    row = sum(len(row.source.split()) + len(row.target.split()) for row in study.data.pool[:100]) / 100
    assert similar - bare >= 24 * 4 * row
    assert similar == work["similar-k4-n8-seed0"].tokens_read
    assert work["similar-k4-n100-seed0"].steps == work["similar-k4-n100-seed0"].tokens_trained == 0


class CountingReader(PromptReader):
    def count_tokens(self, text):
        return len(text.split())


class Reads(TfidfSimilarity):
    """Takes a second a text."""

    def estimate_seconds(self, texts):
        assert len(set(texts)) == len(texts)
        return float(len(texts))


@pytest.mark.parametrize(
    ("shots", "seeds", "most"),
    [
        ([0, 3], 1, 0),
        ([{"count": 4, "choose": "similar"}], 1, 24 + 100),
        ([{"count": 4, "choose": "similar", "of": [8]}], 1, 24 + 8),
        ([{"count": 4, "choose": "similar", "of": [8]}, {"count": 2, "choose": "similar-by-label", "of": [20]}], 1, 24 + 20),
        ([{"count": 4, "choose": "similar", "of": [8]}], 3, 24 + 3 * 8),
    ],
)  # fmt: skip
def test_reading_the_rows_to_choose_from_is_in_the_time_once(
    rows_of_classes, tmp_path, monkeypatch, shots, seeds, most
):
    monkeypatch.setattr("tunecurve.study.similar.build_similarity", lambda name, **more: Reads())
    study = study_of(rows_of_classes, shots=shots, seeds=seeds)
    options = StudyOptions(out=tmp_path / "out", learners={"reader": PromptReader()})
    ready = prepare_study(study, options)
    told = sum(ready.estimated_seconds().values())
    monkeypatch.setattr(Reads, "estimate_seconds", lambda self, texts: 0.0)
    extra = told - sum(ready.estimated_seconds().values())
    assert 0.8 * most <= extra <= most, "a row that two seeds draw is read once"


@pytest.mark.parametrize(("count", "of"), [(4, 8), (4, 100), (8, 100), (16, 40)])
def test_examples_of_its_own_are_read_with_every_row_for_the_answers_too(rows_of_classes, tmp_path, count, of):
    class Counts(PromptReader):
        def count_tokens(self, text):
            return len(text.split())

    shots = [0, count, {"count": count, "choose": "similar", "of": [of]}]
    study = study_of(rows_of_classes, shots=shots, train_sizes=[])
    ready = prepare_study(study, StudyOptions(out=tmp_path / "out", learners={"reader": Counts()}))
    own = {trial.strategy: work.tokens_of_own_examples for trial, work in ready.workloads.items()}
    read = {trial.strategy: work.tokens_read for trial, work in ready.workloads.items()}
    assert own["zero-shot"] == own["few-shot"] == 0, "what all rows share is read once"
    assert own["similar"] == pytest.approx(read["similar"] - read["zero-shot"], abs=2)
    assert own["similar"] > 24 * count


@pytest.mark.parametrize(("count", "most"), [(1, 1), (2, 2), (3, 3), (8, 3), (50, 3)])
def test_examples_by_label_are_no_more_than_there_are_labels(tmp_path, count, most):
    """Rows and test rows are of one length, so that what is read tells how many examples are counted."""

    class Counts(PromptReader):
        def count_tokens(self, text):
            return len(text.split())

    rows_of_three = [
        (f"{word} {number}", label) for number in range(40) for word, label in zip("abc", "xyz", strict=True)
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows_of_three))
    by_label = [{"count": n, "choose": "similar-by-label", "of": [60]} for n in (1, count)]
    study = study_of(file, shots=[0, *by_label], train_sizes=[])
    ready = prepare_study(study, StudyOptions(out=tmp_path / "out", learners={"reader": Counts()}))
    read = {trial.shots: work for trial, work in ready.workloads.items() if trial.learner == "reader"}
    assert read[count].tokens_of_own_examples == most * read[1].tokens_of_own_examples > 0


@pytest.mark.parametrize(
    ("target_of", "of", "least", "most"),
    [
        (lambda n: ["a", "b", "c"] if n % 10 else ["a"], 60, 1, 1.3),
        (lambda n: [["a"], ["b"], ["a", "b"]][n % 3], 60, 1.2, 1.9),
        (lambda n: [f"class {n % 30}"], 20, 10, 18),
    ],
    ids=["rows show all labels", "some show two of two", "few rows show few of 30"],
)
def test_examples_by_label_are_counted_as_the_labels_of_the_rows_ask_for_them(tmp_path, target_of, of, least, most):
    class Counts(PromptReader):
        def count_tokens(self, text):
            return 1

    file = tmp_path / "rows.jsonl"
    rows = [{"text": f"word {number}", "labels": target_of(number)} for number in range(120)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    shots = [0, *({"count": n, "choose": "similar-by-label", "of": [of]} for n in (1, 20))]
    study = study_of(file, task="multilabel", shots=shots, train_sizes=[])
    study["data"] = {"source": str(file), "input_column": "text", "target_column": "labels"}
    ready = prepare_study(study, StudyOptions(out=tmp_path / "out", learners={"reader": Counts()}))
    own = {trial.shots: work.tokens_of_own_examples for trial, work in ready.workloads.items() if trial.shots}
    assert least * own[1] <= own[20] <= most * own[1] + 1


def test_how_alike_rows_are_told_is_part_of_what_a_trial_is_and_is_decided_once(rows_of_classes, tmp_path):
    def keys(**changes):
        options = StudyOptions(out=tmp_path / "none", learners={"reader": PromptReader()})
        planned = prepare_study(study_of(rows_of_classes, **changes), options).planned
        return {item.trial.label: item.folder.name for item in planned}

    first, second = keys(similar_by="tfidf"), keys(similar_by="encoder")
    assert {label for label in first if first[label] != second[label]} == {
        "similar-k4-n8-seed0",
        "similar-k4-n100-seed0",
    }
    decisions = Decisions({"similar_by": "tfidf"})
    assert decide_similarity(parse_spec({}), decisions) == "tfidf", "whatever is installed now"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"shots": [0, {"count": 2, "choose": "similar"}]}, "similar examples are asked for"),
        ({"optimize": {"calls": 40, "sizes": [5]}}, "a search for an instruction is asked for"),
        (
            {"shots": [{"count": 2, "choose": "similar"}], "optimize": {"calls": 40, "sizes": [5]}},
            "similar examples and a search",
        ),
        ({"shots": [0, 3]}, None),
    ],
)
def test_what_is_asked_of_prompts_where_no_model_takes_any_is_said(asked, said):
    values = {"data": {"source": "rows.jsonl"}, "task": "classification", "models": ["tfidf"], "train_sizes": [5, 20]}
    spec = parse_spec({**values, **asked}, "options")
    found = [finding.text for finding in left_out(spec, {"tfidf": TfidfLearner()})]
    assert [text for text in found if "no model here takes prompts" in text] == found
    assert bool(found) == (said is not None)
    assert said is None or said in found[0]
