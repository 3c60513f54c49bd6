"""Serving the live page on this machine until it is interrupted."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable

import uvicorn

from tunecurve.errors import EnvironmentProblem
from tunecurve.view.app import Page, application

HOST = "127.0.0.1"


def serve(page: Page, port: int, tell: Callable[[str], None]) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    page : Page
        What is served.
    port : int
        0: any that is free.
    tell : callable
        Gets the address with its token, once it can be opened.

    Raises
    ------
    EnvironmentProblem
        When the port is taken.
    """
    begin, _ = stoppable(page, port, tell)
    begin()


def stoppable(page: Page, port: int, tell: Callable[[str], None]) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return two functions: one that serves until interrupted, and one that ends it from another thread."""
    token = secrets.token_urlsafe(24)
    # No log of what is asked for: addresses hold the token. And no configuration of logging: it would close the handlers of others.
    config = uvicorn.Config(
        application(page, token), log_config=None, log_level="error", access_log=False, server_header=False, proxy_headers=False,
        timeout_graceful_shutdown=2, ws="none",
    )  # fmt: skip
    server = uvicorn.Server(config)

    def begin() -> None:
        with _listening(port) as listening:
            tell(f"http://{HOST}:{listening.getsockname()[1]}/?token={token}")
            try:
                server.run(sockets=[listening])
            finally:
                page.answerer.close()

    def end() -> None:
        server.should_exit = True

    return begin, end


def _listening(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise EnvironmentProblem(
            f"cannot listen on {HOST}:{port} ({error.strerror}); choose another port with --port, or 0 for any that is free"
        ) from None
    listening.listen()
    return listening
