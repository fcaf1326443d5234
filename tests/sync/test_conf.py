"""The settings: defaults, what the host says, and typos that do not stay silent."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from sync.conf import Conf, conf


def test_a_host_that_says_nothing_gets_the_defaults(settings):
    settings.SYNC = {}
    assert conf() == Conf()


def test_what_the_host_says_counts_and_the_rest_stays(settings):
    settings.SYNC = {"PAGE_LIMIT": 7}
    assert conf() == Conf(PAGE_LIMIT=7)


def test_a_changed_setting_counts_at_once(settings):
    for limit in (3, 4):
        settings.SYNC = {"PAGE_LIMIT": limit}
        assert limit == conf().PAGE_LIMIT


def test_a_way_to_capture_that_is_none_is_named_with_the_possible_ones(settings):
    settings.SYNC = {"CAPTURE": "triggers"}
    with pytest.raises(ImproperlyConfigured, match=r"'triggers'. Possible are: orm, trigger"):
        conf()


def test_an_unknown_key_is_named_with_the_known_ones(settings):
    settings.SYNC = {"PAGE_LIMITS": 7}
    with pytest.raises(ImproperlyConfigured, match=r"unknown keys: PAGE_LIMITS.*PAGE_LIMIT"):
        conf()
