"""Which bytes may come next: exactly those that some object of the shape goes on with, as Python's own reader judges it."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunecurve.formats.json_objects import read_object
from tunecurve.formats.json_shapes import shape_of_paths, shape_of_targets
from tunecurve.learners.lm.decoding.json_automaton import MAX_BLANKS, JsonAutomaton

TARGETS = [
    {"name": "Ada", "age": 36, "tags": ["a", "b"], "home": {"city": "Zoë", "zip": None}},
    {"name": "", "age": 1.5, "tags": [], "ok": True, "rows": [{"x": 1}, {"y": [[]]}], "empty": {}, 'é.q"': "odd"},
]
SHAPE = shape_of_targets([(json.dumps(target), "") for target in TARGETS])
CLOSED = shape_of_targets(
    [(json.dumps({"kind": ("up", "up and down", "né")[number % 3], "n": f"x{number}"}), "") for number in range(60)]
)


def accepts(text, shape=SHAPE):
    automaton = JsonAutomaton(shape)
    standing = automaton.follow(automaton.start, text if isinstance(text, bytes) else text.encode())
    return standing is not None and automaton.may_end(standing)


@pytest.mark.parametrize(
    "text",
    [
        "{}", " {\n} ", '{"name": "x"}', '{"age":-0.5e+3}', '{"age":12345678901234567890}', '{"tags":["",""],"name":""}',
        '{"name": "\\u00e9\\ud83d\\ude00\\n\\"\\\\\\/"}', '{"name": "日本 😀 é"}', '{"home": {"zip": null, "city": "x"}}',
        '{"rows": [{"x": 1}, {"y": [[], []]}, {}]}', '{"empty": {}, "ok": false}', '{"é.q\\"": "x"}', '{"\\u00e9.q\\"": "x"}',
        '{\n  "age" : 3 ,\n  "name" : "x"\n}\n', '{"home": {}}',
    ],
)  # fmt: skip
def test_objects_of_the_shape_are_let_through(text):
    assert accepts(text)
    assert SHAPE.has(read_object(text))


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", '"x"', "null", '{"name": "x"', '{"name": "x",}', '{"name" "x"}', '{"nam": "x"}', '{"name": "x" "age": 1}',
        '{"name": "a", "name": "b"}', '{"age": 1, "name": "x", "age": 2}', '{"age": 01}', '{"age": 1.}', '{"age": .5}',
        '{"age": +1}', '{"age": NaN}', '{"age": Infinity}', '{"age": "1"}', '{"age": 1e999}', '{"name": 1}', '{"name": null}',
        '{"ok": True}', '{"ok": tru}', '{"name": "a\nb"}', '{"name": "\\x"}', '{"name": "\\ud83d"}', '{"name": "\\ude00"}',
        '{"name": "\\ud83dx"}', '{"name": "\\u12"}', '{"tags": ["a",]}', '{"tags": [1]}', '{"empty": {"x": 1}}', '{"name": "x"} x',
        '```json\n{"name": "x"}\n```', "{'name': 'x'}", '{"age": ' + "9" * 5000 + "}", b'{"name": "\xff"}', b'{"name": "\xc3"}',
        b'{"name": "\xed\xa0\x80"}', b'{"name": "\xc0\xaf"}', b'{"name": "\xf4\x90\x80\x80"}', "\ufeff{}", "{}   ",
    ],
)  # fmt: skip
def test_nothing_else_is(text):
    assert not accepts(text)


def test_a_closed_set_has_no_other_values_and_what_is_always_there_is_needed():
    assert accepts('{"kind": "up", "n": "q"}', CLOSED)
    assert accepts('{"n": "q", "kind": "up and down"}', CLOSED)
    assert accepts('{"n": "q", "kind": "n\\u00e9"}', CLOSED)
    for text in (
        '{"kind": "down", "n": "q"}',
        '{"kind": "up ", "n": ""}',
        '{"kind": "up"}',
        '{"kind": "", "n": ""}',
        "{}",
    ):
        assert not accepts(text, CLOSED)


# Exponents of two digits at most: three of them are infinite to some readers.
FLOATS = st.floats(-1e90, 1e90).filter(lambda number: not number or abs(number) > 1e-90)
LEAVES = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=6) | FLOATS
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=4)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(OBJECTS, min_size=1, max_size=3),
    st.sampled_from([None, 1, "\t"]),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_every_object_that_was_seen_is_let_through_however_it_is_written(objects, indent, ensure_ascii, random):
    shape = shape_of_targets([(json.dumps(one), "") for one in objects])
    for one in objects:
        keys = list(one)
        random.shuffle(keys)
        text = json.dumps({key: one[key] for key in keys}, indent=indent, ensure_ascii=ensure_ascii)
        assert accepts(text, shape)


@settings(max_examples=60, deadline=None)
@given(st.lists(OBJECTS, min_size=1, max_size=3), st.integers(0, 2**32))
def test_whatever_is_written_at_random_ends_and_is_an_object_of_the_shape(objects, seed):
    shape = shape_of_targets([(json.dumps(one), "") for one in objects])
    assert_walk_ends(shape, random.Random(seed))


@pytest.mark.parametrize("seed", range(6))
def test_so_it_is_without_rows(seed):
    assert_walk_ends(shape_of_paths(["intent", "slots.artist", "slots.when\\.at", "slots"]), random.Random(seed))


def assert_walk_ends(shape, noise):
    automaton = JsonAutomaton(shape)
    standing, written = automaton.start, bytearray()
    while not automaton.may_end(standing):
        allowed = automaton.next_bytes(standing)
        assert allowed, bytes(written)
        closing = [byte for byte in allowed if byte in b'"}]']
        # After a while, whatever closes something.
        byte = noise.choice(closing if closing and len(written) > 80 else allowed)
        standing = automaton.step(standing, byte)
        written.append(byte)
        assert len(written) < 4000
    value = read_object(bytes(written).decode())
    assert value is not None
    assert shape.has(value)


ENDED = [
    (b"", b"{}"), (b"{", b"}"), (b'{"n', b'":0}'), (b'{"n": -', b"0}"), (b'{"n": 1.', b"0}"), (b'{"n": 1e+', b"0}"), (b'{"n": 12', b"}"),
    (b'{"t": "a', b'"}'), (b'{"t": "\\', b'n"}'), (b'{"t": "\\u', b'0000"}'), (b'{"t": "\\uD83', b'0\\uDC00"}'),
    (b'{"t": "\\ud83d', b'\\uDC00"}'), (b'{"t": "\xe2\x82', b'\x80"}'), (b'{"t": "\xe0', b'\xa0\x80"}'),
    (b'{"t": "\xf0', b'\x90\x80\x80"}'),
    (b'{"t": "\xf4', b'\x80\x80\x80"}'), (b'{"l": [[1, 2', b"]]}"), (b'{"l": [', b"]}"), (b'{"n": 1,', b'"t":""}'), (b'{"y": t', b"rue}"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "rest"), ENDED)
def test_the_shortest_end_is_found_wherever_the_object_stands(written, rest):
    rows = ['{"n": 1, "t": "x"}', '{"l": [[1]], "y": true}']
    automaton = JsonAutomaton(shape_of_targets([(row, "") for row in rows]))
    found = automaton.shortest_end(automaton.follow(automaton.start, written))
    assert len(found) == len(rest)
    assert read_object((written + found).decode()) is not None


def test_the_shortest_end_has_the_keys_that_are_needed_and_values_of_closed_sets():
    rows = [
        json.dumps({"kind": ("long one", "b")[n % 2], "at": {"city": f"c{n}", "n": n}, "all": [n]}) for n in range(40)
    ]
    shape = shape_of_targets([(row, "") for row in rows])
    automaton = JsonAutomaton(shape)
    ended = automaton.shortest_end(automaton.start)
    assert read_object(ended.decode()) == {"all": [], "at": {"city": "", "n": 0}, "kind": "b"}
    begun = b'{"kind": "l'
    assert (
        read_object((begun + automaton.shortest_end(automaton.follow(automaton.start, begun))).decode())["kind"]
        == "long one"
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(OBJECTS, min_size=1, max_size=3), st.integers(0, 2**32), st.integers(0, 60))
def test_from_everywhere_the_shortest_end_makes_an_object_of_the_shape(objects, seed, n_bytes):
    shape = shape_of_targets([(json.dumps(one), "") for one in objects])
    automaton, noise = JsonAutomaton(shape), random.Random(seed)
    standing, written = automaton.start, bytearray()
    while len(written) < n_bytes and not automaton.may_end(standing):
        byte = noise.choice(automaton.next_bytes(standing))
        standing = automaton.step(standing, byte)
        written.append(byte)
    value = read_object((bytes(written) + automaton.shortest_end(standing)).decode())
    assert value is not None
    assert shape.has(value)


def test_blanks_do_not_go_on_for_ever():
    automaton = JsonAutomaton(SHAPE)
    assert automaton.follow(automaton.start, b"{" + b" " * MAX_BLANKS) is not None
    assert automaton.follow(automaton.start, b"{" + b" " * (MAX_BLANKS + 1)) is None
    assert automaton.follow(automaton.start, b"\n \n{") is None
    assert automaton.follow(automaton.start, b'{"age": 1' + b"\n" * (MAX_BLANKS + 1)) is None
