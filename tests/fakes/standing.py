"""A provider of deployments within this process: what it is told to do wrong, and its own bill by the clock."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from tunecurve.learners.hosted.deployments.types import Deployment
from tunecurve.learners.hosted.tuning.types import CreationUnclear, NotCreated, QuotaFull


class HttpError(Exception):
    def __init__(self, status_code):
        super().__init__(f"Error code: {status_code}")
        self.status_code = status_code


class FakeDeployments:
    """Deployments that stand from their creation to their deletion and are billed for that time.

    Faults by operation; each is done as often as `times` says: ``create``: refused, full, lost (made, no answer), unmade (not
    made, no answer); ``get``: 500, failed; ``delete``: 500, 404, ignored; ``find``: 500, blind.
    """

    name, billed_seconds, usd_per_hour = "fake", 1, 3600.0

    def __init__(self, looks_until_ready=1, times=10**9, **faults):
        self.looks_until_ready, self.times, self.faults = looks_until_ready, times, faults
        self.standing, self.bills, self.creations, self.lock = {}, [], [], threading.Lock()
        self.most_at_once = 0

    def _fault(self, what):
        with self.lock:
            fault = self.faults.get(what, "")
            if not fault or self.times <= 0:
                return ""
            self.times -= 1
            return fault

    @property
    def bill_usd(self):
        now = time.time()
        seconds = sum(self.bills) + sum(now - entry["since"] for entry in self.standing.values())
        return seconds * self.usd_per_hour / 3600

    def place(self):
        return {"backend": "fake"}

    def check(self, seconds):
        pass

    def create(self, name, model):
        fault = self._fault("create")
        self.creations.append(name)
        if fault == "refused":
            raise NotCreated("400: no such model")
        if fault == "full":
            raise QuotaFull("429: no capacity")
        if fault != "unmade":
            with self.lock:
                self.standing[f"id-{name}"] = {"name": name, "model": model, "since": time.time(), "looks": 0}
                self.most_at_once = max(self.most_at_once, len(self.standing))
        if fault in ("lost", "unmade"):
            raise CreationUnclear("502: bad gateway")
        return replace(self.view(f"id-{name}"), answers_as=None)

    def view(self, provider_id):
        entry = self.standing[provider_id]
        is_ready = entry["looks"] >= self.looks_until_ready
        return Deployment(
            provider_id, "ready" if is_ready else "starting", entry["name"], entry["model"], entry["name"], "RAW"
        )

    def get(self, provider_id):
        fault = self._fault("get")
        if fault == "500":
            raise HttpError(500)
        if provider_id not in self.standing:
            raise HttpError(404)
        self.standing[provider_id]["looks"] += 1
        view = self.view(provider_id)
        return replace(view, state=fault, raw_state=fault, error="no GPU") if fault else view

    def find(self, name):
        fault = self._fault("find")
        if fault == "500":
            raise HttpError(500)
        found = [key for key, entry in self.standing.items() if entry["name"] == name]
        return self.view(found[0]) if found and fault != "blind" else None

    def ours(self):
        return [self.view(key) for key in self.standing]

    def delete(self, provider_id):
        fault = self._fault("delete")
        if fault == "500":
            raise HttpError(500)
        if fault == "ignored":
            return
        with self.lock:
            entry = self.standing.pop(provider_id, None)
            if entry is None:
                raise HttpError(404)
            self.bills.append(time.time() - entry["since"])
        if fault == "404":
            raise HttpError(404)

    def delete_command(self, provider_id):
        return f"fake delete {provider_id}"
