"""The part of the study file that says how metrics read texts."""

from __future__ import annotations

from pydantic import Field, field_validator

from tunecurve.errors import did_you_mean
from tunecurve.formats.sql import dialects
from tunecurve.metrics.tokenizers import BleuTokenizer, RougeTokenizer, how_to_install, is_installed
from tunecurve.spec.section import Section


class MetricOptions(Section):
    """How metrics read texts, where the choice by script is not wanted."""

    bleu_tokenizer: BleuTokenizer | None = Field(
        None, description="how BLEU cuts texts into words, sacrebleu's names; default: by the script of the targets"
    )
    rouge_tokenizer: RougeTokenizer | None = Field(
        None, description="how ROUGE does; default: rouge-score for the letters a to z, else unicode"
    )
    sql_dialect: str | None = Field(None, description="how sql_exact reads queries, sqlglot's names (sqlite)")
    sql_database: str | None = Field(
        None,
        description="SQLite file that sql_execution runs queries on, read-only; {group}: the row's value of data.group_column",
    )

    @field_validator("bleu_tokenizer")
    @classmethod
    def _is_installed(cls, value: BleuTokenizer | None) -> BleuTokenizer | None:
        if value is not None and not is_installed(value):
            raise ValueError(
                f"sacrebleu's tokenizer '{value}' is not installed; {how_to_install(value)}, or leave it out"
            )
        return value

    @field_validator("sql_dialect")
    @classmethod
    def _is_a_dialect(cls, value: str | None) -> str | None:
        if value is not None and value not in (known := dialects()):
            raise ValueError(f"unknown dialect '{value}'.{did_you_mean(value, known)} Known: {', '.join(known)}")
        return value

    def described(self) -> dict[str, object]:
        """Return the section as plain values: as it was before there was SQL, where it says no dialect; databases go by their hash."""
        left_out = {"sql_database"} | ({"sql_dialect"} if self.sql_dialect is None else set())
        return self.model_dump(mode="json", exclude=left_out)
