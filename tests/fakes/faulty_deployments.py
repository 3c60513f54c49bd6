"""What servers share on which a deployment has to stand before a tuned model answers; the jobs are those of `faulty_jobs`.

Faults of a creation, in `deploy`: ``made CODE|cut|empty|html`` creates and answers so, ``unmade CODE|cut`` creates nothing,
``says CODE TEXT`` refuses in words; `deploys_wrong` says how often. Of a look, in `stand`: a state, or a status code. Of a
deletion, in `undeploy`: a status code, ``404`` (it is gone all the same), ``ignored``, ``late`` (gone after a few looks).
`vanishes`: after how many answers somebody
else deletes it. `replicas` and
`machines`: how many times what was asked for stands.
The bill: jobs by the token, answers by the token, deployments by every unit of time that has begun.
"""

from __future__ import annotations

import json
import math
import time
from typing import Any

from tests.fakes.faulty_jobs import FaultyJobs, Handler
from tests.fakes.faulty_server import INPUT_USD, OUTPUT_USD, tokens


class FaultyDeployments(FaultyJobs):
    billed_seconds, usd_per_hour = 1, 3600.0
    bills_tokens = True  # also those of a deployment's answers

    def __init__(self, **behaviour):
        usual = {"deploy": "", "deploys_wrong": 10**9, "looks": 1, "stand": "", "stands_wrong": 10**9, "undeploy": "",
                 "undeploys_wrong": 10**9, "settles": 0, "chat": "", "elsewhere": None, "hides": False,
                 "replicas": 1, "machines": 1}  # fmt: skip
        super().__init__(**{**usual, **behaviour})
        self.deployments, self.stood_seconds, self.deployment_bodies = {}, [], []
        self.answers_usd, self.n_answers, self.headers = 0.0, 0, []
        self.most_at_once = 0

    @property
    def hosting_usd(self):
        now = time.time()
        times = [*self.stood_seconds, *(now - entry["since"] for entry in self.deployments.values())]
        units = sum(math.ceil(seconds / self.billed_seconds) for seconds in times)
        as_many = self.behaviour["replicas"] * self.behaviour["machines"]
        return as_many * units * self.billed_seconds * self.usd_per_hour / 3600

    @property
    def whole_bill_usd(self):
        return self.bill_usd + self.answers_usd + self.hosting_usd

    def wrong(self, what, count):
        """Return the fault that is due, as often as it is to be done."""
        with self.lock:
            if not self.behaviour[what] or self.behaviour[count] <= 0:
                return ""
            self.behaviour[count] -= 1
            return self.behaviour[what]


class DeploymentHandler(Handler):
    """Subclasses say how a request names its deployment and how one is shown."""

    entry_of: Any
    show: Any
    listed: Any

    ready, starting = "Succeeded", "Creating"

    def body_of(self, raw):
        return json.loads(raw) if raw else {}

    def deploy(self, found, raw):
        server, body = self.server, self.body_of(raw)
        self.note_headers()
        server.deployment_bodies.append(body)
        kind, _, rest = server.wrong("deploy", "deploys_wrong").partition(" ")
        if kind == "redirect":
            return self.send_redirect(server.behaviour["elsewhere"])
        if kind == "says":
            code, _, said = rest.partition(" ")
            return self.fail(int(code), said)
        if kind == "unmade":
            return self.cut() if rest == "cut" else self.fail(int(rest))
        key, entry = self.entry_of(found, body)
        with server.lock:
            server.deployments.setdefault(key, {"since": time.time(), "looks": 0, "answered": 0, **entry})
            server.most_at_once = max(server.most_at_once, len(server.deployments))
        match rest:
            case "cut":
                return self.cut()
            case "empty":
                return self.send({})
            case "html":
                return self.send(raw=b"<html>thank you</html>", kind="text/html")
            case "":
                return self.send(self.show(key), 201)
            case code:
                return self.fail(int(code))

    def look_at(self, found, raw):
        server, key = self.server, found["name"]
        fault = server.wrong("stand", "stands_wrong") if key in server.deployments else ""
        if fault.isdigit():
            return self.fail(int(fault))
        entry = server.deployments.get(key)
        if entry is None or server.behaviour["hides"]:
            return self.fail(404, "no such deployment")
        entry["looks"] += 1
        if "leaves" in entry:
            entry["leaves"] -= 1
            if entry["leaves"] <= 0:
                self.end(key)
                return self.fail(404, "no such deployment")
        return self.send(self.show(key, fault or None))

    def list_deployments(self, found, raw):
        where = found.groupdict().get("endpoint")
        keys = [key for key, entry in self.server.deployments.items() if where in (None, entry.get("endpoint"))]
        keys = [] if self.server.behaviour["hides"] else keys
        return self.send(self.listed([self.show(key) for key in keys]))

    def undeploy(self, found, raw):
        server, key = self.server, found["name"]
        fault = server.wrong("undeploy", "undeploys_wrong")
        if fault.isdigit() and fault != "404":
            return self.fail(int(fault))
        if key not in server.deployments:
            return self.fail(404, "no such deployment")
        if fault == "ignored":
            return self.send({})
        if fault == "late":
            server.deployments[key].setdefault("leaves", 3)
            return self.send(None, 202, raw=b"")
        self.end(key)
        return self.fail(404, "no such deployment") if fault == "404" else self.send(None, 204, raw=b"")

    def end(self, key):
        with self.server.lock:
            entry = self.server.deployments.pop(key, None)
            if entry is not None:
                self.server.stood_seconds.append(time.time() - entry["since"])

    def state_of(self, key):
        entry = self.server.deployments[key]
        return self.ready if entry["looks"] >= self.server.behaviour["looks"] else self.starting

    def chat(self, found, raw):
        server, body = self.server, self.body_of(raw)
        self.note_headers()
        name = body["model"]
        entry = next((e for e in server.deployments.values() if e["answers_as"] == name), None)
        if entry is not None and server.n_answers >= server.behaviour.get("vanishes", 10**9):
            server.behaviour["vanishes"] = 10**9
            for key in list(server.deployments):
                self.end(key)
            entry = None
        if server.behaviour["chat"] == "slow":
            time.sleep(0.3)
        if entry is not None and entry["answered"] < server.behaviour["settles"]:
            entry["answered"] += 1
            entry = None
        if entry is None and name not in server.untuned:
            said = "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, wait"
            return self.send({"error": {"code": "DeploymentNotFound", "message": said}}, 404)
        texts = [turn["content"] for turn in body["messages"]]
        sent, answered = tokens("\n".join(texts)), tokens(texts[-1])
        with server.lock:
            if entry is None or server.bills_tokens:
                server.answers_usd += (sent * INPUT_USD + answered * OUTPUT_USD) / 1e6
            server.n_answers += 1
        usage = {"prompt_tokens": sent, "completion_tokens": answered, "total_tokens": sent + answered}
        answer = {"id": "c", "object": "chat.completion", "created": 1, "model": name, "choices": [
            {"index": 0, "message": {"role": "assistant", "content": texts[-1]}, "finish_reason": "stop"}]}  # fmt: skip
        return self.send(answer if server.behaviour["chat"] == "no usage" else answer | {"usage": usage})

    def note_headers(self):
        with self.server.lock:
            self.server.headers.append((f"{self.command} {self.path}", dict(self.headers)))

    def send_redirect(self, elsewhere):
        data = b"{}"
        head = f"HTTP/1.1 307 X\r\nLocation: {elsewhere}{self.path}\r\nContent-Length: {len(data)}\r\n\r\n"
        self.wfile.write(head.encode() + data)
