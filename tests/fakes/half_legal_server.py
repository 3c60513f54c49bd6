"""A server on this machine that speaks four formats as their documents write them, and lets a test change each answer.

Chat completions and responses (OpenAI), generateContent (Gemini), messages (Anthropic). It keeps its own bill: a test's
change says what more than the usual tokens was billed.
"""

from __future__ import annotations

import json

from tests.fakes.faulty_server import INPUT_USD, OUTPUT_USD, FaultyServer, tokens
from tests.support.servers import QuietHandler


class HalfLegalServer(FaultyServer):
    """Answers with the last turn; `change(kind, answer, text)` may return another answer, or (status, headers, bytes)."""

    def __init__(self, change=lambda kind, answer, text: answer):
        super().__init__(handler=Handler)
        self.change, self.more_out = change, 0


class Handler(QuietHandler):
    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        kind = next(kind for kind, sign in SIGNS.items() if sign in self.path)
        text = last_turn(kind, body)
        sent, answered = tokens(json.dumps(body)), tokens(text)
        answer = server.change(kind, ANSWERS[kind](text, sent, answered, body.get("model")), text)
        status, headers, data = answer if isinstance(answer, tuple) else (200, {}, json.dumps(answer).encode())
        with server.lock:
            server.n_requests += 1
            if status == 200:
                server.bill_usd += (sent * INPUT_USD + (answered + server.more_out) * OUTPUT_USD) / 1e6
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


SIGNS = {"chat": "/chat/completions", "responses": "/responses", "gemini": "enerateContent", "anthropic": "/messages"}


def last_turn(kind, body):
    if kind == "gemini":
        return body["contents"][-1]["parts"][-1]["text"]
    content = body["input" if kind == "responses" else "messages"][-1]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


def chat(text, sent, answered, model):
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": sent, "completion_tokens": answered, "total_tokens": sent + answered}
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [choice],
        "usage": usage,
    }


def message_item(text, name="m1", **more):
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": name, "status": "completed", "role": "assistant", "content": [part], **more}


def responses(text, sent, answered, model):
    usage = {"input_tokens": sent, "output_tokens": answered, "total_tokens": sent + answered}
    usage |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    return {
        "id": "r", "object": "response", "created_at": 1, "status": "completed", "model": model, "error": None,
        "incomplete_details": None, "instructions": None, "metadata": {}, "parallel_tool_calls": True,
        "tool_choice": "auto", "tools": [], "output": [message_item(text)], "usage": usage,
    }  # fmt: skip


def gemini(text, sent, answered, model):
    candidate = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}
    usage = {"promptTokenCount": sent, "candidatesTokenCount": answered, "totalTokenCount": sent + answered}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-x-001"}


def anthropic(text, sent, answered, model):
    return {
        "id": "msg", "type": "message", "role": "assistant", "model": model, "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": sent, "output_tokens": answered},
    }  # fmt: skip


ANSWERS = {"chat": chat, "responses": responses, "gemini": gemini, "anthropic": anthropic}
