"""Rows of CoNLL files: one token a line with its tags in columns, a blank line behind each sentence.

CoNLL-2003 (`-DOCSTART-`, four columns), CoNLL-U and what is like it (numbered lines, `# text = ...`, `# newdoc`), two columns with a tab or
blanks, comments, and sentences in a line (`London|B-LOC`). A row is a sentence: `tokens`, `tags`, `document` where the file says where
documents begin, and every further column of tags by its number.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tunecurve.data.encodings import open_text
from tunecurve.data.rows import RawRow
from tunecurve.data.streams import DataFile
from tunecurve.errors import DataError
from tunecurve.findings import Finding
from tunecurve.formats.tags import CHUNK_LABELS, is_outside, is_prefixed

N_LOOKED_AT = 500
MAX_LINE_CHARACTERS = 1_000_000
_BLANKS = re.compile(r"[ \t]+")
_COMMENT = re.compile(r"#\s+(?:newdoc|newpar|sent_id|text|id|global\.columns)\b|#\s*[\w.:-]+\s*=")
_TEXT = re.compile(r"#\s*text\s*=\s*(.*)")
_NEW_DOCUMENT = re.compile(r"-DOCSTART-|#\s*newdoc\b")
_NUMBER = re.compile(r"\d+")
_NO_WORD = re.compile(r"\d+[-.]\d+")
# PAN-X (WikiANN) writes the language before each token: en:London.
_LANGUAGE = re.compile(r"[a-z]{2,6}(?:-[a-z]+)*:(?=.)")
_MIN_TOKENS = 8
_OTHER_FORMATS = (
    (re.compile(r"#FORMAT=WebAnno"), "a file of WebAnno or INCEpTION (TSV 3)"),
    (re.compile(r"#begin document"), "a file of CoNLL-2012 (OntoNotes), whose entities stand in brackets: (PERSON*"),
    (re.compile(r"\d+\|[ta]\|"), "a file of PubTator, whose spans stand behind their text"),
)

Separator = Literal["tab", "blank", "line"]


class _OtherFormatError(DataError):
    """A file of another format, which is not read."""


@dataclass
class Sentence:
    """The lines of a sentence, cut into columns, and what comments say of it."""

    number: int = 0
    lines: list[tuple[int, list[str]]] = field(default_factory=list)
    document: str = ""
    text: str = ""


@dataclass(frozen=True)
class Layout:
    """Which columns hold what."""

    n_columns: int
    token: int
    """How many there are, and which holds the token."""
    tags: tuple[int, ...]
    """Columns that hold tags."""
    tag: int | None
    """The one that is read; none where several may be meant."""
    language: bool = False
    """Whether a language stands before every token, which is left out."""


def read_conll(file: DataFile, findings: list[Finding]) -> Iterator[RawRow]:
    """Yield (place, cells) for every sentence.

    Raises
    ------
    DataError
        When lines have no tags, or another number of columns than those before them.
    """
    has_documents = _has_documents(file)
    sentences = _sentences(file, _form(file))
    first = list(itertools.islice(sentences, N_LOOKED_AT))
    if not first:
        return
    layout = _layout(file, first)
    findings.append(_note(layout, has_documents=has_documents))
    n_without_token = 0
    for sentence in itertools.chain(first, sentences):
        words = [cells for number, cells in sentence.lines if _is_whole(file, number, cells, layout)]
        n_without_token += len(sentence.lines) - len(words)
        if words:
            yield f"line {sentence.number}", _row(sentence, words, layout, has_documents=has_documents)
    if n_without_token:
        text = f"{n_without_token} lines have a tag and no token, and are left out"
        findings.append(Finding("lines-without-token", text, is_note=True))


def holds_tags(file: DataFile) -> bool:
    """Return whether a text file holds tokens and tags."""
    try:
        first = list(itertools.islice(_sentences(file, _form(file)), N_LOOKED_AT))
        return bool(first) and bool(_layout(file, first).tags)
    except _OtherFormatError:
        return True  # which `read_conll` names
    except (DataError, UnicodeDecodeError):
        return False


def _row(
    sentence: Sentence, words: Sequence[Sequence[str]], layout: Layout, *, has_documents: bool
) -> Mapping[str, object]:
    tokens = [word[layout.token] for word in words]
    cells: dict[str, object] = {
        "tokens": [_LANGUAGE.sub("", token, 1) if layout.language else token for token in tokens]
    }
    if layout.tag is not None:
        cells["tags"] = [word[layout.tag] for word in words]
    if len(layout.tags) > 1:
        cells |= {f"column_{column + 1}": [word[column] for word in words] for column in layout.tags}
    if sentence.text:
        cells["text"] = sentence.text
    if has_documents:
        cells["document"] = sentence.document
    return cells


def _lines(file: DataFile) -> Iterator[tuple[int, str]]:
    """Yield the lines with their numbers, and an empty one behind the last."""
    with open_text(file, newline="\n") as text:
        for number in itertools.count(1):
            line = text.readline(MAX_LINE_CHARACTERS + 1)
            if len(line) > MAX_LINE_CHARACTERS:
                raise DataError(
                    f"{file}, line {number}: longer than {MAX_LINE_CHARACTERS:,} characters; expected a token and its tags"
                )
            yield number, line.rstrip("\r\n")
            if not line:
                return


@dataclass(frozen=True)
class Form:
    """What separates columns, and how many most lines have; ``"line"``: a sentence stands in a line, ``London|B-LOC``."""

    separator: Separator
    n_columns: int


def refuse_other_format(file: DataFile, head: str) -> None:
    """Refuse files of tokens or spans in a format that is not read, which their first line names.

    Raises
    ------
    DataError
        With the format's name.
    """
    other = next((name for pattern, name in _OTHER_FORMATS if pattern.match(head)), "")
    if other:
        raise _OtherFormatError(
            f"'{file}' is {other}, which is not read; export it as CoNLL with a token and its tag (B-PER, I-PER, O) in each line, or as "
            ".jsonl with text and spans"
        )


def _form(file: DataFile) -> Form:
    """Return the form of a file, as its first lines show."""
    head = next((content for _, content in _lines(file) if content.strip()), "")
    refuse_other_format(file, head)
    filled = (content for _, content in _lines(file) if content.strip() and not content.startswith(("#", "-DOCSTART-")))
    lines = list(itertools.islice(filled, N_LOOKED_AT))
    if lines and all(all(0 < part.rfind("|") < len(part) - 1 for part in line.split()) for line in lines):
        return Form("line", 0)
    separator: Separator = "tab" if 2 * sum("\t" in line for line in lines) > len(lines) else "blank"
    counts = Counter(len(_columns(line, separator)) for line in lines)
    return Form(separator, counts.most_common(1)[0][0] if counts else 0)


def _has_documents(file: DataFile) -> bool:
    """Return whether the file says where documents begin, and has more than one."""
    found = (number for number, content in _lines(file) if _NEW_DOCUMENT.match(content))
    return len(list(itertools.islice(found, 2))) > 1


def _sentences(file: DataFile, form: Form) -> Iterator[Sentence]:
    """Yield the sentences, each with the document that it stands in."""
    document, n_documents = "document 0", 0
    sentence = Sentence()
    for number, content in _lines(file):
        is_end = not content.strip(" \t")
        if sentence.lines and (is_end or form.separator == "line" or content.startswith("-DOCSTART-")):
            sentence.document = document
            yield sentence
            sentence = Sentence()
        if is_end:
            continue
        if _NEW_DOCUMENT.match(content) and not sentence.lines:
            n_documents += 1
            document = f"document {n_documents}"
        if content.startswith("-DOCSTART-"):
            continue
        if not sentence.lines and _is_comment(content, form):
            found = _TEXT.match(content)
            sentence.text = found[1].strip() if found else sentence.text
            continue
        sentence.number = sentence.number or number
        is_line = form.separator == "line"
        words = [part.split("|") for part in content.split()] if is_line else [_columns(content, form.separator)]
        sentence.lines += [(number, cells) for cells in words if not _NO_WORD.fullmatch(cells[0])]


def _is_comment(content: str, form: Form) -> bool:
    # A line may begin with the token #, or with a hashtag.
    if not content.startswith("#") or form.separator == "line":
        return False
    return _COMMENT.match(content) is not None or len(_columns(content, form.separator)) != form.n_columns


def _columns(content: str, separator: Separator) -> list[str]:
    """Return the columns of a line; tokens may have blanks where tabs separate."""
    if separator == "tab":
        return [cell.strip(" ") for cell in content.split("\t")]
    return _BLANKS.split(content.strip(" \t"))


def _layout(file: DataFile, sentences: Sequence[Sentence]) -> Layout:
    """Return which columns hold tokens and tags, as the first sentences show."""
    lines = [cells for sentence in sentences for _, cells in sentence.lines]
    n_columns = Counter(map(len, lines)).most_common(1)[0][0]
    whole = [cells for cells in lines if len(cells) == n_columns]
    numbered = n_columns > 2 and all(_NUMBER.fullmatch(cells[0]) for cells in whole)
    token = 1 if numbered else 0
    columns = [column for column in range(token + 1, n_columns) if _are_tags([cells[column] for cells in whole])]
    if not columns and n_columns == token + 2 and any(cells[-1] == "O" for cells in whole):
        columns = [token + 1]  # labels without a prefix
    if not columns:
        shown = "  ".join(lines[0])[:60]
        raise DataError(
            f"{file}, line {sentences[0].number}: no column of tags (B-PER, I-PER, O) behind the token in {shown!r}; expected a token and "
            "its tag in each line, separated by a tab or blanks, and a blank line behind each sentence"
        )
    inner = [column for column in columns if not _are_chunks([cells[column] for cells in whole])] or columns
    tokens = [cells[token] for cells in whole]
    language = len(tokens) >= _MIN_TOKENS and all(map(_LANGUAGE.match, tokens))
    return Layout(n_columns, token, tuple(columns), inner[0] if len(inner) == 1 else None, language)


def _are_tags(values: Sequence[str]) -> bool:
    """Return whether a column holds tags with prefixes."""
    inner = {value for value in values if not is_outside(value)}
    return bool(inner) and all(map(is_prefixed, inner))


def _are_chunks(values: Sequence[str]) -> bool:
    return {value[2:] for value in values if is_prefixed(value)} <= CHUNK_LABELS


def _is_whole(file: DataFile, number: int, cells: Sequence[str], layout: Layout) -> bool:
    """Return whether a line has a token; refuse lines of another form than most."""
    if len(cells) == 1 and is_outside(cells[0]):
        return False
    if len(cells) != layout.n_columns:
        raise DataError(
            f"{file}, line {number}: {len(cells)} columns ({'  '.join(cells)[:60]!r}), most lines have {layout.n_columns}; mend the line, "
            "or put a blank line between sentences"
        )
    if cells[layout.token].strip():
        return True
    if any(not is_outside(cells[column]) for column in layout.tags):
        raise DataError(
            f"{file}, line {number}: a tag and no token ({'  '.join(cells)[:60]!r}); mend or delete the line"
        )
    return False


def _note(layout: Layout, *, has_documents: bool) -> Finding:
    tags = "" if layout.tag is None else f", column {layout.tag + 1} of {layout.n_columns} its tag"
    text = f"read as a CoNLL file: a row is a sentence, column {layout.token + 1} the token{tags}"
    if layout.language:
        text += ", without the language before it (en:London)"
    if has_documents:
        text += "; sentences of one document are one group"
    else:
        text += (
            "; it does not say where documents begin, so sentences of one document may stand on both sides of the split"
        )
    return Finding("conll-read", text, is_note=True)
