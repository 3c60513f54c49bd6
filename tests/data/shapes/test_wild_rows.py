"""Any JSON under the names that shapes look for is read, dropped with a reason, left to plain columns, or one error for users."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.shapes import read_shape
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise
from tunecurve.errors import DataError

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 20)
    | st.floats()
    | st.sampled_from(["", "O", "B-PER", "Ada left", "[1, 2]", "{}", "-", "7"])
)
KEYS = st.sampled_from(
    [
        "start",
        "end",
        "label",
        "labels",
        "text",
        "value",
        "entity",
        "offset",
        "length",
        "result",
        "type",
        "was_cancelled",
        "entities",
        "types",
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
SPAN = st.tuples(st.integers(-1, 9), st.integers(-1, 9), st.sampled_from(["PER", "", 3])).map(list)
COLUMNS = st.sampled_from(
    [
        "text",
        "spans",
        "label",
        "tokens",
        "ner_tags",
        "data",
        "annotations",
        "privacy_mask",
        "entities",
        "answer",
        "paragraphs",
        "document",
    ]
)
CELLS = VALUES | st.lists(SPAN, max_size=3) | st.lists(st.sampled_from(["Ada", "B-PER", "O", "I-PER", "B"]), max_size=3)
ROWS = st.lists(st.dictionaries(COLUMNS, CELLS, max_size=4), min_size=1, max_size=3)


@given(
    ROWS,
    st.sampled_from(["ner", "masking", ""]),
    st.sampled_from(["auto", "spans", "tokens-and-tags", "label-studio", "prodigy"]),
)
@settings(max_examples=200, deadline=None)
def test_nothing_but_an_error_for_users(rows, task, name):
    try:
        match = recognise(rows, Asked(task, name=name))
        if match is not None and match.shape != "columns":
            read = read_shape(rows, task=task, name=name)
            assert len(read.pairs) == len(rows)
    except DataError:
        pass  # one line for users
