"""`docs/capture.md` says of every write what the tests see of it, and of no other."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.documents import read
from tests.sync.capture_document import (
    BEGIN,
    NAME,
    column,
    groups,
    order,
    parse,
    title,
    with_tables,
)
from tests.sync.observed_write import NOT_THERE, NOTHING, observe
from tests.sync.ways import ORDER, UNSEEN
from tests.sync.writes import WRITES, Write

AGAIN = "make capture-table"
CELLS = parse(read(NAME))
NEWEST = max(order(head)[1] for head in CELLS)


@pytest.fixture
def cells() -> dict[str, str]:
    """What the document says of this database and this Django; both ends have a column."""
    if column() not in CELLS and order(column())[1] < NEWEST:
        pytest.skip(f"{NAME} has no column for {column()}")
    assert column() in CELLS, f"{NAME} has no column for {column()}: {AGAIN}"
    return CELLS[column()]


@pytest.mark.django_db
@pytest.mark.parametrize("write", WRITES, ids=str)
def test_the_document_says_how_a_write_is_captured(write: Write, cells):
    assert cells.get(str(write)) == observe(write).cell, AGAIN


def test_the_document_is_as_the_generator_writes_it():
    """Its rows are those of today, in their order and under their headings."""
    assert with_tables(read(NAME), CELLS) == read(NAME), AGAIN


def test_the_document_knows_every_row_of_every_column():
    for head, cells in CELLS.items():
        assert cells.keys() == {str(write) for write in WRITES}, f"{head}: {AGAIN}"


def test_no_two_rows_have_the_same_title():
    titles = Counter(title(name) for _, names in groups() for name in names)
    assert [text for text, count in titles.items() if count > 1] == []


def test_every_way_is_explained_above_the_tables():
    explained = read(NAME).partition(BEGIN)[0]
    for way in {*ORDER, NOTHING, NOT_THERE} - {UNSEEN}:
        assert f"| **{way}** |" in explained


def test_no_write_of_the_orm_is_unseen():
    assert UNSEEN not in {way for cells in CELLS.values() for way in cells.values()}
