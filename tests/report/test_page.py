"""What the page holds and does: its data blocks, its size, and, in a real browser, filters, questions and access by keyboard."""

import html
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.lookup_learner import LookupLearner
from tests.fakes.records import finished_trial, learner_forecast, metric_result, point, results_of
from tunecurve.curve.decision import candidate_sizes
from tunecurve.curve.forecast import CurvePoints, Prices, forecast_curve
from tunecurve.findings import Finding
from tunecurve.formats.placeholders import PlaceholderForm
from tunecurve.report.answer_data import answer_data
from tunecurve.report.answer_lines import AnswerLine, TrialAnswers
from tunecurve.report.chart_data import chart_data
from tunecurve.report.confusion import NO_CLASS, OTHER, confusions
from tunecurve.report.glossary import glossary, with_terms
from tunecurve.report.html import render_report
from tunecurve.report.row_faults import faults_of
from tunecurve.report.write import write_report
from tunecurve.results.records.advice import LearnerForecast
from tunecurve.results.records.points import LabelRecall
from tunecurve.run import run_study
from tunecurve.spec.study import StudySpec

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# `make browser` fetches it; where it is not, its test is skipped.
AXE = Path(os.environ.get("TUNECURVE_AXE", ".venv/axe/node_modules/axe-core/axe.min.js"))
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'></svg>"


def in_browser(page: str, script: str, folder: Path) -> dict:
    """Open a page without its policy, run a script in it that returns a value, and return that value."""
    open_page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    found = f"await (async () => {{ {script} }})()"
    keep = f"const out = document.createElement('pre'); out.id = 'out'; out.textContent = JSON.stringify({found});"
    run = f"(async () => {{ {keep} document.body.append(out); }})()"
    path = folder / "driven.html"
    path.write_text(open_page.replace("</body>", f"<script>{run}</script></body>"))
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=20000",
         "--window-size=1100,1600", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=180, check=True,
    )  # fmt: skip
    written = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.DOTALL)
    assert written, done.stderr[-2000:]
    return json.loads(html.unescape(written[1]))


def lines_of(texts, predictions, leaked=()):
    return [
        AnswerLine(f"r{n}", text, target, answer, "end", answer != target, int(n in leaked))
        for n, ((text, target), answer) in enumerate(zip(texts, predictions, strict=True))
    ]


def answers_of(name, texts, predictions, size=50, strategy="fine-tune", **more):
    trial = finished_trial(train_size=size, strategy=strategy)
    return TrialAnswers(trial, name, lines_of(texts, predictions, **more))


def study_of(**values):
    usual = results_of()
    return results_of(**values, spec={**StudySpec().model_dump(mode="json"), **usual.spec})


@pytest.mark.parametrize("length", [40, 400, 4000])
def test_two_hundred_rows_and_twenty_trials_are_below_three_megabytes(tmp_path, length):
    texts = [(f"{row} " + "word <é> " * (length // 9), f"{row} target " + "x" * length) for row in range(200)]
    trials = [
        answers_of(f"m: tuned on {size}", texts, [f"{size} {row} " + "y" * length for row in range(200)], size)
        for size in range(1, 21)
    ]
    data = answer_data(tmp_path, study_of(), trials)
    page = render_report(study_of(), SVG, (), None, data)
    assert len(page.encode()) < 3_000_000
    assert data.n_rows == 200
    assert (len(data.rows) == 200) == (length < 4000)
    assert data.rows, "some rows are shown at any length"
    for trial in data.trials:
        assert len(trial.answers) == len(data.rows)


def test_rows_that_are_answered_wrong_come_first_where_not_all_fit(tmp_path):
    texts = [("i" * 300_000 + str(row), "t" * 300_000 + str(row)) for row in range(12)]
    answers = [target if row != 7 else "wrong" for row, (_, target) in enumerate(texts)]
    data = answer_data(tmp_path, study_of(), [answers_of("m: tuned on 50", texts, answers)])
    assert 8 in [place for _, _, place in data.rows], "row 8 is the wrong one"
    assert 0 < len(data.rows) < 12


def test_nothing_answered_is_nothing_to_explore(tmp_path):
    assert answer_data(tmp_path, study_of(), []) is None


@pytest.mark.parametrize(
    "text",
    [
        "</script><script>x()</script>",
        "<!--<script>",
        "\u2028\u2029",
        "a\x00b",
        "\u202eabc",
        "&lt;",
        "{{ 7 * 7 }}",
        "\ud800",
    ],
)
def test_hostile_texts_in_the_data_blocks_come_back_as_they_were(tmp_path, text):
    data = answer_data(tmp_path, study_of(), [answers_of(f"m: {text}", [(text, "t")], [text + "!"])])
    labels = {text: LabelRecall(5, {"m: tuned on 50": 50.0})}
    page = render_report(study_of(labels=labels, points=[point(bleu=50.0)]), SVG, (), None, data)
    assert page.count("<script") == page.count("</script>") == 3
    blocks = dict(re.findall(r'<script type="application/json" id="([a-z-]+)">(.*?)</script>', page, re.DOTALL))
    assert text + "!" in json.loads(blocks["answer-data"])["texts"]
    assert json.loads(blocks["chart-data"])["labels"][0]["label"] == text
    for block in blocks.values():
        assert not set("<>&'\u2028\u2029\x00") & set(block)


def test_no_text_of_a_row_is_in_the_report_that_keeps_them_out(tmp_path):
    from tests.cli.test_commands import invoke

    words = ["kestrel", "walnut", "harbour"]
    rows = [{"text": f"secretive {word} {n} zzq{n}", "label": word} for n in range(40) for word in words]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run_study(
        {"name": "private", "task": "classification", "split": {"test_size": 30, "method": "random"}, "models": ["m"], "shots": [0],
         "data": {"source": str(tmp_path / "rows.jsonl"), "input_column": "text", "target_column": "label"}, "train_sizes": [6, 12, 24]},
        out=tmp_path / "out", learners={"m": LookupLearner("m")},
    )  # fmt: skip
    report = tmp_path / "out" / "report.html"
    assert "secretive" in report.read_text()
    assert invoke("report", tmp_path / "out", "--no-texts")[0] == 0
    page = report.read_text()
    assert "secretive" not in page
    assert "zzq" not in page
    assert 'id="answer-data"' not in page
    assert "kestrel" in page, "names of labels stand in the tables, as ever"


def faulty(text):
    """Answer by the order's number: all leaks, a part leaks, the label is another one."""
    name = r"(\w+zq\d+) (\w+qz\d+)"
    return re.sub(name, (r"\1 \2", r"[PERSON] \2", "[CITY]")[int(re.search(r"order (\d+)", text)[1]) % 3], text)


def test_no_value_that_leaks_is_named_in_the_report_that_keeps_texts_out(tmp_path, monkeypatch):
    from tests.cli.test_commands import invoke

    people = [f"{first}zq{n} {last}qz{n}" for n in range(25) for first, last in (("Bram", "Oduya"), ("Ilse", "Varga"))]
    rows = [
        {"text": f"{name} called about order {n}", "masked": f"[PERSON] called about order {n}"}
        for n, name in enumerate(people)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setattr(LookupLearner, "_mask", lambda self, text: faulty(text))
    out = tmp_path / "out"
    results = run_study(
        {"name": "private", "task": "masking", "split": {"test_size": 20, "method": "random"}, "models": ["m"], "shots": [],
         "data": {"source": str(tmp_path / "rows.jsonl"), "input_column": "text", "target_column": "masked"}, "train_sizes": [6]},
        out=out, learners={"m": LookupLearner("m")},
    ).results  # fmt: skip
    faults = ("value leaks: ", "a part of 1 value leaks: ", "with another label or in another place: ")
    shown = (out / "report.html").read_text()
    assert all(said in shown for said in faults)
    assert invoke("report", out, "--no-texts")[0] == 0
    by_option = (out / "report.html").read_text()
    write_report(out, replace(results, spec={**results.spec, "show_texts": False}))
    by_study_file = (out / "report.html").read_text()
    for page in (by_option, by_study_file):
        assert "Scores" in page
        assert [word for word in " ".join(people).split() if word in page] == []
        assert [said for said in faults if said in page] == []


def test_a_confusion_matrix_counts_every_answer_once():
    texts = [("a", "yes"), ("b", "yes"), ("c", "no"), ("d", "rare")]
    answers = [answers_of("m: tuned on 50", texts, ["yes", "no", " no ", "perhaps <b>"])]
    recall = replace(metric_result("class_recall"), name="class_recall")
    results = results_of(
        metrics=[metric_result(), recall], data=replace(results_of().data, labels=["yes", "no", "rare"])
    )
    (found,) = confusions(results, answers)
    assert sum(n for _, _, n in found.counts) == 4
    named = {(found.classes[right], found.classes[answer]): n for right, answer, n in found.counts}
    assert named == {("yes", "yes"): 1, ("yes", "no"): 1, ("no", "no"): 1, ("rare", NO_CLASS): 1}
    assert confusions(results_of(), answers) == [], "targets of other tasks are no classes"
    many = [(str(n), f"class {n:02}") for n in range(30)]
    wide = replace(results, data=replace(results.data, labels=[target for _, target in many]))
    (found,) = confusions(wide, [answers_of("m: tuned on 50", many, [target for _, target in many])])
    assert len(found.classes) == 22
    assert sum(n for right, _, n in found.counts if found.classes[right] == OTHER) == 10


def test_what_may_not_be_said_is_not_in_the_data_either():
    blind = Finding("blind", "the metric is blind", blocks=("leaks",))
    points = [point(train_size=50, bleu=50.0, leak_documents=0.0)]
    results = results_of(
        points=points, metrics=[metric_result(), metric_result("leak_documents", "leaks", "min")], findings=[blind]
    )
    assert "leak_documents" not in chart_data(results).points[0].scores
    assert "leak_documents" in chart_data(replace(results, findings=[])).points[0].scores
    refused = LearnerForecast("No verdict: constant.", learner_forecast().points)
    (question,) = chart_data(replace(results, forecast={"m": refused})).questions
    assert (question.refusal, question.sizes) == ("No verdict: constant.", [])


def test_every_term_of_the_glossary_is_explained_where_it_stands():
    for term, meaning in glossary().items():
        shown = html.unescape(str(with_terms(f"the {term}")))
        assert f'title="{meaning.replace("`", "").replace("**", "")}"' in shown, term
    assert with_terms("Floors <b>floor</b>").count("<dfn") == 1
    assert "<b>" not in with_terms("<b>bold</b>")
    assert with_terms("flooring") == "flooring"


@pytest.fixture(scope="module")
def priced():
    """A study with a curve that rises, three learners' worth of answers, and prices."""
    sizes, scores = [50, 100, 200, 400], [60.0, 70.0, 76.0, 80.0]
    found = forecast_curve(
        CurvePoints(sizes, scores, n_test=4000), (0, 100), at=candidate_sizes(400, 6), target=85.0,
        prices=Prices(label=0.05, value_per_point=20.0, training_per_example=0.01, training_fixed=3.0),
    )  # fmt: skip
    forecast = LearnerForecast(**{name: value for name, value in vars(found).items() if name != "predictive"})
    spec = StudySpec.model_validate(
        {
            "advice": {
                "target": 85.0,
                "label_price": 0.05,
                "value_per_point": 20.0,
                "training_price": 0.01,
                "run_price": 3.0,
            }
        }
    ).model_dump(mode="json")
    points = [
        point("floor", 0, bleu=20.0),
        *(point(train_size=n, bleu=score) for n, score in zip(sizes, scores, strict=True)),
    ]
    labels = {
        name: LabelRecall(9, {f"m: tuned on {n}": 10.0 * k for k, n in enumerate(sizes)}) for name in ("CITY", "NAME")
    }
    results = results_of(points=points, forecast={"m": forecast}, spec=spec, labels=labels)
    return results, forecast


TEXTS = [
    ("Ann lives in Rome", "[NAME] lives in [CITY]"),
    ("Bo is here", "[NAME] is here"),
    ("Call me", "Call me"),
    ("Cy and Di", "[NAME] and [NAME]"),
]


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_in_a_browser_prices_decide_as_the_study_does_and_filters_show_the_rows_asked_for(priced, tmp_path):
    results, forecast = priced
    small = ["[NAME] lives in Rome", "[NAME] is here", "Call", "Cy and [NAME]"]
    large = ["[NAME] lives in [CITY]", "Bo is here", "Call me", "Cy and [NAME]"]
    masking = replace(results, metrics=[*results.metrics, metric_result("leak_entities", "leaks", "min")])
    data = answer_data(tmp_path, masking, [
        answers_of("m: tuned on 50", TEXTS, small, 50, leaked=(0, 3)), answers_of("m: tuned on 400", TEXTS, large, 400, leaked=(1, 3)),
    ])  # fmt: skip
    data = replace(data, places=["line 5", "line 7", "line 12", "line 121"])
    page = render_report(results, SVG, (), None, data)
    said = in_browser(page, (Path(__file__).parent / "drive_page.js").read_text(), tmp_path)
    best = forecast.decision.best
    assert said["decision"].startswith(f"go to {best.n:,.0f} rows, {best.more_labels:,.0f} more: costs {best.cost:.3g}")
    assert said["decision"].endswith(f"net {best.net_gain:.3g}")
    assert "even odds with" in said["required"]
    assert said["chart"] == 4 + 6, "measured sizes, and forecasts up to eight times the data"
    assert "row 1 of 4" in said["all"]
    assert "row 1 of 2" in said["wrong"]
    assert "Test row 2" in said["wrong"]
    assert "row 1 of 2" in said["leaking"]
    assert "row 1 of 2" in said["fixed"]
    assert "Test row 1" in said["fixed"]
    assert "row 1 of 1" in said["broken"]
    assert "Test row 2" in said["broken"]
    assert "row 1 of 1" in said["label"]
    assert "row 1 of 1" in said["short"]
    assert "row 1 of 1" in said["search"]
    assert said["none"] == "No row is like that."
    assert said["noSuchRow"] == "There is no test row 9: they are 1 to 4."
    for asked in ("row 3", "#3", "Test row 3", "line 12"):
        assert "Test row 3 (line 12 of the data)" in said[asked], "it is found though only wrong rows are shown"
    assert said["faults"] == ["1 value leaks: Bo"], "the row that the last model leaks first"
    assert said["leaks"] == ["Bo"]
    assert said["unreadable"] == {
        "abc": '"abc" is not a number; write for example 0.10', "comma": '"0,10" is not a number; write 0.10',
        "negative": "-1 is below zero", "target": '"9o" is not a number; write for example 0.10',
    }  # fmt: skip
    last = forecast.points[-1].n
    assert said["costOnly"] == (
        f"{last:,.0f} more rows, to {2 * last:,.0f}, twice as many: labels cost {2 * last:,.0f}; give a value per point to weigh it"
    )
    assert "the value per point is not used" in said["valueOnly"]
    assert said["dear"].startswith("stop")
    assert said["reached"].startswith("reached already")
    assert "Rome" in said["marks"]
    assert said["focus"].startswith("m, 100 training rows: 70.0 BLEU")
    assert said["panels"] == 2


@pytest.mark.parametrize(
    ("answer", "said", "shown"),
    [
        ("Anna Smith lives in [CITY]", ["1 value leaks: Anna Smith"], ["Anna Smith"]),
        ("Anna Smith lives in Rome", ["2 values leak: Anna Smith, Rome"], ["Anna Smith", "Rome"]),
        ("[NAME] Smith lives in [CITY]", ["a part of 1 value leaks: Anna Smith"], ["Smith"]),
        ("[CITY] lives in [CITY]", ["1 value is masked with another label or in another place: Anna Smith (should be NAME)"], []),
        ("[NAME] lives in [CITY]", [], []),
    ],
)  # fmt: skip
def test_what_is_wrong_names_the_values(answer, said, shown):
    faults = faults_of(answer, "[NAME] lives in [CITY]", "Anna Smith lives in Rome", PlaceholderForm())
    assert faults.said == said
    assert faults.shown == shown


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None or not AXE.exists(), reason="no chromium or no axe-core on this machine")
def test_axe_finds_nothing_serious(priced, tmp_path):
    results, _ = priced
    data = answer_data(tmp_path, results, [answers_of("m: tuned on 50", TEXTS, [target for _, target in TEXTS])])
    page = render_report(results, SVG, (), None, data).replace(
        '<details class="section"', '<details open class="section"'
    )
    script = (
        AXE.read_text()
        + """
      const found = await axe.run(document, { resultTypes: ["violations"] });
      const grave = found.violations.filter((one) => ["serious", "critical"].includes(one.impact));
      return grave.map((one) => [one.id, one.nodes[0].html.slice(0, 200)]);
    """
    )
    assert in_browser(page, script, tmp_path) == []
