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
    token = secrets.token_urlsafe(24)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except OSError as error:
            raise EnvironmentProblem(
                f"cannot listen on {HOST}:{port} ({error.strerror}); choose another port with --port, or 0 for any that is free"
            ) from None
        listening.listen()
        tell(f"http://{HOST}:{listening.getsockname()[1]}/?token={token}")
        # No log of what is asked for: addresses hold the token.
        config = uvicorn.Config(
            application(page, token), log_level="error", access_log=False, server_header=False, proxy_headers=False,
            timeout_graceful_shutdown=2, ws="none",
        )  # fmt: skip
        uvicorn.Server(config).run(sockets=[listening])
