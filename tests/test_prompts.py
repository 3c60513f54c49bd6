from tunecurve.prompts import Message, PromptRenderer

RENDERER = PromptRenderer("Mask. Labels: {labels}.", "Text: {input}!", ("A", "B"))


def test_zero_shot_few_shot_and_tuning_share_one_rendering():
    zero = RENDERER.prompt("x")
    assert zero.messages == (Message("system", "Mask. Labels: A, B."), Message("user", "Text: x!"))
    few = RENDERER.prompt("x", [("p", "q"), ("r", "s")])
    assert few.messages == (
        zero.messages[0],
        Message("user", "Text: p!"),
        Message("assistant", "q"),
        Message("user", "Text: r!"),
        Message("assistant", "s"),
        zero.messages[1],
    )
    example = RENDERER.tuning_example("x", "y")
    assert (example.prompt, example.answer) == (zero, "y")


def test_nothing_in_a_text_is_interpreted():
    text = "{input} {labels} {0} {{x}} {% raw %} %s $x"
    assert RENDERER.prompt(text).messages[-1].content == f"Text: {text}!"
    assert PromptRenderer("{labels}", "{input}", ("{input}",)).system_text == "{input}"


def test_an_empty_instruction_gives_no_system_message():
    assert [message.role for message in PromptRenderer("", "{input}").prompt("x").messages] == ["user"]
