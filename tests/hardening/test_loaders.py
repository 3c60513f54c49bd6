"""Any bytes as data: rows or one line of error, never a traceback; large files and rows in bounded memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tunecurve.data import cleaning, json_rows
from tunecurve.data.cleaning import clean_rows
from tunecurve.data.sources import read_rows
from tunecurve.errors import DataError, SpecError
from tunecurve.spec.reading import load_spec, parse_spec

N_EXAMPLES = int(os.environ.get("TUNECURVE_FUZZ_EXAMPLES", "150"))
FUZZ = settings(
    max_examples=N_EXAMPLES, deadline=None, derandomize=N_EXAMPLES == 150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
TEXT_LIKE = st.one_of(
    st.binary(max_size=400),
    st.text(alphabet='{}[]",:\\\n\r\t =aé\x00\ufeff0', max_size=200).map(lambda text: text.encode("utf-8")),
    st.text(alphabet='{}[]",:\\\n\r a', max_size=100).map(lambda text: text.encode("utf-16")),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["source_text", "target_text", ""]), inner),
    ).map(lambda value: json.dumps(value).encode()),
)


def read_all(path):
    """Everything a study does with a file before it has rows."""
    try:
        clean_rows(read_rows(str(path)))
    except DataError as error:
        message = str(error)
        assert len(message) < 3000
        assert len(message.splitlines()) == 1
        return message
    return None


@FUZZ
@given(content=TEXT_LIKE)
@example(b"[" * 100_000)
@example(b'{"a": ' * 50_000)
@example(b"\xff\xfe{")
@example(b"1" * 5000)
def test_any_bytes_as_json_lines(tmp_path, content):
    (tmp_path / "a.jsonl").write_bytes(content)
    read_all(tmp_path / "a.jsonl")


@FUZZ
@given(content=TEXT_LIKE)
@example(b'a,b\n"')
@example(b"\x00,b\n1,2")
@example(b'a,"x\ny"\n1,2')
def test_any_bytes_as_csv(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    read_all(tmp_path / "a.csv")


@FUZZ
@given(flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8), cut=st.integers(0, 10_000))
def test_a_damaged_parquet_file(tmp_path, flips, cut):
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pylist([{"source_text": f"Bo{n}", "target_text": "[N]"} for n in range(50)]), path
    )
    content = bytearray(path.read_bytes())
    for place, value in flips:
        content[place % len(content)] = value
    path.write_bytes(content[: max(1, len(content) - cut % 50)])
    read_all(path)


@FUZZ
@given(content=TEXT_LIKE)
@example(b"a: &x [*x]\n")
@example(b"a: !!python/object/apply:os.system [echo]\n")
@example(b"[" * 20_000)
@example(b"x: 0x\n? [a]\n: b")
@example(b"{999\n\n\n999}")
def test_any_bytes_as_a_study_file(tmp_path, content):
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    try:
        parse_spec(load_spec(path))
    except SpecError as error:
        message = str(error)
        assert len(message) < 3000
        assert len(message.splitlines()) == 1


def test_rows_that_no_memory_should_hold_are_refused_with_the_way_on(tmp_path, monkeypatch):
    monkeypatch.setattr(cleaning, "MAX_CHARACTERS_KEPT", 1000)
    with pytest.raises(DataError, match=r"line \d+: the rows up to here hold more than 1,000 characters; .*--limit"):
        clean_rows((f"line {n}", {"source_text": f"text {n}", "target_text": "x" * 50}) for n in range(100))


def test_a_line_that_no_memory_should_hold_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(json_rows, "MAX_LINE_CHARACTERS", 1000)
    (tmp_path / "a.jsonl").write_text('{"source_text": "a", "target_text": "b"}\n' + '{"source_text": "' + "x" * 2000)
    with pytest.raises(DataError, match="line 2: longer than 1,000 characters"):
        list(read_rows(str(tmp_path / "a.jsonl")))


MEASURE = (
    "import resource, sys; from tunecurve.data.sources import read_rows\n"
    "import tunecurve.data.cleaning, tunecurve.spec.study\n"
    "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    "n = sum(1 for _ in read_rows(sys.argv[1]))\n"
    "print(n, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
)


def rows_and_megabytes(path):
    done = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    return tuple(map(int, done.stdout.split()))


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_one_row_of_fifty_megabytes(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    large = "x" * (50_000_000 - 100)
    with path.open("w") as file:
        if kind == "jsonl":
            file.write(json.dumps({"source_text": large, "target_text": "y"}) + "\n")
        else:
            file.write(f"source_text,target_text\n{large},y\n")
    n_rows, megabytes = rows_and_megabytes(path)
    assert n_rows == 1
    assert megabytes < 400


@pytest.mark.hardening
def test_a_file_of_two_gigabytes_is_read_in_bounded_memory(tmp_path):
    path = tmp_path / "a.jsonl"
    line = json.dumps({"source_text": "x" * 1000, "target_text": "y" * 900}) + "\n"
    chunk = line * 1000
    with path.open("w") as file:
        for _ in range(2_000_000_000 // len(chunk) + 1):
            file.write(chunk)
    n_rows, megabytes = rows_and_megabytes(path)
    path.unlink()
    assert n_rows * len(line) > 2_000_000_000
    assert megabytes < 100


@pytest.mark.hardening
def test_ten_minutes_of_fuzzing_find_nothing():
    environment = {**os.environ, "TUNECURVE_FUZZ_EXAMPLES": "12000"}
    command = [sys.executable, "-m", "pytest", "-q", __file__, "-k", "any_bytes or parquet", "-p", "no:cacheprovider"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:]


@pytest.mark.hardening
@pytest.mark.parametrize("kind", ["rows", "csv", "study", "curves"])
def test_coverage_guided_fuzzing_finds_nothing(tmp_path, kind):
    pytest.importorskip("atheris", reason="pip install atheris")
    command = [sys.executable, "-m", "tests.hardening.fuzz_loaders", kind, str(tmp_path), "-max_total_time=150"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False, errors="replace"
    )
    assert done.returncode == 0, done.stderr[-5000:]
    assert "Done " in done.stderr  # libFuzzer's last line: Done N runs in S second(s)
