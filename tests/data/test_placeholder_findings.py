"""What was understood of the placeholders is said, and what differs between targets and inputs is named."""

import pytest

from tunecurve.data.placeholder_findings import placeholder_findings
from tunecurve.data.rows import Row, skeleton
from tunecurve.formats.placeholder_discovery import find_form
from tunecurve.tasks.masking import why_no_placeholder

NAMES = ("Tilda", "Ansgar", "Wenna", "Osric", "Maud", "Piers", "Una", "Bram")


def findings_of(text, masked):
    pairs = [(text.replace("%", name), masked.replace("%", name)) for name in NAMES]
    rows = [Row(source, target, skeleton(target), f"line {n}") for n, (source, target) in enumerate(pairs, 1)]
    return {finding.code: finding for finding in placeholder_findings(find_form(pairs), rows)}


@pytest.mark.parametrize(
    ("text", "masked", "said"),
    [
        ("Ask %.", "Ask <NAME>.", "placeholders are written <LABEL>, in 8 of 8 targets; 1 label: NAME"),
        ("Ask % or %.", "Ask [NAME_0] or [NAME_0].", "numbered by value, as in [LABEL_0], [LABEL_1]"),
        ("Ask % or %.", "Ask [NAME2] or [NAME1].", "by occurrence, as in [LABEL1], [LABEL2], from the end of the text"),
        ("Ask %.", "Ask ***.", "placeholders are written ***, in 8 of 8 targets"),
    ],
)
def test_what_was_found_is_said_in_one_line(text, masked, said):
    note = findings_of(text, masked)["placeholders"]
    assert note.is_note
    assert said in note.text


@pytest.mark.parametrize(
    ("text", "masked", "signs"),
    [
        ("The attic’s key: ask %’s.", "The attic's key: ask [NAME]'s.", "’ and '"),
        ("So “said” %.", 'So "said" [NAME].', '“ and ” and "'),
        ("5–6 men: %.", "5-6 men: [NAME].", "– and -"),
        ("Well… ask %.", "Well... ask [NAME].", "… and ."),
        ("The  key: ask %.", "The key: ask [NAME].", "blanks and line ends"),
        ("The KEY: ask %.", "The key: ask [NAME].", "capitals"),
        ("\ufeffThe key: ask %.", "The key: ask [NAME].", "invisible characters (U+FEFF)"),
        ("The ke\u00ady: ask %.", "The key: ask [NAME].", "invisible characters (U+00AD)"),
        ("The key: ask %.", "The\u200b key: ask [NAME].", "invisible characters (U+200B)"),
        ("Gare\u0301 is here: %.", "Gar\u00e9 is here: [NAME].", "Unicode forms"),
    ],
)
def test_what_differs_is_named(text, masked, signs):
    found = findings_of(text, masked)
    assert signs in found["targets-differ"].text
    assert "8 of 8 targets differ" in found["targets-differ"].text
    assert "underivable-targets" not in found


@pytest.mark.parametrize("end", [" ", " \n", "\t", "\u00a0"])
def test_blanks_at_the_end_of_the_input_do_not_count(end):
    found = findings_of(f"Ask %.{end}", "Ask [NAME].")
    assert set(found) == {"placeholders"}


def test_other_words_are_no_signs():
    found = findings_of("Ask % today.", "Ask [NAME] tomorrow.")
    assert "8 by other words" in found["underivable-targets"].text


@pytest.mark.parametrize(
    ("text", "masked", "shown"),
    [
        ("%s Akte", "[NAME]s Akte", "[NAME]s"),
        ("al% came", "al[NAME] came", "al[NAME]"),
        ("%n kirja", "[NAME]n kirja", "[NAME]n"),
    ],
)
def test_cut_words_are_counted(text, masked, shown):
    note = findings_of(text, masked)["cut-words"]
    assert note.text.startswith("8 of 8 targets cut words in two")
    assert shown in note.text


def test_brackets_of_the_text_and_two_dresses_are_said():
    found = findings_of("[INFO] ask % and %.", "[INFO] ask [NAME] and <PERSON>.")
    assert "[INFO] in 8 inputs is text" in found["text-in-brackets"].text
    assert found["mixed-placeholders"].places
    assert not found["mixed-placeholders"].is_note


def test_numbers_that_run_on_are_said():
    pairs = [(f"{name} left", f"[PERSON_{7 * n}] left") for n, name in enumerate(NAMES, 1)]
    rows = [Row(source, target, "g", f"line {n}") for n, (source, target) in enumerate(pairs, 1)]
    found = {finding.code: finding for finding in placeholder_findings(find_form(pairs), rows)}
    assert "the numbers of 8 of 8 targets cannot be told" in found["numbers-not-told"].text


@pytest.mark.parametrize(
    ("text", "masked", "said"),
    [
        ("Ask % today.", "Ask redacted today.", "'redacted' stands in 8 of 8 targets"),
        ("Ask % today.", "Ask Jane Doe today.", 'data.placeholders: ["Jane Doe"]'),
        ("Ask % today.", "Ask \U0001f464 today.", 'data.placeholders: ["\U0001f464"]'),
        ("Ask % today.", "Ask ... today.", 'data.placeholders: ["..."]'),
        ("Ask % today.", "Ask today.", "write nothing in their place"),
        ("Ask % today.", "Ask % today.", "all targets are the inputs themselves"),
        ("Ask % today.", "{'who': '%'}", "if there are placeholders, say how they are written"),
        ("Ask % today.", "Ask % tomorrow, at noon.", "if there are placeholders, say how they are written"),
    ],
)
def test_targets_without_a_placeholder_are_described(text, masked, said):
    pairs = [(text.replace("%", name), masked.replace("%", name)) for name in NAMES]
    assert said in why_no_placeholder(pairs)


def test_two_ways_are_counted_each_by_itself():
    pairs = [(f"Ask {name}.", f"Ask {'{{NAME}}' if name[0] in 'TAWO' else '{NAME}'}.") for name in NAMES]
    rows = [Row(source, target, "", f"line {n}") for n, (source, target) in enumerate(pairs, 1)]
    (mixed,) = [one for one in placeholder_findings(find_form(pairs), rows) if one.code == "mixed-placeholders"]
    assert "{LABEL} in 4 rows" in mixed.text
    assert "{{LABEL}} in 4 rows" in mixed.text
