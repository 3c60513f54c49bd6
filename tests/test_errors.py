"""What of the operating system is told, and whom it blames."""

import errno

import pytest

from tunecurve.errors import explain_os_error, find_os_error


def test_a_file_that_may_not_be_read_is_not_said_to_be_one_that_may_not_be_written(tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n")
    refused = PermissionError(errno.EACCES, "Permission denied", str(path))
    assert "not allowed to write at" in str(explain_os_error(refused))  # it can be read: so it was for writing
    monkeypatch.setattr("os.access", lambda *_: False)  # the administrator, as which tests may run, reads everything
    assert str(explain_os_error(refused)) == f"not allowed to read '{path}'; change its rights"


def test_an_error_that_was_dealt_with_does_not_stop_a_study():
    def loads():
        try:
            raise PermissionError(errno.EACCES, "Permission denied", "cache")
        except PermissionError:
            raise ValueError("no cache, no model") from None

    with pytest.raises(ValueError, match="no cache") as caught:
        loads()
    assert find_os_error(caught.value) is None
    try:
        raise OSError(errno.ENOSPC, "No space left on device")
    except OSError as full:
        behind = RuntimeError("could not write")
        behind.__cause__ = full
    found = find_os_error(behind)
    assert found is not None
    assert found.errno == errno.ENOSPC
