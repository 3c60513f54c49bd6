"""The parts of the study file that say where the rows are, and how test and training rows are split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from tunecurve.data.inputs import DEFAULT_COLUMN, DEFAULT_TARGET
from tunecurve.data.options import MAX_UNPACKED_GB, ReadingOptions
from tunecurve.data.selecting import parse_condition, text_of_cell
from tunecurve.data.shapes.base import AUTO, COLUMNS
from tunecurve.data.shapes.registry import SHAPE_NAMES, option_names
from tunecurve.errors import did_you_mean
from tunecurve.spec.section import PositiveInt, Section

# As in the article; with fewer, differences of a few points drown in the interval.
DEFAULT_TEST_SIZE = 200


class DataSpec(Section):
    """Where the rows are."""

    source: str = Field(
        "builtin:pii",
        description="builtin:pii, a file, folder or pattern of files, or a hub id owner/name; a part of it behind !/ "
        "(docs/data.md, Files)",
    )
    shape: str = Field(
        AUTO,
        description="shape of the rows: auto, found from the first rows; columns, plain columns and nothing else; or one of "
        + ", ".join(SHAPE_NAMES[2:]),
    )
    shape_options: dict[str, Any] = Field(
        default_factory=dict, description="how a shape is read where there is a choice (docs/data.md)"
    )
    input_column: str | list[str] | None = Field(
        None,
        description="column with the input text; a list: their texts, joined by line breaks; default: found from the rows, else "
        + DEFAULT_COLUMN,
    )
    target_column: str | list[str] | None = Field(
        None,
        description="column with the text that should come out; multilabel: or a list, the columns of labels that hold 0 and 1; "
        f"default: found from the rows, else {DEFAULT_TARGET}",
    )
    group_column: str | None = Field(None, description="rows with the same value here stay on one side of the split")
    placeholders: list[str] | None = Field(
        None,
        description="masking: how the targets write placeholders, e.g. ['<LABEL>'], ['{{label_0}}'], ['***'], or whole ones: "
        "['<PERSON>', '<PHONE>']; default: found from the rows",
    )
    label_separator: str | None = Field(
        None,
        description="multilabel: what stands between the labels of a target, e.g. '|'; '' for nothing; default: found from the rows",
    )
    limit: PositiveInt | None = Field(
        None, description="use only so many rows, drawn at random; for builtin:pii the rows to make (5000)"
    )
    limit_takes: Literal["random", "first"] = Field(
        "random", description="first: a limit takes the first rows, not drawn ones"
    )
    where: list[str] = Field(
        default_factory=list,
        description="use only rows for which all of these hold: COLUMN=VALUE, COLUMN!=VALUE, COLUMN in VALUE,VALUE",
    )
    unlabelled: str | None = Field(
        None,
        description="inputs that nobody labelled, for models with a teacher: a file or hub id with the same input columns; "
        "default: those of training rows beyond a trial's own, without their labels",
    )
    test_source: str | None = Field(None, description="test rows of your own: a file or hub id with the same columns")
    split_column: str | None = Field(None, description="column that says which rows are train, test or dev")
    split_roles: dict[str, Literal["train", "test", "dev"]] = Field(
        default_factory=dict, description="what other values of the split column mean, e.g. {holdout: test}"
    )
    hub_test_split: str | None = Field(None, description="split of the hub data set that holds the test rows")
    dev_source: str | None = Field(
        None, description="development rows of your own, kept out of both training and test rows"
    )
    drop_duplicates: bool = Field(True, description="drop rows whose input was seen before")
    max_tokens: PositiveInt = Field(
        1024,
        description="drop rows whose input and target together have more tokens than this, estimated from the text alone",
    )
    language: str = Field("en", description="language of builtin:pii: en, fr, de or it")
    seed: Annotated[int, Field(ge=0)] = Field(0, description="seed of builtin:pii")
    revision: str | None = Field(None, description="commit or tag of a hub data set")
    subset: str | None = Field(None, description="configuration of a hub data set")
    hub_split: str = Field("train", description="split of a hub data set, or of a folder with several")
    encoding: str | None = Field(
        None, description="encoding of text files, e.g. cp1250; default: UTF-8, or what their byte-order mark names"
    )
    sheet: str | None = Field(None, description="sheet of a workbook; default: the only one that is visible and filled")
    max_unpacked_gb: Annotated[float, Field(gt=0)] = Field(
        MAX_UNPACKED_GB, description="most that a compressed file may hold, in gigabytes"
    )

    @field_validator("input_column", "target_column")
    @classmethod
    def _at_least_one(cls, value: str | list[str] | None) -> str | list[str] | None:
        if value is not None and not value:
            raise ValueError("expected the name of a column")
        # One column is written one way, so that a study has one signature.
        return value[0] if isinstance(value, list) and len(value) == 1 else value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        try:
            "".encode(value or "utf-8")
        except LookupError:
            raise ValueError(
                f"expected the name of an encoding, as utf-8, cp1252, utf-16 or shift_jis, got '{value}'"
            ) from None
        return value

    @property
    def input_columns(self) -> tuple[str, ...]:
        """The input columns, one or several."""
        return _as_tuple(self.input_column) or (DEFAULT_COLUMN,)

    @property
    def target_columns(self) -> tuple[str, ...]:
        """The target columns, one or those of several labels."""
        return _as_tuple(self.target_column) or (DEFAULT_TARGET,)

    @property
    def named_columns(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The input and target columns that are named; empty where they are to be found."""
        return _as_tuple(self.input_column), _as_tuple(self.target_column)

    @property
    def has_plain_columns(self) -> bool:
        """Whether cells are read as they are, as far as is known."""
        return self.shape in (AUTO, COLUMNS)

    @field_validator("shape")
    @classmethod
    def _known_shape(cls, value: str) -> str:
        if value not in SHAPE_NAMES:
            raise ValueError(
                f"unknown shape '{value}'.{did_you_mean(value, SHAPE_NAMES)} Known: {', '.join(SHAPE_NAMES)}"
            )
        return value

    @model_validator(mode="after")
    def _known_shape_options(self) -> DataSpec:
        known = option_names(self.shape)
        for name in self.shape_options:
            if name not in known:
                raise ValueError(
                    f"shape_options: unknown '{name}' for shape '{self.shape}'.{did_you_mean(name, known)} Known: "
                    + (", ".join(known) or "none")
                )
        return self

    @field_validator("where", mode="before")
    @classmethod
    def _where_as_a_mapping(cls, value: Any) -> Any:
        """Read ``{lang: en}`` and ``{lang: [en, fr]}``, too."""
        if isinstance(value, str):
            return [value]
        if not isinstance(value, dict):
            return value
        texts = [
            (column, [text_of_cell(one) for one in (wanted if isinstance(wanted, list) else [wanted])])
            for column, wanted in value.items()
        ]
        return [f"{column}={all_[0]}" if len(all_) == 1 else f"{column} in {','.join(all_)}" for column, all_ in texts]

    @field_validator("where")
    @classmethod
    def _conditions_are_plain(cls, value: list[str]) -> list[str]:
        return [str(parse_condition(text)) for text in value]

    @model_validator(mode="after")
    def _one_way_to_name_test_rows(self) -> DataSpec:
        ways = {key: getattr(self, key) for key in ("test_source", "split_column", "hub_test_split")}
        named = [key for key, value in ways.items() if value]
        if len(named) > 1:
            raise ValueError(f"expected one way to name the test rows, got {' and '.join(named)}")
        if self.split_roles and not self.split_column:
            raise ValueError("split_roles says what values of a split column mean, expected split_column, too")
        return self

    @property
    def names_test_rows(self) -> bool:
        """Whether the data say which rows are the test rows."""
        return bool(self.test_source or self.split_column or self.hub_test_split)

    def reading_options(self, split: str | None = None) -> ReadingOptions:
        """Return how a source is read; its own split, unless another one is asked for."""
        return ReadingOptions(
            encoding=self.encoding,
            sheet=self.sheet,
            max_unpacked_gb=self.max_unpacked_gb,
            revision=self.revision,
            subset=self.subset,
            split=split or self.hub_split,
            language=self.language,
            seed=self.seed,
        )

    def kept_the_same(self) -> dict[str, object]:
        """Return what must stay while a study grows: how cells become rows. Where they come from is seen in the rows."""
        keys = ("input_column", "target_column", "group_column", "placeholders", "drop_duplicates", "max_tokens")
        later = ("label_separator", "shape", "shape_options")
        return {key: value for key, value in self.described().items() if key in (*keys, *later)}

    def described(self) -> dict[str, object]:
        """Return the section as plain values; without keys that came later as it was before there were any."""
        is_plain = self.has_plain_columns
        later = {"label_separator": self.label_separator is None, "shape": is_plain, "shape_options": is_plain}
        later["unlabelled"] = self.unlabelled is None
        later |= {"encoding": self.encoding is None, "sheet": self.sheet is None}
        later["max_unpacked_gb"] = self.max_unpacked_gb == MAX_UNPACKED_GB
        values = self.model_dump(mode="json", exclude={key for key, is_left_out in later.items() if is_left_out})
        defaults = {"input_column": DEFAULT_COLUMN, "target_column": DEFAULT_TARGET}
        return {key: defaults.get(key) if value is None else value for key, value in values.items()}


class SplitSpec(Section):
    """How test rows and training rows are split."""

    method: Literal["group", "random"] = Field(
        "group",
        description="how test and training rows are split; group: rows of one template stay on one side; random: as "
        "datasets.train_test_split",
    )
    test_size: PositiveInt | None = Field(
        None,
        description="number of test rows, frozen before anything is trained (200; where the data name them: all of them)",
    )
    both_sides: Literal["drop", "drop_groups", "keep"] = Field(
        "drop",
        description="training rows that stand among test rows of your own, too: drop: same input or named group; drop_groups: "
        "rows from one template, too; keep",
    )
    seed: Annotated[int, Field(ge=0)] = Field(42, description="seed of the split")

    @property
    def keeps_groups(self) -> bool:
        """Whether rows of one group stay on one side, and so intervals rest on whole groups."""
        return self.method == "group"


def _as_tuple(columns: str | list[str] | None) -> tuple[str, ...]:
    return (columns,) if isinstance(columns, str) else tuple(columns or ())


def has_rows_of_its_own(values: Mapping[str, Any]) -> bool:
    """Return whether the rows are not the built-in ones, whose task is known."""
    data = values.get("data")
    source = data.get("source") if isinstance(data, Mapping) else getattr(data, "source", None)
    return isinstance(source, str) and not source.startswith("builtin:")
