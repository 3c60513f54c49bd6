"""Hardening tests look at files and results; only those of the report draw it."""

import pytest


@pytest.fixture(autouse=True)
def without_report(request, monkeypatch):
    """Leave out report and picture, which take longer than an instant study."""
    if "report" not in request.node.name:
        monkeypatch.setattr("tunecurve.report.live.write_report", lambda folder, results: None)
