"""Together AI on this machine: its fine-tunes, files, and the second version of its dedicated deployments.

Written from Together's documents (OpenAPI page, dedicated model inference, its Python SDK), not from the client.
"""

from __future__ import annotations

import json
import re
import time

from tests.fakes.faulty_deployments import DeploymentHandler, FaultyDeployments
from tests.fakes.faulty_jobs import Handler

JOB_FIELDS = {"model", "training_file", "n_epochs", "n_checkpoints", "batch_size", "suffix", "random_seed", "learning_rate",
              "training_type", "training_method"}  # fmt: skip


class TogetherHandler(DeploymentHandler):
    ready, starting = "DEPLOYMENT_STATE_READY", "DEPLOYMENT_STATE_PROVISIONING"

    # Files and jobs

    def limits(self, found, raw):
        if self.server.behaviour["lists"] == "no tuning":
            return self.fail(404, "model is not available for fine-tuning")
        return self.send({"model_name": "x", "max_num_epochs": 20, "lora_training": {"max_rank": 64}})

    def upload(self, found, raw):
        if b'name="purpose"' not in raw or b'name="file_name"' not in raw:
            return self.fail(400, "purpose and file_name are required")
        return super().upload(found, raw)

    def read_creation(self, found, body, number):
        return f"ft-{number}", body["training_file"], body.get("n_epochs", 1)

    def create(self, found, raw):
        if odd := sorted(set(json.loads(raw)) - JOB_FIELDS):
            return self.fail(400, f"unknown field {odd[0]}")
        return super().create(found, raw)

    def view(self, name):
        server = self.server
        job, behaviour = server.jobs[name], server.behaviour
        is_done = job["polls"] >= behaviour["polls"]
        made = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(job["created"]))
        body, suffix = job["body"], job["body"].get("suffix") if server.echo in ("all", "suffix") else "x"
        state = job["force"] or (behaviour["ends"] or "completed" if is_done else "running")
        view = {"id": name, "status": state, "created_at": made, "model": body["model"], "n_epochs": job["epochs"],
                "batch_size": 8, "learning_rate": body.get("learning_rate", 1e-5), "events": []}  # fmt: skip
        if server.echo in ("all", "suffix", "file"):
            view["training_file"] = job["file"]
        if server.echo in ("all", "suffix"):
            view["model_output_name"] = f"me/{body['model']}:{suffix}:{name}"
        if is_done and behaviour["named"] and server.gives_ids:
            view["model_object_id"] = f"ml_{name}"
        if is_done and behaviour["tells_tokens"]:
            size = server.sizes[job["file"]]
            counts = {"all epochs": job["tokens"], "one pass": job["tokens"] // job["epochs"]}
            view |= {"token_count": counts[behaviour["tells_tokens_of"]], "trainingfile_size": size}
        return view

    def list_jobs(self, found, raw):
        if self.server.behaviour["lists"] == "html":
            return self.send(raw=b"<html>log in</html>", kind="text/html")
        names = list(self.server.jobs)[::-1] if self.server.behaviour["look"] != "hidden" else []
        return self.send({"data": [self.view(name) for name in names]})

    # Deployments

    def whoami(self, found, raw):
        return self.send({"project_id": "proj_me", "project_slug": "me"})

    def configs(self, found, raw):
        if "referenceModel=projects%2Fproj_me%2Fmodels%2Fml_" not in self.path:
            return self.fail(400, f"no reference model in {self.path}")
        entries = [("cr_big", "2"), ("cr_small", "1")] + ([("cr_twin", "1")] if self.server.behaviour["twins"] else [])
        data = [
            {"id": name, "projectId": "proj_platform", "selectors": [
                {"key": "accelerator_type", "value": "nvidia-h100-80gb"}, {"key": "accelerator_count", "value": count}]}
            for name, count in entries
        ]  # fmt: skip
        return self.send({"data": data})

    def prices(self, found, raw):
        cents = self.server.usd_per_hour * 100
        return self.send({"data": [{"name": "1xnvidia-h100-80gb", "priceCentsPerHour": cents}]})

    def new_endpoint(self, found, raw):
        server, name = self.server, self.body_of(raw)["name"]
        fault = server.wrong("endpoint", "endpoints_wrong")
        if f"me/{name}" in [entry["name"] for entry in server.endpoints.values()]:
            return self.fail(409, "the name is taken")
        key = f"ep_{len(server.endpoints) + 1}"
        if fault != "unmade 500":
            server.endpoints[key] = {"id": key, "name": f"me/{name}", "projectId": "proj_me"}
        return self.fail(500) if fault else self.send(server.endpoints[key])

    def list_endpoints(self, found, raw):
        return self.send({"data": [] if self.server.behaviour["hides"] else list(self.server.endpoints.values())})

    def delete_endpoint(self, found, raw):
        server, key = self.server, found["endpoint"]
        if any(entry["endpoint"] == key for entry in server.deployments.values()):
            return self.fail(409, "endpoint has deployments")
        return self.send({}) if server.endpoints.pop(key, None) else self.fail(404)

    def entry_of(self, found, body):
        assert body["autoscaling"] == {"minReplicas": 1, "maxReplicas": 1}
        assert re.fullmatch(r"projects/proj_me/models/ml_ft-\d+", body["model"])
        endpoint = self.server.endpoints[found["endpoint"]]
        key = f"dep_{len(self.server.deployment_bodies)}"
        whole = f"{endpoint['name']}/{body['name']}"
        return key, {"name": body["name"], "whole": whole, "answers_as": whole, "model": body["model"],
                     "endpoint": endpoint["id"], "stops": None}  # fmt: skip

    def show(self, key, state=None):
        entry = self.server.deployments[key]
        told = state or self.state_of(key)
        if entry["stops"] is not None:
            told = "DEPLOYMENT_STATE_STOPPED" if entry["stops"] <= 0 else "DEPLOYMENT_STATE_STOPPING"
        return {"id": key, "projectId": "proj_me", "endpointId": entry["endpoint"], "name": entry["whole"],
                "model": entry["model"], "hardware": f"{self.server.behaviour['machines']}xnvidia-h100-80gb",
                "autoscaling": {"minReplicas": 1, "maxReplicas": self.server.behaviour["replicas"]},
                "status": {"state": told, "message": "as it is"}}  # fmt: skip

    def listed(self, shown):
        return {"data": shown}

    def look_at(self, found, raw):
        entry = self.server.deployments.get(found["name"])
        if entry is not None and entry["stops"] is not None:
            entry["stops"] -= 1
        return super().look_at(found, raw)

    def scale(self, found, raw):
        entry = self.server.deployments.get(found["name"])
        if entry is None:
            return self.fail(404, "no such deployment")
        assert self.body_of(raw)["autoscaling"] == {"minReplicas": 0, "maxReplicas": 0}
        if self.server.behaviour["undeploy"] in ("", "late", "404"):
            entry["stops"] = 3 if self.server.behaviour["undeploy"] == "late" else 0
        return self.send(self.show(found["name"]))

    def undeploy(self, found, raw):
        entry = self.server.deployments.get(found["name"])
        if self.server.behaviour["undeploy"] == "late":
            if entry is not None and entry["stops"] and entry["stops"] > 0:
                return self.fail(409, "stop it first")
            self.server.behaviour["undeploy"] = ""
        return super().undeploy(found, raw)


BASE = r"/v2/projects/proj_me/endpoints"
DEPLOYMENT = rf"{BASE}/(?P<endpoint>[^/]+)/deployments/(?P<name>[^/]+)"
TogetherHandler.routes = [
    (r"POST /v1/files/upload", TogetherHandler.upload),
    (r"GET /v1/files", Handler.list_files),
    (r"DELETE /v1/files/(?P<name>[^/]+)", Handler.delete),
    (r"GET /v1/fine-tunes/models/limits", TogetherHandler.limits),
    (r"POST /v1/fine-tunes", TogetherHandler.create),
    (r"GET /v1/fine-tunes", TogetherHandler.list_jobs),
    (r"GET /v1/fine-tunes/(?P<name>[^/]+)", Handler.look),
    (r"POST /v1/fine-tunes/(?P<name>[^/]+)/cancel", Handler.cancel),
    (r"GET /v1/whoami", TogetherHandler.whoami),
    (r"GET /v2/projects/proj_me/configs", TogetherHandler.configs),
    (r"GET /v2/public/inference-instance-types", TogetherHandler.prices),
    (rf"POST {BASE}", TogetherHandler.new_endpoint),
    (rf"GET {BASE}", TogetherHandler.list_endpoints),
    (rf"DELETE {BASE}/(?P<endpoint>[^/]+)", TogetherHandler.delete_endpoint),
    (rf"POST {BASE}/(?P<endpoint>[^/]+)/deployments", TogetherHandler.deploy),
    (rf"GET {BASE}/(?P<endpoint>[^/]+)/deployments", TogetherHandler.list_deployments),
    (rf"GET {DEPLOYMENT}", TogetherHandler.look_at),
    (rf"PATCH {DEPLOYMENT}", TogetherHandler.scale),
    (rf"DELETE {DEPLOYMENT}", TogetherHandler.undeploy),
    (r"POST /v1/chat/completions", TogetherHandler.chat),
]


class FaultyTogether(FaultyDeployments):
    handler, billed_seconds, usd_per_hour, bills_tokens = TogetherHandler, 60, 3.99, False

    gives_ids = True

    def __init__(self, **behaviour):
        self.untuned, self.endpoints = {"Qwen/Qwen3-8B"}, {}
        usual = {"twins": False, "endpoint": "", "endpoints_wrong": 1, "tells_tokens_of": "all epochs"}
        super().__init__(**{**usual, **behaviour})


class FirstHandler(TogetherHandler):
    """The first version of its endpoints, which knows no projects and no ids of models."""

    ready, starting = "STARTED", "PENDING"

    def entry_of(self, found, body):
        assert body["autoscaling"] == {"min_replicas": 1, "max_replicas": 1}
        assert body["model"].startswith("me/Qwen/")
        assert body["hardware"] == "1x_nvidia_h100_80gb_sxm"
        key = f"endpoint-{len(self.server.deployment_bodies)}"
        return key, {"name": body["display_name"], "answers_as": f"me/{key}", "model": body["model"]}

    def show(self, key, state=None):
        entry = self.server.deployments[key]
        return {"object": "endpoint", "id": key, "name": entry["answers_as"], "display_name": entry["name"],
                "model": entry["model"], "hardware": f"{self.server.behaviour['machines']}x_nvidia_h100_80gb_sxm",
                "autoscaling": {"min_replicas": 1, "max_replicas": self.server.behaviour["replicas"]},
                "type": "dedicated", "owner": "me", "state": state or self.state_of(key)}  # fmt: skip

    def listed(self, shown):
        others = [{"object": "endpoint", "id": "endpoint-x", "name": "y", "type": "serverless", "state": "STARTED"}]
        left_out = ("display_name", "hardware")
        return {"data": others + [{k: v for k, v in entry.items() if k not in left_out} for entry in shown]}

    def undeploy(self, found, raw):
        return DeploymentHandler.undeploy(self, found, raw)

    def look_at(self, found, raw):
        return DeploymentHandler.look_at(self, found, raw)

    def prices(self, found, raw):
        pricing = {"cents_per_minute": self.server.usd_per_hour * 100 / 60}
        return self.send({"data": [{"id": "1x_nvidia_h100_80gb_sxm", "pricing": pricing}]})


FirstHandler.routes = [
    *(route for route in TogetherHandler.routes if " /v1/f" in route[0] or "chat" in route[0]),
    (r"GET /v1/hardware", FirstHandler.prices),
    (r"POST /v1/endpoints", FirstHandler.deploy),
    (r"GET /v1/endpoints", FirstHandler.list_deployments),
    (r"GET /v1/endpoints/(?P<name>[^/]+)", FirstHandler.look_at),
    (r"DELETE /v1/endpoints/(?P<name>[^/]+)", FirstHandler.undeploy),
]


class FaultyFirstTogether(FaultyTogether):
    handler, gives_ids = FirstHandler, False
