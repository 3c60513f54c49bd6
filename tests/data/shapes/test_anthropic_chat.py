"""Turns with the system text beside them, as Anthropic's messages have it."""

from tests.support.shapes import read_shape
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise

TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


def test_a_shared_system_text_is_the_instruction():
    read = read_shape([{"system": "Be kind.", "messages": TURNS}] * 2)
    assert read.match.instruction == "Be kind."
    assert read.pairs == [("Hi", "Hello")] * 2
    assert read.line.startswith("read as Anthropic chat: ")


def test_system_texts_of_blocks_and_missing_ones_are_read():
    blocks = [{"type": "text", "text": "Be kind."}, {"type": "text", "text": "Be brief."}]
    read = read_shape([{"system": blocks, "messages": TURNS}, {"system": None, "messages": TURNS}])
    assert read.pairs == [("System: Be kind.\nBe brief.\n\nUser: Hi", "Hello"), ("Hi", "Hello")]
    assert "1 system text kept" in read.line


def test_blocks_of_tools_and_images_are_named_and_thinking_is_left_out():
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}
    call = {"type": "tool_use", "id": "1", "name": "f", "input": {}}
    thinking = {"type": "thinking", "thinking": "Hm", "signature": "x"}
    rows = [
        {
            "system": "s",
            "messages": [TURNS[0], {"role": "assistant", "content": [thinking, {"type": "text", "text": "Hello"}]}],
        },
        {"system": "s", "messages": [{"role": "user", "content": [image, {"type": "text", "text": "Hi"}]}, TURNS[1]]},
        {"system": "s", "messages": [TURNS[0], {"role": "assistant", "content": [call]}]},
    ]
    assert read_shape(rows).pairs == [("Hi", "Hello"), "chat with parts that are no text", "tool calls"]


def test_openai_chat_can_be_asked_for_where_the_column_is_another_thing():
    rows = [{"system": "linux", "messages": TURNS}]
    assert read_shape(rows, name="openai-chat").pairs == [("Hi", "Hello")]
    assert recognise([{"system": 3, "messages": TURNS}], Asked()).shape == "openai-chat"
