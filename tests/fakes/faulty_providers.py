"""Tuning services with interfaces of their own, on this machine, with the faults of `faulty_jobs`.

Written from their documents, not from the clients: Nebius Token Factory's OpenAPI page (fine-tuning jobs, checkpoints, custom
models), Amazon's service description of Bedrock (REST-JSON) and S3's object calls, Fireworks' gateway API.
"""

from __future__ import annotations

import json

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
