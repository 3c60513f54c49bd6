"""Claims on trials: one owner at a time, whatever happens to owners and clocks."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tunecurve.executors.leases import LeaseLost, LeaseStore

HOLD = (
    "import sys, time; from pathlib import Path; from tunecurve.executors.leases import LeaseStore\n"
    "store = LeaseStore(Path(sys.argv[1]), beat_seconds=0.05); store.__enter__(); claim = store.claim('a')\n"
    "print('held' if claim else 'not held', flush=True); time.sleep(60)"
)


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.time = 0.0

    def __call__(self):
        return self.time


def other_process(folder):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def test_of_many_processes_at_once_one_gets_each_claim(tmp_path):
    names = [f"trial-{number}" for number in range(40)]
    got = {name: [] for name in names}
    start = threading.Barrier(8)

    def grab(number):
        with LeaseStore(tmp_path) as store:
            start.wait()
            for name in names:
                if store.claim(name) is not None:
                    got[name].append(number)
            start.wait()

    threads = [threading.Thread(target=grab, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(owners) == 1 for owners in got.values())


def test_a_claim_of_a_living_process_holds_and_that_of_a_killed_one_is_taken_over_at_once(tmp_path):
    process = other_process(tmp_path)
    with LeaseStore(tmp_path) as store:
        assert store.claim("a") is None
        assert store.others() == [f"process {process.pid} on {os.uname().nodename} since {store._facts['since']}"]
        process.kill()
        process.wait()
        claim = store.claim("a")
        assert claim.generation == 2
        assert store.others() == []
        assert store.claim("a") is None, "not even its owner claims twice"


def test_a_process_that_ends_gives_its_claims_back(tmp_path):
    with LeaseStore(tmp_path) as first:
        assert first.claim("a").generation == 1
    with LeaseStore(tmp_path) as second:
        assert second.claim("a").generation == 2


def test_a_silent_process_of_another_machine_is_gone_after_a_while_by_the_observers_own_clock(tmp_path):
    clock = Clock()
    stranger = LeaseStore(tmp_path, beat_seconds=1000)
    stranger._facts["kernel"] = "another machine's"
    with stranger, LeaseStore(tmp_path, stale_seconds=60, now=clock) as store:
        lost = stranger.claim("a")
        for clock.time in (0.0, 59.0):
            assert store.claim("a") is None
        stranger._beat(1)  # it lives
        for clock.time in (61.0, 120.0):
            assert store.claim("a") is None
        clock.time = 121.0
        assert store.claim("a").generation == 2
        stranger.beat_seconds = 0.0
        with pytest.raises(LeaseLost):
            lost.check()


def test_a_stopped_process_loses_its_claim_though_it_holds_its_lock(tmp_path):
    process = other_process(tmp_path)
    try:
        process.send_signal(signal.SIGSTOP)
        clock = Clock()
        with LeaseStore(tmp_path, stale_seconds=60, now=clock) as store:
            assert store.claim("a") is None
            clock.time = 61.0
            assert store.claim("a").generation == 2
    finally:
        process.kill()
        process.wait()


def test_a_claim_without_an_owner_is_judged_by_its_silence(tmp_path):
    clock = Clock()
    with LeaseStore(tmp_path, stale_seconds=60, now=clock) as store:
        (tmp_path / "a.000001").touch()  # its process was killed between two system calls
        assert store.claim("a") is None
        clock.time = 61.0
        assert store.claim("a").generation == 2


def test_wall_clocks_may_jump(tmp_path, monkeypatch):
    with LeaseStore(tmp_path, beat_seconds=0.01) as first, LeaseStore(tmp_path) as second:
        assert first.claim("a") is not None
        for jump in (1e9, -1e9):
            monkeypatch.setattr(time, "time", lambda jump=jump: jump)
            time.sleep(0.03)
            assert second.claim("a") is None
