"""The glossary: one term a thing, in code, messages and pages; docs/glossary.md is generated from it, the page explains by it."""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files

from markupsafe import Markup, escape


@cache
def glossary() -> dict[str, str]:
    """Return the meanings by term."""
    text = files("tunecurve.report").joinpath("glossary.csv").read_text(encoding="utf-8")
    return {row["term"]: row["meaning"] for row in csv.DictReader(text.splitlines())}


@cache
def _pattern() -> re.Pattern[str]:
    longest_first = sorted(glossary(), key=lambda term: (-len(term), term))
    return re.compile(rf"\b({'|'.join(map(re.escape, longest_first))})(s?)\b", re.IGNORECASE)


def with_terms(text: str) -> Markup:
    """Return a text as HTML, the first of each term in it with its meaning on hover, on focus and for screen readers."""
    pieces, seen, at = [], set[str](), 0
    for found in _pattern().finditer(text):
        term = found[1].lower()
        if term in seen:
            continue
        seen.add(term)
        meaning = escape(glossary()[term].replace("`", "").replace("**", ""))
        word = f'<dfn class="term" tabindex="0" title="{meaning}">{escape(found[0])}</dfn>'
        pieces += [escape(text[at : found.start()]), Markup(word)]
        at = found.end()
    return Markup("").join([*pieces, escape(text[at:])])


def glossary_page() -> str:
    """Return docs/glossary.md."""
    rows = [f"| {term} | {meaning} |" for term, meaning in glossary().items()]
    head = [
        "# Glossary",
        "",
        "One term a thing, in code, messages and pages. Generated from `src/tunecurve/report/glossary.csv`; do not edit.",
    ]
    return "\n".join([*head, "", "| term | meaning |", "|---|---|", *rows]) + "\n"
