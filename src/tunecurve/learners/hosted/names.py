"""Model names that stand for a provider's API: ``provider/model``, ``google/vertex/model``, ``openai-api/service/model``.

Some providers' names begin like hub ids. ``google/gemma-...`` and ``openai/gpt-oss-...`` are models on the hub, so they
stay on the user's machine; ``hosted:`` before a name sends them to the provider, ``hf:`` keeps any name local.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

_KEYS = {
    "google": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "grok": ("XAI_API_KEY", "GROK_API_KEY"),
    "groq": ("GROQ_API_KEY",),
    "together": ("TOGETHER_API_KEY",),
    "fireworks": ("FIREWORKS_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "perplexity": ("PERPLEXITY_API_KEY",),
    "cloudflare": ("CLOUDFLARE_API_TOKEN",),
    "bedrock": (),
    "azureai": ("AZUREAI_API_KEY",),
    "sambanova": ("SAMBANOVA_API_KEY",),
    "ollama": (),
    "vllm": (),
    "sglang": (),
    "openai-api": (),
}
# Servers that their user runs; a call has no price.
OWN_SERVERS = frozenset({"ollama", "vllm", "sglang"})
_ON_THE_HUB = re.compile(r"^(google/(?!gemini|vertex/|learnlm)|openai/(gpt-oss|whisper|clip)|mistral/$)", re.IGNORECASE)


@dataclass(frozen=True)
class HostedName:
    """A name taken apart.

    Attributes
    ----------
    provider : str
        E.g. ``google``.
    service : str or None
        ``vertex``, or the service of an ``openai-api`` name.
    model : str
        The model's name at the provider.
    """

    provider: str
    service: str | None
    model: str

    @property
    def full_name(self) -> str:
        """The name as the model layer takes it."""
        return "/".join(part for part in (self.provider, self.service, self.model) if part)

    @property
    def price_provider(self) -> str:
        """Whose price list holds for the model."""
        return self.service or self.provider if self.provider == "openai-api" else self.provider

    def with_model(self, model: str) -> HostedName:
        """Return the name of another model at the same place."""
        return HostedName(self.provider, self.service, model)

    def key_variables(self) -> tuple[str, ...]:
        """Return the environment variables that may hold the key."""
        if self.provider == "openai-api":
            return (f"{_as_variable(self.service or '')}_API_KEY",)
        return () if self.service == "vertex" else _KEYS[self.provider]

    def missing_key(self) -> str | None:
        """Return which variable to set, when none of them is; None where no key is needed or one is there."""
        names = self.key_variables()
        return None if not names or any(os.environ.get(name) for name in names) else " or ".join(names)

    def base_url(self) -> str | None:
        """Return the address that the environment names instead of the provider's own."""
        names = (
            ["GOOGLE_VERTEX_BASE_URL", "VERTEX_BASE_URL"] if self.service == "vertex" else [self.base_url_variable()]
        )
        return next((os.environ[name] for name in names if os.environ.get(name)), None)

    def base_url_variable(self) -> str:
        """Return the environment variable for the address."""
        return f"{_as_variable((self.service or '') if self.provider == 'openai-api' else self.provider)}_BASE_URL"


def _as_variable(name: str) -> str:
    return name.upper().replace("-", "_")


def parse_hosted_name(name: str) -> HostedName | None:
    """Return the parts of a hosted model's name; None when the name stands for a local model."""
    if name.startswith("hf:") or os.path.exists(name):
        return None
    forced = name.startswith("hosted:")
    bare = name.removeprefix("hosted:")
    provider, _, rest = bare.partition("/")
    if provider not in _KEYS or not rest or (_ON_THE_HUB.match(bare) and not forced):
        return None
    head, _, tail = rest.partition("/")
    if tail and (provider == "openai-api" or (provider == "google" and head == "vertex")):
        return HostedName(provider, head, tail)
    return HostedName(provider, None, rest)
