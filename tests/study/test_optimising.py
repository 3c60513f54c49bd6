"""Looking for an instruction: with the real optimizer and a model whose answers hang on its instruction."""

import json
import sys
from html import unescape

import jsonschema
import pytest

from tests.fakes.instruction_follower import InstructionFollower
from tests.fakes.prompt_reader import TunedReader
from tests.support.class_rows import class_rows
from tunecurve.errors import DataError, EnvironmentProblem, Interrupted, SpecError, UsageError
from tunecurve.learners.base import Completion
from tunecurve.predictor import load_predictor
from tunecurve.report.write import write_report
from tunecurve.results.model import results_schema
from tunecurve.results.stored import without_times
from tunecurve.run import run_study
from tunecurve.spec.reading import parse_spec
from tunecurve.storage.files import read_checked_json
from tunecurve.study.optimising.search import SearchRows
from tunecurve.study.options import StudyOptions
from tunecurve.study.prepare import prepare_study
from tunecurve.study.progress import Progress
from tunecurve.track.log import write_artifacts

pytest.importorskip("gepa")

ROWS = class_rows(160)
ANSWERS = {row["text"]: row["label"] for row in ROWS}
# Every class in the instruction, each proposal with one word more that makes a third of the rows right.
GOOD = ["Be polite. Labels: {labels}.", "Be polite and curt. Labels: {labels}.", "Be polite, curt, vivid: {labels}."]


@pytest.fixture
def rows_file(tmp_path):
    path = tmp_path / "classes.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def study_of(path, **changes):
    return {
        "name": "optimised",
        "task": "classification",
        "data": {"source": str(path), "input_column": "text", "target_column": "label"},
        "split": {"test_size": 24, "method": "random"},
        "models": ["follower"],
        "shots": [0],
        "train_sizes": [],
        "optimize": {"calls": 80, "sizes": [20]},
        "bootstrap": {"draws": 100},
        **changes,
    }


def follower(**changes):
    return InstructionFollower(ANSWERS, **{"words": ("polite", "curt", "vivid"), "proposals": GOOD, **changes})


def run(path, out, learner=None, progress=None, learners=None, **changes):
    learners = learners or {"follower": learner or follower()}
    return run_study(study_of(path, **changes), out=out, learners=learners, progress=progress).results


def optimised(results):
    [trial] = [trial for trial in results.finished if trial.strategy == "optimized"]
    return trial


def test_a_better_instruction_is_found_scored_on_the_test_rows_and_kept(rows_file, tmp_path):
    results = run(rows_file, tmp_path / "out")
    jsonschema.validate(json.loads((tmp_path / "out" / "results.json").read_text()), results_schema())
    trial = optimised(results)
    found = trial.optimisation
    assert trial.label == "optimized-n20-seed0"
    assert not found.is_given
    assert found.score > found.score_given == 0.0
    assert trial.scores["accuracy"] > 20
    folder = tmp_path / "out" / trial.folder
    assert (folder / "instruction.txt").read_text() == found.instruction + "\n"
    kept = json.loads((folder / "optimised.json").read_text())
    assert kept["candidates"][0]["score"] == 0.0
    assert max(one["score"] for one in kept["candidates"]) == found.score
    assert len(kept["candidates"]) == found.n_candidates >= 2
    [point] = [point for point in results.points if point.strategy == "optimized"]
    assert point.label == "optimised on 20"
    assert not (folder / "calls.partial.jsonl").exists()


def test_no_test_row_is_asked_or_shown_before_the_instruction_stands_and_every_row_is_of_the_n(rows_file, tmp_path):
    learner = follower()
    results = run(rows_file, tmp_path / "out", learner, shots=[], train_sizes=[])
    study = prepare_study(study_of(rows_file), StudyOptions(out=tmp_path / "out", learners={"follower": follower()}))
    tested = {row.source for row in study.data.test}
    allowed = {row.source for row in study.data.training_rows(20, 0)}
    searched = learner.asked[: -len(study.data.test)]
    assert searched
    assert {prompt.source for prompt in searched} <= allowed
    assert {prompt.source for prompt in learner.asked[-len(study.data.test) :]} == tested
    shown = "\n".join(message.content for prompt in learner.asked_to_propose for message in prompt.messages)
    assert any(source in shown for source in allowed)
    assert not any(source in shown for source in tested)
    found = optimised(results).optimisation
    assert found.n_development + found.n_feedback == 20
    # What says which instruction is taken is never shown to the proposer.
    development = [row.source for row in SearchRows.of(study.data.training_rows(20, 0), 80).development]
    assert len(development) == found.n_development
    assert not any(source in shown for source in development)


@pytest.mark.parametrize(("calls", "size"), [(20, 60), (20, 8), (33, 40), (150, 20)])
def test_how_many_of_the_labelled_rows_the_calls_reached_is_counted_and_said(rows_file, tmp_path, calls, size):
    learner = follower(proposals=[f"Be brave {n}: {{labels}}" for n in range(40)])
    results = run(rows_file, tmp_path / "out", learner, shots=[], optimize={"calls": calls, "sizes": [size]})
    found = optimised(results).optimisation
    reached = {prompt.source for prompt in learner.asked[:-24]}
    assert found.n_looked_at == len(reached) <= size
    assert (f"reached {len(reached)} of its {size} labelled rows" in found.sentence) == (len(reached) < size)


@pytest.mark.parametrize("calls", [20, 33, 80, 150])
def test_there_are_no_more_calls_than_were_allowed(rows_file, tmp_path, calls):
    learner = follower(proposals=[f"Be brave {n}: {{labels}}" for n in range(40)])
    results = run(rows_file, tmp_path / "out", learner, shots=[], optimize={"calls": calls, "sizes": [20]})
    found = optimised(results).optimisation
    n_test = 24
    assert len(learner.asked) - n_test + len(learner.asked_to_propose) == found.n_answers + found.n_proposals <= calls
    assert found.n_answers == len({(one.messages[0].content, one.source) for one in learner.asked[:-n_test]})


def test_the_given_instruction_is_kept_where_nothing_is_better_and_that_is_said(rows_file, tmp_path):
    learner = follower(proposals=["Be rude: {labels}", "Be loud: {labels}"])
    results = run(rows_file, tmp_path / "out", learner)
    found = optimised(results).optimisation
    assert found.is_given
    assert found.instruction == results.study.system_prompt
    assert "nothing better than the given instruction" in found.sentence
    [zero] = [point for point in results.points if point.strategy == "zero-shot"]
    [point] = [point for point in results.points if point.strategy == "optimized"]
    assert zero.scores["accuracy"].estimate == point.scores["accuracy"].estimate


@pytest.mark.parametrize(
    ("proposal", "reason"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("Be polite.", "without {labels}"),
        ("Be polite {labels} " + "and curt " * 200, "too long for the context"),
        (Completion("Be polite {labels}", "length", 9, 400), "longer than 400 tokens"),
        (Completion("", "refused", 9, 0), "not answered"),
        (Completion("<think>hm", "end", 9, 3), "empty"),
    ],
)
def test_proposals_that_cannot_be_tried_are_dropped_and_counted(rows_file, tmp_path, proposal, reason):
    learner = follower(proposals=[proposal], context=300)
    found = optimised(run(rows_file, tmp_path / "out", learner)).optimisation
    assert found.is_given
    assert set(found.dropped) == {reason}
    assert found.dropped[reason] >= 1
    assert reason in found.sentence
    assert not any("polite" in prompt.messages[0].content for prompt in learner.asked)


def test_an_instruction_with_all_labels_written_out_needs_no_slot(rows_file, tmp_path):
    learner = follower(proposals=["Be polite, curt, vivid: card, loan, phone or travel."])
    found = optimised(run(rows_file, tmp_path / "out", learner)).optimisation
    assert found.instruction.endswith("card, loan, phone or travel.")
    assert found.score == 100.0


@pytest.mark.parametrize("after", [1, 7, 12, 31, 50])
def test_a_search_that_is_stopped_goes_on_with_what_it_has_and_ends_the_same(rows_file, tmp_path, after):
    whole_learner = follower()
    whole = run(rows_file, tmp_path / "whole", whole_learner)

    class Stopping(InstructionFollower):
        progress = None

        def predict_stream(self, prompts, done=()):
            for index, answer in super().predict_stream(prompts, done):
                self.progress.stop_requested = len(self.asked) + len(self.asked_to_propose) >= 24 + after
                yield index, answer

    stopping = Stopping(ANSWERS, words=("polite", "curt", "vivid"), proposals=GOOD)
    stopping.progress = Progress()
    with pytest.raises(Interrupted):
        run(rows_file, tmp_path / "out", stopping, progress=stopping.progress)
    learner = follower()
    again = run(rows_file, tmp_path / "out", learner)
    assert without_times(again) == without_times(whole)
    asked = [*stopping.asked, *stopping.asked_to_propose, *learner.asked, *learner.asked_to_propose]
    assert len(asked) == len(whole_learner.asked) + len(whole_learner.asked_to_propose)
    idle = follower()
    run(rows_file, tmp_path / "out", idle)
    assert not idle.asked
    assert not idle.asked_to_propose


def test_another_model_may_propose_and_is_not_measured(rows_file, tmp_path):
    learner, proposer = follower(proposals=["unused"]), follower(name="coach")
    search = {"calls": 80, "sizes": [20], "proposer": "coach"}
    results = run(rows_file, tmp_path / "out", learners={"follower": learner, "coach": proposer}, optimize=search)
    found = optimised(results).optimisation
    assert found.proposer == "coach"
    assert not found.is_given
    assert proposer.asked_to_propose
    assert not proposer.asked
    assert not learner.asked_to_propose
    assert {trial.learner for trial in results.trials} == {"floor", "follower"}


def test_the_found_instruction_answers_new_texts_and_stands_escaped_in_the_report(rows_file, tmp_path):
    learner = follower(proposals=["Be polite, curt, vivid <script>alert(1)</script>: {labels}"])
    run(rows_file, tmp_path / "out", learner)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "vivid &lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "vivid <script>" not in page
    import tunecurve.predictor as module

    answering = follower()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "build_learners", lambda names, options: {"follower": answering})
        predictor = load_predictor(tmp_path / "out", trial="optimized-n20-seed0")
    text = next(iter(ANSWERS))
    assert predictor(text) == ANSWERS[text]
    assert "Be polite, curt, vivid" in answering.asked[0].messages[0].content
    assert "card" in answering.asked[0].messages[0].content


@pytest.mark.parametrize("show_texts", [True, False])
def test_with_no_texts_the_report_keeps_the_instruction_to_itself(rows_file, tmp_path, show_texts):
    learner, page = (
        follower(proposals=["Be polite, curt, vivid as in SECRET-7: {labels}"]),
        tmp_path / "out" / "report.html",
    )
    results = run(rows_file, tmp_path / "out", learner, show_texts=show_texts)
    assert ("SECRET-7" in page.read_text()) == show_texts
    write_report(tmp_path / "out", results, with_texts=False)
    assert "SECRET-7" not in page.read_text()


@pytest.mark.parametrize("leak", ["SECRET-7", "Kattie Ünal", '<b>"SECRET"</b> {input}'])
def test_no_later_report_and_no_tracker_gets_what_a_proposer_may_have_copied(rows_file, tmp_path, leak):
    out, others = tmp_path / "out", tmp_path / "others"
    learner = follower(proposals=[f"Be polite, curt, vivid as in {leak}: {{labels}}"])
    results = run(rows_file, out, learner)
    assert leak in unescape((out / "report.html").read_text())
    write_report(out, results, with_texts=False)
    others.mkdir()
    told = [out / "report.html", *write_artifacts(out, results, others)]
    for path in told:
        content = unescape(path.read_bytes().decode(errors="replace"))
        assert not any(form in content for form in (leak, json.dumps(leak)[1:-1])), path
    numbers = json.loads((others / "results.json").read_text())
    assert [trial["scores"] for trial in numbers["trials"]] == [
        trial["scores"] for trial in json.loads((out / "results.json").read_text())["trials"]
    ]


def test_tracker_keeps_the_studys_own_instruction(rows_file, tmp_path):
    results = run(rows_file, tmp_path / "out", follower(proposals=["Be rude: {labels}"]))
    [_, _, numbers] = write_artifacts(tmp_path / "out", results, tmp_path)
    assert read_checked_json(numbers) == read_checked_json(tmp_path / "out" / "results.json")


@pytest.mark.parametrize("calls", [40, 60, 80, 150])
@pytest.mark.parametrize("proposal", ["", "Be polite.", "Be rude: {labels}"])
def test_no_more_proposals_are_dropped_than_were_made(rows_file, tmp_path, calls, proposal):
    optimize = {"calls": calls, "sizes": [8]}
    found = optimised(run(rows_file, tmp_path / "out", follower(proposals=[proposal]), optimize=optimize)).optimisation
    assert found.n_proposals == sum(found.dropped.values()) + (proposal == "Be rude: {labels}")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimize": {"calls": 80, "sizes": [500]}, "train_sizes": [5]}, "optimize.sizes"),
        ({"optimize": {"calls": 80}, "train_sizes": [500]}, "--train-sizes"),
        ({"optimize": {}, "shots": [0, 500], "train_sizes": [5]}, "--shots"),
        ({"optimize": {}, "shots": [{"count": 4, "choose": "similar", "of": [5, 500]}]}, "--shots"),
    ],
)
def test_too_many_rows_are_blamed_on_what_asks_for_them(rows_file, tmp_path, changes, said):
    run(rows_file, tmp_path / "out")
    with pytest.raises(DataError) as raised:
        run(rows_file, tmp_path / "out", **changes)
    keys = [key for key in ("optimize.sizes", "--train-sizes", "--shots") if key in str(raised.value)]
    assert keys == [said], raised.value


def test_seeds_look_on_rows_of_their_own(rows_file, tmp_path):
    results = run(rows_file, tmp_path / "out", seeds=2)
    labels = [trial.label for trial in results.finished if trial.strategy == "optimized"]
    assert labels == ["optimized-n20-seed0", "optimized-n20-seed1"]
    [point] = [point for point in results.points if point.strategy == "optimized"]
    assert point.n_seeds == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimize": {"calls": 80}}, "optimize.sizes"),
        ({"optimize": {"calls": 80}, "train_sizes": [2, 50]}, "expected 4 or more"),
        ({"optimize": {"calls": 80, "sizes": [3]}}, "optimize"),
        ({"optimize": {"calls": 5, "sizes": [20]}}, "optimize"),
        ({"hosted": {"batch": True}}, "hosted.batch: false"),
        ({"optimize": {"cals": 80}}, "calls"),
    ],
)
def test_what_cannot_be_looked_for_is_refused_in_a_line(rows_file, changes, said):
    with pytest.raises(SpecError, match=said.replace(".", r"\.")):
        parse_spec(study_of(rows_file, **changes), "study.yaml")


def test_the_smallest_training_size_is_looked_at_where_no_size_is_named(rows_file):
    spec = parse_spec(study_of(rows_file, optimize={"calls": 80}, train_sizes=[30, 60]), "study.yaml")
    assert spec.optimized_sizes == [30]


class SlowCoach(InstructionFollower):
    """Takes a minute for every instruction that it proposes."""

    def estimate_seconds(self, work):
        return 60.0 * work.n_calls


@pytest.mark.parametrize(("budget", "is_planned"), [("5m", False), ("10m", False), ("13m", True), ("1h", True)])
def test_a_time_budget_counts_what_the_proposer_takes(rows_file, tmp_path, budget, is_planned):
    # 80 calls are about 11 proposals, of nine tenths of the time: 12:13 min.
    coach = SlowCoach(ANSWERS, words=("polite",), proposals=GOOD, name="coach")
    learners = {"follower": follower(), "coach": coach}
    search = {"calls": 80, "sizes": [20], "proposer": "coach"}
    study = prepare_study(
        study_of(rows_file, optimize=search, time_budget=budget, seeds=1),
        StudyOptions(out=tmp_path / "run", learners=learners),
    )
    planned = [item.trial for item in study.planned if item.trial.strategy == "optimized"]
    assert len(planned) == is_planned
    for trial in planned:
        own, proposed = study.workloads[trial], study.proposals[trial]
        assert study.tokens(trial).read == own.tokens_read + proposed.tokens_read
        assert study.tokens(trial).written == own.tokens_written + proposed.tokens_written
    seconds = study.estimated_seconds()
    assert sum(seconds.values()) == pytest.approx(660.0 if is_planned else 0.0)
    [said] = [
        finding.line
        for finding in study.data.findings
        if finding.code.startswith("time-budget") and "looked for" in finding.line
    ]
    assert "11:00 min" in said
    assert said.startswith("left out by") is not is_planned


def test_a_proposer_that_takes_no_prompts_is_refused(rows_file, tmp_path):
    deaf = follower(name="lookup")
    deaf.takes_prompts = False
    search = {"calls": 80, "sizes": [20], "proposer": "lookup"}
    with pytest.raises(UsageError, match="lookup"):
        run(rows_file, tmp_path / "out", learners={"follower": follower(), "lookup": deaf}, optimize=search)


def test_without_the_package_it_is_one_line_before_anything_is_measured(rows_file, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gepa", None)
    learner = follower()
    with pytest.raises(EnvironmentProblem, match=r"pip install '\.\[optimize\]'"):
        run(rows_file, tmp_path / "out", learner)
    assert not learner.asked


@pytest.mark.parametrize(("n", "calls", "expected"), [(4, 20, 2), (50, 300, 25), (800, 300, 60), (7, 20, 3)])
def test_half_of_the_rows_or_as_many_as_the_calls_allow_say_which_instruction_is_taken(n, calls, expected):
    rows = SearchRows.of(list(range(n)), calls)
    assert len(rows.development) == expected
    assert [*rows.development, *rows.feedback] == list(range(n))


class TunedFollower(InstructionFollower):
    """Asks by its instruction; tuned, it answers by words, as a `TunedReader`."""

    def fine_tune(self, job, on_step):
        return TunedReader(self.name).fine_tune(job, on_step)

    def resolve_recipe(self, recipe, n_examples):
        return TunedReader(self.name).resolve_recipe(recipe, n_examples)

    def load_tuned(self, folder):
        return TunedReader(self.name).load_tuned(folder)


def test_tuning_is_compared_with_the_instruction_that_was_found(rows_file, tmp_path):
    learner = TunedFollower(ANSWERS, words=("polite", "curt", "vivid"), proposals=GOOD[:2])
    results = run(rows_file, tmp_path / "out", learner, train_sizes=[30, 100])
    [best] = results.best_prompts
    assert (best.strategy, best.train_size, best.label) == ("optimized", 20, "optimised on 20")
    assert "the best prompt, optimised on 20" in best.sentence
    assert any((one.from_, one.to) == ("optimised on 20", "tuned on 100") for one in results.comparisons)


def test_another_budget_proposer_or_metric_is_another_search(rows_file, tmp_path):
    def folder_of(**changes):
        learners = {"follower": follower(), "coach": follower(name="coach")}
        named = study_of(rows_file, **changes)
        given = learners if named["optimize"].get("proposer") == "coach" else {"follower": learners["follower"]}
        study = prepare_study(named, StudyOptions(out=tmp_path / "out", learners=given))
        [item] = [item for item in study.planned if item.trial.strategy == "optimized"]
        zero = [item.folder.name for item in study.planned if item.trial.strategy == "zero-shot"]
        return item.folder.name, zero

    plain, zero = folder_of()
    others = [
        folder_of(optimize={"calls": 90, "sizes": [20]}),
        folder_of(optimize={"calls": 80, "sizes": [20], "proposer": "coach"}),
        folder_of(metrics=["macro_f1"]),
    ]
    assert len({plain, *(name for name, _ in others)}) == 4
    assert all(same == zero for _, same in others)
    assert folder_of(optimize={"calls": 80, "sizes": [20], "proposer": "follower"})[0] == plain


def test_a_study_that_asks_for_no_search_any_more_keeps_the_one_it_has(rows_file, tmp_path):
    first = run(rows_file, tmp_path / "out")
    idle = follower()
    again = run(rows_file, tmp_path / "out", idle, optimize={})
    assert optimised(again).optimisation == optimised(first).optimisation
    assert not idle.asked
