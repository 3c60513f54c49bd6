"""A provider's own JSON interface, for which no SDK is needed: one attempt a call, no redirect, every refusal an exception."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from tunecurve.errors import needing

LONGEST_WAIT_SECONDS = 60.0
# An object as a provider writes it; it is read once, where it comes in.
JsonObject = dict[str, Any]


class HttpRefusal(Exception):
    """An answer that is no success.

    Attributes
    ----------
    status_code : int
        Its status.
    body : Any
        Its JSON, None where it is none.
    response : Any
        As the client gives it.
    """

    def __init__(self, response: Any) -> None:
        super().__init__(" ".join(response.text.split())[:300] or response.reason_phrase)
        self.status_code, self.response = response.status_code, response
        try:
            self.body = response.json()
        except ValueError:
            self.body = None


class JsonService:
    """Sends requests with a key in the header that OAuth names; a callable gives it for every request: tokens end."""

    def __init__(self, base_url: str, key: str | Callable[[], str], query: Mapping[str, str] | None = None) -> None:
        with needing("hosted", "tuning"):
            import openai
        self.base_url, self._key, self._query = base_url.rstrip("/"), key, dict(query or {})
        self._client = openai.DefaultHttpxClient(follow_redirects=False, timeout=LONGEST_WAIT_SECONDS)

    def ask(
        self, method: str, path: str, *, body: Any = None, query: Any = None, file: Any = None, form: Any = None
    ) -> Any:
        """Return the JSON of a successful answer.

        Parameters
        ----------
        method, path : str
            The request; parts of the path that are names are quoted by `part`.
        body, query : dict, optional
            Sent as JSON; in the address.
        file : (str, bytes), optional
            Name and content, sent as the form's field ``file``.
        form : dict, optional
            The form's other fields.

        Raises
        ------
        HttpRefusal
            For any other status than 2xx, redirects among them.
        ValueError
            When the answer is no JSON object or list.
        """
        response = self._client.request(
            method,
            self.base_url + path,
            json=body,
            params={**self._query, **(query or {})} or None,
            files={"file": file} if file else None,
            data=form,
            headers={"Authorization": f"Bearer {self._key if isinstance(self._key, str) else self._key()}"},
        )
        if not 200 <= response.status_code < 300:
            raise HttpRefusal(response)
        if not response.content:
            return {}
        try:
            value = response.json()
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict | list):
            raise ValueError("the address answers with something that is no JSON")
        return value

    def ask_for_object(self, method: str, path: str, *, body: Any = None, query: Any = None) -> JsonObject:
        """Return the JSON object of a successful answer, which must not be empty.

        Raises
        ------
        ValueError
            For anything else.
        """
        answer = self.ask(method, path, body=body, query=query)
        if not isinstance(answer, dict) or not answer:
            raise ValueError(f"{method} {path} is answered with something that is no object")
        return answer


def all_entries(
    ask: Callable[[str | None], Any], entries: str, *following: str, may_lack: bool = False
) -> list[JsonObject]:
    """Return the entries of all pages of a list; what is no page must not be read as an empty one: things would be made again.

    Parameters
    ----------
    ask : callable
        From the mark of a page, None for the first one, to its JSON.
    entries, following : str
        Where a page has its entries, and the mark of the next one.
    may_lack : bool
        Whether an empty list is left out.
    """
    found: list[JsonObject] = []
    mark, seen = None, set[str]()
    while True:
        page = ask(mark)
        told = page.get(entries, [] if may_lack else None) if isinstance(page, dict) and "error" not in page else None
        if not isinstance(told, list):
            raise ValueError(f"the address answers with something that is no list of {entries}")
        found += [entry for entry in told if isinstance(entry, dict)]
        mark = next((str(page[name]) for name in following if page.get(name)), None)
        if mark is None or mark in seen:  # a server that knows no pages answers with the first one again
            return found
        seen.add(mark)


def told_object(value: Any, what: str, *needed: str) -> JsonObject:
    """Return an object with the fields that it needs.

    Raises
    ------
    ValueError
        For anything else.
    """
    if not isinstance(value, dict) or any(value.get(name) in (None, "") for name in needed):
        raise ValueError(f"the address answers with something that is no {what}")
    return value


def part(name: str) -> str:
    """Return a name as one part of a path."""
    return quote(name, safe="")
