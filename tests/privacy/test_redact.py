"""No key stays in a text that is kept or shown: not whole, not in part, not in an address."""

from __future__ import annotations

import pytest

from tunecurve.privacy.redact import redact

KEY = "sk-proj-Qx7vLm2RtY9pWz4Kd8Hn3Bf6Jc1Gs5"


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    monkeypatch.setenv("LAB_API_KEY", KEY)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/home/me/work/login.json")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"Incorrect API key provided: {KEY}.", "Incorrect API key provided: ***."),
        (f"Incorrect API key provided: {KEY[:8]}*****************{KEY[-4:]}. You can", "Incorrect API key provided: ***. You can"),
        (f"bad key '{KEY[:6]}...'", "bad key '***'"),
        (f"bad key …{KEY[-5:]}, sorry", "bad key ***, sorry"),
        (f"key {KEY[4:20]} unknown", "key *** unknown"),
        (f"token={KEY[-12:]}", "token=***"),
        (f"{KEY[:10]} and {KEY[-10:]}", "*** and ***"),
        ("http://me:pass@host/v1 refused", "http://***@host/v1 refused"),
        ("wait... then try again", "wait... then try again"),
        ("cannot write /home/me/work/other.json", "cannot write /home/me/work/other.json"),
        ("a sk-3 model ... of 1..9", "a sk-3 model ... of 1..9"),
    ],
)  # fmt: skip
def test_what_a_server_echoes_of_a_key_is_hidden(said, shown):
    assert redact(said) == shown


def test_no_piece_of_a_key_stays():
    for start in range(len(KEY) - 7):
        for end in range(start + 8, len(KEY) + 1):
            said = redact(f"(bad {KEY[start:end]}, try again")
            assert "***" in said
            assert KEY[start : start + 8] not in said
