"""Rows of CSV and TSV files: which mark separates the cells, and what a quotation mark is."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tunecurve.data.conll_rows import refuse_other_format
from tunecurve.data.csv_layout import BOM, SEPARATORS, blanks_follow, cells_of, find_layout
from tunecurve.data.encodings import open_text
from tunecurve.data.headers import Header, check_header, check_is_header
from tunecurve.data.rows import RawRow
from tunecurve.data.streams import DataFile
from tunecurve.errors import DataError
from tunecurve.findings import Finding
from tunecurve.wording import counted, first_of

MAX_FIELD_CHARACTERS = 50_000_000
MAX_VALUES_KNOWN = 1000
_PROPER = re.compile(r'"(?:[^"]|"")*"')


def read_csv(source: DataFile, findings: list[Finding]) -> Iterator[RawRow]:
    """Yield (place, cells) for every row."""
    csv.field_size_limit(MAX_FIELD_CHARACTERS)
    own = "\t" if source.suffix == ".tsv" else ","
    separator, n_skipped, lines, comments = find_layout(source, own)
    has_blanks = blanks_follow(lines, separator)
    first = [row for row in cells_of(lines, separator, has_blanks=has_blanks) if row]
    if first:
        refuse_other_format(source, first[0][0])
        check_is_header(f"{source}, line {n_skipped + 1}", first[0], first[1:])
    if comments:
        shown = first_of([f"'{line.strip()[:60]}'" for line in comments], 2)
        text = f"lines before the header of '{source.name}' begin with # and are left out as comments: {shown}"
        findings.append(Finding("csv-comments", text, is_note=True))
    if separator != own:
        text = (
            f"the cells of '{source.name}' are separated by {SEPARATORS.get(separator, repr(separator))}, and read so"
        )
        findings.append(Finding("csv-separator", text, is_note=True))
    if has_blanks:
        text = f"a blank follows each separator of '{source.name}', and is left out"
        findings.append(Finding("csv-blanks", text, is_note=True))
    file = _CsvFile(source, separator, n_skipped, findings, has_blanks)
    if separator == "\t" and not _is_quoted(file):
        return file.plain_rows()
    return file.quoted_rows()


@dataclass
class _Swallowed:
    """A quoted cell over several lines, each of which would be a row by itself."""

    first_line: int
    last_line: int
    rows: list[list[str]]
    cells: list[str]

    @property
    def place(self) -> str:
        return f"line {self.first_line} to line {self.last_line}"


class _KeepsLines:
    """Lines of a file, of which those since the last row's end are kept."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines, self.kept = iter(lines), list[str]()

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.kept.append(line)
            yield line


@dataclass
class _CsvFile:
    source: DataFile
    separator: str
    n_skipped: int
    findings: list[Finding]
    has_blanks: bool = False
    names: Header | None = None
    n_wide: int = 0
    swallowed: list[_Swallowed] = field(default_factory=list)
    known: defaultdict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def quoted_rows(self) -> Iterator[RawRow]:
        """Yield the rows; a cell that begins with a quotation mark ends with one, and may have line breaks."""
        with open_text(self.source, newline="") as file:
            lines = _KeepsLines(self._whole_lines(file))
            skipped = sum(1 for _ in zip(range(self.n_skipped), lines, strict=False))
            reader = csv.reader(lines, delimiter=self.separator, skipinitialspace=self.has_blanks, strict=True)
            start = 1 + skipped
            try:
                while True:
                    lines.kept.clear()
                    cells = next(reader, None)
                    if cells is None:
                        break
                    if cells and (row := self._row(cells, start, lines.kept)):
                        yield row
                    start = reader.line_num + skipped + 1
            except csv.Error as error:
                raise DataError(self._not_csv(str(error), start, reader.line_num + skipped)) from None
        self._end()

    def plain_rows(self) -> Iterator[RawRow]:
        """Yield the rows of a file in which a line is a row, and a quotation mark is a character."""
        for number, cells in self.plain_cells():
            if row := self._row(cells, number, []):
                yield row
        self._end()

    def plain_cells(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the cells of every line that is not blank, with its number."""
        with open_text(self.source, newline="\n") as file:
            for number, line in enumerate(self._whole_lines(file), start=1):
                if len(line) > MAX_FIELD_CHARACTERS:
                    raise DataError(f"{self.source}, line {number}: longer than {MAX_FIELD_CHARACTERS:,} characters")
                if number > self.n_skipped and (text := line.rstrip("\r\n")):
                    yield number, text.split(self.separator)

    def _whole_lines(self, file: Iterable[str]) -> Iterator[str]:
        """Yield the lines; refuse what is no text."""
        for number, line in enumerate(file, start=1):
            if "\0" in line:
                raise DataError(
                    f"{self.source}, line {number}: holds a NUL byte, which no text has; if the file is UTF-16, say so with data.encoding "
                    "(--encoding), else mend the line"
                )
            yield line

    def _row(self, cells: list[str], start: int, lines: Sequence[str]) -> RawRow | None:
        if self.names is None:
            names = [cells[0].lstrip(BOM), *cells[1:]]
            self.names = check_header(f"{self.source}, line {start}", self.source.name, names)
            return None
        width = len(self.header)
        if width > 1 and [cells[0].lstrip(BOM), *cells[1:]] == self.header:
            raise DataError(
                f"{self.source}, line {start}: the header once more; if files were put together, delete the line"
            )
        if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            self.n_wide += 1
            cells = cells[:width]
        if len(cells) != width:
            raise DataError(self._ragged(len(cells), start))
        if len(lines) > 1:
            self._note_swallowed(lines, start, cells)
        for column, cell in enumerate(cells):
            values = self.known[column]
            if len(cell) <= 60 and (cell in values or len(values) < MAX_VALUES_KNOWN):
                values[cell] += 1
        return f"line {start}", self.names.row(cells)

    @property
    def header(self) -> list[str]:
        return [] if self.names is None else self.names.names

    def _ragged(self, n_cells: int, start: int) -> str:
        marks = SEPARATORS.get(self.separator, repr(self.separator))
        if n_cells < len(self.header):
            return (
                f"{self.source}, line {start}: {counted(n_cells, 'cell')}, expected {len(self.header)} as in the "
                f"header; the line ends too early: write empty cells with their {marks}, and texts with line breaks in double quotes"
            )
        how = f"put texts with {marks} or line breaks in double quotes"
        if self.separator == "\t":
            how = "write tabs and line breaks within texts as blanks"
        if len(self.header) == 1:
            how = f"if '{self.header[0][:60]}' is a title above the header, delete it; else {how}"
        return f"{self.source}, line {start}: {n_cells} cells, expected {len(self.header)} as in the header; {how}"

    def _not_csv(self, problem: str, start: int, line: int) -> str:
        if problem == "unexpected end of data":
            return f"{self.source}, line {start}: not CSV: the quotation mark opened here is closed nowhere; mend the quotes there"
        where = f"line {line}"
        if line != start:
            where += f", within a cell whose quotation mark is opened in line {start}"
        return (
            f"{self.source}, {where}: not CSV ({problem}); check the quotes there: a cell that begins with a quotation mark ends "
            "with one, and marks within it are doubled"
        )

    def _note_swallowed(self, lines: Sequence[str], start: int, cells: list[str]) -> None:
        if any('""' in line for line in lines):  # who doubles marks has quoted the cell
            return
        rows = [self._split_line(line) for line in lines]
        if all(len(row) == len(self.header) > 1 and all(cell.strip() for cell in row) for row in rows):
            self.swallowed.append(_Swallowed(start, start + len(lines) - 1, rows, cells))

    def _split_line(self, line: str) -> list[str]:
        """Return the cells of one line by itself: a quotation mark that it does not close is a character."""
        mark = re.escape(self.separator)
        return re.findall(rf'(?:^|{mark})("(?:[^"]|"")*"(?={mark}|$)|[^{mark}]*)', line.rstrip("\r\n"))

    def _end(self) -> None:
        """Say what the whole file shows: marks that are too many, rows that a quotation mark has swallowed."""
        for one in self.swallowed:
            how = (
                f"{self.source}: the quotation mark opened in line {one.first_line} is closed in line {one.last_line}: "
                f"{len(one.rows)} lines became one row"
            )
            remedy = "delete the mark or double it, and put the cell in quotes; of files with bare marks, name it .tsv or .jsonl"
            if any(self._recurs(one, column) for column in range(len(self.header))):
                raise DataError(f"{how}, though each is a row like the others; {remedy}")
            self.findings.append(Finding("rows-swallowed", how, f"if these are rows, {remedy}", (one.place,)))
        if self.n_wide:
            text = (
                f"{self.n_wide} rows of '{self.source.name}' end in {SEPARATORS.get(self.separator, 'separators')} too many; "
                "the empty cells after the last column are left out"
            )
            self.findings.append(Finding("csv-empty-cells", text, is_note=True))
        if self.names is not None:
            self.findings += self.names.findings()

    def _recurs(self, one: _Swallowed, column: int) -> bool:
        """Return whether the lines have, in a column, what other rows have there, too: they are rows."""
        cells = [row[column] for row in one.rows]
        others = self.known[column] - Counter([one.cells[column]])
        return not any('"' in cell for cell in cells) and all(others[cell] for cell in cells)


def _is_quoted(file: _CsvFile) -> bool:
    """Return whether a file of tabs is written with quotes, as CSV files are; else a mark in it is a character.

    By itself a mark is a character. Quoted is a file in which each cell that begins with a mark is quoted as a whole, and that
    shows it: in its header, by doubled marks, or by a column that is quoted throughout; and a file in which lines are rows only if
    quotes hold line breaks and tabs together.
    """
    width, n_marked, is_even, all_proper, doubled = 0, 0, True, True, False
    plain_in, quoted_in = Counter[int](), Counter[int]()
    for _, cells in file.plain_cells():
        width = width or len(cells)
        is_even = is_even and not any(cell.strip() for cell in cells[width:]) and len(cells) >= width
        for column, cell in enumerate(cells):
            if cell.startswith('"'):
                n_marked += 1
                proper = _PROPER.fullmatch(cell) is not None
                all_proper, doubled = all_proper and proper, doubled or (proper and '""' in cell[1:-1])
                quoted_in[column] += 1
            elif cell.strip():
                plain_in[column] += 1
    if not n_marked:
        return False
    if not is_even:
        return _is_whole_with_quotes(file)
    throughout = any(not plain_in[column] for column in quoted_in)
    if all_proper and (doubled or throughout):
        return True
    text = (
        f"{n_marked} cells of '{file.source.name}' begin with a quotation mark, which in a file of tabs is a character"
    )
    file.findings.append(Finding("tsv-quotes", text, "if cells are quoted there, save it as .csv", is_note=True))
    return False


def _is_whole_with_quotes(file: _CsvFile) -> bool:
    trial = _CsvFile(file.source, file.separator, file.n_skipped, [])
    try:
        for _ in trial.quoted_rows():
            pass
    except DataError:
        return False
    return not trial.swallowed
