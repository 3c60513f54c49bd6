"""From a study's description to one that is ready to run: learners built, rows read, cleaned and split, trials listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

from tunecurve.errors import ModelError, StudyStateError, UsageError, did_you_mean
from tunecurve.learners.base import Learner
from tunecurve.learners.baselines.floor import FloorLearner
from tunecurve.learners.distilled_names import models_within
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.known_models import unserved_model, unused_prices
from tunecurve.learners.own import own_learners
from tunecurve.learners.registry import LearnerOptions, build_learners
from tunecurve.spec.reading import load_spec, parse_spec
from tunecurve.spec.shots import in_order
from tunecurve.spec.study import CONSTRAINED, StudySpec
from tunecurve.study.checks import check_study
from tunecurve.study.contexts import context_findings
from tunecurve.study.dataset import StudyData
from tunecurve.study.development_findings import development_findings
from tunecurve.study.left_out import left_out
from tunecurve.study.model_places import naming_file, naming_place
from tunecurve.study.options import StudyOptions
from tunecurve.study.plan import PlannedTrial, list_trials, trial_config, trial_folder_name
from tunecurve.study.planned_trainings import memory_findings, planned_trainings, trained_together
from tunecurve.study.progress import Progress
from tunecurve.study.settling import settled_study
from tunecurve.study.splitting import split_rows_of
from tunecurve.study.study import Study, TimeChoice
from tunecurve.study.study_file import STUDY_FILE, check_study_file
from tunecurve.study.threads import threads_of_study
from tunecurve.study.time_budget import asked_of, has_plan, with_choice, within_time, without_bought
from tunecurve.study.trial_folder import TrialFolder
from tunecurve.study.unlabelled import give_unlabelled
from tunecurve.study.unused_settings import unused_settings


def prepare_study(values: Mapping[str, Any], options: StudyOptions | None = None) -> Study:
    """Return a study with data, learners and plan; writes nothing but the model cache.

    Parameters
    ----------
    values : mapping
        A study file's content; sizes that are not given are the default ones that the data can carry.
    options : StudyOptions, optional
        Where the study is kept and computed, and who is told.
    """
    options, began = options or StudyOptions(), monotonic()
    progress, origin = options.progress, options.origin
    values = _with_models_of_learners(values, options.learners or {})
    settled = settled_study(values, options.out, origin)
    options.before_models(settled.spec)
    folder, asked = settled.folder, with_choice(settled.spec)
    asked = _with_prices_of_folder(asked, folder, origin, progress)
    spec = _with_what_is_there(asked, folder, origin)
    account = Account(
        spec.hosted,
        str(folder.absolute()),
        on_message=progress.message,
        cancellation=progress.cancellation,
        on_spent=progress.paid,
    )
    built = _learners(asked, spec, account, folder, (values, options))
    with naming_place("optimize.proposer", values, options):
        proposer = _proposer(spec, built)
    spec, data = split_rows_of(spec, settled, values, accept_data_changes=options.accept_data_changes)
    built["floor"] = FloorLearner(spec.kind.floor, [row.target for row in data.pool])
    give_unlabelled(spec, data, built)
    everyone = built if proposer is None else {**built, proposer.name: proposer}
    _settle_prompt_forms(everyone, data)
    is_own_file = Path(origin).absolute() == (folder / STUDY_FILE).absolute()
    everything, planned = spec, _plan(asked, spec, data, (built, proposer), folder)
    planned = without_bought(planned, settled.spec, data, built, is_own_file=is_own_file)
    if options.will_run and not has_plan(spec, data):
        Study(spec, folder, data, built, planned, account, progress, proposer).check_access()
    choice = TimeChoice(everything, planned) if spec.time_budget is not None else None
    spec, planned = within_time(
        asked_of(settled.spec), spec, data, (built, proposer), planned, lambda: monotonic() - began
    )
    data.findings.extend(left_out(everything if "train_sizes" in values else spec, built))
    data.findings.extend(development_findings((item.trial, item.config) for item in planned))
    data.findings.extend(finding for learner in everyone.values() for finding in learner.model_findings())
    data.findings.extend(unused_prices(spec.hosted.prices, models_within(spec.asked_models)))
    data.findings.extend(unserved_model(spec.hosted.vllm.model, models_within(spec.asked_models)))
    data.findings.extend(unused_settings(spec, built.values()))
    with naming_file(options):
        check_study(spec, data, built)
    data.findings.extend(context_findings(data, built, spec.shots))
    return Study(spec, folder, data, built, planned, account, progress, proposer, choice)


def _with_models_of_learners(values: Mapping[str, Any], learners: Mapping[str, object]) -> Mapping[str, Any]:
    """Return the study's content with the caller's own learners as its models, where it names none.

    Raises
    ------
    UsageError
        For a learner that no model names: it would be left out.
    """
    if not learners:
        return values
    if "models" not in values:
        return {**values, "models": list(learners)}
    models = values["models"]
    named = [models] if isinstance(models, str) else models if isinstance(models, list | tuple) else []
    search = values.get("optimize")
    proposer = search.get("proposer") if isinstance(search, Mapping) else None
    unnamed = [name for name in learners if name not in named and name != proposer]
    if unnamed:
        raise UsageError(
            f"learners: '{unnamed[0]}' is not among the models ({', '.join(map(str, named))}), and would not be measured; "
            f"name it in models, or leave models out to measure the given learners alone.{did_you_mean(unnamed[0], named)}"
        )
    return values


def _learners(
    asked: StudySpec, spec: StudySpec, account: Account, folder: Path, told: tuple[Mapping[str, Any], StudyOptions]
) -> dict[str, Learner]:
    """Return the study's learners by name, the floor first: the caller's own, the others as their names say."""
    options = told[1]
    given = options.learners or {}
    named = [name for name in spec.asked_models if name not in given]
    by_name = own_learners(given)
    if not named:
        return by_name
    local = LearnerOptions.of_study(spec, account, options.device, threads_of_study(folder, options))
    local = replace(local, share=options.share, on_message=options.progress.message)
    for name in sorted(named, key=lambda name: name not in asked.asked_models):
        if name in asked.asked_models:
            with naming_place("models" if name in asked.models else "optimize.proposer", *told):
                by_name |= {name: build_learners([name], local)[name]}
        else:
            try:
                by_name |= {name: build_learners([name], local)[name]}
            except ModelError as error:
                raise StudyStateError(
                    f"'{name}' is of an earlier run in '{folder}': {error} If it is a learner of your own, give it under learners "
                    "this time, too; or choose another folder (out)."
                ) from None
    return {name: by_name[name] for name in ("floor", *spec.asked_models)}


def _proposer(spec: StudySpec, built: dict[str, Learner]) -> Learner | None:
    """Return who proposes instructions, taken from the learners where it is not measured itself; None: each model does.

    Raises
    ------
    UsageError
        For a model that takes no prompts.
    """
    name = spec.optimize.proposer
    if name is None or name not in spec.asked_models:
        return None
    proposer = built[name]
    if not proposer.takes_prompts or name.startswith(CONSTRAINED):
        raise UsageError(f"'{name}' proposes instructions, and cannot write one; expected a language model")
    if name not in spec.models:
        del built[name]
    return proposer


def _settle_prompt_forms(learners: Mapping[str, Learner], data: StudyData) -> None:
    """Give every learner the study's own day, decided also where none asks for it yet, and note how prompts are formed."""
    day = data.frozen_date
    for learner in learners.values():
        learner.use_date(day)
        data.findings.extend(learner.prompt_findings())


def _plan(
    asked: StudySpec,
    spec: StudySpec,
    data: StudyData,
    models: tuple[Mapping[str, Learner], Learner | None],
    folder: Path,
) -> list[PlannedTrial]:
    """Return the trials that are asked for now, and those of earlier runs that are finished; `models`: all, and who proposes."""
    learners, proposer = models
    trainings = planned_trainings(spec, data, learners)
    data.findings.extend(memory_findings(spec, trainings))
    wanted = set(list_trials(asked, {name: learners[name] for name in ["floor", *asked.models] if name in learners}))
    planned = []
    for trial in list_trials(spec, learners):
        learner = learners[trial.learner]
        own_proposer = None if proposer is learner else proposer
        config = trial_config(trial, spec, data, learner, own_proposer, trained_together(spec, learner, trainings))
        item = PlannedTrial(trial, config, TrialFolder.of_study(folder, trial_folder_name(trial, config)))
        if trial in wanted or item.folder.is_finished or (data.has_accepted_changes and _was_finished(item)):
            planned.append(item)
    return planned


def _was_finished(item: PlannedTrial) -> bool:
    """Return whether the trial was finished on rows that have changed since, with consent."""
    return any(folder.is_finished for folder in item.folder.namesakes())


def _with_what_is_there(spec: StudySpec, folder: Path, origin: str) -> StudySpec:
    """Return the study with the models, shots, sizes and seeds of its earlier runs: a study grows, and loses nothing.

    Of these only finished trials are taken along; what was never finished and is not asked for any more is not run.
    """
    path = folder / STUDY_FILE
    if not path.exists():
        return spec
    if Path(origin).absolute() != path.absolute():  # else its user has changed it, and says so
        check_study_file(path)
    before = parse_spec(load_spec(path), str(path))
    return spec.model_copy(
        update={
            "models": list(dict.fromkeys([*before.models, *spec.models])),
            "shots": in_order([*before.shots, *spec.shots]),
            "train_sizes": sorted({*before.train_sizes, *spec.train_sizes}),
            "optimize": before.optimize if spec.optimize.calls is None else spec.optimize,
            "seeds": max(before.seeds, spec.seeds),
        }
    )


def _with_prices_of_folder(spec: StudySpec, folder: Path, origin: str, progress: Progress) -> StudySpec:
    """Return the study with the target and the prices of its last run, where none are named now; tell which."""
    path = folder / STUDY_FILE
    if not path.exists() or Path(origin).absolute() == path.absolute():
        return spec
    check_study_file(path)
    before = parse_spec(load_spec(path), str(path)).advice
    named = spec.advice.model_fields_set
    kept = {key: value for key, value in before.model_dump(exclude_none=True).items() if key not in named}
    if not kept:
        return spec
    told = ", ".join(f"{key} {value}" for key, value in kept.items())
    progress.message(
        f"kept from the last run in this folder: {told} (a study file that says null, or {path} itself, drops them)"
    )
    return spec.model_copy(update={"advice": spec.advice.model_copy(update=kept)})
