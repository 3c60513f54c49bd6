"""What the SDKs compute once instead of at every call changes nothing of what is sent or understood."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.learners.hosted.conftest import GEMINI, LAB
from tunecurve.learners.base import predict
from tunecurve.learners.hosted.transport.lighter_sdks import chat_without_transform, compare_no_fields
from tunecurve.prompts import PromptRenderer

openai = pytest.importorskip("openai")


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"temperature": 0.0, "seed": 7, "max_completion_tokens": 9},
        {"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}, "extra_headers": {"x-request-id": "one"}},
        {"stop": ["\n"], "timeout": 3.0, "extra_query": {"api-version": "2024"}},
        {"stream": False, "temperature": openai.omit},
    ],
)
def test_a_chat_completion_is_asked_for_as_the_sdk_would(more):
    sent = []

    def answer(request):
        headers = {name: value for name, value in request.headers.items() if not name.startswith("x-stainless")}
        sent.append((str(request.url), json.loads(request.content), headers))
        message = {"role": "assistant", "content": "hi"}
        choices = [{"index": 0, "finish_reason": "stop", "message": message}]
        return httpx.Response(
            200, json={"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices}
        )

    httpx = pytest.importorskip(openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0])
    client = openai.AsyncOpenAI(
        api_key="k",
        base_url="http://127.0.0.1:9/v1",
        http_client=httpx.AsyncClient(transport=httpx.MockTransport(answer)),
    )
    turns = [{"role": "system", "content": "Mask."}, {"role": "user", "content": "Ada\u2028 – ok"}]

    async def both():
        return [
            await create(model="m", messages=turns, **more)
            for create in (client.chat.completions.create, chat_without_transform(client))
        ]

    usual, ours = asyncio.run(both())
    assert sent[0] == sent[1]
    assert type(ours) is type(usual)
    assert ours.choices[0].message.content == "hi"


def test_google_reads_fields_as_before():
    types = pytest.importorskip("google.genai.types")
    from google.genai._common import get_value_by_path

    part = types.Content(role="user", parts=[types.Part(text="a")])
    pair = next(iter(part))
    before = [get_value_by_path(part, [name]) for name in ("role", "parts", "none")], pair in part, "role" in part
    compare_no_fields()
    after = [get_value_by_path(part, [name]) for name in ("role", "parts", "none")], pair in part, "role" in part
    assert before == after == ([part.role, part.parts, None], True, False)


class _OneAnswerAConnection(BaseHTTPRequestHandler):
    """Promises to keep the connection, and closes it with every answer's last bytes.

    What is held back goes with the closing, in one segment: closed a moment later, the next request might be on its way.
    """

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        self.server.seen.append(self.headers.get("Authorization"))
        self.rfile.read(int(self.headers["Content-Length"]))
        if "generateContent" in self.path:
            body = {
                "candidates": [{"content": {"role": "model", "parts": [{"text": "yes"}]}, "finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": 20, "candidatesTokenCount": 1, "totalTokenCount": 21},
            }
        else:
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yes"}}
            usage = {"prompt_tokens": 20, "completion_tokens": 1, "total_tokens": 21}
            body = {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": "m",
                "choices": [choice],
                "usage": usage,
            }
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def closing(monkeypatch, only_loopback, tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _OneAnswerAConnection)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password of-another-service\n")
    (tmp_path / ".netrc").chmod(0o600)
    for name, value in {
        "LAB_BASE_URL": url + "/v1", "LAB_API_KEY": "k", "GOOGLE_BASE_URL": url, "GOOGLE_API_KEY": "k",
        "NETRC": str(tmp_path / ".netrc"), "HOME": str(tmp_path),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(not hasattr(socket, "TCP_CORK"), reason="answer and closing go in one segment on Linux")
@pytest.mark.parametrize("name", [LAB, GEMINI])
def test_a_connection_that_the_server_has_closed_is_not_used_again_and_netrc_is_not_read(closing, learner_of, name):
    learner = learner_of(name, concurrency=1)
    render = PromptRenderer("Say yes.")
    answers = predict(learner, [render.prompt(f"row {number}") for number in range(4)])
    assert [answer.text for answer in answers] == ["yes"] * 4
    assert len(closing.seen) == 4
    assert not any(header and header.startswith("Basic") for header in closing.seen)
    assert learner.account.spending().n_doubtful == 0
