import os

import pytest

from tunecurve.storage.files import remove_leftovers

LEFT_OVER = {
    "of nobody": "split.json.tmp",
    "of a dead process": "split.json.{dead}-7.tmp",
    "of this one": "a.json.{own}-7.tmp",
}


@pytest.fixture
def numbers():
    """Return the numbers of a process that has ended, of this one and of one that is at work."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return {"dead": child, "own": os.getpid(), "living": os.getppid()}


@pytest.mark.parametrize("name", LEFT_OVER.values(), ids=LEFT_OVER)
def test_what_a_killed_process_was_writing_is_removed(tmp_path, numbers, name):
    (tmp_path / name.format(**numbers)).touch()
    (tmp_path / "split.json").touch()
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["split.json"]


def test_what_another_process_is_writing_now_stays(tmp_path, numbers):
    path = tmp_path / "split.json.{living}-7.tmp".format(**numbers)
    path.touch()
    remove_leftovers(tmp_path)
    assert path.exists()
