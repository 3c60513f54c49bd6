"""A vLLM server with LoRA modules on this machine, written from vLLM's documents.

The base model copies the last turn; an adapter answers with its own name before it, so that a test sees who answered.
`faults` are names of what is otherwise: ``no-runtime`` (the route of loading is not there), ``rank`` and ``missing``
(refusals of an adapter), ``other-parent``, ``no-tokenize``, ``other-tokens``, ``unlisted``, ``redirect``, ``keyed``.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.servers import LocalServer, QuietHandler


class VllmFake(LocalServer):
    def __init__(self, model, faults=(), modules=None, tokens=None, root=None, max_model_len=2048):
        super().__init__(Handler)
        self.model, self.faults, self.modules, self.tokens = model, set(faults), dict(modules or {}), tokens
        self.root, self.max_model_len = root or model, max_model_len
        self.log, self.bodies = [], []
        self.serve()

    @property
    def url(self):
        return super().url + "/v1"


class Handler(QuietHandler):
    def do_POST(self):
        server = self.server
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(raw) if raw else {}
        server.log.append(self.path)
        if "redirect" in server.faults:
            return self.send({}, 307, [("Location", "http://127.0.0.1:9/v1/models")])
        if "keyed" in server.faults and self.headers.get("Authorization") != "Bearer good-key-canary":
            return self.send({"error": "Unauthorized"}, 401)
        route = {"/v1/models": self.models, "/v1/load_lora_adapter": self.load, "/v1/unload_lora_adapter": self.unload,
                 "/tokenize": self.tokenize, "/v1/chat/completions": self.chat}.get(self.path)  # fmt: skip
        if route is None or ("no-runtime" in server.faults and "lora_adapter" in self.path):
            return self.send({"detail": "Not Found"}, 404)
        return route(body)

    do_GET = do_POST

    def models(self, _):
        server = self.server
        card = {"object": "model", "created": 1, "owned_by": "vllm", "permission": []}
        base = {"id": server.model, "root": server.root, "parent": None, "max_model_len": server.max_model_len}
        parent = "another/model" if "other-parent" in server.faults else server.model
        adapters = [{"id": name, "root": path, "parent": parent} for name, path in server.modules.items()]
        alias = [{**base, "id": "alias"}] if "alias" in server.faults else []
        listed = [base] if "unlisted" in server.faults else [base, *alias, *adapters]
        self.send({"object": "list", "data": [card | model for model in listed]})

    def load(self, body):
        server, name, path = self.server, body["lora_name"], body["lora_path"]
        if name in server.modules:
            return self.refuse(400, f"The lora adapter '{name}' has already been loaded.", "InvalidUserInput")
        if "rank" in server.faults:
            return self.refuse(400, "LoRA rank 16 is greater than max_lora_rank 8.", "BadRequestError")
        if "missing" in server.faults or not (Path(path) / "adapter_config.json").exists():
            return self.refuse(404, f"Loading lora {name} failed: No adapter found for {path}", "NotFoundError")
        server.modules[name] = path
        return self.send(None, raw=f"Success: LoRA adapter '{name}' added successfully.".encode(), kind="text/plain")

    def unload(self, body):
        if self.server.modules.pop(body["lora_name"], None) is None:
            return self.refuse(404, f"The lora adapter '{body['lora_name']}' cannot be found.", "NotFoundError")
        return self.send(None, raw=b"Success: removed", kind="text/plain")

    def tokenize(self, body):
        server = self.server
        if "no-tokenize" in server.faults or server.tokens is None:
            return self.send({"detail": "Not Found"}, 404)
        tokens = list(server.tokens(body["messages"]))
        if "other-tokens" in server.faults:
            tokens[3] += 1
        return self.send({"count": len(tokens), "max_model_len": server.max_model_len, "tokens": tokens})

    def chat(self, body):
        server = self.server
        server.bodies.append(body)
        name = body["model"]
        if name != server.model and name not in server.modules:
            return self.refuse(404, f"The model `{name}` does not exist.", "NotFoundError")
        text = body["messages"][-1]["content"]
        text = text if name == server.model else f"{name} {text}"
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 40, "completion_tokens": 12, "total_tokens": 52}
        return self.send({"id": "c", "object": "chat.completion", "created": 1, "model": name, "choices": [choice],
                          "usage": usage})  # fmt: skip

    def refuse(self, code, message, kind):
        self.send({"error": {"message": message, "type": kind, "param": None, "code": code}}, code)

    def send(self, value=None, code=200, headers=(), raw=None, kind="application/json"):
        data = raw if raw is not None else json.dumps(value).encode()
        lines = [f"HTTP/1.1 {code} X", f"Content-Type: {kind}", f"Content-Length: {len(data)}"]
        lines += [f"{name}: {content}" for name, content in headers]
        self.wfile.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
