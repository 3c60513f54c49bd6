"""Deployments: one at a time for a model, deleted whatever happens, and never on the books below the provider's bill."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import suppress

import pytest

from tests.fakes import standing
from tests.fakes.standing import FakeDeployments
from tests.support.processes import run_process
from tunecurve import cancellation
from tunecurve.errors import Interrupted, ModelError, MoneyError
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.deployments import keeper as deployment_keeper
from tunecurve.learners.hosted.deployments import lifecycle as deployments
from tunecurve.learners.hosted.deployments.lifecycle import DeploymentFlow
from tunecurve.learners.hosted.deployments.types import state_by_word
from tunecurve.learners.hosted.ledger import deployments as deployment_rows
from tunecurve.learners.hosted.prices import hosting_usd
from tunecurve.spec.hosted import HostedSpec

MODEL = "ft:mine"


class Clock:
    """Time passes while somebody sleeps, and at no other time: nothing here hangs on how busy this machine is."""

    def __init__(self):
        self.now, self.lock = time.time(), threading.Lock()

    def time(self):
        return self.now

    monotonic = time

    def sleep(self, seconds):
        with self.lock:
            self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Give the deployments, their provider and their rows one clock."""
    clock = Clock()
    for module in (deployment_keeper, deployments, deployment_rows, cancellation, standing):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(deployment_keeper, "CONFIRMATION_SECONDS", 0.1)
    monkeypatch.setattr(deployments, "DELETION_SECONDS", 1.0)
    monkeypatch.setattr(deployments, "AHEAD_SECONDS", 0.2)
    monkeypatch.setattr(cancellation, "POLL_SECONDS", 0.01)


@pytest.fixture
def flow_of(tmp_path):
    accounts = []

    def make(backend, study="study", usd_per_hour=3600.0, max_cost=None, **hosting):
        hosting = {"poll_seconds": 0.01, "minutes": 1 / 60, "longest_start_minutes": 1 / 60, **hosting}
        settings = HostedSpec(max_cost=max_cost, adopt_wait_seconds=0.1, timeout_seconds=0.2, hosting=hosting)
        account = Account(settings, study, tmp_path / "ledger.sqlite")
        accounts.append(account)
        account.said = []
        account.on_message = account.said.append
        return DeploymentFlow(backend, account, usd_per_hour)

    yield make
    for account in accounts:
        account.close()


def rows_of(flow):
    return flow.account.ledger.deployments()


def check_books(flow, backend, slack_usd=2.0):
    """The books are no lower than the bill, and no deployment stands at the provider that the ledger does not know."""
    spent = flow.account.spending()
    assert spent.total_usd >= backend.bill_usd
    assert spent.total_usd <= backend.bill_usd + slack_usd + spent.doubtful_usd
    assert flow.account.budget.spent_usd == pytest.approx(spent.total_usd, abs=0.5)
    assert flow.account.budget.reserved_usd == pytest.approx(0)
    known = {row.key for row in rows_of(flow) if row.state not in ("deleted", "not made")}
    assert {entry["name"] for entry in backend.standing.values()} <= known
    return spent


@pytest.mark.parametrize("looks", [0, 1, 5])
def test_it_stands_for_its_answers_and_no_longer(flow_of, looks):
    backend = FakeDeployments(looks)
    flow = flow_of(backend)
    with flow.answering(MODEL) as live:
        assert list(backend.standing) == [f"id-{live.answers_as}"]
        assert flow.account.spending().n_standing == 1
    assert backend.standing == {}
    spent = check_books(flow, backend)
    assert (spent.n_standing, spent.n_doubtful_deployments) == (0, 0)
    assert [row.state for row in rows_of(flow)] == ["deleted"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(1), Interrupted("stop")])
def test_whatever_ends_the_work_it_is_deleted(flow_of, error):
    backend = FakeDeployments()
    flow = flow_of(backend)
    with pytest.raises(type(error)), flow.answering(MODEL):
        raise error
    assert backend.standing == {}
    check_books(flow, backend)


# What goes wrong; whether it answers in the end; creations; states in the ledger; what stands at the end.
FAULTS = [
    ({"create": "lost"}, True, 1, ["deleted"], 0),
    ({"create": "unmade", "times": 1}, True, 2, ["in doubt", "deleted"], 0),
    ({"create": "unmade"}, False, 2, ["in doubt", "in doubt"], 0),
    ({"create": "refused"}, False, 1, ["not made"], 0),
    ({"create": "full", "times": 2}, True, 3, ["deleted"], 0),
    ({"create": "full"}, False, None, ["not made"], 0),
    ({"create": "lost", "find": "blind"}, False, 2, ["in doubt", "in doubt"], 2),
    ({"create": "unmade", "find": "500", "times": 2}, True, 2, ["in doubt", "deleted"], 0),
    ({"get": "500", "times": 3}, True, 1, ["deleted"], 0),
    ({"get": "500"}, False, 1, ["deleted"], 0),  # a second deletion that is answered 404 says it
    ({"get": "failed", "times": 1}, False, 1, ["deleted"], 0),
    ({"get": "stopped", "times": 1}, False, 1, ["deleted"], 0),
    ({"get": "unknown", "times": 2}, True, 1, ["deleted"], 0),
    ({"get": "unknown"}, False, 1, ["deleted"], 0),
    ({"delete": "404"}, True, 1, ["deleted"], 0),
    ({"delete": "500"}, True, 1, ["undeleted"], 1),
    ({"delete": "ignored"}, True, 1, ["undeleted"], 1),
]


@pytest.mark.parametrize(("faults", "answers", "n_creations", "states", "n_standing"), FAULTS)
def test_faults_of_the_provider(flow_of, faults, answers, n_creations, states, n_standing):
    backend = FakeDeployments(**faults)
    flow = flow_of(backend)
    has_answered = False
    with suppress(ModelError), flow.answering(MODEL) as live:
        has_answered = bool(live.answers_as)
    assert has_answered is answers
    assert n_creations in (None, len(backend.creations))
    assert [row.state for row in rows_of(flow)] == states
    assert len(backend.standing) == n_standing
    spent = check_books(flow, backend)
    assert spent.n_doubtful_deployments == sum(state in ("in doubt", "undeleted") for state in states)
    if "undeleted" in states:
        warning = next(line for line in flow.account.said if "MAY STILL STAND" in line)
        assert "fake delete id-tunecurve-" in warning
        assert "$3,600.00 an hour" in warning
    names = set(backend.creations)
    assert len(names) == len(rows_of(flow))  # never two creations in one name, but for a full quota


@pytest.mark.parametrize("fault", [{"delete": "500"}, {"delete": "ignored"}, {"create": "lost", "find": "blind"}])
def test_what_could_not_be_deleted_goes_on_costing_on_the_books_and_is_deleted_later(flow_of, clock, fault):
    backend = FakeDeployments(**fault)
    flow = flow_of(backend)
    with suppress(ModelError), flow.answering(MODEL):
        pass
    clock.sleep(1.1)
    if "delete" in fault:
        check_books(flow, backend)
    backend.faults = {}
    later = flow_of(backend)
    for row in later.account.ledger.left_over_deployments():
        later.remove(row)
    assert backend.standing == {}
    assert {row.state for row in rows_of(later)} == {"deleted"}
    assert check_books(later, backend).doubtful_usd == 0


@pytest.mark.parametrize("hidden_in", ["creation", "answers", "deletion"])
def test_after_a_kill_the_next_start_deletes_it(flow_of, tmp_path, hidden_in):
    """A process that dies leaves its row; who comes next finds the deployment by its name or id."""
    backend = FakeDeployments()
    dead = flow_of(backend)
    row, _ = dead._claim(MODEL)
    if hidden_in == "creation":
        row = dead._change(row, deployments._sent)
        backend.create(row.key, MODEL)
    else:
        row = dead._create(row)
    if hidden_in == "deletion":
        row = dead._change(row, deployment_keeper._begin_deletion)
        backend.delete(row.provider_id)
    dead.account.ledger.owner.close()  # as the system does for a process that is gone
    later = flow_of(backend)
    assert [left.key for left in later.account.ledger.left_over_deployments()] == [row.key]
    later.remove(row)
    assert backend.standing == {}
    assert [left.state for left in rows_of(later)] == ["deleted"]
    check_books(later, backend)


def test_a_kill_before_the_creation_was_sent_costs_nothing(flow_of):
    backend = FakeDeployments()
    dead = flow_of(backend)
    row, _ = dead._claim(MODEL)
    dead.account.ledger.owner.close()
    later = flow_of(backend)
    assert later.remove(row).state == "not made"
    assert later.account.spending().total_usd == 0


def test_a_real_kill(flow_of, clock, tmp_path):
    """A process with a deployment is killed by SIGKILL: the row stays, with an owner that lives no more."""
    code = f"""
import os, signal
from pathlib import Path
from tests.fakes.standing import FakeDeployments
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.deployments.lifecycle import DeploymentFlow
from tunecurve.spec.hosted import HostedSpec
account = Account(HostedSpec(), "study", Path({str(tmp_path / "ledger.sqlite")!r}))
with DeploymentFlow(FakeDeployments(0), account, 10.0).answering({MODEL!r}):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert run_process([], code=code)[0] == -signal.SIGKILL
    clock.now = time.time()
    flow = flow_of(FakeDeployments())
    left = flow.account.ledger.left_over_deployments()
    assert [row.state for row in left] == ["standing"]
    assert flow.account.spending().hosting_usd == pytest.approx(10.0)  # the hour that was reserved
    assert flow.remove(left[0]).state == "deleted"
    assert flow.account.spending().hosting_usd < 1.0


def test_two_studies_at_once_never_have_two_of_one_model(flow_of):
    backend = FakeDeployments(2)
    flows = [flow_of(backend, study=f"study-{number}", longest_start_minutes=600.0) for number in range(3)]
    answered, all_wait = [], threading.Event()

    def work(flow):
        with flow.answering(MODEL) as live:
            answered.append(live.answers_as)
            while not all_wait.is_set():  # the first one answers until both others wait for it
                if sum(any("waits for another study" in line for line in other.account.said) for other in flows) == 2:
                    all_wait.set()
                time.sleep(0.01)

    threads = [threading.Thread(target=work, args=(flow,)) for flow in flows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(answered) == len(set(answered)) == 3
    assert backend.most_at_once == 1
    assert backend.standing == {}
    assert sum(flow.account.spending().total_usd for flow in flows) >= backend.bill_usd
    assert any("waits for another study" in line for flow in flows for line in flow.account.said)


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("left_by_other", ["deleted", "not made", "kept", "killed"])
def test_answers_that_come_in_between_the_wait_and_the_claim_need_no_second_one(flow_of, left_by_other, keeps):
    """The other study is seen at work, answers everything and lets go; only then is the claim to be had."""
    backend = FakeDeployments(0)
    other, late = (
        flow_of(backend, study="other", keep=left_by_other == "kept"),
        flow_of(backend, study="late", keep=keeps),
    )
    row, _ = other._claim(MODEL)
    if left_by_other != "not made":
        row = other._create(row)
    asked = []

    def is_needed():
        asked.append(True)
        if len(asked) == 1:  # there is an answer to come, and then there is none, before the waiter's next look
            other.account.ledger.owner.close() if left_by_other == "killed" else other.let_go(row)
            return True
        return False

    with pytest.raises(deployments.AnsweredMeanwhile), late.answering(MODEL, is_needed):
        raise AssertionError("nothing is left to be asked")
    assert len(backend.creations) == (left_by_other != "not made")
    assert len(backend.standing) == (left_by_other == "kept")
    states = {"not made": ["not made"] * 2, "deleted": ["deleted", "not made"], "kept": ["kept"], "killed": ["deleted"]}
    assert [found.state for found in rows_of(late)] == states[left_by_other]
    assert late.account.ledger.left_over_deployments() == []
    assert late.account.spending().total_usd == 0
    assert (late.account.budget.spent_usd, late.account.budget.reserved_usd) == (0, 0)


@pytest.mark.parametrize("answers_in", [1, 2, 5])
def test_a_waiter_whose_answers_are_in_does_not_wait_for_the_deletion(flow_of, answers_in):
    backend = FakeDeployments(0)
    other, late = flow_of(backend, study="other"), flow_of(backend, study="late")
    asked = []
    with other.answering(MODEL):
        with (
            pytest.raises(deployments.AnsweredMeanwhile),
            late.answering(MODEL, lambda: asked.append(True) or len(asked) < answers_in),
        ):
            raise AssertionError("nothing is left to be asked")
        assert len(backend.standing) == 1
    assert len(asked) == answers_in
    assert backend.standing == {}


@pytest.mark.parametrize("fault", ["refused", "full"])
def test_of_one_that_was_never_made_nothing_is_kept(flow_of, fault):
    flow = flow_of(FakeDeployments(create=fault), keep=True)
    with pytest.raises(ModelError), flow.answering(MODEL):
        pass
    assert [row.state for row in rows_of(flow)] == ["not made"]
    assert flow.account.spending().total_usd == 0
    assert flow.account.budget.spent_usd == 0


def test_the_cap_refuses_a_deployment_that_it_cannot_bear(flow_of):
    backend = FakeDeployments()
    flow = flow_of(backend, max_cost=0.5)  # a second at a dollar is assumed
    with pytest.raises(MoneyError, match="hosting a deployment"), flow.answering(MODEL):
        pass
    assert backend.creations == []
    unknown = flow_of(backend, max_cost=5.0, usd_per_hour=None)
    with pytest.raises(MoneyError, match=r"price of hosting .* unknown"), unknown.answering(MODEL):
        pass
    assert backend.creations == []


def test_slow_answers_are_ended_by_the_cap_before_it_is_passed(flow_of, clock):
    backend = FakeDeployments(0)
    flow = flow_of(backend, max_cost=4.0)
    started = clock.now
    with flow.answering(MODEL) as live:
        while not live.must_end():
            clock.sleep(0.02)
            assert clock.now - started < 10
    assert "max-cost" in str(live.error)
    assert 1.0 < backend.bill_usd < 4.0
    assert check_books(flow, backend).total_usd <= 4.0


def test_an_unknown_price_is_said_and_never_zero(flow_of):
    backend = FakeDeployments()
    flow = flow_of(backend, usd_per_hour=None)
    with flow.answering(MODEL):
        pass
    assert flow.account.spending().n_unpriced_deployments == 1
    assert flow.account.ledger.hosting_of("study", MODEL) is None


def test_a_price_that_the_provider_tells_is_booked_where_it_is_higher(flow_of, clock):
    backend = FakeDeployments(0)
    flow = flow_of(backend, usd_per_hour=1.0)
    view = backend.view
    backend.view = lambda key: __import__("dataclasses").replace(view(key), usd_per_hour=3600.0)
    with flow.answering(MODEL):
        clock.sleep(0.05)
    check_books(flow, backend)


def test_a_kept_one_goes_on_costing_and_is_used_again(flow_of, clock):
    backend = FakeDeployments(0)
    flow = flow_of(backend, keep=True)
    names = []
    for _ in range(2):
        with flow.answering(MODEL) as live:
            names.append(live.answers_as)
    assert len(backend.creations) == 1
    assert names[0] == names[1]
    assert len(backend.standing) == 1
    assert flow.account.ledger.left_over_deployments() == []
    clock.sleep(1.2)
    assert check_books(flow, backend).n_standing == 1
    flow.remove(rows_of(flow)[0])
    assert backend.standing == {}
    check_books(flow, backend)


def test_one_that_was_left_and_still_starts_is_taken_up_by_its_study(flow_of):
    backend = FakeDeployments(3)
    dead = flow_of(backend)
    row, _ = dead._claim(MODEL)
    dead._create(row)
    dead.account.ledger.owner.close()
    later = flow_of(backend)
    with later.answering(MODEL) as live:
        assert live.answers_as == row.key
    assert len(backend.creations) == 1
    assert backend.standing == {}


@pytest.mark.parametrize("left_state", ["failed", "stopped"])
def test_one_that_was_left_and_will_not_answer_is_deleted_and_made_anew(flow_of, left_state):
    backend = FakeDeployments(0)
    dead = flow_of(backend)
    row, _ = dead._claim(MODEL)
    dead._create(row)
    dead.account.ledger.owner.close()
    backend.faults, backend.times = {"get": left_state}, 1
    later = flow_of(backend)
    with later.answering(MODEL) as live:
        assert live.answers_as != row.key
    assert len(backend.creations) == 2
    assert backend.standing == {}
    check_books(later, backend)


@pytest.mark.parametrize(
    ("seconds", "unit", "usd"),
    [(1, 60, 0.06), (60, 60, 0.06), (61, 60, 0.12), (1, 3600, 3.6), (3600, 3600, 3.6), (3601, 3600, 7.2), (0, 60, 0.0)],
)
def test_a_unit_of_time_that_has_begun_is_billed_whole(seconds, unit, usd):
    assert hosting_usd(seconds, 3.6, unit) == pytest.approx(usd)
    assert hosting_usd(seconds, None, unit) is None


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Succeeded", "ready"), ("READY", "ready"), ("STARTED", "ready"), ("Active", "ready"), ("InService", "ready"),
        ("Creating", "starting"), ("Accepted", "starting"), ("PENDING", "starting"), ("STARTING", "starting"),
        ("UPDATING", "starting"), ("Moving", "starting"), ("Failed", "failed"), ("ERROR", "failed"), ("Canceled", "failed"),
        ("Deleting", "deleting"), ("STOPPING", "stopped"), ("STOPPED", "stopped"), ("Disabled", "stopped"),
        ("INACTIVE", "stopped"), ("deleted", "gone"), ("", "unknown"), (None, "unknown"), ("Frobnicated", "unknown"),
    ],
)  # fmt: skip
def test_the_providers_words(word, state):
    assert state_by_word(word) == state
