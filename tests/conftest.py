"""Fixtures shared by all tests. Nothing here needs a network but the one download of the built-in model."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
# Several test processes share the cores: threads that spin while they wait for one another double the time of training.
# Read when torch is first imported, here and in every process that a test starts.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
# Without a GPU its kernels are tested in Triton's interpreter, which must be asked for before anything imports Triton.
if shutil.which("nvidia-smi") is None:
    os.environ.setdefault("TRITON_INTERPRET", "1")

import hypothesis
import pytest

# No test is held to the clock: a busy machine is slow, not wrong. Settings of a test's own build on these.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

# What pytest, and libraries on import, put into the environment.
SET_BY_LIBRARIES = ("PYTEST_", "TORCHINDUCTOR_", "TRITON_", "KMP_", "RAY_", "TF_", "GRPC_", "CRC32C_")

FIRST_NAMES = [
    "Ada",
    "Bo",
    "Cleo",
    "Dan",
    "Eve",
    "Finn",
    "Gus",
    "Hal",
    "Ida",
    "Jon",
    "Kim",
    "Lea",
    "Max",
    "Nia",
    "Otto",
]
CITIES = ["Paris", "Oslo", "Rome", "Bern", "Kyiv", "Lima", "Riga", "Nice", "Graz", "Cork"]
SENTENCES = [
    ("{} lives in {}.", "[FIRSTNAME] lives in [CITY]."),
    ("Call {} when you reach {}, please.", "Call [FIRSTNAME] when you reach [CITY], please."),
    ("The train to {1} left without {0} again.", "The train to [CITY] left without [FIRSTNAME] again."),
    ("Nothing to see for {} but {} by night.", "Nothing to see for [FIRSTNAME] but [CITY] by night."),
    ("{}: back from {} on Monday", "[FIRSTNAME]: back from [CITY] on Monday"),
]


def simple_rows(n_rows: int) -> list[dict[str, str]]:
    """Rows with names and cities; every row is different."""
    rows = []
    for number in range(n_rows):
        name = FIRST_NAMES[number % 15] + ("" if number < 150 else str(number))
        city = CITIES[(number // 15) % 10]
        source, target = SENTENCES[(number * 7 + number // 15) % 5]
        rows.append({"source_text": source.format(name, city), "target_text": target, "kind": str(number % 5)})
    return rows


@pytest.fixture(autouse=True)
def process_is_left_as_it_was():
    """Fail the test that changes its process for all tests after it; what `monkeypatch` sets is undone by then."""
    before = state_of_process()
    yield
    after = state_of_process()
    assert after == before, "set it with monkeypatch, or where it cannot be undone give it to a process of its own"


def state_of_process():
    """Return what every test shares with all others."""
    from tunecurve.privacy import network

    return {
        "environment": {name: value for name, value in os.environ.items() if not name.startswith(SET_BY_LIBRARIES)},
        "folder": os.getcwd(),
        "import path": list(sys.path),
        "handlers of the root logger": [one for one in logging.root.handlers if "pytest" not in type(one).__module__],
        "levels of logging": (logging.root.level, logging.root.manager.disable),
        "answers to signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)],
        "--local-only": network._is_on,
    }


@pytest.fixture(autouse=True)
def ledgers_are_closed(process_is_left_as_it_was, monkeypatch):
    """Close the ledgers that a test has opened: each has a thread, and files that are locked."""
    from tunecurve.learners.hosted.ledger.file import LedgerFile

    opened, open_file = [], LedgerFile.__init__

    def remember(ledger, path):
        open_file(ledger, path)
        opened.append(ledger)

    monkeypatch.setattr(LedgerFile, "__init__", remember)
    yield
    for ledger in opened:
        ledger.close()


@pytest.hookimpl(trylast=True)
def pytest_make_parametrize_id(val):
    """Name bytes by their number: what a packer writes holds the time, and every process must collect the same names."""
    return f"{len(val)}-bytes" if isinstance(val, bytes) else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Start one process more than there are cores: tests wait for servers and for other processes now and then."""
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return n_cores + 1


def pytest_collection_modifyitems(items):
    """Put the tests of the real model, the longest ones, where each process begins: else one is left when all others have ended."""
    n_processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.get_closest_marker("model")]
    short = [item for item in items if not item.get_closest_marker("model")]
    share = -(-len(short) // n_processes)
    items[:] = [
        item
        for number in range(n_processes)
        for item in (*long[number::n_processes], *short[number * share : (number + 1) * share])
    ]


@pytest.fixture
def undrawn(monkeypatch):
    """Studies draw nothing: that takes as long as all else of a small one, for tests that look at its numbers alone."""
    monkeypatch.setattr("tunecurve.report.live.write_report", lambda folder, results: None)


@pytest.fixture
def rows_file(tmp_path):
    """A JSON Lines file of 150 simple rows."""
    import json

    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in simple_rows(150)))
    return path


@pytest.fixture(scope="session")
def smollm2():
    """Files of the built-in model: downloaded by hash and converted at the first use."""
    from tunecurve.learners.torch.weights import resolve_model

    return resolve_model("smollm2-135m-instruct")


@pytest.fixture(scope="session")
def minilm():
    """Files of the built-in encoder: downloaded by hash at the first use."""
    from tunecurve.learners.encoder.weights import BUILTIN_ENCODER, resolve_encoder

    return resolve_encoder(BUILTIN_ENCODER)


@pytest.fixture(scope="session")
def minilm_tokenizer(minilm):
    """The built-in encoder's tokenizer."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(minilm.folder)


@pytest.fixture(scope="session")
def tiny_model_folder(smollm2, tmp_path_factory):
    """A two-layer model with random weights and the first tokens of the built-in model: real code, little arithmetic."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from tests.support.tokenizers import SMALL_VOCABULARY, save_small_tokenizer

    folder = tmp_path_factory.mktemp("tiny-model")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=SMALL_VOCABULARY, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=2048, tie_word_embeddings=True, pad_token_id=2, eos_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    save_small_tokenizer(smollm2.folder, folder)
    return folder


@pytest.fixture(scope="module")
def tiny_encoder(minilm, tmp_path_factory):
    """A two-layer BERT with random weights and the real tokenizer."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    from tunecurve.learners.torch.weights import from_folder

    folder = tmp_path_factory.mktemp("tiny-encoder")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30522, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=40,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(minilm.folder).save_pretrained(folder)
    return from_folder("tiny", folder, "made for the test")


@pytest.fixture(scope="session")
def tiny_e5(tmp_path_factory):
    """A two-layer BERT with random weights and XLM-R's kind of tokenizer, from a file of the format of multilingual-e5-small's."""
    from tests.support.e5_files import write_e5_file
    from tunecurve.learners.encoder.e5_file import write_e5_folder
    from tunecurve.learners.torch.weights import from_folder

    file, folder = tmp_path_factory.mktemp("tiny-e5-file") / "e5.bin", tmp_path_factory.mktemp("tiny-e5")
    write_e5_file(file)
    write_e5_folder(file, folder)
    return from_folder("tiny-e5", folder, "made for the test")
