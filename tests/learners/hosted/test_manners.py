"""How a server speaks is a setting, and the error that needs one names it; keys and addresses are read before they are used."""

from __future__ import annotations

import json
import os

import pytest

from tests.fakes.faulty_server import FaultyServer
from tests.learners.hosted.conftest import GEMINI, LAB
from tests.support.processes import run_process
from tunecurve.errors import EnvironmentProblem, ModelError, MoneyError, UsageError
from tunecurve.learners.base import predict
from tunecurve.learners.hosted.known_models import findings_on, unserved_model, unused_prices
from tunecurve.learners.hosted.names import hint_at_provider, parse_hosted_name


@pytest.fixture
def lab(monkeypatch, only_loopback, started):
    """Return a function that starts a server of OpenAI's format."""

    def begin(fault=""):
        server = started(FaultyServer(fault))
        monkeypatch.setenv("LAB_API_KEY", "canary-lab-key")
        monkeypatch.setenv("LAB_BASE_URL", server.url + "/v1")
        return server

    return begin


def test_the_request_is_as_the_settings_say(lab, learner_of, prompts_of):
    server = lab()
    settings = {
        "max_tokens_field": "max_completion_tokens", "system_as_user": True, "reasoning_effort": "low",
        "extra_body": {"top_logprobs_mode": "none"},
    }  # fmt: skip
    predict(learner_of(LAB), prompts_of(["Ada"]))
    predict(learner_of(LAB, **settings), prompts_of(["Ada"]))
    usual, as_set = server.bodies
    assert "max_tokens" in usual
    assert [turn["role"] for turn in usual["messages"]] == ["system", "user"]
    assert "reasoning_effort" not in usual
    assert as_set["max_completion_tokens"] == usual["max_tokens"]
    assert "max_tokens" not in as_set
    assert [turn["role"] for turn in as_set["messages"]] == ["user"]
    assert as_set["messages"][0]["content"] == "\n\n".join(turn["content"] for turn in usual["messages"])
    assert as_set["reasoning_effort"] == "low"
    assert as_set["top_logprobs_mode"] == "none"


def test_settings_that_are_not_set_leave_the_keys_of_earlier_answers(learner_of):
    usual, other = learner_of(LAB).identity(), learner_of(LAB, stream=True).identity()
    assert "stream" not in usual
    assert other == {**usual, "stream": True}


@pytest.mark.parametrize(
    ("said", "setting"),
    [
        ("Unsupported parameter: 'max_tokens'... Use 'max_completion_tokens' instead.", "hosted.max_tokens_field"),
        ("This model is only supported in v1/responses and not in v1/chat/completions.", "hosted.api: responses"),
        ("This is not a chat model", "hosted.api: responses"),
        ("This model only supports streaming output; set stream to true", "hosted.stream: true"),
        ("System role not supported", "hosted.system_as_user: true"),
        ("Developer instruction is not enabled for this model", "hosted.system_as_user: true"),
        ("Unsupported value: 'reasoning_effort' does not support 'minimal'", "hosted.reasoning_effort"),
        ("Unsupported value: 'temperature' does not support 0.5", "hosted setting unset"),
    ],
)
@pytest.mark.parametrize("status", [400, 404, 422])
def test_the_error_names_the_setting(lab, learner_of, prompts_of, said, setting, status):
    server = lab(f"status {status} " + json.dumps({"error": {"message": said, "code": None, "type": None}}))
    with pytest.raises(ModelError) as caught:
        predict(learner_of(LAB, concurrency=1), prompts_of(["Ada"]))
    assert setting in str(caught.value)
    assert said[:40] in str(caught.value)
    assert server.n_requests == 1


@pytest.mark.parametrize("key", ["canary\n", " canary", "canary key", "canar\u00fd", "canary\u200b"])
def test_a_key_that_no_header_can_hold_is_said_before_anything_is_sent(lab, learner_of, prompts_of, monkeypatch, key):
    server = lab()
    monkeypatch.setenv("LAB_API_KEY", key)
    with pytest.raises(EnvironmentProblem, match="LAB_API_KEY") as caught:
        predict(learner_of(LAB), prompts_of(["Ada"]))
    assert "canar" not in str(caught.value)
    assert server.n_requests == 0


@pytest.mark.parametrize("address", ["ftp://host/v1", "127.0.0.1:8000/v1", "http://", "https://host:99999/v1", "/v1"])
def test_what_is_no_address_is_said(learner_of, prompts_of, monkeypatch, address):
    monkeypatch.setenv("LAB_API_KEY", "k")
    monkeypatch.setenv("LAB_BASE_URL", address)
    with pytest.raises(EnvironmentProblem, match="LAB_BASE_URL is no address"):
        predict(learner_of(LAB), prompts_of(["Ada"]))


def test_a_cap_with_an_unknown_price_is_refused_before_the_first_call(lab, learner_of, prompts_of):
    server = lab()
    with pytest.raises(MoneyError, match=r"hosted\.prices"):
        predict(learner_of(LAB, max_cost=1.0, prices={}), prompts_of(["Ada"]))
    answered_only = {LAB: {"input": 1.0, "output": 2.0}}
    with pytest.raises(MoneyError, match=f"tuning '{LAB}'"):
        learner_of(LAB, max_cost=1.0, prices=answered_only).check_access(will_tune=True)
    learner_of(LAB, max_cost=1.0, prices=answered_only).check_access(will_tune=False)
    assert server.n_requests == 0


@pytest.mark.parametrize(
    ("name", "day", "code"),
    [
        ("google/vertex/gemini-2.5-flash", "2026-11-27", "model-retired"),
        ("google/vertex/gemini-2.5-flash", "2026-10-01", "model-ends"),
        ("google/vertex/gemini-2.5-flash-lite-001", "2026-11-27", "model-retired"),
        ("google/gemini-2.5-flash", "2026-12-01", "model-retired"),
        ("openai/gpt-4.1-nano-2025-04-14", "2026-11-27", "model-retired"),
        ("openai/gpt-4.1-mini", "2026-11-27", "model-ends"),
        ("google/vertex/gemini-3.5-flash-lite", "2026-11-27", None),
        ("openai-api/lab/gpt-4.1-nano", "2026-11-27", None),
    ],
)
def test_a_retired_name_is_said(name, day, code):
    from datetime import date

    found = findings_on(name, parse_hosted_name(name), is_priced=True, today=date.fromisoformat(day))
    assert [finding.code for finding in found] == ([code] if code else [])


@pytest.mark.parametrize(
    ("address", "is_said"),
    [
        ("http://10.0.0.5/v1", True),
        ("http://127.0.0.1:1/v1", False),
        ("https://lab/v1", False),
        ("http://lab/v1", True),
    ],
)
def test_a_key_over_http_is_said(monkeypatch, address, is_said):
    monkeypatch.setenv("LAB_BASE_URL", address)
    codes = [finding.code for finding in findings_on(LAB, parse_hosted_name(LAB), is_priced=True)]
    assert ("sent-in-the-clear" in codes) == is_said


def test_an_unknown_name_is_said(monkeypatch):
    monkeypatch.delenv("GOOGLE_BASE_URL", raising=False)
    assert [f.code for f in findings_on("google/gemini-9", parse_hosted_name("google/gemini-9"), is_priced=False)] == [
        "model-unknown"
    ]
    assert not findings_on(GEMINI, parse_hosted_name("google/gemini-3.5-flash"), is_priced=True)


@pytest.mark.parametrize(
    ("name", "settings", "unsent"),
    [
        (LAB, {"top_k": 3}, ["top_k"]),
        (LAB, {"top_k": 3, "seed": 1, "api": "responses"}, ["top_k", "seed"]),
        (LAB, {"seed": 1, "temperature": 0.5, "top_p": 0.9}, []),
        (GEMINI, {"top_k": 3, "seed": 1}, []),
        (GEMINI, {"extra_body": {"x": 1}}, ["extra_body"]),
    ],
)
def test_a_setting_that_is_not_sent_is_said(learner_of, name, settings, unsent):
    found = learner_of(name, **settings).model_findings()
    assert [f.text.split()[0] for f in found if f.code == "setting-unsent"] == [f"hosted.{key}" for key in unsent]


ENDPOINT = "google/vertex/projects/p/locations/us/endpoints/7"


@pytest.mark.parametrize(
    ("endpoint_of", "thinking"),
    [
        (None, None),
        ("gemini-3.5-flash", {"include_thoughts": True, "thinking_level": "MINIMAL"}),
        ("gemini-2.5-flash", {"include_thoughts": False, "thinking_budget": 0}),
    ],
)
def test_an_endpoint_is_kept_from_thinking_once_its_model_is_told(
    lab, learner_of, prompts_of, monkeypatch, endpoint_of, thinking
):
    server = lab()
    for variable, value in {"GOOGLE_VERTEX_BASE_URL": server.url, "GOOGLE_CLOUD_PROJECT": "p",
                            "GOOGLE_OAUTH_ACCESS_TOKEN": "canary"}.items():  # fmt: skip
        monkeypatch.setenv(variable, value)
    learner = learner_of(ENDPOINT, vertex={"endpoint_of": endpoint_of})
    predict(learner, prompts_of(["Ada"]))
    assert server.bodies[0]["generationConfig"].get("thinkingConfig") == thinking
    said = [finding.code for finding in learner.model_findings()]
    assert ("endpoint-unknown" in said) == (endpoint_of is None)
    assert learner.identity().get("endpoint_of") == endpoint_of


def test_an_endpoint_has_the_price_of_the_model_that_it_was_tuned_from(learner_of):
    told = learner_of(ENDPOINT, prices={}, vertex={"endpoint_of": "gemini-2.5-flash"})
    assert told.price.call_usd(1e6, 0) == pytest.approx(0.30)
    assert learner_of(ENDPOINT, prices={}).price.call_usd(1, 1) is None


@pytest.mark.parametrize(
    ("status", "words"),
    [(413, "entity too large"), (422, "unprocessable"), (418, "teapot"), (450, "the server says no more")],
)
def test_a_bare_status_is_told_in_words(lab, learner_of, prompts_of, status, words):
    server = lab(f"status {status}")
    with pytest.raises(ModelError) as caught:
        predict(learner_of(LAB, concurrency=1), prompts_of(["Ada"]))
    assert f"({status})" in str(caught.value)
    assert words in str(caught.value)
    assert "Error code" not in str(caught.value)
    assert server.n_requests == 1


@pytest.mark.parametrize(
    "name",
    ["openai-api//x", "openai-api/x", "openai-api/../lab", "openai-api/lab/", "openai-api/lab/a/../b", "openai-api/la b/x",
     "openai-api/l\u00e4b/x", "openai-api/lab/x y", "openai-api/lab/x\n", "google/", "google/vertex", "google/vertex/", "openai/",
     "mistral/", "hosted:bogus/x", "openai-api/1lab/x"],
)  # fmt: skip
def test_what_cannot_be_a_providers_model_is_refused_by_name(name):
    with pytest.raises(UsageError) as caught:
        parse_hosted_name(name)
    assert name.strip() in str(caught.value)
    assert "/MODEL" in str(caught.value) or "Known are" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "google/vertex/projects/p/locations/us/endpoints/3",
            ("google", "vertex", "projects/p/locations/us/endpoints/3"),
        ),
        ("openai/ft:gpt-4.1:org::id", ("openai", None, "ft:gpt-4.1:org::id")),
        ("bedrock/anthropic.claude-3:0", ("bedrock", None, "anthropic.claude-3:0")),
        ("fireworks/accounts/a/models/b", ("fireworks", None, "accounts/a/models/b")),
        ("openai-api/my-lab_2/org/model", ("openai-api", "my-lab_2", "org/model")),
    ],
)
def test_names_that_providers_have_are_taken(name, parts):
    found = parse_hosted_name(name)
    assert (found.provider, found.service, found.model) == parts


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("cohere/command-r", "Cohere's API is not offered here"),
        ("vertex/gemini-3.5-flash", "google/vertex/MODEL"),
        ("azure/gpt-4.1", "openai-api/azure/MODEL"),
        ("OpenAI/gpt-4.1", "Did you mean 'openai'?"),
        ("gogle/gemini-3.5-flash", "Did you mean 'google'?"),
        ("bogus/x", "No provider is called 'bogus' here"),
        ("gemini-3.5-flash", "google/vertex/gemini-3.5-flash"),
        ("gpt-4.1-mini", "openai/gpt-4.1-mini"),
        ("claude-x", "anthropic/claude-x"),
        ("smollm3", ""),
    ],
)
def test_a_name_that_no_local_model_has_is_told_what_it_may_have_meant(name, hint):
    said = hint_at_provider(name)
    assert hint in said
    assert bool(said) == bool(hint)


@pytest.mark.parametrize(
    ("priced", "said"),
    [
        (["openai-api/lab/gpt-4.1-mni"], "Did you mean 'openai-api/lab/gpt-4.1-mini'?"),
        (["gpt-4.1-mini", "else"], "'else'"),
        ([LAB], None),
        ([], None),
    ],
)
def test_a_price_for_no_model_of_the_study_is_said(priced, said):
    found = unused_prices(priced, [LAB, "floor"])
    assert [finding.code for finding in found] == ["price-unused"] * (len(priced) if said else 0)
    assert said is None or said in " ".join(finding.line for finding in found)


@pytest.mark.parametrize(
    ("served", "is_said"), [(None, False), (LAB, False), ("gpt-4.1-mini", True), (LAB + "i", True)]
)
def test_a_vllm_that_answers_for_no_model_of_the_study_is_said(served, is_said):
    found = unserved_model(served, [LAB, "floor"])
    assert [finding.code for finding in found] == ["vllm-unused"] * is_said


@pytest.mark.parametrize(
    ("name", "variable", "value", "words"),
    [
        (GEMINI, "GOOGLE_GENAI_USE_VERTEXAI", "true", "google/vertex/gemini-2.5-flash"),
        (GEMINI, "GOOGLE_GENAI_USE_VERTEXAI", "1", "unset the variable"),
        (GEMINI, "INSPECT_EVAL_MODEL_BASE_URL", "http://127.0.0.1:9", "set GOOGLE_BASE_URL"),
        ("openai/gpt-4.1-mini", "INSPECT_EVAL_MODEL_BASE_URL", "http://127.0.0.1:9", "set OPENAI_BASE_URL"),
        (GEMINI, "GOOGLE_GENAI_USE_VERTEXAI", "false", None),
        (LAB, "INSPECT_EVAL_MODEL_BASE_URL", "http://127.0.0.1:9", None),  # its own address comes first
    ],
)
def test_a_variable_that_would_send_calls_elsewhere_is_refused(
    lab, learner_of, monkeypatch, name, variable, value, words
):
    lab()
    for key in ("GOOGLE_BASE_URL", "OPENAI_BASE_URL"):
        monkeypatch.delenv(key, raising=False)
    for key in ("GOOGLE_API_KEY", "OPENAI_API_KEY", variable):
        monkeypatch.setenv(key, value)
    if words is None:
        learner_of(name).check_access()
        return
    with pytest.raises(EnvironmentProblem, match=variable) as caught:
        learner_of(name).check_access()
    assert words in str(caught.value)


def test_a_batch_of_streams_is_refused(learner_of, lab):
    lab()
    with pytest.raises(EnvironmentProblem, match=r"drop hosted\.stream"):
        learner_of(GEMINI, batch=True, stream=True).check_access()


def test_local_only_uses_no_proxy(tmp_path):
    """httpx takes a proxy for this machine's own addresses, too; the rows and the key would go to it."""
    server, proxy = FaultyServer(), FaultyServer()
    rows = [{"source_text": f"{name} Lee left.", "target_text": "[NAME] Lee left."} for name in
            ("Ada", "Bo", "Cleo", "Dai", "Eve", "Finn", "Gus", "Hal", "Ida", "Jo", "Kim", "Lea")]  # fmt: skip
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    study = {"name": "s", "data": {"source": "rows.jsonl"}, "models": [LAB], "shots": [0], "train_sizes": [],
             "split": {"test_size": 6, "method": "random"}, "hosted": {"tuning": "none"}}  # fmt: skip
    (tmp_path / "study.yaml").write_text(json.dumps(study))
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"), proxy.url)
    environment = {**os.environ, **proxies, "LAB_API_KEY": "k", "LAB_BASE_URL": server.url + "/v1", "NO_PROXY": "",
                   "no_proxy": ""}  # fmt: skip
    command = ["run", "study.yaml", "--yes", "--quiet"]
    for options, n_through in (["--local-only"], 0), ([], 6):
        environment["TUNECURVE_LEDGER"] = str(tmp_path / f"ledger{n_through}")
        code, said = run_process(
            [*command, *options, "--out", f"run{n_through}"], folder=tmp_path, environment=environment
        )
        assert code == 0, said
        assert proxy.n_requests == n_through
    assert server.n_answers == 6
