"""Known answers before anything is trained: what is blind, cut or lost is caught, by deliberately breaking one part each."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from tests.cli.test_commands import invoke
from tests.conftest import simple_rows
from tests.fakes.lookup_learner import LookupLearner
from tests.fakes.records import finished_trial, metric_result, point, results_of, score
from tunecurve.data.rows import Row
from tunecurve.findings import Finding
from tunecurve.learners.answer_bounds import among_classes, loss_at_the_cap
from tunecurve.learners.base import Loss, RoundTrip
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.metrics.settings import MetricSettings
from tunecurve.run import run_study
from tunecurve.study.known_answers import Check, check_known_answers
from tunecurve.tasks.lookup import task_of

LABELS = MetricSettings(("CITY", "FIRSTNAME"))


def rows_of(n=120):
    return [
        Row(row["source_text"], row["target_text"], str(number), f"line {number + 1}")
        for number, row in enumerate(simple_rows(n))
    ]


def check(rows, task="masking", settings=LABELS, trips=None, metrics=None):
    metrics = metrics or build_metrics(task_of(task).metrics, settings)
    return check_known_answers(task_of(task), metrics, rows, trips or {})


def found(known, code):
    return [finding for finding in known.findings if finding.code == code]


def test_good_rows_have_no_findings_and_say_what_was_checked():
    known = check(rows_of())
    assert known.findings == []
    by_answer = {entry.answer: entry.scores for entry in known.checks}
    assert by_answer["targets"]["bleu"] == pytest.approx(100)
    assert by_answer["targets"]["leak_documents"] == 0
    assert by_answer["input"]["leak_documents"] == 100
    assert by_answer["input"]["label_accuracy"] == 0


def test_a_leak_metric_that_finds_nothing_is_caught(monkeypatch):
    import tunecurve.metrics.masked_row as masked_row

    honest = masked_row.find_leaks

    def blind(values, output, correct):
        leaks = honest(values, output, correct)
        none = tuple(False for _ in leaks.exactly)
        return replace(leaks, exactly=none, as_read=none, by_digits=none)

    masked_row.analyse_row.cache_clear()
    monkeypatch.setattr(masked_row, "find_leaks", blind)
    try:
        (caught,) = found(check(rows_of()), "blind-leaks")
    finally:
        masked_row.analyse_row.cache_clear()
    assert "leaks nothing in 120 of 120 documents with values" in caught.text
    assert caught.blocks == ("leaks",)
    assert caught.places[0] == "line 1"


def test_copied_inputs_leak_by_the_metric_that_the_task_names():
    class Own(type(task_of("masking"))):
        leak_metric = "leak_entities"

    metrics = build_metrics(["bleu", "leak_entities"], LABELS)
    known = check_known_answers(Own(), metrics, rows_of(), {})
    assert {entry.answer: entry.scores["leak_entities"] for entry in known.checks} == {"targets": 0, "input": 100}
    assert known.findings == []


class _Wrapped:
    """A metric with one method changed."""

    def __init__(self, metric, **changes):
        self._metric, self._changes = metric, changes

    def __getattr__(self, name):
        return self._changes.get(name) or getattr(self._metric, name)

    def statistics(self, *texts):
        return self._changes.get("statistics", self._metric.statistics)(*texts)

    def score(self, summed):
        return self._changes.get("score", self._metric.score)(summed)


@pytest.mark.parametrize("cap", [90.0, 50.0, 0.0])
def test_a_metric_capped_below_its_best_is_caught(cap):
    metrics = build_metrics(task_of("masking").metrics, LABELS)
    honest = metrics[0].score
    metrics[0] = _Wrapped(metrics[0], score=lambda summed: np.minimum(honest(summed), cap))
    (caught,) = found(check(rows_of(), metrics=metrics), "blind-metric")
    assert f"score {cap:.1f} BLEU, not 100" in caught.text
    assert caught.blocks == ("verdict",)


def test_a_metric_that_is_undefined_on_these_rows_is_caught():
    rows = [replace(row, target=row.source) for row in rows_of()]
    known = check(rows)
    assert {finding.code for finding in known.findings} == {"undefined-metric"}
    (caught,) = found(known, "undefined-metric")
    assert caught.blocks == ("leaks",)
    assert "Documents that leak" in caught.text


def test_short_targets_that_bleu_cannot_score_are_caught():
    rows = [Row(f"question {n}", "yes" if n % 2 else "no", str(n), f"line {n}") for n in range(30)]
    (caught,) = found(check(rows, "generation", MetricSettings()), "blind-metric")
    assert "BLEU" in caught.text
    assert "--metric chrf" in caught.remedy
    assert caught.blocks == ("verdict",)


def test_inputs_that_are_their_own_labels_are_caught():
    rows = [Row("cat" if n % 2 else "dog", "cat" if n % 2 else "dog", str(n), f"line {n}") for n in range(30)]
    (caught,) = found(check(rows, "classification", MetricSettings(("cat", "dog"))), "copy-is-right")
    assert "30 of 30" in caught.text
    assert caught.blocks == ("verdict",)


@pytest.mark.parametrize("n_cut", [1, 3, 40])
def test_a_ceiling_is_named_with_step_rows_and_remedy(n_cut):
    rows = rows_of()
    texts = [row.target[:3] if number < n_cut else row.target for number, row in enumerate(rows)]
    trip = RoundTrip(texts, (Loss("answer cap", tuple(range(n_cut)), "are over the cap", "raise it"),))
    (caught,) = found(check(rows, trips={"m": trip}), "ceiling")
    assert caught.text.startswith("m: a perfect model would score ")
    assert f"{n_cut} of 120 are over the cap" in caught.text
    assert (caught.remedy, caught.learner) == ("raise it", "m")
    assert caught.places == tuple(f"line {number + 1}" for number in range(n_cut))
    assert ("verdict" in caught.blocks) == (n_cut == 40)


def test_a_change_that_no_metric_counts_is_no_finding():
    rows = [Row(f"text {n} of a class", "ab"[n % 2], str(n)) for n in range(20)]
    trip = RoundTrip([f" {row.target} " for row in rows], (Loss("tokenizer", tuple(range(20)), "change"),))
    assert check(rows, "classification", MetricSettings(("a", "b")), {"m": trip}).findings == []


def test_the_remedy_for_the_cap_lets_every_target_through():
    n_in, n_out = [4, 10, 3, 50], [60, 20, 55, 51]
    loss = loss_at_the_cap(n_in, n_out, 1.5, 16)
    assert loss.rows == (0, 2)
    ratio = float(loss.remedy.split("max_tokens_per_input_token to ")[1].split(",")[0])
    extra = int(loss.remedy.rsplit("max_extra_tokens to ", 1)[1])
    assert loss_at_the_cap(n_in, n_out, ratio, 16) is None
    assert loss_at_the_cap(n_in, n_out, 1.5, extra) is None
    assert loss_at_the_cap(n_in, [1, 1, 1, 1], 1.5, 16) is None


def test_a_class_that_no_training_row_has_is_lost():
    trip = among_classes(["a", " b ", "c"], {"a", "b"})
    assert trip.texts == ["a", " b ", ""]
    assert trip.losses[0].rows == (2,)


# Learners


class CutsTargets(LookupLearner):
    """Says that targets come back without their last word."""

    def return_targets(self, prompts, targets, examples):
        kept = [target.rpartition(" ")[0] for target in targets]
        return RoundTrip(kept, (Loss("cut", tuple(range(len(targets))), "test targets lose their last word", "do so"),))

    def load_tuned(self, folder):
        return CutsTargets(self.name, json.loads((folder / "known.json").read_text()))


def test_a_ceiling_is_in_results_report_and_verdict(rows_file, tmp_path):
    study = {
        "data": {"source": str(rows_file)},
        "split": {"method": "random", "test_size": 30},
        "train_sizes": [5, 20, 80],
        "models": ["cutter"],
        "shots": [],
    }
    done = run_study(study, out=tmp_path / "out", learners={"cutter": CutsTargets("cutter")})
    refusal = done.results.forecast["cutter"].refusal
    assert refusal.startswith("No verdict: a perfect model would score")
    assert "30 of 30 test targets lose their last word" in refusal
    assert {(entry.answer, entry.learner) for entry in done.results.checks} == {
        ("targets", None), ("input", None), ("targets", "cutter"),
    }  # fmt: skip
    report = html.unescape((tmp_path / "out" / "report.html").read_text())
    assert report.index("30 of 30 test targets lose their last word") < report.index("<h2>The curve</h2>")
    assert b"ceiling of cutter" in _texts_of_curve(done.results)


def leaking_results(*learners, **values):
    """Results of one point a learner, in leaks alone."""
    points = [replace(point(train_size=5, leak_documents=score(1.0, 0.0, 2.0)), learner=name) for name in learners]
    metrics = [metric_result("leak_documents", "Leaks", "min")]
    return results_of(metrics=metrics, points=points, trials=[finished_trial(train_size=5)], **values)


def test_ceilings_that_are_the_same_are_one_line_and_a_metric_that_may_not_be_said_says_so():
    import matplotlib.figure

    from tunecurve.report.plots import draw_curve

    def checked(learner, score):
        return Check("targets", learner, 1, {"leak_documents": score})

    blind = Finding("blind-leaks", "blind", blocks=("leaks",))
    checks = [checked(None, 0.0), checked("a", 20.0), checked("b", 20.04), checked("c", 30.0)]

    def texts(findings):
        axes = matplotlib.figure.Figure().subplots()
        draw_curve(axes, leaking_results("a", checks=checks, findings=findings), "leak_documents")
        return {text.get_text() for text in axes.texts}

    assert {"ceiling of 2 models 20.0", "ceiling of c 30.0"} < texts([blind])
    assert "cannot be said: see Checks" in texts([blind])
    assert "cannot be said: see Checks" not in texts([])


@pytest.mark.parametrize("silent", ["a", "b"])
def test_a_learner_has_one_colour_also_where_a_metric_may_not_be_said_of_another(silent):
    import matplotlib.figure

    from tunecurve.report.plots import draw_curve

    def colours(findings):
        axes = matplotlib.figure.Figure().subplots()
        draw_curve(axes, leaking_results("a", "b", "c", findings=findings), "leak_documents")
        return {line.get_label(): line.get_color() for line in axes.lines if "fine-tuned" in line.get_label()}

    all_of_them = colours([])
    fewer = colours([Finding("x", "blind", blocks=("leaks",), learner=silent)])
    assert len(set(all_of_them.values())) == 3
    assert fewer == {label: colour for label, colour in all_of_them.items() if not label.startswith(silent)}


def _texts_of_curve(results):
    from tunecurve.report.plots import study_figure

    figure = study_figure(results)
    return " ".join(text.get_text() for axes in figure.axes for text in axes.texts).encode()


@pytest.fixture
def tiny_learner(tiny_model_folder):
    """A local learner of a tiny model with random weights."""
    from tunecurve.learners.lm.learner import LocalLearner
    from tunecurve.learners.torch.device import choose_compute
    from tunecurve.learners.torch.weights import resolve_model

    return LocalLearner(resolve_model(str(tiny_model_folder)), choose_compute("cpu", 1))


def prompts_of(rows):
    from tunecurve.prompts import PromptRenderer

    renderer = PromptRenderer("Mask: {labels}.", "{input}", LABELS.labels, False)
    return [renderer.prompt(row.source) for row in rows], [
        renderer.tuning_example(row.source, row.target) for row in rows
    ]


def test_a_whole_decoder_loses_nothing_and_a_halved_cap_and_a_dropping_decoder_are_caught(tiny_learner, monkeypatch):
    from tunecurve.learners.lm.decoding.generate import AnswerLimits

    rows = rows_of(40)
    prompts, examples = prompts_of(rows)
    targets = [row.target for row in rows]
    assert tiny_learner.return_targets(prompts, targets, examples) == RoundTrip(targets)

    tiny_learner.limits = AnswerLimits(0.5, 1)
    (caught,) = found(check(rows, trips={"m": tiny_learner.return_targets(prompts, targets, examples)}), "ceiling")
    assert "test targets are longer than the longest answer allowed (0.5 times the input and 1 tokens)" in caught.text
    assert "set answers.max_tokens_per_input_token to" in caught.remedy
    assert "verdict" in caught.blocks

    tiny_learner.limits = AnswerLimits()
    whole = tiny_learner.encoder.decode
    monkeypatch.setattr(
        tiny_learner.encoder, "decode", lambda ids: whole([token for n, token in enumerate(ids) if n % 5])
    )
    (caught,) = found(check(rows, trips={"m": tiny_learner.return_targets(prompts, targets, examples)}), "ceiling")
    assert "come back changed from the model's own tokens" in caught.text
    assert "verdict" in caught.blocks


def test_a_tagger_that_loses_a_label_is_caught(monkeypatch):
    import tunecurve.learners.encoder.tagger as module
    from tunecurve.learners.encoder.tagger import TaggerLearner
    from tunecurve.learners.encoder.weights import BUILTIN_ENCODER, resolve_encoder
    from tunecurve.learners.torch.device import choose_compute

    tagger = TaggerLearner("tagger", resolve_encoder(BUILTIN_ENCODER), choose_compute("cpu", 1))
    rows = rows_of(60)
    prompts, examples = prompts_of(rows)
    targets = [row.target for row in rows]
    assert tagger.return_targets(prompts, targets, examples) == RoundTrip(targets)

    honest = module.found_spans
    monkeypatch.setattr(
        module, "found_spans", lambda *arguments: [span for span in honest(*arguments) if span.label != "CITY"]
    )
    known = check(rows, trips={"tagger": tagger.return_targets(prompts, targets, examples)})
    (caught,) = found(known, "ceiling")
    assert "60 of 60 test targets cannot be written as labelled words of their inputs" in caught.text
    assert "of the documents would leak" in caught.text
    assert caught.blocks == ("verdict", "leaks")


@pytest.mark.parametrize(
    "change",
    [
        lambda target: target + " Also much more that the input has not.",
        lambda target: target.replace("The train", "A train").replace("Monday", "Tuesday") + " x",
        lambda target: "Hello " + target,
        lambda target: target.lower().replace("[firstname]", "[FIRSTNAME]").replace("[city]", "[CITY]") + ".",
    ],
)
def test_a_perfect_tagger_labels_what_it_can_of_a_target_that_it_cannot_write(change):
    from tunecurve.learners.encoder.tagger import TaggerLearner
    from tunecurve.learners.encoder.weights import BUILTIN_ENCODER, resolve_encoder
    from tunecurve.learners.torch.device import choose_compute

    tagger = TaggerLearner("tagger", resolve_encoder(BUILTIN_ENCODER), choose_compute("cpu", 1))
    whole = rows_of(60)
    rows = [replace(row, target=change(row.target)) if n % 3 == 0 else row for n, row in enumerate(whole)]
    prompts, _ = prompts_of(rows)
    _, examples = prompts_of(whole)
    trip = tagger.return_targets(prompts, [row.target for row in rows], examples)
    labels = [re.findall(r"\[[A-Z]+\]", text) for text in trip.texts]
    assert labels == [re.findall(r"\[[A-Z]+\]", row.target) for row in whole]
    known = check(rows, trips={"tagger": trip})
    (caught,) = found(known, "ceiling")
    assert "20 of 60 test targets cannot be written as labelled words of their inputs" in caught.text
    assert "would leak" not in caught.text
    assert "leaks" not in caught.blocks


def test_a_label_that_no_training_row_has_is_named_and_can_be_masked_under_another_name():
    from tunecurve.learners.encoder.tagger import TaggerLearner
    from tunecurve.learners.encoder.weights import BUILTIN_ENCODER, resolve_encoder
    from tunecurve.learners.torch.device import choose_compute

    tagger = TaggerLearner("tagger", resolve_encoder(BUILTIN_ENCODER), choose_compute("cpu", 1))
    whole = rows_of(60)
    rows = [
        replace(row, target=row.target.replace("[CITY]", "[TOWN]")) if n % 3 == 0 else row
        for n, row in enumerate(whole)
    ]
    prompts, _ = prompts_of(rows)
    _, examples = prompts_of(whole)
    trip = tagger.return_targets(prompts, [row.target for row in rows], examples)
    (lost,) = trip.losses
    assert (lost.step, lost.rows) == ("labels", tuple(range(0, 60, 3)))
    assert all("[TOWN]" not in text for text in trip.texts)
    assert [text.count("[") for text in trip.texts] == [row.target.count("[") for row in rows]
    known = check(rows, trips={"tagger": trip})
    (caught,) = found(known, "ceiling")
    assert "20 of 60 test rows have a label that no training row has: TOWN" in caught.text
    assert caught.remedy == "label training rows with it, or leave these test rows out"
    assert "would leak" not in caught.text
    assert "leaks" not in caught.blocks


def test_a_perfect_entity_tagger_lists_the_entities_that_the_input_has():
    from tunecurve.formats.spans import EntityFormat

    form = EntityFormat()
    source, target = "Ada met Bea in Ulm", "PER: Ada; PER: Cid; LOC: Ulm"
    assert form.derive(source, target) is None
    assert form.render(source, form.nearest(source, target)) == "PER: Ada; LOC: Ulm"
    assert form.nearest(source, "PER: Ada") == form.derive(source, "PER: Ada")


# The command line


@pytest.mark.parametrize("n_words", [60, 200])
def test_answers_that_are_longer_than_the_cap_are_one_line_before_anything_is_trained(tmp_path, n_words):
    path = tmp_path / "rows.jsonl"
    words = ["soft", "warm", "light", "bold", "green", "quick", "small", "round", "plain", "sharp"]
    pairs = [(f"lamp {n}", " ".join(words[(n * 3 + i * i) % 10] + str(n) for i in range(n_words))) for n in range(60)]
    path.write_text("".join(json.dumps({"source_text": s, "target_text": t}) + "\n" for s, t in pairs))
    code, stdout, _ = invoke(
        "validate",
        "--task",
        "generation",
        "--data",
        path,
        "--test-size",
        "10",
        "--train-sizes",
        "20",
        "--split",
        "random",
    )
    assert code == 0
    (line,) = [line for line in stdout.splitlines() if "longer than the longest answer allowed" in line]
    assert line.startswith("blocked  ")
    assert "10 of 10 test targets" in line
    assert "set answers.max_tokens_per_input_token to " in line
    assert "not ok" in stdout


def test_answers_under_the_cap_are_not_mentioned(rows_file, tmp_path):
    _, stdout, _ = invoke(
        "validate", "--data", rows_file, "--split", "random", "--test-size", "30", "--train-sizes", "20", "--out", tmp_path
    )  # fmt: skip
    assert "longest answer" not in stdout
    assert "blocked" not in stdout
