"""How placeholders are written is found from the rows: dress, labels, numbers; brackets of the text stay text."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunecurve.errors import DataError
from tunecurve.formats.alignment import align_exactly
from tunecurve.formats.placeholder_discovery import find_form, form_as_written
from tunecurve.formats.placeholder_numbers import Numbering
from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm, Style
from tunecurve.formats.spans import LabelledSpan, MaskFormat
from tunecurve.metrics.base import corpus_score
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.metrics.settings import MetricSettings
from tunecurve.tasks.lookup import suggest_task, task_of
from tunecurve.tasks.masking import Masking

PEOPLE = ("Tilda", "Ansgar", "Wenna", "Osric", "Maud", "Piers", "Una", "Bram", "Isolde", "Jory", "Lowen", "Morwenna")
THINGS = (
    "anvil",
    "barrel",
    "candle",
    "dinghy",
    "easel",
    "ferret",
    "gasket",
    "hammer",
    "inkpot",
    "jigsaw",
    "kettle",
    "lantern",
)


def rows(text, masked, n=12):
    """Rows of one template: {a}, {b} are people, {t} a thing, {n} a number."""
    made = []
    for index in range(n):
        values = {
            "a": PEOPLE[index % 12],
            "b": PEOPLE[(index + 5) % 12],
            "t": THINGS[index % 12],
            "n": f"555-01{index:02d}",
        }
        made.append((text.format(**values), masked.replace("%t", values["t"]).replace("%n", values["n"])))
    return made


TEXT = "{a} told {b}: the {t} sank. Then {a} left, see {n}."


@pytest.mark.parametrize(
    ("masked", "example", "labels"),
    [
        ("[NAME] told [NAME]: the %t sank. Then [NAME] left, see [PHONE].", "[LABEL]", ("NAME", "PHONE")),
        ("<NAME> told <NAME>: the %t sank. Then <NAME> left, see <PHONE_NUMBER>.", "<LABEL>", ("NAME", "PHONE_NUMBER")),
        (
            "[[NAME_1]] told [[NAME_2]]: the %t sank. Then [[NAME_1]] left, see [[PHONE_1]].",
            "[[LABEL]]",
            ("NAME", "PHONE"),
        ),
        ("{{name}} told {{name}}: the %t sank. Then {{name}} left, see {{phone}}.", "{{label}}", ("name", "phone")),
        (
            "{{ name }} told {{ name }}: the %t sank. Then {{ name }} left, see {{ phone }}.",
            "{{ label }}",
            ("name", "phone"),
        ),
        ("{NAME} told {NAME}: the %t sank. Then {NAME} left, see {PHONE}.", "{LABEL}", ("NAME", "PHONE")),
        ("[name] told [name]: the %t sank. Then [name] left, see [phone].", "[label]", ("name", "phone")),
        ("<<NAME>> told <<NAME>>: the %t sank. Then <<NAME>> left, see <<PHONE>>.", "<<LABEL>>", ("NAME", "PHONE")),
        ("__NAME__ told __NAME__: the %t sank. Then __NAME__ left, see __PHONE__.", "__LABEL__", ("NAME", "PHONE")),
        ("**NAME** told **NAME**: the %t sank. Then **NAME** left, see **PHONE**.", "**LABEL**", ("NAME", "PHONE")),
        ("(NAME) told (NAME): the %t sank. Then (NAME) left, see (PHONE).", "(LABEL)", ("NAME", "PHONE")),
        ("%NAME% told %NAME%: the %t sank. Then %NAME% left, see %PHONE%.", "%LABEL%", ("NAME", "PHONE")),
        ("${NAME} told ${NAME}: the %t sank. Then ${NAME} left, see ${PHONE}.", "${LABEL}", ("NAME", "PHONE")),
        ("<|NAME|> told <|NAME|>: the %t sank. Then <|NAME|> left, see <|PHONE|>.", "<|LABEL|>", ("NAME", "PHONE")),
        ("@NAME told @NAME: the %t sank. Then @NAME left, see @PHONE.", "@LABEL", ("NAME", "PHONE")),
        ("*** told ***: the %t sank. Then *** left, see ***.", "***", ("***",)),
        ("XXXX told XXXX: the %t sank. Then XXXX left, see XXXX.", "XXXX", ("XXXX",)),
        ("[REDACTED] told [REDACTED]: the %t sank. Then [REDACTED] left, see [REDACTED].", "[LABEL]", ("REDACTED",)),
        ("[***] told [***]: the %t sank. Then [***] left, see [***].", "[***]", ("[***]",)),
        ("[PRÉNOM] told [PRÉNOM]: the %t sank. Then [PRÉNOM] left, see [NUMÉRO].", "[LABEL]", ("NUMÉRO", "PRÉNOM")),
        (
            "[FIRST-NAME] told [FIRST-NAME]: the %t sank. Then [FIRST-NAME] left, see [TEL].",
            "[LABEL]",
            ("FIRST-NAME", "TEL"),
        ),
        (
            "[FIRST NAME] told [FIRST NAME]: the %t sank. Then [FIRST NAME] left, see [TEL].",
            "[LABEL]",
            ("FIRST NAME", "TEL"),
        ),
        (
            "[First Name] told [First Name]: the %t sank. Then [First Name] left, see [Tel].",
            "[LABEL]",
            ("First Name", "Tel"),
        ),
        ("[姓名] told [姓名]: the %t sank. Then [姓名] left, see [电话].", "[LABEL]", ("姓名", "电话")),
        ("【姓名】 told 【姓名】: the %t sank. Then 【姓名】 left, see 【电话】.", "【LABEL】", ("姓名", "电话")),
        ("[ИМЯ] told [ИМЯ]: the %t sank. Then [ИМЯ] left, see [ТЕЛЕФОН].", "[LABEL]", ("ИМЯ", "ТЕЛЕФОН")),
        ("[नाम] told [नाम]: the %t sank. Then [नाम] left, see [फ़ोन].", "[LABEL]", ("नाम", "फ़ोन")),
        ("PERSON told PERSON: the %t sank. Then PERSON left, see PHONE.", "PERSON", ("PERSON", "PHONE")),
    ],
)
def test_every_dress_is_found_and_every_metric_is_perfect_for_the_targets(masked, example, labels):
    pairs = rows(TEXT, masked)
    form = find_form(pairs)
    assert all(align_exactly(source, target, form) is not None for source, target in pairs)
    assert Masking(form).find_labels(pairs) == labels
    assert form.example == example
    sources, targets = zip(*pairs, strict=True)
    for metric in build_metrics(task_of("masking").metrics, MetricSettings(labels, form)):
        best = 100.0 if metric.direction == "max" else 0.0
        assert corpus_score(metric, targets, targets, sources) == pytest.approx(best), metric.name
    (accuracy, leaks) = build_metrics(["label_accuracy", "leak_documents"], MetricSettings(labels, form))
    assert corpus_score(accuracy, sources, targets, sources) == 0
    assert corpus_score(leaks, sources, targets, sources) == 100
    assert suggest_task(pairs)[0] == "masking"
    mask = MaskFormat.of_targets(pairs)
    assert [mask.render(source, mask.derive(source, target)) for source, target in pairs] == list(targets)


@pytest.mark.parametrize(
    ("text", "masked", "labels"),
    [
        ("[INFO] [DB] {t} sank. user={a}", "[INFO] [DB] %t sank. user=[USERNAME]", ("USERNAME",)),
        ("<b>{t}</b> of {a}", "<b>%t</b> of <NAME>", ("NAME",)),
        ("(sic) {t} (USA) of {a}", "(sic) %t (USA) of (NAME)", ("NAME",)),
        ("{{{{user}}}} has {t}: {a}", "{{user}} has %t: {{name}}", ("name",)),
        ("*** {t} *** {a} ***", "*** %t *** [NAME] ***", ("NAME",)),
        ("see [NAME] field of {t}: {a}", "see [NAME] field of %t: [NAME]", ("NAME",)),
    ],
)
def test_brackets_of_the_text_are_text(text, masked, labels):
    pairs = rows(text, masked)
    form = find_form(pairs)
    assert Masking(form).find_labels(pairs) == labels
    sources, targets = zip(*pairs, strict=True)
    spans = [align_exactly(source, target, form) for source, target in pairs]
    assert [[s[span.start : span.end] for span in own] for s, own in zip(sources, spans, strict=True)] == [
        [name] for name in PEOPLE
    ]
    (accuracy,) = build_metrics(["label_accuracy"], MetricSettings(labels, form))
    assert corpus_score(accuracy, sources, targets, sources) == 0


@pytest.mark.parametrize("names", [("IPV4", "IPV6"), ("MD5", "SHA256"), ("LINE2", "NAME")])
def test_digits_of_a_label_that_count_nothing_belong_to_it(names):
    first, second = names
    pairs = rows("{a} and {b}", f"[{first}] and [{second}]")
    assert Masking(find_form(pairs)).find_labels(pairs) == tuple(sorted(names))


def test_two_dresses_in_one_data_set_are_both_read():
    pairs = rows("Signed, {a} {b}, {n}.", "Signed, [FIRSTNAME] <PERSON>, [PHONE].")
    form = find_form(pairs)
    assert {style.before for style in form.styles} == {"[", "<"}
    labels = ("FIRSTNAME", "PERSON", "PHONE")
    assert Masking(form).find_labels(pairs) == labels
    answers = [target.replace("<PERSON>", source.split()[2].strip(",")) for source, target in pairs]
    sources, targets = zip(*pairs, strict=True)
    (leaks,) = build_metrics(["leak_documents"], MetricSettings(labels, form))
    assert corpus_score(leaks, answers, targets, sources) == 100
    half = rows(TEXT, "[NAME] told [NAME]: the %t sank. Then [NAME] left, see [PHONE].", 6)
    half += rows(TEXT, "<NAME> told <NAME>: the %t sank. Then <NAME> left, see <PHONE>.")[6:]
    assert all(align_exactly(*pair, find_form(half)) is not None for pair in half)


def test_an_answer_in_another_dress_than_the_data_is_wrong_style():
    pairs = rows(TEXT, "<NAME> told <NAME>: the %t sank. Then <NAME> left, see <PHONE>.")
    form = find_form(pairs)
    (style, invented) = build_metrics(
        ["wrong_placeholder_style", "invented_placeholders"], MetricSettings(("NAME", "PHONE"), form)
    )
    source, target = pairs[0]
    for dressed in ("[NAME]", "{NAME}", "<<NAME>>", "<name>", "(Name)", "【NAME】"):
        assert corpus_score(style, [target.replace("<NAME>", dressed, 1)], [target], [source]) == 100, dressed
    assert corpus_score(invented, [target.replace("<NAME>", "<NOBODY>", 1)], [target], [source]) == 100


def test_numbers_that_run_on_from_row_to_row_are_numbers():
    pairs = [(f"{name} left", f"[PERSON{index}] left") for index, name in enumerate(PEOPLE, 1)]
    form = find_form(pairs)
    assert Masking(form).find_labels(pairs) == ("PERSON",)


def test_rows_without_placeholders_leave_the_classic_form():
    assert find_form([]) == CLASSIC
    assert find_form([("a b", "a b"), ("one two", "three (four)")]).is_classic


def test_the_study_file_may_say_how():
    pairs = rows(TEXT, "<NAME_0> told <NAME_1>: the %t sank. Then <NAME_0> left, see <TEL_0>.")
    form = form_as_written(["<LABEL_0>"], pairs)
    assert form.styles == (Style("<", ">", ("NAME", "TEL")),)
    assert (form.numbering.start, form.numbering.labels) == (0, ("NAME", "TEL"))
    only = form_as_written(["<NAME>"], pairs)
    assert Masking(only).find_labels(pairs)[0] == "NAME"
    with pytest.raises(DataError, match=r"no target has a placeholder written \{\{label\}\}"):
        form_as_written(["{{label}}"], pairs)


STYLES = st.sampled_from(
    [("[", "]"), ("<", ">"), ("[[", "]]"), ("{{", "}}"), ("{", "}"), ("__", "__"), ("【", "】"), ("<<", ">>")]
)
NAMES = st.sampled_from([("NAME", "CITY"), ("PRÉNOM", "VILLE"), ("FIRST-NAME", "CITY"), ("姓名", "城市")])
NUMBERINGS = st.builds(
    Numbering,
    separator=st.sampled_from(["_", ""]),
    start=st.sampled_from([0, 1]),
    width=st.sampled_from([1, 2]),
    key=st.sampled_from(["by value", "by occurrence"]),
    is_backward=st.booleans(),
)
# Three values in four places, so that every rule of counting shows.
SLOTS = st.lists(st.sampled_from(["tilda", "ansgar", "wenna"]), min_size=3, max_size=6)


@given(
    STYLES,
    NAMES,
    NUMBERINGS,
    st.booleans(),
    st.lists(SLOTS, min_size=6, max_size=10),
    st.randoms(use_true_random=False),
)
@settings(max_examples=80, deadline=None)
@pytest.mark.slow
def test_a_made_up_form_is_found_and_writes_every_target_again(style, names, numbering, numbered, texts, chance):
    numbering = Numbering(
        names, numbering.separator, numbering.start, numbering.width, numbering.key, numbering.is_backward
    )
    made = PlaceholderForm((Style(*style, names),), numbering if numbered else Numbering())
    maker, pairs, gold = MaskFormat(made), [], []
    # One row that shows every rule: a value that comes again, and both labels.
    for values in [["tilda", "ansgar", "tilda", "wenna"], *texts]:
        source, spans = "", []
        for place, value in enumerate(values):
            source += chance.choice(["so ", "then, ", "and [ok] ", "we (two) saw ", "- "])
            spans.append(LabelledSpan(len(source), len(source) + len(value), names[0 if place < 3 else 1]))
            source += value + " "
        pairs.append((source + "left.", maker.render(source + "left.", spans)))
        gold.append([span.label for span in spans])
    found = MaskFormat.of_targets(pairs)
    for (source, target), labels in zip(pairs, gold, strict=True):
        spans = found.derive(source, target)
        assert spans is not None
        assert [span.label for span in spans] == labels
        assert found.render(source, spans) == target
        assert all(first.end <= second.start for first, second in itertools.pairwise(spans))


@pytest.mark.parametrize(
    "capitals",
    [
        lambda word: (f"the {word} boat", f"THE {word.upper()} BOAT"),
        lambda word: (f"say {word} twice", f"say {word.upper()} twice"),
        lambda word: (f"she left nasa for {word}", f"she left NASA for {word}"),
        lambda word: (f"\u00e9cole: {word}, nato", f"\u00e9cole: {word}, NATO"),
    ],
)
def test_words_of_the_input_in_capitals_are_no_placeholders(capitals):
    pairs = [capitals(word) for word in THINGS]
    assert find_form(pairs) == CLASSIC
    assert suggest_task(pairs)[0] != "masking"


def test_a_bare_label_that_the_input_has_in_small_letters_is_a_placeholder_all_the_same():
    pairs = [(f"My name is {name}.", "My name is NAME.") for name in PEOPLE]
    assert find_form(pairs).example == "NAME"


def test_ten_ways_in_one_data_set_are_all_read():
    ways = ["[%]", "<%>", "{{%}}", "(%)", "__%__", "\u3010%\u3011", "${%}", "{%}", "\u00ab%\u00bb", "|%|"]
    pairs = [
        (f"the {thing} of {name}, at noon", f"the {thing} of {way.replace('%', 'NAME')}, at noon")
        for way in ways
        for thing, name in zip(THINGS[:4], PEOPLE, strict=False)
    ]
    form = find_form(pairs)
    assert all(align_exactly(source, target, form) is not None for source, target in pairs)
    assert Masking(form).find_labels(pairs) == ("NAME",)


@pytest.mark.parametrize("masked", ["<PERSON>", "***", "[FIRSTNAME] <PERSON>", "{{person}}", "[[PERSON_1]]", "PERSON"])
def test_a_metric_that_is_told_nothing_reads_placeholders_as_the_rows_show_them(masked):
    sources = [f"Signed, {name} Halloran, in {thing}." for name, thing in zip(PEOPLE, THINGS, strict=True)]
    targets = [f"Signed, {masked}, in {thing}." for thing in THINGS]
    forgotten = [f"Signed, {masked.split(' ')[0]} Halloran, in {thing}." for thing in THINGS]
    accuracy, leaks, parts = build_metrics(["label_accuracy", "leak_documents", "leak_parts_documents"])
    assert corpus_score(leaks, sources, targets, sources) == 100
    assert corpus_score(leaks, targets, targets, sources) == 0
    assert corpus_score(accuracy, sources, targets, sources) == 0
    assert corpus_score(accuracy, targets, targets, sources) == 100
    whole = corpus_score(leaks, forgotten, targets, sources)
    assert max(whole, corpus_score(parts, forgotten, targets, sources)) == 100


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("{{Infobox|name=Tilda|red}} was [[born]] here", "{{Infobox|name={{PERSON}}|red}} was [[born]] here"),
        ("<p><b>Tilda</b> <br/> tea</p>", "<p><b><PERSON></b> <br/> tea</p>"),
        ("see [Tilda](http://x.org)", "see [[PERSON]](http://x.org)"),
        ("f(g(Tilda, 2))", "f(g((PERSON), 2))"),
    ],
)
def test_brackets_of_the_text_around_a_placeholder_are_not_invented(source, target):
    names = [name for name in PEOPLE if name not in source]
    pairs = [(source.replace("Tilda", name), target) for name in names]
    form = find_form(pairs)
    (invented,) = build_metrics(["invented_placeholders"], MetricSettings(("PERSON",), form))
    sources, targets = zip(*pairs, strict=True)
    assert corpus_score(invented, targets, targets, sources) == 0
    other = [text.replace("PERSON", "WHATEVER") for text in targets]
    assert corpus_score(invented, other, targets, sources) == 100


@pytest.mark.parametrize(
    ("masked", "example"),
    [
        ("`NAME`", "`LABEL`"),
        ('"NAME"', '"LABEL"'),
        ("/NAME/", "/LABEL/"),
        ("&lt;NAME&gt;", "&lt;LABEL&gt;"),
        ("NAME:", "LABEL:"),
        ("\u200e[\u05e9\u05dd]\u200e", "\u200e[LABEL]\u200e"),
        ("NAME", "NAME"),
        ("[NAME]", "[LABEL]"),
        ("[NAME OF A PERSON THAT IS MENTIONED IN THE TEXT ABOVE]", "[LABEL]"),
    ],
)
def test_signs_around_every_placeholder_belong_to_it(masked, example):
    pairs = [
        (f'the {thing}: of {name}, "{thing}" left', f'the {thing}: of {masked}, "{thing}" left')
        for thing, name in zip(THINGS, PEOPLE, strict=True)
    ]
    form = find_form(pairs)
    assert form.example == example
    assert all(align_exactly(source, target, form) is not None for source, target in pairs)
    (leaks,) = build_metrics(["leak_documents"], MetricSettings((), form))
    sources, targets = zip(*pairs, strict=True)
    assert corpus_score(leaks, sources, targets, sources) == 100
    mask = MaskFormat.of_targets(pairs)
    assert [mask.render(source, mask.derive(source, target)) for source, target in pairs] == list(targets)


@pytest.mark.parametrize("end", ["!", ".", "\u2026"])
def test_signs_that_the_targets_add_beside_brackets_are_a_difference_of_the_texts(end):
    pairs = [
        (f"the {thing} of {name}", f"the {thing} of [NAME]{end}") for thing, name in zip(THINGS, PEOPLE, strict=True)
    ]
    form = find_form(pairs)
    assert form == CLASSIC
    assert not any(align_exactly(source, target, form) for source, target in pairs)


def test_numbers_behind_a_hash_are_numbers():
    pairs = rows("{a} or {b}, said the {t}.", "<NAME#1> or <NAME#2>, said the %t.")
    form = find_form(pairs)
    assert (form.numbering.labels, form.numbering.separator) == (("NAME",), "#")


@pytest.mark.parametrize("other", ["<NAME>", "{{NAME}}", "(NAME)", "[NAME]"])
def test_a_tagger_learns_from_a_label_in_either_of_two_ways_and_writes_one(other):
    pairs = [
        (f"the {thing} of {name}, [INFO] sank", f"the {thing} of {other if n % 3 == 0 else '[NAME]'}, [INFO] sank")
        for n, (thing, name) in enumerate(zip(THINGS, PEOPLE, strict=True))
    ]
    mask = MaskFormat.of_targets(pairs)
    for (source, target), thing in zip(pairs, THINGS, strict=True):
        spans = mask.derive(source, target)
        assert spans is not None
        assert mask.render(source, spans) == f"the {thing} of [NAME], [INFO] sank"
