"""Addresses of the live page. What takes time is done in threads; errors for users are answered as their one line."""

from __future__ import annotations

import json
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tunecurve.errors import TunecurveError, UsageError
from tunecurve.privacy.redact import redact
from tunecurve.study.run_log import log_tail
from tunecurve.view.answering import Answerer
from tunecurve.view.guard import Guard
from tunecurve.view.pages import comparison_of, list_page, needs_results, problem_page, report_of, run_page
from tunecurve.view.runs import RunNow, RunsFolder, run_id

# Reports and comparisons bring their own policies by hash; these hold whatever a file in a run folder says: a report runs as a page
# from nowhere, which may ask this server for nothing.
_FRAMED = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_OWN = f"{_FRAMED}; connect-src 'self'; frame-src 'self'; frame-ancestors 'none'"
_REPORT = f"{_FRAMED}; frame-ancestors 'self'; sandbox allow-scripts"


class Page:
    """What the addresses answer; whether studies may be run from them, and where models are asked."""

    def __init__(self, folder: Path, *, may_run: bool = False, device: str = "cpu") -> None:
        self.runs, self.may_run, self.answerer = RunsFolder(folder), may_run, Answerer(device)

    def routes(self) -> list[Route]:
        """Return all addresses."""
        return [
            Route("/", self.list_page),
            Route("/compare", self.compare),
            Route("/runs/{id}", self.run_page),
            Route("/runs/{id}/report", self.report),
            Route("/api/runs", self.list_runs),
            Route("/api/runs/{id}", self.one_run),
            Route("/api/runs/{id}/log", self.log),
            Route("/api/runs/{id}/answer", self.answer, methods=["POST"]),
            Route("/api/start", self.start, methods=["POST"]),
            Route("/api/runs/{id}/{what:str}", self.stop_or_go_on, methods=["POST"]),
        ]

    async def list_page(self, request: Request) -> Response:
        """Answer with the page of all runs."""
        return _html(list_page(self.runs.folder, may_run=self.may_run), _OWN)

    async def run_page(self, request: Request) -> Response:
        """Answer with the page of one run."""
        run, _ = await self._asked(request)
        return _html(run_page(run, may_run=self.may_run), _OWN)

    async def report(self, request: Request) -> Response:
        """Answer with a run's report."""
        run, folder = await self._asked(request)
        needs_results(run)
        page = await run_in_threadpool(report_of, folder, is_at_work=bool(run.at_work))
        return _html(page, _REPORT)

    async def compare(self, request: Request) -> Response:
        """Answer with runs side by side."""
        known = await run_in_threadpool(self.runs.ids)
        folders = [known[id] for id in request.query_params.getlist("run") if id in known]
        if len(folders) < 2:
            raise UsageError(
                "fewer than two runs were chosen that are still here; choose two or more on the page of all runs"
            )
        metric = request.query_params.get("metric")
        return _html(await run_in_threadpool(comparison_of, folders, metric), f"{_FRAMED}; frame-ancestors 'none'")

    async def list_runs(self, request: Request) -> Response:
        """Answer with the facts of all runs."""
        runs = await run_in_threadpool(self.runs.all)
        return JSONResponse({"runs": [run.summary() for run in runs]})

    async def one_run(self, request: Request) -> Response:
        """Answer with the facts of one run."""
        run, _ = await self._asked(request)
        return JSONResponse({**run.to_json(), "n_questions": self.answerer.n_questions})

    async def log(self, request: Request) -> Response:
        """Answer with the end of a run's log."""
        _, folder = await self._asked(request)
        return PlainTextResponse(redact(await run_in_threadpool(log_tail, folder)))

    async def answer(self, request: Request) -> Response:
        """Answer a text with a tuned model."""
        asked = await _texts_of(request)
        run, folder = await self._asked(request)
        trial = asked.get("trial", "")
        if trial not in {model.trial for model in run.models}:
            raise UsageError(f"'{trial}' is no tuned model of this run that can be asked here")
        return JSONResponse(await run_in_threadpool(self.answerer.ask, folder, trial, asked.get("text", "")))

    async def start(self, request: Request) -> Response:
        """Start a study."""
        self._needs_permission()
        folder = await run_in_threadpool(self.runs.launches.start, await _texts_of(request))
        return JSONResponse({"id": run_id(folder.relative_to(self.runs.folder))})

    async def stop_or_go_on(self, request: Request) -> Response:
        """Stop or continue a study."""
        self._needs_permission()
        launches = self.runs.launches
        do = {"stop": launches.stop, "continue": launches.go_on}.get(request.path_params["what"])
        if do is None:
            raise HTTPException(404, "a study can be stopped or continued")
        _, folder = await self._asked(request)
        await run_in_threadpool(do, folder)
        return JSONResponse({})

    def _needs_permission(self) -> None:
        if not self.may_run:
            raise HTTPException(403, "this page only reads; start it with: tunecurve view --allow-runs")

    async def _asked(self, request: Request) -> tuple[RunNow, Path]:
        """Return the run that an address names, and its folder."""
        id = request.path_params["id"]
        folder = (await run_in_threadpool(self.runs.ids)).get(id)
        if folder is None:
            raise HTTPException(404, "there is no such run here any more")
        return await run_in_threadpool(self.runs.now, id, folder), folder


def application(page: Page, token: str) -> Guard:
    """Return the guarded application."""
    handlers = {TunecurveError: _explain, HTTPException: _refuse}
    return Guard(Starlette(routes=page.routes(), exception_handlers=handlers), token)  # type: ignore[arg-type]


async def _texts_of(request: Request) -> dict[str, str]:
    """Return the texts that were sent, by their names."""
    try:
        values = json.loads(await request.body())
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise HTTPException(400, "expected a JSON object of texts")
    return values


def _html(page: str, policy: str) -> Response:
    return HTMLResponse(page.encode("utf-8", "replace"), headers={"Content-Security-Policy": policy})


async def _explain(request: Request, error: Exception) -> Response:
    return _problem(request, redact(str(error)), 409)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _problem(request, str(error.detail), error.status_code)


def _problem(request: Request, problem: str, status: int) -> Response:
    """Return a problem as a page where a page was asked for, else as a line."""
    if request.url.path.startswith("/api/"):
        return PlainTextResponse(f"{problem}\n", status)
    page = _html(problem_page(problem), f"{_FRAMED}; frame-ancestors 'self'")
    page.status_code = status
    return page
