"""Who may ask: only who has the token, only under this machine's own name, and only pages that came from here.

- **Host**: a name other than this machine's own is refused, so that no other site can make itself pass for this one (DNS rebinding).
  The port is left open: through an SSH tunnel it is another one.
- **Token**: in the address printed at start; from then on in a cookie that scripts cannot read and other sites do not send.
- **Origin**: cookies know no ports. What another page of this machine asks for, by link, form, frame or script, is refused by the
  headers in which a browser says who asks.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qs, quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NAMES = ("127.0.0.1", "localhost")
FROM_HERE = ("same-origin", "none")
MOST_BYTES = 1_000_000  # of what is sent here
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# The token leaves the address bar; a redirect would be part of the visit that another site may have begun, without the cookie.
WELCOME = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={0}"><title>tunecurve</title>'
    '<p><a href="{0}">Go on</a>'
)


class Guard:
    """Lets requests through to an application, or answers why not."""

    def __init__(self, application: ASGIApp, token: str) -> None:
        self._application, self._token = application, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        if scope["type"] != "http":  # web sockets: there are none here
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = Headers(scope=scope)
        query = parse_qs(scope["query_string"].decode("latin-1"))
        answer = self._answer(scope["method"], scope["path"], headers, query)
        await (answer or self._application)(scope, receive, _with_headers(send))

    def _answer(self, method: str, path: str, headers: Headers, query: Mapping[str, list[str]]) -> Response | None:
        """Return what to answer instead of the application; None where it is to answer."""
        host = headers.get("host", "")
        name, _, port = host.rpartition(":") if ":" in host else (host, "", "80")
        if name not in NAMES or not port.isdecimal() or len(headers.getlist("host")) != 1:
            return _refuse(421, "this address is not one of this machine; open the one that 'tunecurve view' printed")
        given = query.get("token", [])
        if given and method == "GET":
            return self._welcome(port, path) if self._is_token(given[0]) else _refuse_token()
        if not self._is_token(cookie_parser(headers.get("cookie", "")).get(cookie_name(port), "")):
            return _refuse_token()
        if headers.get("sec-fetch-site", "none") not in FROM_HERE:
            return _refuse(403, "another page asks for this; open it from the page of 'tunecurve view'")
        if method in ("GET", "HEAD"):
            return None
        if headers.get("origin") != f"http://{host}":
            return _refuse(403, "only the page of 'tunecurve view' itself may ask for this")
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _refuse(415, "expected JSON")
        length = headers.get("content-length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            return _refuse(413, f"expected at most {MOST_BYTES:,} bytes, and their number")
        return None

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._token.encode())

    def _welcome(self, port: str, path: str) -> Response:
        page = HTMLResponse(
            WELCOME.format("/" + quote(path.lstrip("/\\")))
        )  # two slashes would begin another server's name
        page.set_cookie(cookie_name(port), self._token, httponly=True, samesite="strict", path="/")
        return page


def cookie_name(port: str) -> str:
    """Return the cookie's name: cookies know no ports, and two live pages must not take each other's."""
    return f"tunecurve_view_{port}"


def _refuse(status: int, why: str) -> Response:
    return PlainTextResponse(why + "\n", status)


def _refuse_token() -> Response:
    return _refuse(401, "the token is missing or is an earlier one; open the address that 'tunecurve view' printed")


def _with_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("Content-Security-Policy", POLICY)
        await send(message)

    return sending
