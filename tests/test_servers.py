"""The servers and the client that the other tests stand on do what those tests take for granted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pymysql
import pytest
from redis.exceptions import ConnectionError as RedisGone

from tests.support.environment import ROOT
from tests.support.guardian import is_alive
from tests.support.loopback import HOST, ServerFailed
from tests.support.manage import manage
from tests.support.mariadb import USER, MariaDbServer, find_server
from tests.support.postgres import PostgresServer
from tests.support.replica import Replica
from tests.support.require import lacking
from tests.support.threads import in_threads

RUN_THAT_IS_KILLED = """
import os, signal
from tests.support.postgres import PostgresServer
from tests.support.replica import Replica
from tests.support.require import lacking
from tests.support.redis import RedisServer
redis, postgres = RedisServer().start(), PostgresServer()
postgres.start()
print(redis.home, postgres.home, redis._process.pid, postgres._process.pid, flush=True)
input()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_postgresql_starts_takes_sql_and_stops():
    server = PostgresServer()
    server.start()
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 6 * 7").fetchone() == (42,)
    server.stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url, connect_timeout=5)


@pytest.fixture
def mariadb() -> MariaDbServer:
    try:
        return MariaDbServer()
    except ServerFailed as failure:
        if find_server() is None:
            lacking("mariadb", str(failure))
        raise


def test_mariadb_starts_takes_sql_and_stops(mariadb):
    mariadb.start()
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 6 * 7")
        assert cursor.fetchone() == (42,)
    mariadb.stop()
    with pytest.raises(pymysql.OperationalError):
        mariadb.connect()


def test_mariadb_lets_nobody_in_without_the_password_of_the_run(mariadb):
    mariadb.start()
    for user in (USER, "root"):
        with pytest.raises(pymysql.OperationalError, match="Access denied"):
            pymysql.connect(host=HOST, port=mariadb.port, user=user)
    mariadb.stop()


def test_redis_comes_back_empty_on_its_port_after_a_kill(redis_server):
    url = redis_server.url
    with redis_server.client() as client:
        client.set("kept", "no")
        redis_server.stop()
        with pytest.raises(RedisGone):
            client.ping()
        redis_server.start()
        assert redis_server.url == url
        assert client.get("kept") is None


def test_a_killed_test_run_leaves_no_server_and_no_directory():
    run = subprocess.Popen(
        [sys.executable, "-c", RUN_THAT_IS_KILLED],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with run:
        *homes, redis, postgres = run.stdout.readline().split()
        assert all(Path(home).exists() for home in homes)
        assert is_alive(int(redis))
        assert is_alive(int(postgres))
        run.stdin.write("\n")
        run.stdin.flush()
        # The guardian inherited this end of the pipe: it closes when the guardian is done.
        run.stdout.read()
    assert run.returncode == -signal.SIGKILL
    assert not is_alive(int(redis))
    assert not is_alive(int(postgres))
    assert not any(Path(home).exists() for home in homes)


def test_a_hub_listens_on_its_former_port_after_a_kill(hub):
    port = hub.port
    hub.kill()
    assert not hub.is_running()
    hub.start()
    assert hub.is_running()
    assert hub.port == port


def test_a_hub_that_cannot_start_says_why(start_hub):
    with pytest.raises(ServerFailed, match="no_such_module"):
        start_hub(application="no_such_module:application")


def test_a_traceback_in_the_log_of_a_hub_is_a_complaint(hub):
    assert hub.complaint() == ""
    with hub.log.open("a") as log:
        log.write("Traceback (most recent call last):\n  ...\nZeroDivisionError\n")
    assert "ZeroDivisionError" in hub.complaint()
    hub.expect_traceback()
    assert hub.complaint() == ""


def test_threads_and_other_processes_work_on_the_test_database(transactional_db):
    from django.contrib.auth.models import Group

    names = [f"group {number}" for number in range(8)]
    in_threads(*(lambda name=name: Group.objects.create(name=name) for name in names))
    program = "from django.contrib.auth.models import Group; print(Group.objects.count())"
    assert manage("shell", "-v", "0", "-c", program).stdout.strip() == str(len(names))


def test_the_client_of_the_tests_counts_what_comes_twice_or_out_of_order():
    replica = Replica()
    replica.begin_connection()
    replica.take(page_of(1, 2, 3))
    assert (replica.repeated, replica.out_of_order) == (0, 0)
    replica.take(page_of(3))
    assert (replica.repeated, replica.out_of_order) == (1, 1)
    replica.begin_connection()
    replica.take(page_of(5, 4))
    assert (replica.repeated, replica.out_of_order) == (1, 2)


def test_the_client_of_the_tests_swaps_its_store_when_a_reset_is_complete():
    replica = Replica()
    replica.take(page_of(1))
    replica.take(page_of(2) | {"reset": True, "hasMore": True})
    assert set(replica.state) == {("notes", "1")}
    replica.take(page_of(3))
    assert set(replica.state) == {("notes", "2"), ("notes", "3")}
    assert (replica.resets, replica.repeated, replica.out_of_order) == (1, 0, 0)


def page_of(*numbers):
    cursors = [f"0123abcd-{number}-89abcdef" for number in numbers]
    changes = [
        {
            "table": "notes",
            "recordId": str(number),
            "action": "insert",
            "data": {"id": number},
            "cursor": cursor,
        }
        for number, cursor in zip(numbers, cursors, strict=True)
    ]
    return {"type": "sync_response", "changes": changes, "cursor": cursors[-1], "hasMore": False}
