"""docs/operations.md is the reference of the settings and of the system checks."""

from __future__ import annotations

import ast
import dataclasses
import re

import pytest

from realtime.conf import Conf as RealtimeConf
from sync.conf import Conf as SyncConf
from tests.support.documents import read, section, table
from tests.support.environment import ROOT

OPERATIONS = read("docs/operations.md")


@pytest.mark.parametrize(("heading", "conf"), [("`SYNC`", SyncConf), ("`REALTIME`", RealtimeConf)])
def test_every_setting_is_documented_with_its_default(heading, conf):
    documented = {row[0]: ast.literal_eval(row[1]) for row in table(section(OPERATIONS, heading))}
    assert documented == {field.name: field.default for field in dataclasses.fields(conf)}


def test_every_system_check_is_documented():
    documented = {row[0] for row in table(section(OPERATIONS, "System checks"))}
    modules = [found for app in ("sync", "realtime") for found in (ROOT / app).glob("*checks.py")]
    code = "".join(found.read_text() for found in modules)
    assert documented == set(re.findall(r'id="([\w.]+)"', code))
