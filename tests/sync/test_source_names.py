"""The sources of changes are told in the language of whoever reads."""

from __future__ import annotations

from django.utils.translation import override

from sync.context import SOURCES
from sync.models import SyncLog


def test_a_source_has_a_name_in_each_language():
    names = dict(SyncLog._meta.get_field("source").flatchoices)
    assert list(names) == list(SOURCES)
    with override("en"):
        assert [str(name) for name in names.values()] == list(SOURCES)
    with override("de"):
        assert str(names["command"]) == "Befehl"
