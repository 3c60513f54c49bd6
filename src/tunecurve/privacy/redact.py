"""What texts from outside pass through before they are kept or shown: no API key stays, no control sequence is obeyed."""

from __future__ import annotations

import os
import re

# Shorter values would blank out ordinary words.
SHORTEST_SECRET = 6
# Servers quote keys in part: a piece of this length, or this much of an end beside dots or stars.
SHORTEST_PIECE, SHORTEST_END = 8, 3
_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL)S?(_|$)", re.IGNORECASE)
_BEARER = re.compile(
    r"(?i)\b((?:x-goog-api-key|api[-_]key|authorization)['\"]?\s*[:=]\s*['\"]?(?:bearer\s+)?|bearer\s+)[\w.~+/=-]{6,}"
)
_URL_PARTS = re.compile(r"(?i)(://)[^/@\s]+@|([?&](?:key|api_key|token|access_token)=)[^&\s'\"]+")


# Those that came another way than through the environment.
_kept_secret: set[str] = set()


def keep_secret(value: str) -> None:
    """Let a secret that is in no environment variable, a token that a program has given, be blanked out from now on."""
    if len(value) >= SHORTEST_SECRET:
        _kept_secret.add(value)


def secrets_in_environment() -> list[str]:
    """Return the values of environment variables whose names say that they are secret, longest first."""
    found = {value for name, value in os.environ.items() if _SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET}
    return sorted(found, key=len, reverse=True)


# What is a path, and not the secret itself: GOOGLE_APPLICATION_CREDENTIALS, for one.
_PATH = re.compile(r"[/~.]|[A-Za-z]:")
_QUOTED = re.compile(r"([\w-]*)(?:\*{2,}|\.{2,}|\u2026)+([\w-]*)")


def redact(text: str) -> str:
    """Return the text with every known secret, pieces of them, and all that looks like a sent credential, as ``***``."""
    for secret in (*secrets_in_environment(), *_kept_secret):
        text = text.replace(secret, "***")
        if not _PATH.match(secret):
            text = _without_ends(_without_pieces(text, secret), secret)
    text = _BEARER.sub(r"\1***", text)
    return _URL_PARTS.sub(
        lambda match: (match.group(1) or match.group(2)) + "***" + ("@" if match.group(1) else ""), text
    )


def _without_pieces(text: str, secret: str) -> str:
    """Return the text without the longest pieces of a secret that stand in it."""
    start = 0
    while start + SHORTEST_PIECE <= len(secret):
        end = start + SHORTEST_PIECE
        if secret[start:end] not in text:
            start += 1
            continue
        while end < len(secret) and secret[start : end + 1] in text:
            end += 1
        text, start = text.replace(secret[start:end], "***"), end
    return text


def redacted(text: str | None) -> str | None:
    """Return a text without secrets; None where there is none."""
    return redact(text) if text else None


def _without_ends(text: str, secret: str) -> str:
    """Return the text without what is shown of a secret's ends beside dots or stars, as in ``sk-...4Zq``."""

    def hidden(match: re.Match[str]) -> str:
        first, last = match.groups()
        begins = len(first) >= SHORTEST_END and secret.startswith(first)
        ends = len(last) >= SHORTEST_END and secret.endswith(last)
        return "***" if begins or ends else match.group()

    return _QUOTED.sub(hidden, text)


# Control characters (of the terminal: C0, delete, C1), of writing direction, line ends of other alphabets, half characters.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def shown(text: str) -> str:
    """Return the text with control characters in words, as ``\\x1b``; line breaks and tabs stay."""
    return _CONTROLS.sub(lambda match: repr(match.group())[1:-1], text)
