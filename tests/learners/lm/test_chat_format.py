"""The known traps of training on chats: each has a test."""

import pytest
from transformers import AutoTokenizer

from tunecurve.errors import ModelError
from tunecurve.learners.lm.cached import cached_step
from tunecurve.learners.lm.chat_format import ChatEncoder, EncodedExample, common_prefix_length
from tunecurve.learners.lm.training.backends import shared_prefix_length
from tunecurve.prompts import PromptRenderer

RENDERER = PromptRenderer("Mask: {labels}.", labels=("NAME", "CITY"))


@pytest.fixture(scope="module")
def encoder(smollm2):
    return ChatEncoder(AutoTokenizer.from_pretrained(smollm2.folder))


def example(encoder, source="Bo ran", target="[NAME] ran"):
    return encoder.encode_example(RENDERER.tuning_example(source, target))


def test_the_end_token_is_trained_although_it_is_the_pad_token(encoder):
    assert encoder.tokenizer.pad_token_id == encoder.tokenizer.eos_token_id == encoder.end_token_id
    encoded = example(encoder)
    [labels] = cached_step([[encoded]], 0, 0).labels
    assert labels[0, -1] == encoder.end_token_id


def test_labels_are_masked_by_position(encoder):
    short, long = example(encoder), example(encoder, target="[NAME] ran " * 3)
    [labels] = cached_step([[short, long]], 0, 0).labels
    assert (labels[0, : long.n_answer - short.n_answer] == -100).all()
    assert labels[0, long.n_answer - short.n_answer :].tolist() == short.token_ids[-short.n_answer :]
    assert labels[1].tolist() == long.token_ids[-long.n_answer :]
    assert encoder.end_token_id in long.token_ids[: -long.n_answer], "end tokens of earlier turns carry no loss"


def test_an_example_without_a_trained_token_is_an_error(encoder):
    with pytest.raises(ModelError, match="empty answer"):
        example(encoder, target="")


def test_training_starts_from_exactly_the_prompt_that_generation_sees(encoder):
    encoded = example(encoder)
    prompt = encoder.prompt_ids(RENDERER.prompt("Bo ran"))
    assert encoded.token_ids[: -encoded.n_answer] == prompt
    assert encoder.decode(encoded.token_ids[-encoded.n_answer : -1]) == "[NAME] ran"


def test_prefix_and_row_are_the_whole_text(encoder):
    examples = [example(encoder, source) for source in ("Bo ran", "Ada slept in Rome", "\n\nCleo", "<|im_end|>")]
    n_prefix = shared_prefix_length(examples)
    assert n_prefix > 10
    for encoded in examples:
        assert encoded.token_ids[:n_prefix] == examples[0].token_ids[:n_prefix]
        assert len(encoded.token_ids) - encoded.n_answer > n_prefix, "the prefix never reaches into the answer"


@pytest.mark.parametrize(
    ("sequences", "expected"),
    [([[1, 2, 3], [1, 2, 4]], 2), ([[1, 2], [1, 2]], 1), ([[1]], 0), ([[1, 2], [3, 4]], 0), ([], 0)],
)
def test_common_prefix_leaves_a_token_of_every_row(sequences, expected):
    assert common_prefix_length(sequences) == expected


def test_positions_do_not_depend_on_padding():
    batch = cached_step([[EncodedExample([9, 9, 1, 2, 3], 1), EncodedExample([9, 9, 4], 1)]], 2, 0)
    assert batch.prefix_ids.tolist() == [[9, 9]]
    assert batch.token_ids.tolist() == [[1, 2, 3], [0, 0, 4]]
    assert batch.position_ids.tolist() == [[2, 3, 4], [2, 2, 2]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1, 1], [1, 1, 0, 0, 1]]


def test_a_chat_template_without_a_system_role_gets_the_instruction_in_the_first_user_turn(smollm2):
    tokenizer = AutoTokenizer.from_pretrained(smollm2.folder)
    tokenizer.chat_template = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}<|im_end|>{% endfor %}<model>"
    )
    encoder = ChatEncoder(tokenizer)
    assert encoder.prompt_text(RENDERER.prompt("Bo")) == "<user>Mask: NAME, CITY.\n\nBo<|im_end|><model>"


def test_a_tokenizer_without_a_chat_template_gets_the_plain_form(smollm2):
    tokenizer = AutoTokenizer.from_pretrained(smollm2.folder)
    tokenizer.chat_template = None
    plain = ChatEncoder(tokenizer)
    text = plain.prompt_text(RENDERER.prompt("Bo ran", [("Al", "[NAME]")]))
    assert text == "Mask: NAME, CITY.\n\nInput: Al\nOutput: [NAME]\n\nInput: Bo ran\nOutput:"
    assert plain.decode(plain.encode_example(RENDERER.tuning_example("x", "[NAME]")).token_ids[-4:-1]).endswith("NAME]")
    tokenizer.eos_token = None
    with pytest.raises(ModelError, match="could not learn to stop"):
        ChatEncoder(tokenizer)
