"""A server of OpenAI's format that speaks all four ways: chat completions and responses, each whole or as a stream.

Written from OpenAI's documents: the events of a stream are lines ``data: {...}`` with an empty line after each (the
responses API puts ``event: TYPE`` before), a chat's stream ends with ``data: [DONE]``, a response's with its last event.
What the model has worked on is billed, whatever the client then gets to see.
"""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.faulty_server import USAGES, FaultyServer, Handler

ERRORS: dict[str, dict[str, object]] = {
    "error server": {"message": "the engine is gone", "type": "server_error", "code": None, "param": None},
    "error rate": {"message": "slow down", "type": "tokens", "code": "rate_limit_exceeded", "param": None},
    "error 503": {"message": "no worker", "type": "InternalServerError", "code": 503, "param": None},
    "error words": {"message": "overloaded, try later", "type": "overloaded_error"},
    "error filter": {"message": "blocked by policy", "type": "invalid_request_error", "code": "content_filter"},
    "error long": {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"},
}


def start(fault="", times=10**9, *, only_streams=False):
    server: Any = FaultyServer(fault, times, handler=SpeakingHandler)
    server.only_streams = only_streams
    return server


class SpeakingHandler(Handler):
    def work(self, fault, model, whole, text):
        if self.path.endswith("/responses"):
            return self.respond(fault, model, whole, text)
        is_stream = self.server.bodies[-1].get("stream") or self.server.only_streams
        if fault == "old" and "stream_options" in self.server.bodies[-1]:
            said = "Unrecognized request argument supplied: stream_options"
            return self.send(
                {"error": {"message": said, "type": "invalid_request_error", "code": None, "param": None}}, 400
            )
        if not is_stream or fault == "plain":
            return super().work("" if fault == "plain" else fault, model, whole, text)
        if fault.startswith("status"):
            return super().work(fault, model, whole, text)
        usage = self.billed(whole, text)
        return self.stream(fault, list(self.chat_events(fault, model, text, usage)), self.data)

    do_GET = Handler.do_POST

    def do_POST(self):
        if not self.path.endswith("/responses"):
            return super().do_POST()
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        with server.lock:
            server.n_requests += 1
            number = server.n_requests
        server.bodies.append(body)
        texts = [turn["content"] if isinstance(turn["content"], str) else "".join(part["text"] for part in turn["content"])
                 for turn in body["input"]]  # fmt: skip
        self.is_gemini = False
        return self.work(server.fault if number <= server.times else "", body["model"], "\n".join(texts), texts[-1])

    def told(self, fault, usage):
        return USAGES[fault](*usage) if fault in USAGES else usage

    # Chat completions as a stream

    def chat_events(self, fault, model, text, usage):
        third = max(1, len(text) // 3)
        pieces = [text] if fault == "one-part" else [text[:third], text[third : 2 * third], text[2 * third :]]
        told = self.told(fault, usage)
        if isinstance(told, tuple):
            told = {"prompt_tokens": told[0], "completion_tokens": told[1], "total_tokens": 1}

        def chunk(choices, **more):
            head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices}
            if fault == "usage-everywhere":
                more.setdefault("usage", {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2})
            return head | {"usage": None} | more

        def choice(delta, end=None):
            return [{"index": 0, "delta": delta, "finish_reason": end, "logprobs": None}]

        yield chunk(choice({"role": "assistant", "content": ""}))
        if fault == "thinking":
            yield chunk(choice({"reasoning_content": "well, names", "content": None}))
        for number, piece in enumerate(pieces):
            if number == 2 and fault in ERRORS:
                yield {"error": ERRORS[fault]}
                return
            content = [{"type": "text", "text": piece}] if fault == "content-parts" else piece
            yield chunk(choice({"content": content}))
        end = {"length": "length", "blocked": "content_filter", "odd end": "eos_token"}.get(fault, "stop")
        if fault != "no-finish":
            together = {} if fault != "usage-with-end" else {"usage": told}
            yield chunk(choice({}, end), **together)
        if fault not in ("no-usage", "usage-with-end", "old") and told is not ...:
            yield chunk([], usage=told)
        if fault != "no-done":
            yield "[DONE]"

    # Responses

    def respond(self, fault, model, whole, text):
        if fault.startswith(("status", "raw", "cut ")) and not self.server.bodies[-1].get("stream"):
            return super().work(fault, model, whole, text)
        if fault == "error-in-200":
            return self.send({"error": {"message": "the upstream is gone", "code": 503}})
        response = self.response(fault, model, text, self.told(fault, self.billed(whole, text)))
        if not self.server.bodies[-1].get("stream"):
            return self.send(response)
        return self.stream(fault, list(self.response_events(fault, response, text)), self.event)

    def response(self, fault, model, text, told):
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        content = {"refusal": [{"type": "refusal", "refusal": "I cannot"}], "content-string": text,
                   "content-plain": [{"type": "text", "text": text}]}.get(fault, [part])  # fmt: skip
        message = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": content}
        thought = {"type": "reasoning", "id": "rs_1", "summary": [], "content": None, "encrypted_content": None}
        output = [thought, message] if fault == "thinking" else [message]
        details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
        if isinstance(told, tuple):
            told = {"input_tokens": told[0], "output_tokens": told[1], "total_tokens": 1}
            told |= {} if fault == "usage-bare" else details
        answer = {
            "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "error": None,
            "incomplete_details": None, "instructions": None, "max_output_tokens": 9, "model": model, "output": output,
            "parallel_tool_calls": True, "previous_response_id": None, "store": False, "temperature": 1.0, "tools": [],
            "reasoning": {"effort": None, "summary": None}, "text": {"format": {"type": "text"}}, "tool_choice": "auto",
            "top_p": 1.0, "truncation": "disabled", "usage": told, "user": None, "metadata": {},
        }  # fmt: skip
        if told is ... or fault == "no-usage":
            del answer["usage"]
        if fault in ("failed", "failed rate"):
            code = "rate_limit_exceeded" if fault == "failed rate" else "server_error"
            answer |= {"status": "failed", "error": {"code": code, "message": "it broke"}, "output": []}
        if fault in ("cancelled", "in_progress", "queued"):
            answer |= {"status": fault, "output": []}
        if fault.startswith("incomplete "):
            answer |= {"status": "incomplete", "incomplete_details": {"reason": fault.removeprefix("incomplete ")}}
        if fault == "no-output":
            answer["output"] = None
        if fault == "bare":
            answer = {"id": "r", "output": [{"type": "message", "content": [{"type": "output_text", "text": text}]}]}
        return answer

    def response_events(self, fault, response, text):
        started = {**response, "status": "in_progress", "output": [], "usage": None, "error": None}
        yield {"type": "response.created", "sequence_number": 0, "response": started}
        yield {"type": "response.in_progress", "sequence_number": 1, "response": started}
        place = {"output_index": 0, "content_index": 0, "item_id": "msg_1"}
        for number, piece in enumerate((text[:9], text[9:])):
            yield {
                "type": "response.output_text.delta",
                "sequence_number": 2 + number,
                "delta": piece,
                "logprobs": [],
                **place,
            }
        if fault in ERRORS:
            yield {**ERRORS[fault], "type": "error", "sequence_number": 4}
            return
        yield {"type": "response.output_text.done", "sequence_number": 5, "text": text, "logprobs": [], **place}
        last = {"failed": "failed", "incomplete": "incomplete"}.get(str(response.get("status")), "completed")
        yield {"type": f"response.{last}", "sequence_number": 6, "response": response}

    # Server-sent events

    def data(self, value):
        return f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n"

    def event(self, value):
        return f"event: {value['type']}\n{self.data(value)}"

    def stream(self, fault, events, shown):
        if fault == "nothing":
            events = []
        if fault == "only-done":
            events = ["[DONE]"]
        if fault in ("cut quietly", "cut connection"):
            events = events[:3]
        texts = [shown(event) for event in events]
        if fault == "not-json":
            texts[2] = 'data: {"choices": [\n\n'
        if fault == "pings":
            texts = [f": ping\n\n{text}" for text in texts]
        whole = "".join(texts)
        whole = whole.replace("\n", "\r\n") if fault == "crlf" else whole
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n")
        self.wfile.write(b"Transfer-Encoding: chunked\r\n\r\n")
        raw = whole.encode()
        size = 7 if fault == "split-bytes" else max(1, len(raw))
        for start_at in range(0, len(raw), size):
            piece = raw[start_at : start_at + size]
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        if fault == "cut connection":
            self.close_connection = True
            return self.connection.close()
        return self.wfile.write(b"0\r\n\r\n")
