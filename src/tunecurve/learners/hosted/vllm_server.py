"""A vLLM server of the user's own: which model it serves, which adapters it has, and how it is given one more.

The protocol is that of vLLM's documents: ``/v1/models`` lists the base model and its LoRA modules, each with its ``parent``;
``/v1/load_lora_adapter`` takes a name and a folder, where the server was started with runtime updating;
``/tokenize`` tells the tokens that the server makes of a chat.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

from tunecurve.errors import EnvironmentProblem, ModelError
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.transport.failures import shorten, why_unreachable
from tunecurve.learners.hosted.transport.rest import JsonObject
from tunecurve.privacy.redact import redact
from tunecurve.spec.hosted import VllmSpec

# Whose variables hold its address and key: VLLM_BASE_URL, VLLM_API_KEY.
VLLM = HostedName("openai-api", "vllm", "")
TIMEOUT_SECONDS = 120.0  # an adapter is read from a disk, and may be fetched before


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class VllmServer:
    """The server at ``$VLLM_BASE_URL``."""

    def __init__(self, settings: VllmSpec, on_message: Callable[[str], None] = lambda line: None) -> None:
        address = VLLM.base_url()
        if not address:
            raise EnvironmentProblem(
                f"hosted.vllm answers for '{settings.model}' and needs the server's address: set VLLM_BASE_URL, e.g. "
                "http://127.0.0.1:8000/v1"
            )
        self.address, self.settings, self._on_message = address.rstrip("/"), settings, on_message
        self._open = urllib.request.build_opener(_NoRedirects).open

    def base_model(self, name: str) -> str:
        """Return the server's name of the model that the study tunes; ModelError where it serves another one."""
        listed = self._models()
        bases = [model for model in listed if not model.get("parent")]
        wanted = self.settings.served_as or name
        for model in bases:
            if model.get("id") == wanted or (self.settings.served_as is None and model.get("root") == wanted):
                return str(model["id"])
        shown = ", ".join(f"'{model.get('id')}'" for model in bases) or "no model"
        raise ModelError(
            f"the server at {self._shown} serves {shown}, not '{wanted}', which the study tunes; start it with: vllm serve "
            f"{name} --enable-lora, or set hosted.vllm.served_as if it is the same model under another name"
        )

    def longest(self, base: str) -> int | None:
        """Return the most tokens that the server takes, None where it does not tell."""
        told = next((model.get("max_model_len") for model in self._models() if model.get("id") == base), None)
        return told if isinstance(told, int) else None

    def give(self, name: str, folder: str, base: str) -> tuple[str, bool]:
        """Return the server's name of an adapter, in a folder as the server sees it, and whether it was loaded just now.

        Raises
        ------
        ModelError
            When the server does not have it and does not take it, or has it upon another model.
        """
        wanted = self.settings.adapters.get(name, name)
        if self._has(wanted, base):
            return wanted, False
        if wanted != name:
            raise ModelError(
                f"the server at {self._shown} has no adapter '{wanted}' (hosted.vllm.adapters); {self._start(name, folder)}"
            )
        status, body = self._ask("POST", "/load_lora_adapter", {"lora_name": name, "lora_path": folder})
        if status == 200 or "already" in _words(body):
            if not self._has(name, base):
                raise ModelError(
                    f"the server at {self._shown} says that it has loaded the adapter '{name}', and does not list it"
                )
            return name, status == 200
        if status in (403, 404, 405, 501) and not _is_about_the_adapter(body):
            raise ModelError(
                f"the server at {self._shown} loads no adapters while it runs ({status}); start it with "
                f"VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, or {self._start(name, folder)}"
            )
        hint = "; start the server with a larger --max-lora-rank" if "rank" in _words(body) else ""
        raise ModelError(
            f"the server at {self._shown} does not take the adapter in '{folder}' ({status}): {_reason(body)}{hint}; if it "
            "sees the run's folder elsewhere, set hosted.vllm.run_folder"
        )

    def take_back(self, name: str) -> None:
        """Free an adapter's slot; what hinders it is told."""
        status, body = self._ask("POST", "/unload_lora_adapter", {"lora_name": name})
        if status != 200:
            self._on_message(f"the adapter '{name}' stays loaded at {self._shown} ({status}: {_reason(body)})")

    def check_tokens(self, model: str, messages: Sequence[dict[str, str]], ours: Sequence[int]) -> None:
        """Raise ModelError where the server makes other tokens of a chat than the training did."""
        body = {"model": model, "messages": list(messages), "add_generation_prompt": True}
        status, answer = self._ask("POST", "/tokenize", body, beside_v1=True)
        theirs = answer.get("tokens") if isinstance(answer, dict) else None
        if status != 200 or not isinstance(theirs, list):
            self._on_message(
                f"the server at {self._shown} does not tell its tokens ({status}), so that its chat template is not checked"
            )
        elif list(theirs) != list(ours):
            first = next(
                (position for position, (a, b) in enumerate(zip(theirs, ours, strict=False)) if a != b),
                min(len(theirs), len(ours)),
            )
            raise ModelError(
                f"the server at {self._shown} makes other tokens of the first prompt than the training ({len(theirs)} and "
                f"{len(ours)}, different from token {first + 1} on): another tokenizer or chat template, or one that writes "
                "the day; give the server the model's own files (--tokenizer, --chat-template)"
            )

    @property
    def _shown(self) -> str:
        return redact(self.address)

    def _start(self, name: str, folder: str) -> str:
        return f"start it with --enable-lora --lora-modules {name}={folder}, and run the same command: the training is kept"

    def _has(self, name: str, base: str) -> bool:
        listed = self._models()
        found = next((model for model in listed if model.get("id") == name), None)
        if found is None:
            return False
        # A server may have several names for its one model.
        root = next((model.get("root") for model in listed if model.get("id") == base), None)
        names = {model.get("id") for model in listed if not model.get("parent") and model.get("root") == root} | {base}
        if found.get("parent") not in names:
            upon = f"an adapter of '{found['parent']}'" if found.get("parent") else "no adapter"
            raise ModelError(f"'{name}' at {self._shown} is {upon}; the study's is one of '{base}'")
        return True

    def _models(self) -> list[JsonObject]:
        status, body = self._ask("GET", "/models")
        listed = body.get("data") if isinstance(body, dict) else None
        if status != 200 or not isinstance(listed, list):
            hint = "; check VLLM_API_KEY" if status in (401, 403) else "; is VLLM_BASE_URL right? It ends in /v1"
            raise ModelError(f"the server at {self._shown} does not list its models ({status}): {_reason(body)}{hint}")
        return [model for model in listed if isinstance(model, dict)]

    def _ask(self, method: str, path: str, body: Any = None, *, beside_v1: bool = False) -> tuple[int, Any]:
        address = self.address.removesuffix("/v1") if beside_v1 else self.address
        request = urllib.request.Request(address + path, method=method, headers={"Content-Type": "application/json"})
        if body is not None:
            request.data = json.dumps(body).encode()
        if os.environ.get("VLLM_API_KEY"):
            request.add_header("Authorization", f"Bearer {os.environ['VLLM_API_KEY']}")
        try:
            with self._open(request, timeout=TIMEOUT_SECONDS) as response:
                return response.status, _parsed(response.read())
        except urllib.error.HTTPError as error:
            if 300 <= error.code < 400:
                raise ModelError(
                    f"the server at {self._shown} sends calls on ({error.code}); nothing was sent there; set VLLM_BASE_URL to "
                    "that address if you trust it"
                ) from None
            return error.code, _parsed(error.read())
        except (OSError, ValueError) as error:
            cause = getattr(error, "reason", error)
            why = why_unreachable(cause) if isinstance(cause, BaseException) else str(cause)
            raise ModelError(f"cannot reach the server at {self._shown}: {why}; is VLLM_BASE_URL right?") from None


def _parsed(raw: bytes) -> Any:
    text = raw.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


def _reason(body: Any) -> str:
    error = body.get("error", body) if isinstance(body, dict) else body
    said = error.get("message") or error.get("detail") if isinstance(error, dict) else error
    return shorten(str(said or body or "no reason given"))


def _words(body: Any) -> str:
    return _reason(body).lower()


def _is_about_the_adapter(body: Any) -> bool:
    """Return whether a refusal speaks of the adapter or its folder, and not of a route that is not there."""
    return any(word in _words(body) for word in ("adapter", "lora", "path", "folder", "directory", "rank"))
