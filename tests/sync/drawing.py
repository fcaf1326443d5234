"""Values that a property test draws for the columns of the tests' models."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from django.db.models import F, Value
from django.db.models.functions import Concat
from hypothesis import strategies as st

# NUL is the one character that PostgreSQL refuses; a lone surrogate is no text.
characters = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
texts = st.text(characters, max_size=40)
short_texts = st.text(characters, max_size=20)

zones = st.sampled_from(
    [datetime.timezone(datetime.timedelta(minutes=minutes)) for minutes in (-720, -90, 0, 330, 840)]
)
moments = st.datetimes(
    datetime.datetime(1000, 1, 2), datetime.datetime(9999, 12, 30), timezones=zones
)
spans = st.timedeltas(datetime.timedelta(-(10**6)), datetime.timedelta(10**6))
reals = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)

# MariaDB refuses some of those that no version of the standard describes.
uuids = st.uuids(version=4) | st.just(uuid.UUID(int=0))

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(-1e9, 1e9, allow_subnormal=False),
    texts,
)
documents = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(short_texts, inner, max_size=3),
    max_leaves=8,
).filter(lambda document: document is not None)

everything = st.fixed_dictionaries(
    {},
    optional={
        "char": texts,
        "text": st.text(characters, max_size=200),
        "slug": st.from_regex(r"[a-z0-9_-]{0,20}", fullmatch=True),
        "integer": st.integers(-(2**31), 2**31 - 1),
        "big": st.integers(-(2**63), 2**63 - 1),
        "decimal": st.decimals(-(10**10) + 1, 10**10 - 1, places=2) | st.sampled_from(["1", "0.5"]),
        "real": reals,
        "flag": st.booleans(),
        "day": st.none() | st.dates(),
        "moment": st.none() | moments,
        "clock": st.none() | st.times(),
        "span": st.none() | spans,
        "mark": st.none() | uuids,
        "options": documents,
        "blob": st.binary(max_size=60),
        "attachment": st.just("") | st.text(characters, min_size=1, max_size=30),
        "address": st.none() | st.ip_addresses().map(str),
        "maybe": st.none() | st.integers(-5, 5),
    },
)

expressions: dict[str, Any] = {
    "integer": F("maybe"),
    "real": F("integer") + 0.5,
    "char": Concat("slug", Value("+")),
    "moment": None,
}
