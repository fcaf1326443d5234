"""What would go, or be changed, with records that are deleted: all that points at them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import connections, models, router
from django.utils.translation import gettext as _

from sync import codec
from sync.restoring.chunks import chunks
from sync.restoring.planning import Planner
from sync.restoring.references import Key
from sync.restoring.steps import DELETE, UPDATE, Step


def refuse_dependents(planner: Planner) -> None:
    """Make a problem of every record that points at one to be deleted and is not itself part of
    the plan: deleting would take it along, or change it."""
    deleted: dict[type[models.Model], list[Any]] = {}
    for step in planner.steps.values():
        if step.action == DELETE:
            deleted.setdefault(step.model, []).append(step.instance)
    for model, instances in deleted.items():
        for chunk in chunks(instances):
            for child in _pointing(planner, model, chunk):
                planner.problem(_text(planner, model, child))


def _pointing(
    planner: Planner, model: type[models.Model], instances: Sequence[Any]
) -> Iterator[type[models.Model]]:
    for field in _foreign_keys_to(model, planner.using):
        planned = {key for key, step in planner.steps.items() if _lets_go(step, field)}
        values = [getattr(one, field.target_field.attname) for one in instances]
        rows: models.QuerySet[Any] = models.QuerySet(field.model, using=planner.using)
        found = rows.filter(**{f"{field.attname}__in": values})
        if _others(found, planned):
            yield field.model
    for relation in model._meta.private_fields:
        if hasattr(relation, "bulk_related_objects"):
            found = relation.bulk_related_objects(instances, planner.using)
            planned = {key for key, step in planner.steps.items() if step.action == DELETE}
            if _others(found, planned):
                yield found.model


def _others(found: models.QuerySet[Any], planned: set[Key]) -> bool:
    meta = found.model._meta
    keys = meta.pk_fields
    of_table = {record_id for table, record_id in planned if table == meta.db_table}
    rows = found.order_by().values_list(*(key.attname for key in keys))[: len(of_table) + 1]
    return any(codec.record_id(row, keys) not in of_table for row in rows)


def _lets_go(step: Step, field: Any) -> bool:
    if step.action == UPDATE:
        return field.attname in step.values
    return step.action == DELETE


def _foreign_keys_to(model: type[models.Model], using: str) -> Iterable[Any]:
    """Yield the foreign keys to a table whose own tables are in this database."""
    connection = connections[using]
    for relation in model._meta.get_fields(include_hidden=True):
        field: Any = getattr(relation, "field", None)
        if field is None or not relation.auto_created or relation.concrete:
            continue
        if not field.concrete or field.many_to_many:
            continue
        meta = field.model._meta
        is_own = field.target_field.model._meta.concrete_model is model._meta.concrete_model
        can_exist = meta.required_db_vendor in {None, connection.vendor} and all(
            getattr(connection.features, name, False) for name in meta.required_db_features
        )
        if is_own and can_exist and router.allow_migrate_model(using, field.model):
            yield field


def _text(planner: Planner, model: type[models.Model], child: type[models.Model]) -> str:
    if not planner.rights.may_see(child):
        return _("Other records, of a kind that you may not see, belong to those to be deleted.")
    return _(
        "%(children)s that are no part of this belong to %(records)s to be deleted, and would be"
        " deleted or changed too: remove them first."
    ) % {"children": child._meta.verbose_name_plural, "records": model._meta.verbose_name_plural}
