"""What metrics are told about the data set that they score."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tunecurve.formats.placeholders import PlaceholderForm


@dataclass(frozen=True)
class SqlSettings:
    """How queries are read, and on what they are run."""

    dialect: str = "sqlite"
    """sqlglot's name of their dialect."""
    databases: tuple[tuple[tuple[str, str], str], ...] = ()
    """Where rows have databases of their own: input and target, path."""
    database: str = ""
    """Path of the SQLite file of all other rows; empty: none."""
    hash: str = ""
    """Of the contents of all databases; empty without one."""

    def database_of(self, source: str, target: str) -> str:
        """Return the path of a row's database."""
        return self._by_row.get((source, target), self.database)

    @cached_property
    def _by_row(self) -> dict[tuple[str, str], str]:
        return dict(self.databases)


@dataclass(frozen=True)
class MetricSettings:
    """How the texts of a data set are to be read, the same for all its trials."""

    labels: tuple[str, ...] = ()
    """The placeholders of masking, the classes of classification, the entity types of ner."""
    unseen_labels: tuple[str, ...] = ()
    """Classes, labels or fields that stand in test rows alone: nobody can answer them, and means over all of them count them."""
    placeholders: PlaceholderForm | None = None
    """How placeholders of masking are written; default: as the scored rows show it."""
    bleu_tokenizer: str = "13a"
    """sacrebleu's name of the way BLEU cuts texts into words."""
    rouge_tokenizer: str = "by-row"
    """``"rouge-score"``, ``"unicode"`` or ``"by-row"``: how ROUGE does; by the letters of each row where
    nothing is known of the data set."""
    sql: SqlSettings = SqlSettings()
    """How queries are read, and on what they are run."""
