"""One measured study for all tests of the live page."""

import pytest

from tests.support.live_page import run_tickets


@pytest.fixture(scope="session")
def tickets(tmp_path_factory):
    """The folder of a finished run; not to be written to."""
    folder = tmp_path_factory.mktemp("tickets")
    run_tickets(folder, folder / "runs" / "tickets")
    return folder / "runs" / "tickets"
