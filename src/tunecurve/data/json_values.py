"""The JSON values of a text, one after the other, however they are spread over lines; a value at a time is in memory."""

from __future__ import annotations

import json
from typing import IO, Any

from tunecurve.data.streams import DataFile
from tunecurve.errors import DataError
from tunecurve.formats.json_pairs import RepeatedKey, unique_keys

# A file that is one JSON value is in memory as a whole.
MAX_VALUE_CHARACTERS = 500_000_000
_CHUNK_CHARACTERS = 1 << 20
_BLANKS = " \t\r\n"
_COMMENTS = ("//", "/*", "#")


class JsonValues:
    """Takes values off the beginning of a text, which is read in chunks."""

    def __init__(self, file: DataFile, text: IO[str]) -> None:
        self._file, self._text = file, text
        self._buffer, self._at = "", 0
        self._line, self._counted_to = 1, 0
        self._has_ended = False
        self._decoder = json.JSONDecoder(object_pairs_hook=unique_keys)

    @property
    def line(self) -> int:
        """The line that comes next."""
        self._line += self._buffer.count("\n", self._counted_to, self._at)
        self._counted_to = self._at
        return self._line

    def next_mark(self) -> str:
        """Return the next character that is no blank, without taking it; empty at the end."""
        while True:
            while self._at < len(self._buffer) and self._buffer[self._at] in _BLANKS:
                self._at += 1
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._read_more():
                return ""

    def take(self) -> str:
        """Take the next character."""
        self._at += 1
        return self._buffer[self._at - 1]

    def value(self) -> Any:
        """Take the next value.

        Raises
        ------
        DataError
            When there is none, with its line.
        """
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except RepeatedKey as error:
                raise DataError(f"{self._file}, line {self.line}: {error}") from None
            except json.JSONDecodeError as error:
                if not self._may_go_on(error) or not self._read_more():
                    raise self._not_json(error) from None
                continue
            except RecursionError:
                raise DataError(
                    f"{self._file}, line {self.line}: nested too deeply; write one flat object a line"
                ) from None
            if end < len(self._buffer) or not self._read_more():  # a number may go on in the next chunk
                self._at = end
                return value

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        """Return whether a value is only cut by the end of what was read."""
        if len(self._buffer) - self._at > MAX_VALUE_CHARACTERS:
            raise DataError(
                f"{self._file}, line {self.line}: one value of more than {MAX_VALUE_CHARACTERS:,} characters; write one object a line"
            )
        is_open_text = error.msg.startswith("Unterminated string")
        return is_open_text or len(self._buffer) - error.pos < 64

    def _read_more(self) -> bool:
        if self._has_ended:
            return False
        rest = len(self._buffer) - self._at
        # As much again as is waiting: a long value is tried a few times, not a thousand.
        chunk = self._text.read(max(_CHUNK_CHARACTERS, rest))
        self._has_ended = not chunk
        _ = self.line  # counted before what is behind us goes
        self._buffer = self._buffer[self._at :] + chunk
        self._at = self._counted_to = 0
        return bool(chunk)

    def _not_json(self, error: json.JSONDecodeError) -> DataError:
        line = self.line + self._buffer.count("\n", self._at, error.pos)
        begin = self._buffer.rfind("\n", 0, error.pos) + 1
        text = self._buffer[begin : begin + 200].partition("\n")[0].strip()
        where = f"{self._file}, line {line}: not JSON ({error.msg})"
        if text.startswith(_COMMENTS) or self._buffer[error.pos : error.pos + 2] in _COMMENTS:
            return DataError(f"{where}: {text[:60]!r} is a comment, which JSON has none of; delete the comments")
        if self._buffer[:8].lstrip().startswith(("[{'", "{'")):
            return DataError(
                f"{where}: this is how Python prints an object; write the rows with json.dumps(row), one a line"
            )
        shown = repr(text[:60]) if text else "the end"
        return DataError(f"{where}: {shown}; mend it: a file holds one object a line, or one array of objects")
