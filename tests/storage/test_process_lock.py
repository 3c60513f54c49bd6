"""A lock on a file tells whether its process lives, after a kill at once."""

import errno
import fcntl
import os
import subprocess
import sys

import pytest

from tunecurve.storage.process_lock import ProcessLock, has_ended

HOLD = (
    "import sys, time; from pathlib import Path; from tunecurve.storage.process_lock import ProcessLock\n"
    "held = ProcessLock(Path(sys.argv[1])); print('held', flush=True); time.sleep(600)"
)


def test_a_killed_process_has_ended_at_once_and_a_living_one_has_not(tmp_path):
    path = tmp_path / "lock"
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        assert not has_ended(path)
    finally:
        process.kill()
        process.communicate()
    assert has_ended(path)
    assert path.exists(), "what is known of it stays"


def test_this_process_lives_until_it_closes_its_file(tmp_path):
    path = tmp_path / "lock"
    held = ProcessLock(path)
    held.write(b"first")
    held.write(b"again")
    assert path.read_bytes() == b"again"
    assert not has_ended(path)
    with pytest.raises(FileExistsError):
        ProcessLock(path)
    held.close()
    assert not path.exists()
    assert has_ended(path)


def test_where_there_are_no_locks_nobody_is_known_to_be_gone(tmp_path, monkeypatch):
    def refuse(descriptor, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match=os.strerror(errno.ENOLCK)):
        ProcessLock(tmp_path / "strict")
    held = ProcessLock(tmp_path / "lax", must_lock=False)
    assert not has_ended(tmp_path / "lax")
    held.close()
