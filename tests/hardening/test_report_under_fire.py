"""Two hundred hostile strings in a report that is opened in a real browser: no dialog, no request, shown literally."""

import html
import http.server
import json
import shutil
import subprocess
import threading
from typing import ClassVar

import pytest

from tests.fakes.lookup_learner import LookupLearner
from tunecurve.report.safe_csv import to_csv
from tunecurve.run import run_study

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def hostile_texts(address):
    """Strings that do something where they are not escaped; each announces itself by a request or the page's title."""
    call = f"fetch('{address}/js');document.title='owned'"
    bodies = [
        f"<script>{call}</script>", f"<img src=x onerror=\"{call}\">", f"<img src='{address}/img'>", f"<svg onload=\"{call}\">",
        f"<svg><script>{call}</script></svg>", f"<svg><image href='{address}/svg'/></svg>", f"<iframe src='{address}/frame'></iframe>",
        f"<object data='{address}/object'></object>", f"<embed src='{address}/embed'>", f"<link rel=stylesheet href='{address}/css'>",
        f"<style>@import '{address}/import';</style>", f"<style>*{{background:url({address}/bg)}}</style>",
        f"<base href='{address}/'>", f"<meta http-equiv=refresh content='0;url={address}/meta'>", f"<form action='{address}/f'>",
        f"<video src='{address}/v' autoplay>", f"<audio src='{address}/a' autoplay>", f"<body onload=\"{call}\">",
        f"<input autofocus onfocus=\"{call}\">", f"<details open ontoggle=\"{call}\">", f"<marquee onstart=\"{call}\">",
        f"<a href=\"javascript:{call}\">x</a>", f"<math href=\"javascript:{call}\">x</math>", f"<template><b>{call}</b></template>",
        f"{{{{ ''.__class__ }}}} {{% include '{address}' %}}", "{# comment #}${7*7}<%= 7*7 %>#{7*7}", f"\\u003cscript\\u003e{call}",
        "&lt;script&gt;&amp;&#60;", "\u202e\u2066right to left\u2069\u202c", "zero\u200bwidth\ufeff\u2060", "\x1b[31mred\x1b]0;title\x07",
        "\x9b31m\x9d0;t\x9c", "a\x00b\x08c\x0bd\x0c", "\u2028line\u2029paragraph", "]]><![CDATA[", "<!-- --!> -->", "\U0001f600" * 20,
        f"<scr\u0000ipt>{call}</script>", f"<IMG SRC=x ONERROR={call!r}>", "%3Cscript%3E",
    ]  # fmt: skip
    wrappers = ["{}", "</script>{}", "</style></title></textarea>{}", "'\"><!--{}", "`}}]}}]>{}"]
    return [wrapper.replace("{}", body) for body in bodies for wrapper in wrappers]


class Listener(http.server.BaseHTTPRequestHandler):
    """Remembers every request."""

    asked: ClassVar[list] = []

    def do_GET(self):
        self.asked.append(self.path)
        self.send_error(404)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server():
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()


class Repeating(LookupLearner):
    """Answers with its input: every row's text reaches the report three times."""

    def predict_stream(self, prompts, done=()):
        for index, answer in super().predict_stream(prompts, done):
            yield index, type(answer)(prompts[index].source + "!", "end")


@pytest.fixture(scope="module")
def hostile(server, tmp_path_factory):
    """A report whose rows, labels, model and study files are named by hostile strings."""
    texts = hostile_texts(server)
    assert len(texts) == 200
    folder = tmp_path_factory.mktemp("hostile <img src=x onerror=alert(1)>")
    rows = [
        {"source_text": f"{text} Bo{n}", "target_text": f"{text} [NAME{n % 3}]"} for n, text in enumerate(texts * 2)
    ]
    path = folder / "<script>rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = f"<script>fetch('{server}/model')</script>"
    run_study(
        {"name": "hostile", "data": {"source": str(path), "max_tokens": 10_000_000}, "models": [model], "shots": [0],
         "split": {"test_size": 200, "method": "random"}, "train_sizes": [4, 8, 16], "bootstrap": {"draws": 100},
         "prompt": {"labels": ["NAME0", "NAME1", "NAME2", texts[0], texts[30]]}},
        out=folder / "out", learners={model: Repeating(model)},
    )  # fmt: skip
    return folder / "out" / "report.html", texts


@pytest.fixture(scope="module")
def every_text_shown(hostile):
    """The same report with all rows among its examples, not only the worst ones."""
    report, texts = hostile
    from tunecurve.report.examples import worst_examples
    from tunecurve.report.html import render_report
    from tunecurve.results.stored import load

    results = load(report.parent)
    examples = worst_examples(report.parent, results, n_examples=1000)
    examples += [{**examples[0], "input": text, "prediction": text} for text in texts]
    large = {
        **examples[0],
        "input": "<b>" + "x" * 1_000_000 + "</script><img src=x onerror=alert(1)>",
        "stop_reason": texts[0],
    }
    page = report.parent / "all.html"
    page.write_text(render_report(results, b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", [*examples, large]))
    return page, [line["input"] for line in examples]


@pytest.mark.hardening
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_report_with_two_hundred_hostile_strings_does_nothing_in_a_browser(every_text_shown, hostile, tmp_path):
    for page in (every_text_shown[0], hostile[0]):
        Listener.asked.clear()
        done = subprocess.run(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / page.stem}", "--enable-logging=stderr",
             "--virtual-time-budget=3000", "--dump-dom", page.as_uri()],
            capture_output=True, text=True, errors="replace", timeout=180, check=True,
        )  # fmt: skip
        assert Listener.asked == []
        assert "<title>hostile" in done.stdout
        assert "owned</title>" not in done.stdout
        assert "Content Security Policy" not in done.stderr
        n_scripts = 3 if page == hostile[0] else 2
        assert done.stdout.count("<script") == n_scripts, "the data of chart and answers, and the page's own script"
        assert "give a target" in done.stdout, "the page's own script runs"


def test_report_shows_texts_literally(every_text_shown):
    page, inputs = every_text_shown
    text = html.unescape(page.read_text())
    shown = [source for source in inputs if len(source) < 1000 and source.isprintable()]
    assert len(shown) > 100
    assert all(source in text for source in shown)


def test_thirty_formula_payloads_are_not_live_in_csv():
    starts = ["=", "+", "-", "@", "\t=", "\r=", "\n=", "|", "%", "＝", "＋", "－", "＠", " =", "\u00a0=", "\ufeff="]
    bodies = ["cmd|'/c calc'!A1", 'HYPERLINK("http://x","y")', "1+1"]
    payloads = [start + body for start in starts for body in bodies][:48]
    assert len(payloads) >= 30
    import csv
    import io

    text = to_csv([{"a": payload} for payload in payloads], ["a"])
    table = list(csv.reader(io.StringIO(text, newline="")))
    assert [row[0] for row in table[1:]] == ["'" + payload for payload in payloads]
