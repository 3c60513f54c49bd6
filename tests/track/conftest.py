"""One measured study for all tests of trackers."""

import pytest

from tests.support.live_page import run_tickets


@pytest.fixture(scope="session")
def measured(tmp_path_factory):
    """The folder of a finished study with two seeds; not to be written to."""
    folder = tmp_path_factory.mktemp("tracked")
    return run_tickets(folder, folder / "run", seeds=2).folder
