"""Files of a run that are truncated, flipped, deleted or of another version: found, named, set aside, nothing mixed."""

import random
import shutil

import pytest

from tests.fakes.lookup_learner import LookupLearner
from tests.hardening.runs import run_small, write_rows
from tunecurve.errors import DamagedFile, StudyStateError
from tunecurve.report.learning_curve import load_study
from tunecurve.results.stored import without_times
from tunecurve.storage.files import AppendLog, read_checked_json, write_checked_json
from tunecurve.study.integrity import inspect_trials, verify_model
from tunecurve.study.progress import Progress
from tunecurve.study.trial_folder import TrialFolder

FILES = ["config.json", "result.json", "predictions.jsonl", "training.json", "known.json"]


class Lines(Progress):
    """Keeps what it is told."""

    def __init__(self):
        self.lines = []

    def message(self, line):
        self.lines.append(line)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run: its rows, its folder, its results."""
    folder = tmp_path_factory.mktemp("finished")
    rows = write_rows(folder)
    return rows, folder / "out", without_times(run_small(rows, folder / "out").results)


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished run to be broken."""
    rows, out, results = finished
    shutil.copytree(out, tmp_path / "out")
    return rows, tmp_path / "out", results


def tuned(out):
    return next((out / "trials").glob("lookup-fine-tune-n40*"))


def break_file(path, how, seed=0):
    content = bytearray(path.read_bytes())
    if how == "deleted":
        path.unlink()
        return
    if how == "truncated":
        content = content[: len(content) // 2]
    elif how == "emptied":
        content = bytearray()
    elif how == "of another version":
        content = bytearray(b'{"format": 0}')
    else:
        place = random.Random(seed).randrange(len(content))
        content[place] ^= 1 << random.Random(seed + 1).randrange(8)
    path.write_bytes(content)


def test_every_flipped_bit_is_found_and_its_file_named(finished, tmp_path):
    _, out, _ = finished
    config = read_checked_json(tuned(out) / "config.json")
    from tunecurve.study.plan import PlannedTrial, Trial

    for number in range(200):
        shutil.rmtree(tmp_path / "trials", ignore_errors=True)
        folder = tmp_path / "trials" / tuned(out).name
        shutil.copytree(tuned(out), folder)
        name = FILES[number % len(FILES)]
        break_file(folder / name, "flipped", number)
        said = []
        inspect_trials([PlannedTrial(Trial("lookup", "fine-tune"), config, TrialFolder(folder))], said.append)
        assert len(said) == 1, (number, name)
        assert f"{name}' is damaged" in said[0]
        assert not (folder / name).exists()
        assert any(path.name.startswith(name) for path in (tmp_path / "damaged").rglob("*"))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["flipped", "truncated", "emptied", "deleted", "of another version"])
def test_damage_is_named_and_the_study_ends_with_the_same_results(copy, name, how):
    rows, out, results = copy
    others = {path: path.stat().st_mtime_ns for path in out.glob("trials/*/result.json") if path.parent != tuned(out)}
    break_file(tuned(out) / name, how)
    listener = Lines()
    done = run_small(rows, out, progress=listener)
    assert without_times(done.results) == results
    if how == "deleted" and name in ("config.json", "training.json", "known.json"):
        assert done.outcome.n_run == 0, "the scores are intact"
    else:
        # A result that is gone looks like a trial that was killed before its end, and is treated as one.
        n_named = sum(f"{name}' is damaged" in line for line in listener.lines)
        assert n_named == ((how, name) != ("deleted", "result.json"))
        assert done.outcome.n_run == (name in ("result.json", "predictions.jsonl"))
    assert others == {path: path.stat().st_mtime_ns for path in others}, "intact work is kept"


@pytest.mark.parametrize("name", ["training.json", "known.json"])
def test_a_damaged_model_is_never_used(copy, name):
    _, out, _ = copy
    verify_model(tuned(out))
    break_file(tuned(out) / name, "flipped")
    with pytest.raises(StudyStateError, match=rf"{name}' is damaged .* train its model again"):
        verify_model(tuned(out))


def test_an_unfinished_trial_with_a_damaged_model_is_trained_again_and_says_so(copy):
    rows, out, results = copy
    for name in ("result.json", "predictions.jsonl"):
        (tuned(out) / name).unlink()
    break_file(tuned(out) / "known.json", "flipped")
    listener = Lines()
    done = run_small(rows, out, progress=listener)
    assert without_times(done.results) == results
    assert "trained again from its last checkpoint" in "".join(listener.lines)


@pytest.mark.parametrize(("name", "part"), [("split.json", "damaged"), ("study.yaml", "not as the last run left it")])
@pytest.mark.parametrize("how", ["flipped", "truncated", "of another version"])
def test_a_damaged_store_is_refused_and_once_moved_away_nothing_is_lost(copy, name, part, how):
    rows, out, results = copy
    for seed in range(20 if how == "flipped" else 1):
        whole = (out / name).read_bytes()
        break_file(out / name, how, seed)
        with pytest.raises(StudyStateError, match=rf"{name}' is .*{part}"):
            run_small(rows, out)
        (out / name).write_bytes(whole)
    (out / name).unlink()
    done = run_small(rows, out)
    assert done.outcome.n_run == 0
    assert without_times(done.results) == results


def test_a_lost_split_is_not_made_anew_from_other_rows(copy):
    rows, out, _ = copy
    changed = rows.with_name("changed.jsonl")
    changed.write_text(rows.read_text().replace("Ada", "Zoe"))
    (out / "split.json").unlink()
    with pytest.raises(StudyStateError, match=r"split\.json' is gone, and .* was scored on other test rows"):
        run_small(changed, out)


@pytest.mark.parametrize("how", ["flipped", "truncated", "of another version"])
def test_damaged_results_are_named_and_written_anew(copy, how):
    rows, out, results = copy
    break_file(out / "results.json", how)
    with pytest.raises(DamagedFile, match=r"results\.json' is damaged"):
        load_study(out)
    assert without_times(run_small(rows, out).results) == results
    assert load_study(out).headline == results["headline"]


def test_damaged_answers_are_dropped_the_others_kept(tmp_path):
    path = tmp_path / "partial.jsonl"
    store = AppendLog(path)
    for number in range(50):
        store.append({"index": number, "text": "é\n" * number})
    store.close()
    whole = path.read_bytes()
    for seed in range(300):
        path.write_bytes(whole)
        break_file(path, "flipped", seed)
        again = AppendLog(path)
        again.close()
        indices = [value["index"] for value in again.values]
        # A flipped line break joins two lines, or cuts the last one short.
        assert len(set(range(50)) - set(indices)) in (1, 2)
        assert indices == sorted(indices)
        assert all(value["text"] == "é\n" * value["index"] for value in again.values)
    path.write_bytes(whole[:-3])
    cut = AppendLog(path)
    cut.close()
    assert (len(cut.values), cut.n_damaged) == (49, 0), "what a kill cut short is no damage"


def test_a_seal_covers_every_bit(tmp_path):
    path = tmp_path / "sealed.json"
    write_checked_json(path, {"text": "é\u2028", "number": 1e-05, "nothing": float("nan")})
    assert read_checked_json(path) == {"text": "é\u2028", "number": 1e-05, "nothing": None}
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in range(8):
            content = bytearray(whole)
            content[place] ^= 1 << bit
            path.write_bytes(content)
            with pytest.raises(DamagedFile):
                read_checked_json(path)


def test_answers_of_other_versions_are_not_mixed_with_new_ones(copy, monkeypatch):
    rows, out, results = copy
    trial = tuned(out)
    for name in ("result.json", "predictions.jsonl"):
        (trial / name).unlink()
    store = AppendLog(trial / "predictions.partial.jsonl")
    store.append({"made_by": {"tunecurve": "0.0.1"}})
    store.append({"index": 0, "answer": {"text": "of long ago", "stop_reason": "end"}})
    store.close()
    listener = Lines()
    done = run_small(rows, out, progress=listener)
    assert without_times(done.results) == results
    assert "of other versions" in "".join(listener.lines)
    assert "tunecurve 0.0.1 -> " in "".join(listener.lines)


def test_a_changed_model_is_measured_anew_with_what_changed(copy):
    rows, out, _ = copy

    class Other(LookupLearner):
        def identity(self):
            return {"kind": "lookup", "version": 2}

    listener = Lines()
    done = run_small(rows, out, Other(), progress=listener)
    assert done.outcome.n_run == 3
    assert any("the earlier trials differ (learner.version: 1 -> 2): zero-shot, " in line for line in listener.lines)
