"""What is sent to PostgreSQL, as libpq traces it."""

from __future__ import annotations

import tempfile

import psycopg
from django.db import connection

IDLE = psycopg.pq.TransactionStatus.IDLE


def sent_by(work):
    """Return the kind and the text of each message that went to the server, in order."""
    connection.ensure_connection()
    pgconn = connection.connection.pgconn
    with tempfile.TemporaryFile("w+", encoding="utf-8") as trace:
        pgconn.trace(trace.fileno())
        try:
            work()
        finally:
            pgconn.untrace()
        trace.seek(0)
        lines = [line.rstrip("\n").split("\t") for line in trace]
    sent = [fields for fields in lines if fields[1:2] == ["F"]]
    return [(fields[3], "".join(fields[4:5]).strip(' "')) for fields in sent]


def trips(write):
    """Return the texts that travelled to the server, in the order they were sent."""
    return [text for _, text in sent_by(write)]


def answered(sent):
    """Return how often the server was waited for: it answers a `Query`, and what ends in `Sync`."""
    return sum(kind in ("Query", "Sync") for kind, _ in sent)


def is_as_it_was():
    pg = connection.connection
    return (pg.autocommit, pg.pgconn.transaction_status) == (True, IDLE)
