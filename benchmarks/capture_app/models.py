"""One table for each way to keep a history, all of the same columns."""

from auditlog.registry import auditlog
from django.conf import settings
from django.db import models
from simple_history.models import HistoricalRecords


class Owner(models.Model):
    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Record(models.Model):
    """What a business record looks like: one column of every common type."""

    name = models.CharField(max_length=200)
    notes = models.TextField()
    count = models.IntegerField()
    price = models.DecimalField(max_digits=10, decimal_places=2)
    active = models.BooleanField()
    due = models.DateTimeField()
    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="+")
    reference = models.UUIDField()
    options = models.JSONField()
    day = models.DateField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class Bare(Record):
    pass


class Hubbed(Record):
    pass


class Simple(Record):
    history = HistoricalRecords()


class Audited(Record):
    pass


auditlog.register(Audited)

if settings.IS_POSTGRESQL:
    import pghistory

    @pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
    class Tracked(Record):
        pass
