"""Try it: the models of all tuned sizes, one question at a time, in a process that keeps to itself."""

import json
import threading
import time

import pytest

from tests.fakes.records import finished_trial, results_of
from tests.view.test_app import only, open_page
from tunecurve.errors import EnvironmentProblem, UsageError
from tunecurve.predictor import load_predictor
from tunecurve.view import answering
from tunecurve.view.answering import MOST_CHARACTERS, MOST_QUESTIONS, Answerer, models_to_ask
from tunecurve.view.model_process import Models

HEADERS = {"Origin": "http://127.0.0.1:8765"}


def test_every_size_is_asked_once_with_the_first_seed(tickets):
    trials = [finished_trial(train_size=size, seed=seed) for seed in (2, 1) for size in (200, 50)]
    asked = models_to_ask(results_of(trials=[*trials, finished_trial(strategy="zero-shot", train_size=0)]))
    assert [(model.train_size, model.seed) for model in asked] == [(50, 1), (200, 1)]
    assert [model.train_size for model in models_to_ask(open_results(tickets))] == [6, 12]


def open_results(folder):
    from tunecurve.results.stored import load

    return load(folder)


def test_the_models_answer_as_predict_does(tickets):
    models = Models(tickets, "cpu")
    for model in models_to_ask(open_results(tickets)):
        for text in ("please help with my refund 7", "a\nsecond line", "nothing known"):
            told = models.answer(model.trial, text)
            assert told["answer"] == load_predictor(tickets, trial=model.trial, device="cpu")(text)


@pytest.mark.parametrize("trial", ["", "fine-tune-n7-seed0", "../x"])
def test_a_model_that_is_not_there_is_a_problem_in_one_line(tickets, trial):
    told = Models(tickets, "cpu").answer(trial, "text")
    assert "\n" not in told["problem"]
    assert "no finished trial is called" in told["problem"]


def test_a_text_is_answered_over_the_page_and_what_is_no_question_is_refused(tickets, monkeypatch):
    client = open_page(tickets.parent)
    run = only(client)
    address = f"/api/runs/{run['id']}/answer"
    monkeypatch.setattr(client.page.answerer, "_ask", lambda folder, *asked: Models(folder, "cpu").answer(*asked))
    for model in run["models"]:
        found = client.post(address, json={"text": "my refund", "trial": model["trial"]}, headers=HEADERS)
        expected = load_predictor(tickets, trial=model["trial"], device="cpu")("my refund")
        assert (found.status_code, found.json()["answer"]) == (200, expected)
    for values, status in [({"text": " ", "trial": run["models"][0]["trial"]}, 409), ({"text": "a", "trial": "other"}, 409),
                           ({"text": 5}, 400), ([], 400)]:  # fmt: skip
        assert client.post(address, json=values, headers=HEADERS).status_code == status
    for body in (b"\xff{", b"", b"[" * 100_000, b'{"text":' * 100_000):
        found = client.post(address, content=body, headers={**HEADERS, "Content-Type": "application/json"})
        assert found.status_code == 400


class Slow(Answerer):
    """Answers when it is let."""

    def __init__(self):
        super().__init__()
        self.may_answer, self.at_once, self.most_at_once = threading.Event(), 0, 0

    def _ask(self, folder, trial, text):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.may_answer.wait(60)
        self.at_once -= 1
        return {"answer": text}


def test_questions_wait_for_one_another_and_too_many_are_refused(tmp_path):
    slow, answers = Slow(), []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(slow.ask(tmp_path, "t", f"text {n}")["answer"]))
        for n in range(MOST_QUESTIONS)
    ]
    for thread in threads:
        thread.start()
    while slow.n_questions < MOST_QUESTIONS:
        time.sleep(0.01)
    with pytest.raises(EnvironmentProblem, match="wait already"):
        slow.ask(tmp_path, "t", "one more")
    slow.may_answer.set()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == sorted(f"text {n}" for n in range(MOST_QUESTIONS))
    assert slow.most_at_once == 1
    assert slow.n_questions == 0


@pytest.mark.parametrize("text", ["", " \n", "x" * (MOST_CHARACTERS + 1)])
def test_nothing_and_too_much_are_refused_before_a_model_is_loaded(tmp_path, text):
    answerer = Answerer()
    with pytest.raises(UsageError, match="expected one that is not blank"):
        answerer.ask(tmp_path, "t", text)
    assert answerer.n_questions == 0
    assert answerer._process is None


def test_a_model_process_that_dies_is_told_and_another_is_started(tmp_path, monkeypatch):
    answerer = Answerer()
    monkeypatch.setattr(answering.sys, "executable", "/bin/false")
    for _ in range(2):
        with pytest.raises(EnvironmentProblem, match="ended with code 1"):
            answerer.ask(tmp_path, "t", json.dumps("text"))
    assert answerer._process is None
