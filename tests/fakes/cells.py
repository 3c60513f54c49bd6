"""Cells of every kind, as no file should hold them."""

from hypothesis import strategies as st

CELLS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=5)
    | st.dates()
    | st.decimals()
    | st.sampled_from(["[]", "['a', 'b']", "{}", "[[0, 1, 'X']]"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["role", "content", "start", "end", "value", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)
