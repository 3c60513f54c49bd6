"""What jobs tell of their own training and end, provider by provider: fewer epochs, rows or steps, a model named late, what is
not ready yet, and what makes a paid job useless."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.faulty_jobs import FaultyJobs
from tests.fakes.faulty_together import FaultyTogether
from tests.learners.hosted.test_job_faults import FAST, check_books, follow
from tests.learners.hosted.test_jobs import examples
from tests.learners.hosted.test_more_providers import BEDROCK, FIREWORKS, KINDS, NEBIUS
from tests.learners.hosted.test_more_providers import serve as serve_others
from tunecurve.cancellation import Cancellation
from tunecurve.learners.base import TrainingJob
from tunecurve.learners.hosted.deployments import together as together_deployments
from tunecurve.learners.hosted.tuning import job_keeper, jobs

VERTEX, TOGETHER = "google/vertex/gemini-2.5-flash", "together/Qwen/Qwen3-8B"
N_ROWS = len(examples())
serve_more = serve_others


@pytest.fixture
def serve(monkeypatch, only_loopback, tmp_path, serve_more, started):
    """Return a function that starts a provider's server, also Vertex AI's and Together's."""

    def start(name, create="", **behaviour):
        if name in KINDS:
            return serve_more(name, create, **behaviour)
        server = FaultyTogether(create=create, **behaviour) if name == TOGETHER else FaultyJobs(create, **behaviour)
        values = {"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_OAUTH_ACCESS_TOKEN": "canary", "GOOGLE_VERTEX_BASE_URL": server.url,
                  "STORAGE_EMULATOR_HOST": server.url, "TOGETHER_API_KEY": "canary", "TOGETHER_BASE_URL": server.url + "/v1",
                  "TUNECURVE_LEDGER": str(tmp_path / "ledger.sqlite")}  # fmt: skip
        return started(server, values)

    return start


@pytest.fixture
def tunable(learner_of):
    def make(name, **settings):
        own = KINDS[name][1] if name in KINDS else {"tuning": "auto"}
        learner = learner_of(name, **{**FAST, "adopt_wait_seconds": 20, **own, **settings})
        learner.account.said = []
        learner.account.on_message = learner.account.said.append
        return learner

    return make


def stats(**told):
    return {"tuningDataStats": {"supervisedTuningDataStats": {"tuningDatasetExampleCount": str(N_ROWS), **told}}}


# What is told beside the rest once the job has ended; what the line says; epochs and rows of the record.
OTHERWISE = [
    (TOGETHER, {"epochs_completed": 1}, "1 epochs instead of 2", 1, N_ROWS),
    (TOGETHER, {"early_stopped": True, "epochs_completed": 1}, "training ended early", 1, N_ROWS),
    (TOGETHER, {"trainingfile_numlines": N_ROWS - 3}, f"{N_ROWS - 3} rows instead of {N_ROWS}", 2, N_ROWS - 3),
    (TOGETHER, {"trainingfile_numlines": str(N_ROWS + 1)}, f"{N_ROWS + 1} rows instead of", 2, N_ROWS + 1),
    (FIREWORKS, {"state": "JOB_STATE_EARLY_STOPPED"}, "training ended early", 2, N_ROWS),
    (NEBIUS, {"trained_steps": 2, "total_steps": 4}, "2 of 4 steps", 2, N_ROWS),
    (NEBIUS, {"hyperparameters": {"n_epochs": 2, "lora": False, "packing": False}}, "no adapter", 2, N_ROWS),
    (NEBIUS, {"hyperparameters": {"n_epochs": 2, "lora": True, "packing": True}}, "rows packed", 2, N_ROWS),
    (VERTEX, stats(totalTruncatedExampleCount="3"), f"{N_ROWS - 3} rows instead of {N_ROWS}", 2, N_ROWS - 3),
    (VERTEX, stats(tuningDatasetExampleCount="7"), f"7 rows instead of {N_ROWS}", 2, 7),
    (VERTEX, {"state": "JOB_STATE_PARTIALLY_SUCCEEDED"}, "only in part", 2, N_ROWS),
]


@pytest.mark.parametrize(("name", "told", "said", "epochs", "rows"), OTHERWISE)
def test_training_that_differs_is_said_and_counted(serve, tunable, tmp_path, name, told, said, epochs, rows):
    server = serve(name, tells=lambda view, polls: {**view, **told} if polls > 1 else view, polls=2)
    learner = tunable(name)
    record = follow(learner, tmp_path)
    assert not isinstance(record, str), record
    assert any(said in phrase for phrase in record.job["differences"]), record.job
    assert any(said in line for line in learner.account.said)
    assert (record.epochs, record.examples_seen) == (epochs, epochs * rows)
    check_books(learner, server)


SAME = [
    (TOGETHER, {"epochs_completed": 2, "early_stopped": False, "trainingfile_numlines": N_ROWS}),
    (FIREWORKS, {"earlyStop": False}),
    (NEBIUS, {"trained_steps": 4, "total_steps": 4}),
    (VERTEX, stats(totalTruncatedExampleCount="0")),
    (BEDROCK, {"statusDetails": {"trainingDetails": {"status": "Completed"}}}),
]


@pytest.mark.parametrize(("name", "told"), SAME)
def test_training_as_asked_is_no_difference(serve, tunable, tmp_path, name, told):
    serve(name, tells=lambda view, polls: {**view, **told} if polls > 1 else view, polls=2)
    record = follow(tunable(name), tmp_path)
    assert record.job["differences"] == []
    assert (record.epochs, record.examples_seen) == (2, 2 * N_ROWS)


@pytest.mark.parametrize("made", [1, 2])
def test_passes_that_were_not_made_are_booked_all_the_same(serve, tunable, tmp_path, made):
    told = {"epochs_completed": made, "token_count": None}
    server = serve(TOGETHER, tells=lambda view, polls: {**view, **told})
    learner = tunable(TOGETHER)
    record = follow(learner, tmp_path)
    assert record.epochs == made
    assert check_books(learner, server).jobs_usd >= server.bill_usd  # which may be for all of them


def nameless(view):
    tuned = {"outputModelArn", "tunedModel", "outputModel", "model_output_name", "model_object_id", "fine_tuned_model"}
    return {key: value for key, value in view.items() if key not in tuned}


@pytest.mark.parametrize("name", [TOGETHER, FIREWORKS, BEDROCK, VERTEX])
def test_a_model_that_is_named_late_is_waited_for(serve, tunable, tmp_path, name):
    server = serve(name, tells=lambda view, polls: nameless(view) if polls < 5 else view)
    learner = tunable(name)
    assert "names no model yet" in follow(learner, tmp_path, until="names no model yet")
    record = follow(learner, tmp_path)
    assert record.job["id"] in server.jobs, record
    assert check_books(learner, server).n_doubtful_jobs == 0


def test_checkpoints_that_are_listed_late_are_waited_for(serve, tunable, tmp_path):
    server = serve(NEBIUS, named=False)
    learner = tunable(NEBIUS)
    assert "names no model yet" in follow(learner, tmp_path, until="names no model yet")
    server.behaviour["named"] = True
    assert follow(learner, tmp_path).job["id"] in server.jobs


@pytest.mark.parametrize(
    ("training", "usd"), [("NotStarted", 0.0), ("Completed", None), ("Stopped", None), (None, None)]
)
def test_at_amazon_what_was_never_trained_costs_nothing_however_it_looked(serve, tunable, tmp_path, training, usd):
    details = {"statusDetails": {"trainingDetails": {"status": training}}} if training else {}
    server = serve(BEDROCK, ends="Failed", polls=4, tells=lambda view, polls: {**view, **details})
    learner = tunable(BEDROCK)
    assert "failed" in follow(learner, tmp_path)
    spent = learner.account.spending()
    assert (spent.n_doubtful_jobs == 0) == (usd == 0.0)
    assert usd is None or spent.total_usd == usd
    assert len(server.jobs) == 1


UNREADY = [
    "says 400 dataset accounts/ada/datasets/x is not READY (state UPLOADING)",
    "says 400 the file is still being processed",
    "says 422 the training file is not yet uploaded",
    "says 404 file-1 is being validated",
]


@pytest.mark.parametrize("name", [TOGETHER, FIREWORKS])
@pytest.mark.parametrize("refusal", UNREADY)
def test_a_file_that_is_still_read_is_waited_for_with_one_upload(serve, tunable, tmp_path, name, refusal):
    server = serve(name, refusal, times=3)
    learner = tunable(name)
    record = follow(learner, tmp_path)
    assert record.job["id"] in server.jobs, record
    assert (server.n_uploads, len(server.creations)) == (1, 4)
    assert check_books(learner, server).n_doubtful_jobs == 0


@pytest.mark.parametrize("name", [TOGETHER, FIREWORKS])
def test_a_file_that_is_never_read_ends_the_trial_and_is_deleted(serve, tunable, tmp_path, monkeypatch, name):
    monkeypatch.setattr(jobs, "LONGEST_READING_SECONDS", 0.1)
    server = serve(name, UNREADY[0])
    learner = tunable(name)
    assert "no tuning job was made" in follow(learner, tmp_path)
    assert not server.files
    assert check_books(learner, server).total_usd == 0


@pytest.mark.parametrize("refusal", ["says 400 dataset is not READY (state FAILED)", "says 400 the file is invalid"])
def test_a_file_that_has_failed_is_not_waited_for(serve, tunable, tmp_path, refusal):
    server = serve(FIREWORKS, refusal)
    assert "no tuning job was made" in follow(tunable(FIREWORKS), tmp_path)
    assert len(server.creations) == 1


@pytest.mark.parametrize("rows_there", [1, N_ROWS - 1, N_ROWS + 1])
def test_a_data_set_of_other_rows_under_our_name_is_not_trained_on(serve, tunable, tmp_path, rows_there):
    server = serve(FIREWORKS)
    learner = tunable(FIREWORKS)
    rows = examples()
    key = learner._request(TrainingJob(rows, learner.resolve_recipe({"epochs": 2}, len(rows)), 0, Path())).key
    name = f"accounts/ada/datasets/{key}"
    server.datasets[name] = {"name": name, "state": "READY", "exampleCount": str(rows_there)}
    record = follow(learner, tmp_path)
    assert record.job["id"] in server.jobs, record
    assert server.n_uploads == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_no_job_is_paid_for_whose_model_could_not_answer(serve, tunable, tmp_path, monkeypatch, status):
    server = serve(TOGETHER)

    def refuse(self):
        raise together_deployments.HttpRefusal(Answer(status))

    monkeypatch.setattr(together_deployments.TogetherDeployments, "is_there", lambda self: True)
    monkeypatch.setattr(together_deployments.TogetherDeployments, "probe", refuse)
    learner = tunable(TOGETHER)
    said = follow(learner, tmp_path)
    assert "cannot be made" in said
    assert "not yours" in said
    assert not server.jobs
    assert not server.files
    assert check_books(learner, server).total_usd == 0


class Answer:
    """A refusal as the HTTP client gives it."""

    def __init__(self, status):
        self.status_code, self.text, self.reason_phrase, self.headers = status, "the project is not yours", "no", {}

    def json(self):
        return {"error": {"message": self.text}}


def test_a_stop_between_upload_and_creation_makes_no_job(serve, tunable, tmp_path):
    server = serve(FIREWORKS)
    learner = tunable(FIREWORKS)
    learner.account.cancellation = Cancellation(lambda: server.n_uploads > 0)
    assert "stopped" in follow(learner, tmp_path)
    assert not server.jobs
    learner.account.cancellation = Cancellation(lambda: False)
    assert follow(learner, tmp_path).job["id"] in server.jobs
    assert server.n_uploads == 1
    check_books(learner, server)


def test_a_model_that_is_never_named_is_a_failure(serve, tunable, tmp_path, monkeypatch):
    monkeypatch.setattr(job_keeper, "NAMELESS_SECONDS", 0.1)
    server = serve(FIREWORKS, tells=lambda view, polls: nameless(view))
    learner = tunable(FIREWORKS)
    assert "names no tuned model" in follow(learner, tmp_path)
    check_books(learner, server)


@pytest.mark.parametrize(
    ("name", "state"),
    [(TOGETHER, {"status": "cancel_requested"}), (FIREWORKS, {"state": "JOB_STATE_CANCELLING"}), (BEDROCK, {"status": "Stopping"}),
     (VERTEX, {"state": "JOB_STATE_CANCELLING"})],
)  # fmt: skip
def test_a_job_that_somebody_has_told_to_stop_is_said_to_end(serve, tunable, tmp_path, name, state):
    serve(name, polls=10**6, tells=lambda view, polls: {**view, **state})
    said = follow(tunable(name), tmp_path, until="coming to its end")
    assert next(iter(state.values())) in said
