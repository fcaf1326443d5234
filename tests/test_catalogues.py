"""Every text that people see in the admin is there in each language, whole and ready to be used."""

from __future__ import annotations

import gettext
import re
from collections import Counter
from typing import Final

import pytest
from babel.messages import Catalog, Message
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.apps import apps
from django.contrib.admin import site
from django.utils.functional import Promise
from django.utils.translation import gettext as gettext_now
from django.utils.translation import override

from tests.support.environment import ROOT
from tests.support.texts import PACKAGES, Text, bare_words, templates, texts

LANGUAGES: Final = ("de", "fr")
CATALOGUES: Final = [(package, language) for package in PACKAGES for language in LANGUAGES]
each_catalogue = pytest.mark.parametrize(("package", "language"), CATALOGUES)

INNER: Final = frozenset({"id", "network"})
"""Fields that no page shows."""

PLACEHOLDER: Final = re.compile(r"%\(\w+\)[a-z]|%%|\{\w*\}")
TAG: Final = re.compile(r"</?\w[^>]*>")


def path_of(package: str, language: str, kind: str):
    return ROOT / package / "locale" / language / "LC_MESSAGES" / f"django.{kind}"


def catalogue(package: str, language: str) -> Catalog:
    with path_of(package, language, "po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def messages(package: str, language: str) -> dict[Text, Message]:
    return {text_of(one): one for one in catalogue(package, language) if one.id}


def text_of(message: Message) -> Text:
    singular, *plural = [message.id] if isinstance(message.id, str) else message.id
    return Text(message.context, singular, plural[0] if plural else None)


def translations(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


@each_catalogue
def test_a_catalogue_has_the_texts_of_the_code_and_no_others(package, language):
    wanted, found = texts(package), messages(package, language)
    missing = [f"{where}: {text}" for text, where in wanted.items() if text not in found]
    unused = [str(text) for text in found if text not in wanted]
    assert (missing, unused) == ([], []), "run `make messages`, and translate what is new"


@each_catalogue
def test_every_text_is_translated_by_somebody(package, language):
    found = messages(package, language)
    assert found
    assert [text for text, message in found.items() if not all(translations(message))] == []
    assert [text for text, message in found.items() if message.fuzzy] == []


@each_catalogue
def test_a_translation_has_the_placeholders_the_markup_and_the_edges_of_its_text(package, language):
    found = messages(package, language)
    differing = [
        (text, translation)
        for text, message in found.items()
        for translation in translations(message)
        if not fits(text, translation)
    ]
    assert differing == []


def fits(text: Text, translation: str) -> bool:
    """Say whether a translation can stand for its text; one of the singular may have its number in
    words."""
    originals = [one for one in (text.singular, text.plural) if one is not None]
    edges = {(one[:1].isspace(), one[-1:].isspace()) for one in originals}
    return (
        any(Counter(PLACEHOLDER.findall(one)) == Counter(PLACEHOLDER.findall(translation))
            for one in originals)
        and any(Counter(TAG.findall(one)) == Counter(TAG.findall(translation)) for one in originals)
        and (translation[:1].isspace(), translation[-1:].isspace()) in edges
    )  # fmt: skip


@each_catalogue
def test_what_is_used_is_what_is_written(package, language):
    with path_of(package, language, "mo").open("rb") as file:
        compiled = {text_of(one): translations(one) for one in read_mo(file) if one.id}
    written = {text: translations(one) for text, one in messages(package, language).items()}
    assert compiled == written, "run `make messages`"


@each_catalogue
def test_python_reads_the_plurals_of_a_catalogue_as_the_language_has_them(package, language):
    with path_of(package, language, "mo").open("rb") as file:
        used = gettext.GNUTranslations(file)
    assert [used.plural(number) for number in (0, 1, 2)] == {"de": [1, 0, 1], "fr": [0, 0, 1]}[
        language
    ]


@pytest.mark.parametrize(
    ("language", "text", "translation"),
    [
        ("de", "Before", "Vorher"),
        ("fr", "Before", "Avant"),
        ("de-at", "not paired yet", "noch nicht gekoppelt"),
        ("fr-ca", "not paired yet", "pas encore associé"),
        ("en", "not paired yet", "not paired yet"),
    ],
)
def test_django_uses_the_catalogues(language, text, translation):
    with override(language):
        assert gettext_now(text) == translation


@pytest.mark.parametrize("package", PACKAGES)
def test_a_template_says_nothing_but_what_can_be_translated(package):
    assert templates(package)
    bare = {
        str(path.relative_to(ROOT)): bare_words(path.read_text(encoding="utf-8"))
        for path in templates(package)
    }
    assert {path: words for path, words in bare.items() if words} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_what_the_admin_lists_has_a_name_that_can_be_translated(package):
    app = apps.get_app_config(package)
    named = [app.verbose_name]
    for model in filter(site.is_registered, app.get_models()):
        named += [model._meta.verbose_name, model._meta.verbose_name_plural]
        fields = (field for field in model._meta.fields if field.name not in INNER)
        named += [field.verbose_name for field in fields]
    assert [name for name in named if not isinstance(name, Promise)] == []


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("<p>Bare</p>", ["Bare"]),
        ("<a title='Bare'>{{ text }}</a>", ["Bare"]),
        ("<input type=submit value=Bare>", ["Bare"]),
        ("<input type=hidden value=bare>", []),
        ("{% comment %}Bare{% endcomment %}<p>–</p>", []),
        ("{% blocktranslate %}Not <b>bare</b>{% endblocktranslate %} Bare", ["Bare"]),
        ("{% block coltype %}colM{% endblock %}{% block page %}Bare{% endblock %}", ["Bare"]),
    ],
)
def test_bare_words_are_found(template, words):
    assert bare_words(template) == words


@pytest.mark.parametrize(
    ("text", "translation", "is_fit"),
    [
        (Text(None, "%(name)s left"), "%(name)s ging", True),
        (Text(None, "%(name)s left"), "%(nom)s ging", False),
        (Text(None, "one entry", "%(count)s entries"), "ein Eintrag", True),
        (Text(None, "<b>now</b>"), "<b>jetzt</b>", True),
        (Text(None, "<b>now</b>"), "<i>jetzt</i>", False),
        (Text(None, " and"), "und", False),
    ],
)
def test_a_translation_that_does_not_fit_is_found(text, translation, is_fit):
    assert fits(text, translation) is is_fit
