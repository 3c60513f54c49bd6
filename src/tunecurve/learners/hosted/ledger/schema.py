"""The tables of the ledger, and how a ledger of an earlier version becomes one of this."""

from __future__ import annotations

import sqlite3

_TABLES = """
CREATE TABLE IF NOT EXISTS calls (
    key TEXT PRIMARY KEY, study TEXT NOT NULL, model TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('sent', 'answered', 'open')),
    attempts INTEGER NOT NULL, reserved_usd REAL NOT NULL, doubtful_usd REAL NOT NULL DEFAULT 0,
    n_doubtful INTEGER NOT NULL DEFAULT 0, cost_usd REAL, answer TEXT, sent_at REAL NOT NULL, answered_at REAL
);
CREATE TABLE IF NOT EXISTS attempts (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, study TEXT NOT NULL, model TEXT NOT NULL, owner TEXT,
    state TEXT NOT NULL CHECK (state IN ('sent', 'answered', 'unusable', 'doubtful', 'free')),
    n_calls INTEGER NOT NULL DEFAULT 1, reserved_usd REAL NOT NULL, cost_usd REAL,
    is_estimated INTEGER NOT NULL DEFAULT 0, sent_at REAL NOT NULL, ended_at REAL
);
CREATE INDEX IF NOT EXISTS attempts_of_study ON attempts (study, state);
CREATE INDEX IF NOT EXISTS attempts_of_call ON attempts (key, state);
CREATE INDEX IF NOT EXISTS answers_of_model ON calls (model, answered_at);
CREATE TABLE IF NOT EXISTS jobs (
    key TEXT PRIMARY KEY, study TEXT NOT NULL, backend TEXT NOT NULL, model TEXT NOT NULL, label TEXT NOT NULL,
    state TEXT NOT NULL, attempt INTEGER NOT NULL, provider_id TEXT, detail TEXT NOT NULL,
    reserved_usd REAL NOT NULL, cost_usd REAL, created_at REAL NOT NULL, updated_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS deployments (
    key TEXT PRIMARY KEY, study TEXT NOT NULL, backend TEXT NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL,
    provider_id TEXT, detail TEXT NOT NULL, usd_per_hour REAL, reserved_usd REAL NOT NULL, cost_usd REAL,
    created_at REAL NOT NULL, updated_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS batches (key TEXT PRIMARY KEY, batch_id TEXT NOT NULL);
"""
# Version 1 kept the money of a call in the call's own row, all attempts added up.
_FROM_CALLS = (
    "INSERT INTO attempts (key, study, model, state, reserved_usd, cost_usd, sent_at, ended_at) "
    "SELECT key, study, model, 'answered', 0, cost_usd, sent_at, answered_at FROM calls WHERE state = 'answered'",
    "INSERT INTO attempts (key, study, model, state, n_calls, reserved_usd, sent_at) "
    "SELECT key, study, model, 'doubtful', n_doubtful, doubtful_usd, sent_at FROM calls WHERE n_doubtful > 0",
    "INSERT INTO attempts (key, study, model, state, reserved_usd, sent_at) "
    "SELECT key, study, model, 'sent', reserved_usd, sent_at FROM calls WHERE state = 'sent'",
)
VERSION = 2


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Make the tables, and move the money of an earlier version's calls to their attempts, wholly or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in filter(str.strip, _TABLES.split(";")):
            connection.execute(statement)
        if connection.execute("PRAGMA user_version").fetchone()[0] < VERSION:
            for statement in _FROM_CALLS:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
