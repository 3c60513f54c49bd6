"""What a study leaves open is settled from its first rows once, and stays as it began."""

import json

import pytest

from tunecurve.errors import StudyStateError
from tunecurve.study.dataset import split_data
from tunecurve.study.freezing import freeze
from tunecurve.study.reading import read_study_rows
from tunecurve.study.settling import settled_study
from tunecurve.study.study_file import resolved_yaml


def chats(n_rows, system="Mask."):
    names = [f"Ada{number}" for number in range(n_rows)]
    return [
        {
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": f"Ask {name} about the {'x' * (number + 1)}."},
                {"role": "assistant", "content": f"Ask [NAME] about the {'x' * (number + 1)}."},
            ],
            "lang": "en" if number % 2 else "fr",
        }
        for number, name in enumerate(names)
    ]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def prepared(values, folder):
    settled = settled_study(values, folder)
    return settled, split_data(settled.spec, read_study_rows(settled.spec, folder, settled.findings), folder)


def values(source, **data):
    return {"name": "s", "data": {"source": source, **data}, "split": {"test_size": 10}, "train_sizes": [10]}


def test_a_shape_is_found_written_out_and_said(tmp_path):
    settled, data = prepared(values(write(tmp_path / "rows.jsonl", chats(30))), tmp_path / "run")
    assert settled.spec.data.shape == "openai-chat"
    assert settled.spec.prompt.system == "Mask."
    assert "shape: openai-chat" in resolved_yaml(settled.spec)
    assert [finding.text for finding in data.findings if finding.code == "shape-read"] == [
        "read as OpenAI chat: last assistant turn is the target, the system text of all rows is the instruction (prompt.system); "
        "not read: lang"
    ]
    prompt = data.prompts()[0]
    assert [message.role for message in prompt.messages] == ["system", "user"]
    assert prompt.messages[0].content == "Mask."


def test_a_shape_and_its_instruction_stay_as_the_study_began(tmp_path):
    source, folder = write(tmp_path / "rows.jsonl", chats(30)), tmp_path / "run"
    settled, data = prepared(values(source), folder)
    folder.mkdir()
    freeze(data, settled.spec, folder)
    # Rows that join later have another system text, and stand first.
    write(tmp_path / "rows.jsonl", [*chats(45, "Other.")[30:], *chats(30)])
    again, grown = prepared(values(source), folder)
    assert again.spec.comparable_part() == settled.spec.comparable_part()
    assert [row.row_id for row in grown.test] == [row.row_id for row in data.test]
    assert sum("System: Other." in row.source for row in grown.pool) == 15
    with pytest.raises(StudyStateError, match="shape"):
        settled_study(values(source, shape="columns"), folder)


def test_test_rows_of_ones_own_are_read_in_the_same_shape(tmp_path):
    source = write(tmp_path / "rows.jsonl", chats(30))
    test = write(tmp_path / "test.jsonl", chats(45)[30:])
    own = {**values(source, test_source=test), "split": {}}
    _, data = prepared(own, tmp_path / "run")
    assert (len(data.test), len(data.pool)) == (15, 30)
    assert all(row.source.startswith("Ask Ada") for row in data.test)


def test_a_test_file_of_another_shape_is_an_error_not_a_guess(tmp_path):
    source = write(tmp_path / "rows.jsonl", chats(30))
    test = write(tmp_path / "test.jsonl", [{"source_text": "a", "target_text": "b"}] * 5)
    with pytest.raises(Exception, match=r"no usable row is left .*no list of turns"):
        prepared({**values(source, test_source=test), "split": {}}, tmp_path / "run")


def test_conditions_limits_and_groups_see_the_other_columns(tmp_path):
    source = write(tmp_path / "rows.jsonl", chats(60))
    _, data = prepared(values(source, where=["lang=en"], limit=25), tmp_path / "run")
    assert data.facts.rows_in == 25


def test_a_split_column_counts_rows_once_in_the_line(tmp_path):
    rows = [{**row, "split": "test" if number % 3 else "train"} for number, row in enumerate(chats(30, "A."))]
    rows[4]["messages"][0]["content"] = "B."
    settled, data = prepared(
        {**values(write(tmp_path / "r.jsonl", rows), split_column="split"), "split": {}}, tmp_path / "run"
    )
    assert settled.spec.prompt.system is None
    line = next(finding.text for finding in data.findings if finding.code == "shape-read")
    assert "2 system texts kept" in line


def test_plain_columns_have_the_signature_they_had(tmp_path):
    rows = [{"source_text": f"Ask Ada {'x' * n}", "target_text": f"Ask [NAME] {'x' * n}"} for n in range(1, 31)]
    source = write(tmp_path / "rows.jsonl", rows)
    settled = settled_study(values(source), tmp_path / "run")
    assert "shape" not in settled.spec.comparable_part()["data"]
    assert settled.spec.comparable_part()["data"]["input_column"] == "source_text"


def test_prompts_and_tuning_examples_hold_the_chat_as_plain_turns(tmp_path):
    rows = chats(30)
    for row in rows[::2]:
        row["messages"][1:1] = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    _, data = prepared(values(write(tmp_path / "rows.jsonl", rows)), tmp_path / "run")
    for example in data.tuning_examples(10, 0):
        system, user = example.prompt.messages
        assert (system.role, system.content, user.role) == ("system", "Mask.", "user")
        assert user.content.startswith(("Ask Ada", "User: Hi\n\nAssistant: Hello\n\nUser: Ask Ada"))
        assert example.answer.startswith("Ask [NAME]")
    turns = data.prompts(shots=2)[0].messages
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert not any(mark in turn.content for turn in turns for mark in ("role", "content", "Mask.\n", "<|"))


def test_a_template_stands_around_the_chat_and_may_name_its_other_columns(tmp_path):
    source = write(tmp_path / "rows.jsonl", chats(30))
    _, data = prepared({**values(source), "prompt": {"template": "Text: {input}"}}, tmp_path / "run")
    assert data.prompts()[0].messages[-1].content.startswith("Text: Ask Ada")
    _, data = prepared({**values(source), "prompt": {"template": "[{lang}] {input}"}}, tmp_path / "other")
    assert data.test[0].source.startswith(("[en] Ask Ada", "[fr] Ask Ada"))


@pytest.mark.parametrize("system", ["", "My own."])
def test_an_instruction_that_is_given_stays(system, tmp_path):
    source = write(tmp_path / "rows.jsonl", chats(30))
    settled, data = prepared({**values(source), "prompt": {"system": system}}, tmp_path / "run")
    assert settled.spec.prompt.system == system
    assert data.test[0].source.startswith("System: Mask.\n\nUser: Ask Ada")
