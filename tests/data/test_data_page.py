"""The lines of Python in docs/data.md do what the page says, and its tables name what there is."""

import json
import re
from pathlib import Path

from tunecurve.data.drops import REASONS
from tunecurve.data.options import ReadingOptions
from tunecurve.data.shapes.annotated import AnnotatedShape
from tunecurve.data.shapes.registry import SHAPES
from tunecurve.data.sources import read_rows

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
BLOCKS = [block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "def convert" in block]


def convert(sign, row):
    (block,) = (block for block in BLOCKS if sign in block)
    names = {}
    exec(block, names)
    return names["convert"](row)


def test_objects_and_classes():
    assert convert('"fields"', {"fields": {"b": 1, "a": "é"}}) == {"fields": '{"a": "é", "b": 1}'}
    assert convert('one="fire"', {"text": "x", "label": ["water", "fire"]}) == {"text": "x", "label": "yes"}
    assert convert("NFKC", {"label": " Spam. "}) == {"label": "spam"}


def test_single_tokens_become_a_conll_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tokens.csv").write_text(
        "Sentence #,Word,POS,Tag\nSentence: 1,Ada,NNP,B-per\n,left,VBD,O\nSentence: 2,Graz,NNP,B-geo\n"
    )
    (block,) = (block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "sentences.conll" in block)
    exec(block, {})
    rows = [dict(cells) for _, cells in read_rows("sentences.conll", ReadingOptions())]
    assert rows == [{"tokens": ["Ada", "left"], "tags": ["B-per", "O"]}, {"tokens": ["Graz"], "tags": ["B-geo"]}]


def test_every_reason_stands_in_the_table():
    for reason in REASONS:
        words = re.sub(r"^(input|target) not valid", "not valid", reason)
        words = re.sub(r"^(input|target) not text", "input or target not text", words)
        assert f"| {words} " in PAGE or f", {words} |" in PAGE, reason


def test_every_shape_of_labelled_texts_and_its_options_stand_in_the_page():
    shapes = [shape for shape in SHAPES if isinstance(shape, AnnotatedShape)]
    assert len(shapes) >= 6
    for shape in shapes:
        assert f"| `{shape.name}` |" in PAGE
    for option in {name for shape in shapes for name in shape.option_names} - {"scheme", "tokens"}:  # these are found
        assert f"    {option}: " in PAGE


def run_block(sign, monkeypatch, folder, **files):
    monkeypatch.chdir(folder)
    for name, rows in files.items():
        lines = "".join(json.dumps(row) + "\n" for row in rows) if isinstance(rows, tuple) else json.dumps(rows)
        (folder / name.replace("__", ".")).write_text(lines)
    (block,) = (block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if sign in block)
    exec(block, {})
    return [dict(cells) for _, cells in read_rows("rows.jsonl", ReadingOptions())]


ASKED, ANSWERED = {"role": "user", "content": "Which river?"}, {"role": "assistant", "content": "The Ilm."}


def test_answers_of_vertex_with_their_requests_become_chats(tmp_path, monkeypatch):
    turns = [{"role": "user", "parts": [{"text": "Which river?"}]}]
    answer = {"role": "model", "parts": [{"text": "The Ilm."}]}
    system = {"parts": [{"text": "Be short."}]}
    predictions = (
        {
            "status": "",
            "request": {"contents": turns, "generationConfig": {}},
            "response": {"candidates": [{"content": answer}]},
        },
        {
            "status": "",
            "request": {"contents": turns, "systemInstruction": system},
            "response": {"candidates": [{"content": answer}]},
        },
        {"status": "Bad Request", "request": {"contents": turns}, "response": {}},
        {"status": "", "request": {"contents": turns}, "response": {"candidates": [{"finishReason": "SAFETY"}]}},
    )
    rows = run_block("predictions.jsonl", monkeypatch, tmp_path, predictions__jsonl=predictions)
    assert rows == [{"contents": [*turns, answer]}, {"systemInstruction": system, "contents": [*turns, answer]}]


def test_requests_and_answers_of_a_batch_become_chats(tmp_path, monkeypatch):
    requests = tuple({"custom_id": f"r{n}", "url": "/v1", "body": {"messages": [ASKED]}} for n in range(2))
    body = {"choices": [{"message": {**ANSWERED, "refusal": None}}]}
    answers = (
        {"custom_id": "r1", "response": {"status_code": 200, "body": body}, "error": None},
        {"custom_id": "r0", "response": {"status_code": 500, "body": {}}, "error": None},
    )
    rows = run_block("requests.jsonl", monkeypatch, tmp_path, requests__jsonl=requests, answers__jsonl=answers)
    assert rows == [{"messages": [ASKED, ANSWERED]}]


def test_exports_of_chats_become_chats(tmp_path, monkeypatch):
    def node(role, text, parent, *children):
        content = {"content_type": "text", "parts": [text]}
        return {"message": {"author": {"role": role}, "content": content}, "parent": parent, "children": list(children)}

    nodes = {
        "top": {"message": None, "parent": None, "children": ["a"]},
        "a": node("system", "", "top", "b"), "b": node("user", "Which river?", "a", "c", "d"),
        "c": node("assistant", "An old answer.", "b"), "d": node("assistant", "The Ilm.", "b"),
    }  # fmt: skip
    chats = [{"title": "t", "current_node": "d", "mapping": nodes}]
    chats += [
        {
            "uuid": "x",
            "chat_messages": [{"sender": "human", "text": "Which river?"}, {"sender": "assistant", "text": "The Ilm."}],
        }
    ]
    rows = run_block("conversations.json", monkeypatch, tmp_path, conversations__json=chats)
    assert rows == [{"messages": [ASKED, ANSWERED]}] * 2


def test_queries_of_wikisql_become_sql(tmp_path, monkeypatch):
    sql = {"sel": 1, "agg": 3, "conds": [[0, 0, "O'Hara"], [2, 1, 7]]}
    rows = run_block(
        "train.tables.jsonl", monkeypatch, tmp_path, train__tables__jsonl=({"id": "1-1", "header": ["Name", "Town", "No."]},),
        train__jsonl=({"question": "How many?", "table_id": "1-1", "sql": sql},),
    )  # fmt: skip
    assert rows[0]["sql"] == """SELECT COUNT("Town") FROM "1-1" WHERE "Name" = 'O''Hara' AND "No." > 7"""


def test_every_shape_stands_in_the_page():
    for shape in SHAPES:
        assert f"| `{shape.name}` |" in PAGE, shape.name
