"""The database as `DATABASE_URL` names it, with the options each engine needs under a hub."""

from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from environ import Env

SQLITE_OPTIONS = {
    # Taking the write lock at the start makes a busy database wait, where upgrading a read lock
    # in the middle fails at once with "database is locked".
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": ("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON"),
}

# As many as the threads of one server process may use at once; twice this must stay well below
# the server's max_connections, because every server process has a pool of its own.
POSTGRESQL_POOL = {"min_size": 1, "max_size": 20, "timeout": 10}

MYSQL_OPTIONS = {"charset": "utf8mb4", "init_command": "SET sql_mode='STRICT_TRANS_TABLES'"}

# The version of mysqlclient whose interface PyMySQL offers, as far as Django asks for it.
MYSQLCLIENT_VERSION = (2, 2, 8, "final", 0)


def database(url: str, base: Path) -> dict[str, Any]:
    """Return Django's settings for a database URL; a relative SQLite path starts at `base`."""
    config: dict[str, Any] = Env.db_url_config(url.replace("mariadb://", "mysql://", 1))
    options = config.setdefault("OPTIONS", {})
    engine = config.get("ENGINE", "").rpartition(".")[2]
    # Under ASGI a connection kept open belongs to a thread that may never be used again.
    config["CONN_MAX_AGE"] = 0
    if engine == "sqlite3":
        config["NAME"] = _sqlite_path(config["NAME"], base)
        config["OPTIONS"] = SQLITE_OPTIONS | options
    elif engine == "postgresql":
        config["CONN_HEALTH_CHECKS"] = True
        options.setdefault("pool", dict(POSTGRESQL_POOL))
    elif engine == "mysql":
        _ensure_mysql_driver()
        config["OPTIONS"] = MYSQL_OPTIONS | options
    else:
        raise ImproperlyConfigured(
            "DATABASE_URL must start with sqlite://, postgresql://, mysql:// or mariadb://, "
            "as in postgresql://user:password@localhost:5432/hub"
        )
    return config


def _sqlite_path(name: str, base: Path) -> str:
    if name == ":memory:":
        return name
    path = base / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return str(path)


def _ensure_mysql_driver() -> None:
    """Let PyMySQL, which needs no compiler to install, stand in where mysqlclient is missing."""
    try:
        import MySQLdb  # noqa: F401
    except ImportError:
        import pymysql

        pymysql.version_info = MYSQLCLIENT_VERSION
        pymysql.install_as_MySQLdb()
