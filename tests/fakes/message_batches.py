"""Anthropic's message batches on this machine, written from its API reference: a list of requests, and results at an address."""

from __future__ import annotations

import json

from tests.support.servers import LocalServer, QuietHandler

MODEL = "claude-haiku-4-5"


class MessageBatches(LocalServer):
    """Ends every batch at the second look; `ends` says how each of its rows ends, `results_at` which host has the results."""

    def __init__(self, ends=lambda number: "succeeded", results_at=None, results_status=200):
        super().__init__(Handler)
        self.ends, self.results_at, self.results_status = ends, results_at or self.url, results_status
        self.batches, self.paths, self.keys, self.bill_usd = {}, [], [], 0.0
        self.serve()


class Handler(QuietHandler):
    def do_POST(self):
        server = self.note()
        rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["requests"]
        name = f"msgbatch_{len(server.batches) + 1}"
        server.batches[name] = {"rows": rows, "looks": 0, "results": None}
        self.answer(self.batch(name))

    def do_GET(self):
        server = self.note()
        name = self.path.split("/")[4] if self.path.count("/") > 3 else ""
        if name not in server.batches:
            return self.answer({"type": "error", "error": {"type": "not_found_error", "message": "not found"}}, 404)
        if self.path.endswith("/results"):
            if server.results_status != 200:
                error = {"type": "api_error", "message": "results cannot be had"}
                return self.answer({"type": "error", "error": error}, server.results_status)
            return self.answer(self.results(name))
        server.batches[name]["looks"] += 1
        return self.answer(self.batch(name))

    def note(self):
        self.server.paths.append(f"{self.command} {self.path}")
        self.server.keys.append(self.headers.get("X-Api-Key") or self.headers.get("Authorization"))
        return self.server

    def batch(self, name):
        entry, server = self.server.batches[name], self.server
        ended = entry["looks"] >= 2
        counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        for number in range(len(entry["rows"])):
            counts[server.ends(number) if ended else "processing"] += 1
        at = f"{server.results_at}/v1/messages/batches/{name}/results" if ended else None
        return {"id": name, "type": "message_batch", "processing_status": "ended" if ended else "in_progress",
                "request_counts": counts, "created_at": "2026-11-01T00:00:00Z", "expires_at": "2026-11-02T00:00:00Z",
                "ended_at": None, "archived_at": None, "cancel_initiated_at": None, "results_url": at}  # fmt: skip

    def results(self, name):
        entry = self.server.batches[name]
        if entry["results"] is None:
            entry["results"] = [self.result(number, row) for number, row in enumerate(entry["rows"])]
        return "\n".join(map(json.dumps, entry["results"])).encode()

    def result(self, number, row):
        end = self.server.ends(number)
        if end == "errored":
            error = {"type": "error", "error": {"type": "invalid_request_error", "message": "not to be done"}}
            return {"custom_id": row["custom_id"], "result": {"type": end, "error": error}}
        if end != "succeeded":
            return {"custom_id": row["custom_id"], "result": {"type": end}}
        content = row["params"]["messages"][-1]["content"]
        text = content if isinstance(content, str) else content[-1]["text"]
        self.server.bill_usd += (10 * 0.5 + 5 * 1.0) / 1e6
        message = {"id": "m", "type": "message", "role": "assistant", "model": MODEL, "stop_reason": "end_turn",
                   "stop_sequence": None, "content": [{"type": "text", "text": text}],
                   "usage": {"input_tokens": 10, "output_tokens": 5}}  # fmt: skip
        return {"custom_id": row["custom_id"], "result": {"type": end, "message": message}}

    def answer(self, content, status=200):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
