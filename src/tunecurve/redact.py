"""API keys never reach a file, a log or a screen: texts from outside pass through here before they are kept or shown."""

from __future__ import annotations

import os
import re

# Shorter values would blank out ordinary words.
SHORTEST_SECRET = 6
_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL)S?(_|$)", re.IGNORECASE)
_BEARER = re.compile(
    r"(?i)\b((?:x-goog-api-key|api[-_]key|authorization)['\"]?\s*[:=]\s*['\"]?(?:bearer\s+)?|bearer\s+)[\w.~+/=-]{6,}"
)
_URL_PARTS = re.compile(r"(?i)(://)[^/@\s]+@|([?&](?:key|api_key|token|access_token)=)[^&\s'\"]+")


def secrets_in_environment() -> list[str]:
    """Return the values of environment variables whose names say that they are secret, longest first."""
    found = {value for name, value in os.environ.items() if _SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET}
    return sorted(found, key=len, reverse=True)


def redact(text: str) -> str:
    """Return the text with every known secret, and everything that looks like a sent credential, as ``***``."""
    for secret in secrets_in_environment():
        text = text.replace(secret, "***")
    text = _BEARER.sub(r"\1***", text)
    return _URL_PARTS.sub(
        lambda match: (match.group(1) or match.group(2)) + "***" + ("@" if match.group(1) else ""), text
    )
