"""Chats as Vertex AI's page on tuning Gemini models shows them."""

import pytest

from tests.support.shapes import read_shape

SYSTEM = {"role": "system", "parts": [{"text": "You are a pirate dog."}]}
HI = {"role": "user", "parts": [{"text": "Hi"}]}
ARGH = {"role": "model", "parts": [{"text": "Argh!"}]}
NAME = {"role": "user", "parts": [{"text": "What's your name?"}]}
BARK = {"role": "model", "parts": [{"text": "Captain Bark"}]}


def test_the_last_model_turn_is_the_target_and_a_shared_instruction_is_the_studys():
    read = read_shape([{"systemInstruction": SYSTEM, "contents": [HI, ARGH]}] * 2)
    assert read.pairs == [("Hi", "Argh!")] * 2
    assert read.match.instruction == "You are a pirate dog."
    assert read.line.startswith("read as Vertex chat: last assistant turn is the target")


@pytest.mark.parametrize("key", ["systemInstruction", "system_instruction"])
def test_instructions_that_differ_stay_in_the_input(key):
    other = {"role": "whoever", "parts": [{"text": "Be brief."}]}
    read = read_shape([{key: SYSTEM, "contents": [HI, ARGH]}, {key: other, "contents": [HI, ARGH]}])
    assert read.pairs[1] == ("System: Be brief.\n\nUser: Hi", "Argh!")
    assert "2 system texts kept" in read.line


def test_earlier_turns_are_kept():
    read = read_shape([{"contents": [HI, ARGH, NAME, BARK]}])
    assert read.pairs == [("User: Hi\n\nAssistant: Argh!\n\nUser: What's your name?", "Captain Bark")]


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ({"fileData": {"mimeType": "image/png", "fileUri": "gs://b/p.png"}}, "chat with parts that are no text"),
        ({"inlineData": {"mimeType": "image/png", "data": "AA"}}, "chat with parts that are no text"),
        ({"functionCall": {"name": "f", "args": {}}}, "tool calls"),
        ({"functionResponse": {"name": "f", "response": {}}}, "tool calls"),
    ],
)
def test_parts_that_are_no_text_are_named(part, reason):
    rows = [{"contents": [HI, ARGH]}, {"contents": [{"role": "user", "parts": [{"text": "See"}, part]}, ARGH]}]
    assert read_shape(rows).pairs[1] == reason


def test_thoughts_are_left_out_and_said():
    answer = {"role": "model", "parts": [{"text": "Hm, a pirate.", "thought": True}, {"text": "Argh!"}]}
    read = read_shape([{"contents": [HI, answer]}])
    assert read.pairs == [("Hi", "Argh!")]
    assert "thoughts left out of 1 chat" in read.line


def test_a_file_that_ends_with_questions_is_named():
    assert (
        read_shape([{"contents": [HI, ARGH]}, {"contents": [HI, ARGH, NAME]}]).pairs[1] == "chat ends with a user turn"
    )


@pytest.mark.parametrize(
    "first", [{"parts": [{"text": "Hi"}]}, {"parts": {"text": "Hi"}}, {"role": None, "parts": [{"text": "Hi"}]}]
)
def test_a_turn_without_a_role_is_the_users(first):
    read = read_shape([{"contents": [first, {"role": "model", "parts": [{"text": "Hello"}]}]}])
    assert read.match.shape == "vertex-chat"
    assert read.pairs == [("Hi", "Hello")]
