"""`tunecurve convert`: rows of any shape as plain rows and as chats, which `validate` reads again as the same rows."""

import json

import pytest

from tunecurve.cli.main import run_command
from tunecurve.study.reading import read_study_rows
from tunecurve.study.settling import settled_study

NAMES = ["Tilda", "Ansgar", "Wenna", "Osric", "Ludo", "Perpetua", "Corin", "Jessamy", "Ivo", "Brannoc", "Ada", "Bo"]


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name, rows):
    with open(name, "w") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def spans(**more):
    return [
        {"text": f"{name} é left {number}.", "label": [[0, len(name), "first name"]], **more}
        for number, name in enumerate(NAMES)
    ] + [{"text": "Nobody left.", "label": [], **more}]


def converted(capsys, *arguments):
    code = run_command(["convert", *arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def pairs(source, task, **data):
    settled = settled_study({"name": "s", "task": task, "data": {"source": source, **data}})
    rows = read_study_rows(settled.spec, None).rows
    return (
        settled.spec,
        [(row.source, row.target, row.other_targets, row.side) for row in rows],
        [row.group for row in rows],
    )


def lines(name):
    with open(name) as file:
        return [json.loads(line) for line in file]


PLAIN = {"input_column": "input", "target_column": "target"}


@pytest.mark.parametrize("task", ["masking", "ner"])
def test_plain_rows_are_read_again_as_the_same_rows(capsys, task):
    write("notes.jsonl", spans())
    code, out, _ = converted(capsys, "notes.jsonl", "--task", task)
    assert code == 0
    assert "13 rows in, 13 kept" in out
    assert "wrote    notes.rows.jsonl: 13 rows with 'input' and 'target'" in out
    assert list(lines("notes.rows.jsonl")[0]) == ["input", "target"]
    assert pairs("notes.rows.jsonl", task, **PLAIN)[1:] == pairs("notes.jsonl", task)[1:]


@pytest.mark.parametrize("to", ["openai", "vertex", "together", "trl"])
@pytest.mark.parametrize("task", ["masking", "ner"])
def test_chats_are_read_again_as_the_same_rows_with_their_instruction(capsys, task, to):
    write("notes.jsonl", spans())
    assert converted(capsys, "notes.jsonl", "--task", task, "--to", to, "-o", "chats.jsonl")[0] == 0
    spec, found, _ = pairs("chats.jsonl", task)
    assert found == pairs("notes.jsonl", task)[1]
    label = {"masking": "Labels: FIRST_NAME.", "ner": "Types: first name."}[task]
    assert label in spec.prompt.system


def test_the_forms_are_those_of_the_services(capsys):
    write("notes.jsonl", spans())
    converted(capsys, "notes.jsonl", "--task", "masking", "--to", "openai", "-o", "openai.jsonl")
    converted(capsys, "notes.jsonl", "--task", "masking", "--to", "vertex", "-o", "vertex.jsonl")
    messages = lines("openai.jsonl")[0]["messages"]
    assert [turn["role"] for turn in messages] == ["system", "user", "assistant"]
    assert [turn["content"] for turn in messages[1:]] == ["Tilda é left 0.", "[FIRST_NAME] é left 0."]
    row = lines("vertex.jsonl")[0]
    assert set(row) == {"systemInstruction", "contents"}
    assert row["contents"][1] == {"role": "model", "parts": [{"text": "[FIRST_NAME] é left 0."}]}


def test_chats_become_plain_rows(capsys):
    turns = [
        [{"role": "user", "content": f"Is {name} in?"}, {"role": "assistant", "content": f"{name} is."}]
        for name in NAMES
    ]
    write("chats.jsonl", [{"messages": one} for one in turns])
    assert converted(capsys, "chats.jsonl", "--task", "generation", "-o", "rows.jsonl")[0] == 0
    assert lines("rows.jsonl")[0] == {"input": "Is Tilda in?", "target": "Tilda is."}


def test_groups_and_sides_are_kept(capsys):
    rows = [
        {**row, "who": f"g{number % 4}", "part": "test" if number % 3 == 0 else "train"}
        for number, row in enumerate(spans())
    ]
    write("notes.jsonl", rows)
    options = ["--group-column", "who", "--split-column", "part"]
    code, out, _ = converted(capsys, "notes.jsonl", "--task", "ner", *options)
    assert code == 0
    assert "--group-column group --split-column split" in out
    assert list(lines("notes.rows.jsonl")[0]) == ["input", "target", "group", "split"]
    again = pairs("notes.rows.jsonl", "ner", **PLAIN, group_column="group", split_column="split")
    assert again[1:] == pairs("notes.jsonl", "ner", group_column="who", split_column="part")[1:]
    code, out, _ = converted(capsys, "notes.jsonl", "--task", "ner", *options, "--to", "trl", "-o", "chats.jsonl")
    assert code == 0
    assert (len(lines("chats.jsonl")), len(lines("chats-test.jsonl"))) == (8, 5)
    assert "wrote    chats-test.jsonl: 5 rows as chats for TRL" in out
    assert "chats name no groups" in out


def test_documents_of_a_conll_file_are_groups(capsys):
    with open("news.conll", "w") as file:
        for name in NAMES:
            file.write(f"-DOCSTART- O\n\n{name} B-PER\nleft O\n\nIt O\nrained O\non O\n{name} B-PER\n\n")
    code, out, _ = converted(capsys, "news.conll", "--task", "ner")
    assert code == 0
    assert "sentences of one document are one group" in out
    rows = lines("news.rows.jsonl")
    assert rows[0]["group"] == rows[1]["group"] != rows[2]["group"]
    assert rows[0] == {"input": "Tilda left", "target": "PER: Tilda", "group": "document 1"}


def test_several_right_targets_stay_several(capsys):
    write(
        "sums.jsonl", [{"text": f"{name} left early.", "short": [f"{name} left.", f"{name} went."]} for name in NAMES]
    )
    columns = ["--input-column", "text", "--target-column", "short"]
    assert converted(capsys, "sums.jsonl", "--task", "summarization", *columns)[0] == 0
    assert lines("sums.rows.jsonl")[0]["target"] == ["Tilda left.", "Tilda went."]
    again = pairs("sums.rows.jsonl", "summarization", **PLAIN)
    assert again[1:] == pairs("sums.jsonl", "summarization", input_column="text", target_column="short")[1:]


@pytest.mark.parametrize("to", ["openai", "vertex", "together", "trl", "rows"])
@pytest.mark.parametrize(("n_more", "is_said"), [(12, True), (1, True), (0, False)])
def test_answers_that_chats_leave_out_are_said(capsys, to, n_more, is_said):
    rows = [
        {"text": f"{name} left {number}.", "summary": [f"{name} went", *(["gone"] if number < n_more else [])]}
        for number, name in enumerate(NAMES)
    ]
    write("many.jsonl", rows)
    code, out, _ = converted(capsys, "many.jsonl", "--task", "summarization", "--to", to)
    assert code == 0
    assert (f"first of several right answers, and {n_more} rows have more" in out) is (is_said and to != "rows")


def test_what_is_there_is_not_overwritten(capsys):
    write("notes.jsonl", spans())
    write("kept.jsonl", [{"mine": 1}])
    code, _, err = converted(capsys, "notes.jsonl", "--task", "masking", "-o", "kept.jsonl")
    assert code == 2
    assert "'kept.jsonl' exists; choose another name with -o, or add --force" in err
    assert lines("kept.jsonl") == [{"mine": 1}]
    assert converted(capsys, "notes.jsonl", "--task", "masking", "-o", "kept.jsonl", "--force")[0] == 0
    assert len(lines("kept.jsonl")) == 13
    code, _, err = converted(capsys, "notes.jsonl", "--task", "masking", "-o", "notes.jsonl", "--force")
    assert code == 2
    assert "is the data itself" in err


def test_a_file_of_a_side_that_is_there_is_not_overwritten(capsys, in_a_folder):
    write("notes.jsonl", [{**row, "part": "test" if number % 2 else "train"} for number, row in enumerate(spans())])
    write("chats-test.jsonl", [{"mine": 1}])
    code, _, err = converted(
        capsys, "notes.jsonl", "--task", "masking", "--split-column", "part", "--to", "openai", "-o", "chats.jsonl"
    )
    assert code == 2
    assert "'chats-test.jsonl' exists" in err
    assert not (in_a_folder / "chats.jsonl").exists()


def test_too_few_rows_for_a_service_are_said(capsys):
    write("notes.jsonl", spans()[:4])
    code, out, _ = converted(capsys, "notes.jsonl", "--task", "masking", "--to", "openai")
    assert code == 0
    assert "warning  4 rows are fewer than the 10 that one tuning job takes there" in out


def test_a_study_file_is_converted_with_what_it_says(capsys, in_a_folder):
    write("notes.jsonl", [{"text": "Żoë left", "label": [[0, 5, 0]]}])
    text = "name: s\ntask: ner\ndata:\n  source: notes.jsonl\n  shape_options: {offsets: bytes, tag_names: [PER]}\n"
    (in_a_folder / "study.yaml").write_text(text)
    write("notes.jsonl", [{"text": "Żoë left", "label": [{"start": 0, "end": 5, "label": 0}]}])
    assert converted(capsys, "study.yaml", "-o", "rows.jsonl")[0] == 0
    assert lines("rows.jsonl") == [{"input": "Żoë left", "target": "PER: Żoë"}]


def test_rows_that_are_no_such_task_are_refused(capsys, in_a_folder):
    write(
        "mail.jsonl",
        [{"text": f"{name} left early", "label": "spam" if number % 2 else "ham"} for number, name in enumerate(NAMES)],
    )
    code, _, err = converted(
        capsys,
        "mail.jsonl",
        "--task",
        "masking",
        "--input-column",
        "text",
        "--target-column",
        "label",
        "--to",
        "openai",
    )
    assert code == 3
    assert "--task classification" in err
    assert list(in_a_folder.iterdir()) == [in_a_folder / "mail.jsonl"]


def chats(*systems):
    turns = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Ada left."}]
    return [
        {"messages": [{"role": "system", "content": system}, {**turns[0], "content": f"Who? {number}"}, turns[1]]}
        for number, system in enumerate(systems)
    ]


@pytest.mark.parametrize(
    ("systems", "to", "words"),
    [
        (["Be brief."] * 3, "rows", "the system text 'Be brief.' stands in no row"),
        (["Be brief.", "Be kind."], "openai", "the chats' system text is the task's instruction"),
        (["Be brief.", "Be kind."], "vertex", "the chats' system text is the task's instruction"),
        (["Be brief."] * 3, "trl", ""),
        (["Be brief.", "Be kind."], "rows", ""),
    ],
)
def test_where_the_system_text_went_is_said(capsys, systems, to, words):
    write("chats.jsonl", chats(*systems))
    code, out, _ = converted(capsys, "chats.jsonl", "--task", "generation", "--to", to, "-o", "out.jsonl")
    assert code == 0
    assert words in out
    assert words or "the system text '" not in out
    assert words or "task's instruction" not in out


def test_how_columns_and_task_were_found_is_said(capsys):
    write("notes.jsonl", [{"question": f"Who? {number}", "answer": "Ada", "id": number} for number in range(12)])
    _, out, _ = converted(capsys, "notes.jsonl")
    assert "'question' is the input, 'answer' is the target; not part of them: id" in out
    assert "no task is named, and" in out


@pytest.mark.parametrize(
    ("output", "said"), [("-", "standard output"), ("loop", "leads to no file"), ("gone", "no file")]
)
def test_rows_are_written_to_a_file_only(capsys, in_a_folder, output, said):
    write("a.jsonl", [{"text": f"mail {n}", "label": "ab"[n % 2]} for n in range(6)])
    (in_a_folder / "loop").symlink_to("loop")
    (in_a_folder / "gone").symlink_to("nowhere")
    code, _, err = converted(capsys, "a.jsonl", "-o", output, "--force")
    assert code == 2
    assert said in err
    assert sorted(path.name for path in in_a_folder.iterdir()) == ["a.jsonl", "gone", "loop"]
