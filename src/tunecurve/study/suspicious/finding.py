"""Suspicious labels as a finding: counts and places, no text of a row."""

from __future__ import annotations

from tunecurve.findings import Finding
from tunecurve.study.suspicious.records import SuspiciousLabels

# Up to this share of the rows, doubts are what two cheap learners always have.
USUAL_SHARE = 0.03
MOST_PLACES = 20


def suspicious_findings(found: SuspiciousLabels) -> list[Finding]:
    """Return what to say about suspicious labels: how many, where, and of how many rows; or why nothing was looked for."""
    if found.why_not:
        text = f"suspicious labels are not looked for: {found.why_not}"
        return [Finding("suspicious-labels-not-looked-for", text, is_note=True)]
    if not found.rows:
        return []
    n_found, n_test = len(found.rows), sum(row.side == "test" for row in found.rows)
    of = f"{found.n_looked_at:,} rows"
    if found.n_looked_at < found.n_rows:
        of = f"{found.n_looked_at:,} of the {found.n_rows:,} rows, an even sample"
    text = f"{n_found} rows have a label that two cheap learners, trained on the others, agree against ({n_test} in the test set; of {of})"
    remedy = "read the first ones, and mend what is wrong; not every doubt is right (--suspicious lists 20)"
    if found.n_looked_at < found.n_rows:
        remedy = remedy.replace("lists 20", "looks at more rows, and lists 20")
    places = tuple(row.place for row in found.rows[:MOST_PLACES] if row.place)
    is_usual = n_found <= USUAL_SHARE * found.n_looked_at
    return [Finding("suspicious-labels", text, remedy, places, is_note=is_usual)]
