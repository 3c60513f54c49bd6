"""An OpenAI-compatible endpoint on 127.0.0.1 for one tuned model: chat completions, completions, and the list of models."""

from __future__ import annotations

import hmac
import json
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from tunecurve.errors import EnvironmentProblem
from tunecurve.learners.completion import Completion
from tunecurve.predictor import Predictor
from tunecurve.serving.batches import Batcher
from tunecurve.serving.requests import Asked, BadRequest, read_chat, read_completion, read_json

ADDRESS = "127.0.0.1"
_OWN_NAMES = frozenset({"127.0.0.1", "localhost"})
MOST_BYTES = 4_000_000
# What a stop reason of ours is called there; answers that failed are errors.
_FINISHED = {"end": "stop", "length": "length"}


class ModelServer(ThreadingHTTPServer):
    """Answers for one model, on this machine alone.

    Parameters
    ----------
    predictor : Predictor
        The tuned model.
    model : str
        What clients call it.
    port : int
        0: a free one.
    token : str, optional
        Without it nobody is answered.

    Raises
    ------
    EnvironmentProblem
        When the port is taken.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, predictor: Predictor, model: str, port: int = 0, token: str | None = None) -> None:
        self.predictor, self.model, self.token = predictor, model, token
        self.batcher = Batcher(predictor)  # first: where the port is taken, it is closed again
        self.reading = threading.Lock()  # what chooses similar examples computes for one request at a time
        self.started = int(time.time())
        try:
            super().__init__((ADDRESS, port), _Handler)
        except (OSError, OverflowError) as error:
            raise EnvironmentProblem(f"cannot listen on {ADDRESS}:{port} ({error}); choose another --port") from None

    @property
    def url(self) -> str:
        """The base address that clients are given."""
        return f"http://{ADDRESS}:{self.server_address[1]}/v1"

    def server_close(self) -> None:
        """Stop listening, and end the model's thread."""
        super().server_close()
        self.batcher.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ModelServer
    timeout = 60
    page: str | None = None  # the origin of the page that asks, where it is one of this machine

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: requests hold texts."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no request that is known here, in the form of all other errors."""
        self.close_connection = True
        self._send(code, BadRequest(message or "this is no request that is answered here", status=code).to_json())

    def do_GET(self) -> None:
        """Answer with the list of models."""
        self._reply(self._models)

    def do_POST(self) -> None:
        """Answer a request."""
        self._reply(self._completions)

    def do_OPTIONS(self) -> None:
        """Answer a browser that asks, for a page of this machine, what it may send."""
        self._reply(lambda body: self._write(200, "text/plain", ""))

    def _reply(self, work: Any) -> None:
        try:
            self.page = None
            body = self._body()
            self._refuse_strangers()
            work(body)
        except BadRequest as wrong:
            self._send(wrong.status, wrong.to_json())
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.close_connection = True
        except Exception as error:  # whatever it is, the client is told; nothing is logged here
            self.close_connection = True
            self._send(500, BadRequest(f"the request failed ({type(error).__name__})", status=500).to_json())

    def _body(self) -> bytes:
        """Return the body, read whatever follows: what is left unread would be taken for the next request."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            raise BadRequest("expected a Content-Length", status=411)
        if int(length) > MOST_BYTES:
            self.close_connection = True
            raise BadRequest(f"the body has {int(length):,} bytes; at most {MOST_BYTES:,} are read", status=413)
        return self.rfile.read(int(length))

    def _refuse_strangers(self) -> None:
        """Refuse other machines' names, pages of other origins, and whoever lacks the token."""
        if _host_in(f"//{self.headers.get('Host', '')}") not in _OWN_NAMES:
            raise BadRequest(f"this address is for this machine alone; ask {self.server.url}", status=403)
        origin = self.headers.get("Origin")
        if origin is not None and _host_in(origin) not in _OWN_NAMES:
            raise BadRequest("pages of other origins are not answered", status=403)
        self.page = origin
        if self.command == "OPTIONS":  # a browser asks without the token
            return
        given = (self.headers.get("Authorization") or "").removeprefix("Bearer ").strip()
        if self.server.token and not hmac.compare_digest(given.encode(), self.server.token.encode()):
            raise BadRequest(
                "the token is missing or wrong; send it as the API key", status=401, code="invalid_api_key"
            )

    def _models(self, body: bytes) -> None:
        path, model = urlsplit(self.path).path.rstrip("/"), self._described()
        if path == "/v1/models":
            self._send(200, {"object": "list", "data": [model]})
        elif unquote(path) == f"/v1/models/{self.server.model}":
            self._send(200, model)
        else:
            raise BadRequest(
                f"there is no {self.path[:100]}; there are /v1/models, and by POST /v1/chat/completions", status=404
            )

    def _described(self) -> dict[str, object]:
        return {"id": self.server.model, "object": "model", "created": self.server.started, "owned_by": "tunecurve"}

    def _completions(self, body: bytes) -> None:
        path, server = urlsplit(self.path).path.rstrip("/"), self.server
        read = {"/v1/chat/completions": read_chat, "/v1/completions": read_completion}.get(path)
        if read is None:
            raise BadRequest(
                f"there is no {self.path[:100]}; there are /v1/chat/completions, /v1/completions and /v1/models",
                status=404,
            )
        values = read_json(body)
        with server.reading:
            asked = read(values, server.model, server.predictor)
        answers = [self._finished(answer, asked) for answer in server.batcher.answer(asked.prompts)]
        is_chat = path.endswith("chat/completions")
        if asked.is_stream:
            self._send_events(asked, answers[0])
        else:
            self._send(200, self._whole(asked, answers, is_chat=is_chat))

    def _finished(self, answer: Completion, asked: Asked) -> Completion:
        """Return an answer that ends where the request wants its end."""
        if answer.stop_reason not in _FINISHED:
            raise BadRequest(f"no answer came: {answer.error or answer.stop_reason}", status=502)
        cut = self.server.predictor.cut(answer, asked.most_tokens)
        ends = [cut.text.find(stop) for stop in asked.stops if stop in cut.text]
        return replace(cut, text=cut.text[: min(ends)], stop_reason="end") if ends else cut

    def _whole(self, asked: Asked, answers: list[Completion], *, is_chat: bool) -> dict[str, object]:
        choices: list[dict[str, object]] = []
        for index, answer in enumerate(answers):
            said: dict[str, object] = {"text": answer.text, "logprobs": None}
            if is_chat:
                said = {"message": {"role": "assistant", "content": answer.text}, "logprobs": None}
            choices.append({"index": index, **said, "finish_reason": _FINISHED[answer.stop_reason]})
        kind = "chat.completion" if is_chat else "text_completion"
        return self._head(kind) | {"choices": choices, "usage": _usage(answers)}

    def _head(self, kind: str) -> dict[str, object]:
        return {
            "id": f"cmpl-{uuid.uuid4().hex}",
            "object": kind,
            "created": int(time.time()),
            "model": self.server.model,
        }

    def _send_events(self, asked: Asked, answer: Completion) -> None:
        """Send an answer as events: it is there at once, as a whole."""
        head = self._head("chat.completion.chunk")
        deltas: list[tuple[dict[str, str], str | None]] = [
            ({"role": "assistant", "content": answer.text}, None),
            ({}, _FINISHED[answer.stop_reason]),
        ]
        events = [head | {"choices": [{"index": 0, "delta": delta, "finish_reason": end}]} for delta, end in deltas]
        events += [head | {"choices": [], "usage": _usage([answer])}] if asked.tells_usage else []
        written = [f"data: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events]
        self._write(200, "text/event-stream", "".join([*written, "data: [DONE]\n\n"]))

    def _send(self, status: int, value: object) -> None:
        self._write(status, "application/json", json.dumps(value, ensure_ascii=False))

    def _write(self, status: int, kind: str, text: str) -> None:
        content = text.encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in self._for_pages().items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _for_pages(self) -> dict[str, str]:
        """Return the headers with which a browser lets a page of this machine read the reply."""
        if self.page is None:
            return {}
        asked = self.headers.get("Access-Control-Request-Headers", "")
        return {"Access-Control-Allow-Origin": self.page, "Access-Control-Allow-Headers": asked, "Vary": "Origin"}


def _usage(answers: Sequence[Completion]) -> dict[str, int]:
    tokens_in, tokens_out = sum(one.tokens_in for one in answers), sum(one.tokens_out for one in answers)
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}


def _host_in(address: str) -> str | None:
    """Return the name of the machine in an address; None where there is none."""
    try:
        return urlsplit(address).hostname
    except ValueError:  # "//[": no address
        return None
