"""Students with a teacher: from the name to rows, curves, money and what a teacher's rows are worth."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from tests.conftest import simple_rows
from tests.fakes.lookup_learner import LookupLearner
from tunecurve.cli.main import run_command
from tunecurve.cli.plan import _show_trials, _test_set
from tunecurve.cli.plan_json import plan_json
from tunecurve.curve.intervals import jackknife
from tunecurve.errors import DataError, ModelError, MoneyError, UsageError
from tunecurve.learners.base import Completion, Learner, Pending, TrainingJob, unanswered
from tunecurve.learners.baselines.floor import FloorLearner
from tunecurve.learners.distilled import TEACHER_ANSWERS, DistilledLearner
from tunecurve.learners.distilled_names import models_within, parse_distilled_name
from tunecurve.learners.registry import LearnerOptions, build_learners
from tunecurve.results.records.points import MetricResult
from tunecurve.results.records.teaching import TaughtSize, TeachingResult
from tunecurve.results.teaching import _gain, _rows_alone, _sentence, cheapest_way
from tunecurve.run import run_study
from tunecurve.spec.study import AdviceSpec
from tunecurve.storage.files import checked_line, make_folder
from tunecurve.study.options import StudyOptions
from tunecurve.study.prepare import prepare_study
from tunecurve.tasks.lookup import task_of

NAME = "lookup+3x:teacher"
WORDS = ("rain", "goal", "vote", "song", "bread", "train")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("tagger+4x:openai/gpt-5-mini", ("tagger", 4, "openai/gpt-5-mini")),
        ("tagger:warm+16x:tagger", ("tagger:warm", 16, "tagger")),
        (
            "constrained:smollm2-135m-instruct+2x:vertex/gemini-2.5-flash",
            ("constrained:smollm2-135m-instruct", 2, "vertex/gemini-2.5-flash"),
        ),
        ("hf:owner/c++x", None),
        ("owner/model+x:y", None),
        ("owner/model+0x:y", None),
        ("+4x:y", None),
        ("tagger+4x:", None),
    ],
)
def test_names_are_taken_apart(name, parts):
    found = parse_distilled_name(name)
    assert (found and (found.student, found.times, found.teacher)) == parts


def test_all_models_of_a_study_are_those_within_their_names():
    assert models_within(["tfidf", "tfidf+4x:a/b", "tagger+16x:a/b"]) == ["tfidf", "a/b", "tagger"]


class Teacher(Learner):
    """Masks every name and city that it knows, and fails in every known way."""

    name, takes_prompts = "teacher", True

    def __init__(self, odd=()):
        self.odd, self.asked = dict(odd), []

    def identity(self):
        return {"kind": "teacher", "version": 1}

    def predict_stream(self, prompts, done=()):
        oracle = {row["source_text"]: row["target_text"] for row in simple_rows(400)}
        for index, prompt in unanswered(prompts, done):
            self.asked.append(prompt.source)
            text, reason = self.odd.get(index, (oracle[prompt.source], "end"))
            yield index, Completion(text, reason, 1, 1, 0.001)


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def study_of(rows, **more):
    return {
        "name": "taught", "task": "masking", "models": ["lookup", NAME], "shots": [0], "train_sizes": [10, 20], "seeds": 2,
        "split": {"test_size": 40, "method": "random"}, "bootstrap": {"draws": 100}, "data": {"source": str(rows)}, **more,
    }  # fmt: skip


@pytest.fixture
def rows(tmp_path):
    return write(tmp_path / "rows.jsonl", simple_rows(160))


def learners_of(teacher):
    return {"lookup": LookupLearner(), NAME: DistilledLearner(NAME, LookupLearner(), teacher, 3)}


def test_n_counts_labelled_rows_and_the_teacher_adds_to_them(rows, tmp_path):
    teacher = Teacher()
    ran = run_study(study_of(rows, train_sizes=[10, 20, 40]), out=tmp_path / "out", learners=learners_of(teacher))
    results = ran.results
    assert any(
        "size 40 is left out: there are inputs for its teacher beside 30 labelled rows" in one.text
        for one in results.findings
    )
    assert results.complete
    taught = [trial for trial in results.finished if "+" in trial.learner]
    assert {(trial.strategy, trial.train_size) for trial in taught} == {("fine-tune", 10), ("fine-tune", 20)}
    for trial in taught:
        assert trial.training.teaching.asked == trial.training.teaching.kept == 3 * trial.train_size
        assert trial.training.teaching.dropped == {}
    [one] = results.teaching
    assert [size.n for size in one.sizes] == [10, 20]
    assert all(size.score > size.alone for size in one.sizes)
    assert "What teacher rows are worth" in (tmp_path / "out" / "report.html").read_text()
    test = {
        line["input"] for line in map(json.loads, (tmp_path / "out" / taught[0].folder / "predictions.jsonl").open())
    }
    assert not test & set(teacher.asked), "test rows never go to a teacher"


ODD = {
    0: ("something else entirely", "end"),
    1: ("", "end"),
    2: ("[NAME", "length"),
    3: ("", "refused"),
    4: ("", "blocked"),
    5: ("[ALIEN]", "end"),
}


def test_answers_that_cannot_be_right_are_dropped_and_counted(rows, tmp_path):
    ran = run_study(study_of(rows, seeds=1, train_sizes=[10]), out=tmp_path / "out", learners=learners_of(Teacher(ODD)))
    [trial] = [trial for trial in ran.results.finished if "+" in trial.learner]
    assert trial.training.teaching.kept == 24
    assert trial.training.teaching.dropped == {
        "blocked": 1, "cut at the cap": 1, "empty": 1, "no masking of its input": 1, "refused": 1,
        "with a label that is not in the list": 1,
    }  # fmt: skip
    [said] = [finding for finding in ran.results.findings if finding.code == "teacher-dropped"]
    assert "6 of 30 answers of its teacher are not trained on" in said.text


def test_a_teacher_without_one_usable_answer_fails_the_trial_and_says_why(rows, tmp_path):
    bad = Teacher(dict.fromkeys(range(30), ("no", "end")))
    ran = run_study(study_of(rows, seeds=1, train_sizes=[10]), out=tmp_path / "out", learners=learners_of(bad))
    [why] = [line for trial, line in ran.outcome.failures.items() if "+" in trial.learner]
    assert "none of 30 answers of 'teacher' can be used (30 no masking of its input)" in why


def test_a_killed_trial_asks_for_no_answer_twice(rows, tmp_path):
    class Stops(Teacher):
        def predict_stream(self, prompts, done=()):
            for number, pair in enumerate(super().predict_stream(prompts, done)):
                if number == 12 and not done:
                    raise RuntimeError("the power went")
                yield pair

    study, teacher = study_of(rows, seeds=1, train_sizes=[10]), Stops()
    first = run_study(study, out=tmp_path / "out", learners=learners_of(teacher))
    assert first.outcome.failures
    n_first = len(teacher.asked)
    second = run_study(study, out=tmp_path / "out", learners=learners_of(teacher))
    assert second.results.complete
    assert len(teacher.asked) - n_first == 30 - 12
    [trial] = [trial for trial in second.results.finished if trial.learner == NAME]
    assert trial.training.teaching.kept == 30


def test_inputs_of_a_file_are_used_without_those_of_test_and_training_rows(rows, tmp_path):
    more = write(
        tmp_path / "more.jsonl", [{"source_text": row["source_text"]} for row in simple_rows(260)] + [{"other": "x"}]
    )
    teacher = Teacher()
    study = study_of(rows, train_sizes=[10], seeds=1)
    study["data"] = {**study["data"], "unlabelled": str(more)}
    ran = run_study(study, out=tmp_path / "out", learners=learners_of(teacher))
    labelled = {row["source_text"] for row in simple_rows(160)}
    assert len(teacher.asked) > 0
    assert not labelled & set(teacher.asked)
    [said] = [one for one in ran.results.findings if one.code == "teacher-inputs"]
    assert "1 without an input" in said.text
    with pytest.raises(UsageError, match="no model has a teacher"):
        run_study({**study, "models": ["lookup"]}, out=tmp_path / "other", learners={"lookup": LookupLearner()})


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"body": "x y", "id": 1}, "columns 'body', 'id', expected the study's input columns 'source_text'"),
        ({"Source_Text": "x y"}, "columns 'Source_Text', expected the study's input columns 'source_text'"),
        ({"messages": [{"role": "user", "content": "x"}]}, "columns 'messages', expected"),
        ({f"c{n}": 1 for n in range(20)}, "'c11', ..., expected"),
        ({"source_text": ""}, "none of 3 rows has an input in 'source_text'"),
        ({"source_text": None}, "none of 3 rows has an input in 'source_text'"),
        (
            {"source_text": simple_rows(1)[0]["source_text"].upper()},
            "0 have none in 'source_text', the others are like a test",
        ),
        ({"source_text": simple_rows(1)[0]["source_text"].replace(" ", " \u200b")}, "the others are like a test"),
        ({"source_text": "\u2060" + simple_rows(1)[0]["source_text"]}, "the others are like a test"),
        (None, "there is no row in it"),
    ],
)
def test_a_file_without_an_input_for_a_teacher_is_told_by_what_it_has(rows, tmp_path, cells, said):
    path = write(tmp_path / "more.jsonl", [] if cells is None else [cells] * 3)
    study = study_of(rows, train_sizes=[10], seeds=1)
    study["data"] = {**study["data"], "unlabelled": str(path)}
    with pytest.raises(DataError) as raised:
        prepare_study(study, StudyOptions(out=tmp_path / "out", learners=learners_of(Teacher())))
    assert said in str(raised.value)


def test_another_file_of_inputs_is_another_trial(rows, tmp_path):
    folders = []
    for name, n in (("a", 200), ("b", 230), ("c", 200)):
        path = write(tmp_path / f"{name}.jsonl", [{"source_text": row["source_text"]} for row in simple_rows(n)[-40:]])
        study = study_of(rows, train_sizes=[10], seeds=1)
        study["data"] = {**study["data"], "unlabelled": str(path)}
        planned = prepare_study(study, StudyOptions(out=tmp_path / "out", learners=learners_of(Teacher()))).planned
        folders += [item.folder.name for item in planned if item.trial.learner == NAME]
    assert folders[0] == folders[2] != folders[1]


class Counting(Teacher):
    """Counts words."""

    def count_tokens(self, text):
        return len(text.split())


def test_plan_shows_the_tokens_of_teachers_with_those_of_their_students(rows, tmp_path, capsys):
    ready = prepare_study(study_of(rows), StudyOptions(out=tmp_path / "out", learners=learners_of(Counting())))
    tokens = {item.trial.label: ready.tokens(item.trial) for item in ready.planned if item.trial.learner == NAME}
    order = [row.source for row in ready.data.training_rows(40, 0)]
    instruction = len(ready.data.renderer.system_text.split()) + 4
    read = sum(len(text.split()) + 4 + instruction for text in order[10:])
    assert tokens["fine-tune-n10-seed0"][:2] == (0, read), "the student counts none, 30 inputs are the teacher's"
    written = [len(row.target.split()) + 1 for row in ready.data.pool[:100]]
    assert tokens["fine-tune-n10-seed0"].written == pytest.approx(30 * sum(written) / len(written), abs=1)
    assert {ready.tokens(item.trial) for item in ready.planned if item.trial.learner != NAME} == {(0, 0, 0)}
    shown = {one["trial"]: one for one in plan_json(ready, _test_set(ready))["trials"] if one["learner"] == NAME}
    assert shown["fine-tune-n10-seed0"]["tokens_read"] == read
    _show_trials(ready)
    assert f" {read:,} " in capsys.readouterr().out


@pytest.mark.parametrize("name", ["tfidf+0x:tfidf", "tfidf+1000x:tfidf", "tfidf+4:tfidf", "tfidf+4x"])
def test_a_name_with_a_teacher_that_is_none_is_told_how_it_is_written(name, capsys, tmp_path):
    path = write(tmp_path / "rows.jsonl", topics(60))
    assert run_command(["plan", str(path), "--task", "classification", "--model", name, "--train-sizes", "10"]) == 2
    assert "for every labelled row, 1 to 999: tagger+4x:TEACHER" in capsys.readouterr().err


def test_a_mistyped_name_of_another_learner_is_told(capsys, tmp_path):
    path = write(tmp_path / "rows.jsonl", topics(60))
    assert run_command(["plan", str(path), "--task", "classification", "--model", "tfdif", "--train-sizes", "10"]) == 2
    assert capsys.readouterr().err.endswith("Did you mean 'tfidf'?\n")


@pytest.mark.parametrize("student", [FloorLearner(), Teacher()])
def test_students_can_be_tuned(student):
    with pytest.raises(UsageError, match="cannot be fine-tuned, expected a student that can"):
        DistilledLearner("x+4x:teacher", student, Teacher(), 4)


def topics(n):
    generator = np.random.default_rng(0)
    words = [" ".join(f"w{word}" for word in generator.integers(30, size=3)) for _ in range(n)]
    return [{"text": f"{WORDS[k % 6]} {words[k]} n{k}", "label": WORDS[k % 6]} for k in range(n)]


def test_from_the_command_line_with_a_teacher_that_is_tuned_itself(tmp_path, capsys):
    path = write(tmp_path / "rows.jsonl", topics(160))
    arguments = [str(path), "--task", "classification", "--input-column", "text", "--target-column", "label", "--split", "random",
                 "--test-size", "40", "--model", "tfidf", "--model", "tfidf+4x:tfidf", "--train-sizes", "12,20", "--seeds", "2",
                 "--target", "20", "--label-price", "0.5", "--out", str(tmp_path / "out")]  # fmt: skip
    assert run_command(["plan", *arguments, "--json"]) == 0
    planned = [trial for trial in json.loads(capsys.readouterr().out)["trials"] if "+" in trial["learner"]]
    assert [(trial["train_size"], trial["calls"], trial["usd"]) for trial in planned[::2]] == [
        (12, 0, 0.0),
        (20, 0, 0.0),
    ]
    assert run_command(["run", *arguments]) == 0
    out = capsys.readouterr().out
    assert "tfidf with 4 rows of tfidf a labelled row: " in out
    assert "At $0.5000 a label, the cheapest measured way to 20 Accuracy is " in out
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["teaching"][0]["times"] == 4
    [folder] = {
        trial["folder"]
        for trial in results["trials"]
        if trial["label"] == "fine-tune-n12-seed0" and "+" in trial["learner"]
    }
    assert (tmp_path / "out" / folder / TEACHER_ANSWERS).stat().st_size > 0
    assert (
        run_command(
            ["predict", str(tmp_path / "out"), "--trial", "tfidf+4x:tfidf/fine-tune-n20-seed0", "--text", "rain w1"]
        )
        == 0
    )
    assert capsys.readouterr().out.strip() in WORDS
    assert run_command(["run", *arguments, "--model", "floor+4x:tfidf"]) in (2, 5)


METRIC = MetricResult("accuracy", "accuracy", "max", (0.0, 100.0), "x")


def size(**more):
    values = {"n": 50, "teacher_rows": 200.0, "asked": 210, "dropped": {"empty": 10}, "score": 80.0, "alone": 70.0, "gain": 10.0,
              "low": 5.0, "high": 15.0, "level": 0.95, "as_many_alone": 90.0, "worth": 5.0, "usd": 0.0}  # fmt: skip
    return TaughtSize(**{**values, **more})


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ([size()], "what about 90 labelled rows score: one labelled row is worth about 5 teacher rows here."),
        ([size(), size(n=100, low=-1.0, gain=1.0)], "beside 50 labelled rows alone, what about 90"),
        ([size(low=-1.0, gain=1.0)], "no gain that could be told from noise."),
        ([size(low=-9.0, high=-3.0, gain=-6.0)], "they do harm."),
        ([size(as_many_alone=None, worth=None)], "more than any measured size of tagger alone scores"),
        ([size(), size(n=100, as_many_alone=None, worth=None)], "rows is not known; beside 50 it is worth about 5."),
        ([size(low=None, high=None)], "no gain that could be told from noise."),
        ([], "add it (--model tagger)"),
    ],
)
def test_what_teacher_rows_are_worth_is_said_only_where_it_is_certain(sizes, said):
    assert said in _sentence(parse_distilled_name("tagger+4x:big/model"), sizes, METRIC)


def point_of(learner, strategy, score, train_size=0, shots=0, label=""):
    scores = {"accuracy": SimpleNamespace(estimate=score)}
    key = (learner, strategy, shots, train_size)
    return SimpleNamespace(
        learner=learner, strategy=strategy, shots=shots, train_size=train_size, label=label, scores=scores, key=key
    )


def trial_of(point):
    "Return a trial of a point: answers of its teacher cost a dollar; what `other` costs to tune is unknown."
    teaching = SimpleNamespace(answers_usd=1.0) if "+" in point.learner else None
    job = {} if point.learner == "other" else None
    training = SimpleNamespace(teaching=teaching, job=job, cost_usd=None) if point.strategy == "fine-tune" else None
    return SimpleNamespace(key=point.key, optimisation=None, training=training, cost_usd=None)


TUNED_POINTS = [point_of("tagger", "fine-tune", 92.0, 200), point_of("tagger+4x:big", "fine-tune", 91.0, 50)]
ZERO, FEW = (
    point_of("big", "zero-shot", 95.0, label="zero-shot"),
    point_of("big", "few-shot", 95.0, shots=3, label="3-shot"),
)
SIMILAR_8 = point_of("big", "similar", 95.0, 100, 8, "8 similar of 100")
FLOOR = point_of("floor", "floor", 96.0, label="most frequent class")
WORSE = point_of("big", "zero-shot", 89.0, label="zero-shot")


@pytest.mark.parametrize(
    ("more", "strategy", "n", "usd", "said"),
    [
        ([], "fine-tune", 50, 26.0, "on 50 labelled rows ($26.00 for labels and answers); without a teacher tagger on 200 ($100.00)."),
        ([ZERO], "zero-shot", 0, 0.0, "is big, zero-shot, without a labelled row ($0.00 for labels and searches; its requests are not"),
        ([FEW], "few-shot", 3, 1.5, "is big, 3-shot, on 3 labelled rows ($1.50 "),
        ([SIMILAR_8], "fine-tune", 50, 26.0, "; without a teacher big, 8 similar of 100, on 100 labelled rows ($50.00)."),
        ([FLOOR], "floor", 0, 0.0, "is floor, most frequent class, without a labelled row ($0.00 "),
        ([WORSE], "fine-tune", 50, 26.0, "is tagger+4x:big on 50 labelled rows"),
    ],
)  # fmt: skip
def test_the_cheapest_way_may_be_a_prompt_or_nothing_at_all(more, strategy, n, usd, said):
    taught = TeachingResult("tagger+4x:big", "tagger", "big", 4, [size(usd=1.0)], "")
    points = [*TUNED_POINTS, *more]
    trials = [trial_of(point) for point in points]
    way = cheapest_way(points, trials, [taught], METRIC, AdviceSpec(target=90, label_price=0.5))
    assert (way.strategy, way.n, way.usd) == (strategy, n, usd)
    assert said in way.sentence


NO_PRICE = point_of("other", "fine-tune", 93.0, 20)


@pytest.mark.parametrize(
    ("points", "n_measured", "said"),
    [
        (TUNED_POINTS, 0, "50 labelled rows ($26.00 for labels and answers); without a teacher tagger on 200 ($100.00)."),
        (TUNED_POINTS[1:], 0, "($26.00 for labels and answers); without a teacher no measured size reaches it."),
        ([TUNED_POINTS[1], NO_PRICE], 1, "; without a teacher other on 20 (its price is unknown); of 1 more a price is unknown."),
        ([*TUNED_POINTS, NO_PRICE], 1, "; without a teacher tagger on 200 ($100.00); of 1 more a price is unknown."),
        ([NO_PRICE], 1, "is other on 20 labelled rows, of which not all prices are known."),
    ],
)  # fmt: skip
def test_of_the_cheapest_way_prices_are_known_or_said_not_to_be(points, n_measured, said):
    "What the teacher's answers cost is known of every trial, whether its student alone is measured at this size or not."
    taught = TeachingResult("tagger+4x:big", "tagger", "big", 4, [size(usd=1.0)] * n_measured, "")
    trials = [trial_of(point) for point in points]
    way = cheapest_way(points, trials, [taught], METRIC, AdviceSpec(target=90, label_price=0.5))
    assert way.sentence.endswith(said)
    assert "inf" not in way.sentence


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(("direction", "better", "worse"), [("max", 95.0, 92.0), ("min", 3.0, 7.0)])
def test_of_ways_that_cost_the_same_the_better_one_is_named(first, direction, better, worse):
    metric = MetricResult("accuracy", "accuracy", direction, (0.0, 100.0), "x")
    points = [
        point_of("good", "zero-shot", better, label="zero-shot"),
        point_of("bad", "zero-shot", worse, label="zero-shot"),
    ]
    points = points[first:] + points[:first]
    missed = point_of("floor", "floor", 50.0, label="nothing")
    taught = TeachingResult("tagger+4x:big", "tagger", "big", 4, [], "")
    trials = [trial_of(point) for point in points]
    target = 90 if direction == "max" else 10
    way = cheapest_way([missed, *points], trials, [taught], metric, AdviceSpec(target=target, label_price=0.5))
    assert way.learner == "good"


@pytest.mark.parametrize(
    ("wanted", "n", "rows"),
    [(75.0, 50, 70.7), (80.0, 50, 100.0), (70.0, 50, 50.0), (95.0, 50, None), (85.0, 100, 141.4), (75.0, 200, None)],
)
def test_rows_alone_that_score_the_same_lie_on_straight_lines_in_log_n(wanted, n, rows):
    found = _rows_alone({50: 70.0, 100: 80.0, 200: 90.0}, n, wanted, 1.0)
    assert found == (None if rows is None else pytest.approx(rows, abs=0.1))


def test_gains_are_paired_by_seed():
    """Seeds differ by 30 points, and each gains 5: paired, that is certain; unpaired, it could not be told."""
    from tunecurve.results.teaching import MeasuredTrial

    def trials(gain):
        luck = np.random.default_rng(0).random(400)
        for seed, rate in enumerate((0.4, 0.55, 0.7)):
            statistics = np.stack([luck < rate + gain, np.ones(400)], axis=1).astype(float)
            item = jackknife(statistics, lambda summed: 100 * summed[..., 0] / summed[..., 1])
            yield MeasuredTrial(SimpleNamespace(seed=seed, train_size=50), item)

    gain, low, high = _gain(50, list(trials(0.08)), list(trials(0.0)), METRIC, 0.95)
    assert gain == pytest.approx(8, abs=2)
    assert 0 < low < gain < high


class Unprompted(LookupLearner):
    """As taggers: tuned without prompts, and its answers are inputs with parts replaced, of which nothing is taken off."""

    takes_prompts = answers_are_cleaned = False


def folder_of(study, out, teacher=None):
    learners = {"lookup": Unprompted(), NAME: DistilledLearner(NAME, Unprompted(), teacher or Teacher(), 3)}
    planned = prepare_study(study, StudyOptions(out=out, learners=learners)).planned
    return {item.trial.learner: item.folder.name for item in planned if item.trial.strategy == "fine-tune"}


@pytest.mark.parametrize(
    "change",
    [
        {"answers": {"clean": []}},
        {"answers": {"clean": ["quotes"]}},
        {"prompt": {"system": "Mask it.", "labels": ["NAME"]}},
        {"prompt": {"system": "Mask it.", "labels": ["NAME", "CITY", "ALIEN"]}},
    ],
)
def test_what_decides_which_answers_are_trained_on_is_another_trial_of_the_taught_student_alone(rows, tmp_path, change):
    plain = {"prompt": {"system": "Mask it.", "labels": ["NAME", "CITY"]}, "train_sizes": [10], "seeds": 1}
    before = folder_of(study_of(rows, **plain), tmp_path / "a")
    after = folder_of(study_of(rows, **{**plain, **change}), tmp_path / "b")
    assert before == folder_of(study_of(rows, **plain), tmp_path / "c")
    assert before["lookup"] == after["lookup"]
    assert before[NAME] != after[NAME]


def test_what_is_taken_off_answers_is_not_in_the_key_where_neither_student_nor_teacher_writes_texts(rows, tmp_path):
    study = study_of(rows, train_sizes=[10], seeds=1)
    plain = folder_of(study, tmp_path / "a", Unprompted())
    assert plain == folder_of({**study, "answers": {"clean": []}}, tmp_path / "b", Unprompted())


def grouped(rows, group_of):
    return [row | {"who": group_of(number)} for number, row in enumerate(rows)]


@pytest.mark.parametrize("method", ["group", "random"])
@pytest.mark.parametrize("n_unnamed", [0, 3])
def test_inputs_of_a_test_rows_group_go_to_no_teacher_where_groups_are_kept_apart(tmp_path, method, n_unnamed):
    labelled = grouped(simple_rows(160), lambda number: f"p{number % 40}")
    others = grouped(simple_rows(400)[160:], lambda number: "" if number < n_unnamed else f"p{number % 40}")
    more = write(tmp_path / "more.jsonl", [{key: row[key] for key in ("source_text", "who")} for row in others])
    study = study_of(write(tmp_path / "rows.jsonl", labelled), train_sizes=[10], seeds=1)
    study["data"] = {**study["data"], "group_column": "who", "unlabelled": str(more)}
    study["split"]["method"] = method
    ready = prepare_study(study, StudyOptions(out=tmp_path / "out", learners=learners_of(Teacher())))
    of_test = {row.group for row in ready.data.test}
    given = set(ready.learners[NAME].rows.inputs)
    named = {row["source_text"]: row["who"] for row in others}
    assert len(given) > 30
    [said] = [one.text for one in ready.data.findings if one.code == "teacher-inputs"]
    if method == "random":
        assert of_test & {named[text] for text in given}, "the study asked for rows one by one"
        assert "group" not in said
        return
    assert not of_test & {named[text] for text in given}
    n_of_test = sum(row["who"] in of_test for row in others)
    assert n_of_test > 0
    assert f", {n_of_test} of a group of test rows" in said
    assert (f"; {n_unnamed} name no group in column 'who'" in said) is bool(n_unnamed)


def test_an_input_in_another_width_or_case_is_that_of_a_labelled_row(rows, tmp_path):
    wide = {ord(letter): ord(letter) + 0xFEE0 for letter in "abcdefghijklmnopqrstuvwxyz"}
    same = [{"source_text": row["source_text"].translate(wide).upper()} for row in simple_rows(160)]
    fresh = [{"source_text": row["source_text"]} for row in simple_rows(260)[160:]]
    study = study_of(rows, train_sizes=[10], seeds=1)
    study["data"] = {**study["data"], "unlabelled": str(write(tmp_path / "more.jsonl", same + fresh))}
    ready = prepare_study(study, StudyOptions(out=tmp_path / "out", learners=learners_of(Teacher())))
    given = set(ready.learners[NAME].rows.inputs)
    assert given
    assert given <= {row["source_text"] for row in fresh}


@pytest.mark.parametrize("mark", [".", "!?", " - ", ",\u2026", "\u3002", "\u00bb", " 77", " 7,5!"], ids=repr)
def test_an_input_that_differs_from_a_test_row_in_punctuation_or_numbers_alone_goes_to_no_teacher(rows, tmp_path, mark):
    same = [{"source_text": row["source_text"].replace(" ", f"{mark} ", 1) + mark} for row in simple_rows(160)]
    fresh = [{"source_text": row["source_text"] + mark} for row in simple_rows(260)[160:]]
    study = study_of(rows, train_sizes=[10], seeds=1)
    study["data"] = {**study["data"], "unlabelled": str(write(tmp_path / "more.jsonl", same + fresh))}
    ready = prepare_study(study, StudyOptions(out=tmp_path / "out", learners=learners_of(Teacher())))
    given = set(ready.learners[NAME].rows.inputs)
    of_test = {row.source for row in ready.data.test}
    made_of_test = {
        made["source_text"] for made, row in zip(same, simple_rows(160), strict=True) if row["source_text"] in of_test
    }
    assert len(made_of_test) == 40
    assert not given & made_of_test
    assert given & {row["source_text"] for row in fresh}


class Waits(LookupLearner):
    """Is tuned elsewhere: three looks until it is done. Its cap may hold a job or not."""

    def __init__(self):
        super().__init__()
        self.n_rows, self.n_looks, self.cap_holds = [], 0, True

    def check_cap(self, job, beside_usd):
        self.n_looks += 1
        if not self.cap_holds:
            raise MoneyError("the cap")

    def fine_tune(self, job, on_step):
        self.n_rows.append(len(job.examples))
        return Pending("a job runs", 0.01) if len(self.n_rows) < 3 else super().fine_tune(job, on_step)


def prepared(rows, tmp_path, teacher):
    """Return a learner with a student that is tuned elsewhere, and a job for it."""
    learner = DistilledLearner(NAME, Waits(), teacher, 3)
    study, options = (
        study_of(rows, seeds=1, train_sizes=[10]),
        StudyOptions(out=tmp_path / "out", learners={"lookup": LookupLearner(), NAME: learner}),
    )
    ready = prepare_study(study, options)
    examples = ready.data.tuning_examples(10, 0)
    return learner, TrainingJob(examples, learner.resolve_recipe({}, 10), 0, make_folder(tmp_path / "trial"))


@pytest.mark.parametrize("n_failed", [0, 1, 29])
def test_a_job_that_runs_is_of_the_same_answers_whatever_failed(rows, tmp_path, n_failed):
    teacher = Teacher(dict.fromkeys(range(n_failed), ("", "error")))
    learner, job = prepared(rows, tmp_path, teacher)
    while isinstance(learner.fine_tune(job, lambda step: None), Pending):
        teacher.odd = {}  # who is asked again, answers now
    assert len(set(learner.student.n_rows)) == 1, "one job, of one set of rows"
    assert len(learner.student.n_rows) == 3
    assert len(teacher.asked) == 30


def test_where_every_answer_failed_all_are_asked_for_again(rows, tmp_path):
    teacher = Teacher(dict.fromkeys(range(30), ("", "error")))
    learner, job = prepared(rows, tmp_path, teacher)
    with pytest.raises(ModelError, match="none of 30 answers"):
        learner.fine_tune(job, lambda step: None)
    teacher.odd = {}
    assert isinstance(learner.fine_tune(job, lambda step: None), Pending)
    assert learner.student.n_rows == [40]


@pytest.mark.parametrize("n_kept", [0, 1, 12])
def test_the_cap_is_looked_at_whenever_a_teacher_is_to_be_paid(rows, tmp_path, n_kept):
    class Stops(Teacher):
        def predict_stream(self, prompts, done=()):
            for number, pair in enumerate(super().predict_stream(prompts, done)):
                if number == n_kept and not done and not self.is_paid:
                    raise RuntimeError("the power went")
                yield pair

    teacher = Stops()
    learner, job = prepared(rows, tmp_path, teacher)
    with pytest.raises(RuntimeError):
        learner.fine_tune(job, lambda step: None)
    teacher.is_paid, learner.student.cap_holds, n_asked = True, False, len(teacher.asked)
    with pytest.raises(MoneyError):
        learner.fine_tune(job, lambda step: None)
    assert len(teacher.asked) == n_asked
    learner.student.cap_holds = True
    assert isinstance(learner.fine_tune(job, lambda step: None), Pending)
    learner.student.cap_holds, n_looks = False, learner.student.n_looks
    assert isinstance(learner.fine_tune(job, lambda step: None), Pending), "with all answers kept, the job itself looks"
    assert learner.student.n_looks == n_looks


@pytest.mark.parametrize("name", ["tfidf+2x:tfidf+3x:tfidf", "tfidf+2x:tfidf+3x:tfidf+4x:tfidf"])
def test_a_teacher_has_no_teacher_of_its_own(name):
    with pytest.raises(UsageError, match="has a teacher itself; name one model after"):
        build_learners([name], LearnerOptions(task=task_of("classification")))


ALIEN, NOT_IN_INPUT = "with a label that is not in the list", "with an entity that is not in its input"
OTHER_SHAPE = "of another shape than the targets"


def faults_of(tmp_path, study, labelled, asked):
    """Why answers cannot be right, beside labelled rows: (input, target) pairs; `asked`: (input, answer) pairs."""
    learners = {name: one for name, one in learners_of(Teacher()).items() if name in study["models"]}
    ready = prepare_study(study, StudyOptions(out=tmp_path / "out", learners=learners))
    rows, renderer = ready.learners[NAME].rows, ready.data.renderer
    find = rows.fault_finder([renderer.tuning_example(*pair) for pair in labelled])
    return [find(renderer.prompt(source), answer) for source, answer in asked]


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ({"system": "Mask it."}, ALIEN),
        ({"system": "Mask it with {labels}."}, ""),
        ({}, ""),  # the usual instruction names them
        ({"system": "Mask it.", "labels": ["NAME", "CITY"]}, ""),
        ({"system": "Mask it with {labels}.", "labels": ["NAME", "PLACE"]}, ALIEN),
    ],
)
def test_labels_of_answers_are_those_of_the_labelled_rows_and_those_that_everybody_is_told(
    rows, tmp_path, prompt, said
):
    # [CITY] stands in other rows of the pool, whose labels nobody may use.
    study = study_of(rows, models=[NAME], prompt=prompt)
    asked = [("Ann lives in Rome.", "[NAME] lives in [CITY]."), ("Ann lives in Rome.", "[NAME] lives in Rome.")]
    assert faults_of(tmp_path, study, [("Ann sings.", "[NAME] sings.")], asked) == [said, ""]


@pytest.mark.parametrize(("target", "said"), [("[NAME] sings.", "empty"), ("", "")])
def test_an_empty_answer_can_be_right_where_a_labelled_row_has_one(rows, tmp_path, target, said):
    labelled = [("Ann sings.", "[NAME] sings."), ("Bob sings.", target)]
    study = study_of(rows, models=[NAME], task="generation")
    assert faults_of(tmp_path, study, labelled, [("Ann lives in Rome.", "")]) == [said]


@pytest.mark.parametrize(
    ("task", "target", "answers"),
    [
        ("classification", "rain", {"rain": "", "goal": ALIEN, "hail": ALIEN}),
        ("ner", "rain: Tom", {"rain: Tom": "", "goal: Tom": ALIEN, "none": "", "rain: Tim": NOT_IN_INPUT}),
        ("multilabel", "rain", {"rain": "", "none": "", "goal": ALIEN, "rain; goal": ALIEN}),
        ("extraction", '{"rain": "Tom"}', {'{"rain": "x"}': "", '{"goal": "Tom"}': OTHER_SHAPE, "Tom": "no JSON object"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_told", [False, True])
def test_labels_and_fields_of_other_rows_are_not_known_of_answers_of_any_task(tmp_path, task, target, answers, is_told):
    def target_of(word):
        return {"ner": f"{word}: Tom", "extraction": json.dumps({word: "Tom"})}.get(task, word)

    written = [{"source_text": f"Tom {n} {word}", "target_text": target_of(word)} for n in range(30) for word in WORDS]
    system = "Answer with {labels}." if is_told else "Answer."
    study = study_of(write(tmp_path / "rows.jsonl", written), task=task, models=[NAME], prompt={"system": system})
    found = faults_of(tmp_path, study, [("Tom", target)], [("Tom", answer) for answer in answers])
    known = {"goal", "goal: Tom", "rain; goal", '{"goal": "Tom"}'} if is_told else set()
    assert dict(zip(answers, found, strict=True)) == {a: "" if a in known else said for a, said in answers.items()}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ({"index": 0, "answer": {}}, "no version"),
        ({"version": 99, "index": 0, "answer": {}}, "version 99"),
        ({"version": 0, "number": 0, "said": "x"}, "version 0"),
        ({"version": None}, "version None"),
    ],
)
def test_answers_of_another_version_are_refused_in_a_line(rows, tmp_path, line, found):
    class Stops(Teacher):
        def predict_stream(self, prompts, done=()):
            yield next(iter(super().predict_stream(prompts, done)))
            raise KeyboardInterrupt

    study = study_of(rows, seeds=1, train_sizes=[10])
    with pytest.raises(KeyboardInterrupt):
        run_study(study, out=tmp_path / "out", learners=learners_of(Stops()))
    [path] = (tmp_path / "out").rglob(TEACHER_ANSWERS)
    path.write_bytes(path.read_bytes() + checked_line(line))
    again = Teacher()
    [said] = run_study(study, out=tmp_path / "out", learners=learners_of(again)).outcome.failures.values()
    assert f"a line has {found}, expected 1" in said
    assert "Move the file away" in said
    assert not again.asked
    path.unlink()
    assert run_study(study, out=tmp_path / "out", learners=learners_of(again)).results.complete
    assert len(again.asked) == 30
