"""What teacher rows are worth, in lines and as a table. Computes nothing new."""

from __future__ import annotations

from tunecurve.learners.hosted.prices import money
from tunecurve.report.tables import Table, number
from tunecurve.results.model import Results
from tunecurve.results.teaching import number as signed


def teaching_lines(results: Results) -> list[str]:
    """Return a sentence for every learner with a teacher, and the cheapest way to the target where prices are known."""
    lines = [one.sentence for one in results.teaching if results.may_say(results.primary_metric, one.learner)]
    return lines + ([results.cheapest_way.sentence] if results.cheapest_way else [])


def teaching_table(results: Results) -> Table:
    """Return header and rows: by learner and labelled rows, what was added, and what it gained."""
    title = results.metric().title
    header = ["learner", "labelled rows", "teacher rows", "dropped", title, "alone", "gain"]
    header += ["one label is worth", "answers cost"]
    rows = []
    for one in results.teaching:
        for size in one.sizes:
            worth = "–" if size.worth is None else f"about {size.worth:,.0f} teacher rows"
            counts = [f"{size.n:,}", f"{size.teacher_rows:,.0f}", f"{sum(size.dropped.values()):,} of {size.asked:,}"]
            gain = f"{size.gain:+.1f} [{signed(size.low)}, {signed(size.high)}]"
            cost = "unknown" if size.usd is None else money(size.usd)
            rows.append([one.learner, *counts, number(size.score), number(size.alone), gain, worth, cost])
    return header, rows
