"""What servers do that no protocol foresees, as a table: fault, provider, and what comes of it.

After every row the books are held against the server's own bill: never lower, and never higher by more than what is
marked as estimated or in doubt.
"""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fakes.faulty_server import USAGES, FaultyServer
from tests.learners.hosted.conftest import GEMINI, LAB, VERTEX
from tests.support.processes import StartedProcess
from tunecurve.errors import ModelError, MoneyError
from tunecurve.learners.base import predict
from tunecurve.learners.hosted.transport import sender as sending

ROWS = [f"Row {number} is about Ada Lovelace and her engine." for number in range(6)]
BOTH = (LAB, GEMINI)
ALL = (LAB, GEMINI, VERTEX)


@pytest.fixture
def serve(monkeypatch, only_loopback, started):
    """Return a function that starts a faulty server and points the environment at it."""

    def begin(fault="", times=10**9):
        elsewhere = started(FaultyServer())
        server = FaultyServer(fault, times, elsewhere.url)
        values = {
            "GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_OAUTH_ACCESS_TOKEN": "canary-token", "GOOGLE_API_KEY": "canary-google",
            "LAB_API_KEY": "canary-lab-key", "GOOGLE_VERTEX_BASE_URL": server.url, "GOOGLE_BASE_URL": server.url,
            "LAB_BASE_URL": server.url + "/v1",
        }  # fmt: skip
        server.other_host = elsewhere
        return started(server, values)

    monkeypatch.setattr(sending, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(sending, "LONGEST_WAIT_SECONDS", 0.02)
    return begin


def ask(learner, prompts_of, rows=ROWS):
    """Return the answers, or the line that ended the trial."""
    try:
        return predict(learner, prompts_of(rows))
    except (ModelError, MoneyError) as error:
        return str(error)


def check_books(learner, server):
    """Hold the ledger against the server's bill."""
    spent = learner.account.spending()
    assert spent.total_usd >= server.bill_usd - 1e-12
    assert spent.total_usd <= server.bill_usd + spent.doubtful_usd + spent.estimated_usd + 1e-12
    assert learner.account.budget.spent_usd == pytest.approx(spent.total_usd)
    assert learner.account.budget.reserved_usd == 0
    return spent


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["other", "loop"])
def test_no_client_follows_a_redirect(serve, learner_of, prompts_of, name, status, where):
    server = serve(f"redirect {status} {where}")
    line = ask(learner_of(name, concurrency=2), prompts_of)
    assert f"sends calls on to {server.other_host.url if where == 'other' else 'another path'}" in line
    assert f"({status})" in line
    assert "BASE_URL" in line
    assert server.other_host.n_requests == 0
    assert server.n_requests <= 2
    assert check_books(learner_of(name), server).total_usd == 0


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("usage", sorted(USAGES))
def test_the_books_are_never_lower_than_the_bill(serve, learner_of, prompts_of, name, usage):
    server = serve(usage)
    learner = learner_of(name)
    answers = ask(learner, prompts_of)
    assert [answer.text for answer in answers] == ROWS
    assert server.n_answers == len(ROWS)  # what was paid for is kept, and not asked for again
    spent = check_books(learner, server)
    is_told = usage == "usage-strings"
    assert spent.n_estimated == (0 if is_told else len(ROWS))
    assert (spent.estimated_usd == 0) == is_told
    assert all(answer.tokens_in > 0 and answer.tokens_out > 0 for answer in answers)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("usage", ["usage-missing", "usage-zero", "usage-negative", "usage-huge"])
def test_the_cap_holds_whatever_usage_is_told(serve, learner_of, prompts_of, name, usage):
    server = serve(usage)
    rows = [f"{row} {number}" for number in range(20) for row in ROWS]
    learner = learner_of(name, max_cost=0.005, concurrency=4)
    line = ask(learner, prompts_of, rows)
    assert "--max-cost" in line
    assert server.bill_usd <= 0.005
    assert check_books(learner, server).total_usd <= 0.005 + 1e-12
    assert 0 < server.n_answers < len(rows)


def test_answers_without_usage_teach_no_token_rate(serve, learner_of, prompts_of):
    rows = [f"{row} {number}" for number in range(5) for row in ROWS]
    serve("usage-zero")
    learner = learner_of(LAB)
    ask(learner, prompts_of, rows)
    assert learner.account.ledger.tokens_per_character(LAB) is None


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("fault", ["finish-null", "finish-missing", "content-parts", "content-thinking", "old-text", "no-index",
                                   "no-model", "finish-is eos_token", "finish-is end_turn"])  # fmt: skip
def test_a_paid_answer_is_kept_whatever_stands_beside_it(serve, learner_of, prompts_of, name, fault):
    if name == GEMINI and fault.startswith(("content", "old", "no-", "finish-is")):
        pytest.skip("a field of OpenAI's format")
    server = serve(fault)
    learner = learner_of(name)
    assert [(answer.text, answer.stop_reason) for answer in ask(learner, prompts_of)] == [(row, "end") for row in ROWS]
    assert check_books(learner, server).n_estimated == 0
    assert server.n_requests == len(ROWS)


UNREADABLE = ["raw html", "raw broken", "raw string", "raw nothing", "raw list", "raw empty-object", "error-in-200"]


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("fault", UNREADABLE)
def test_an_answer_that_cannot_be_read_is_not_paid_for_eight_times(serve, learner_of, prompts_of, name, fault):
    server = serve(fault)
    learner = learner_of(name, concurrency=1)
    line = ask(learner, prompts_of)
    assert name in line
    assert not any(word in line for word in ("TypeError", "NoneType", "_set_private"))
    assert server.n_requests <= 3
    check_books(learner, server)


QUOTA = "type.googleapis.com/google.rpc.QuotaFailure"
RETRY = "type.googleapis.com/google.rpc.RetryInfo"
BILLING = (
    "You exceeded your current quota, please check your plan and billing details. " + "For more, see the page. " * 12
)


def google_429(quota_id, delay=None, value="10"):
    details = [{"@type": QUOTA, "violations": [{"quotaId": quota_id, "quotaValue": value}]}]
    if delay:
        details.append({"@type": RETRY, "retryDelay": delay})
    error = {"code": 429, "message": BILLING, "status": "RESOURCE_EXHAUSTED", "details": details}
    return "status 429 " + json.dumps({"error": error})


def openai_429(message, code=None):
    return "status 429 " + json.dumps({"error": {"message": message, "type": code, "code": code, "param": None}})


PASSING = [
    (GEMINI, google_429("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "0.02s")),
    (GEMINI, google_429("GenerateRequestsPerMinutePerProjectPerModel")),
    (VERTEX, google_429("GenerateContentInputTokensPerMinutePerBaseModel", "0.01s")),
    (VERTEX, "status 429 " + json.dumps({"error": {"code": 429, "message": "Resource exhausted. Please try again later."}})),
    (LAB, openai_429("Rate limit reached on requests per min (RPM): Limit 3. Visit https://x/account/billing to add a "
                     "payment method.", "rate_limit_exceeded")),
    (LAB, openai_429("Rate limit reached on requests per day (RPD). Please try again in 20ms.", "rate_limit_exceeded")),
    (LAB, "status 429 " + json.dumps({"detail": "slow down"})),
    (LAB, "header 429 0.02"),
    (LAB, "header 503 0.02"),
    (GEMINI, "header 503 0.02"),
]  # fmt: skip
FOR_THE_DAY = [
    (GEMINI, google_429("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "34s")),
    (GEMINI, google_429("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", value="0")),
    (VERTEX, google_429("generate_content_requests_per_day")),
    (LAB, openai_429(BILLING, "insufficient_quota")),
    (LAB, openai_429("x " * 300 + "on requests per_day")),
    (LAB, openai_429("no money", "billing_hard_limit_reached")),
]


@pytest.mark.parametrize(("name", "fault"), PASSING)
def test_a_limit_that_passes_is_waited_out(serve, learner_of, prompts_of, name, fault):
    server = serve(fault, times=3)
    learner = learner_of(name)
    assert [answer.text for answer in ask(learner, prompts_of)] == ROWS
    assert check_books(learner, server).n_doubtful == 0


@pytest.mark.parametrize(("name", "fault"), FOR_THE_DAY)
def test_a_limit_for_the_day_ends_the_trial(serve, learner_of, prompts_of, name, fault):
    server = serve(fault)
    line = ask(learner_of(name, concurrency=1), prompts_of)
    assert "is used up (429)" in line
    assert server.n_requests == 1


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("fault", ["after 500", "after 502", "after 503", "after 504", "cut connection", "cut body"])
def test_what_may_have_been_billed_is_in_doubt(serve, learner_of, prompts_of, name, fault):
    server = serve(fault, times=2)
    learner = learner_of(name, concurrency=1)
    assert [answer.text for answer in ask(learner, prompts_of)] == ROWS
    assert check_books(learner, server).n_doubtful == 2


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("address", ["http://127.0.0.1:9/v1", "https://{host}/v1"])
def test_a_connection_that_never_was_costs_nothing(serve, learner_of, prompts_of, monkeypatch, name, address):
    server = serve()
    for variable in ("LAB_BASE_URL", "GOOGLE_BASE_URL", "GOOGLE_VERTEX_BASE_URL"):
        monkeypatch.setenv(variable, address.format(host=server.url.removeprefix("http://")))
    learner = learner_of(name, concurrency=1)
    line = ask(learner, prompts_of)
    assert re.search(r"cannot reach http\S+127.0.0.1\S+: .*; nothing was sent; is \w+_BASE_URL right\?", line)
    assert "Connection error." not in line
    spent = check_books(learner, server)
    assert (spent.n_doubtful, spent.total_usd, server.n_answers) == (0, 0, 0)


@pytest.mark.parametrize(
    "fault", ["finish-is OTHER", "finish-is LANGUAGE", "finish-is MODEL_ARMOR", "finish-is MALFORMED_FUNCTION_CALL"]
)
def test_rows_without_an_answer_are_failures_and_asked_for_again(serve, learner_of, prompts_of, fault):
    server = serve(fault, times=len(ROWS))
    learner = learner_of(GEMINI, concurrency=1)
    line = ask(learner, prompts_of)
    assert "failed_rows_allowed" in line
    assert server.n_requests == 1  # no hidden repeat
    check_books(learner, server)
    server.times = 0
    later = learner_of(GEMINI)
    assert [answer.text for answer in ask(later, prompts_of)] == ROWS
    check_books(later, server)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("n_studies", [2, 4])
def test_studies_at_once_pay_every_call_once(serve, learner_of, prompts_of, name, n_studies):
    """Every study has a ledger object, and so an owner's lock, of its own, as processes have."""
    server = serve("slow 0.05")
    learners = [learner_of(name, concurrency=2) for _ in range(n_studies)]
    for number, learner in enumerate(learners):
        learner.account.study = f"study {number}"
    with ThreadPoolExecutor(n_studies) as pool:
        found = list(pool.map(lambda learner: ask(learner, prompts_of), learners))
    ledger = learners[0].account.ledger
    told = ledger._read("SELECT key, study, owner, state, sent_at, ended_at FROM attempts ORDER BY sent_at")
    happened = "\n".join(map(str, [*found, *told]))
    assert not any(isinstance(answers, str) for answers in found), happened
    assert all([answer.text for answer in answers] == ROWS for answers in found), happened
    assert (server.n_answers, server.n_requests, len(told)) == (len(ROWS),) * 3, happened
    paid = [learner.account.spending().total_usd for learner in learners]
    assert sum(paid) == pytest.approx(server.bill_usd), happened


STUDY = """
import sys
from pathlib import Path
from tunecurve.learners.base import predict
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.build import build_hosted_learner
from tunecurve.learners.hosted.names import parse_hosted_name
from tunecurve.prompts import PromptRenderer
from tunecurve.spec.prompt import AnswerSpec
from tunecurve.spec.hosted import HostedSpec

name = "{name}"
settings = HostedSpec(prices={{name: {{"input": 1.0, "output": 2.0}}}}, concurrency=2)
account = Account(settings, sys.argv[2], Path(sys.argv[1]))
learner = build_hosted_learner(name, parse_hosted_name(name), AnswerSpec(), account)
render = PromptRenderer("Mask the names.")
answers = predict(learner, [render.prompt(row) for row in {rows}])
print(sum(answer.text != "" for answer in answers), account.spending().total_usd)
account.close()
"""


def test_a_call_of_a_dead_process_is_in_doubt_and_sent_again(serve, learner_of, prompts_of, tmp_path):
    server = serve("slow 0.3")
    code = STUDY.format(name=LAB, rows=ROWS)
    process = StartedProcess([tmp_path / "ledger.sqlite", "dies"], code=code)
    while server.n_requests < 2:
        assert process.poll() is None, process.said
        time.sleep(0.02)
    process.kill()
    while server.n_answers < 2:  # what was in flight is answered and billed
        time.sleep(0.02)
    learner = learner_of(LAB)
    assert [answer.text for answer in ask(learner, prompts_of)] == ROWS
    ledger = learner.account.ledger
    total = ledger.spending("dies").total_usd + ledger.spending("study").total_usd
    assert ledger.spending("dies").n_doubtful == 2
    assert total >= server.bill_usd
    assert total <= server.bill_usd + ledger.spending("dies").doubtful_usd


def test_a_wait_of_the_providers_is_told(serve, learner_of, prompts_of, monkeypatch):
    serve("header 429 0.3", times=1)
    monkeypatch.setattr(sending, "TOLD_WAIT_SECONDS", 0.2)
    learner, said = learner_of(LAB, concurrency=1), []
    learner.account.on_message = said.append
    ask(learner, prompts_of)
    assert len(said) == 1
    assert "waits 0 s as the provider asks after: 429: slow down" in said[0]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("blocked", "6 blocked by a filter"),
        ("thought-it-all-away", "6 nothing written before the answer cap"),
        ("no-text", "6 empty"),
        ("finish-is OTHER", "rows have no answer"),
    ],
)
def test_a_study_that_nobody_answered_fails_and_says_so(serve, run_study, fault, words):
    serve(fault)
    code, said = run_study(GEMINI)
    assert code == 6, said
    assert words in said
    assert "still leak" not in said


@pytest.fixture
def run_study(tmp_path, monkeypatch, capsys):
    """Return a function that runs a small study and gives its exit code and all it printed."""
    from tunecurve.cli.main import run_command

    monkeypatch.setenv("TUNECURVE_LEDGER", str(tmp_path / "ledger.sqlite"))
    monkeypatch.chdir(tmp_path)
    names = ["Ada", "Bo", "Cleo", "Dai", "Eve", "Finn", "Gus", "Hal", "Ida", "Jo", "Kim", "Lea"]
    told = "said that the committee would meet again at the old library on day"
    rows = [{"source_text": f"{n} {told} {i}.", "target_text": f"[NAME] {told} {i}."} for i, n in enumerate(names)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))

    def run(name, *options, **answers):
        study = {
            "name": "small", "data": {"source": "rows.jsonl"}, "models": [name], "shots": [0], "train_sizes": [],
            "split": {"test_size": 6, "method": "random"}, "hosted": {"tuning": "none"}, "answers": answers,
        }  # fmt: skip
        (tmp_path / "study.yaml").write_text(json.dumps(study))
        code = run_command(["run", "study.yaml", "--out", "runs/a", "--yes", *options])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


@pytest.mark.parametrize(
    ("around", "clean", "words", "score"),
    [
        ("```\n{}\n```", None, "6 of 6 answers stood in a code fence, which was taken off; as given BLEU is ", 1),
        ("```text\n{}\n```", None, "stood in a code fence", 1),
        ("```text\n{}\n```", [], "6 of 6 answers stand in a code fence; without BLEU is ", 0),
        (
            "Here is the masked text:\n{}",
            None,
            "6 of 6 answers stand in an announcement before the text; without BLEU",
            0,
        ),
        ("Text: {}", ["think", "fence", "prefix"], "stood in an announcement before the text, which was taken off", 1),
        ('{{"text": "{}"}}', None, "stand in JSON around the text", 0),
        ('{{"text": "{}"}}', ["json"], "stood in JSON around the text", 1),
        ('"{}"', None, "stand in quotes", 0),
    ],
)
def test_what_stands_around_answers_is_said_with_the_score_without_it(serve, run_study, around, clean, words, score):
    server = serve()
    server.around = around
    code, said = run_study(LAB, **({} if clean is None else {"clean": clean}))
    assert code == 0, said
    assert words in said
    results = json.loads(Path("runs/a/results.json").read_text())
    trial = next(trial for trial in results["trials"] if trial["label"] == "zero-shot")
    other = trial["answers"]["scores_as_given" if score else "scores_unwrapped"]["bleu"]
    high, low = (trial["scores"]["bleu"], other) if score else (other, trial["scores"]["bleu"])
    assert high > low
