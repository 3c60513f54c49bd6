"""Files that are whole or not there: temporary file, fsync, rename; private to the user."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

from tunecurve.errors import EnvironmentProblem, StudyStateError, explain_os_error

TEMPORARY = ".tmp"  # how the names of files that are being written end


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
        raise EnvironmentProblem(f"'{path}' is a file, expected a folder; choose another one with --out") from None
    except OSError as error:
        raise explain_os_error(error) or EnvironmentProblem(
            f"cannot make the folder '{path}': {error.strerror}"
        ) from None
    return path


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; two processes that write the same file do not meet in the temporary one."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}{TEMPORARY}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def flush_to_disk(folder: Path) -> None:
    """Make sure that every file below the folder has reached the disk."""
    for path in sorted(folder.rglob("*")):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_text(path: Path, content: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    write_bytes(path, content.encode("utf-8", "surrogatepass"))


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole or not at all; NaN is written as null."""
    write_text(path, json.dumps(without_nan(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def without_nan(value: Any) -> Any:
    """Return the value with NaN and infinities as None, which JSON can say."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def read_json(path: Path) -> Any:
    """Read a JSON file that this program wrote.

    Raises
    ------
    StudyStateError
        When it is not JSON any more.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
    except ValueError as error:
        raise StudyStateError(f"'{path}' is damaged ({error}); move it away and run the same command again") from None


def write_lines(path: Path, values: list[Any]) -> None:
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


class GrowingLines:
    """A JSON Lines file that grows while work goes on; a line cut short by a kill is dropped at the next start.

    Attributes
    ----------
    values : list
        The whole lines that were there at the start.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values: list[Any] = []
        whole = 0
        if path.exists():
            for line in path.read_bytes().splitlines(keepends=True):
                try:
                    if not line.endswith(b"\n"):
                        break
                    self.values.append(json.loads(line))
                except ValueError:
                    break
                whole += len(line)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.ftruncate(self._descriptor, whole)
        os.lseek(self._descriptor, 0, os.SEEK_END)

    def append(self, value: Any) -> None:
        """Add one line."""
        os.write(self._descriptor, (json.dumps(value, ensure_ascii=True) + "\n").encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
