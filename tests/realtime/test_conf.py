"""The settings: defaults, what the host says, and typos that do not stay silent."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from realtime.conf import Conf, conf


def test_without_settings_the_defaults_hold(settings):
    del settings.REALTIME
    assert conf() == Conf()


def test_what_the_host_says_replaces_a_default_and_leaves_the_others(settings):
    settings.REALTIME = {"TICK": 0.25}
    assert conf().TICK == 0.25
    assert conf().HEARTBEAT == Conf().HEARTBEAT


def test_an_unknown_key_is_an_error_that_names_it_and_the_known_ones(settings):
    settings.REALTIME = {"TIKC": 1, "TICK": 1}
    with pytest.raises(ImproperlyConfigured, match=r"unknown keys: TIKC\. Known are: .*TICK"):
        conf()


def test_the_settings_cannot_be_changed_behind_the_back():
    with pytest.raises(AttributeError):
        conf().TICK = 2
