"""A server of tuning jobs on this machine that does what a fault's name says, and keeps its own bill.

Written from the protocols (OpenAI's files and fine-tuning jobs, Vertex AI's tuning jobs, Cloud Storage), not from the
client. A job that is made is billed, whatever the client then gets to see of it.

Faults of a creation: ``twice`` makes a second job beside the one that is told;
``made CODE|cut|empty|html|null`` makes the job and then answers so; ``unmade CODE|cut`` makes none;
``says CODE TEXT`` refuses in words. `echo` says what a job shows of what it was made with: all, suffix, file, time.
"""

from __future__ import annotations

import json
import re
import threading
import time
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.support.servers import LocalServer, QuietHandler

TRAINING_USD = 3.0  # per million tokens


def training_tokens(text):
    def count(value):
        if isinstance(value, dict):
            return sum(count(item) for key, item in value.items() if key != "role")
        return sum(map(count, value)) if isinstance(value, list) else max(1, len(value) // 4)

    return sum(count(json.loads(line)) for line in text.splitlines())


class FaultyJobs(LocalServer):
    handler: Any = None  # another provider's, for a class of its own

    def __init__(self, create="", times=10**9, echo="all", **behaviour):
        super().__init__(self.handler or Handler)
        self.create_fault, self.times, self.echo = create, times, echo
        # What a look at a job brings: a fault, a final state, the epochs that are trained whatever was asked.
        self.behaviour = {"look": "", "ends": "", "trains": None, "polls": 1, "slow": 0.0, "checkpoints": [], "named": True,
                          "tells_tokens": True, "files": "", "takes": None, "lists": "", "bills": 1.0, "error": None,
                          "file_status": "processed", "unready": 10**9,
                          **behaviour}  # fmt: skip
        self.jobs, self.files, self.names, self.log, self.creations = {}, {}, {}, [], []
        self.sizes = {}
        self.n_uploads = 0
        self.lock = threading.Lock()
        self.serve()

    @property
    def bill_usd(self):
        return sum(job["tokens"] for job in self.jobs.values()) * TRAINING_USD / 1e6


class Handler(QuietHandler):
    routes: Any = ()

    def do_POST(self):
        server = self.server
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        with server.lock:
            server.log.append(f"{self.command} {path}")
        for pattern, method in self.routes:
            found = re.fullmatch(pattern, f"{self.command} {path}")
            if found:
                return getattr(self, method.__name__)(found, raw)
        return self.fail(404, "no route")

    do_GET = do_DELETE = do_PUT = do_HEAD = do_PATCH = do_POST

    def send(self, value=None, code=200, raw=None, kind="application/json"):
        data = raw if raw is not None else json.dumps(value).encode()
        head = f"HTTP/1.1 {code} X\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n"
        self.wfile.write(head.encode() + data)

    def fail(self, code, message="a fault"):
        self.send({"error": {"message": message, "code": code, "status": "X"}}, code)

    def cut(self):
        self.close_connection = True
        self.connection.close()

    def no_deployments(self, found, raw):
        return self.send({"data": [], "deployments": [], "modelDeploymentSummaries": []})

    # Files

    def upload(self, found, raw):
        server = self.server
        if server.behaviour["files"] == "500":
            return self.fail(500)
        boundary = re.search(r'boundary="?([^";]+)"?', self.headers["Content-Type"]).group(1).encode()
        parts = [part.split(b"\r\n\r\n", 1) for part in raw.split(b"--" + boundary) if b"\r\n\r\n" in part]
        with server.lock:
            server.n_uploads += 1
            number = server.n_uploads
        if "storage" in found[0]:
            name = json.loads(parts[0][1])["name"]
            server.files[f"gs://{found['bucket']}/{name}"] = parts[1][1].rsplit(b"\r\n", 1)[0].decode()
            return self.send({"name": name, "bucket": found["bucket"], "size": "1"})
        data = next(body for head, body in parts if b'name="file"' in head).rsplit(b"\r\n", 1)[0]
        server.files[f"file-{number}"] = data.decode("utf-8-sig")
        server.sizes[f"file-{number}"] = len(data)
        head = next(head for head, _ in parts if b'name="file"' in head).decode()
        server.names[f"file-{number}"] = re.search(r'filename="([^"]+)"', head).group(1)
        if server.behaviour["files"] == "lost once":
            server.behaviour["files"] = ""
            return self.fail(500)
        if server.behaviour["files"] == "nameless":
            return self.send({})
        return self.send({"id": f"file-{number}", "object": "file", "bytes": 1, "created_at": 1, "filename": "x",
                          "purpose": "fine-tune", "status": "processed"})  # fmt: skip

    def list_files(self, found, raw):
        data = [
            {"id": name, "object": "file", "bytes": self.server.sizes[name], "created_at": 1, "status": "processed",
             "filename": self.server.names[name], "purpose": "fine-tune"}
            for name in self.server.files
        ]  # fmt: skip
        return self.send({"object": "list", "data": data, "has_more": False})

    def look_at_file(self, found, raw):
        return self.send({"id": found["name"], "object": "file", "status": self.server.behaviour["file_status"]})

    def chat(self, found, raw):
        """Answer, once so many calls were told that there is no such model."""
        body, behaviour = json.loads(raw), self.server.behaviour
        with self.server.lock:
            behaviour["unready"] -= 1
        if behaviour["unready"] >= 0:
            return self.fail(404, "The model does not exist or you do not have access to it.")
        choice = {"index": 0, "message": {"role": "assistant", "content": "done"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
        return self.send({"id": "c", "object": "chat.completion", "created": 1, "model": body["model"], "choices": [choice],
                          "usage": usage})  # fmt: skip

    def delete(self, found, raw):
        name = f"gs://{found['bucket']}/{unquote(found['name'])}" if "storage" in found[0] else found["name"]
        if self.server.behaviour["files"] == "kept":
            return self.fail(405, "files cannot be deleted")
        if self.server.behaviour["files"].startswith("busy "):
            code = int(self.server.behaviour["files"].split()[1])
            self.server.behaviour["files"] = ""
            return self.fail(code, "the file is in use")
        if self.server.files.pop(name, None) is None:
            return self.fail(404, "no such file")
        return self.send({"id": name, "object": "file", "deleted": True})

    # Jobs

    def create(self, found, raw):
        server, body = self.server, json.loads(raw)
        with server.lock:
            server.creations.append(body)
            number = len(server.creations)
        kind, _, rest = (server.create_fault if number <= server.times else "").partition(" ")
        time.sleep(server.behaviour["slow"])
        if kind == "says":
            code, _, said = rest.partition(" ")
            return self.fail(int(code), said)
        takes = server.behaviour["takes"]
        if takes is not None and (extra := sorted(set(body) - set(takes))):
            detail = [{"loc": ["body", extra[0]], "msg": "extra fields not permitted", "type": "value_error.extra"}]
            return self.send({"detail": detail}, 422)
        if kind == "unmade":
            return self.cut() if rest == "cut" else self.fail(int(rest))
        name = self.make(found, body, number)
        if kind == "twice":
            self.make(found, body, number + 100)
        match rest:
            case "cut":
                return self.cut()
            case "empty":
                return self.send({})
            case "null":
                return self.send(None)
            case "html":
                return self.send(raw=b"<html>thank you</html>", kind="text/html")
            case "":
                return self.send(self.view(name))
            case code:
                return self.fail(int(code))

    def make(self, found, body, number):
        """Make a job, which is billed from now on; return its name."""
        server = self.server
        name, file, asked = self.read_creation(found, body, number)
        epochs = server.behaviour["trains"] or asked
        tokens = int(epochs * training_tokens(server.files[file]) * server.behaviour["bills"])
        with server.lock:
            server.jobs[name] = {"body": body, "polls": 0, "epochs": epochs, "tokens": tokens, "file": file,
                                 "created": time.time(), "vertex": "scope" in found.groupdict(), "force": None}  # fmt: skip
        return name

    def read_creation(self, found, body, number):
        """Return the job's name, its training file and the epochs that are asked for."""
        is_vertex = "scope" in found.groupdict()
        if is_vertex:
            spec = body["supervisedTuningSpec"]
            file, asked = spec["trainingDatasetUri"], int(spec["hyperParameters"]["epochCount"])
        else:
            file = body["training_file"]
            method = ((body.get("method") or {}).get("supervised") or {}).get("hyperparameters") or {}
            asked = (method if "method" in body else body.get("hyperparameters") or {}).get("n_epochs", 3)
        return f"{found['scope']}tuningJobs/{number}" if is_vertex else f"ftjob-{number}", file, asked

    def view(self, name):
        server = self.server
        job, echo, behaviour = server.jobs[name], server.echo, server.behaviour
        is_done = job["polls"] >= behaviour["polls"]
        body = job["body"]
        if job["vertex"]:
            state = job["force"] or (behaviour["ends"] or "JOB_STATE_SUCCEEDED" if is_done else "JOB_STATE_RUNNING")
            made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(job["created"]))
            view = {"name": name, "state": state, "baseModel": body["baseModel"], "createTime": made}
            spec = {"hyperParameters": {"epochCount": str(job["epochs"])}}
            if echo in ("all", "file"):
                spec["trainingDatasetUri"] = job["file"]
            view["supervisedTuningSpec"] = spec
            view["labels"] = body.get("labels") if echo == "all" else None
            if is_done and behaviour["named"]:
                view["tunedModel"] = {"endpoint": name.replace("tuningJobs", "endpoints")}
            if is_done and behaviour["tells_tokens"]:
                view["tuningDataStats"] = {"supervisedTuningDataStats": {"totalBillableTokenCount": str(job["tokens"])}}
            return view
        state = job["force"] or (behaviour["ends"] or "succeeded" if is_done else "running")
        view = {"id": name, "object": "fine_tuning.job", "status": state, "model": body["model"], "result_files": []}
        view |= {"created_at": int(job["created"]), "hyperparameters": {"n_epochs": job["epochs"]}}
        view |= {"error": behaviour["error"] if is_done else None}
        view |= {"fine_tuned_model": f"ft:{name}" if is_done and behaviour["named"] else None}
        view |= {"trained_tokens": job["tokens"] if is_done and behaviour["tells_tokens"] else None}
        if echo == "all":
            view["metadata"] = body.get("metadata")
        if echo in ("all", "suffix"):
            view["user_provided_suffix"] = body.get("suffix")
        if echo in ("all", "suffix", "file"):
            view["training_file"] = job["file"]
        return view

    def look(self, found, raw):
        server, name = self.server, found["name"]
        if server.behaviour["look"] == "500":
            return self.fail(500)
        if server.behaviour["look"] == "html":
            return self.send(raw=b"<html>log in</html>", kind="text/html")
        if server.behaviour["look"] == "empty":
            return self.send({})
        if server.behaviour["look"] == "404" or name not in server.jobs:
            return self.fail(404, "no such job")
        server.jobs[name]["polls"] += 1
        tells = server.behaviour.get("tells", lambda view, polls: view)
        return self.send(tells(self.view(name), server.jobs[name]["polls"]))

    def list_jobs(self, found, raw):
        server = self.server
        if server.behaviour["look"] == "500":
            return self.fail(500)
        if server.behaviour["lists"] == "html":
            return self.send(raw=b"<html>log in</html>", kind="text/html")
        names = list(server.jobs)[::-1] if server.behaviour["look"] != "hidden" else []
        views = [self.view(name) for name in names]
        if "scope" in found.groupdict():
            return self.send({"tuningJobs": views})
        page = {"object": "list", "data": views, "has_more": server.behaviour["lists"] == "endless"}
        odd = {"null": None, "error": {"error": {"message": "gone"}}, "string": "hello", "data-null": {"data": None}}
        return self.send(odd.get(server.behaviour["lists"], page))

    def cancel(self, found, raw):
        job = self.server.jobs[found["name"]]
        job["force"] = "JOB_STATE_CANCELLED" if job["vertex"] else "cancelled"
        return self.send(self.view(found["name"]))

    def checkpoints(self, found, raw):
        data = [
            {"object": "fine_tuning.job.checkpoint", "id": f"p{step}", "created_at": 1, "fine_tuned_model_checkpoint": model,
             "fine_tuning_job_id": found["name"], "metrics": {}, "step_number": step}
            for step, model in self.server.behaviour["checkpoints"]
        ]  # fmt: skip
        return self.send({"object": "list", "data": data, "has_more": self.server.behaviour["lists"] == "endless"})


V, SCOPE = r"/v1(?:beta1?)?", r"(?P<scope>projects/[^/]+/locations/[^/]+/)"
ROUTES = [
    (r"POST /(?:upload/)?storage/v1/b/(?P<bucket>[^/]+)/o", Handler.upload),
    (r"DELETE /storage/v1/b/(?P<bucket>[^/]+)/o/(?P<name>.+)", Handler.delete),
    (r"POST /v1/files", Handler.upload),
    (r"GET /v1/files", Handler.list_files),
    (r"GET /v1/files/(?P<name>[^/]+)", Handler.look_at_file),
    (r"POST /v1/chat/completions", Handler.chat),
    (r"DELETE /v1/files/(?P<name>[^/]+)", Handler.delete),
    (rf"POST {V}/{SCOPE}tuningJobs", Handler.create),
    (rf"GET {V}/{SCOPE}tuningJobs", Handler.list_jobs),
    (rf"GET {V}/(?P<name>projects/[^/]+/locations/[^/]+/tuningJobs/[^/:]+)", Handler.look),
    (rf"POST {V}/(?P<name>projects/[^/]+/locations/[^/]+/tuningJobs/[^/:]+):cancel", Handler.cancel),
    (r"POST /v1/fine_tuning/jobs", Handler.create),
    (r"GET /v1/fine_tuning/jobs", Handler.list_jobs),
    (r"GET /v1/fine_tuning/jobs/(?P<name>[^/]+)", Handler.look),
    (r"POST /v1/fine_tuning/jobs/(?P<name>[^/]+)/cancel", Handler.cancel),
    (r"GET /v1/fine_tuning/jobs/(?P<name>[^/]+)/checkpoints", Handler.checkpoints),
]
Handler.routes = ROUTES
