"""Azure AI Foundry on this machine: OpenAI's v1 surface of a resource, and the control plane's deployments.

Written from Microsoft's documents (deploying a fine-tuned model; Microsoft.CognitiveServices 2024-10-01), not from the client.
"""

from __future__ import annotations

from tests.fakes.faulty_deployments import DeploymentHandler, FaultyDeployments
from tests.fakes.faulty_jobs import ROUTES

ACCOUNT = "/subscriptions/sub/resourceGroups/group/providers/Microsoft.CognitiveServices/accounts/mine"


class FoundryHandler(DeploymentHandler):
    def entry_of(self, found, body):
        name = found["name"]
        return name, {
            "name": name,
            "model": body["properties"]["model"]["name"],
            "answers_as": name,
            "sku": body["sku"],
        }

    def show(self, key, state=None):
        entry = self.server.deployments[key]
        return {
            "id": f"{ACCOUNT}/deployments/{key}", "name": key, "type": "Microsoft.CognitiveServices/accounts/deployments",
            "sku": entry["sku"],
            "properties": {"model": {"format": "OpenAI", "name": entry["model"], "version": "1"},
                           "provisioningState": state or self.state_of(key)},
        }  # fmt: skip

    def listed(self, shown):
        return {"value": shown}


DEPLOYMENT = rf"{ACCOUNT}/deployments/(?P<name>[^/]+)"
FoundryHandler.routes = [
    (rf"PUT {DEPLOYMENT}", FoundryHandler.deploy),
    (rf"GET {DEPLOYMENT}", FoundryHandler.look_at),
    (rf"DELETE {DEPLOYMENT}", FoundryHandler.undeploy),
    (rf"GET {ACCOUNT}/deployments", FoundryHandler.list_deployments),
    (r"POST /openai/v1/chat/completions", FoundryHandler.chat),
    *((pattern.replace("/v1/", "/openai/v1/", 1), method) for pattern, method in ROUTES if " /v1/f" in pattern),
]


class FaultyFoundry(FaultyDeployments):
    handler, billed_seconds, usd_per_hour = FoundryHandler, 3600, 1.70

    def __init__(self, **behaviour):
        self.untuned = {"gpt-4.1-mini"}
        super().__init__(**behaviour)
