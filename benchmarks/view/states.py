"""Opens the live page in each of its states, light and dark, wide and as on a phone: axe-core's findings, and pictures to look at.

    npm install --no-save --prefix .venv/axe axe-core@4.14.1
    PYTHONPATH=src:. .venv/bin/python benchmarks/view/states.py --axe .venv/axe/node_modules/axe-core/axe.min.js --out pictures

The one measured run takes a moment (TF-IDF on sixty rows); all others are copies of it. Ends with 1 where axe-core finds anything.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

import click

from tests.support.browser import Browser
from tests.support.live_page import copy_with_trials, run_tickets
from tunecurve.executors.lock import lock_study
from tunecurve.study.run_log import LOG, PROGRESS, StudyProgress, TrialProgress
from tunecurve.view.app import Page
from tunecurve.view.server import stoppable

WIDTHS = {"wide": (1100, 1000), "phone": (390, 844)}
READY = "!document.querySelector('#told') || !document.querySelector('#told').textContent.startsWith('Reading')"
FINDINGS = """axe.run(document, { resultTypes: ["violations"] }).then((found) => JSON.stringify(found.violations.map((one) =>
  [one.id, one.impact, one.nodes.length, one.nodes[0].html.slice(0, 160)])))"""
ASK = (
    """document.querySelector("#text").value = "please help with my refund 7"; document.querySelector("#ask").click()"""
)


def make_folders(folder: Path) -> None:
    """Write an empty folder, one with a run in every state, and one of fifty runs."""
    original = folder / "runs" / "tickets"
    (folder / "empty").mkdir()
    run_tickets(folder, original)
    shutil.copytree(original, folder / "runs" / "tickets-again")
    copy_with_trials(original, folder / "runs" / "tickets-running", 30, 12)
    copy_with_trials(original, folder / "runs" / "tickets-failed", 6, 3, n_failed=2)
    copy_with_trials(original, folder / "runs" / "tickets-interrupted", 6, 4)
    copy_with_trials(original, folder / "runs" / "tickets-damaged", 6, 6)
    (folder / "runs" / "tickets-damaged" / "results.json").write_text("{")
    for number in range(50):
        failed = 2 if number % 11 == 5 else 0
        copy_with_trials(original, folder / "many" / f"tickets-{number:02}", 8, 5 if failed else 8, n_failed=failed)
    for report in folder.rglob("report.html"):
        report.touch()  # else it is made anew, of answers that the copies lack


def tell_progress(run: Path) -> None:
    """Write what a process at work tells; what it has not begun has no folder yet."""
    for seed in range(13, 30):
        shutil.rmtree(run / f"trials/tfidf-fine-tune-n6-seed{seed}-0123456789")
    now = [TrialProgress("tfidf", "fine-tune-n6-seed12", "answering 14 of 20 rows")]
    told = StudyProgress(time.time(), 1, "here", 30, 240.0, now, 0.42, 5.0)
    (run / PROGRESS).write_text(json.dumps(told.to_json()))
    (run / LOG).write_text("2026-11-28 05:00:00 trial 12 of 30: tfidf fine-tune-n6-seed11: accuracy 85.0\n" * 3)


@contextmanager
def served(folder: Path, *, may_run: bool = True) -> Iterator[str]:
    """Serve a folder's page; yields the address with its token."""
    told: list[str] = []
    serve, stop = stoppable(Page(folder, may_run=may_run), 0, told.append)
    thread = threading.Thread(target=serve)
    thread.start()
    while not told:
        thread.join(0.05)
    try:
        yield told[0]
    finally:
        stop()
        thread.join(60)


class Looker:
    """Looks at states: asks axe-core and takes a picture, in both widths and colours."""

    def __init__(self, browser: Browser, axe: str, pictures: Path) -> None:
        self.browser, self.axe, self.pictures, self.n_found = browser, axe, pictures, 0

    def look(self, state: str) -> None:
        """Look at what is open."""
        for width, size in WIDTHS.items():
            for is_dark in (False, True):
                self.browser.look(*size, is_dark=is_dark)
                time.sleep(0.4)
                name = f"{state}-{width}-{'dark' if is_dark else 'light'}"
                self.browser.picture(self.pictures / f"{name}.png")
                self.browser.get(f"{self.axe}; 0")
                over = self.browser.get("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                found = json.loads(self.browser.get(FINDINGS))
                found += [["wider than the window", "serious", over, ""]] if over > 0 else []
                self.n_found += len(found)
                click.echo(f"{name}: {found or 'nothing found'}")

    def open(self, address: str, ready: str = READY) -> None:
        """Open an address and wait for what makes it ready."""
        self.browser.open(address)
        time.sleep(0.5)  # the page that was there is gone only then
        self.browser.wait_for(f"document.readyState === 'complete' && ({ready})", 60)


def look_at_runs(looker: Looker, address: str) -> None:
    """Look at a run in every state, at answers, and at two runs side by side."""
    looker.open(address, "document.querySelectorAll('#runs tr').length === 6")
    looker.look("list")
    links = json.loads(
        looker.browser.get(
            "JSON.stringify([...document.querySelectorAll('#runs a')].map((a) => [a.textContent, a.href]))"
        )
    )
    for name, link in links:
        looker.open(link, "document.querySelector('#state').textContent")
        looker.browser.get("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        looker.browser.wait_for(
            "!!document.querySelector('#report iframe[style]') || document.querySelector('#problem').textContent",
            30,
        )
        looker.look(name)
        if name == "tickets":
            looker.browser.get("document.querySelectorAll('details').forEach((one) => { one.open = false })")
            looker.browser.get(ASK)
            looker.browser.wait_for("document.querySelectorAll('#answers-here .good').length === 2", 60)
            looker.look("try-it")
    looker.open(address.partition("?")[0], "document.querySelectorAll('#runs tr').length === 6")
    for name in ("tickets", "tickets-again"):
        looker.browser.get(f"document.querySelector(`[aria-label='compare {name}']`).click()")
    looker.browser.get("document.querySelector('#compare').click()")
    looker.browser.wait_for("location.pathname === '/compare' && document.readyState === 'complete'", 30)
    looker.look("compare")
    looker.open(address.partition("?")[0] + "compare", "true")
    looker.look("problem")


@click.command()
@click.option("--axe", type=click.Path(path_type=Path, exists=True), required=True, help="axe.min.js of axe-core.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the pictures.")
def main(axe: Path, out: Path) -> None:
    """Look at all states."""
    out = out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_folders(folder)
        running = folder / "runs" / "tickets-running"
        with lock_study(running), Browser(folder) as browser, chdir(folder):
            tell_progress(running)
            looker = Looker(browser, axe.read_text(encoding="utf-8"), out)
            for state, ready in (("empty", READY), ("many", "document.querySelectorAll('#runs tr').length === 50")):
                with served(Path(state)) as address:
                    looker.open(address, ready)
                    looker.look(state)
            with served(Path("runs")) as address:
                look_at_runs(looker, address)
    sys.exit(1 if looker.n_found else 0)


if __name__ == "__main__":
    main()
