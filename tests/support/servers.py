"""Servers on this machine that stand for providers."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class LocalServer(ThreadingHTTPServer):
    """Answers on a free port, in a thread of its own, from `serve` on."""

    daemon_threads = True
    request_queue_size = 256  # many clients at once overflow the default of 5

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)

    def serve(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        pass  # clients that were killed


class QuietHandler(BaseHTTPRequestHandler):
    server: Any  # of a class of its own, with what that keeps
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass
