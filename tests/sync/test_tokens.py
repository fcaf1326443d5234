"""Each database has its own idea of what a quote, a name and a comment are."""

from __future__ import annotations

import pytest

from sync.tokens import MARK, NAME, STRING, WORD, tokens


def cut(sql, vendor):
    return [(token.kind, token.text) for token in tokens(sql, vendor)]


@pytest.mark.parametrize(
    ("vendor", "sql", "found"),
    [
        ("postgresql", "a$1 $1", [(WORD, "a$1"), (MARK, "$"), (WORD, "1")]),
        ("postgresql", "$a$ ' $$ $a$ b", [(STRING, "$a$ ' $$ $a$"), (WORD, "b")]),
        ("postgresql", "'a\\' b", [(STRING, "'a\\'"), (WORD, "b")]),
        ("postgresql", "e'a\\' b'", [(STRING, "e'a\\' b'")]),
        ("postgresql", "/* /* */ a */ b", [(WORD, "b")]),
        ("postgresql", '"a""b"', [(NAME, 'a"b')]),
        ("postgresql", "a[1]", [(WORD, "a"), (MARK, "["), (WORD, "1"), (MARK, "]")]),
        ("sqlite", "[a b]", [(NAME, "a b")]),
        ("sqlite", "/* /* */ a", [(WORD, "a")]),
        ("mysql", "'a\\' b'", [(STRING, "'a\\' b'")]),
        ("mysql", '"a" `b``c`', [(STRING, '"a"'), (NAME, "b`c")]),
        ("mysql", "a--1", [(WORD, "a"), (MARK, "-"), (MARK, "-"), (WORD, "1")]),
        ("mysql", "a -- b\nc # d", [(WORD, "a"), (WORD, "c")]),
        ("mysql", "/*!40000 a */ /*M! b */ /* c */", [(WORD, "a"), (WORD, "b")]),
        ("sqlite", "'never closed", [(STRING, "'never closed")]),
        ("mysql", "/* never closed", []),
    ],
)
def test_a_text_is_cut_as_its_database_would(vendor, sql, found):
    assert cut(sql, vendor) == found


def test_a_quoted_word_is_no_keyword_and_a_quoted_mark_no_mark():
    word, name, mark, quoted = tokens('update "update" ; ";"', "sqlite")
    assert (word.keyword, name.keyword) == ("UPDATE", "")
    assert (mark.mark, quoted.mark) == (";", "")


def test_a_token_knows_where_it_ends():
    assert [token.end for token in tokens("a /* b */ 'c'", "sqlite")] == [1, 13]
