"""A server on this machine that does to each call what a fault's name says, and keeps its own bill.

Written from the providers' protocols (OpenAI's chat completions, Gemini's generateContent), not from the client. A model
answers every prompt with its last turn. What the model has worked on is billed, whatever the client then gets to see.
"""

from __future__ import annotations

import json
import threading
import time

from tests.support.servers import LocalServer, QuietHandler

INPUT_USD, OUTPUT_USD = 1.0, 2.0  # per million tokens


def tokens(text):
    return max(1, len(text) // 4)


# What stands in the answer's usage instead of (sent, answered).
USAGES = {
    "usage-missing": lambda i, o: ...,
    "usage-null": lambda i, o: None,
    "usage-zero": lambda i, o: (0, 0),
    "usage-negative": lambda i, o: (-i, -o),
    "usage-fraction": lambda i, o: (i + 0.5, o + 0.25),
    "usage-words": lambda i, o: ("many", "few"),
    "usage-strings": lambda i, o: (str(i), str(o)),
    "usage-nulls": lambda i, o: (None, None),
    "usage-half": lambda i, o: (i, None),
    "usage-huge": lambda i, o: (10**12, 10**12),
    "usage-list": lambda i, o: [1, 2],
    "usage-text": lambda i, o: "none",
    "usage-true": lambda i, o: (True, True),
    "usage-nan": lambda i, o: (float("nan"), o),
    "usage-no-output": lambda i, o: (i, 0),
}


class FaultyServer(LocalServer):
    def __init__(self, fault="", times=10**9, elsewhere=None, handler=None):
        super().__init__(handler or Handler)
        self.fault, self.times, self.elsewhere = fault, times, elsewhere
        self.lock, self.around = threading.Lock(), "{}"  # what the model puts around its answers
        self.bill_usd, self.n_requests, self.n_answers, self.bodies, self.headers = 0.0, 0, 0, [], []
        self.serve()


class Handler(QuietHandler):
    def do_POST(self):
        server = self.server
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with server.lock:
            server.n_requests += 1
            number = server.n_requests
            server.headers.append(dict(self.headers))
        body = json.loads(raw) if raw else {}
        server.bodies.append(body)
        self.is_gemini = "enerateContent" in self.path
        fault = server.fault if number <= server.times else ""
        if self.is_gemini:
            texts = [part["text"] for turn in body["contents"] for part in turn["parts"]]
            system = "".join(part["text"] for part in (body.get("systemInstruction") or {}).get("parts", []))
            whole, text = system + "\n".join(texts), texts[-1]
        else:
            texts = [turn["content"] for turn in body["messages"]]
            whole, text = "\n".join(texts), texts[-1]
        self.work(fault, body.get("model"), whole, text)

    do_GET = do_POST

    def billed(self, whole, text):
        sent, answered = tokens(whole), tokens(text) if text else 0
        with self.server.lock:
            self.server.bill_usd += (sent * INPUT_USD + answered * OUTPUT_USD) / 1e6
            self.server.n_answers += 1
        return sent, answered

    def work(self, fault, model, whole, text):
        kind, _, rest = fault.partition(" ")
        if kind == "redirect":
            target = self.path if rest.endswith("loop") else self.server.elsewhere + self.path
            return self.send({}, int(rest.split()[0]), [("Location", target)])
        if kind == "status":
            code, _, said = rest.partition(" ")
            return self.send(json.loads(said) if said else {}, int(code))
        if kind == "header":
            code, seconds = rest.split()
            return self.send(self.error("slow down"), int(code), [("Retry-After", seconds)])
        if kind == "after":  # the model has worked; a gateway has lost patience
            self.billed(whole, text)
            return self.send(None, int(rest), raw=b"<html>Bad gateway</html>", kind="text/html")
        if kind == "cut":
            self.billed(whole, text)
            self.close_connection = True
            if rest == "body":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{")
            return self.connection.close()
        if kind == "raw":
            self.billed(whole, text)
            page = {"html": (b"<html>log in</html>", "text/html"), "broken": (b'{"choices": [', "application/json")}
            page |= {"string": (b'"hello"', "application/json"), "nothing": (b"", "application/json")}
            page |= {"list": (b"[]", "application/json"), "empty-object": (b"{}", "application/json")}
            return self.send(None, 200, raw=page[rest][0], kind=page[rest][1])
        if kind == "error-in-200":
            return self.send({"error": {"message": "the upstream is gone", "code": int(rest) if rest else None}})
        if kind == "slow":
            time.sleep(float(rest))
        text = self.server.around.format(text)
        usage = self.billed(whole, text)
        told = USAGES[kind](*usage) if kind in USAGES else usage
        return self.send(self.gemini(fault, text, told) if self.is_gemini else self.chat(fault, model, text, told))

    def error(self, message):
        return {"error": {"message": message, "code": None, "type": "server_error"}}

    def chat(self, fault, model, text, told):
        message, finish = {"role": "assistant", "content": text}, "stop"
        if fault == "finish-null":
            finish = None
        if fault.startswith("finish-is "):
            finish = fault.removeprefix("finish-is ")
        if fault == "content-parts":
            message["content"] = [{"type": "text", "text": text[:5]}, {"type": "text", "text": text[5:]}]
        if fault == "content-thinking":
            message["content"] = [{"type": "thinking", "thinking": "well"}, {"type": "text", "text": text}]
        if fault == "no-text":
            message["content"] = ""
        if fault == "blocked":
            message["content"], finish = "", "content_filter"
        if fault == "thought-it-all-away":
            message["content"], finish = "", "length"
        choice = {"index": 0, "message": message, "finish_reason": finish}
        if fault == "finish-missing":
            del choice["finish_reason"]
        if fault == "old-text":
            choice = {"index": 0, "text": text, "finish_reason": "stop"}
        if fault == "no-index":
            del choice["index"]
        answer = {"id": "c", "object": "chat.completion", "created": 1, "model": model, "choices": [choice]}
        if fault == "no-model":
            answer["model"], answer["id"] = None, None
        if isinstance(told, tuple):
            told = {"prompt_tokens": told[0], "completion_tokens": told[1], "total_tokens": 1}
        return answer if told is ... else answer | {"usage": told}

    def gemini(self, fault, text, told):
        candidate = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}
        if fault in ("finish-null", "finish-missing"):
            candidate["finishReason"] = None
        if fault.startswith("finish-is "):
            candidate["finishReason"] = fault.removeprefix("finish-is ")
        if fault == "no-text":
            candidate["content"] = {"role": "model"}
        if fault == "blocked":
            candidate |= {"finishReason": "SAFETY", "content": None}
        if fault == "thought-it-all-away":
            candidate |= {"finishReason": "MAX_TOKENS", "content": {"role": "model"}}
        answer = {"candidates": [candidate], "modelVersion": "gemini-x-001"}
        if isinstance(told, tuple):
            told = {"promptTokenCount": told[0], "candidatesTokenCount": told[1], "totalTokenCount": 1}
        return answer if told is ... else answer | {"usageMetadata": told}

    def send(self, value=None, code=200, headers=(), raw=None, kind="application/json"):
        data = raw if raw is not None else json.dumps(value).encode()
        lines = [f"HTTP/1.1 {code} X", f"Content-Type: {kind}", f"Content-Length: {len(data)}"]
        lines += [f"{name}: {content}" for name, content in headers]
        self.wfile.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
