"""Settings of training that a study file asks for and no model of the study reads: they change nothing, and that is said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tunecurve.findings import Finding
from tunecurve.learners.base import Learner
from tunecurve.learners.distilled_names import models_within
from tunecurve.spec.quick import QUICK_STUDY
from tunecurve.spec.study import StudySpec

# The section of those who do not read the other one.
WHOSE = {"recipe": "language models", "encoder": "taggers and classifiers"}
OTHER = {"recipe": "encoder", "encoder": "recipe"}


def unused_settings(spec: StudySpec, learners: Iterable[Learner]) -> list[Finding]:
    """Return what `recipe` and `encoder` say that no learner reads that is tuned, and `presidio` and `gliner` without such a model."""
    return [*_of_presidio(spec), *_of_gliner(spec), *_of_trainings(spec, learners)]


def _of_presidio(spec: StudySpec) -> list[Finding]:
    if "presidio" in models_within(spec.models):
        return []
    return [
        Finding(
            "setting-unused",
            f"presidio.{name} is set, and no model of this study is presidio: it changes nothing",
            "leave it out, or name the model presidio",
        )
        for name in spec.presidio.asked()
    ]


def _of_gliner(spec: StudySpec) -> list[Finding]:
    if any(name.startswith("gliner:") for name in models_within(spec.models)):
        return []
    return [
        Finding(
            "setting-unused",
            f"gliner.{name} is set, and no model of this study is a GLiNER model: it changes nothing",
            "leave it out, or name a model gliner:FOLDER",
        )
        for name in spec.gliner.asked()
    ]


def _of_trainings(spec: StudySpec, learners: Iterable[Learner]) -> list[Finding]:
    tuned = [learner for learner in learners if learner.can_fine_tune] if spec.train_sizes else []
    read: set[str] = set()
    for learner in tuned:
        if learner.settings_read is None:
            return []
        read |= learner.settings_read
    if not tuned:
        return []
    return [_finding(section, name, read) for section, name in _asked(spec) if f"{section}.{name}" not in read]


def _asked(spec: StudySpec) -> Iterator[tuple[str, str]]:
    """Yield the settings that have another value than the default one, and than the study's that nobody asked for."""
    for section, values in (("recipe", spec.recipe), ("encoder", spec.encoder)):
        quick = QUICK_STUDY[section]
        assert isinstance(quick, dict)
        for name, field in type(values).model_fields.items():
            if getattr(values, name) not in (field.default, quick.get(name, field.default)):
                yield section, name


def _finding(section: str, name: str, read: set[str]) -> Finding:
    other = OTHER[section]
    instead = f"; for {WHOSE[other]} it is {other}.{name}" if f"{other}.{name}" in read else ""
    text = f"{section}.{name} is set, and no model of this study that is tuned reads it: it changes nothing{instead}"
    return Finding("setting-unused", text, f"leave it out, or name a model that does ({WHOSE[section]})")
