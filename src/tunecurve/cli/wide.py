"""Lines as wide as the terminal: broken between words, later lines below the text of the first; elsewhere as they are."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap

from tunecurve.cli.main import echo

# A term and blanks in front of the text, as `what to do  Stop: ...`.
_TERM = re.compile(r"\S.{0,18}?  +")
NARROWEST, WIDEST = 30, 120


def terminal_width(*, err: bool = False) -> int | None:
    """Return the columns of the terminal that lines go to; None where they go elsewhere."""
    stream = sys.stderr if err else sys.stdout
    if not stream.isatty():
        return None
    return max(NARROWEST, shutil.get_terminal_size().columns)


def tell(text: str = "", *, err: bool = False) -> None:
    """Print a text; on a terminal its lines are broken between words."""
    width = terminal_width(err=err)
    lines = text.splitlines() or [""]
    echo("\n".join(lines if width is None else (broken(line, min(width, WIDEST)) for line in lines)), err=err)


def broken(line: str, width: int) -> str:
    """Return the line in as many lines as it needs; words stay whole."""
    term = _TERM.match(line)
    indent = " " * len(term.group()) if term else ""
    return textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
