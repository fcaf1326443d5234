"""Texts are compared word by word, and nothing of either is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.diffs import DELETE, EQUAL, INSERT, MAX_WORDS, text_diff

words = st.sampled_from(["the", "lease", "Sign", " ", "  ", "\n", ".", "é", "e\u0301", "日", "本"])
texts = st.text() | st.lists(words, max_size=30).map("".join)


def old_text(parts):
    return "".join(part.text for part in parts if part.kind != INSERT)


def new_text(parts):
    return "".join(part.text for part in parts if part.kind != DELETE)


@given(texts, texts)
def test_the_parts_make_up_both_texts(before, after):
    parts = text_diff(before, after)
    assert (old_text(parts), new_text(parts)) == (before, after)
    assert all(part.text for part in parts)


@given(texts)
def test_equal_texts_have_one_part(text):
    assert text_diff(text, text) == ([(EQUAL, text)] if text else [])


@given(texts, texts)
def test_what_went_comes_before_what_came_and_equal_parts_lie_between(before, after):
    kinds = [part.kind for part in text_diff(before, after)]
    for kind, following in zip(kinds, kinds[1:], strict=False):
        assert kind != following
        assert (kind, following) != (INSERT, DELETE)


def test_words_are_compared_and_not_characters():
    assert text_diff("Sign the lease today", "Sign this lease today") == [
        (EQUAL, "Sign "), (DELETE, "the"), (INSERT, "this"), (EQUAL, " lease today"),
    ]  # fmt: skip


def test_a_phrase_that_changed_is_one_change():
    assert text_diff("call the old owner at noon", "call a new tenant at noon") == [
        (EQUAL, "call "), (DELETE, "the old owner"), (INSERT, "a new tenant"), (EQUAL, " at noon"),
    ]  # fmt: skip


def test_a_letter_is_not_parted_from_its_accent():
    assert text_diff("un e\u0301te\u0301 long", "un ete long") == [
        (EQUAL, "un "), (DELETE, "e\u0301te\u0301"), (INSERT, "ete"), (EQUAL, " long"),
    ]  # fmt: skip


def test_a_script_without_spaces_is_compared_character_by_character():
    assert text_diff("東京都に住む", "京都府に住む") == [
        (DELETE, "東"), (EQUAL, "京都"), (INSERT, "府"), (EQUAL, "に住む"),
    ]  # fmt: skip


def test_another_text_is_another_text():
    before, after = "alpha beta gamma delta, end", "one two three four five six, seven"
    assert text_diff(before, after) == [(DELETE, before), (INSERT, after)]


def test_of_a_long_text_the_words_of_changed_lines_are_told():
    lines = [f"{n}: the quick brown fox jumps over the lazy dog" for n in range(4000)]
    before = "\n".join(lines)
    assert len(before) > MAX_WORDS
    lines[7], lines[3000] = lines[7].replace("fox", "cat"), "something else"
    parts = text_diff(before, "\n".join(lines))
    assert (DELETE, "fox") in parts and (INSERT, "cat") in parts
    assert sum(part.kind == DELETE for part in parts) == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (". " * 3000, ", " * 3000),
        ("a " * 3000, "x" + "a b " * 1500),
        ("\n".join("a" * 5000), "\n".join("ab" * 2500)),
        (" ".join(map(str, range(9000))), " ".join(map(str, range(20000, 29000)))),
    ],
)
def test_texts_that_take_too_long_to_compare_lose_nothing(before, after):
    parts = text_diff(f"head {before} tail", f"head {after} tail")
    assert old_text(parts) == f"head {before} tail"
    assert new_text(parts) == f"head {after} tail"
