"""Opening data files: on disk or in an archive, compressed or not, never more of them than memory and patience hold."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import stat
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from tunecurve.data.kinds import check_beginning, check_packing, endings
from tunecurve.data.options import GIGABYTE, ReadingOptions
from tunecurve.errors import DataError

_START_BYTES = 64
DAMAGED = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)


@dataclass(frozen=True)
class DataFile:
    """A file of rows: on disk, or inside an archive."""

    shown: str
    """How messages call it: its path, for a file in an archive ``rows.zip!/a.csv``."""
    open_raw: Callable[[], BinaryIO]
    """Opens its bytes as they are stored."""
    options: ReadingOptions = field(default_factory=ReadingOptions)
    """What the study says about reading it."""
    part: str = ""
    """The part that is read: a sheet of a workbook, a key of a JSON object."""
    path: Path | None = None
    """Where it is on disk; None inside an archive."""

    @classmethod
    def on_disk(cls, path: Path, options: ReadingOptions, part: str = "") -> DataFile:
        """Return the file of a path."""
        return cls(str(path), lambda: path.open("rb"), options, part, path)

    def __str__(self) -> str:
        return self.shown

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.shown.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The ending that tells the format: ``.csv`` of ``rows.csv.gz``."""
        return endings(self.name)[0]

    @property
    def packing(self) -> str:
        """The ending that tells how it is compressed; empty if it is not."""
        return endings(self.name)[1]

    def check(self) -> None:
        """Refuse what is no regular file, or is another kind of file than its name says.

        Raises
        ------
        DataError
            With the name of what it is.
        """
        if self.path is not None and not stat.S_ISREG(self.path.stat().st_mode):
            raise DataError(f"'{self}' is a pipe or device, not a file; write the rows to a file first")
        with self.open_raw() as raw:
            check_packing(self.shown, self.packing, raw.read(_START_BYTES))
        with self.open_binary() as file:
            check_beginning(self.shown, file.read(_START_BYTES))

    def open_binary(self) -> BinaryIO:
        """Open the file for reading bytes, unpacked."""
        raw = self.open_raw()
        if not self.packing:
            return raw
        return cast("BinaryIO", io.BufferedReader(_Unpacked(raw, self), 1 << 17))

    def in_encoding(self, encoding: str) -> DataFile:
        """Return the same file, read in an encoding."""
        return replace(self, options=replace(self.options, encoding=encoding))

    @contextmanager
    def seekable(self) -> Iterator[BinaryIO]:
        """Open the file for readers that jump about in it; one in an archive is copied to a temporary file."""
        if self.path is not None and not self.packing:
            with self.path.open("rb") as file:
                yield file
            return
        with tempfile.TemporaryFile() as copy:
            with self.open_binary() as file:
                shutil.copyfileobj(file, copy)
            copy.seek(0)
            yield cast("BinaryIO", copy)

    def too_large(self) -> DataError:
        """Return the error for a file that holds more than the study's limit."""
        limit = self.options.max_unpacked_gb
        return DataError(
            f"'{self}' holds more than {limit:g} GB unpacked, the limit; unpack it and keep the rows that you need, or raise "
            "data.max_unpacked_gb"
        )

    def damaged(self, error: Exception) -> DataError:
        """Return the error for a file that does not unpack."""
        packed = self.packing or Path(self.shown.partition("!/")[0]).suffix
        return DataError(f"'{self}' is not a whole {packed} file ({error}); fetch or pack it again")


class InnerBytes(io.RawIOBase):
    """The bytes of a stream within another one, which is closed with it."""

    def __init__(self, stream: Any, outer: Any, file: DataFile) -> None:
        self._stream, self._outer, self._file = stream, outer, file

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with bytes, as `io.RawIOBase` asks; return how many these are."""
        data = self.read_some(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read_some(self, n_bytes: int) -> bytes:
        """Return at most so many bytes; raises `DataError` where they cannot be read."""
        raise NotImplementedError

    def close(self) -> None:
        """Close both."""
        if not self.closed:
            self._stream.close()
            self._outer.close()
        super().close()


class _Unpacked(InnerBytes):
    """The unpacked bytes of a file, up to a limit."""

    def __init__(self, raw: BinaryIO, file: DataFile) -> None:
        super().__init__(_unpacked(raw, file.packing), raw, file)
        self._n_left = int(file.options.max_unpacked_gb * GIGABYTE)

    def read_some(self, n_bytes: int) -> bytes:
        try:
            data: bytes = self._stream.read(n_bytes)
        except DAMAGED as error:
            raise self._file.damaged(error) from None
        except OSError as error:
            if error.errno is None:  # of a library that unpacks, not of the disk
                raise self._file.damaged(error) from None
            raise
        self._n_left -= len(data)
        if self._n_left < 0:
            raise self._file.too_large()
        return data


def _unpacked(raw: BinaryIO, packing: str) -> Any:
    if packing == ".zst":
        import pyarrow

        return pyarrow.CompressedInputStream(pyarrow.PythonFile(raw, "r"), "zstd")
    openers: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    return openers[packing](raw, "rb")
