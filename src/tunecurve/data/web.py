"""Files behind web addresses: fetched once, kept in the user's cache with their hash, and never with anybody's credentials."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import json
import re
import shutil
import socket
import ssl
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import SplitResult, urlsplit

from tunecurve.data.addresses import check_scheme, checked_address, file_name
from tunecurve.data.kinds import EXPECTED, kind_of
from tunecurve.data.options import GIGABYTE, ReadingOptions, with_part
from tunecurve.data.streams import DataFile
from tunecurve.data.ticker import Ticker
from tunecurve.errors import DataError, TunecurveError
from tunecurve.privacy.network import is_this_machine, refuse_fetch
from tunecurve.storage.files import cache_folder, make_folder, sha256_of, write_json, written_whole

MAX_REDIRECTS = 5
SECONDS_TO_WAIT = 30.0
_CHUNK = 1 << 18
# Beside each file: what was fetched, and when.
_NOTED_IN = "fetched.json"
_TYPES = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/zip": ".zip",
}
_DISPOSITION = re.compile(r"filename\*?=(?:UTF-8'')?\"?([^\";]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Fetched:
    """A file that was fetched."""

    address: str
    """Where it was asked for."""
    name: str
    """Its name in the cache."""
    sha256: str
    etag: str
    """Hash of its bytes; the server's own mark of its version, empty where it has none."""
    n_bytes: int
    """Its size."""
    fetched_at: str
    """When, in UTC."""

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return _folder_of(self.address) / self.name


def fetched(source: str, options: ReadingOptions) -> Fetched:
    """Return the file behind an address, from the cache where it was fetched before.

    Raises
    ------
    DataError
        When it is not there, is a page, is too large, or does not arrive whole.
    EnvironmentProblem
        When nothing may be fetched.
    """
    address, _ = with_part(source)
    parts = checked_address(address)
    refuse_fetch(address)
    known = kept(address)
    if known is not None:
        return known
    try:
        return _fetch(address, parts, options)
    except TunecurveError:
        raise
    except urllib.error.HTTPError as error:
        raise DataError(_refusal(address, error)) from None
    except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
        raise DataError(_trouble(address, error)) from None


def kept(source: str) -> Fetched | None:
    """Return what the cache holds of an address, where it is whole."""
    address, _ = with_part(source)
    try:
        found = Fetched(**json.loads((_folder_of(address) / _NOTED_IN).read_text(encoding="utf-8")))
        is_whole = found.path.stat().st_size == found.n_bytes and sha256_of(found.path) == found.sha256
    except (OSError, ValueError, TypeError):
        return None
    return found if is_whole and found.address == address else None


def _folder_of(address: str) -> Path:
    return cache_folder() / "data" / hashlib.sha256(address.encode()).hexdigest()[:32]


def _fetch(address: str, parts: SplitResult, options: ReadingOptions) -> Fetched:
    request = urllib.request.Request(
        address, headers={"User-Agent": "tunecurve", "Accept-Encoding": "identity", "Accept": "*/*"}
    )
    opener = urllib.request.build_opener(_Redirects(address))
    with opener.open(request, timeout=SECONDS_TO_WAIT) as answer:
        if answer.status != http.client.OK:
            raise DataError(
                f"'{address}' is answered without a file ({answer.status} {answer.reason}); try again later"
            )
        name = _name(address, parts, answer)
        limit = int(options.max_unpacked_gb * GIGABYTE)
        size = int(answer.headers.get("Content-Length") or 0)
        if size > limit:
            raise _too_large(address, options)
        folder = make_folder(_folder_of(address))
        if size > shutil.disk_usage(folder).free:
            raise DataError(
                f"'{address}' has {size / 1e6:,.0f} MB, more than is free in the cache '{folder}'; free some, or set TUNECURVE_CACHE"
            )
        with written_whole(folder / "arriving") as temporary, temporary.open("wb") as file:
            digest, n_bytes = _copy(address, answer, file, options, size)
        name = _unpacked_name(name, folder / "arriving")
        (folder / "arriving").replace(folder / name)
        _check_arrived(address, folder / name, options)
        etag = answer.headers.get("ETag") or ""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    found = Fetched(address, name, digest, etag, n_bytes, now)
    write_json(folder / _NOTED_IN, asdict(found))
    return found


def _check_arrived(address: str, path: Path, options: ReadingOptions) -> None:
    """Keep nothing that holds no rows: an empty answer, a page under a file's name; the next command asks again."""
    try:
        if not path.stat().st_size:
            raise DataError(f"'{address}' is answered with an empty file; try again later, or check the address")
        DataFile(path.name, lambda: path.open("rb"), options, path=path).check()
    except BaseException:
        path.unlink()
        raise


def _copy(address: str, answer: Any, file: IO[bytes], options: ReadingOptions, size: int) -> tuple[str, int]:
    """Copy an answer into a file; return its hash and size, unpacked."""
    digest, n_arrived, n_written = hashlib.sha256(), 0, 0
    packing = (answer.headers.get("Content-Encoding") or "identity").lower()
    if packing not in ("identity", "gzip", "x-gzip"):
        raise DataError(
            f"'{address}' is sent packed by '{packing}', which is not read; download the file, and give its path"
        )
    unpack = _Gunzip() if packing != "identity" else None
    ticker = Ticker(f"fetching {address}", "MB", size / 1e6)
    for chunk in _chunks(answer):
        n_arrived += len(chunk)
        ticker.at(n_arrived / 1e6)
        pieces = unpack.pieces(chunk) if unpack else iter((chunk,))
        for piece in pieces:
            n_written += len(piece)
            if n_written > options.max_unpacked_gb * GIGABYTE:
                raise _too_large(address, options)
            digest.update(piece)
            file.write(piece)
    if (size and n_arrived < size) or (unpack and not unpack.has_ended):
        raise DataError(
            f"'{address}' was cut after {n_arrived:,} of {size or 'more'} bytes; run the same command again"
        )
    return digest.hexdigest(), n_written


def _chunks(answer: Any) -> Iterator[bytes]:
    while chunk := answer.read(_CHUNK):
        yield chunk


class _Gunzip:
    """Unpacks gzip as it arrives: one member, or several one after the other (RFC 1952, 2.2)."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(31)

    @property
    def has_ended(self) -> bool:
        """Whether the last member is whole."""
        return self._member.eof

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a chunk holds, a piece of bounded size at a time."""
        has_more = bool(chunk)
        while has_more:
            if self._member.eof:
                self._member = zlib.decompressobj(31)
            piece = self._member.decompress(chunk, _CHUNK)
            if piece:
                yield piece
            chunk = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            has_more = bool(chunk) or (len(piece) == _CHUNK and not self._member.eof)


def _name(address: str, parts: SplitResult, answer: Any) -> str:
    """Return what the file is called: by its address, the server's suggestion, or the type that the server says."""
    kind = answer.headers.get_content_type()
    suggested = _DISPOSITION.search(answer.headers.get("Content-Disposition") or "")
    by_server = suggested[1].rpartition("/")[2].strip() if suggested else ""
    name = file_name(parts) or (by_server if kind_of(by_server) else "") or file_name(urlsplit(answer.url))
    if kind == "text/html":
        raise DataError(
            f"'{address}' is a web page, not data: perhaps a log-in or preview page; give the address of the file itself ('raw')"
        )
    if not name and kind not in _TYPES:
        raise DataError(
            f"'{address}' does not say what kind of file it is (it is sent as {kind}); download it, and name it: {EXPECTED}"
        )
    own = re.sub(r"[^\w.-]", "_", name or f"rows{_TYPES[kind]}").lstrip(".")
    return f"_{own}" if own == _NOTED_IN else own


def _unpacked_name(name: str, path: Path) -> str:
    """Return a name without ``.gz`` where the server has sent the file unpacked."""
    if not name.endswith(".gz"):
        return name
    with path.open("rb") as file:
        return name if file.read(2) == b"\x1f\x8b" else name.removesuffix(".gz")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to other public, encrypted addresses; no header of the first request but these few goes along."""

    max_redirections = MAX_REDIRECTS
    max_repeats = MAX_REDIRECTS

    def __init__(self, address: str) -> None:
        self._address = address

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if new.username or new.password:
            raise DataError(
                f"'{self._address}' leads to an address with a user name or password, which is not followed"
            )
        check_scheme(newurl, new)
        if new.hostname != old.hostname:
            self._check_is_public(new.hostname or "")
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def _check_is_public(self, host: str) -> None:
        """Refuse a way from the web into this machine or its own network."""
        if is_this_machine(urlsplit(self._address).hostname or "") and is_this_machine(host):
            return
        if any(not ipaddress.ip_address(ip).is_global for ip in _ips_of(host)):
            raise DataError(
                f"'{self._address}' leads to '{host}', an address of this machine or its own network, which is not followed; download the "
                "file, and give its path"
            )


def _ips_of(host: str) -> set[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return {str(entry[4][0]).partition("%")[0] for entry in found}


def _too_large(address: str, options: ReadingOptions) -> DataError:
    return DataError(
        f"'{address}' holds more than {options.max_unpacked_gb:g} GB, the limit; raise data.max_unpacked_gb, or give a part of it"
    )


def _refusal(address: str, error: urllib.error.HTTPError) -> str:
    if error.code in (401, 403, 407):
        return (
            f"'{address}' is not open to everybody ({error.code} {error.reason}); download the file where you are logged in, and give its "
            "path"
        )
    if error.code in (404, 410):
        return f"'{address}' is not there ({error.code} {error.reason}); check the address"
    if error.code in (301, 302, 303, 307, 308):
        return f"'{address}' leads from address to address without end, or to none that is followed; give the file's own address"
    return f"'{address}' cannot be fetched ({error.code} {error.reason}); try again later, or download it and give the file"


def _trouble(address: str, error: Exception) -> str:
    reason = getattr(error, "reason", error)
    host = urlsplit(address).hostname
    by_hand = "download the file in a browser, and give its path"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"'{host}' does not prove that it is itself ({reason.verify_message}); {by_hand}"
    if isinstance(reason, socket.gaierror):
        return f"'{address}' is a web address, and its server '{host}' is not found; check it and the network, or {by_hand}"
    if isinstance(reason, TimeoutError):
        return f"'{address}' does not answer within {SECONDS_TO_WAIT:.0f} s; try again later, or download it and give the file"
    if isinstance(reason, http.client.IncompleteRead):
        return f"'{address}' was cut after {len(reason.partial):,} bytes of its last part; run the same command again"
    return f"'{address}' cannot be fetched ({reason}); check the network, or download it and give the file"
