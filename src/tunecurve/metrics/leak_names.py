"""The names by which the metrics of leaks are asked for."""

# The one that statements on leaks rest on, and the one that counts values.
LEAKS, LEAKING_VALUES = "leak_documents", "leak_entities"
# What stays of values that do not leak whole.
LEAKING_PARTS = "leak_parts_documents"


def counts_leaks(metric_name: str) -> bool:
    """Return whether a metric counts what leaks: one that is blind would show a false 0."""
    return metric_name.startswith("leak_")
