"""What a terminal shows: the few sequences that our panel writes, obeyed as ECMA-48 has it."""

import re

_TOKEN = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])|\r|\n|[^\x1b\r\n]+")


class Terminal:
    """Rows of text under a cursor; an unknown sequence is an error.

    Parameters
    ----------
    width : int
        Columns; longer text goes on in the next row.
    """

    def __init__(self, width):
        self.width, self.rows, self.row, self.column = width, [""], 0, 0
        self.cursor_is_hidden, self.colours = False, set()

    def write(self, text):
        """Show what was written; return the terminal."""
        position = 0
        for found in _TOKEN.finditer(text):
            assert found.start() == position, repr(text[position : found.start()])
            position = found.end()
            token = found.group()
            if token == "\r":
                self.column = 0
            elif token == "\n":
                self._to(self.row + 1)
                self.column = 0
            elif token.startswith("\x1b"):
                self._obey(found.group(1), found.group(2), found.group(3))
            else:
                self._put(token)
        assert position == len(text)
        return self

    def _obey(self, private, numbers, letter):
        if private:
            assert numbers == "25", numbers
            self.cursor_is_hidden = letter == "l"
        elif letter == "m":
            self.colours |= {number for number in numbers.split(";") if number[:1] in "349" and len(number) == 2}
        elif letter == "A":
            self.row = max(0, self.row - int(numbers or 1))
        elif letter == "K":
            assert numbers == "2"
            self.rows[self.row] = ""
        else:
            raise AssertionError(f"unknown sequence {letter}")

    def _to(self, row):
        self.row = row
        self.rows += [""] * (row + 1 - len(self.rows))

    def _put(self, text):
        for character in text:
            if self.column == self.width:
                self._to(self.row + 1)
                self.column = 0
            line = self.rows[self.row].ljust(self.column)
            self.rows[self.row] = line[: self.column] + character + line[self.column + 1 :]
            self.column += 1

    @property
    def text(self):
        """All rows, without blanks at their ends."""
        return "\n".join(row.rstrip() for row in self.rows).rstrip("\n")
