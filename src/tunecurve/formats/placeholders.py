"""How a data set writes placeholders: their dress, their labels, their numbers; read and written by one definition.

The classic form is `[LABEL]` and `[LABEL_2]`. Others are found from the rows (`placeholder_discovery`). Text that stands in
the input, brackets or not, is text: what a masking copies of its input is no placeholder.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tunecurve.formats.placeholder_numbers import Numbering

MAX_NUMBER = 6  # digits
# Of a number behind an underscore there is no doubt; behind anything else (IPV4, LINE-2) the rows must show that it numbers.
_CLASSIC_NUMBER = re.compile(r"_\d+$")
_OTHER_NUMBER = re.compile(r"^(.*?)([ \-#:.]?)(\d+)$", re.DOTALL)


@dataclass(frozen=True)
class Style:
    """One dress of labels."""

    before: str = "["
    after: str = "]"
    """What stands around a label: ``"["`` and ``"]"``; both empty where the label itself is all, ``***`` or ``XXXX``."""
    names: tuple[str, ...] = ()
    """Label classes that are known in this dress; empty: any label of capital letters, digits and underscores."""

    def dress(self, label: str) -> str:
        """Return the label as it is written."""
        return f"{self.before}{label}{self.after}"

    @property
    def example(self) -> str:
        """The dress around a made-up label."""
        names = self.names or ("LABEL",)
        if self.is_bare:
            return names[0]
        return self.dress("label" if all(name == name.lower() != name.upper() for name in names) else "LABEL")

    @property
    def is_bare(self) -> bool:
        """Whether the label itself is the whole placeholder."""
        return not self.before and not self.after

    @property
    def is_square(self) -> bool:
        """Whether this is `[LABEL]`, in capitals."""
        return (self.before, self.after) == ("[", "]") and all(name == name.upper() for name in self.names)

    @property
    def says_no_label(self) -> bool:
        """Whether the placeholder says only that something was here: ``***``, ``[...]``."""
        letters = {character for name in self.names for character in name if character.isalpha()}
        return self.is_bare and bool(self.names) and letters <= {"X", "x"}

    @property
    def is_run(self) -> bool:
        """Whether the placeholder is one character repeated: it says no label, and may be as long as what it hides."""
        return self.is_bare and all(len(set(name)) == 1 for name in self.names)

    @property
    def any_label(self) -> str:
        """A regular expression for whatever may be meant as a label in this dress."""
        ends = re.escape((self.before or "\n")[0] + (self.after or "\n")[0])
        return rf"{re.escape(self.before)}([^\W\d_][^\n{ends}]{{0,60}}){re.escape(self.after)}"

    def pattern(self, number: str) -> str:
        """Return a regular expression for placeholders of this dress; its one group is the label with its number."""
        if self.is_run:
            return "|".join(f"((?<!{c}){c}{{{n},}}(?!{c}))" for c, n in _runs(self.names))
        known = "|".join(re.escape(name) for name in sorted(self.names, key=lambda name: (-len(name), name)))
        names = [f"(?:{known}){number}"] if known else []
        if not self.is_bare:
            names += [self._other_names() + number] if self._other_names() else []
            return f"{re.escape(self.before)}({'|'.join(names)}){re.escape(self.after)}" if names else r"(?!)"
        return f"(?<![A-Za-z0-9_])({'|'.join(names)})(?![A-Z0-9_])" if names else r"(?!)"

    def _other_names(self) -> str:
        """Return a pattern for labels that no row shows, as a model may invent them; none where text could look so."""
        if not self.after:
            return ""
        cased = [name for name in self.names if name.lower() != name.upper()]
        if any(name != name.upper() for name in cased):
            return ""
        letters = {character for name in self.names for character in name} - set(_CLASSIC_LETTERS)
        extra = re.escape("".join(sorted(letters)))
        if any(not character.isascii() and character.lower() == character.upper() for character in letters):
            extra += _CASELESS
        first = extra.replace(r"\-", "").replace(r"\ ", "")
        return rf"[A-Z{first}][A-Z0-9_{extra}]*"


_CLASSIC_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
# Letters of scripts without capitals: Hebrew to Thai, Chinese, Japanese, Korean.
_CASELESS = "\u05d0-\u109f\u2e80-\u2fdf\u3005-\u3007\u3040-\u9fff\uac00-\ud7a3"


def _runs(names: Sequence[str]) -> list[tuple[str, int]]:
    """Return (escaped character, shortest run) of every character whose runs are placeholders."""
    shortest: dict[str, int] = {}
    for name in names:
        shortest[name[0]] = min(len(name), shortest.get(name[0], len(name)))
    return [(re.escape(character), length) for character, length in sorted(shortest.items())]


@dataclass(frozen=True)
class Placeholder:
    """A placeholder in a text: where it stands, its label with its number, and the label's class."""

    start: int
    end: int
    name: str
    label: str


@dataclass(frozen=True)
class PlaceholderForm:
    """One definition of a placeholder for a whole data set; hashable, JSON-able."""

    styles: tuple[Style, ...] = (Style(),)
    """The dresses, the most frequent one first; more than one where a data set mixes them."""
    numbering: Numbering = field(default_factory=Numbering)
    """How labels are numbered, and which."""

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """A regular expression that finds placeholders; one group a style (a run: one a character)."""
        number = rf"(?:_\d{{1,{MAX_NUMBER}}}|{re.escape(self.numbering.separator)}\d{{1,{MAX_NUMBER}}})?"
        wide_first = sorted(self.styles, key=lambda style: -len(style.before))
        return re.compile("|".join(style.pattern(number) for style in wide_first))

    @property
    def is_classic(self) -> bool:
        """Whether placeholders are written `[LABEL]`, in capitals, and numbered `[LABEL_1]`, `[LABEL_2]`."""
        return all(style.is_square for style in self.styles) and self.numbering.is_classic

    @property
    def example(self) -> str:
        """A placeholder as the data set writes it, around a made-up label."""
        return " or ".join(style.example for style in self.styles)

    @property
    def only_name(self) -> str:
        """The placeholder of a data set whose placeholders say no label; empty where they do."""
        style = self.styles[0]
        return style.names[0] if style.says_no_label else ""

    @property
    def numbered_example(self) -> str:
        """A placeholder as the data set writes it, or the first two of a label where they carry numbers."""
        numbering, style = self.numbering, self.styles[0]
        if not numbering.labels or style.is_bare:
            return self.example
        label = style.example.removeprefix(style.before).removesuffix(style.after)
        items = [(label, "a"), (label, "b")]
        return ", ".join(
            style.dress(name) for name in replace(numbering, labels=(label,), is_backward=False).numbers(items)
        )

    def label_class(self, name: str) -> str:
        """Return a label without its number: ``NAME_2`` -> ``NAME``; runs of one character are one label."""
        if (run := self._run_of(name)) is not None:
            return run
        plain = _CLASSIC_NUMBER.sub("", name)
        if plain != name or self.numbering.separator == "_":
            return plain
        found = _OTHER_NUMBER.match(name)
        numbers = found is not None and found[2] == self.numbering.separator and found[1] in self.numbering.labels
        return found[1] if found is not None and numbers else name

    def number_of(self, name: str) -> str:
        """Return the digits of a label's number as they are written; empty where it has none."""
        plain = self.label_class(name)
        return "" if plain == name or self._run_of(name) is not None else re.sub(r"^\D+", "", name[len(plain) :])

    def _run_of(self, name: str) -> str | None:
        for style in self.styles:
            if style.is_run and name:
                same = [known for known in style.names if set(known) == set(name)]
                if same:
                    return min(same, key=len)
        return None

    def find(self, text: str, source: str = "") -> list[Placeholder]:
        """Return the placeholders of a text in their order.

        Parameters
        ----------
        text : str
            A masking, or a model's answer.
        source : str, optional
            The input. What stands there already is text, as often as it stands there.
        """
        found = [
            Placeholder(match.start(), match.end(), name, self.label_class(name))
            for match in self.pattern.finditer(text)
            for name in (next(group for group in match.groups() if group is not None),)
        ]
        return list(_not_copied(found, text, source)) if source else found

    def labels_in(self, text: str, source: str = "") -> list[str]:
        """Return the label classes of the placeholders of a text, in order; see `find`."""
        return [placeholder.label for placeholder in self.find(text, source)]

    def strange_labels(self, text: str, source: str) -> list[str]:
        """Return what stands in this form's dress and is neither a placeholder of it nor of the input."""
        right = {(one.start, one.end) for one in self.find(text)}
        return [
            match[1]
            for style in self.styles
            if style.before and style.after
            for match in re.finditer(style.any_label, text)
            if (match.start(), match.end()) not in right and match[0] not in source and not style.is_square
        ]

    def replace(self, text: str, replacement: str | Callable[[Placeholder], str], source: str = "") -> str:
        """Return the text with every placeholder replaced, by one text or by what is said of it; see `find`."""
        pieces, position = [], 0
        for one in self.find(text, source):
            pieces += [text[position : one.start], replacement if isinstance(replacement, str) else replacement(one)]
            position = one.end
        return "".join([*pieces, text[position:]])

    def style_of(self, label: str) -> Style:
        """Return the dress in which a label is written: that of the rows, else the most frequent one."""
        return next((style for style in self.styles if label in style.names), self.styles[0])

    def write(self, name: str) -> str:
        """Return a label, with its number if it has one, as a placeholder."""
        return self.style_of(self.label_class(name)).dress(name)

    def in_one_way(self, text: str, source: str) -> str:
        """Return a text whose labels all stand as `write` gives them; another text only where dresses are mixed."""
        return text if len(self.styles) == 1 else self.replace(text, lambda one: self.write(one.name), source)

    def to_json(self) -> dict[str, object]:
        """Return the form as plain values."""
        return {
            "styles": [
                {"before": style.before, "after": style.after, "names": list(style.names)} for style in self.styles
            ],
            "numbering": self.numbering.to_json(),
        }

    @classmethod
    def from_json(cls, values: Any) -> PlaceholderForm:
        """Return the form that `to_json` wrote."""
        styles = tuple(Style(one["before"], one["after"], tuple(one["names"])) for one in values["styles"])
        return cls(styles, Numbering.from_json(values["numbering"]))


def _not_copied(found: Sequence[Placeholder], text: str, source: str) -> Iterator[Placeholder]:
    standing: Counter[str] = Counter()
    for placeholder in found:
        written = text[placeholder.start : placeholder.end]
        if written not in standing:
            standing[written] = source.count(written)
        if standing[written] > 0:
            standing[written] -= 1
        else:
            yield placeholder


CLASSIC = PlaceholderForm()


def form_of_decision(decided: Any) -> PlaceholderForm:
    """Return the form that a study decided on; the classic one where it decided nothing."""
    return PlaceholderForm.from_json(decided) if decided else CLASSIC
