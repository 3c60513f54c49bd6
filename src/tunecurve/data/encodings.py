"""In which encoding a text file is written: what its byte-order mark says, what the study says, else UTF-8.

Bytes that are no UTF-8 are read as Windows-1252 where nothing else fits, and that is said aloud; otherwise they are an error with line
and byte.
"""

from __future__ import annotations

import codecs
import io
import re
from dataclasses import dataclass, field
from typing import IO

from tunecurve.data.streams import DataFile
from tunecurve.errors import DataError
from tunecurve.findings import Finding

WESTERN = "cp1252"
_LONGEST_LINE = 50_000_000
_LINES_KEPT = 200
# Letters of the languages that are written in Windows-1252, and the marks of typewriters and word processors.
_WESTERN_LETTERS = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØŒÙÚÛÜŸßàáâãäåæçèéêëìíîïñòóôõöøœùúûüÿ"
_WESTERN_MARKS = "€‚„…‘’“”•–—™‹›«»¡¿£§©®°²³·´ªº½¼¾×µ\xa0\xad"
# Quotation marks within words are letters of cp437 and cp850, as Excel's 'CSV (MS-DOS)' writes them.
_QUOTE_IN_WORD = re.compile(f"[A-Za-z{_WESTERN_LETTERS}][‚„“”‹›][a-z{_WESTERN_LETTERS}]")
_IS_WESTERN = re.compile(f"[\\x00-\\x7f{_WESTERN_LETTERS}{_WESTERN_MARKS}]*")
# Letters beyond ASCII seldom meet in these languages; in Cyrillic or Greek read as Windows-1252 they fill whole words.
_STRANGE = re.compile(
    f"[{_WESTERN_LETTERS}]{{3}}|[{_WESTERN_MARKS}]{{4}}|[a-z][ÀÂÃÄÅÆÇÈÊËÌÎÏÑÒÔÕÖØÙÛÜŸŒ][a-z]|[A-Za-z][¿¡£³²ºª¼½¾°µ§][a-z]"
    f"|{_QUOTE_IN_WORD.pattern}"
)


def open_text(file: DataFile, newline: str) -> IO[str]:
    """Open a file for reading text, unpacked, in the encoding that its byte-order mark or the study names."""
    return io.TextIOWrapper(file.open_binary(), encoding=encoding_of(file), newline=newline)


def encoding_of(file: DataFile) -> str:
    """Return the encoding that the file's byte-order mark names, else the study's, else UTF-8.

    Raises
    ------
    DataError
        When mark and study disagree, or the file is UTF-16 without a mark.
    """
    with file.open_binary() as opened:
        start = opened.read(4)
    told = file.options.encoding
    if start in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        return _agreed(file, "utf-32", told)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _agreed(file, "utf-16", told)
    if start[:3] == codecs.BOM_UTF8:
        return _agreed(file, "utf-8-sig", told)
    if told and codecs.lookup(told).name in ("utf-16", "utf-32"):
        raise DataError(
            f"'{file}' has no byte-order mark, and data.encoding is '{told}'; say in which order the bytes are: {told}-le or {told}-be"
        )
    if told:
        return told
    if start[1:4:2] == b"\0\0" or start[:3:2] == b"\0\0":
        kind = "UTF-16LE" if start[1:4:2] == b"\0\0" else "UTF-16BE"
        raise DataError(
            f"'{file}' is UTF-16 without a byte-order mark; say data.encoding: {kind} (--encoding), or write it as UTF-8: iconv -f "
            f"{kind} -t UTF-8 '{file.name}' > utf8{file.suffix}"
        )
    return "utf-8-sig"


def _agreed(file: DataFile, marked: str, told: str | None) -> str:
    if told and codecs.lookup(told).name.split("-")[:2] != codecs.lookup(marked).name.split("-")[:2]:
        raise DataError(
            f"'{file}' begins with the byte-order mark of {marked.removesuffix('-sig').upper()}, but data.encoding is '{told}'; "
            "leave it out"
        )
    return marked


@dataclass(frozen=True)
class BadByte:
    """The first byte of a file that is not text in its encoding."""

    line: int
    position: int
    byte: bytes

    @property
    def in_words(self) -> str:
        """Position, byte, and what it would be in Windows-1252."""
        character = self.byte.decode(WESTERN, "ignore")
        guess = f"; '{character}', if it is Windows-1252" if character.strip() else ""
        return f"byte {self.position}: 0x{self.byte.hex()}{guess}"


def told_wrongly(file: DataFile) -> list[Finding]:
    """Return a warning where the study names an encoding, and the beginning of the file is UTF-8."""
    told = file.options.encoding
    if not told or codecs.lookup(told).name.startswith("utf"):
        return []
    with file.open_binary() as opened:
        start = opened.read(1 << 20)
    if start.isascii() or not _is_utf8(start.rpartition(b"\n")[0] or start):
        return []
    text = f"'{file.name}' looks like UTF-8, but is read as {told}, as data.encoding says: accents may be wrong"
    return [Finding("encoding-doubtful", text, "leave data.encoding out")]


def first_bad_byte(file: DataFile, encoding: str) -> BadByte | None:
    """Return the first byte that is not text in an encoding; None where the file ends within a character.

    The error of a streaming decoder counts from its own chunk; the file is read anew.
    """
    n_read, line = 0, 1
    decoder = codecs.getincrementaldecoder(encoding)()
    with file.open_binary() as opened:
        while chunk := opened.read(1 << 20):
            held = decoder.getstate()[0]
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                bad = (held + chunk)[error.start : error.start + 1]
                line += (held + chunk)[: error.start].count(b"\n")
                return BadByte(line, n_read - len(held) + error.start, bad)
            line += chunk.count(b"\n")
            n_read += len(chunk)
    return None


def as_western(file: DataFile, findings: list[Finding]) -> DataFile:
    """Return a file that is no UTF-8, to be read as Windows-1252, and say so aloud.

    Raises
    ------
    DataError
        When it may be something else: it holds UTF-8, too, or letters that the languages of Windows-1252 do not have.
    """
    encoding = encoding_of(file)
    bad = first_bad_byte(file, encoding)
    if bad is None:
        raise DataError(f"'{file}' ends within a character; it was cut")
    if encoding != "utf-8-sig":
        raise DataError(
            f"'{file}', line {bad.line} is not {encoding} text ({bad.in_words}); mend data.encoding, or the byte"
        )
    found = _look_at_odd_lines(file)
    if found.utf8_line:
        raise DataError(
            f"{_not_utf8(file, bad)}; but line {found.utf8_line} is UTF-8: the file is put together from texts in two encodings, bring "
            "them into one"
        )
    if not found.is_western:
        raise DataError(f"{_not_utf8(file, bad)}; {_way_on(file, b''.join(found.first_lines))}")
    example = _excerpt(found.first_lines[0].decode(WESTERN))
    text = (
        f"{_not_utf8(file, bad)}, and is read as Windows-1252, e.g. '{example}'; if accents are wrong there, name the encoding with "
        "data.encoding (--encoding)"
    )
    remedy = f"in Excel: Save As, 'CSV UTF-8 (Comma delimited)'; else {_iconv(file, 'WINDOWS-1252')}"
    findings.append(Finding("encoding-guessed", text, remedy, (f"line {bad.line}",)))
    return file.in_encoding(WESTERN)


@dataclass
class _OddLines:
    """What the lines with bytes beyond ASCII are."""

    first_lines: list[bytes] = field(default_factory=list)
    n_lines: int = 0
    utf8_line: int = 0
    is_western: bool = True


def _look_at_odd_lines(file: DataFile) -> _OddLines:
    """Return what the lines with bytes beyond ASCII are, of the whole file."""
    found = _OddLines()
    with file.open_binary() as opened:
        for number, line in enumerate(iter(lambda: opened.readline(_LONGEST_LINE), b""), start=1):
            if line.isascii():
                continue
            found.n_lines += 1
            if found.n_lines <= _LINES_KEPT:
                found.first_lines.append(line)
            if _is_utf8(line):
                found.utf8_line = found.utf8_line or number
            else:
                found.is_western = found.is_western and _is_western(line)
    return found


def _is_western(line: bytes) -> bool:
    try:
        text = line.decode(WESTERN)
    except UnicodeDecodeError:
        return False
    return _IS_WESTERN.fullmatch(text) is not None and _STRANGE.search(text) is None


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _not_utf8(file: DataFile, bad: BadByte) -> str:
    return f"'{file}', line {bad.line} is not UTF-8 text ({bad.in_words})"


def _way_on(file: DataFile, odd: bytes) -> str:
    """Return how to go on from a file in an unknown encoding: what it might be, and how to name it or save it."""
    guesses = _guesses(odd)
    might_be = f"it might be {' or '.join(guesses)}; " if guesses else ""
    example = guesses[0].partition(" ")[0] if guesses else "cp1250"
    excel = "in Excel: Save As, 'CSV UTF-8 (Comma delimited)'; else" if file.suffix in (".csv", ".tsv") else "e.g. with"
    return f"{might_be}name its encoding with data.encoding (--encoding {example}), or save it as UTF-8: {excel} {_iconv(file, example)}"


def _guesses(odd: bytes) -> list[str]:
    """Return encodings that may fit, each with what a text would be; none without the library that knows."""
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return []
    found: dict[str, str] = {}
    for match in from_bytes(odd[:50_000]):
        text = _excerpt(str(match))
        if text not in found.values() and not match.encoding.startswith("utf"):
            found[match.encoding] = text
    likely = sorted(found.items(), key=lambda item: _QUOTE_IN_WORD.search(item[1]) is not None)
    return [f"{encoding} ('{text}')" for encoding, text in likely[:3]]


def _excerpt(text: str) -> str:
    """Return what stands around the first letter beyond ASCII."""
    position = next((index for index, character in enumerate(text) if not character.isascii()), 0)
    return " ".join(text[max(0, position - 20) : position + 25].split())


def _iconv(file: DataFile, encoding: str) -> str:
    name = file.name.replace("'", "'\\''")
    return f"iconv -f {encoding.upper()} -t UTF-8 '{name}' > utf8{file.suffix}"
