"""Addresses of the live page. What takes time is done in threads; errors for users are answered as their one line."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tunecurve.errors import TunecurveError
from tunecurve.privacy.redact import redact
from tunecurve.view.guard import Guard
from tunecurve.view.pages import comparison_of, list_page, needs_results, report_of, run_page
from tunecurve.view.runs import RunNow, RunsFolder

# Reports and comparisons bring their own policies by hash; these hold whatever a file in a run folder says: a report runs as a page
# from nowhere, which may ask this server for nothing.
_FRAMED = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_OWN = f"{_FRAMED}; connect-src 'self'; frame-src 'self'; frame-ancestors 'none'"
_REPORT = f"{_FRAMED}; frame-ancestors 'self'; sandbox allow-scripts"


class Page:
    """What the addresses answer.

    Parameters
    ----------
    folder : Path
        Where the runs are.
    may_run : bool
        Whether studies may be started, stopped and continued.
    """

    def __init__(self, folder: Path, *, may_run: bool = False) -> None:
        self.runs, self.may_run = RunsFolder(folder), may_run

    def routes(self) -> list[Route]:
        """Return all addresses."""
        return [
            Route("/", self.list_page),
            Route("/compare", self.compare),
            Route("/runs/{id}", self.run_page),
            Route("/runs/{id}/report", self.report),
            Route("/api/runs", self.list_runs),
            Route("/api/runs/{id}", self.one_run),
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
        return _html(await run_in_threadpool(report_of, folder), _REPORT)

    async def compare(self, request: Request) -> Response:
        """Answer with runs side by side."""
        known = await run_in_threadpool(self.runs.ids)
        folders = [known[id] for id in request.query_params.getlist("run") if id in known]
        metric = request.query_params.get("metric")
        return _html(await run_in_threadpool(comparison_of, folders, metric), f"{_FRAMED}; frame-ancestors 'none'")

    async def list_runs(self, request: Request) -> Response:
        """Answer with the facts of all runs."""
        runs = await run_in_threadpool(self.runs.all)
        return JSONResponse({"runs": [run.summary() for run in runs]})

    async def one_run(self, request: Request) -> Response:
        """Answer with the facts of one run."""
        run, _ = await self._asked(request)
        return JSONResponse(run.to_json())

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


def _html(page: str, policy: str) -> Response:
    return HTMLResponse(page.encode("utf-8", "replace"), headers={"Content-Security-Policy": policy})


async def _explain(request: Request, error: Exception) -> Response:
    return PlainTextResponse(redact(str(error)) + "\n", 409)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(f"{error.detail}\n", error.status_code)
