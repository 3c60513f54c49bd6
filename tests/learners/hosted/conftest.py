"""Fixtures of the hosted tests: a provider on this machine, and a guard that fails on any other address."""

from __future__ import annotations

import pytest

from tests.fakes.provider_server import GOOD_KEY, start
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.build import build_hosted_learner
from tunecurve.learners.hosted.names import parse_hosted_name
from tunecurve.prompts import PromptRenderer
from tunecurve.spec.hosted import HostedSpec
from tunecurve.spec.prompt import AnswerSpec

pytest.importorskip("inspect_ai")

GEMINI, VERTEX, LAB = "google/gemini-2.5-flash", "google/vertex/gemini-2.5-flash", "openai-api/lab/gpt-4.1-mini"


@pytest.fixture(scope="session")
def one_certificate(tmp_path_factory):
    """Return a file with a single certificate authority."""
    import certifi

    end = "-----END CERTIFICATE-----\n"
    path = tmp_path_factory.mktemp("certificates") / "one.pem"
    path.write_text(certifi.contents().partition(end)[0] + end)
    return path


@pytest.fixture(autouse=True)
def quick_clients(monkeypatch, one_certificate):
    """Let clients read one certificate: each reads all authorities anew, up to four times, and speaks plain HTTP here."""
    monkeypatch.setenv("SSL_CERT_FILE", str(one_certificate))


@pytest.fixture
def only_loopback(monkeypatch):
    """Fail on every look-up or connection that leads off this machine."""
    import socket

    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self, address):
        assert not isinstance(address, tuple) or address[0] in ("127.0.0.1", "::1", "localhost"), address
        return connect(self, address)

    def guarded_look_up(host, *rest, **named):
        assert host in (None, "127.0.0.1", "::1", "localhost", b"127.0.0.1"), host
        return look_up(host, *rest, **named)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


@pytest.fixture
def point_at(monkeypatch, tmp_path, only_loopback):
    """Return a function that starts a provider and points the environment at it."""
    servers = []

    def begin(key=GOOD_KEY, **settings):
        server, url = start(**settings)
        servers.append(server)
        values = {
            "TUNECURVE_LEDGER": str(tmp_path / "ledger.sqlite"),
            "GOOGLE_CLOUD_PROJECT": "p",
            "GOOGLE_OAUTH_ACCESS_TOKEN": key,
            "GOOGLE_VERTEX_BASE_URL": url,
            "STORAGE_EMULATOR_HOST": url,
            "GOOGLE_API_KEY": key,
            "GOOGLE_BASE_URL": url,
            "OPENAI_API_KEY": key,
            "OPENAI_BASE_URL": url + "/v1",
            "LAB_API_KEY": key,
            "LAB_BASE_URL": url + "/v1",
        }
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        return server.state

    yield begin
    for server in servers:
        server.shutdown()


@pytest.fixture
def started(monkeypatch):
    """Return a function that sets the environment to a server that runs, and returns it; it is stopped when the test ends."""
    servers = []

    def keep(server, variables=()):
        servers.append(server)
        for name, value in dict(variables).items():
            monkeypatch.setenv(name, value)
        return server

    yield keep
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def learner_of(tmp_path):
    """Return a function that makes a hosted learner with an account of its own."""
    accounts = []

    def make(name, ledger="ledger.sqlite", **settings):
        prices = {name: {"input": 1.0, "output": 2.0, "training": 3.0}}
        account = Account(HostedSpec(**{"prices": prices, **settings}), "study", tmp_path / ledger)
        accounts.append(account)
        return build_hosted_learner(name, parse_hosted_name(name), AnswerSpec(), account)

    yield make
    for account in accounts:
        account.close()


@pytest.fixture
def prompts_of():
    """Return a function from texts to zero-shot prompts."""
    renderer = PromptRenderer("Mask the names.")
    return lambda texts: [renderer.prompt(text) for text in texts]
