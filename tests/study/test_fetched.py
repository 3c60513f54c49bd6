"""A study whose rows come from the web goes on with the file that it began with, or says that it is another one."""

import functools
import json
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tunecurve.errors import StudyStateError
from tunecurve.spec.reading import parse_spec
from tunecurve.study.dataset import split_data
from tunecurve.study.freezing import freeze
from tunecurve.study.frozen import frozen_decisions
from tunecurve.study.reading import read_study_rows


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder that is served, and its address."""
    monkeypatch.setenv("TUNECURVE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def write(path, n_rows, note="", topic="Mail"):
    rows = [
        {"text": f"{topic} about word{chr(97 + n % 26)} and word{chr(97 + n // 26)}.", "label": "ab"[n % 2]}
        for n in range(n_rows)
    ]
    path.write_text("".join(json.dumps({**row, "note": note}) + "\n" for row in rows))


def study(address, out, accept=False, **data):
    data = {"source": address, "input_column": "text", "target_column": "label", **data}
    spec = parse_spec(
        {"task": "classification", "models": ["tfidf"], "train_sizes": [10], "split": {"test_size": 10}, "data": data}
    )
    found = split_data(spec, read_study_rows(spec, out), out, accept_data_changes=accept)
    out.mkdir(exist_ok=True)
    freeze(found, spec, out)
    return found


def test_the_hash_of_what_was_fetched_is_kept_and_compared(tmp_path, served):
    folder, url = served
    address, out = f"{url}/rows.jsonl", tmp_path / "run"
    write(folder / "rows.jsonl", 60)
    first = study(address, out)
    (kept,) = frozen_decisions(out).to_json()["fetched"].values()
    assert len(kept["sha256"]) == 64
    write(folder / "rows.jsonl", 60, note="changed")
    assert study(address, out).facts.test_sha256 == first.facts.test_sha256  # the cache still has the first file
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(StudyStateError, match=r"rows\.jsonl' has changed since the study began \(SHA-256 [0-9a-f]{16}"):
        study(address, out)
    study(address, out, accept=True)
    study(address, out)
    (later,) = frozen_decisions(out).to_json()["fetched"].values()
    assert later["sha256"] != kept["sha256"]


def test_test_rows_from_the_web_are_kept_too(tmp_path, served):
    folder, url = served
    write(folder / "rows.jsonl", 60)
    write(tmp_path / "train.jsonl", 40, topic="Letter")
    study(str(tmp_path / "train.jsonl"), tmp_path / "run", test_source=f"{url}/rows.jsonl")
    assert list(frozen_decisions(tmp_path / "run").to_json()["fetched"]) == [f"{url}/rows.jsonl"]


def test_a_study_of_files_records_nothing(tmp_path):
    write(tmp_path / "rows.jsonl", 60)
    study(str(tmp_path / "rows.jsonl"), tmp_path / "run")
    assert "fetched" not in frozen_decisions(tmp_path / "run").to_json()
