"""docs/security.md promises nothing that no test holds, and names what there is: promises, checks,
limits, and whose a connection is."""

from __future__ import annotations

import re
from functools import cache

import pytest

from realtime import conf, devices, exposure_checks, pairing
from tests.realtime.test_origins_and_credentials import (
    ADA,
    FOREIGN,
    GRACE,
    NOBODY,
    OUTCOMES,
    OWN,
    REFUSED,
    TOKEN_ONLY,
)
from tests.support.documents import read, section, table
from tests.support.environment import ROOT
from tests.support.named_tests import unheld

SECURITY = read("docs/security.md")
PROMISE = re.compile(r"^- \*\*S(\d+)\*\*(.+?)(?=^- \*\*S|^\S|\Z)", re.MULTILINE | re.DOTALL)
SAID = {
    "nobody": NOBODY,
    "the cookie's user": ADA,
    "the token's user": GRACE,
    "refused": REFUSED,
}


@cache
def promises():
    found = PROMISE.findall(section(SECURITY, "Promises"))
    return [(f"S{number}", text) for number, text in found]


def settings_checked():
    return table(section(SECURITY, "Dangerous settings"))


def test_the_promises_are_numbered_through():
    assert [name for name, _ in promises()] == [f"S{i + 1}" for i in range(len(promises()))]


@pytest.mark.parametrize(("name", "text"), promises(), ids=[name for name, _ in promises()])
def test_each_promise_names_tests_that_exist(name, text):
    assert unheld(text) == []


def test_every_promise_stands_against_a_threat_and_no_other_is_named():
    against = " ".join(row[2] for row in table(section(SECURITY, "Threats")))
    assert set(re.findall(r"S\d+", against)) == {name for name, _ in promises()}
    assert set(re.findall(r"\bS\d+\b", SECURITY)) == {name for name, _ in promises()}


def test_every_threat_is_met():
    assert all(row[2] for row in table(section(SECURITY, "Threats")))


def test_each_dangerous_setting_has_a_check_that_a_test_provokes():
    for setting, _, check, test in settings_checked():
        assert unheld(f"`{test}`") == [], setting
        path = test.partition("::")[0]
        assert check in (ROOT / path).read_text(encoding="utf-8"), f"{path} says nothing of {check}"


def test_each_check_of_the_hub_is_a_row():
    modules = (ROOT / "realtime").glob("*checks.py")
    known = re.findall(r'id="([\w.]+)"', "".join(module.read_text() for module in modules))
    rows = [check for _, _, check, _ in settings_checked()]
    assert sorted(row for row in rows if row.startswith("realtime.")) == sorted(known)


def test_every_limit_on_a_client_is_in_the_table():
    named = set(re.findall(r"`([A-Z_]+)`", section(SECURITY, "Limits")))
    assert named <= set(conf.Conf.__dataclass_fields__)
    assert named >= set(exposure_checks.LIMITS)


def test_whose_a_connection_is_is_what_the_tests_of_origins_expect():
    rows = table(section(SECURITY, "Origins and credentials"))
    documented = {
        trust: [SAID[cell] for cell in row[1:]]
        for trust, row in zip((OWN, TOKEN_ONLY, FOREIGN), rows, strict=True)
    }
    assert documented == {trust: list(outcomes.values()) for trust, outcomes in OUTCOMES.items()}


def test_the_strength_of_tokens_and_codes_is_what_is_said():
    text = section(SECURITY, "Tokens and codes")
    bits = len(pairing.ALPHABET).bit_length() - 1
    assert f"{devices.SECRET_BYTES * 8} random\nbits" in text
    assert f"{pairing.LENGTH * bits} random bits" in text
    assert f"at {conf.Conf().PAIRING_ATTEMPTS} wrong ones per minute" in text
    assert f"at {conf.Conf().PAIRING_ATTEMPTS_IN_ALL} from all addresses" in text


def test_the_tests_that_other_sections_name_exist():
    elsewhere = SECURITY.replace(section(SECURITY, "Promises"), "")
    assert unheld(elsewhere) == []
