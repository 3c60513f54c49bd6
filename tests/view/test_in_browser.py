"""The live page in a real browser: a study is started from it, watched to its end, and its models are asked."""

import json
import threading

import pytest

from tests.support.browser import CHROMIUM, Browser
from tests.support.live_page import write_tickets
from tunecurve.view.app import Page
from tunecurve.view.server import stoppable

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")]
FILL = """
for (const [name, value] of Object.entries(VALUES)) document.querySelector(`#start-form [name=${name}]`).value = value;
document.querySelector("#start-form button").click()
"""


def texts(selector):
    return f"[...document.querySelectorAll('{selector}')].map((one) => one.textContent)"


def test_a_study_is_started_watched_to_its_end_and_asked(tmp_path):
    study = write_tickets(tmp_path)
    page, told = Page(tmp_path / "runs", may_run=True), []
    (tmp_path / "runs").mkdir()
    serve, stop = stoppable(page, 0, told.append)
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with Browser(tmp_path) as browser:
            while not told:
                thread.join(0.1)
            browser.open(told[0])
            browser.wait_for(
                "location.search === '' && document.querySelector('#none') && !document.querySelector('#none').hidden"
            )
            form = {"study": str(study), "name": "../outside"}
            browser.get(FILL.replace("VALUES", json.dumps(form)))
            assert "is no name" in browser.wait_for("document.querySelector('#start-said').textContent")
            browser.get(FILL.replace("VALUES", json.dumps({"name": "mine"})))
            browser.wait_for(
                "document.querySelector('#state') && document.querySelector('#state').textContent === 'running'"
            )
            browser.wait_for("document.querySelector('#state').textContent === 'finished'")
            assert browser.get("document.querySelector('#done').textContent") == "3 of 3 trials"
            assert browser.wait_for(
                "[...document.querySelectorAll('#report iframe')].some((one) => one.style.height)"
            ), "it told its height"
            browser.get(
                "document.querySelector('#text').value = 'please help with my refund 7'; document.querySelector('#ask').click()"
            )
            browser.wait_for("document.querySelectorAll('#answers-here .good').length === 2")
            answers = browser.get(texts("#answers-here .text"))
            assert set(answers) <= {"billing", "delivery", "account"}
            sizes = browser.get(texts("#answers-here .who"))
            assert [size.split()[0] for size in sizes] == ["6", "12"]
    finally:
        stop()
        thread.join(60)
    assert (tmp_path / "runs" / "mine" / "results.json").exists()
    assert "trial" in (tmp_path / "runs" / "mine" / "run.log").read_text()
