"""A model tuned on this machine and answered for by the user's own vLLM server, over the wire."""

from __future__ import annotations

import json

import pytest

from tests.fakes.vllm_server import VllmFake
from tunecurve.cli.main import run_command
from tunecurve.errors import EnvironmentProblem, ModelError
from tunecurve.learners.hosted.vllm_server import VllmServer
from tunecurve.spec.hosted import VllmSpec

pytestmark = pytest.mark.usefixtures("undrawn")

BASE = "Qwen/Qwen2.5-0.5B-Instruct"
NAME = "tunecurve-0123456789ab"


@pytest.fixture
def serve(monkeypatch, only_loopback, started):
    """Return a function that starts a server and points the environment at it."""

    def begin(model=BASE, *faults, **given):
        server = started(VllmFake(model, faults, **given))
        monkeypatch.setenv("VLLM_BASE_URL", server.url)
        return server

    monkeypatch.delenv("VLLM_API_KEY", raising=False)
    return begin


@pytest.fixture
def adapter(tmp_path):
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    return str(folder)


def test_an_adapter_is_loaded_once_and_taken_back(serve, adapter):
    fake = serve()
    server = VllmServer(VllmSpec(model=BASE))
    assert server.base_model(BASE) == BASE
    assert server.longest(BASE) == 2048
    assert server.give(NAME, adapter, BASE) == (NAME, True)
    assert fake.modules == {NAME: adapter}
    assert server.give(NAME, adapter, BASE) == (NAME, False)
    server.take_back(NAME)
    assert fake.modules == {}
    assert fake.log.count("/v1/load_lora_adapter") == 1


def test_an_adapter_that_is_there_is_used_by_our_name_or_the_users(serve, adapter):
    serve(BASE, "no-runtime", modules={NAME: "/x", "mine": "/y"})
    assert VllmServer(VllmSpec(model=BASE)).give(NAME, adapter, BASE) == (NAME, False)
    assert VllmServer(VllmSpec(model=BASE, adapters={NAME: "mine"})).give(NAME, adapter, BASE) == ("mine", False)


@pytest.mark.parametrize(
    ("faults", "settings", "words"),
    [
        (
            ["no-runtime"],
            {},
            ["VLLM_ALLOW_RUNTIME_LORA_UPDATING=True", f"--lora-modules {NAME}=", "the training is kept"],
        ),
        (["rank"], {}, ["greater than max_lora_rank 8", "--max-lora-rank"]),
        (["missing"], {}, ["No adapter found", "hosted.vllm.run_folder"]),
        (["unlisted"], {}, ["does not list it"]),
        ([], {"adapters": {NAME: "mine"}}, ["has no adapter 'mine'", f"--lora-modules {NAME}="]),
    ],
)
def test_an_adapter_that_cannot_be_had_is_a_line_with_the_way_on(serve, adapter, faults, settings, words):
    serve(BASE, *faults)
    with pytest.raises(ModelError) as caught:
        VllmServer(VllmSpec(model=BASE, **settings)).give(NAME, adapter, BASE)
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_second_name_of_the_model_is_the_model(serve, adapter):
    serve(BASE, "alias")
    server = VllmServer(VllmSpec(model=BASE, served_as="alias"))
    assert server.base_model(BASE) == "alias"
    assert server.give(NAME, adapter, "alias") == (NAME, True)


def test_an_adapter_upon_another_model_is_refused(serve, adapter):
    serve(BASE, "other-parent", modules={NAME: adapter})
    with pytest.raises(ModelError, match="an adapter of 'another/model'"):
        VllmServer(VllmSpec(model=BASE)).give(NAME, adapter, BASE)


def test_a_base_model_under_the_name_of_an_adapter_is_refused(serve, adapter):
    serve()
    with pytest.raises(ModelError, match="no adapter"):
        VllmServer(VllmSpec(model=BASE, adapters={NAME: BASE})).give(NAME, adapter, BASE)


@pytest.mark.parametrize(
    ("served", "root", "served_as", "is_it"),
    [
        (BASE, None, None, True),
        ("short", BASE, None, True),
        ("short", "/models/qwen", "short", True),
        ("short", "/models/qwen", None, False),
        ("Qwen/Qwen2.5-1.5B-Instruct", None, None, False),
        (BASE, None, "short", False),
    ],
)
def test_the_base_model_is_the_one_that_is_tuned(serve, served, root, served_as, is_it):
    serve(served, root=root)
    server = VllmServer(VllmSpec(model=BASE, served_as=served_as))
    if is_it:
        assert server.base_model(BASE) == served
        return
    with pytest.raises(ModelError) as caught:
        server.base_model(BASE)
    assert f"serves '{served}'" in str(caught.value)
    assert "hosted.vllm.served_as" in str(caught.value)


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (["redirect"], "sends calls on (307); nothing was sent there"),
        (["keyed"], "check VLLM_API_KEY"),
    ],
)
def test_a_server_that_is_not_as_it_should_be_is_a_line(serve, monkeypatch, faults, words):
    serve(BASE, *faults)
    monkeypatch.setenv("VLLM_API_KEY", "wrong-key-canary")
    with pytest.raises(ModelError) as caught:
        VllmServer(VllmSpec(model=BASE)).base_model(BASE)
    assert words in str(caught.value)
    assert "canary" not in str(caught.value)


def test_no_server_and_no_address_are_lines(monkeypatch, only_loopback):
    monkeypatch.setenv("VLLM_BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(ModelError, match=r"cannot reach the server at http://127\.0\.0\.1:9/v1: connection refused"):
        VllmServer(VllmSpec(model=BASE)).base_model(BASE)
    monkeypatch.delenv("VLLM_BASE_URL")
    with pytest.raises(EnvironmentProblem, match="set VLLM_BASE_URL"):
        VllmServer(VllmSpec(model=BASE))


def test_a_server_that_tells_no_tokens_is_said(serve):
    serve(BASE, "no-tokenize")
    said = []
    VllmServer(VllmSpec(model=BASE), said.append).check_tokens(BASE, [{"role": "user", "content": "x"}], [1, 2])
    assert len(said) == 1
    assert "not checked" in said[0]


STUDY = {
    "name": "served", "shots": [0], "train_sizes": [4], "recipe": {"epochs": 1}, "training_score_rows": 0,
    "split": {"test_size": 6, "method": "random"},
}  # fmt: skip


@pytest.fixture
def served_study(tmp_path, tiny_model_folder, serve, monkeypatch, capsys):
    """Return a function that runs a study whose local model a server answers for: exit code, all it printed, the server."""
    from transformers import AutoTokenizer

    from tunecurve.learners.lm.chat_format import ChatEncoder
    from tunecurve.prompts import Message, Prompt

    monkeypatch.setenv("TUNECURVE_LEDGER", str(tmp_path / "ledger.sqlite"))
    monkeypatch.chdir(tmp_path)
    names = ["Ada", "Bo", "Cleo", "Dai", "Eve", "Finn", "Gus", "Hal", "Ida", "Jo", "Kim", "Lea"]
    rows = [{"source_text": f"{n} left the house at {i}.", "target_text": f"[NAME] left the house at {i}."} for i, n in
            enumerate(names)]  # fmt: skip
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    encoder = ChatEncoder(AutoTokenizer.from_pretrained(tiny_model_folder))

    def tokens(messages):
        turns = tuple(Message(turn["role"], turn["content"]) for turn in messages)
        return encoder.prompt_ids(Prompt(turns, turns[-1].content))

    def run(*faults, **more):
        model = str(tiny_model_folder)
        fake = serve(model, *faults, tokens=tokens)
        study = {
            **STUDY,
            "data": {"source": "rows.jsonl"},
            "models": [model],
            "hosted": {"vllm": {"model": model, **more}},
        }
        (tmp_path / "study.yaml").write_text(json.dumps(study))
        code = run_command(["run", "study.yaml", "--out", "run", "--yes", "--device", "cpu"])
        said = capsys.readouterr()
        return code, said.out + said.err, fake

    return run


def test_a_study_is_tuned_here_and_answered_there(served_study, tmp_path, serve):
    code, said, fake = served_study()
    assert code == 0, said
    assert "tuned here; the server at http://127.0.0.1" in said
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    folders = {trial["label"]: trial["folder"] for trial in results["trials"] if trial["learner"] != "floor"}
    answers = {
        label: [json.loads(line)["prediction"] for line in (tmp_path / "run" / folder / "predictions.jsonl").open()]
        for label, folder in folders.items()
    }
    assert all(text.startswith(("tunecurve-",)) for text in answers["fine-tune-n4-seed0"])
    assert not any(text.startswith("tunecurve-") for text in answers["zero-shot"])
    assert fake.modules == {}  # taken back
    assert {body["temperature"] for body in fake.bodies} == {0.0}
    assert results["money"] is None
    n_asked = len(fake.bodies)
    code, said, _ = served_study()
    assert (code, len(fake.bodies)) == (0, n_asked)
    assert "Nothing to do" in said


def test_a_server_that_loads_nothing_keeps_the_training_for_when_it_has_the_adapter(
    served_study, tmp_path, monkeypatch
):
    code, said, fake = served_study("no-runtime")
    assert code == 6
    assert "--lora-modules tunecurve-" in said
    module = said.split("--lora-modules ")[1].split(",")[0].split()[0]
    name, _, folder = module.partition("=")
    trained = next((tmp_path / "run").glob("trials/*/adapter/adapter_model.safetensors")).stat().st_mtime_ns
    fake.modules[name] = folder
    monkeypatch.setenv("VLLM_BASE_URL", fake.url)
    assert run_command(["run", "study.yaml", "--out", "run", "--yes", "--device", "cpu"]) == 0
    assert next((tmp_path / "run").glob("trials/*/adapter/adapter_model.safetensors")).stat().st_mtime_ns == trained
    assert fake.modules == {name: folder}  # it was there before, and stays


def test_other_tokens_than_those_of_the_training_end_the_trial(served_study):
    code, said, fake = served_study("other-tokens")
    assert code == 6
    assert "makes other tokens of the first prompt than the training" in said
    assert not fake.bodies


def test_weights_in_four_bits_are_refused_where_a_server_answers_with_its_own(served_study, monkeypatch):
    monkeypatch.setitem(STUDY, "four_bit_weights", True)
    code, said, fake = served_study()
    assert code == 4
    assert "four_bit_weights: true, and hosted.vllm.model is" in said
    assert "expected four_bit_weights: false" in said
    assert not fake.bodies
