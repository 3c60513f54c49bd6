"""What `--json` prints: one object with the version of its form in front, and nothing else on standard output."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import click

from tunecurve.findings import Finding, in_order
from tunecurve.storage.records import Record, json_value

# Of every form that names no other; docs/for-agents.md says what raises it.
SCHEMA_VERSION = 1


def print_json(values: Mapping[str, object] | Record) -> None:
    """Print a value as an object; numbers that are not finite are null."""
    click.echo(json_line(values))


def print_json_list(items: Iterable[Mapping[str, object]]) -> None:
    """Print objects in a list, each with the version: the form of commands that printed a list before there was one."""
    click.echo(json.dumps([_versioned(item) for item in items], allow_nan=False))


def json_line(values: Mapping[str, object] | Record) -> str:
    """Return the line that `print_json` prints."""
    return json.dumps(_versioned(values), allow_nan=False)


def _versioned(values: Mapping[str, object] | Record) -> dict[str, object]:
    known = (
        values.to_json() if isinstance(values, Record) else {key: json_value(value) for key, value in values.items()}
    )
    return {"schema_version": SCHEMA_VERSION, **known}


def findings_json(findings: Iterable[Finding]) -> list[dict[str, object]]:
    """Return findings in the order that people are shown, each with its kind: blocked, warning or note."""
    return [{"kind": finding.kind, **finding.to_json()} for finding in in_order(findings)]
