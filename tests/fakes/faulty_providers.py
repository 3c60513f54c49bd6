"""Tuning services with interfaces of their own, on this machine, with the faults of `faulty_jobs`.

Written from their documents, not from the clients: Nebius Token Factory's OpenAPI page (fine-tuning jobs, checkpoints, custom
models), Amazon's service description of Bedrock (REST-JSON) and S3's object calls, Fireworks' gateway API.
"""

from __future__ import annotations

import json
import time
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakes.faulty_jobs import ROUTES, FaultyJobs, Handler

# Nebius Token Factory

NEBIUS_FIELDS = {"model", "training_file", "from_checkpoint", "validation_file", "hyperparameters", "method", "integrations",
                 "seed", "suffix", "tags", "extra_body"}  # fmt: skip
NEBIUS_HYPERPARAMETERS = {"batch_size", "learning_rate", "n_epochs", "warmup_ratio", "weight_decay", "packing", "max_grad_norm",
                          "context_length", "lora", "lora_r", "lora_alpha", "lora_dropout"}  # fmt: skip


class NebiusHandler(Handler):
    def create(self, found, raw):
        body = json.loads(raw)
        odd = {*set(body) - NEBIUS_FIELDS, *set(body.get("hyperparameters") or {}) - NEBIUS_HYPERPARAMETERS}
        if odd:
            return self.send({"detail": [{"loc": ["body", min(odd)], "msg": "Extra inputs are not permitted"}]}, 422)
        return super().create(found, raw)

    def read_creation(self, found, body, number):
        return f"ftjob-{number}", body["training_file"], (body.get("hyperparameters") or {}).get("n_epochs", 3)

    def view(self, name):
        view = super().view(name)
        job, behaviour = self.server.jobs[name], self.server.behaviour
        asked = {"batch_size": 8, "learning_rate": 1e-5, "lora": False, "packing": True, "lora_r": 8,
                 **job["body"]["hyperparameters"], "n_epochs": job["epochs"]}  # fmt: skip
        view |= {"hyperparameters": asked, "suffix": view.pop("user_provided_suffix", None), "organization_id": ""}
        view["trained_steps"] = 3 * job["epochs"] if job["polls"] >= behaviour["polls"] else None
        for other in ("fine_tuned_model", "metadata"):
            view.pop(other, None)
        return view

    def checkpoints(self, found, raw):
        if self.server.behaviour["lists"] == "no checkpoints":
            return self.fail(500)
        job = self.server.jobs[found["name"]]
        epochs = range(1, job["epochs"] + 1) if self.server.behaviour["named"] else ()
        data = [{"object": "fine_tuning.job.checkpoint", "id": f"ftckpt-{n}", "created_at": 1, "metrics": {},
                 "fine_tuned_model_checkpoint": f"ftckpt-{n}", "fine_tuning_job_id": found["name"], "step_number": 3 * n,
                 "result_files": [f"file-{n}"]} for n in epochs]  # fmt: skip
        return self.send({"object": "list", "data": data, "has_more": False})


class FaultyNebius(FaultyJobs):
    handler = NebiusHandler


NebiusHandler.routes = [(r"GET /v0/models", NebiusHandler.no_deployments), *ROUTES]

# Amazon Bedrock and S3

ACCOUNT_ARN = "arn:aws:bedrock:us-east-1:123456789012"
AWS_ERRORS = {400: "ValidationException", 403: "AccessDeniedException", 404: "ResourceNotFoundException",
              408: "ModelTimeoutException", 409: "ConflictException", 429: "ThrottlingException",
              424: "ModelErrorException"}  # fmt: skip
BEDROCK_REQUIRED = {
    "jobName",
    "customModelName",
    "roleArn",
    "baseModelIdentifier",
    "trainingDataConfig",
    "outputDataConfig",
}


class BedrockHandler(Handler):
    def fail(self, code, message="a fault", kind=None):
        kind = kind or AWS_ERRORS.get(code, "InternalServerException")
        data = json.dumps({"message": message}).encode()
        head = f"HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nx-amzn-ErrorType: {kind}\r\n"
        head += "Location: http://127.0.0.1:9/elsewhere\r\n" if 300 <= code < 400 else ""
        self.wfile.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)

    # S3

    def put_object(self, found, raw):
        server = self.server
        assert "aws-chunked" not in (self.headers.get("Content-Encoding") or "")
        with server.lock:
            server.n_uploads += 1
        if server.behaviour["files"].isdigit():
            return self.fail(int(server.behaviour["files"]))
        server.files[f"s3://{found['bucket']}/{unquote(found['name'])}"] = raw.decode()
        return self.send(raw=b"")

    def delete_object(self, found, raw):
        if self.server.behaviour["files"] == "kept":
            return self.fail(403)
        self.server.files.pop(f"s3://{found['bucket']}/{unquote(found['name'])}", None)
        return self.send(raw=b"", code=204)

    # Customization jobs

    def create(self, found, raw):
        server, body = self.server, json.loads(raw)
        if missing := BEDROCK_REQUIRED - set(body):
            return self.fail(400, f"{min(missing)} is missing")
        for name, job in server.jobs.items():
            if job["body"].get("clientRequestToken") == body.get("clientRequestToken"):
                return self.send({"jobArn": name}, 201)
            if job["body"]["jobName"] == body["jobName"]:
                return self.fail(400, "the name is taken", "ConflictException")
        if server.create_fault == "quota" and len(server.creations) < server.times:
            server.creations.append(body)
            return self.fail(400, "too many concurrent jobs", "ServiceQuotaExceededException")
        return super().create(found, raw)

    def read_creation(self, found, body, number):
        epochs = int((body.get("hyperParameters") or {}).get("epochCount", 2))
        name = f"{ACCOUNT_ARN}:model-customization-job/{body['baseModelIdentifier']}/{number:012d}"
        return name, body["trainingDataConfig"]["s3Uri"], epochs

    def view(self, name):
        server = self.server
        job, behaviour = server.jobs[name], server.behaviour
        is_done = job["polls"] >= behaviour["polls"]
        body = job["body"]
        state = job["force"] or (behaviour["ends"] or "Completed" if is_done else "InProgress")
        view = {"jobArn": name, "jobName": body["jobName"], "status": state, "outputModelName": body["customModelName"],
                "roleArn": body["roleArn"], "creationTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(job["created"])),
                "baseModelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{body['baseModelIdentifier']}",
                "hyperParameters": {"epochCount": str(job["epochs"])}, "trainingDataConfig": body["trainingDataConfig"],
                "validationDataConfig": {"validators": []}, "outputDataConfig": body["outputDataConfig"],
                "clientRequestToken": body["clientRequestToken"]}  # fmt: skip
        if is_done and behaviour.get("training"):
            view["statusDetails"] = {"trainingDetails": {"status": behaviour["training"]}}
        if is_done and behaviour["named"]:
            view["outputModelArn"] = f"{ACCOUNT_ARN}:custom-model/{body['baseModelIdentifier']}/{name[-12:]}"
        return view

    def send(self, value=None, code=200, raw=None, kind="application/json"):
        # A creation tells the job's address alone.
        is_creation = self.command == "POST" and self.path.endswith("/model-customization-jobs")
        if is_creation and isinstance(value, dict) and "jobName" in value:
            value, code = {"jobArn": value["jobArn"]}, 201
        super().send(value, code, raw, kind)

    def look(self, found, raw):
        return super().look({"name": unquote(found["name"])}, raw)

    def list_jobs(self, found, raw):
        server = self.server
        if server.behaviour["look"] == "500":
            return self.fail(500)
        if server.behaviour["look"] == "html":
            return self.send(raw=b"<html>log in</html>", kind="text/html")
        names = list(server.jobs)[::-1] if server.behaviour["look"] != "hidden" else []
        told = ("jobArn", "jobName", "status", "creationTime", "baseModelArn")
        jobs = [{key: view[key] for key in told} | {"customModelArn": view.get("outputModelArn")}
                for view in map(self.view, names)]  # fmt: skip
        page = int(parse_qs(urlsplit(self.path).query).get("nextToken", ["0"])[0])
        answer = {"modelCustomizationJobSummaries": jobs[page : page + 1]}
        return self.send(answer | ({"nextToken": str(page + 1)} if page + 1 < len(jobs) else {}))

    # Answers

    def converse(self, found, raw):
        server, body = self.server, json.loads(raw)
        server.calls.append((unquote(found["model"]), body))
        kind, _, rest = server.behaviour.get("converse", "").partition(" ")
        if kind == "says" and len(server.calls) <= server.times:
            code, _, said = rest.partition(" ")
            return self.fail(int(code), said)
        text = body["messages"][-1]["content"][0]["text"].replace("Ada", "[FIRSTNAME]")
        usage = {"inputTokens": len(json.dumps(body)) // 4, "outputTokens": len(text) // 4 + 1}
        usage["totalTokens"] = sum(usage.values())
        answer = {"output": {"message": {"role": "assistant", "content": [{"text": text}]}}, "usage": usage,
                  "stopReason": "end_turn", "metrics": {"latencyMs": 1}}  # fmt: skip
        for field in server.behaviour.get("leaves_out", ()):
            answer.pop(field)
        return self.send(answer)

    def stop(self, found, raw):
        self.server.jobs[unquote(found["name"])]["force"] = "Stopped"
        return self.send({})


BedrockHandler.routes = [
    (r"GET /model-customization/custom-model-deployments", BedrockHandler.no_deployments),
    (r"POST /model-customization-jobs", BedrockHandler.create),
    (r"GET /model-customization-jobs", BedrockHandler.list_jobs),
    (r"GET /model-customization-jobs/(?P<name>[^/]+)", BedrockHandler.look),
    (r"POST /model-customization-jobs/(?P<name>[^/]+)/stop", BedrockHandler.stop),
    (r"POST /model/(?P<model>[^/]+)/converse", BedrockHandler.converse),
    (r"PUT /(?P<bucket>[^/]+)/(?P<name>.+)", BedrockHandler.put_object),
    (r"DELETE /(?P<bucket>[^/]+)/(?P<name>.+)", BedrockHandler.delete_object),
]


class FaultyBedrock(FaultyJobs):
    handler = BedrockHandler

    def __init__(self, *arguments, **behaviour):
        self.calls = []
        super().__init__(*arguments, **behaviour)


# Fireworks

FIREWORKS_FIELDS = {"dataset", "displayName", "awsS3Config", "outputModel", "baseModel", "warmStartFrom", "jinjaTemplate",
                    "earlyStop", "epochs", "learningRate", "maxContextLength", "loraRank", "wandbConfig", "evaluationDataset",
                    "isTurbo", "evalAutoCarveout", "region", "nodes", "batchSize", "batchSizeSamples", "mtpEnabled",
                    "gradientAccumulationSteps", "learningRateWarmupSteps", "optimizerWeightDecay", "usePurpose"}  # fmt: skip


class FireworksHandler(Handler):
    def fail(self, code, message="a fault"):
        data = json.dumps({"code": code, "message": message, "details": []}).encode()
        head = f"HTTP/1.1 {code} X\r\nContent-Type: application/json\r\n"
        head += "Location: http://127.0.0.1:9/elsewhere\r\n" if 300 <= code < 400 else ""
        self.wfile.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)

    def make_dataset(self, found, raw):
        body = json.loads(raw)
        name = f"accounts/{found['account']}/datasets/{body['datasetId']}"
        if name in self.server.datasets:
            return self.fail(409, "already exists")
        self.server.datasets[name] = {"name": name, "state": "UPLOADING", **body["dataset"]}
        if self.server.behaviour["files"] == "lost once":
            self.server.behaviour["files"] = ""
            return self.fail(500)
        return self.send(self.server.datasets[name])

    def upload(self, found, raw):
        server = self.server
        name = f"accounts/{found['account']}/datasets/{found['name']}"
        if server.behaviour["files"].isdigit():
            return self.fail(int(server.behaviour["files"]))
        with server.lock:
            server.n_uploads += 1
        boundary = self.headers["Content-Type"].partition("boundary=")[2].encode()
        part = next(part for part in raw.split(b"--" + boundary) if b'name="file"' in part)
        server.files[name] = part.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n", 1)[0].decode()
        server.datasets[name]["state"] = "READY"
        return self.send({})

    def dataset(self, found, raw):
        there = self.server.datasets.get(f"accounts/{found['account']}/datasets/{found['name']}")
        return self.send(there) if there else self.fail(404, "no such dataset")

    def delete_dataset(self, found, raw):
        name = f"accounts/{found['account']}/datasets/{found['name']}"
        self.server.files.pop(name, None)
        return self.send({}) if self.server.datasets.pop(name, None) else self.fail(404, "no such dataset")

    def create(self, found, raw):
        body = json.loads(raw)
        if odd := set(body) - FIREWORKS_FIELDS:
            return self.fail(400, f"unknown field {min(odd)}")
        asked = parse_qs(urlsplit(self.path).query)["supervisedFineTuningJobId"][0]
        if any(name.endswith("/" + asked) for name in self.server.jobs):
            return self.fail(409, "already exists")
        return super().create(found, raw)

    def read_creation(self, found, body, number):
        asked = parse_qs(urlsplit(self.path).query)["supervisedFineTuningJobId"][0]
        return f"accounts/{found['account']}/supervisedFineTuningJobs/{asked}", body["dataset"], body.get("epochs", 1)

    def view(self, name):
        server = self.server
        job, behaviour = server.jobs[name], server.behaviour
        is_done = job["polls"] >= behaviour["polls"]
        body = job["body"]
        state = job["force"] or (behaviour["ends"] or "JOB_STATE_COMPLETED" if is_done else "JOB_STATE_RUNNING")
        view = {**body, "name": name, "state": state, "epochs": job["epochs"], "status": {"code": "OK", "message": ""},
                "createTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(job["created"]))}  # fmt: skip
        if not behaviour["named"]:
            view.pop("outputModel")
        if behaviour.get("cost"):
            view["estimatedCost"] = behaviour["cost"]
        return view

    def look(self, found, raw):
        return super().look({"name": f"accounts/{found['account']}/supervisedFineTuningJobs/{found['name']}"}, raw)

    def list_jobs(self, found, raw):
        server = self.server
        if server.behaviour["look"] == "500":
            return self.fail(500)
        if server.behaviour["look"] == "html":
            return self.send(raw=b"<html>log in</html>", kind="text/html")
        names = list(server.jobs)[::-1] if server.behaviour["look"] != "hidden" else []
        page = int(parse_qs(urlsplit(self.path).query).get("pageToken", ["0"])[0])
        answer = {
            "supervisedFineTuningJobs": [self.view(name) for name in names[page : page + 1]],
            "totalSize": len(names),
        }
        return self.send(answer | {"nextPageToken": str(page + 1) if page + 1 < len(names) else ""})

    def cancel(self, found, raw):
        if self.server.behaviour.get("cancel"):
            return self.fail(self.server.behaviour["cancel"])
        name = f"accounts/{found['account']}/supervisedFineTuningJobs/{found['name']}"
        self.server.jobs[name]["force"] = "JOB_STATE_CANCELLED"
        return self.send({})

    def delete_job(self, found, raw):
        name = f"accounts/{found['account']}/supervisedFineTuningJobs/{found['name']}"
        return self.send({}) if self.server.jobs.pop(name, None) else self.fail(404)


A = r"/v1/accounts/(?P<account>[^/]+)"
FireworksHandler.routes = [
    (rf"GET {A}/deployments", FireworksHandler.no_deployments),
    (rf"POST {A}/datasets", FireworksHandler.make_dataset),
    (rf"POST {A}/datasets/(?P<name>[^/:]+):upload", FireworksHandler.upload),
    (rf"GET {A}/datasets/(?P<name>[^/]+)", FireworksHandler.dataset),
    (rf"DELETE {A}/datasets/(?P<name>[^/]+)", FireworksHandler.delete_dataset),
    (rf"POST {A}/supervisedFineTuningJobs", FireworksHandler.create),
    (rf"GET {A}/supervisedFineTuningJobs", FireworksHandler.list_jobs),
    (rf"GET {A}/supervisedFineTuningJobs/(?P<name>[^/]+)", FireworksHandler.look),
    (rf"POST {A}/supervisedFineTuningJobs/(?P<name>[^/:]+):cancel", FireworksHandler.cancel),
    (rf"DELETE {A}/supervisedFineTuningJobs/(?P<name>[^/]+)", FireworksHandler.delete_job),
]


class FaultyFireworks(FaultyJobs):
    handler = FireworksHandler

    def __init__(self, *arguments, **behaviour):
        self.datasets = {}
        super().__init__(*arguments, **behaviour)
