"""What providers have announced about models: when they stop answering, and what then answers under their names.

Dated by hand, from the providers' own pages as they were on `AS_OF`; see docs/hosted.md for the sources. A name that is
not here is not known to be retired.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlsplit

from tunecurve.errors import did_you_mean
from tunecurve.findings import Finding
from tunecurve.learners.hosted.names import HostedName
from tunecurve.privacy.network import is_this_machine

AS_OF = "2026-11"


@dataclass(frozen=True)
class Retirement:
    """The end of a model."""

    day: str
    """ISO date from which it does not answer any more."""
    then: str
    """What happens then, and the way on."""
    source: str
    """Who says so."""


_VERTEX_PAGE = "Google Cloud's page on model versions"
_OPENAI_PAGE = "OpenAI's page on deprecations"
_VERTEX_WAY_ON = "tuning is open for gemini-3.5-flash, gemini-3.5-flash-lite and gemini-3.1-flash-lite"
_TUNES_GO_TOO = "models tuned from it end with it, and OpenAI makes no new tuning jobs from 2027-01-06"
# By provider (vertex apart) and name; a name stands for its dated versions, too.
_RETIREMENTS: dict[tuple[str, str], Retirement] = {
    ("vertex", "gemini-2.5-pro"): Retirement("2026-10-20", _VERTEX_WAY_ON, _VERTEX_PAGE),
    ("vertex", "gemini-2.5-flash"): Retirement("2026-10-20", _VERTEX_WAY_ON, _VERTEX_PAGE),
    ("vertex", "gemini-2.5-flash-lite"): Retirement("2026-10-20", _VERTEX_WAY_ON, _VERTEX_PAGE),
    ("google", "gemini-2.5-flash"): Retirement(
        "2026-12-01",
        "gemini-3.5-flash-lite answers under its name, at other prices",
        "Google's notice, as quoted by dev.to",
    ),
    ("openai", "gpt-4.1-nano"): Retirement("2026-10-23", "choose another model", _OPENAI_PAGE),
    ("openai", "gpt-4.1"): Retirement("2027-01-14", _TUNES_GO_TOO, _OPENAI_PAGE),
    ("openai", "gpt-4.1-mini"): Retirement("2027-01-14", _TUNES_GO_TOO, _OPENAI_PAGE),
    ("openai", "gpt-4o"): Retirement("2027-01-14", _TUNES_GO_TOO, _OPENAI_PAGE),
    ("openai", "gpt-4o-mini"): Retirement("2027-01-14", _TUNES_GO_TOO, _OPENAI_PAGE),
}


def retirement_of(name: HostedName) -> Retirement | None:
    """Return when a model ends, None when nothing is known of that."""
    if name.provider == "openai-api":
        return None
    family = re.sub(r"[-@](\d{4}-\d{2}-\d{2}|\d{3}|default)$", "", name.model)
    return _RETIREMENTS.get((name.service or name.provider, family))


def findings_on(asked_as: str, name: HostedName, *, is_priced: bool, today: date | None = None) -> list[Finding]:
    """Return what is to be said of a model's name before anything is sent."""
    found = []
    end = retirement_of(name)
    if end is not None:
        is_over = (today or date.today()).isoformat() >= end.day
        verb = "was retired on" if is_over else "ends on"
        text = f"'{asked_as}' {verb} {end.day} ({end.source}, {AS_OF}): {end.then}"
        found.append(Finding("model-retired" if is_over else "model-ends", text, is_note=not is_over))
    if not is_priced and name.base_url() is None:
        found.append(
            Finding(
                "model-unknown",
                f"'{asked_as}' is in no price table here, so that its name may be wrong and its cost is unknown",
                "check the name with its provider; give prices under hosted.prices",
            )
        )
    address = urlsplit(name.base_url() or "")
    if address.scheme == "http" and not is_this_machine(address.hostname or ""):
        text = f"'{asked_as}': its key and the rows' texts go to {address.hostname} over http, which anybody between can read"
        found.append(Finding("sent-in-the-clear", text, "use an https address"))
    return found


def unused_prices(priced: Collection[str], models: Sequence[str]) -> list[Finding]:
    """Return that prices are given for names that no model of the study has: a typing error leaves a price unknown."""
    return [
        Finding(
            "price-unused",
            f"hosted.prices names '{name}', and no model of this study is called so.{did_you_mean(name, models)}",
            "write the name as it stands in models",
        )
        for name in priced
        if name not in models
    ]


def unserved_model(served: str | None, models: Sequence[str]) -> list[Finding]:
    """Return that hosted.vllm answers for a model that the study does not have: then nothing asks the server."""
    if served is None or served in models:
        return []
    text = f"hosted.vllm answers for '{served}', and no model of this study is called so.{did_you_mean(served, models)}"
    return [Finding("vllm-unused", text, "write the name as it stands in models")]
