"""Compared texts are cut to what a page has room for, and nothing is lost that is not told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sync.admin.pieces import CONTEXT, pieces_of_one_side, whole
from sync.diffs import DELETE, EQUAL, INSERT, Part, text_diff

words = st.lists(st.sampled_from(["a ", "word ", "line\n", "x" * 400]), max_size=12).map("".join)


@given(words, words)
def test_the_pieces_of_each_side_make_up_its_text(before, after):
    parts = text_diff(before, after)
    assert "".join(one.text for one in pieces_of_one_side(parts, DELETE)) == before
    assert "".join(one.text for one in pieces_of_one_side(parts, INSERT)) == after


def folded(pieces):
    return [(one.kind, one.is_folded, len(one.text)) for one in pieces]


def test_what_is_far_from_any_change_is_folded():
    parts = [Part(EQUAL, "." * 1000), Part(INSERT, "new"), Part(EQUAL, "." * 1000)]
    assert folded(pieces_of_one_side(parts, INSERT)) == [
        (EQUAL, True, 1000 - CONTEXT), (EQUAL, False, CONTEXT), (INSERT, False, 3),
        (EQUAL, False, CONTEXT), (EQUAL, True, 1000 - CONTEXT),
    ]  # fmt: skip
    middle = [Part(INSERT, "a"), Part(EQUAL, "." * 1000), Part(INSERT, "b")]
    assert [one.is_folded for one in pieces_of_one_side(middle, INSERT)] == [
        False, False, True, False, False,
    ]  # fmt: skip


def test_a_fold_does_not_break_a_word():
    text = "unbroken " * 200
    [seen, fold] = pieces_of_one_side([Part(DELETE, "x"), Part(EQUAL, text)], DELETE)[1:]
    assert seen.text.endswith(" ") and fold.text.startswith("unbroken")


def test_little_that_is_unchanged_is_not_folded():
    parts = [Part(EQUAL, "." * CONTEXT), Part(INSERT, "new")]
    assert not any(one.is_folded for one in pieces_of_one_side(parts, INSERT))


def test_what_has_no_room_is_counted(sync_settings):
    sync_settings(TEXT_LENGTH=10)
    [piece] = whole("x" * 25)
    assert (piece.text, piece.cut) == ("x" * 10, 15)
    [piece] = pieces_of_one_side([Part(DELETE, "y" * 11)], DELETE)
    assert (piece.kind, piece.cut) == (DELETE, 1)
