"""What holds for every document: its links lead somewhere, its Python can be read, its settings
exist."""

from __future__ import annotations

import dataclasses
import re
from pathlib import PurePosixPath

import pytest

from realtime.conf import Conf as RealtimeConf
from sync.conf import Conf as SyncConf
from tests.support.documents import DOCUMENTS, anchor, code_blocks, headings, read, without_code
from tests.support.environment import ROOT

LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
SETTING = re.compile(r"`([A-Z]+(?:_[A-Z]+)+)`|(?:SYNC|REALTIME)\[\"([A-Z_]+)\"\]")
ELSEWHERE = {
    *("ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "DATABASE_URL", "REDIS_URL", "SECRET_KEY"),
    *("SESSION_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "SECURE_PROXY_SSL_HEADER"),
    *("USE_X_FORWARDED_HOST", "SESSION_ENGINE", "SILENCED_SYSTEM_CHECKS"),
    *("SECURE_COOKIES", "VAR_DIR", "CONN_MAX_AGE", "SET_NULL", "SET_DEFAULT"),
    *("DB_CASCADE", "DB_SET_NULL", "DB_SET_DEFAULT", "ASGI_APPLICATION", "SO_REUSEPORT"),
    "LANGUAGE_CODE",
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_inside_the_project_leads_somewhere(name):
    for path, fragment in LINK.findall(without_code(read(name))):
        target = (ROOT / PurePosixPath(name).parent / path) if path else ROOT / name
        assert target.exists(), f"{path} does not exist"
        if fragment:
            anchors = {anchor(heading) for heading in headings(target.read_text(encoding="utf-8"))}
            assert fragment in anchors, f"{path or name} has no #{fragment}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_python_sample_can_be_read(name):
    for block in code_blocks(read(name), "python"):
        compile(block, name, "exec")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_setting_that_is_named_exists(name):
    known = {f.name for conf in (SyncConf, RealtimeConf) for f in dataclasses.fields(conf)}
    named = {one or other for one, other in SETTING.findall(without_code(read(name)))}
    assert named <= known | ELSEWHERE
