"""Chats in Bedrock's form for tuning Nova models, ``bedrock-conversation-2024``."""

import pytest

from tests.support.shapes import read_shape

TURNS = [{"role": "user", "content": [{"text": "Hi"}]}, {"role": "assistant", "content": [{"text": "Hello"}]}]
ROW = {"schemaVersion": "bedrock-conversation-2024", "system": [{"text": "Be kind."}], "messages": TURNS}


@pytest.mark.parametrize("left_out", [(), ("schemaVersion",), ("system",), ("schemaVersion", "system")])
def test_it_is_told_by_its_schema_or_by_parts_without_a_type(left_out):
    read = read_shape([{key: value for key, value in ROW.items() if key not in left_out}] * 2)
    assert read.pairs == [("Hi", "Hello")] * 2
    assert read.match.instruction == (None if "system" in left_out else "Be kind.")
    assert read.line.startswith("read as Bedrock chat: ")


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (
            {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/p.png"}}}},
            "chat with parts that are no text",
        ),
        ({"toolUse": {"toolUseId": "1", "name": "f", "input": {}}}, "tool calls"),
        ({"toolResult": {"toolUseId": "1", "content": []}}, "tool calls"),
    ],
)
def test_other_parts_are_named(part, reason):
    other = {**ROW, "messages": [{"role": "user", "content": [{"text": "Hi"}, part]}, TURNS[1]]}
    assert read_shape([ROW, other]).pairs == [("Hi", "Hello"), reason]
