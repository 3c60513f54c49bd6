"""What a web address is, before anything is fetched: a file, a page about a file, or something that is never fetched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from tunecurve.data.kinds import kind_of
from tunecurve.errors import DataError
from tunecurve.privacy.network import is_this_machine

_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_HUB_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
_BUCKETS = {
    "s3": "aws s3 cp",
    "gs": "gcloud storage cp",
    "az": "az storage copy -s",
    "abfs": "az storage copy -s",
    "hdfs": "hdfs dfs -get",
    "ftp": "curl -O",
    "sftp": "sftp",
}


@dataclass(frozen=True)
class _Page:
    """A page about a file: what it is, and the address of the file itself."""

    host: str
    path: re.Pattern[str]
    what: str
    way: str


_PAGES = (
    _Page(
        "github.com",
        re.compile(r"/([^/]+)/([^/]+)/(?:blob|tree)/(.+)"),
        "a GitHub page",
        "give the raw file: https://raw.githubusercontent.com/{1}/{2}/{3}",
    ),
    _Page(
        "gist.github.com",
        re.compile(r"/([^/]+)/([0-9a-f]+)/?"),
        "a gist's page",
        "give the raw file: the address of its 'Raw' button",
    ),
    _Page(
        "gitlab.com",
        re.compile(r"/(.+)/-/blob/(.+)"),
        "a GitLab page",
        "give the raw file: https://gitlab.com/{1}/-/raw/{2}",
    ),
    _Page(
        "huggingface.co",
        re.compile(r"/(datasets/.+?)/blob/(.+)"),
        "a page of the hub",
        "give the file: https://huggingface.co/{1}/resolve/{2}",
    ),
    _Page(
        "docs.google.com",
        re.compile(r"/spreadsheets/d/([^/]+)/(?!export).*|/spreadsheets/d/([^/]+)"),
        "a Google sheet",
        "give its export: https://docs.google.com/spreadsheets/d/{1}/export?format=xlsx (shared with everybody), or download it "
        "there: File, Download",
    ),
    *(
        _Page(host, re.compile(r"/.*"), f"a page of {whose}", "download the file there, and give its path")
        for host, whose in (
            ("drive.google.com", "Google Drive"),
            ("1drv.ms", "OneDrive"),
            ("onedrive.live.com", "OneDrive"),
            ("www.kaggle.com", "Kaggle"),
            ("kaggle.com", "Kaggle"),
        )
    ),
)


def is_address(source: str) -> bool:
    """Return whether a source is an address, not a path."""
    return _ADDRESS.match(source) is not None


def checked_address(source: str) -> SplitResult:
    """Return the parts of the address of a file that may be fetched.

    Raises
    ------
    DataError
        When it is something else: what, and the way on.
    """
    parts = _split(source)
    host, scheme = parts.hostname or "", parts.scheme.lower()
    hub_id = _hub_id(parts)
    if hub_id:
        raise DataError(f"'{source}' is the address of a hub data set; give its id: --data {hub_id}")
    if scheme == "file":
        raise DataError(f"'{source}' is an address; give the path of the file itself")
    if scheme not in ("http", "https"):
        command = _BUCKETS.get(scheme)
        way = f"download it first: {command} {source}" if command else "download it first, and give the file"
        raise DataError(f"'{source}' is an address of a kind that is not fetched; {way}")
    if not host:
        raise DataError(f"'{source}' names no host; expected https://host/path")
    if parts.username or parts.password:
        raise DataError(
            f"the address of '{host}' holds a user name or password, which is not sent; download the file, and give its path"
        )
    for page in _PAGES:
        found = page.path.fullmatch(parts.path) if host == page.host else None
        if found:
            groups = [group for group in found.groups() if group]
            raise DataError(f"'{source}' is {page.what}, not the file; {page.way.format('', *groups)}")
    if host.endswith("dropbox.com") and "dl=0" in parts.query:
        raise DataError(
            f"'{source}' is a page of Dropbox, not the file; end the address in dl=1: {source.replace('dl=0', 'dl=1')}"
        )
    if host.endswith("sharepoint.com"):
        raise DataError(f"'{source}' is a page of SharePoint, not the file; download the file there, and give its path")
    check_scheme(source, parts)
    return parts


def check_scheme(source: str, parts: SplitResult) -> None:
    """Refuse an address that is not encrypted, unless it is of this machine.

    Raises
    ------
    DataError
        With the encrypted address.
    """
    if parts.scheme.lower() != "https" and not is_this_machine(parts.hostname or ""):
        secure = re.sub(r"^http:", "https:", source, flags=re.IGNORECASE)
        raise DataError(
            f"'{source}' is not encrypted: others could change the rows on their way; give {secure}, or download the file"
        )


def file_name(parts: SplitResult) -> str:
    """Return the name of the file that an address ends in; empty where it has no ending that tells the format."""
    name = unquote(parts.path).rstrip("/").rpartition("/")[2]
    return name if kind_of(name) else ""


def _split(source: str) -> SplitResult:
    try:
        parts = urlsplit(source)
        _ = parts.port
    except ValueError as error:
        raise DataError(f"'{source}' is no address ({error}); expected https://host/path") from None
    return parts


def _hub_id(parts: SplitResult) -> str:
    """Return the id of the data set whose page an address is; empty where it is none."""
    pieces = [piece for piece in parts.path.split("/") if piece]
    if parts.scheme == "hf":
        pieces = [piece for piece in (parts.netloc, *pieces) if piece]
    elif parts.hostname not in _HUB_HOSTS:
        return ""
    if pieces[:1] == ["datasets"] and len(pieces) > 2 and (len(pieces) == 3 or pieces[3] in ("viewer", "tree")):
        subset = pieces[4] if len(pieces) > 4 and pieces[3] == "viewer" and pieces[4] != "default" else ""
        return f"{pieces[1]}/{pieces[2]}" + (f":{subset}" if subset else "")
    return "/".join(pieces) if parts.scheme == "hf" and len(pieces) == 2 else ""
