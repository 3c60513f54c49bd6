import os
import stat

import pytest

from tunecurve.storage.files import AppendLog, move_aside, remove_leftovers, write_bytes, write_text, written_whole

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


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt(), ValueError("odd")])
def test_what_goes_wrong_leaves_the_old_file_and_no_other(tmp_path, error):
    path = tmp_path / "file.json"
    write_text(path, "old")

    def write_half():
        with written_whole(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_on_the_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    path, flushed = tmp_path / "file", []
    flush = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (flushed.append(path.exists()), flush(descriptor)))
    write_bytes(path, b"whole")
    assert flushed == [False]
    assert path.read_bytes() == b"whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_files_are_moved_aside_under_free_names(tmp_path):
    (tmp_path / "damaged").mkdir()
    moved = []
    for content in "abc":
        path = tmp_path / "result.json"
        path.write_text(content)
        moved.append(move_aside(path, tmp_path / "damaged"))
        assert not path.exists()
    assert [path.name for path in moved] == ["result.json", "result.json.1", "result.json.2"]
    assert [path.read_text() for path in moved] == ["a", "b", "c"]


def test_a_file_that_is_gone_already_is_no_error(tmp_path):
    move_aside(tmp_path / "gone", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("cut", "kept"), [(0, 3), (1, 2), (12, 2), (30, 1)])
def test_a_log_keeps_the_lines_that_a_kill_did_not_cut(tmp_path, cut, kept):
    path = tmp_path / "log"
    log = AppendLog(path)
    for number in range(3):
        log.append(number)
    log.close()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - cut])
    again = AppendLog(path)
    assert again.values == list(range(kept))
    assert again.n_damaged == 0
    again.append("next")
    again.close()
    assert AppendLog(path).values == [*range(kept), "next"]
