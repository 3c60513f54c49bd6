"""The shapes that are known, and which of them a sample of rows has."""

from __future__ import annotations

from collections.abc import Sequence

from tunecurve.data.cells import shape_of
from tunecurve.data.inputs import DEFAULT_COLUMN, DEFAULT_TARGET
from tunecurve.data.shapes.alpaca import Alpaca
from tunecurve.data.shapes.anthropic_chat import AnthropicChat
from tunecurve.data.shapes.base import AUTO, COLUMNS, Asked, Cells, Match, Shape
from tunecurve.data.shapes.bedrock_chat import BedrockChat
from tunecurve.data.shapes.columns import Columns
from tunecurve.data.shapes.entity_values import EntityValues
from tunecurve.data.shapes.label_studio import LabelStudio
from tunecurve.data.shapes.no_pairs import refuse_chats_without_answer, refuse_flags, refuse_rows_without_pairs
from tunecurve.data.shapes.openai_chat import OpenAIChat
from tunecurve.data.shapes.preference import Preference
from tunecurve.data.shapes.prodigy import Prodigy
from tunecurve.data.shapes.prodigy_choice import ProdigyChoice
from tunecurve.data.shapes.prompt_completion import PromptCompletion
from tunecurve.data.shapes.sentence_lists import SentenceLists, TokenLists
from tunecurve.data.shapes.sharegpt import ShareGPT
from tunecurve.data.shapes.spacy_training import SpacyTraining
from tunecurve.data.shapes.spans import Spans, span_columns
from tunecurve.data.shapes.squad import Squad
from tunecurve.data.shapes.text_chunks import TextChunks
from tunecurve.data.shapes.token_spans import TokenSpans
from tunecurve.data.shapes.tokens_and_tags import TokensAndTags
from tunecurve.data.shapes.vertex_chat import VertexChat
from tunecurve.errors import DataError

SHAPES: tuple[Shape, ...] = (
    OpenAIChat(),
    AnthropicChat(),
    BedrockChat(),
    VertexChat(),
    ShareGPT(),
    PromptCompletion(),
    Alpaca(),
    Preference(),
    Squad(),
    SentenceLists(),
    TokenLists(),
    Spans(),
    Prodigy(),
    ProdigyChoice(),
    LabelStudio(),
    TokensAndTags(),
    TokenSpans(),
    SpacyTraining(),
    EntityValues(),
    TextChunks(),
)
SHAPE_NAMES = (AUTO, COLUMNS, *(shape.name for shape in SHAPES))
SAMPLE_ROWS = 200


def shape_of_name(name: str) -> Shape | None:
    """Return the shape with a name; None for plain columns."""
    return next((shape for shape in SHAPES if shape.name == name), None)


def option_names(name: str) -> tuple[str, ...]:
    """Return the keys of ``data.shape_options`` that a shape knows; where it is to be found, those of all."""
    shapes = SHAPES if name == AUTO else [shape for shape in SHAPES if shape.name == name]
    return tuple(dict.fromkeys(option for shape in shapes for option in shape.option_names))


def recognise(sample: Sequence[Cells], asked: Asked) -> Match | None:
    """Return how the rows of a sample are read; None where they are plain columns.

    Raises
    ------
    DataError
        Where two readings are alike, with the choices; where the shape that is asked for is not that of the rows.
    """
    if asked.name == COLUMNS or not sample or _has_usual_columns(sample, asked):
        return None
    if asked.name == AUTO and not (asked.input_columns or asked.target_columns or asked.template_columns):
        refuse_rows_without_pairs(sample)
    shapes = [shape for shape in (*SHAPES, Columns()) if asked.name in (AUTO, shape.name)]
    found = [match for shape in shapes for match in shape.matches(sample, asked)]
    if not found and asked.name != AUTO:
        raise DataError(_not_of_shape(shapes[0], sample, asked))
    found = found or list(Columns().matches_of_translations(sample, asked))
    found = found or list(Columns().matches_beside_named(sample, asked)) or Columns().matches_of_lists(sample, asked)
    found = [match for match in found if not any(_goes_before(other, match) for other in found)]
    if len(found) > 1:
        choices = [_choice(match, found) for match in found]
        raise DataError(
            f"the rows can be read in {len(found)} ways; say which is meant: {', or '.join(choices)} "
            f"(columns are: {', '.join(map(str, list(sample[0])[:12]))})"
        )
    if len(found) == 1 and not asked.target_columns:
        refuse_chats_without_answer(sample, found[0])
    if not found and not asked.target_columns and not any(DEFAULT_TARGET in row for row in sample):
        refuse_flags(sample)
    return found[0] if found else None


def _goes_before(match: Match, other: Match) -> bool:
    """Return whether a reading takes in another one: more columns, or the same ones by their contents, not only their names."""
    by_contents = match.shape != COLUMNS and other.shape == COLUMNS
    return other.columns < match.columns or (by_contents and other.columns == match.columns)


def _has_usual_columns(sample: Sequence[Cells], asked: Asked) -> bool:
    """Return whether nobody asks for anything, and the columns are those that are read where nobody does."""
    is_open = asked.name == AUTO and not (asked.input_columns or asked.target_columns or asked.template_columns)
    if asked.task == "ner" and span_columns(sample):
        return False  # a masked text beside spans, as of ai4privacy, is no list of entities
    columns = (DEFAULT_COLUMN, DEFAULT_TARGET)
    return is_open and all(column in row and not shape_of(row[column]) for row in sample for column in columns)


def _choice(match: Match, all_: Sequence[Match]) -> str:
    """Return the options that choose a reading."""
    columns = " ".join(
        [f"--input-column {name}" for name in match.input_columns]
        + [f"--target-column {name}" for name in match.target_columns]
    )
    if match.shape == COLUMNS:
        return columns
    is_alone = sum(other.shape == match.shape for other in all_) == 1
    own_target = f" --target-column {match.target_columns[0]}" if match.target_columns != match.input_columns else ""
    return f"--shape {match.shape}" + (own_target if is_alone else f" {columns}")


def _not_of_shape(shape: Shape, sample: Sequence[Cells], asked: Asked) -> str:
    named = [*asked.input_columns, *asked.target_columns]
    with_columns = f" in the columns {', '.join(dict.fromkeys(named))}" if named else ""
    return (
        f"data.shape is '{shape.name}', but none of the first {len(sample)} rows is {shape.title}{with_columns}; the columns are: "
        f"{', '.join(map(str, list(sample[0])[:12]))}; leave --shape out, and the shape is found from the rows"
    )
