"""Files behind web addresses, from a server on this machine that answers as RFC 9110 and RFC 9112 allow."""

import gzip
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tunecurve.data import web
from tunecurve.data.addresses import checked_address
from tunecurve.data.options import ReadingOptions
from tunecurve.data.sources import read_rows
from tunecurve.errors import DataError, EnvironmentProblem
from tunecurve.privacy import network

CSV = b"text,label\na,x\nb,y\n"
ROWS = [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]


class Handler(BaseHTTPRequestHandler):
    server: Any
    """Answers each path as the test says: (status, headers, body)."""

    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers)))
        status, headers, body = self.server.answers.get(self.path, (404, {}, b""))
        self.send_response(status)
        headers = {"Content-Length": str(len(body)), **headers}
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("TUNECURVE_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers, server.asked = {}, []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def read(source, **options):
    findings = []
    rows = [dict(cells) for _, cells in read_rows(source, ReadingOptions(**options), findings=findings)]
    return rows, [finding.line for finding in findings]


def refused(source, kind=DataError, **options):
    with pytest.raises(kind) as raised:
        read(source, **options)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_file_is_fetched_once_and_its_hash_is_said(server):
    server.answers["/rows.csv"] = (200, {"ETag": '"v1"'}, CSV)
    rows, notes = read(f"{server.url}/rows.csv")
    assert rows == ROWS
    assert hashlib.sha256(CSV).hexdigest()[:16] in notes[0]
    assert web.kept(f"{server.url}/rows.csv").etag == '"v1"'
    server.answers["/rows.csv"] = (200, {}, b"text\nother\n")
    assert read(f"{server.url}/rows.csv")[0] == ROWS
    assert len(server.asked) == 1
    assert not {"Authorization", "Cookie"} & set(server.asked[0][1])


def test_a_damaged_cache_is_fetched_anew(server):
    server.answers["/rows.csv"] = (200, {}, CSV)
    read(f"{server.url}/rows.csv")
    web.kept(f"{server.url}/rows.csv").path.write_bytes(b"text,label\nz,x\nb,y\n")
    assert read(f"{server.url}/rows.csv")[0] == ROWS
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/rows.csv?download=1", {}, CSV),
        ("/rows.csv.gz", {}, gzip.compress(CSV)),
        ("/rows.csv.gz", {"Content-Encoding": "gzip"}, gzip.compress(CSV)),
        ("/rows.csv", {"Content-Encoding": "gzip"}, gzip.compress(CSV)),
        ("/export", {"Content-Type": "text/csv; charset=utf-8"}, CSV),
        ("/export?id=3", {"Content-Disposition": 'attachment; filename="my rows.csv"'}, CSV),
        ("/rows.csv", {"Content-Length": None, "Connection": "close"}, CSV),
        ("/a%20b/rows.json", {}, json.dumps(ROWS).encode()),
    ],
)
def test_ways_in_which_servers_send_a_file(server, path, headers, body):
    server.answers[path] = (200, headers, body)
    assert read(server.url + path)[0] == ROWS


def test_a_file_in_an_archive_on_the_web(server):
    import io
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.csv", CSV)
        archive.writestr("b.csv", b"text\nz\n")
    server.answers["/rows.zip"] = (200, {}, out.getvalue())
    assert read(f"{server.url}/rows.zip!/a.csv")[0] == ROWS
    assert "name the one to read" in refused(f"{server.url}/rows.zip")
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_on_this_machine_are_followed(server, status):
    server.answers["/old.csv"] = (status, {"Location": "/new.csv"}, b"")
    server.answers["/new.csv"] = (200, {}, CSV)
    assert read(f"{server.url}/old.csv")[0] == ROWS


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("/old.csv", "without end"),
        ("http://example.org/rows.csv", "is not encrypted"),
        ("https://user:secret@example.org/rows.csv", "user name or password"),
        ("https://10.0.0.7/rows.csv", "leads to '10.0.0.7', an address of this machine or its own network"),
        ("https://169.254.169.254/latest", "leads to '169.254.169.254'"),
        ("https://[fd00::1]/rows.csv", "leads to 'fd00::1'"),
        ("file:///etc/passwd", "none that is followed"),
    ],
)
def test_redirects_that_lead_astray_are_not_followed(server, location, said):
    server.answers["/old.csv"] = (302, {"Location": location}, b"")
    message = refused(f"{server.url}/old.csv")
    assert said in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (404, {}, b"", "is not there (404"),
        (410, {}, b"", "is not there (410"),
        (401, {}, b"", "not open to everybody (401"),
        (403, {}, b"", "not open to everybody (403"),
        (500, {}, b"", "cannot be fetched (500"),
        (200, {"Content-Type": "text/html"}, b"<html>Log in</html>", "is a web page, not data"),
        (200, {}, b"<!DOCTYPE html><html>Log in</html>", "is a web page, not data"),
        (200, {"Content-Length": "1000"}, CSV, "was cut after 19 of 1000 bytes"),
        (200, {"Content-Encoding": "gzip"}, gzip.compress(CSV * 100)[:-9], "was cut"),
        (200, {"Content-Encoding": "br"}, CSV, "packed by 'br'"),
        (200, {"Content-Length": "90000000000"}, CSV, "holds more than 8 GB, the limit"),
        (200, {"Transfer-Encoding": "chunked", "Content-Length": None}, b"13\r\ntext,", "was cut|cannot be fetched"),
    ],
)
def test_what_goes_wrong_is_said_in_a_line(server, status, headers, body, said):
    import re

    server.answers["/rows.csv"] = (status, headers, body)
    assert re.search(said.replace("(", r"\("), refused(f"{server.url}/rows.csv"))
    assert web.kept(f"{server.url}/rows.csv") is None or "<html" in body.decode(errors="replace").lower()


def test_more_than_the_limit_is_not_kept(server, tmp_path):
    server.answers["/rows.csv"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(b"a" * 5_000_000))
    assert "holds more than 0.001 GB" in refused(f"{server.url}/rows.csv", max_unpacked_gb=0.001)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_an_unknown_kind_of_file_is_asked_for(server):
    server.answers["/download"] = (200, {"Content-Type": "application/octet-stream"}, CSV)
    assert "does not say what kind of file it is" in refused(f"{server.url}/download")


def test_nobody_there(server):
    url = server.url
    server.server_close()
    assert "cannot be fetched" in refused(f"{url}1/rows.csv") or "no address" in refused(f"{url}1/rows.csv")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://huggingface.co/datasets/owner/name", "give its id: --data owner/name"),
        ("https://huggingface.co/datasets/owner/name/viewer/en/train", "give its id: --data owner/name:en"),
        ("hf://datasets/owner/name", "give its id: --data owner/name"),
        (
            "https://huggingface.co/datasets/o/n/blob/main/a.csv",
            "give the file: https://huggingface.co/datasets/o/n/resolve/main/a.csv",
        ),
        ("https://github.com/o/r/blob/main/d/a.csv", "https://raw.githubusercontent.com/o/r/main/d/a.csv"),
        ("https://gist.github.com/o/0a1b", "gist's page"),
        ("https://gitlab.com/o/r/-/blob/main/a.csv", "https://gitlab.com/o/r/-/raw/main/a.csv"),
        (
            "https://docs.google.com/spreadsheets/d/abc/edit#gid=0",
            "https://docs.google.com/spreadsheets/d/abc/export?format=xlsx",
        ),
        ("https://drive.google.com/file/d/abc/view", "Google Drive"),
        ("https://www.dropbox.com/s/abc/a.csv?dl=0", "https://www.dropbox.com/s/abc/a.csv?dl=1"),
        ("https://x.sharepoint.com/a.xlsx", "SharePoint"),
        ("https://www.kaggle.com/datasets/o/n", "Kaggle"),
        ("s3://bucket/rows.parquet", "aws s3 cp s3://bucket/rows.parquet"),
        ("gs://bucket/rows.parquet", "gcloud storage cp"),
        ("ftp://host/rows.csv", "curl -O"),
        ("file:///data/rows.csv", "give the path of the file"),
        ("http://example.org/rows.csv", "give https://example.org/rows.csv"),
        ("https:///rows.csv", "names no host"),
        ("https://example.org:x/rows.csv", "is no address"),
        ("https://me:secret@example.org/rows.csv", "the address of 'example.org' holds a user name or password"),
    ],
)
def test_addresses_that_are_no_files(address, said):
    message = refused(address)
    assert said in message
    assert "secret" not in message


@pytest.mark.parametrize(
    "address",
    [
        "https://huggingface.co/datasets/o/n/resolve/main/a.csv",
        "https://raw.githubusercontent.com/o/r/main/a.csv",
        "https://docs.google.com/spreadsheets/d/abc/export?format=xlsx",
        "https://www.dropbox.com/s/abc/a.csv?dl=1",
        "http://localhost:8000/a.csv",
        "https://zenodo.org/records/1/files/a.csv?download=1",
    ],
)
def test_addresses_of_files_are_taken(address):
    assert checked_address(address).geturl() == address


def test_local_only_refuses_other_machines_and_not_this_one(server, monkeypatch):
    monkeypatch.setattr(network, "_is_on", True)
    message = refused("https://example.org/rows.csv", EnvironmentProblem)
    assert "--local-only: 'https://example.org/rows.csv' is on another machine" in message
    server.answers["/rows.csv"] = (200, {}, CSV)
    assert read(f"{server.url}/rows.csv")[0] == ROWS


@pytest.mark.parametrize("n_members", [2, 3])
@pytest.mark.parametrize("n_rows", [1, 60_000])
@pytest.mark.slow
def test_a_body_of_several_gzip_members_is_whole(server, n_members, n_rows):
    """RFC 1952, 2.2: members simply appear one after another in the file."""
    members = [b"text,label\n", *(f"{part} {n},x\n".encode() for part in range(n_members) for n in range(n_rows))]
    third = len(members) // n_members
    pieces = [b"".join(members[:third]), b"".join(members[third:])]
    server.answers["/rows.csv"] = (200, {"Content-Encoding": "gzip"}, b"".join(map(gzip.compress, pieces)))
    assert len(read(f"{server.url}/rows.csv")[0]) == n_members * n_rows


def test_a_second_member_that_is_cut_is_not_kept(server):
    body = gzip.compress(CSV) + gzip.compress(b"c,x\n" * 1000)[:-9]
    server.answers["/rows.csv"] = (200, {"Content-Encoding": "gzip"}, body)
    assert "was cut" in refused(f"{server.url}/rows.csv")
    assert web.kept(f"{server.url}/rows.csv") is None


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (200, {}, b"", "an empty file"),
        (202, {}, b"", "without a file (202"),
        (204, {}, b"", "without a file (204"),
        (206, {}, CSV[:15], "without a file (206"),
        (200, {}, b"<html>Log in</html>", "web page"),
        (200, {}, b"\x80\x04.", "pickle"),
        (200, {}, gzip.compress(CSV), "compressed by gzip"),
    ],
)
def test_what_holds_no_rows_is_asked_for_again_by_the_next_command(server, status, headers, body, said):
    server.answers["/rows.csv"] = (status, headers, body)
    assert said in refused(f"{server.url}/rows.csv")
    assert web.kept(f"{server.url}/rows.csv") is None
    server.answers["/rows.csv"] = (200, {}, CSV)
    assert read(f"{server.url}/rows.csv")[0] == ROWS


@pytest.mark.parametrize("name", ["fetched.json", "arriving.json", "rows.json"])
def test_a_file_called_like_the_cache_s_own_is_read(server, name):
    server.answers[f"/{name}"] = (200, {}, json.dumps(ROWS).encode())
    for _ in range(2):
        assert read(f"{server.url}/{name}")[0] == ROWS


def test_local_only_is_named_where_the_hub_is_not_asked(monkeypatch):
    monkeypatch.setattr(network, "_is_on", True)
    assert "--local-only" in refused("owner/name", EnvironmentProblem)
