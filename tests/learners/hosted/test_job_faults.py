"""What happens to tuning jobs that no protocol foresees, as a table: fault, provider, and what comes of it.

After every row the books are held against the server's own bill, and the server's jobs against the ledger's.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fakes.faulty_jobs import FaultyJobs
from tests.learners.hosted.conftest import LAB, VERTEX
from tests.learners.hosted.test_jobs import begin, begin_and_wait, examples
from tests.support.processes import run_process
from tunecurve.cli.main import run_command
from tunecurve.errors import EnvironmentProblem, ModelError, MoneyError, TunecurveError
from tunecurve.learners.base import TrainingJob, Tuned
from tunecurve.learners.hosted.deployments import new_deployment
from tunecurve.learners.hosted.tuning import job_keeper

BOTH = (LAB, VERTEX)
FAST = {"poll_seconds": 0.02, "adopt_wait_seconds": 0.15, "vertex": {"bucket": "b"}, "tuning": "openai"}


@pytest.fixture
def serve(monkeypatch, only_loopback, tmp_path, started):
    """Return a function that starts a faulty server and points the environment at it."""

    def start(create="", **behaviour):
        server = FaultyJobs(create, **behaviour)
        values = {
            "GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_OAUTH_ACCESS_TOKEN": "canary-token", "LAB_API_KEY": "canary-lab-key",
            "GOOGLE_VERTEX_BASE_URL": server.url, "STORAGE_EMULATOR_HOST": server.url, "LAB_BASE_URL": server.url + "/v1",
            "TUNECURVE_LEDGER": str(tmp_path / "ledger.sqlite"),
        }  # fmt: skip
        return started(server, values)

    return start


def follow(learner, folder, seconds=30.0, rows=None, epochs=2, until=None):
    """Follow a job to its end; return its record, the line it fails with, or the last wait after `seconds`.

    A wait that says `until` is returned at once: nothing then hangs on how fast this machine is.
    """
    end, last = time.monotonic() + seconds, ""
    while time.monotonic() < end:
        try:
            found = begin(learner, folder, rows, epochs)
        except TunecurveError as error:
            return f"{type(error).__name__}: {error}"
        if isinstance(found, Tuned):
            return found.record
        last = f"waits: {found.reason}"
        if until is not None and until in last:
            break
        time.sleep(min(found.seconds, 0.03))
    return last


def check_books(learner, server):
    """Hold the ledger against the server's bill; no job of the server's may be missing in it, unless it is in doubt."""
    spent = learner.account.spending()
    assert spent.total_usd >= server.bill_usd - 1e-12
    rows = learner.account.ledger.jobs()
    known = {row.provider_id for row in rows if row.provider_id}
    in_doubt = sum(row.provider_id is None and row.reserved_usd > 0 for row in rows)
    assert len(set(server.jobs) - known) <= in_doubt
    assert learner.account.budget.spent_usd == pytest.approx(spent.total_usd)
    assert learner.account.budget.reserved_usd == pytest.approx(0)
    return spent


UNCLEAR = ["made 500", "made 502", "made 504", "made 408", "made cut", "made empty", "made html", "made null"]


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("fault", UNCLEAR)
@pytest.mark.parametrize("echo", ["all", "suffix", "file", "time"])
def test_a_job_whose_creation_got_no_clear_answer_is_found_again(serve, learner_of, tmp_path, name, fault, echo):
    if name == VERTEX and echo == "suffix":
        pytest.skip("a field of OpenAI's format")
    server = serve(fault, echo=echo)
    learner = learner_of(name, **FAST)
    record = follow(learner, tmp_path)
    assert record.job["id"] in server.jobs, record
    assert len(server.creations) == 1
    assert server.n_uploads == 1
    assert check_books(learner, server).n_doubtful_jobs == 0


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("fault", UNCLEAR)
def test_a_creation_that_is_never_found_is_repeated_once_and_stays_booked(serve, learner_of, tmp_path, name, fault):
    server = serve(fault, look="hidden")
    learner, said = learner_of(name, **FAST), []
    learner.account.on_message = said.append
    line = follow(learner, tmp_path)
    assert len(server.jobs) == 2
    assert server.n_uploads <= 2
    for words in (
        "2 creations got no answer",
        "tunecurve jobs adopt tunecurve-",
        "forget tunecurve-",
        "retry tunecurve-",
    ):
        assert words in line
    assert sum("one more job is made" in words for words in said) == 1
    assert check_books(learner, server).n_doubtful_jobs == 2
    for _ in range(3):  # the same command again: nothing more is made
        assert "creations got no answer" in follow(learner, tmp_path)
    assert len(server.creations) == 2
    later = learner_of(name, **FAST)
    assert "creations got no answer" in follow(later, tmp_path)
    assert later.account.budget.spent_usd == pytest.approx(later.account.spending().total_usd)
    assert len(server.creations) == 2


@pytest.mark.parametrize("name", BOTH)
def test_the_cap_holds_over_creations_without_an_answer(serve, learner_of, tmp_path, name):
    server = serve("made 500", look="hidden")
    row_usd = follow_cost(learner_of(name, ledger="other.sqlite", **FAST))
    line = follow(learner_of(name, max_cost=row_usd * 1.5, **FAST), tmp_path)
    assert "--max-cost" in line
    assert len(server.jobs) == 1


def follow_cost(learner):
    rows = examples()
    recipe = learner.resolve_recipe({"epochs": 2}, len(rows))
    return learner._training_tokens(TrainingJob(rows, recipe, 0, Path())) * 3.0 / 1e6


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("fault", ["unmade 500", "unmade 503", "unmade cut", "made empty"])
def test_after_a_lost_creation_the_repeat_trains(serve, learner_of, tmp_path, name, fault):
    server = serve(fault, times=1)
    learner = learner_of(name, **FAST)
    record = follow(learner, tmp_path)
    assert record.job["id"] in server.jobs, record
    assert len(server.jobs) == 1
    check_books(learner, server)


@pytest.mark.parametrize("name", BOTH)
def test_a_foreign_job_made_at_the_same_time_is_not_taken(serve, learner_of, tmp_path, name):
    """Two of the same model at the same time, without any mark: which is ours cannot be known, so none is taken."""
    server = serve("made 500", echo="time")
    rows = examples(11)
    learners = [learner_of(name, ledger=f"{n}.sqlite", **{**FAST, "jobs_at_once": 5}) for n in range(2)]
    for learner, data in zip(learners, (examples(), rows), strict=True):
        begin_and_wait(learner, tmp_path, data)
    assert len(server.jobs) == 2
    assert "looking for it" in begin_and_wait(learners[0], tmp_path, examples())


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("n_studies", [2, 4])
def test_studies_at_once_make_a_job_once(serve, learner_of, tmp_path, name, n_studies):
    """Every study has a ledger object, and so an owner's lock, of its own, as processes have."""
    server = serve(slow=0.1, polls=3)
    learners = [learner_of(name, **FAST) for _ in range(n_studies)]
    folders = [tmp_path / str(number) for number in range(n_studies)]
    for number, learner in enumerate(learners):
        learner.account.study = f"study {number}"
        folders[number].mkdir()
    with ThreadPoolExecutor(n_studies) as pool:
        records = list(pool.map(follow, learners, folders))
    assert len(server.creations) == server.n_uploads == 1, records
    assert not [record for record in records if isinstance(record, str)]
    assert {record.job["id"] for record in records} == set(server.jobs)
    assert sum(learner.account.spending().total_usd for learner in learners) == pytest.approx(server.bill_usd)
    for learner in learners:
        assert learner.account.budget.spent_usd == pytest.approx(learner.account.spending().total_usd)


@pytest.mark.parametrize("name", BOTH)
def test_studies_at_once_share_the_places(serve, learner_of, tmp_path, name):
    server = serve(slow=0.05, polls=4)
    learners = [learner_of(name, **FAST) for _ in range(3)]
    seen = []

    def go(number):
        folder = tmp_path / str(number)
        folder.mkdir()
        record = follow(learners[number], folder, rows=examples(12 - number), seconds=8)
        seen.append(record)
        return record

    with ThreadPoolExecutor(3) as pool:
        assert all(record.job["id"] in server.jobs for record in pool.map(go, range(3)))
    assert len(server.creations) == 3


END_WORDS = [
    ("succeeded", "trained"), ("SUCCESS", "trained"), ("completed", "trained"), ("JOB_STATE_PARTIALLY_SUCCEEDED", "trained"),
    ("expired", "expired"), ("FAILED_VALIDATION", "failed"), ("user_error", "failed"), ("error", "failed"),
    ("cancelled", "cancelled"), ("CANCELED", "cancelled"), ("stopped", "cancelled"), ("paused", "not known here ('paused')"),
    ("frozen", "not known here ('frozen')"), ("", "trained"),
]  # fmt: skip


@pytest.mark.parametrize(("word", "expected"), END_WORDS)
def test_states_are_read_by_word_and_told_as_they_are(serve, learner_of, tmp_path, word, expected):
    server = serve(ends=word)
    learner = learner_of(LAB, **FAST)
    found = follow(learner, tmp_path, until=expected)
    if expected == "trained":
        assert found.job["id"] in server.jobs
    else:
        assert expected in found
        assert word in found
        if expected in ("failed", "cancelled", "expired"):
            assert "jobs retry" in found
    check_books(learner, server)


@pytest.mark.parametrize("word", ["JOB_STATE_FAILED", "JOB_STATE_EXPIRED", "JOB_STATE_CANCELLED", "JOB_STATE_PAUSED"])
def test_states_of_vertex(serve, learner_of, tmp_path, word):
    server = serve(ends=word)
    learner = learner_of(VERTEX, **FAST)
    found = follow(learner, tmp_path, until="PAUSED")
    assert word.removeprefix("JOB_STATE_").lower() in found.lower()
    assert ("jobs retry" in found) == (word != "JOB_STATE_PAUSED")
    check_books(learner, server)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("ends", ["failed", "cancelled", "expired"])
def test_an_end_without_told_tokens_stays_booked_as_a_doubt(serve, learner_of, tmp_path, name, ends):
    server = serve(ends=ends if name == LAB else f"JOB_STATE_{ends.upper()}", tells_tokens=False, polls=2)
    learner = learner_of(name, **FAST)
    follow(learner, tmp_path)
    spent = check_books(learner, server)
    assert spent.n_doubtful_jobs == 1
    assert spent.jobs_usd == 0


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("tokens", [True, False])
def test_success_without_a_model_is_a_failure_that_is_billed(serve, learner_of, tmp_path, monkeypatch, name, tokens):
    monkeypatch.setattr(job_keeper, "NAMELESS_SECONDS", 0.1)
    server = serve(named=False, tells_tokens=tokens)
    learner = learner_of(name, **FAST)
    line = follow(learner, tmp_path)
    assert "names no tuned model" in line
    assert "jobs retry" in line
    assert check_books(learner, server).total_usd > 0


@pytest.mark.parametrize("name", BOTH)
def test_a_lost_job_is_said_and_blocks_nobody(serve, learner_of, tmp_path, name, capsys):
    server = serve(polls=100)
    learner = learner_of(name, **FAST)
    assert "running" in follow(learner, tmp_path, until="running")
    server.jobs.clear()
    line = follow(learner, tmp_path)
    assert "is lost" in line
    assert "jobs retry" in line
    assert learner.account.spending().n_doubtful_jobs == 1
    other = learner_of(name, **FAST)
    assert "running" in follow(other, tmp_path, until="running", rows=examples(11))
    server.behaviour["polls"] = 1
    key = next(row.key for row in learner.account.ledger.jobs() if row.state == "lost")
    assert run_command(["jobs", "sync"]) == 0
    assert run_command(["jobs", "cancel", key]) == 8
    assert "no more; nothing to cancel" in capsys.readouterr().err
    assert run_command(["jobs", "retry", key]) == 0
    assert follow(learner_of(name, **FAST), tmp_path).job["id"] in server.jobs


@pytest.mark.parametrize("name", BOTH)
def test_a_place_of_a_job_that_nobody_follows_any_more_gets_free(serve, learner_of, tmp_path, name):
    server = serve(polls=2)
    gone = learner_of(name, **FAST)
    begin_and_wait(gone, tmp_path)
    other = learner_of(name, **FAST)
    other.account.study = "other"
    assert follow(other, tmp_path, rows=examples(11)).job["id"] in server.jobs


@pytest.mark.parametrize("look", ["500", "html", "empty"])
def test_commands_while_the_provider_is_down(serve, learner_of, tmp_path, capsys, look):
    server = serve(polls=100)
    learner = learner_of(LAB, **{**FAST, "jobs_at_once": 3})
    for rows in (examples(), examples(11)):
        follow(learner, tmp_path, until="running", rows=rows)
    learner.account.close()
    server.behaviour["look"] = look
    key = run_and_key(capsys)
    code = run_command(["jobs", "sync"])
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    if look == "empty":
        assert code == 0
        assert "unknown" in shown.out
        return
    assert code == 5
    assert shown.err.count("tunecurve-") == 2
    assert "2 of 2 jobs could not be asked about" in shown.err
    assert run_command(["jobs", "cancel", key]) == 5
    assert capsys.readouterr().err.count("\n") == 1
    assert run_command(["jobs", "list", "--provider"]) == 0


def run_and_key(capsys):
    run_command(["jobs", "list", "--json"])
    return json.loads(capsys.readouterr().out)[0]["key"]


def test_adopt_retry_and_forget(serve, learner_of, tmp_path, capsys):
    server = serve("made 500", look="hidden")
    learner = learner_of(LAB, **FAST)
    follow(learner, tmp_path)
    rows = learner.account.ledger.jobs()
    learner.account.close()
    first, second = (row.key for row in rows)
    server.behaviour["look"] = ""
    assert run_command(["jobs", "adopt", second, "ftjob-99"]) == 5
    assert run_command(["jobs", "adopt", second, "ftjob-1"]) == 5  # it carries the first one's key
    assert "carries the key" in capsys.readouterr().err
    assert run_command(["jobs", "adopt", second, "ftjob-2"]) == 0
    assert run_command(["jobs", "forget", second]) == 8
    assert run_command(["jobs", "forget", first]) == 0
    assert run_command(["jobs", "forget", first]) == 8
    learner = learner_of(LAB, **FAST)
    record = follow(learner, tmp_path)
    assert record.job["id"] == "ftjob-2"
    assert learner.account.spending().n_doubtful_jobs == 0
    assert len(server.creations) == 2


def test_a_job_in_doubt_that_shows_up_later_is_adopted(serve, learner_of, tmp_path, capsys):
    server = serve("made 500", look="hidden")
    learner = learner_of(LAB, **FAST)
    follow(learner, tmp_path)
    server.behaviour["look"] = ""
    record = follow(learner, tmp_path)
    assert record.job["id"] == "ftjob-2"
    assert run_command(["jobs", "sync"]) == 0  # the first of the two is billed as well
    assert "ftjob-1" in capsys.readouterr().out
    assert learner.account.spending().total_usd >= server.bill_usd - 1e-12
    assert learner.account.spending().n_doubtful_jobs == 0


@pytest.mark.parametrize("name", BOTH)
def test_training_files_go_up_once_and_away(serve, learner_of, tmp_path, name):
    server = serve("says 429 one job at a time", times=6)
    learner = learner_of(name, **FAST)
    record = follow(learner, tmp_path)
    assert record.job["id"] in server.jobs
    assert len(server.creations) == 7
    assert server.n_uploads == 1
    assert not server.files


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(
    ("settings", "behaviour", "n_left"),
    [
        ({}, {}, 0),
        ({"keep_training_files": True}, {}, 1),
        ({}, {"files": "kept"}, 1),
        ({}, {"ends": "JOB_STATE_FAILED"}, 0),
    ],
)
def test_what_becomes_of_training_files(serve, learner_of, tmp_path, name, settings, behaviour, n_left):
    server = serve(**behaviour)
    learner, said = learner_of(name, **FAST, **settings), []
    learner.account.on_message = said.append
    follow(learner, tmp_path)
    assert len(server.files) == n_left
    assert ("may still be at the provider" in " ".join(said)) == ("files" in behaviour)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("refusal", ["says 400 the training file is invalid", "says 403 no rights"])
def test_a_refused_creation_leaves_no_file_and_no_money(serve, learner_of, tmp_path, name, refusal):
    server = serve(refusal)
    learner = learner_of(name, **FAST)
    assert "no tuning job was made" in follow(learner, tmp_path)
    assert not server.files
    assert check_books(learner, server).total_usd == 0
    assert [row.state for row in learner.account.ledger.jobs()] == ["not made"], "nothing is queued"


@pytest.mark.parametrize("name", BOTH)
def test_a_refused_creation_is_tried_again_by_the_next_start(serve, learner_of, tmp_path, name):
    server = serve("says 400 the training file is invalid", times=1)
    learner = learner_of(name, **FAST)
    assert "no tuning job was made" in follow(learner, tmp_path)
    assert follow(learner, tmp_path).job["id"] in server.jobs
    assert [row.state for row in learner.account.ledger.jobs()] == ["succeeded"]


@pytest.mark.parametrize("name", BOTH)
def test_nothing_leaves_before_the_cap_is_checked(serve, learner_of, tmp_path, name):
    server = serve()
    assert "--max-cost" in follow(learner_of(name, max_cost=0.0001, **FAST), tmp_path)
    assert server.n_uploads == 0
    assert not server.log


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("trains", [1, 3, 7])
def test_passes_are_those_that_were_trained(serve, learner_of, tmp_path, name, trains):
    server = serve(trains=trains)
    learner, said = learner_of(name, **FAST), []
    learner.account.on_message = said.append
    record = follow(learner, tmp_path)
    assert record.epochs == trains
    assert record.examples_seen == trains * 12
    assert record.job["differences"] == [f"{trains} epochs instead of 2"]
    assert sum(f"{trains} epochs instead of 2" in line for line in said) == 1
    check_books(learner, server)


@pytest.mark.parametrize("name", BOTH)
def test_more_passes_than_the_cap_bears_are_stopped(serve, learner_of, tmp_path, name):
    server = serve(trains=50, polls=100)
    usd = follow_cost(learner_of(name, ledger="other.sqlite", **FAST))
    learner = learner_of(name, max_cost=usd * 2, **FAST)
    line = follow(learner, tmp_path)
    assert line.startswith("MoneyError")
    assert "50 epochs instead of 2" in line
    assert [job["force"] is not None for job in server.jobs.values()] == [True]
    check_books(learner, server)


FIELDS = {"model", "training_file", "suffix", "metadata", "seed", "method"}
TAKES = [
    (FIELDS, set()),
    (FIELDS - {"metadata"}, {"metadata"}),
    (FIELDS - {"seed", "metadata"}, {"seed", "metadata"}),
    (FIELDS - {"method"} | {"hyperparameters"}, {"method"}),
    ({"model", "training_file", "hyperparameters"}, {"method", "metadata", "seed", "suffix"}),
]


@pytest.mark.parametrize(("takes", "dropped"), TAKES)
def test_servers_that_take_fewer_fields(serve, learner_of, tmp_path, takes, dropped):
    server = serve(takes=takes)
    learner = learner_of(LAB, **FAST)
    record = follow(learner, tmp_path)
    assert record.epochs == 2
    assert record.job["differences"] == []
    last = server.creations[-1]
    assert not dropped & set(last)
    sent = last.get("hyperparameters") or last["method"]["supervised"]["hyperparameters"]
    assert sent == {"n_epochs": 2, "batch_size": 8}
    assert len(server.jobs) == server.n_uploads == 1


@pytest.mark.parametrize(
    ("fields", "where"), [("top-level", "hyperparameters"), ("method", "method"), ("auto", "method")]
)
def test_where_hyperparameters_stand_is_a_setting(serve, learner_of, tmp_path, fields, where):
    server = serve()
    follow(learner_of(LAB, **FAST, tuning_fields=fields), tmp_path)
    assert where in server.creations[0]
    assert len({"method", "hyperparameters"} & set(server.creations[0])) == 1


STEPS = [
    ([(36, "a"), (38, "b"), (40, "ft:ftjob-1")], [(18, "a"), (19, "b"), (20, "ft:ftjob-1")]),
    ([(18, "a"), (19, "b"), (20, "ft:ftjob-1")], [(18, "a"), (19, "b"), (20, "ft:ftjob-1")]),
    ([(36, "a"), (38, "b")], [(18, "a"), (19, "b")]),
    ([(10, "a")], [(10, "a")]),
    ([], []),
]  # fmt: skip


@pytest.mark.parametrize(("kept", "expected"), STEPS)
def test_checkpoints_are_numbered_by_their_steps(serve, learner_of, tmp_path, kept, expected):
    """12 rows, 8 a step: two steps a pass, 40 in 20 epochs; a server may also count epochs."""
    serve(checkpoints=kept)
    record = follow(learner_of(LAB, **FAST), tmp_path, epochs=20)
    assert [tuple(point) for point in record.job["checkpoints"]] == expected


@pytest.mark.parametrize("name", BOTH)
def test_an_unknown_training_price_and_a_cap_are_refused_before_anything(serve, learner_of, name):
    server = serve()
    prices = {name: {"input": 1.0, "output": 2.0}}
    unknown = name if name == LAB else name.replace("2.5-flash", "9-flash")
    learner = learner_of(unknown, **FAST, max_cost=5.0, prices={unknown: prices[name]})
    with pytest.raises(MoneyError, match=r"price .* unknown.*hosted\.prices"):
        learner.check_access(will_tune=True)
    learner.check_access(will_tune=False)
    learner_of(unknown, ledger="b", **FAST, prices={unknown: prices[name]}).check_access(will_tune=True)
    assert not server.log


@pytest.mark.parametrize("location", ["global", "Global"])
def test_global_is_no_place_to_tune(serve, learner_of, monkeypatch, location):
    serve()
    where = {**FAST, "vertex": {"bucket": "b", "location": location}}
    with pytest.raises(EnvironmentProblem, match=r"global.*hosted\.vertex\.location"):
        learner_of(VERTEX, **where).check_access(will_tune=True)
    learner_of(VERTEX, **where).check_access()
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", location)
    with pytest.raises(EnvironmentProblem, match="us-central1"):
        learner_of(VERTEX, **FAST).check_access(will_tune=True)


def test_an_upload_that_fails_leaves_no_claim(serve, learner_of, tmp_path):
    server = serve(files="500")
    learner = learner_of(LAB, **FAST)
    assert "cannot be reached" in follow(learner, tmp_path, until="cannot be reached")
    assert learner.account.ledger.jobs() == []
    server.behaviour["files"] = ""
    assert follow(learner, tmp_path).job["id"] in server.jobs
    check_books(learner, server)


@pytest.mark.parametrize(("files", "n_uploads"), [("lost once", 1), ("nameless", 1)])
def test_an_upload_without_an_answer_is_found_again(serve, learner_of, tmp_path, files, n_uploads):
    server = serve(files=files)
    learner = learner_of(LAB, **FAST)
    assert follow(learner, tmp_path).job["id"] in server.jobs
    assert server.n_uploads == n_uploads
    assert not server.files


def test_unreadable_jobs_pages_are_trouble_that_may_pass(serve, learner_of, tmp_path):
    server = serve(look="html")
    learner = learner_of(LAB, **FAST)
    line = follow(learner, tmp_path, until="no fine-tuning job")
    assert "cannot be reached" in line
    assert "no fine-tuning job" in line
    server.behaviour["look"] = ""
    assert follow(learner, tmp_path).job["id"] in server.jobs


def test_a_model_error_is_what_a_lost_job_raises(serve, learner_of, tmp_path):
    server = serve(polls=50)
    learner = learner_of(LAB, **FAST)
    follow(learner, tmp_path, until="running")
    server.behaviour["look"] = "404"
    time.sleep(0.2)
    with pytest.raises(ModelError, match="is lost"):
        begin(learner, tmp_path)
    server.behaviour |= {"look": "", "polls": 1}  # it was the address
    assert follow(learner, tmp_path).job["id"] in server.jobs


@pytest.mark.parametrize("lists", ["html", "null", "error", "string", "data-null"])
def test_what_is_no_list_of_jobs_is_not_an_empty_one(serve, learner_of, tmp_path, lists):
    server = serve("made 500")
    learner = learner_of(LAB, **FAST)
    begin_and_wait(learner, tmp_path)
    server.behaviour["lists"] = lists
    words = "no list of fine-tuning jobs"
    assert words in follow(learner, tmp_path, until=words)
    assert len(server.creations) == 1
    server.behaviour["lists"] = ""
    assert follow(learner, tmp_path).job["id"] in server.jobs
    other = serve(lists=lists)
    words = "cannot be reached"
    assert words in follow(learner_of(LAB, ledger="other.sqlite", **FAST), tmp_path, until=words)
    assert not other.creations
    assert not other.files


def test_a_list_without_an_end_ends(serve, learner_of, tmp_path):
    server = serve("made 500", lists="endless")
    assert follow(learner_of(LAB, **FAST), tmp_path).job["id"] in server.jobs


@pytest.mark.parametrize("checkpoints", [[], [(2, "ft:a")], [(2, "ft:a"), (4, "ft:b")]])
def test_a_list_of_checkpoints_without_an_end_ends(serve, learner_of, tmp_path, checkpoints):
    serve(lists="endless", checkpoints=checkpoints)
    assert [model for _, model in follow(learner_of(LAB, **FAST), tmp_path).job["checkpoints"]] == [
        model for _, model in checkpoints
    ]


@pytest.mark.parametrize("status", ["pending", "uploaded", "Running", "processed", "error", None])
@pytest.mark.parametrize(
    "said", ["file-1 is not ready yet", "the file is still being processed", "importing is in progress"]
)
def test_a_file_that_is_not_read_yet_is_waited_for(serve, learner_of, tmp_path, status, said):
    server = serve(f"says 400 {said}", times=2, file_status=status)
    learner = learner_of(LAB, **FAST)
    outcome = follow(learner, tmp_path)
    if status in ("pending", "uploaded", "Running"):
        assert outcome.job["id"] in server.jobs
        assert (server.n_uploads, len(server.creations), len(server.jobs)) == (1, 3, 1)
    else:
        assert said in outcome
        assert (len(server.creations), len(server.jobs)) == (2, 0)
    assert not server.files
    check_books(learner, server)


def test_a_file_that_is_read_between_refusal_and_look_is_asked_for_again(serve, learner_of, tmp_path):
    server = serve("says 400 file-1 is not ready", times=1)
    assert follow(learner_of(LAB, **FAST), tmp_path).job["id"] in server.jobs
    assert len(server.jobs) == 1


@pytest.mark.parametrize("n_calls", [1, 5, 40])
@pytest.mark.parametrize("is_new", [True, False])
def test_a_new_tuned_model_is_waited_for(serve, learner_of, prompts_of, tmp_path, monkeypatch, n_calls, is_new):
    from tunecurve.learners.base import predict

    monkeypatch.setattr(new_deployment, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(new_deployment, "SETTLING_SECONDS", 30.0 if is_new else 0.0)
    server = serve(unready=n_calls)
    learner = learner_of(LAB, **FAST)
    follow(learner, tmp_path)
    tuned, said = learner.load_tuned(tmp_path), []
    learner.account.on_message = said.append
    prompts = prompts_of(["Ada left.", "Bo came.", "Cy sang."])
    if not is_new:
        with pytest.raises(ModelError, match=r"404.*--model-is-gone"):
            predict(tuned, prompts)
        return
    assert [answer.text for answer in predict(tuned, prompts)] == ["done"] * 3
    assert sum("for the new model" in line for line in said) == 1
    assert sum("chat" in line for line in server.log) == n_calls + 3


def test_a_tuned_model_that_is_gone_is_trained_anew_when_asked(
    serve, learner_of, prompts_of, tmp_path, monkeypatch, capsys
):
    from tunecurve.learners.base import predict
    from tunecurve.study.trial_folder import TRAINING

    monkeypatch.setattr(new_deployment, "SETTLING_SECONDS", 0.0)
    server = serve()
    folder = tmp_path / "study" / "trials" / "one"
    folder.mkdir(parents=True)
    learner = learner_of(LAB, **FAST)
    learner.account.study = str(tmp_path / "study")
    record = follow(learner, folder)
    (folder / TRAINING).write_text("{}")
    key = record.job["key"]
    with pytest.raises(ModelError, match=rf"jobs retry {key} --model-is-gone"):
        predict(learner.load_tuned(folder), prompts_of(["Ada left."]))  # the server answers 404
    learner.account.close()
    assert run_command(["jobs", "retry", key]) == 8
    assert "--model-is-gone" in capsys.readouterr().err
    assert run_command(["jobs", "retry", key, "--model-is-gone"]) == 0
    assert not list(folder.iterdir())
    again = learner_of(LAB, **FAST)
    again.account.study = str(tmp_path / "study")
    assert follow(again, folder).job["id"] == "ftjob-2"
    assert again.account.spending().jobs_usd == pytest.approx(server.bill_usd)


KILLED = """
import sys, os
from pathlib import Path
from tests.learners.hosted.test_job_faults import FAST
from tests.learners.hosted.test_jobs import begin
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.build import build_hosted_learner
from tunecurve.learners.hosted.names import parse_hosted_name
from tunecurve.spec.prompt import AnswerSpec
from tunecurve.spec.hosted import HostedSpec
name, ledger, where = sys.argv[1:]
prices = {name: {"input": 1.0, "output": 2.0, "training": 3.0}}
account = Account(HostedSpec(**{"prices": prices, **FAST}), "dies", Path(ledger))
learner = build_hosted_learner(name, parse_hosted_name(name), AnswerSpec(), account)
method = getattr(learner.backend, where)
def last(*arguments):
    method(*arguments)
    os._exit(9)
setattr(learner.backend, where, last)
begin(learner, Path(ledger).parent)
"""


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("where", ["preflight", "upload", "create"])
def test_a_process_that_dies_leaves_its_claim_to_others(serve, learner_of, tmp_path, name, where):
    server = serve(polls=2)
    code, said = run_process([name, tmp_path / "ledger.sqlite", where], code=KILLED)
    assert code == 9, said
    learner = learner_of(name, **FAST)
    record = follow(learner, tmp_path)
    assert record.job["id"] in server.jobs
    assert len(server.creations) == 1
    assert server.n_uploads == (2 if (name, where) == (VERTEX, "upload") else 1)  # a bucket has one file of a name
    assert not server.files
    ledger = learner.account.ledger
    total = ledger.spending("dies").total_usd + ledger.spending("study").total_usd
    assert total == pytest.approx(server.bill_usd)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/v1", "http://no-such-host.invalid/v1"])
def test_a_tuning_service_that_cannot_be_reached_is_no_refusal(learner_of, monkeypatch, address):
    monkeypatch.setenv("OPENAI_API_KEY", "a-key")
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    learner = learner_of("openai/gpt-4.1-mini")
    reason = learner.tuning_obstacle([])
    assert reason.startswith(f"{address} could not be asked whether it tunes this model (no connection: ")
    assert "Connection error" not in reason
    assert "refused" in reason if "9/v1" in address else "no such host" in reason


DOUBLES = [(LAB, "all"), (LAB, "suffix"), (LAB, "file"), (VERTEX, "all"), (VERTEX, "file")]


@pytest.mark.parametrize(("name", "echo"), DOUBLES)
@pytest.mark.parametrize("tells_tokens", [True, False])
def test_a_creation_that_makes_two_jobs_is_booked_twice_and_said(serve, learner_of, tmp_path, name, echo, tells_tokens):
    server = serve("twice", echo=echo, tells_tokens=tells_tokens)
    learner, said = learner_of(name, **FAST), []
    learner.account.on_message = said.append
    record = follow(learner, tmp_path)
    assert record.job["id"] in server.jobs, record
    assert len(server.jobs) == 2
    check_books(learner, server)
    (line,) = [line for line in said if "made more than one job" in line]
    assert {row.provider_id for row in learner.account.ledger.jobs()} == set(server.jobs)
    assert next(iter(set(server.jobs) - {record.job["id"]})) in line
    follow(learner_of(name, **FAST), tmp_path)
    assert len(learner.account.ledger.jobs()) == len(server.jobs) == 2


def test_a_double_that_still_runs_can_be_ended(serve, learner_of, tmp_path, capsys):
    server = serve("twice", polls=2)
    learner, said = learner_of(LAB, **FAST), []
    learner.account.on_message = said.append
    follow(learner, tmp_path)
    key = next(row.key for row in learner.account.ledger.jobs() if row.double_of)
    assert f"shows it as {key}, and jobs cancel ends it" in " ".join(said)
    assert run_command(["jobs", "cancel", key]) == 0
    assert "cancelled" in [job["force"] for job in server.jobs.values()]
    check_books(learner_of(LAB, **FAST), server)


def test_jobs_of_others_and_of_earlier_studies_are_no_doubles(serve, learner_of, tmp_path):
    server = serve(polls=2)
    first = learner_of(LAB, ledger="first.sqlite", **FAST)
    follow(first, tmp_path)
    for job in server.jobs.values():
        job["created"] -= 86_400.0
    other = learner_of(LAB, ledger="second.sqlite", **FAST)
    follow(other, tmp_path, rows=examples(11))
    again = learner_of(LAB, ledger="third.sqlite", **FAST)
    record = follow(again, tmp_path)
    assert record.job["id"] in server.jobs
    assert [row.provider_id for row in again.account.ledger.jobs()] == [record.job["id"]]


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("code", [400, 403, 422])
def test_a_job_that_is_made_although_it_is_refused_is_followed(serve, learner_of, tmp_path, name, code):
    server = serve(f"made {code}")
    learner = learner_of(name, **FAST)
    record = follow(learner, tmp_path)
    assert list(server.jobs) == [record.job["id"]], record
    assert check_books(learner, server).n_doubtful_jobs == 0


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("counts", [1.0, 1.34, 4.0])
def test_a_job_whose_tokens_are_never_told_is_booked_at_the_most_it_can_be(serve, learner_of, tmp_path, name, counts):
    server = serve(tells_tokens=False, bills=counts)
    learner = learner_of(name, **FAST)
    record = follow(learner, tmp_path)
    spent = check_books(learner, server)
    assert record.job["cost_is_estimated"]
    assert spent.n_estimated_jobs == 1
    n_bytes = 2 * sum(len(text.encode()) for text in uploads_of(learner))
    assert spent.total_usd == pytest.approx(n_bytes * 3.0 / 1e6)


def uploads_of(learner):
    rows = examples()
    request = learner._request(TrainingJob(rows, learner.resolve_recipe({"epochs": 2}, len(rows)), 0, Path()))
    return [learner.backend.training_file(request).decode()]


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("tells_tokens", [True, False])
def test_a_job_told_failed_that_goes_on_is_followed_and_booked(serve, learner_of, tmp_path, name, tells_tokens):
    server = serve(tells_tokens=tells_tokens, polls=3)
    learner = learner_of(name, **FAST)
    begin_and_wait(learner, tmp_path)
    (job,) = server.jobs.values()
    job["force"] = "JOB_STATE_FAILED" if name == VERTEX else "failed"
    assert "failed" in follow(learner, tmp_path)
    job["force"] = None
    assert run_command(["jobs", "sync"]) == 0
    assert follow(learner_of(name, **FAST), tmp_path).job["id"] in server.jobs
    assert len(server.creations) == 1
    assert check_books(learner_of(name, **FAST), server).n_doubtful_jobs == 0


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("end", ["failed", "cancelled", "expired"])
def test_a_job_that_may_have_run_between_two_looks_is_in_doubt(serve, learner_of, tmp_path, name, end):
    server = serve(ends=f"JOB_STATE_{end.upper()}" if name == VERTEX else end, tells_tokens=False, bills=3.0)
    learner = learner_of(name, **FAST)
    line = follow(learner, tmp_path)
    assert "stay booked, because it may have been trained" in line
    assert check_books(learner, server).n_doubtful_jobs == 1


@pytest.mark.parametrize(
    ("ends", "error", "is_free"),
    [
        ("failed", {"code": "invalid_training_file", "message": "row 3 is no JSON", "param": "training_file"}, True),
        ("failed", {"code": "invalid_file_format", "message": "row 3", "param": "training_file"}, True),
        ("FAILED_VALIDATION", None, True),
        ("failed", {"code": "server_error", "message": "we are sorry", "param": None}, False),
        ("failed", None, False),
    ],
)
def test_a_job_that_its_provider_says_never_ran_costs_nothing(serve, learner_of, tmp_path, ends, error, is_free):
    serve(ends=ends, error=error, tells_tokens=False, polls=0)
    learner = learner_of(LAB, **FAST)
    follow(learner, tmp_path)
    spent = learner.account.spending()
    assert (spent.total_usd == 0) == is_free
    assert spent.n_doubtful_jobs == (not is_free)


@pytest.mark.parametrize(("name", "code"), [(LAB, 409), (LAB, 423), (LAB, 503), (VERTEX, 409), (VERTEX, 423)])
@pytest.mark.parametrize("later", ["sync", "close"])
def test_a_training_file_whose_deletion_is_refused_once_is_deleted_later(
    serve, learner_of, tmp_path, name, code, later
):
    server = serve(files=f"busy {code}")  # Google's own client asks again after a 503
    learner, said = learner_of(name, **FAST), []
    learner.account.on_message = said.append
    follow(learner, tmp_path)
    assert len(server.files) == 1
    assert any("may still be at the provider" in line for line in said)
    if later == "sync":
        assert run_command(["jobs", "sync"]) == 0
    learner.account.close()
    assert not server.files
    (row,) = learner_of(name, **FAST).account.ledger.jobs()
    assert row.file_not_deleted is None


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(
    ("bills", "cap", "is_said"), [(1.0, 9.0, False), (1.3, 9.0, False), (10.0, 9.0, True), (30.0, 0.01, True)]
)
def test_a_bill_far_above_its_quote_is_said(serve, learner_of, tmp_path, name, bills, cap, is_said):
    serve(bills=bills)
    learner, lines = learner_of(name, **FAST, max_cost=cap), []
    learner.account.on_message = lines.append
    record = follow(learner, tmp_path)
    told = [line for line in lines if "its quote was" in line]
    assert len(told) == is_said, lines
    assert all(f"({record.job['tokens_billed']:,} tokens)" in line for line in told)
    assert ["more than --max-cost" in line for line in told] == [cap < 1] * len(told)
