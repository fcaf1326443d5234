"""The built wheel, an empty Django project, and the five steps of `docs/integration.md`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.documented import block
from tests.support.environment import ROOT, database_kind
from tests.support.guardian import guardian
from tests.support.loopback import free_port, wait_until_ready

pytestmark = pytest.mark.skipif(
    database_kind() != "sqlite", reason="once is enough: the project has a database of its own"
)

PAGE = "integration.md"
SECONDS = 300

MODELS = """
from django.db import models


class Order(models.Model):
    number = models.CharField(max_length=20)
    status = models.CharField(max_length=10)
    internal_notes = models.TextField(blank=True)
"""
EXISTING = """
from django.contrib.auth import get_user_model
from orders.models import Order
get_user_model().objects.create_user("ada")
Order.objects.create(number="A1", status="new", internal_notes="rude")
"""
PAY = """
from orders.models import Order
Order.objects.filter(number="A1").update(status="paid")
"""


PAID = "order.statusChanged  orders_order 1  status"


def says(log: Path, text: str) -> bool | None:
    return text in log.read_text() or None


class Project:
    """An empty Django project in a virtual environment of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DJANGO", "HUB", "PYTHON", "DATABASE", "REDIS", "SECRET"))
        } | {"PATH": f"{home / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        venv.create(home / "venv", with_pip=True)

    def run(self, command: str) -> str:
        """Run a line of shell in the project; returns what it prints."""
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def write(self, path: str, text: str) -> None:
        """Add to a file of the project."""
        with (self.home / path).open("a", encoding="utf-8") as file:
            file.write(text)

    def shell(self, code: str) -> str:
        """Run code in the project's `manage.py shell`."""
        (self.home / "code.py").write_text(code, encoding="utf-8")
        return self.run('python manage.py shell -v 0 -c "$(cat code.py)"')

    @contextmanager
    def running(self, command: str, ready: str):
        """Run a program beside the test; returns its log once `ready` is in it."""
        log = self.home / f"{command.split()[2]}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                f"exec {command}",
                shell=True,
                cwd=self.home,
                env=self.environment | {"PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        guardian().watch(process)
        try:
            wait_until_ready(
                command, process, lambda: ready in log.read_text() or None, log.read_text
            )
            yield process, log
        finally:
            process.kill()
            process.wait()
            guardian().forget(process)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy, because building leaves its traces in the sources."""
    source = tmp_path_factory.mktemp("source")
    for folder in ("sync", "realtime", "hubproject", "tests"):
        junk = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / folder, source / folder, ignore=junk)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", "dist", "."]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    [built] = (source / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A project into which the wheel has been installed."""
    project = Project(tmp_path_factory.mktemp("project"))
    project.run(f'pip install --quiet --disable-pip-version-check "{wheel}[client]"')
    return project


def test_the_wheel_holds_the_two_packages_whole_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert {name.split("/")[0] for name in names} == {"sync", "realtime"}
    expected = {
        str(path.relative_to(ROOT))
        for package in ("sync", "realtime")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert set(names) == expected


def test_the_five_steps_give_an_empty_project_live_events(installed):
    assert installed.run("pip check")
    installed.run("django-admin startproject mysite .")
    installed.run("python manage.py startapp orders")
    (installed.home / "orders" / "models.py").write_text(MODELS, encoding="utf-8")
    installed.write("mysite/settings.py", '\nINSTALLED_APPS.append("orders")\n')
    installed.run("python manage.py makemigrations orders")
    installed.run("python manage.py migrate")
    installed.shell(EXISTING)

    for containing in ("INSTALLED_APPS", "InMemoryChannelLayer", "sqlite3"):
        installed.write("mysite/settings.py", block(PAGE, "2. Settings", "python", containing))
    asgi = block(PAGE, "3. ASGI", "python", "get_asgi_application")
    (installed.home / "mysite" / "asgi.py").write_text(asgi, encoding="utf-8")
    installed.write("orders/sync.py", block(PAGE, "4. Register models", "python"))
    *prepare, serve = block(PAGE, "5. Migrate, fill, run", "sh", "daphne").splitlines()
    for command in prepare:
        installed.run(command)

    port = str(free_port())
    watch = block(PAGE, "5. Migrate, fill, run", "sh", "hub_watch").strip()
    watch += f" --url ws://127.0.0.1:{port}/ws/"
    with (
        installed.running(serve.replace("8000", port), "Listening on TCP"),
        installed.running(watch, "caught up") as (watcher, log),
    ):
        installed.shell(PAY)
        wait_until_ready("the event", watcher, lambda: says(log, PAID), log.read_text)
    assert "rude" not in log.read_text()
