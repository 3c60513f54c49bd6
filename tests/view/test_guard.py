"""Nothing is reachable without the token, under another name, or from another page."""

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tunecurve.view.guard import MOST_BYTES, Guard

TOKEN = "a-token-of-this-start"
HERE = "http://127.0.0.1:8765"


def answer(request):
    return PlainTextResponse("let in")


@pytest.fixture
def client():
    inner = Starlette(routes=[Route("/", answer), Route("/deep/er", answer), Route("/post", answer, methods=["POST"])])
    return TestClient(Guard(inner, TOKEN), base_url=HERE, follow_redirects=False)


@pytest.fixture
def guest(client):
    """A browser that has opened the address with the token."""
    assert client.get("/", params={"token": TOKEN}).status_code == 200
    return client


def post(client, **more):
    headers = {"Origin": HERE, "Content-Type": "application/json", **more.pop("headers", {})}
    return client.post("/post", content="{}", headers={name: value for name, value in headers.items() if value}, **more)


def test_the_token_becomes_a_cookie_that_scripts_and_other_sites_do_not_get(client):
    welcome = client.get("/", params={"token": TOKEN})
    cookie = welcome.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in welcome.text, "the address that follows is without it"
    assert client.get("/").text == "let in"


def test_two_live_pages_have_cookies_of_their_own(client):
    names = [
        next(iter(client.get("/", params={"token": TOKEN}, headers={"Host": f"127.0.0.1:{port}"}).cookies))
        for port in (8765, 9000)
    ]
    assert names[0] != names[1]


@pytest.mark.parametrize(
    "path", ["/", "/deep/er", "/post", "/no/such", "/?token=", "/?token=a-token", "/?token=ünknown"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_without_the_token(client, path, method):
    found = client.request(method, path, headers={"Origin": HERE, "Content-Type": "application/json"})
    assert found.status_code == 401
    assert "let in" not in found.text
    assert "set-cookie" not in found.headers


@pytest.mark.parametrize("cookie", ["", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "ü"])
def test_nothing_with_another_cookie(client, cookie):
    headers = {"Cookie": f"tunecurve_view_8765={cookie}".encode()}
    assert client.get("/", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "127.0.0.1.evil.example:8765",
        "0.0.0.0:8765",
        "[::1]:8765",
        "127.0.0.1:x",
        "user@127.0.0.1:8765",
        "",
    ],
)
@pytest.mark.parametrize("query", ["", f"?token={TOKEN}"])
def test_nothing_under_another_name_even_with_the_token(guest, host, query):
    found = guest.get(f"/{query}", headers={"Host": host, "Cookie": f"tunecurve_view_8765={TOKEN}"})
    assert found.status_code == 421
    assert "set-cookie" not in found.headers


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1:9000", "localhost:1"])
def test_a_tunnel_may_end_at_another_port_of_this_machine(client, host):
    cookies = client.get("/", params={"token": TOKEN}, headers={"Host": host}).cookies
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    assert client.get("/", headers={"Host": host, "Cookie": cookie}).text == "let in"


def test_the_page_itself_may_send(guest):
    assert post(guest).text == "let in"


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "http://evil.example",
        "http://127.0.0.1:9000",
        "https://127.0.0.1:8765",
        HERE + ".evil.example",
        HERE + "/",
    ],
)
def test_nothing_is_sent_from_another_origin(guest, origin):
    assert post(guest, headers={"Origin": origin}).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "CROSS-SITE"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_is_read_or_sent_by_another_page_of_this_machine(guest, site, method):
    found = guest.request(method, "/", headers={"Sec-Fetch-Site": site, "Origin": HERE})
    assert found.status_code == 403


def test_a_link_with_the_token_may_be_followed_from_elsewhere(client):
    assert client.get("/", params={"token": TOKEN}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_form_of_any_page_could_send_is_refused(guest, kind):
    assert post(guest, headers={"Content-Type": kind}).status_code == 415


def test_what_is_too_long_is_refused_unread(guest):
    headers = {"Origin": HERE, "Content-Type": "application/json", "Content-Length": str(MOST_BYTES + 1)}
    assert guest.post("/post", content=b"", headers=headers).status_code == 413


@pytest.mark.parametrize(
    "path", ["//evil.example/", "/\\evil.example", "/%2f/evil.example", '/"><script>x()</script>', "/deep/er"]
)
def test_the_welcome_leads_to_this_machine_only(client, path):
    page = client.get(HERE + path, params={"token": TOKEN}).text
    target = page.partition("url=")[2].partition('"')[0]
    assert target.startswith("/")
    assert not target.startswith(("//", "/\\"))
    assert "<script" not in page


def test_no_answer_allows_other_origins_or_is_kept(guest):
    for found in (guest.get("/"), guest.get("/nowhere"), guest.get("/", headers={"Host": "evil.example"})):
        assert found.headers["cache-control"] == "no-store"
        assert found.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in found.headers["content-security-policy"]
        assert not [name for name in found.headers if name.startswith("access-control")]


def test_web_sockets_are_refused(guest):
    with pytest.raises(WebSocketDisconnect), guest.websocket_connect("/"):
        pass
