"""Model names that stand for a provider's API: ``provider/model``, ``google/vertex/model``, ``openai-api/service/model``.

Some providers' names begin like hub ids. ``google/gemma-...`` and ``openai/gpt-oss-...`` are models on the hub, so they
stay on the user's machine; ``hosted:`` before a name sends them to the provider, ``hf:`` keeps any name local.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from tunecurve.errors import EnvironmentProblem, UsageError, did_you_mean

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
# Keys, tokens and logins that another part of a provider's wire reads.
_OTHER_KEYS = {
    "AWS_ACCESS_KEY_ID", "AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE", "AWS_SECRET_ACCESS_KEY", "AZURE_MANAGEMENT_TOKEN",
    "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN", "HF_TOKEN", "NEBIUS_API_KEY", "VLLM_API_KEY",
}  # fmt: skip
_NO_KEYS = {"AWS_PROFILE", "GOOGLE_APPLICATION_CREDENTIALS"}  # but a name, and a path
# Servers that their user runs; a call has no price.
OWN_SERVERS = frozenset({"ollama", "vllm", "sglang"})
_ON_THE_HUB = re.compile(r"^(google/(?!$|gemini|vertex(/|$)|learnlm)|openai/(gpt-oss|whisper|clip))", re.IGNORECASE)
# A service stands for two environment variables.
_SERVICE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
# What people write for a provider, and what it is called here.
_OTHER_WORDS = {
    "vertex": "google/vertex/MODEL", "vertexai": "google/vertex/MODEL", "vertex_ai": "google/vertex/MODEL",
    "gemini": "google/MODEL or google/vertex/MODEL", "azure": "openai-api/azure/MODEL", "xai": "grok/MODEL",
    "claude": "anthropic/MODEL", "aws": "bedrock/MODEL",
}  # fmt: skip
_FAMILIES = (
    (re.compile(r"gemini-", re.I), "google/{0} or google/vertex/{0}"),
    (re.compile(r"(gpt-|chatgpt|o\d\b)", re.I), "openai/{0}"),
    (re.compile(r"claude-", re.I), "anthropic/{0}"),
    (re.compile(r"grok-", re.I), "grok/{0}"),
)


@dataclass(frozen=True)
class HostedName:
    """A name taken apart."""

    provider: str
    """E.g. ``google``."""
    service: str | None
    """``vertex``, or the service of an ``openai-api`` name."""
    model: str
    """The model's name at the provider."""

    @property
    def full_name(self) -> str:
        """The name as the model layer takes it."""
        return "/".join(part for part in (self.provider, self.service, self.model) if part)

    @property
    def price_provider(self) -> str:
        """Whose price list holds for the model."""
        return self.service or self.provider if self.provider == "openai-api" else self.provider

    @property
    def is_of_its_user(self) -> bool:
        """Whether its user runs the server: calls have no price, and a key is asked for by few."""
        return self.provider in OWN_SERVERS or self.service == "vllm"

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
        if self.is_of_its_user:
            return None
        names = self.key_variables()
        return None if not names or any(os.environ.get(name) for name in names) else " or ".join(names)

    def key(self) -> str | None:
        """Return the key that the environment holds; None: there is none."""
        return next((os.environ[name] for name in self.key_variables() if os.environ.get(name)), None)

    def key_for_tuning(self) -> str | None:
        """Return the key; None where the server needs none.

        Raises
        ------
        EnvironmentProblem
            When it is needed and not set.
        """
        missing = self.missing_key()
        if missing:
            raise EnvironmentProblem(f"tuning '{self.full_name}' needs a key in the environment: set {missing}")
        return self.key()

    def base_url(self) -> str | None:
        """Return the address that the environment names instead of the provider's own."""
        names = [self.base_url_variable()]
        if self.service == "vertex":
            names = ["GOOGLE_VERTEX_BASE_URL", "VERTEX_BASE_URL"]
        elif self.provider == "bedrock":
            names += ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"]
        return next((os.environ[name] for name in names if os.environ.get(name)), None)

    def base_url_variable(self) -> str:
        """Return the environment variable for the address."""
        return f"{_as_variable((self.service or '') if self.provider == 'openai-api' else self.provider)}_BASE_URL"


def is_endpoint(name: HostedName) -> bool:
    """Return whether a name on Vertex AI is an endpoint's, which does not say what model answers there."""
    return name.service == "vertex" and "/endpoints/" in name.model


def key_variables_set() -> list[str]:
    """Return the names of the environment variables that are set and hold keys of providers, as far as they are known.

    A service of OpenAI's format is known by its two variables, key and address.
    """
    known = {variable for variables in _KEYS.values() for variable in variables} | _OTHER_KEYS
    services = {name for name in os.environ if os.environ.get(name.removesuffix("_API_KEY") + "_BASE_URL")}
    own = {name for name in services if name.endswith("_API_KEY")}
    return sorted(name for name in known | own if os.environ.get(name))


def key_problem(variable: str) -> str | None:
    """Return why what a variable of `key_variables_set` holds can be no key; those that hold a path or a name may hold blanks."""
    return None if variable in _NO_KEYS else no_key_because(variable, os.environ.get(variable, ""))


def no_key_because(variable: str, key: str) -> str | None:
    """Return why no HTTP header can hold a key: a line break, a blank, a letter from a text program; else None."""
    odd = next((letter for letter in key if not "!" <= letter <= "~"), None)
    if odd is None:
        return None
    return (
        f"the key in {variable} holds {odd!r}, which no key does (a line break or a blank at its end?); copy it again"
    )


def _as_variable(name: str) -> str:
    return name.upper().replace("-", "_")


def parse_hosted_name(name: str) -> HostedName | None:
    """Return the parts of a hosted model's name; None when the name stands for a local model.

    Raises
    ------
    UsageError
        When it begins like a provider's model and cannot be one.
    """
    if name.startswith("hf:") or os.path.exists(name):  # noqa: PTH110 (Path raises where a name is too long)
        return None
    forced = name.startswith("hosted:")
    bare = name.removeprefix("hosted:")
    provider, slash, rest = bare.partition("/")
    if forced and provider not in _KEYS:
        raise UsageError(
            f"'{name}': no provider is called '{provider}' here.{did_you_mean(provider, _KEYS)} {_known()}"
        )
    if not slash or provider not in _KEYS or (_ON_THE_HUB.match(bare) and not forced):
        return None
    head, _, tail = rest.partition("/")
    has_service = provider == "openai-api" or (provider == "google" and head == "vertex")
    _check_parts(name, provider, head if has_service else None, tail if has_service else rest)
    return HostedName(provider, head, tail) if has_service else HostedName(provider, None, rest)


def _check_parts(name: str, provider: str, service: str | None, model: str) -> None:
    form = (
        f"{provider}/MODEL" if service is None else f"{provider}/{'vertex' if service == 'vertex' else 'SERVICE'}/MODEL"
    )
    if provider == "openai-api":
        form += " (SERVICE is a word of yours: openai-api/lab/MODEL reads LAB_BASE_URL and LAB_API_KEY)"
    is_odd = not model.isprintable() or " " in model or any(part in ("", ".", "..") for part in model.split("/"))
    if is_odd or (service is not None and not _SERVICE.fullmatch(service)):
        raise UsageError(f"'{name}' is no name of a provider's model, expected {form}")


def _known() -> str:
    return f"Known are {', '.join(sorted(_KEYS))}."


def hint_at_provider(name: str) -> str:
    """Return what a name that no local model has may have meant, as a sentence; empty where it does not look like a provider's."""
    family = next((form for pattern, form in _FAMILIES if pattern.match(name)), None)
    if "/" not in name:
        return "" if family is None else f" A provider's model is named with its provider: {family.format(name)}."
    given = name.partition("/")[0]
    owner = given.lower()
    if given in _KEYS:
        return ""
    if owner == "cohere":
        return f" Cohere's API is not offered here. {_known()}"
    if owner in _OTHER_WORDS:
        return f" A model there is named {_OTHER_WORDS[owner]}."
    close = did_you_mean(owner, _KEYS)
    return f" No provider is called '{given}' here, so it is looked for on the hub.{close}"
