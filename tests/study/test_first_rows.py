"""A study without a task is settled from its first rows; what it says itself is never overruled."""

import json

import pytest

from tunecurve.study.dataset import split_data
from tunecurve.study.freezing import freeze
from tunecurve.study.reading import read_study_rows
from tunecurve.study.settling import settled_study
from tunecurve.study.study_file import resolved_yaml
from tunecurve.tasks.lookup import suggest_task

WORDS = ["amber", "brisk", "coral", "dusky", "eager", "frosty", "gentle", "humble", "ivory", "jolly"]


def texts(n_rows):
    return [
        f"The {WORDS[n % 10]} {WORDS[n // 10 % 10]} kettle number {WORDS[n // 100]} sings for Ada"
        for n in range(n_rows)
    ]


KINDS = {
    "classification": lambda n, text: ["tea", "milk", "sugar"][n % 3],
    "multilabel": lambda n, text: [["tea"], ["tea", "milk"], ["milk", "sugar"]][n % 3],
    "ner": lambda n, text: ["person: Ada"],
    "extraction": lambda n, text: {"who": "Ada", "n": n},
    "masking": lambda n, text: text.replace("Ada", "[NAME]"),
    "generation": lambda n, text: f"Die Antwort auf {WORDS[n % 10]} {WORDS[n // 10 % 10]} lautet {n}",
}


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"name": "s", "data": {"source": str(path)}, "split": {"test_size": 10}, "train_sizes": [10]}


def rows_of(kind, n_rows=60):
    return [{"text": text, "output": KINDS[kind](n, text)} for n, text in enumerate(texts(n_rows))]


@pytest.mark.parametrize("kind", KINDS)
def test_the_task_is_found_and_said_before_anything_is_trained(kind, tmp_path):
    values = write(tmp_path / "rows.jsonl", rows_of(kind))
    settled = settled_study(values, tmp_path / "run")
    assert settled.spec.task == kind
    assert f"task: {kind}\n" in resolved_yaml(settled.spec)
    assert list(settled.spec.models) == list(settled.spec.kind.models)
    said = [finding.text for finding in settled.findings]
    assert said[0] == "columns found by their names: 'text' is the input, 'output' is the target"
    assert said[1].startswith(f"no task is named, and {kind} is found: ")
    data = split_data(settled.spec, read_study_rows(settled.spec, None, settled.findings))
    assert [finding.text for finding in data.findings[:2]] == said


@pytest.mark.parametrize("task", ["generation", "classification"])
def test_a_task_that_is_named_stays(task, tmp_path):
    values = write(tmp_path / "rows.jsonl", rows_of("classification"))
    settled = settled_study({**values, "task": task}, tmp_path / "run")
    assert settled.spec.task == task
    assert [finding.code for finding in settled.findings] == ["columns-found"]


@pytest.mark.parametrize("word", [{}, {"task": "auto"}])
def test_the_built_in_rows_are_masking(word):
    assert settled_study({"data": {"source": "builtin:pii"}, **word}).spec.task == "masking"


def test_what_was_found_stays_though_later_rows_look_otherwise(tmp_path):
    values, folder = write(tmp_path / "rows.jsonl", rows_of("classification")), tmp_path / "run"
    settled = settled_study(values, folder)
    data = split_data(settled.spec, read_study_rows(settled.spec, folder, settled.findings), folder)
    folder.mkdir()
    freeze(data, settled.spec, folder)
    more = [{"text": f"{text} again", "output": f"x {n}", "label": "y"} for n, text in enumerate(texts(200))]
    again = settled_study(write(tmp_path / "rows.jsonl", [*more, *rows_of("classification")]), folder)
    assert again.spec.comparable_part() == settled.spec.comparable_part()
    assert list(again.spec.models) == ["classifier", "tfidf"]
    kept = split_data(again.spec, read_study_rows(again.spec, folder, again.findings), folder)
    assert [finding.text for finding in kept.findings[:2]] == [finding.text for finding in settled.findings]


def test_rows_with_placeholders_that_look_like_nothing_else_are_masking(tmp_path):
    # A word is another one everywhere: no mask lies on the input exactly, yet half of the targets and more have placeholders.
    rows = [{"text": text, "output": f"This {text[4:-3]}[NAME], {n}"} for n, text in enumerate(texts(60))]
    settled = settled_study(write(tmp_path / "rows.jsonl", rows), tmp_path / "run")
    assert settled.spec.task == "masking"
    found = split_data(settled.spec, read_study_rows(settled.spec)).findings
    assert "other-task" not in {finding.code for finding in found}  # one reading, not two


@pytest.mark.parametrize(
    "answer",
    [
        "It stands in Oslo [DOC1], as Ada said [DOC3].",
        "for (int i = 0; i < {n}; i++) {{ a[N] = kettle[N] * MAX_SIZE; }}",
        "The kettle that sings for Ada, number {n} [LINK](http://example.org/{n})",
        "Dear [NAME], thank you for your order of a lamp, [SIGNATURE] {n}",
    ],
)
def test_marks_in_answers_that_are_not_the_input_are_no_masking(answer, tmp_path):
    rows = [{"text": text, "output": answer.format(n=n)} for n, text in enumerate(texts(60))]
    rows = [{**row, "output": f"{row['output']} {WORDS[n % 10]} {n}"} for n, row in enumerate(rows)]
    settled = settled_study(write(tmp_path / "rows.jsonl", rows), tmp_path / "run")
    assert settled.spec.task == "generation"
    found = split_data(settled.spec, read_study_rows(settled.spec)).findings
    assert "other-task" not in {finding.code for finding in found}


def test_a_sorted_file_shows_its_task_behind_its_first_rows(tmp_path):
    rows = [
        {"text": f"{text} {n}", "output": text.replace("Ada", "[NAME]") + f" {n}"}
        for n in range(3)
        for text in texts(200)
    ]
    unmasked = [{"text": f"{text} {n} plain", "output": f"{text} {n} plain"} for n in range(2) for text in texts(200)]
    assert settled_study(write(tmp_path / "rows.jsonl", [*unmasked, *rows]), tmp_path / "run").spec.task == "masking"


def test_conditions_choose_the_rows_that_show_the_task(tmp_path):
    mixed = [{**row, "kind": "a"} for row in rows_of("generation")] + [
        {**row, "kind": "b"} for row in rows_of("classification")
    ]
    values = write(tmp_path / "rows.jsonl", mixed)
    values["data"]["where"] = ["kind=b"]
    assert settled_study(values, tmp_path / "run").spec.task == "classification"


@pytest.mark.parametrize(
    ("data", "task"),
    [
        ({"placeholders": ["[NAME]"]}, "masking"),
        ({"label_separator": ","}, "multilabel"),
        ({"target_column": ["a", "b"]}, "multilabel"),
    ],
)
def test_keys_of_a_task_name_it(data, task, tmp_path):
    rows = [{**row, "a": 1, "b": 0} for row in rows_of("generation")]
    values = write(tmp_path / "rows.jsonl", rows)
    values["data"] |= {"input_column": "text", "target_column": "output", **data}
    assert settled_study(values, tmp_path / "run").spec.task == task


def test_lists_of_labels_are_said_to_be_lists(tmp_path):
    settled = settled_study(write(tmp_path / "rows.jsonl", rows_of("multilabel")), tmp_path / "run")
    assert "multilabel is found: 40 of 60 targets are lists of several labels" in settled.findings[1].text


@pytest.mark.parametrize(
    ("sets", "task"),
    [
        ([["fear"], ["joy", "love"]], "multilabel"),  # always the same ones together
        ([["joy", "love"], ["joy", "love"], ["fear", "envy"]], "multilabel"),
        ([["fear"], ["joy"]], "classification"),
        ([["fear"], ["joy"]] * 30 + [["fear", "joy"]], "classification"),  # a slip is an error that names it
    ],
)
def test_lists_of_labels_in_few_combinations(sets, task, tmp_path):
    rows = [{"text": text, "labels": sets[number % len(sets)]} for number, text in enumerate(texts(61))]
    assert settled_study(write(tmp_path / "rows.jsonl", rows), tmp_path / "run").spec.task == task


def settle(tmp_path, rows, **more):
    values = write(tmp_path / "rows.jsonl", rows)
    return settled_study({**values, **more}, tmp_path / "run")


@pytest.mark.parametrize(
    "column", ["label", "intent", "gold_label", "Category", "intentName", "sub_topic", "Catégorie"]
)
def test_many_short_labels_in_a_column_called_so_are_classes(column, tmp_path):
    rows = [{"text": text, column: f"intent_{n % 50}"} for n, text in enumerate(texts(120))]
    settled = settle(
        tmp_path, rows, data={"source": str(tmp_path / "rows.jsonl"), "target_column": column, "input_column": "text"}
    )
    assert settled.spec.task == "classification"
    assert (
        f"120 of 120 targets in '{column}' are short texts that come again, 50 different ones in all"
        in settled.findings[-1].text
    )
    found = split_data(settled.spec, read_study_rows(settled.spec)).findings
    assert "other-task" not in {finding.code for finding in found}


@pytest.mark.parametrize(
    ("column", "target"),
    [
        ("answer", lambda n: f"Ada number {n % 50}"),  # answers may come again
        ("output", lambda n: f"intent_{n % 50}"),
        ("label", lambda n: f"An answer that nobody gave before, number {n}"),
        ("label", lambda n: f"{n % 50 / 16:.4f}"),  # measured numbers
    ],
)
def test_other_columns_and_targets_are_no_classes_for_that(column, target, tmp_path):
    rows = [
        {"text" if column in ("label", "output") else "question": text, column: target(n)}
        for n, text in enumerate(texts(120))
    ]
    assert settle(tmp_path, rows).spec.task == "generation"


def test_short_targets_that_come_again_are_said_to_be_possible_classes(tmp_path):
    rows = [{"text": text, "output": f"intent_{n % 50}"} for n, text in enumerate(texts(120))]
    settled = settle(tmp_path, rows)
    (finding,) = [
        one for one in split_data(settled.spec, read_study_rows(settled.spec)).findings if one.code == "other-task"
    ]
    assert "120 of 120 targets are short texts that come again (50 different ones), as classes do" in finding.text
    assert "--task classification" in finding.remedy


LONG = " ".join(["The kettle stood on the stove, and Ada sang to it for an hour."] * 6)


def test_questions_chats_and_instructions_are_no_summarization(tmp_path):
    def turns(*contents):
        return [{"role": ["user", "assistant"][place % 2], "content": one} for place, one in enumerate(contents)]

    short = "Ada, as ever, in the {} {} kitchen"
    told = [(n, text, short.format(WORDS[n % 10], WORDS[n // 10])) for n, text in enumerate(texts(60))]
    kinds = {
        "question": [
            {"context": f"{LONG} {text}", "question": f"Who is {n}?", "answer": short} for n, text, short in told
        ],
        "chat": [{"messages": turns(f"{LONG} {text}", "I see.", "And who sang?", short)} for _, text, short in told],
        "instruction": [
            {"instruction": f"Name who sang in {n}.", "input": f"{LONG} {text}", "output": short}
            for n, text, short in told
        ],
        "prompt": [
            {"prompt": f"Context: {LONG} {text}\nQuestion: who sang?\nAnswer:", "completion": short}
            for _, text, short in told
        ],
        "asking": [{"prompt": f"{LONG} {text} Who sang?", "completion": short} for _, text, short in told],
    }
    for kind, rows in kinds.items():
        settled = settle(tmp_path, rows)
        assert settled.spec.task == "generation", kind
        assert "targets are much shorter than their long inputs, but " in settled.findings[-1].text
        found = split_data(settled.spec, read_study_rows(settled.spec)).findings
        assert "other-task" not in {finding.code for finding in found}, kind
    own = settle(
        tmp_path,
        [{"text": f"{LONG} {text}", "output": short} for _, text, short in told],
        prompt={"system": "Who sang?"},
    )
    assert own.spec.task == "generation"


def test_a_summary_of_what_answers_a_question_is_not_doubted_where_its_task_is_named(tmp_path):
    rows = [
        {"text": f"Question: what of {n}?\n\n{LONG} {text}", "output": f"Ada sang {WORDS[n % 10]} {WORDS[n // 10]}"}
        for n, text in enumerate(texts(60))
    ]
    assert settle(tmp_path, rows).spec.task == "generation"
    named = settle(tmp_path, rows, task="summarization")
    found = split_data(named.spec, read_study_rows(named.spec)).findings
    assert "other-task" not in {finding.code for finding in found}


def test_summaries_are_found_by_their_lengths_their_columns_and_what_asks_for_them(tmp_path):
    short = "Ada sang in the {} {} kitchen"
    told = [(n, text, short.format(WORDS[n % 10], WORDS[n // 10])) for n, text in enumerate(texts(60))]
    half = " ".join([LONG[:200], "{}"])
    kinds = {
        "lengths": [{"text": f"{LONG} {text}", "output": short} for _, text, short in told],
        "article": [{"article": f"{LONG} {text}", "highlights": half.format(short)} for _, text, short in told],
        "dialogue": [{"dialogue": f"A: who sang?\nB: {text}", "summary": short[:40]} for _, text, short in told],
        "asked": [
            {"instruction": "Summarize the text.", "input": f"{LONG} {text}", "output": short}
            for _, text, short in told
        ],
        "chat": [
            {
                "messages": [
                    {"role": "user", "content": f"Fasse den Text zusammen: {LONG} {text}"},
                    {"role": "assistant", "content": short},
                ]
            }
            for _, text, short in told
        ],
    }
    for kind, rows in kinds.items():
        settled = settle(tmp_path, rows)
        assert settled.spec.task == "summarization", kind
        found = split_data(settled.spec, read_study_rows(settled.spec)).findings
        assert "other-task" not in {finding.code for finding in found}, kind
    own = settle(tmp_path, kinds["lengths"], prompt={"system": "Write a summary."})
    assert own.spec.task == "summarization"


@pytest.mark.parametrize("column", ["answers", "ideal"])
def test_lists_of_right_answers_are_no_sets_of_labels(column, tmp_path):
    names = [["UK", "Britain"], ["NYC", "New York"], ["Paris"]]
    side = "question" if column == "answers" else "input"
    rows = [{side: f"{text}?", column: names[n % 3]} for n, text in enumerate(texts(60))]
    settled = settle(
        tmp_path, rows, data={"source": str(tmp_path / "rows.jsonl"), "input_column": side, "target_column": column}
    )
    assert settled.spec.task == "generation"
    assert (
        f"40 of 60 targets in '{column}' are lists of texts, read as answers that are all right"
        in settled.findings[-1].text
    )
    data = split_data(settled.spec, read_study_rows(settled.spec))
    assert "other-task" not in {finding.code for finding in data.findings}
    assert sorted({row.references if isinstance(row.references, str) else row.references[1] for row in data.pool}) == [
        "Britain", "New York", "Paris",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "task"),
    [
        (["0,5", "1,0", "5,0", "4,5", "0,1"], "classification"),  # decimal commas
        (["1/2", "1/4", "4/1", "2/1"], "classification"),
        (["05/06", "06/05", "07/05/2024", "05/07/2024"], "classification"),
        (["1,000", "2,000", "1,500", "12,000,000"], "classification"),
        (["0,5 mg", "5,0 mg", "10 %", "5,10 %"], "classification"),
        (["Sports", "Sports/Football", "News", "News/Politics"], "classification"),  # paths
        (["Yes, definitely", "Yes, maybe", "No, definitely", "No, maybe"], "classification"),
        (["fire", "water, fire", "smoke, water", "smoke"], "multilabel"),
        (["1", "1,2", "2,3", "1,2,3", "3"], "multilabel"),
        (["天気", "天気、配送", "配送、返品"], "multilabel"),
        (["支付", "退货，支付", "物流，退货"], "multilabel"),
        (["دفع", "شحن، دفع", "استرجاع، شحن"], "multilabel"),
        (["支付", "退货；支付"], "multilabel"),
    ],
)
def test_numbers_paths_and_sentences_are_no_sets_of_labels(labels, task, tmp_path):
    rows = [{"text": text, "label": labels[n % len(labels)]} for n, text in enumerate(texts(60))]
    assert settle(tmp_path, rows).spec.task == task


@pytest.mark.parametrize(
    ("column", "task"), [("tags", "multilabel"), ("Topics", "multilabel"), ("output", "classification")]
)
def test_a_column_of_sets_by_its_name_may_hold_them_in_any_order(column, task, tmp_path):
    sets = ["tea, milk", "milk, tea", "sugar, tea"]
    rows = [{"text": text, column: sets[n % 3]} for n, text in enumerate(texts(60))]
    data = {"source": str(tmp_path / "rows.jsonl"), "input_column": "text", "target_column": column}
    assert settle(tmp_path, rows, data=data).spec.task == task


def test_none_beside_a_label_does_not_make_it_several(tmp_path):
    sets = [["tea", "milk"], ["none", "tea"], ["tea"], ["milk"]]
    rows = [{"text": text, "output": sets[n % 4]} for n, text in enumerate(texts(60))]
    assert (
        "multilabel is found: 15 of 60 targets are lists of several labels" in settle(tmp_path, rows).findings[1].text
    )


def test_answers_to_a_chat_in_lists_are_alternatives_too(tmp_path):
    names = [["US", "USA"], ["UK"]]
    rows = [{"input": [{"role": "user", "content": text}], "ideal": names[n % 2]} for n, text in enumerate(texts(60))]
    assert settle(tmp_path, rows).spec.task == "generation"


def test_long_answers_to_questions_about_long_texts_are_summaries():
    """As in data of meetings, where each question asks for what was said of something."""
    turns = " ".join(f"Speaker {number % 4}: the {WORDS[number % 10]} budget came up again." for number in range(40))
    answer = "The group agreed that the budget was too small. Two wanted to move the meeting to spring, one to wait for the figures. "
    asked = [
        (
            f"Question: What was said about item {number}?\n\n{turns}",
            answer + f"Item {number} was put off until the figures are there.",
        )
        for number in range(40)
    ]
    assert suggest_task(asked)[0] == "summarization"
    assert (
        suggest_task([(source, f"It was put off {number} times.") for number, (source, _) in enumerate(asked)])[0]
        == "generation"
    )


def test_parts_of_long_texts_are_no_summaries_and_their_beginnings_are():
    pay, mail = "Salary and holidays are agreed by letter. " * 5, "Please write to the office. " * 3
    letters = [
        (
            f"{pay}{place} is where I live since spring of {year}. {mail}",
            place,
            f"Letter of {year}. {pay}{mail}",
            f"Letter of {year}.",
        )
        for year in range(1980, 2010)
        for place in [f"{year % 40} Mill Lane, {90000 + year} Ashford"]
    ]
    parts, beginnings = [row[:2] for row in letters], [row[2:] for row in letters]
    name, why = suggest_task(parts)
    assert (name, "30 of 30 targets stand word for word in their inputs" in why) == ("generation", True)
    assert suggest_task(beginnings)[0] == "summarization"
    rare = [*parts[:14], *((source, "Moves for work.") for source, _ in parts[14:])]
    assert suggest_task(rare)[0] == "summarization"


def test_queries_on_long_schemas_are_no_summaries():
    schema = "CREATE TABLE people (id INT, name TEXT, city TEXT, age INT, email TEXT); " * 4
    pairs = [
        (f"{schema}\nNames from city {number}", f"SELECT name FROM people WHERE city = '{number}'")
        for number in range(40)
    ]
    assert suggest_task(pairs)[0] == "generation"


@pytest.mark.parametrize(("column", "is_note"), [("keywords", False), ("answers", True)])
def test_lists_of_which_all_may_be_wanted_are_a_warning(column, is_note, tmp_path):
    """One keyword of four was trained on, and the others were alternatives to it."""
    rows = [
        {"text": text, column: [f"{WORDS[n % 10]} {n}", f"kettle {n}", f"Ada {n}"]} for n, text in enumerate(texts(60))
    ]
    data = {"source": str(tmp_path / "rows.jsonl"), "input_column": "text", "target_column": column}
    settled = settle(tmp_path, rows, data=data, task="generation")
    read = split_data(settled.spec, read_study_rows(settled.spec, None, settled.findings))
    [found] = [one for one in read.findings if one.code == "answers-read"]
    assert found.is_note == is_note
    assert f"the first, '{WORDS[0]} 0', is trained on" in found.text
    assert ("joined with '; '" in found.remedy) != is_note
