"""Data in the shapes that docs/similar-data.md recommends, and exports of annotation tools, from the command line; rows are made up."""

import json
from pathlib import Path

import pytest

from tunecurve.cli.main import run_command

NAMES = [
    f"{first} {last}"
    for first in ("Tilda", "Ansgar", "Wenna", "Osric", "Ludo")
    for last in ("Quist", "Okafor", "Pascoe", "Tamura")
]
CITIES = ["Porto", "Graz", "Lyon"]
PAGE = (Path(__file__).parents[2] / "docs" / "similar-data.md").read_text()


def facts(number):
    """Return a text, and its spans as (start, end, label)."""
    name, city = NAMES[number % len(NAMES)], CITIES[number % 3]
    text = f"{name} wrote {'many ' * number}notes in {city} ."
    return text, [(0, len(name), "PER"), (text.index(city), text.index(city) + len(city), "LOC")]


def objects(number, start, end, label, value):
    text, spans = facts(number)
    return [{start: first, end: last, label: kind, value: text[first:last]} for first, last, kind in spans]


def tokens_and(number, tags):
    tokens = facts(number)[0].split()
    return {
        "tokens": tokens,
        **{name: [labels[kind] for kind in "BI" + "O" * (len(tokens) - 4) + "LO"] for name, labels in tags.items()},
    }


IOB = {"B": "B-PER", "I": "I-PER", "O": "O", "L": "B-LOC"}
NUMBERS = {"B": 1, "I": 2, "O": 0, "L": 3}
COARSE = {"B": "person", "I": "person", "O": "O", "L": "location"}
FINE = {"B": "person-writer", "I": "person-writer", "O": "O", "L": "location-city"}
MASK = "[PER] wrote notes in [LOC] ."
LISTED = "PER: Tilda Quist; LOC: Porto"


def presidio_research(number):
    text = facts(number)[0]
    spans = objects(number, "start_position", "end_position", "entity_type", "entity_value")
    return {"full_text": text, "masked": text, "spans": spans, "template_id": number, "metadata": {"Gender": "F"}}


def ai4privacy(number):
    text, spans = facts(number)
    masked = text
    for start, end, label in reversed(spans):
        masked = f"{masked[:start]}[{label}_1]{masked[end:]}"
    mask = objects(number, "start", "end", "label", "value")
    pieces = ["[CLS]", "Til", "##da", "[SEP]"]
    labels = {"mbert_text_tokens": pieces, "mbert_bio_labels": ["O", "B-PER", "I-PER", "O"]}
    return {
        "source_text": text,
        "target_text": masked,
        "privacy_mask": mask,
        "span_labels": str([list(span) for span in spans]),
        **labels,
    }


def gretel(number):
    text, spans = facts(number)
    entities = [{"entity": text[start:end], "types": [label]} for start, end, label in spans]
    return {"uid": str(number), "domain": "letters", "document_type": "note", "text": text, "entities": str(entities)}


SHAPES = {
    "wnut_17": (lambda number: {"id": str(number), **tokens_and(number, {"ner_tags": IOB})}, "ner", []),
    "few-nerd": (
        lambda number: tokens_and(number, {"ner_tags": COARSE, "fine_ner_tags": FINE}),
        "ner",
        ["--target-column", "ner_tags"],
    ),
    "gretel-pii": (gretel, "masking", []),
    "ai4privacy": (ai4privacy, "masking", []),
    "presidio-research": (
        lambda number: {**presidio_research(number), "masked": None},
        "masking",
        ["--group-column", "template_id"],
    ),
    "doccano": (lambda number: {"text": facts(number)[0], "label": facts(number)[1]}, "masking", []),
    "prodigy": (
        lambda number: {
            "text": facts(number)[0],
            "spans": objects(number, "start", "end", "label", "x"),
            "answer": "accept",
        },
        "ner",
        [],
    ),
}


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return str(path)


def said(capsys, *arguments):
    code = run_command([*arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", SHAPES)
def test_recommended_data_are_read_as_they_are(name, in_a_folder, capsys):
    row, task, options = SHAPES[name]
    data = write_lines(in_a_folder / "rows.jsonl", [row(number) for number in range(60)])
    code, out, err = said(
        capsys, "validate", "--data", data, "--task", task, "--train-sizes", "10", "--test-size", "20", *options
    )
    assert (code, err) == (0, "")
    assert "60 rows in, 60 kept" in out
    assert "labels   2: " in out
    code, _, err = said(capsys, "convert", data, "--task", task, *options, "-o", "plain.jsonl")
    assert (code, err) == (0, "")
    first = json.loads((in_a_folder / "plain.jsonl").read_text().splitlines()[0])
    expected = {"few-nerd": "person: Tilda Quist; location: Porto", "ai4privacy": "[PER_1] wrote notes in [LOC_1] ."}
    assert first["target"] == expected.get(name, LISTED if task == "ner" else MASK)


def test_names_of_numbers_as_the_page_says(in_a_folder, capsys):
    data = write_lines(in_a_folder / "rows.jsonl", [tokens_and(number, {"ner_tags": NUMBERS}) for number in range(60)])
    code, _, err = said(capsys, "validate", "--data", data, "--task", "ner", "--train-sizes", "10", "--test-size", "20")
    assert code == 3
    assert "numbers are no labels" in err
    key = "shape_options: {tag_names: [O, B-PER, I-PER, B-LOC]}"
    assert "shape_options: {tag_names: [O, B-PER, I-PER, ...]}" in PAGE
    (in_a_folder / "study.yaml").write_text(
        f"name: s\ntask: ner\ndata: {{source: rows.jsonl, {key}}}\ntrain_sizes: [10]\nsplit: {{test_size: 20}}\n"
    )
    code, out, err = said(capsys, "validate", "study.yaml")
    assert (code, err) == (0, "")
    assert "labels   2: LOC, PER" in out


NAMED = {"names": ["O", "B-PER", "I-PER", "B-LOC"], "_type": "ClassLabel"}


@pytest.mark.parametrize(
    "feature", [{"feature": NAMED, "_type": "Sequence"}, {"feature": NAMED, "_type": "List"}, [NAMED]]
)
def test_numbers_with_the_names_of_their_data_set(feature, in_a_folder, capsys):
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_pylist([tokens_and(number, {"ner_tags": NUMBERS}) for number in range(60)])
    about = json.dumps({"info": {"features": {"ner_tags": feature}}})
    pyarrow.parquet.write_table(table.replace_schema_metadata({"huggingface": about}), in_a_folder / "rows.parquet")
    code, out, err = said(
        capsys, "validate", "--data", "rows.parquet", "--task", "ner", "--train-sizes", "10", "--test-size", "20"
    )
    assert (code, err) == (0, "")
    assert "labels   2: LOC, PER" in out
    assert "read as the names that the data set gives them: 0 = O, 1 = B-PER" in out


@pytest.mark.parametrize("ending", [".conll", ".bio", ".conllu", ".txt", ".conll.gz"])
def test_conll_files_keep_their_documents_together(ending, in_a_folder, capsys):
    import gzip

    lines = []
    for number in range(40):
        row = tokens_and(number, {"tags": IOB})
        mark = f"# newdoc id = {number}\n" if ending == ".conllu" else "-DOCSTART- -X- O\n\n"
        lines += [mark] if number % 2 == 0 else []
        lines += [f"{token}\t{tag}\n" for token, tag in zip(row["tokens"], row["tags"], strict=True)] + ["\n"]
    path = in_a_folder / f"rows{ending}"
    path.write_bytes((gzip.compress if ending.endswith("gz") else bytes)("".join(lines).encode()))
    code, out, err = said(
        capsys, "validate", "--data", str(path), "--task", "ner", "--train-sizes", "10", "--test-size", "10"
    )
    assert (code, err) == (0, "")
    assert "whole groups (5 of 20 groups in the test set)" in out
    assert "column 1 the token, column 2 of 2 its tag; sentences of one document are one group" in out


def test_a_tool_with_utf16_offsets_and_an_unlabelled_task(in_a_folder, capsys):
    def task(number):
        text = f"😀 {facts(number)[0]}"
        end = len(NAMES[number % len(NAMES)]) + 3
        value = {"start": 3, "end": end, "text": text[2 : end - 1], "labels": ["PER"]}
        return {"id": number, "data": {"text": text}, "annotations": [{"result": [{"type": "labels", "value": value}]}]}

    rows = [task(number) for number in range(40)] + [
        {"id": 99, "data": {"text": "New."}, "annotations": [], "predictions": [{}]}
    ]
    (in_a_folder / "export.json").write_text(json.dumps(rows))
    code, out, err = said(
        capsys, "validate", "--data", "export.json", "--task", "masking", "--train-sizes", "10", "--test-size", "10"
    )
    assert (code, err) == (0, "")
    assert "41 rows in, 40 kept, dropped: 1 not annotated" in out
    assert "in 40 rows the texts beside the offsets show that they count UTF-16 units" in out


def test_a_text_that_holds_no_tags_and_the_files_of_other_tools_are_named(in_a_folder, capsys):
    (in_a_folder / "note.txt").write_text("It rained.\nAll day long.\n")
    for name in ("docs.spacy", "note.ann"):
        (in_a_folder / name).write_bytes(b"x")
    for name, part in (
        ("note.txt", "unknown ending '.txt'"),
        ("docs.spacy", "doc.to_json()"),
        ("note.ann", "annotations of brat"),
    ):
        code, _, err = said(capsys, "validate", "--data", name, "--task", "ner")
        assert code == 3
        assert part in err
