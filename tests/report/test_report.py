"""The report: escaped, self-contained, and opened in a real browser where there is one."""

import json
import shutil
import subprocess

import pytest
from markupsafe import escape

from tests.fakes.lookup_learner import LookupLearner
from tunecurve.report.safe_csv import formula_safe, to_csv
from tunecurve.report.tables import text_table
from tunecurve.run import run_study

HOSTILE = [
    "<script>document.title='owned'</script>",
    "</script><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }} {% raw %}",
    "<svg onload=alert(1)>",
    "\u202eright to left\u202c \u200b zero",
    "\x1b[31mred\x1b[0m",
    "</style><style>body{display:none}</style>",
    '=HYPERLINK("x")',
]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    rows = [
        {"source_text": f"{text} Bo{number}", "target_text": f"{text} [NAME]"}
        for number, text in enumerate(HOSTILE * 9)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run_study(
        {"name": "hostile", "data": {"source": str(folder / "rows.jsonl")}, "split": {"test_size": 40, "method": "random"},
         "models": ["<b>model"], "shots": [0], "train_sizes": [4, 8, 16]},
        out=folder / "out", learners={"<b>model": LookupLearner("<b>model")},
    )  # fmt: skip
    return folder / "out"


def test_hostile_texts_are_shown_and_not_obeyed(hostile_run):
    page = (hostile_run / "report.html").read_text()
    assert page.count("<script") == 3, "the data of chart and answers, and the page's own script; nothing of the rows"
    assert page.count("</script>") == 3
    assert "<b>model" not in page
    assert sum(str(escape(text)) in page for text in HOSTILE) >= 3
    assert page.count("<style>") == 1
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_texts_can_be_kept_out_of_the_report(hostile_run):
    from tests.cli.test_commands import invoke

    for option in ("--no-texts", "--no-text"):
        assert "Worst answers" in (hostile_run / "report.html").read_text()
        code, _, _ = invoke("report", hostile_run, option)
        page = (hostile_run / "report.html").read_text()
        assert code == 0
        assert "Worst answers" not in page
        assert "document.title" not in page
        invoke("report", hostile_run)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_a_real_browser_shows_the_report(hostile_run, tmp_path):
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr",
    ]  # fmt: skip
    address = (hostile_run / "report.html").as_uri()
    done = subprocess.run([*command, "--dump-dom", address], capture_output=True, text=True, timeout=120, check=True)
    assert "how much data does it take?" in done.stdout
    assert "<title>hostile" in done.stdout
    assert "give a target" in done.stdout, "the calculator runs"
    assert "needs JavaScript" not in done.stdout
    assert "Content Security Policy" not in done.stderr, "the page violates no policy of its own"
    picture = tmp_path / "page.png"
    subprocess.run(
        [*command, f"--screenshot={picture}", "--window-size=1100,2400", address],
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert picture.stat().st_size > 50_000


def test_csv_cells_are_never_live():
    payloads = [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        " =1",
        "\u00a0=cmd|x",
        "|x",
        "%x",
        "＝1",
        '=HYPERLINK("x")',
    ]
    table = to_csv([{"text": payload} for payload in payloads], ["text"])
    for payload in payloads:
        assert formula_safe(payload) == "'" + payload
    assert table.splitlines()[1].startswith("'=1+1")
    assert formula_safe("plain") == "plain"
    assert formula_safe(-1.5) == -1.5


def test_text_tables_are_aligned():
    assert text_table(["a", "bb"], [["1", "2"], ["333", ""]]) == "a    bb\n---  --\n1    2\n333"


def test_the_same_results_draw_the_same_bytes(hostile_run):
    from tunecurve.report.plots import render, study_figure
    from tunecurve.results.stored import load

    results = load(hostile_run)
    for kind in ("svg", "png"):
        assert render(study_figure(results), kind) == render(study_figure(results), kind)


@pytest.mark.parametrize("sizes", [[8], [4, 16]])
def test_forecasts_from_fewer_than_three_sizes_are_shown_as_borrowed(tmp_path, sizes):
    words = [first + rest for first in "bdfglmnprst" for rest in ("ark", "ember", "ilt", "ove")]
    texts = [
        " ".join(words[(step * number + step) % len(words)] for step in range(2, 2 + number % 5 + 4))
        for number in range(1, 90)
    ]
    rows = [{"source_text": f"{text} Bo", "target_text": f"{text} [NAME]"} for text in dict.fromkeys(texts)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run_study(
        {"name": "few", "data": {"source": str(tmp_path / "rows.jsonl")}, "split": {"test_size": 40, "method": "random"},
         "models": ["m"], "shots": [0], "train_sizes": sizes},
        out=tmp_path / "out", learners={"m": LookupLearner("m")},
    )  # fmt: skip
    forecast = json.loads((tmp_path / "out" / "results.json").read_text())["forecast"]["m"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "No verdict" in page
    assert page.count("(borrowed)") == sum(not entry["speculative"] for entry in forecast["forecasts"][1::2]) > 0
    assert "what other curves did from such a start" in page
