"""Rows of many-to-many tables, from both sides."""

from __future__ import annotations

from django.db.models.signals import m2m_changed

from tests.sync.observing import Entry, delete, insert, name_of, update
from tests.sync.writes.table import Steps, write
from tests.testapp.models import Article, Label, Reader, Reading


def labels(*names: str) -> list[Label]:
    return [Label.objects.create(name=name) for name in names]


def pairs(article: Article, action: str) -> list[Entry]:
    """Return the entries of all rows that now tie labels to the article."""
    through = Article.labels.through
    table = through._meta.db_table
    return [(table, name_of(row), action) for row in through.objects.filter(article=article)]


@write
def many_to_many_add() -> Steps:
    article, (a, b) = Article.objects.create(title="a"), labels("a", "b")
    yield
    article.labels.add(a, b)
    article.labels.add(a)
    yield pairs(article, "insert")


@write
def many_to_many_add_from_the_far_side() -> Steps:
    article, [label] = Article.objects.create(title="a"), labels("a")
    yield
    label.articles.add(article)
    yield pairs(article, "insert")


@write
def many_to_many_create() -> Steps:
    article = Article.objects.create(title="a")
    yield
    label = article.labels.create(name="new")
    yield [insert(label), *pairs(article, "insert")]


@write
def many_to_many_remove() -> Steps:
    article, (a, b) = Article.objects.create(title="a"), labels("a", "b")
    article.labels.add(a)
    gone = pairs(article, "delete")
    article.labels.add(b)
    yield
    article.labels.remove(a)
    yield gone


@write
def many_to_many_remove_from_the_far_side() -> Steps:
    article, [label] = Article.objects.create(title="a"), labels("a")
    article.labels.add(label)
    gone = pairs(article, "delete")
    yield
    label.articles.remove(article)
    yield gone


@write
def many_to_many_set() -> Steps:
    article, (a, b, c) = Article.objects.create(title="a"), labels("a", "b", "c")
    article.labels.add(a)
    gone = pairs(article, "delete")
    article.labels.add(b)
    kept = pairs(article, "delete")
    yield
    article.labels.set([b, c])
    made = [entry for entry in pairs(article, "insert") if (*entry[:2], "delete") not in kept]
    assert len(made) == 1
    yield [*made, *(entry for entry in gone)]


@write
def many_to_many_set_from_the_far_side() -> Steps:
    articles = [Article.objects.create(title=title) for title in "ab"]
    [label] = labels("a")
    label.articles.add(articles[0])
    gone = pairs(articles[0], "delete")
    yield
    label.articles.set([articles[1]])
    yield [*gone, *pairs(articles[1], "insert")]


@write
def many_to_many_clear() -> Steps:
    article = Article.objects.create(title="a")
    article.labels.add(*labels("a", "b"))
    gone = pairs(article, "delete")
    yield
    article.labels.clear()
    yield gone


@write
def many_to_many_clear_from_the_far_side() -> Steps:
    article, [label] = Article.objects.create(title="a"), labels("a")
    article.labels.add(label)
    gone = pairs(article, "delete")
    yield
    label.articles.clear()
    yield gone


@write
def many_to_many_rows_lost_with_their_owner() -> Steps:
    article = Article.objects.create(title="a")
    article.labels.add(*labels("a", "b"))
    gone = [delete(article), *pairs(article, "delete")]
    yield
    article.delete()
    yield gone


@write
def many_to_many_rows_lost_with_their_far_side() -> Steps:
    article, [label] = Article.objects.create(title="a"), labels("a")
    article.labels.add(label)
    gone = [delete(label), *pairs(article, "delete")]
    yield
    Label.objects.all().delete()
    yield gone


@write
def many_to_many_within_one_table() -> Steps:
    a, b = (Article.objects.create(title=title) for title in "ab")
    through = Article.related.through
    yield
    a.related.add(b)
    both = list(through.objects.all())
    assert len(both) == 2
    made = [insert(row) for row in both]
    b.related.remove(a)
    yield made + [delete(row) for row in both]


@write
def many_to_many_through_a_model_of_its_own() -> Steps:
    article, reader = Article.objects.create(title="a"), Reader.objects.create(name="Ada")
    yield
    article.readers.add(reader, through_defaults={"note": "twice"})
    reading = Reading.objects.get()
    reading.note = "three times"
    reading.save()
    entries = [insert(reading), update(reading), delete(reading)]
    reader.articles.clear()
    yield entries


@write
def many_to_many_set_with_clear() -> Steps:
    """Replace all rows, also those that would have stayed."""
    article, (a, b) = Article.objects.create(title="a"), labels("a", "b")
    article.labels.add(a)
    gone = pairs(article, "delete")
    yield
    article.labels.set([a, b], clear=True)
    yield [*gone, *pairs(article, "insert")]


@write
def many_to_many_get_or_create_and_update_or_create() -> Steps:
    article = Article.objects.create(title="a")
    yield
    label, _ = article.labels.get_or_create(name="a")
    article.labels.get_or_create(name="a")
    article.labels.update_or_create(name="a", defaults={"name": "b"})
    yield [insert(label), *pairs(article, "insert"), update(label)]


@write
def many_to_many_update_and_delete_of_the_related_records() -> Steps:
    """Update and delete through the manager what the relation ties, not the tie."""
    article, (a, _) = Article.objects.create(title="a"), labels("a", "b")
    article.labels.add(a)
    gone = [delete(a), *pairs(article, "delete")]
    yield
    article.labels.update(name="c")
    article.labels.all().delete()
    yield [update(a), *gone]


@write
def many_to_many_add_of_keys_and_of_many() -> Steps:
    article = Article.objects.create(title="a")
    many = Label.objects.bulk_create([Label(name=str(number)) for number in range(300)])
    keys = list(Label.objects.values_list("pk", flat=True))
    assert len(many) == len(keys)
    yield
    article.labels.add(*keys)
    yield pairs(article, "insert")


@write
def many_to_many_rows_written_as_records() -> Steps:
    """Write the rows of the hidden through model itself."""
    article, (a, b) = Article.objects.create(title="a"), labels("a", "b")
    through = Article.labels.through
    yield
    row = through.objects.create(article=article, label=a)
    through.objects.filter(label=a).update(label=b)
    entries = [insert(row), update(row), delete(row)]
    row.delete()
    yield entries


@write
def many_to_many_add_with_a_listener() -> Steps:
    """Add while somebody listens to `m2m_changed`, which takes another way through Django."""

    def hear(**kwargs: object) -> None: ...

    article, (a, b) = Article.objects.create(title="a"), labels("a", "b")
    article.labels.add(a)
    m2m_changed.connect(hear, sender=Article.labels.through)
    yield
    try:
        article.labels.add(a, b)
        made = pairs(article, "insert")[1:]
        entries = [*made, *pairs(article, "delete")]
        article.labels.clear()
    finally:
        m2m_changed.disconnect(hear, sender=Article.labels.through)
    yield entries


@write
def many_to_many_of_a_model_with_its_own_through_rows_in_bulk() -> Steps:
    article = Article.objects.create(title="a")
    readers = [Reader.objects.create(name=name) for name in "ab"]
    yield
    article.readers.set(readers, through_defaults={"note": "n"})
    rows = list(Reading.objects.all())
    Reading.objects.filter(note="n").update(note="m")
    entries = [insert(row) for row in rows] + [update(row) for row in rows]
    entries += [delete(row) for row in rows]
    article.readers.set([])
    yield entries
