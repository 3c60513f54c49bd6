"""Provider batches: half the price, and a kill or Ctrl-C pays nothing twice; the real SDKs against a provider on this machine."""

from __future__ import annotations

import time

import pytest

from tests.learners.hosted.conftest import GEMINI
from tests.support.processes import StartedProcess
from tunecurve.cancellation import Cancellation
from tunecurve.errors import Interrupted, ModelError
from tunecurve.learners.base import Workload, predict

OPENAI = "openai/gpt-4.1-mini"
TEXTS = [f"row {number}" for number in range(12)]


@pytest.fixture(autouse=True)
def quick_batches(monkeypatch):
    from inspect_ai.model._providers.util import batch

    monkeypatch.setattr(batch, "DEFAULT_SEND_DELAY", 0.3)
    monkeypatch.setattr(batch, "DEFAULT_BATCH_TICK", 0.1)


@pytest.mark.parametrize("name", [GEMINI, OPENAI])
def test_batches_answer_every_row_at_half_the_price(point_at, learner_of, prompts_of, name, capsys):
    state = point_at(polls=2)
    learner, said = learner_of(name, batch=True, max_cost=1.0), []
    learner.account.on_message = said.append
    answers = predict(learner, prompts_of(TEXTS))
    assert [answer.text for answer in answers] == TEXTS
    assert len(state.batches) == 1
    assert sum(state.attempts.values()) == 0  # nothing was sent one by one
    assert learner.price.input_usd == 0.5
    costs = [(answer.tokens_in * 0.5 + answer.tokens_out * 1.0) / 1e6 for answer in answers]
    assert learner.account.spending().answers_usd == pytest.approx(sum(costs))
    sent, answered = sum(answer.tokens_in for answer in answers), sum(answer.tokens_out for answer in answers)
    work = Workload(0, tokens_read=sent, tokens_written=answered, steps=0, n_calls=12)
    assert learner.quote_usd(work, is_tuned=False) == pytest.approx(sum(costs))
    assert any("12 rows wait for batch" in line for line in said)
    assert capsys.readouterr().out == ""
    assert learner.account.ledger._read("SELECT * FROM batches") == []


@pytest.mark.parametrize("name", [GEMINI, OPENAI])
def test_a_stop_leaves_the_batch_and_the_next_process_asks_for_the_same_one(point_at, learner_of, prompts_of, name):
    state = point_at(polls=10**6)
    learner = learner_of(name, batch=True)
    learner.account.cancellation = Cancellation(
        lambda: bool(state.batches) and next(iter(state.batches.values()))["polls"] > 0
    )
    with pytest.raises(Interrupted):
        predict(learner, prompts_of(TEXTS))
    learner.account.close()
    state.polls = 1
    later = learner_of(name, batch=True)
    assert [answer.text for answer in predict(later, prompts_of(TEXTS))] == TEXTS
    assert len(state.batches) == 1
    assert later.account.spending().n_doubtful == 0
    assert set(state.answers.values()) == {1}


def test_a_batch_that_ended_without_results_is_made_again(point_at, learner_of, prompts_of):
    for name, status in ((GEMINI, "BATCH_STATE_FAILED"), (OPENAI, "expired")):
        state = point_at(polls=3)
        state.first_batch = {"force": status}
        answers = predict(learner_of(name, ledger=f"{status}.sqlite", batch=True), prompts_of(TEXTS))
        assert [answer.text for answer in answers] == TEXTS
        assert len(state.batches) >= 2
        assert set(state.answers.values()) == {1}


def test_rows_that_a_batch_leaves_out_are_rows_without_an_answer(point_at, learner_of, prompts_of):
    state = point_at(polls=1)
    learner = learner_of(OPENAI, batch=True, max_attempts=2, failed_rows_allowed=0.5)
    answers = predict(learner, prompts_of([*TEXTS, "left out [[unanswered]]"]))
    assert [answer.stop_reason for answer in answers] == ["end"] * 12 + ["error"]
    assert "has no answer to this row" in answers[-1].error
    assert len(state.batches) == 2


DRIVER = """
import sys
from pathlib import Path
from inspect_ai.model._providers.util import batch
batch.DEFAULT_SEND_DELAY, batch.DEFAULT_BATCH_TICK = 0.3, 0.1
from tests.learners.hosted.test_batches import TEXTS
from tunecurve.learners.base import predict
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.build import build_hosted_learner
from tunecurve.learners.hosted.names import parse_hosted_name
from tunecurve.prompts import PromptRenderer
from tunecurve.spec.prompt import AnswerSpec
from tunecurve.spec.hosted import HostedSpec
name = sys.argv[1]
account = Account(HostedSpec(batch=True, prices={name: {"input": 1.0, "output": 2.0}}), "study", Path(sys.argv[2]))
learner = build_hosted_learner(name, parse_hosted_name(name), AnswerSpec(), account)
predict(learner, [PromptRenderer("Mask the names.").prompt(text) for text in TEXTS])
"""


@pytest.mark.parametrize("name", [GEMINI, OPENAI])
def test_a_kill_during_a_batch_puts_no_row_in_doubt(point_at, learner_of, prompts_of, tmp_path, name):
    state = point_at(polls=10**6)
    process = StartedProcess([name, tmp_path / "ledger.sqlite"], code=DRIVER)
    while not any(batch["polls"] for batch in state.batches.values()):  # asked for, so written down
        assert process.poll() is None, process.said
        time.sleep(0.02)
    process.kill()
    state.polls = 1
    learner = learner_of(name, batch=True)
    assert [answer.text for answer in predict(learner, prompts_of(TEXTS))] == TEXTS
    assert (len(state.batches), learner.account.spending().n_doubtful) == (1, 0)
    assert set(state.answers.values()) == {1}


@pytest.fixture
def quick_looks(monkeypatch):
    from tunecurve.learners.hosted.transport import batches
    from tunecurve.learners.hosted.transport import sender as sending

    monkeypatch.setattr(batches, "LOOKS_AFTER_SECONDS", (0.0, 0.05))
    monkeypatch.setattr(sending, "FIRST_WAIT_SECONDS", 0.01)


@pytest.mark.parametrize("name", [GEMINI, OPENAI])
def test_a_batch_whose_creation_was_answered_500_though_made_is_found(
    point_at, learner_of, prompts_of, quick_looks, name
):
    state = point_at(polls=1)
    state.batches_made_unseen = 1
    learner = learner_of(name, batch=True)
    assert [answer.text for answer in predict(learner, prompts_of(TEXTS))] == TEXTS
    assert (len(state.batches), learner.account.spending().n_doubtful) == (1, 0)
    assert set(state.answers.values()) == {1}


@pytest.mark.parametrize("name", [GEMINI, OPENAI])
def test_a_batch_that_was_not_made_is_made_again_and_stays_in_doubt(
    point_at, learner_of, prompts_of, quick_looks, name
):
    state = point_at(polls=1)
    state.batches_not_made = 1
    learner = learner_of(name, batch=True)
    assert [answer.text for answer in predict(learner, prompts_of(TEXTS))] == TEXTS
    assert (len(state.batches), learner.account.spending().n_doubtful) == (1, 12)


@pytest.mark.parametrize("name", [GEMINI, OPENAI])
def test_batches_that_cannot_be_found_are_repeated_once(point_at, learner_of, prompts_of, quick_looks, name):
    state = point_at(polls=1)
    state.batches_made_unseen, state.hides_batches = 10, True
    learner = learner_of(name, batch=True)
    with pytest.raises(ModelError, match="two creations of a batch got no clear answer"):
        predict(learner, prompts_of(TEXTS))
    assert len(state.batches) == 2
    assert learner.account.spending().n_doubtful == 24


def _line_of(content, number, change):
    lines = content.split(b"\n")
    lines[number] = change(lines[number])
    return b"\n".join(lines)


def _changed(line, change):
    import json

    values = json.loads(line)
    change(values)
    return json.dumps(values, ensure_ascii=False).encode()


SPOILT = {
    "half a line": lambda content: _line_of(content, 3, lambda line: line[: len(line) // 2]),
    "no JSON": lambda content: _line_of(content, 0, lambda line: line.replace(b"{", b"<", 1)),
    "a list": lambda content: _line_of(content, 5, lambda line: b"[1, 2]"),
    "no answer in it": lambda content: _line_of(
        content, 2, lambda line: _changed(line, lambda v: v.update(response={}, error=None))
    ),
    "an error": lambda content: _line_of(
        content, 4, lambda line: _changed(line, lambda v: v.update(response=None, error={"code": "expired", "message": "late"}))
    ),
    "a refused row": lambda content: _line_of(
        content, 4, lambda line: _changed(line, lambda v: v.update(response={"status_code": 500, "body": None}, error=None))
    ),
    "no end of file": lambda content: content[: -len(content.split(b"\n")[-1]) // 2],
    "bytes that are no text": lambda content: _line_of(content, 1, lambda line: b"\xff\xfe" + line),
}  # fmt: skip


@pytest.mark.parametrize("name", [GEMINI, OPENAI])
@pytest.mark.parametrize("spoilt", sorted(SPOILT))
def test_a_spoilt_line_of_a_result_file_costs_its_own_row_alone(
    point_at, learner_of, prompts_of, quick_looks, name, spoilt
):
    state = point_at(polls=1)
    spoils = [SPOILT[spoilt]]
    state.spoil = lambda content: spoils.pop()(content) if spoils else content
    learner = learner_of(name, batch=True)
    assert [answer.text for answer in predict(learner, prompts_of(TEXTS))] == TEXTS
    assert len(state.batches) == 2
    assert sorted(state.answers.values()) == [1] * 11 + [2]
    # A row that the provider itself refused costs nothing; every other one was made.
    assert learner.account.spending().n_doubtful == (0 if spoilt == "an error" else 1)


@pytest.mark.parametrize("name", [GEMINI, OPENAI])
def test_odd_fields_in_a_batch_cost_no_answer(point_at, learner_of, prompts_of, quick_looks, name):
    state = point_at(polls=1)

    def odd(values):
        body = values["response"].get("body", values["response"])
        if name == OPENAI:
            body["choices"][0]["finish_reason"] = None
            body["usage"] = {"prompt_tokens": None}
        else:
            body["candidates"][0]["finishReason"] = None
            body["usageMetadata"] = {"promptTokenCount": -1}

    state.spoil = lambda content: b"\n".join(_changed(line, odd) for line in content.split(b"\n"))
    learner = learner_of(name, batch=True)
    answers = predict(learner, prompts_of([*TEXTS[:-1], "a line\u2028of its own"]))
    assert [answer.text for answer in answers][-1] == "a line\u2028of its own"
    assert all(answer.stop_reason == "end" for answer in answers)
    assert learner.account.spending().n_estimated == 12
    assert len(state.batches) == 1


@pytest.mark.parametrize("name", [GEMINI, OPENAI])
@pytest.mark.parametrize("keeps", [False, True])
def test_the_files_of_a_batch_are_deleted_once_its_answers_are_kept(point_at, learner_of, prompts_of, name, keeps):
    state = point_at(polls=1)
    learner, said = learner_of(name, batch=True, keep_training_files=keeps), []
    learner.account.on_message = said.append
    assert [answer.text for answer in predict(learner, prompts_of(TEXTS))] == TEXTS
    assert len(state.files) == (2 if keeps else 0)
    assert not any("may still be at the provider" in line for line in said)


@pytest.mark.parametrize("name", [GEMINI, OPENAI])
def test_a_batch_that_is_gone_is_made_again_and_stays_in_doubt(point_at, learner_of, prompts_of, quick_looks, name):
    state = point_at(polls=2)
    state.first_batch_looks = [404] * 100
    learner = learner_of(name, batch=True)
    assert [answer.text for answer in predict(learner, prompts_of(TEXTS))] == TEXTS
    assert (len(state.batches), learner.account.spending().n_doubtful) == (2, 12)


@pytest.mark.parametrize("name", [GEMINI, OPENAI])
@pytest.mark.parametrize("code", [401, 500])
def test_a_batch_that_cannot_be_asked_about_is_waited_for_and_told(
    point_at, learner_of, prompts_of, quick_looks, name, code
):
    state = point_at(polls=2)
    state.first_batch_looks = [code] * 4
    learner, said = learner_of(name, batch=True), []
    learner.account.on_message = said.append
    assert [answer.text for answer in predict(learner, prompts_of(TEXTS))] == TEXTS
    assert (len(state.batches), learner.account.spending().n_doubtful) == (1, 0)
    assert state.first_batch_looks == []
    told = [line for line in said if "cannot be asked about" in line]
    assert len(told) == 1
    assert f"{code}: not now" in told[0]
