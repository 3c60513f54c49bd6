"""`tunecurve doctor`: what it finds on this machine, what it calls a problem, and what it never does."""

import json
import os
import shutil
import socket
import tomllib
from collections import namedtuple
from importlib import metadata
from pathlib import Path

import pytest

from tests.cli.test_commands import invoke
from tunecurve.doctor import compute, examine, packages, stores
from tunecurve.doctor.records import ComputeFacts, Diagnosis
from tunecurve.learners.cores import usual_threads

HERE = Path(__file__).parents[2]
FACTS = ComputeFacts("cpu", "torch sees no GPU", "float32", "a reason", 2, 40.0, 40.0, "asleep")
REQUIRED = [
    "click>=8.1",
    "torch>=2.6; extra == 'local'",
    'peft>=0.17; extra == "local"',
    'tunecurve[hub]; extra == "local"',
    'datasets>=3; extra == "hub"',
    'tunecurve[local,hub]; extra == "ray"',
    'ray (>=2.40) ; extra == "ray"',
]


@pytest.fixture
def installed(monkeypatch):
    """Say what is installed instead of what is; tests add and take away."""
    versions = {
        "tunecurve": "0.1.0",
        "click": "8.1",
        "torch": "2.6.0+cpu",
        "peft": "0.17",
        "datasets": "3.0",
        "ray": "2.40.1",
    }

    def version(name):
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(packages.metadata, "version", version)
    monkeypatch.setattr(packages.metadata, "requires", lambda name: REQUIRED)
    monkeypatch.setattr(examine, "compute_facts", lambda install: (FACTS, []))
    monkeypatch.setattr(examine, "model_states", list)
    return versions


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """Work in an empty folder with an empty home."""
    monkeypatch.chdir(tmp_path)
    for name in ("TUNECURVE_CACHE", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "HF_HOME", "TUNECURVE_LEDGER"):
        monkeypatch.setenv(name, str(tmp_path / "home" / name.lower()))
    return tmp_path


def diagnosed(expected_code=0):
    code, out, err = invoke("doctor", "--json")
    assert code == expected_code, err
    return json.loads(out), err


def test_on_this_machine_nothing_is_connected_or_written(elsewhere, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("doctor made a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    found, err = diagnosed()
    assert err == ""
    assert found["schema_version"] == 1
    assert found["ok"] is True
    assert found["tunecurve"] == metadata.version("tunecurve")
    assert found["compute"]["gflops"] > 0
    assert found["compute"]["threads"] >= 1
    states = {model["name"]: (model["state"], model["download_megabytes"]) for model in found["models"]}
    assert states == {
        "smollm2-135m-instruct": ("not here", 93), "all-minilm-l6-v2": ("not here", 80), "all-mpnet-base-v2": ("not here", 405),
        "multilingual-e5-small-4bit": ("not here", 91)}  # fmt: skip
    assert list(elsewhere.rglob("*")) == []


def test_the_json_is_the_documented_record(elsewhere, installed):
    found, _ = diagnosed()
    assert Diagnosis.from_json(found).to_json() == found


def test_every_extra_of_the_project_is_told_with_its_command(elsewhere):
    declared = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(packages.EXTRAS) == set(declared) - {"docs", "test"}, "those for contributors are not named"
    text = invoke("doctor")[1]
    for extra in packages.extras_of({}):
        assert f"{extra.name} ({extra.brings})" in text
        assert extra.install == f"pip install '.[{extra.name}]'"


@pytest.mark.parametrize(
    ("version", "wanted", "is_enough"),
    [
        ("2.10", ">=2.9", True),
        ("2.9", ">=2.10", False),
        ("2.6.0+cpu", ">=2.6", True),
        ("2.6", ">=2.6.0", True),
        ("2.5.1+cu121", ">=2.6", False),
        ("0.3.279", "~=0.3.280", False),
        ("0.3.280", "~=0.3.280", True),
        ("1.0", "", True),
    ],
)
def test_a_version_is_enough(installed, monkeypatch, version, wanted, is_enough):
    installed["click"] = version
    monkeypatch.setattr(packages.metadata, "requires", lambda name: [f"click{wanted}"])
    assert packages.core_of(packages.packages_by_extra())[0].is_enough is is_enough


@pytest.mark.parametrize(
    ("gone", "states"),
    [
        ([], {"local": "installed", "hub": "installed", "ray": "installed"}),
        (["datasets"], {"local": "incomplete", "hub": "not installed", "ray": "incomplete"}),
        (["ray"], {"local": "installed", "hub": "installed", "ray": "incomplete"}),
        (
            ["datasets", "torch", "peft", "ray"],
            {"local": "not installed", "hub": "not installed", "ray": "not installed"},
        ),
    ],
)
def test_an_extra_that_asks_for_another_has_its_packages(installed, gone, states):
    for name in gone:
        del installed[name]
    found = {extra.name: extra.state for extra in packages.extras_of(packages.packages_by_extra())}
    assert {name: found[name] for name in states} == states
    assert found["sql"] == "unknown", "the installed package names no such extra"


def test_without_torch_it_is_said_and_is_no_error(elsewhere, installed, monkeypatch):
    del installed["torch"]
    monkeypatch.setattr(examine, "compute_facts", lambda install: pytest.fail("nothing is computed without torch"))
    found, err = diagnosed()
    assert found["ok"] is True
    assert found["compute"] is None
    assert found["models"] == []
    assert "pip install '.[local]'" in found["notes"][0]
    assert err == ""
    assert "note       torch is not installed" in invoke("doctor")[1]


@pytest.mark.parametrize(
    ("name", "version", "said"),
    [
        ("peft", None, "peft >=0.17 (nothing is installed); run: pip install '.[local]'"),
        ("peft", "0.16.9", "peft >=0.17 (0.16.9 is installed); run: pip install '.[local]'"),
        ("torch", "2.5.1+cpu", "torch >=2.6 (2.5.1+cpu is installed); run: pip install '.[local]'"),
        ("click", "7.0", "click >=8.1 (7.0 is installed); run: pip install --upgrade ."),
    ],
)
def test_what_a_study_lacks_is_a_problem(elsewhere, installed, name, version, said):
    installed.pop(name)
    if version:
        installed[name] = version
    found, err = diagnosed(7)
    assert found["ok"] is False
    assert said in found["problems"][0]
    assert said in err
    assert err.count("\n") == 1


def test_datasets_are_not_needed_by_the_built_in_study(elsewhere, installed):
    del installed["datasets"]
    assert diagnosed()[0]["problems"] == []


@pytest.mark.parametrize(
    "error", [OSError("libcudart.so.12: cannot open shared object file"), RuntimeError("no driver\nmore")]
)
def test_torch_that_cannot_be_used_is_a_problem(elsewhere, monkeypatch, error):
    def broken():
        raise error

    monkeypatch.setattr("tunecurve.learners.torch.device.choose_compute", broken)
    found, _ = diagnosed(7)
    assert found["compute"] is None
    assert str(error).splitlines()[0] in found["problems"][0]


def test_threads_of_a_variable_are_said_not_to_be_heeded(elsewhere, monkeypatch):
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    threads = usual_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
    assert diagnosed()[0]["notes"] == []
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads + 1))
    found, _ = diagnosed()
    assert found["compute"]["threads"] == threads
    assert found["notes"] == [f"OMP_NUM_THREADS={threads + 1} is not heeded: threads are set with --threads"]


def test_a_device_that_does_not_compute_is_a_problem(monkeypatch):
    def broken(device, dtype):
        raise RuntimeError("CUDA error: no kernel image is available")

    monkeypatch.setattr("tunecurve.learners.torch.speed.matmul_flops_per_second", broken)
    facts, problems = compute.compute_facts("pip install '.[local]'")
    assert facts.gflops is None
    assert "no kernel image" in problems[0]


KEYS = {"OPENAI_API_KEY": "sk-aaaa1111bbbb", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI", "HF_TOKEN": "hf_cccc2222dddd",
        "GOOGLE_APPLICATION_CREDENTIALS": "/secret place/of mine.json"}  # fmt: skip


def test_keys_are_names_never_values(elsewhere, installed, monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    found, _ = diagnosed()
    assert {key["variable"] for key in found["keys"]} >= set(KEYS)
    assert all(key["problem"] is None for key in found["keys"])
    said = json.dumps(found) + "".join(invoke("doctor")[1:])
    for value in KEYS.values():
        assert value not in said


@pytest.mark.parametrize(
    ("name", "address", "is_found"),
    [
        ("LAB_API_KEY", "LAB_BASE_URL", True),
        ("MY_OWN_API_KEY", "MY_OWN_BASE_URL", True),
        ("LAB_API_KEY", "OTHER_BASE_URL", False),
        ("LAB_SECRET", "LAB_BASE_URL", False),
    ],
)
def test_a_service_is_known_by_key_and_address(elsewhere, installed, monkeypatch, name, address, is_found):
    monkeypatch.setenv(name, "abcdefgh")
    monkeypatch.setenv(address, "https://host/v1")
    assert (name in [key["variable"] for key in diagnosed()[0]["keys"]]) is is_found


@pytest.mark.parametrize(
    ("value", "is_odd"), [("abcdefg\n", True), (" abcdefg", True), ("“abcdefg”", True), ("abc-def_g", False)]
)
def test_a_key_with_a_blank_is_a_warning(elsewhere, installed, monkeypatch, value, is_odd):
    monkeypatch.setenv("OPENAI_API_KEY", value)
    [key] = [key for key in diagnosed()[0]["keys"] if key["variable"] == "OPENAI_API_KEY"]
    assert (key["problem"] is not None) is is_odd
    assert ("warning    the key in OPENAI_API_KEY" in invoke("doctor")[1]) is is_odd


def test_an_empty_variable_is_not_set(elsewhere, installed, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "")
    assert "OPENAI_API_KEY" not in [key["variable"] for key in diagnosed()[0]["keys"]]


def test_models_in_the_caches_are_found_and_damage_is_a_problem(elsewhere, monkeypatch):
    monkeypatch.setattr(examine, "compute_facts", lambda install: (FACTS, []))
    from tunecurve.learners.encoder.weights import ENCODER_WHEEL

    hub = Path(os.environ["HF_HUB_CACHE"])
    for name, file in [("owner--whole", "model.safetensors"), ("owner--begun", "config.json")]:
        folder = hub / f"models--{name}" / "snapshots" / "abc"
        folder.mkdir(parents=True)
        (folder / file).write_text("{}")
    weights = Path(os.environ["TUNECURVE_CACHE"]) / "models" / f"all-minilm-l6-v2-{ENCODER_WHEEL.member_sha256[:16]}"
    weights.mkdir(parents=True)
    (weights / "model.safetensors").write_text("not what was published")
    found, err = diagnosed(7)
    assert {model["name"]: model["state"] for model in found["models"]} == {
        "smollm2-135m-instruct": "not here", "all-minilm-l6-v2": "damaged", "all-mpnet-base-v2": "not here",
        "multilingual-e5-small-4bit": "not here", "owner/whole": "here"}  # fmt: skip
    assert "'all-minilm-l6-v2' in the cache are damaged; delete them" in err
    sizes = {store["moved_by"]: store["bytes"] for store in found["stores"]}
    assert sizes["TUNECURVE_CACHE"] == len("not what was published")
    assert sizes["HF_HUB_CACHE"] == 4


def test_a_model_that_cannot_be_fetched_is_a_problem(elsewhere, installed, monkeypatch):
    monkeypatch.setattr(examine, "model_states", stores.model_states)
    monkeypatch.setattr(examine, "find_spec", lambda name: None)
    assert "this environment does not have; run: python -m ensurepip" in diagnosed(7)[1]


Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("free", "is_problem"), [(50_000_000, True), (99_999_999, True), (100_000_000, False), (10**12, False)]
)
def test_a_full_disk_is_a_problem(elsewhere, installed, monkeypatch, free, is_problem):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**13, 0, free))
    problems = diagnosed(7 if is_problem else 0)[0]["problems"]
    assert any("choose another folder with --out" in line for line in problems) is is_problem


def test_a_cache_counts_only_as_long_as_a_model_is_missing(elsewhere, installed, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**13, 0, 10**9))
    assert diagnosed()[0]["ok"] is True
    monkeypatch.setattr(examine, "model_states", stores.model_states)
    assert "set TUNECURVE_CACHE to another folder" in diagnosed(7)[1]


def test_a_folder_that_cannot_be_written_is_a_problem(elsewhere, installed, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "runs' cannot be written; choose another folder with --out" in diagnosed(7)[1]


def test_a_file_in_the_place_of_the_runs_is_a_problem(elsewhere, installed):
    (elsewhere / "runs").write_text("a file")
    assert "runs' cannot be written" in diagnosed(7)[1]
