"""Tags of entities, the way back from what the package reads."""

from __future__ import annotations

from collections.abc import Iterable

from tunecurve.formats.tags import TokenSpan


def tags_of_entities(spans: Iterable[TokenSpan], n_tokens: int) -> list[str]:
    """Return the BIO tags of entities that do not overlap."""
    tags = ["O"] * n_tokens
    for span in spans:
        tags[span.first : span.behind] = [f"I-{span.label}"] * (span.behind - span.first)
        tags[span.first] = f"B-{span.label}"
    return tags
