"""Deployments of the services of `faulty_providers`, on this machine, with the faults of `faulty_deployments`.

Written from their documents: Nebius's custom models, Amazon's custom model deployments (service description), Fireworks'
on-demand deployments.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakes.faulty_deployments import DeploymentHandler, FaultyDeployments
from tests.fakes.faulty_jobs import ROUTES
from tests.fakes.faulty_providers import ACCOUNT_ARN, A, BedrockHandler, FireworksHandler, NebiusHandler
from tests.fakes.faulty_server import INPUT_USD, OUTPUT_USD, tokens


class ServingNebiusHandler(NebiusHandler, DeploymentHandler):
    ready, starting = "active", "validating"

    def entry_of(self, found, body):
        assert set(body) <= {"name", "base_model", "source", "description"}
        number = len(self.server.deployment_bodies)
        full = f"{body['base_model']}-LoRa:{body['name']}-{number:04x}"
        return full, {"name": body["name"], "model": body["source"], "answers_as": full, "base": body["base_model"]}

    def show(self, key, state=None):
        entry = self.server.deployments[key]
        state = {"Failed": "error"}.get(state, state)
        return {"name": key, "base_model": entry["base"], "source": entry["model"], "created_at": 1,
                "status": state or self.state_of(key), "status_reason": "no adapter" if state == "error" else None}  # fmt: skip

    def listed(self, shown):
        foreign = {
            "name": "x/y-LoRa:mine-ab",
            "base_model": "x/y",
            "source": "file-1",
            "status": "active",
            "created_at": 1,
        }
        return [foreign, *shown]

    def look_at(self, found, raw):
        return super().look_at({"name": unquote(found["name"])}, raw)

    def undeploy(self, found, raw):
        return super().undeploy({"name": unquote(found["name"])}, raw)


ServingNebiusHandler.routes = [
    (r"POST /v0/models", ServingNebiusHandler.deploy),
    (r"GET /v0/models", ServingNebiusHandler.list_deployments),
    (r"GET /v0/models/(?P<name>.+)", ServingNebiusHandler.look_at),
    (r"DELETE /v0/models/(?P<name>.+)", ServingNebiusHandler.undeploy),
    (r"POST /v1/chat/completions", ServingNebiusHandler.chat),
    *ROUTES,
]


class ServingNebius(FaultyDeployments):
    handler, usd_per_hour = ServingNebiusHandler, 0.0

    def __init__(self, **behaviour):
        self.untuned = {"meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Meta-Llama-3.1-8B-Instruct"}
        super().__init__(**behaviour)


class ServingBedrockHandler(BedrockHandler, DeploymentHandler):
    ready, starting = "Active", "Creating"

    def entry_of(self, found, body):
        for key, entry in self.server.deployments.items():
            if entry["name"] == body["modelDeploymentName"]:
                return key, {}
        arn = f"{ACCOUNT_ARN}:custom-model-deployment/{len(self.server.deployment_bodies):012d}"
        return arn, {"name": body["modelDeploymentName"], "model": body["modelArn"], "answers_as": arn}

    def deploy(self, found, raw):
        body, server = self.body_of(raw), self.server
        # Whoever sends a token again gets what it has made before, also where that is gone.
        if any(sent["clientRequestToken"] == body["clientRequestToken"] for sent in server.deployment_bodies):
            return self.send({"customModelDeploymentArn": f"{ACCOUNT_ARN}:custom-model-deployment/gone"}, 202)
        return super().deploy(found, raw)

    def show(self, key, state=None):
        entry = self.server.deployments[key]
        return {"customModelDeploymentArn": key, "modelDeploymentName": entry["name"], "modelArn": entry["model"],
                "customModelDeploymentName": entry["name"], "createdAt": "2026-11-01T00:00:00Z",
                "status": state or self.state_of(key)}  # fmt: skip

    def listed(self, shown):
        query = parse_qs(urlsplit(self.path).query)
        fitting = [entry for entry in shown if query.get("nameContains", [""])[0] in entry["modelDeploymentName"]]
        page = int(query.get("nextToken", ["0"])[0])
        following = {"nextToken": str(page + 1)} if page + 1 < len(fitting) else {}
        return {"modelDeploymentSummaries": fitting[page : page + 1], **following}

    def look_at(self, found, raw):
        return super().look_at({"name": unquote(found["name"])}, raw)

    def undeploy(self, found, raw):
        return super().undeploy({"name": unquote(found["name"])}, raw)

    def converse(self, found, raw):
        server, body, name = self.server, json.loads(raw), unquote(found["model"])
        entry = server.deployments.get(name)
        if entry is not None and entry["answered"] < server.behaviour["settles"]:
            entry["answered"] += 1
            entry = None
        if entry is None and name not in server.untuned:
            return self.fail(404, "The model deployment was not found")
        texts = [part["text"] for part in body.get("system", [])]
        texts += [part["text"] for turn in body["messages"] for part in turn["content"]]
        sent, answered = tokens("\n".join(texts)), tokens(texts[-1])
        with server.lock:
            server.answers_usd += (sent * INPUT_USD + answered * OUTPUT_USD) / 1e6
            server.n_answers += 1
        told = {"inputTokens": sent, "outputTokens": answered, "totalTokens": sent + answered}
        if server.behaviour["chat"] == "no usage":
            told = dict.fromkeys(told, 0)
        content = {"message": {"role": "assistant", "content": [{"text": texts[-1]}]}}
        return self.send({"output": content, "usage": told, "stopReason": "end_turn", "metrics": {"latencyMs": 1}})

    def send_redirect(self, elsewhere):
        DeploymentHandler.send_redirect(self, elsewhere)


DEPLOYMENTS = "/model-customization/custom-model-deployments"
ServingBedrockHandler.routes = [
    (rf"POST {DEPLOYMENTS}", ServingBedrockHandler.deploy),
    (rf"GET {DEPLOYMENTS}", ServingBedrockHandler.list_deployments),
    (rf"GET {DEPLOYMENTS}/(?P<name>[^/]+)", ServingBedrockHandler.look_at),
    (rf"DELETE {DEPLOYMENTS}/(?P<name>[^/]+)", ServingBedrockHandler.undeploy),
    *BedrockHandler.routes,
]


class ServingBedrock(FaultyDeployments):
    handler, usd_per_hour = ServingBedrockHandler, 0.0

    def __init__(self, **behaviour):
        self.calls, self.untuned = [], {"amazon.nova-micro-v1:0", "amazon.nova-micro-v1:0:128k"}
        super().__init__(**behaviour)


class ServingFireworksHandler(FireworksHandler, DeploymentHandler):
    ready, starting = "READY", "CREATING"

    def entry_of(self, found, body):
        asked = parse_qs(urlsplit(self.path).query)["deploymentId"][0]
        name = f"accounts/{found['account']}/deployments/{asked}"
        kept = ("acceleratorType", "acceleratorCount", "displayName", "baseModel", "minReplicaCount", "expireTime")
        return name, {"name": body["displayName"], "model": body["baseModel"], "answers_as": f"{body['baseModel']}#{name}",
                      "told": {key: body[key] for key in kept}}  # fmt: skip

    def deploy(self, found, raw):
        asked = parse_qs(urlsplit(self.path).query)["deploymentId"][0]
        if asked in self.server.gone:
            return self.fail(409, "the id of a deleted deployment")
        return super().deploy(found, raw)

    def end(self, key):
        self.server.gone.add(key.rpartition("/")[2])
        super().end(key)

    def show(self, key, state=None):
        raw = {"Failed": "FAILED"}.get(state, state) or self.state_of(key)
        status = {"code": "INTERNAL", "message": "no accelerator"} if raw == "FAILED" else {"code": "OK", "message": ""}
        told, behaviour = self.server.deployments[key]["told"], self.server.behaviour
        replicas = behaviour["replicas"]
        sizes = {"acceleratorCount": told["acceleratorCount"] * behaviour["machines"], "maxReplicaCount": replicas}
        return {"name": key, "state": raw, "status": status, **told, **sizes, "replicaCount": replicas}

    def listed(self, shown):
        page = int(parse_qs(urlsplit(self.path).query).get("pageToken", ["0"])[0])
        return {"deployments": shown[page : page + 1], "nextPageToken": str(page + 1) if page + 1 < len(shown) else ""}

    def look_at(self, found, raw):
        return super().look_at({"name": f"accounts/{found['account']}/deployments/{found['name']}"}, raw)

    def undeploy(self, found, raw):
        if parse_qs(urlsplit(self.path).query).get("ignoreChecks") != ["true"]:
            return self.fail(400, "the deployment has served requests in the last hour")
        return super().undeploy({"name": f"accounts/{found['account']}/deployments/{found['name']}"}, raw)


ServingFireworksHandler.routes = [
    (rf"POST {A}/deployments", ServingFireworksHandler.deploy),
    (rf"GET {A}/deployments", ServingFireworksHandler.list_deployments),
    (rf"GET {A}/deployments/(?P<name>[^/]+)", ServingFireworksHandler.look_at),
    (rf"DELETE {A}/deployments/(?P<name>[^/]+)", ServingFireworksHandler.undeploy),
    (r"POST /inference/v1/chat/completions", ServingFireworksHandler.chat),
    *FireworksHandler.routes,
]


class ServingFireworks(FaultyDeployments):
    handler, usd_per_hour = ServingFireworksHandler, 7.0

    def __init__(self, **behaviour):
        self.datasets, self.gone, self.untuned = {}, set(), {"accounts/fireworks/models/llama-v3p1-8b-instruct"}
        super().__init__(**behaviour)
