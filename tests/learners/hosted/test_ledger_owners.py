"""Who is taken for alive: a call of a living owner is never sent a second time."""

import errno
import os

import pytest

from tunecurve.learners.hosted.ledger.owners import Owner


@pytest.fixture
def owners(tmp_path):
    path = tmp_path / "ledger.sqlite"
    first, second = Owner(path), Owner(path)
    yield first, second
    first.close()
    second.close()


def test_an_owner_lives_until_it_lets_go(owners):
    first, second = owners
    token = first.token
    assert second.lives(token)
    assert first.lives(token)
    first.close()
    assert not second.lives(token)
    assert not second.lives(None)
    assert not second.lives("never-there")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EACCES, errno.EIO])
def test_what_cannot_be_told_is_no_death(owners, monkeypatch, number):
    first, second = owners
    token = first.token

    def refuse(*arguments, **options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    assert second.lives(token)
