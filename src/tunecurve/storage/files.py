"""Files that are whole or not there: temporary file, fsync, rename; private to the user."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tunecurve.errors import DamagedFile, EnvironmentProblem, StudyStateError, explain_os_error
from tunecurve.storage.kill_points import kill_point
from tunecurve.storage.records import Record, json_value

TEMPORARY = ".tmp"  # how the names of files that are being written end


def cache_folder() -> Path:
    """Return the user's cache: ``$TUNECURVE_CACHE``, else ``$XDG_CACHE_HOME/tunecurve``, else ``~/.cache/tunecurve``."""
    if os.environ.get("TUNECURVE_CACHE"):
        return Path(os.environ["TUNECURVE_CACHE"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tunecurve"


def make_folder(path: Path) -> Path:
    """Create a folder that only the user can read, with its parents; return it.

    Raises
    ------
    EnvironmentProblem
        When it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except FileExistsError:
        raise EnvironmentProblem(
            f"'{path}' is a file, expected a folder; name another one, or move the file away"
        ) from None
    except OSError as error:
        raise explain_os_error(error) or EnvironmentProblem(
            f"cannot make the folder '{path}': {error.strerror}"
        ) from None
    return path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield the name under which a file is to be written; at the end it is on the disk, private, and takes its own name.

    Two processes that write the same file do not meet in the temporary one. What goes wrong leaves the old file.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}{TEMPORARY}")
    try:
        yield temporary
        _flush(temporary)
        kill_point(f"before-{path.name}")
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    kill_point(f"after-{path.name}")


def remove_leftovers(folder: Path) -> None:
    """Remove what processes that were killed while they wrote have left in a folder; what living ones write stays."""
    for leftover in folder.glob(f"*{TEMPORARY}"):
        writer = leftover.name.removesuffix(TEMPORARY).rpartition(".")[2].partition("-")[0]
        if not writer.isdigit() or not _is_another_at_work(int(writer)):
            leftover.unlink(missing_ok=True)


def _is_another_at_work(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user
        return True
    return process_id != os.getpid()


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with written_whole(path) as temporary, os.fdopen(_create(temporary), "wb") as file:
        file.write(content)


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def _flush(path: Path) -> None:
    """Make a file or folder the user's alone, and wait until it has reached the disk."""
    path.chmod(0o700 if path.is_dir() else 0o600)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_to_disk(folder: Path) -> None:
    """Make sure that every file below the folder has reached the disk, and is the user's alone."""
    for path in sorted(folder.rglob("*")):
        _flush(path)


def write_text(path: Path, content: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    write_bytes(path, content.encode("utf-8", "surrogatepass"))


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole or not at all; NaN is written as null."""
    write_text(path, json.dumps(json_value(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


_START, _NO_SUM = '{\n "seal": "', "0" * 64


def write_checked_json(path: Path, value: Mapping[str, Any] | Record) -> None:
    """Write a JSON object with a checksum of its own text as its first key."""
    text = json.dumps({"seal": _NO_SUM, **json_value(value)}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_text(path, text.replace(_NO_SUM, _text_sha256(text), 1))


def read_checked_json(path: Path) -> dict[str, Any]:
    """Read what `write_checked_json` wrote.

    Raises
    ------
    DamagedFile
        When one bit of it is not what was written.
    """
    start, end = len(_START), len(_START) + len(_NO_SUM)
    try:
        text = path.read_bytes().decode("utf-8", "surrogatepass")
    except ValueError:
        raise DamagedFile(path, "it is not UTF-8 text") from None
    except IsADirectoryError:
        raise DamagedFile(path, "it is a folder") from None
    if not text.startswith(_START):
        raise DamagedFile(path, "it has no checksum, or is of an earlier version of tunecurve")
    if _text_sha256(text[:start] + _NO_SUM + text[end:]) != text[start:end]:
        raise DamagedFile(path, "its content does not match its checksum")
    value = json.loads(text)
    del value["seal"]
    return value


def _text_sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_lines(path: Path, values: Sequence[Any]) -> None:
    """Write JSON Lines whole or not at all."""
    write_text(path, "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values))


def read_lines(path: Path) -> list[Any]:
    """Read JSON Lines that this program wrote.

    Raises
    ------
    StudyStateError
        When a line is not JSON.
    """
    try:
        with path.open(encoding="utf-8", errors="surrogatepass", newline="\n") as file:
            return [json.loads(line) for line in file]
    except ValueError as error:
        raise StudyStateError(f"'{path}' is damaged ({error}); move it away and run the same command again") from None


def move_aside(path: Path, folder: Path) -> Path:
    """Move a file into a folder, under a free name; return where it is now."""
    target = folder / path.name
    free = next(
        candidate
        for number in itertools.count()
        if not (candidate := target.with_name(f"{target.name}.{number}" if number else target.name)).exists()
    )
    with suppress(FileNotFoundError):  # gone already, or another process was quicker
        path.rename(free)
    return free


class AppendLog:
    """A file of JSON lines that grows while work goes on, each line with a checksum.

    A line cut short by a kill is dropped at the next start, a damaged one too; the others are kept. The file is written
    anew then: a process that still writes to the old one, because it does not know that it was replaced, harms nothing.

    Attributes
    ----------
    values : list
        The intact lines that were there at the start.
    n_damaged : int
        Lines that were there and whole, but not what was written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = checked_lines(path.read_bytes()) if path.exists() else []
        intact = [line for line, is_intact in lines if is_intact]
        self.values: list[Any] = [value_of_line(line) for line in intact]
        self.n_damaged = len(lines) - len(intact)
        write_bytes(path, b"".join(intact))
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)

    def append(self, value: Any) -> None:
        """Add one line."""
        line = memoryview(checked_line(value))
        while line:  # near the end of a disk only a part may be written before the error comes
            line = line[os.write(self._descriptor, line) :]
        kill_point(f"line-of-{self.path.name}")

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


_SUM = 16


def checked_line(value: Any) -> bytes:
    """Return a value as a line of JSON with a checksum in front."""
    text = json.dumps(value, ensure_ascii=True).encode()
    return _line_sum(text) + b" " + text + b"\n"


def checked_lines(content: bytes) -> list[tuple[bytes, bool]]:
    """Return the whole lines of a file of `checked_line`, and whether each is what was written; what a kill cut short is left out."""
    lines = [line + b"\n" for line in content.split(b"\n")[:-1]]
    return [(line, line[: _SUM + 1] == _line_sum(line[_SUM + 1 : -1]) + b" ") for line in lines]


def value_of_line(line: bytes) -> Any:
    """Return the value of an intact line."""
    return json.loads(line[_SUM + 1 :])


def _line_sum(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:_SUM].encode()
