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
                 **job["body"]["hyperparameters"], "n_epochs": job["passes"]}  # fmt: skip
        view |= {"hyperparameters": asked, "suffix": view.pop("user_provided_suffix", None), "organization_id": ""}
        view["trained_steps"] = 3 * job["passes"] if job["polls"] >= behaviour["polls"] else None
        for other in ("fine_tuned_model", "metadata"):
            view.pop(other, None)
        return view

    def checkpoints(self, found, raw):
        if self.server.behaviour["lists"] == "no checkpoints":
            return self.fail(500)
        job = self.server.jobs[found["name"]]
        passes = range(1, job["passes"] + 1) if self.server.behaviour["named"] else ()
        data = [{"object": "fine_tuning.job.checkpoint", "id": f"ftckpt-{n}", "created_at": 1, "metrics": {},
                 "fine_tuned_model_checkpoint": f"ftckpt-{n}", "fine_tuning_job_id": found["name"], "step_number": 3 * n,
                 "result_files": [f"file-{n}"]} for n in passes]  # fmt: skip
        return self.send({"object": "list", "data": data, "has_more": False})


class FaultyNebius(FaultyJobs):
    handler = NebiusHandler


NebiusHandler.routes = ROUTES

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
        passes = int((body.get("hyperParameters") or {}).get("epochCount", 2))
        name = f"{ACCOUNT_ARN}:model-customization-job/{body['baseModelIdentifier']}/{number:012d}"
        return name, body["trainingDataConfig"]["s3Uri"], passes

    def view(self, name):
        server = self.server
        job, behaviour = server.jobs[name], server.behaviour
        is_done = job["polls"] >= behaviour["polls"]
        body = job["body"]
        state = job["force"] or (behaviour["ends"] or "Completed" if is_done else "InProgress")
        view = {"jobArn": name, "jobName": body["jobName"], "status": state, "outputModelName": body["customModelName"],
                "roleArn": body["roleArn"], "creationTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(job["created"])),
                "baseModelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{body['baseModelIdentifier']}",
                "hyperParameters": {"epochCount": str(job["passes"])}, "trainingDataConfig": body["trainingDataConfig"],
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

    def stop(self, found, raw):
        self.server.jobs[unquote(found["name"])]["force"] = "Stopped"
        return self.send({})


BedrockHandler.routes = [
    (r"POST /model-customization-jobs", BedrockHandler.create),
    (r"GET /model-customization-jobs", BedrockHandler.list_jobs),
    (r"GET /model-customization-jobs/(?P<name>[^/]+)", BedrockHandler.look),
    (r"POST /model-customization-jobs/(?P<name>[^/]+)/stop", BedrockHandler.stop),
    (r"PUT /(?P<bucket>[^/]+)/(?P<name>.+)", BedrockHandler.put_object),
    (r"DELETE /(?P<bucket>[^/]+)/(?P<name>.+)", BedrockHandler.delete_object),
]


class FaultyBedrock(FaultyJobs):
    handler = BedrockHandler
