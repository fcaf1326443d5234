"""A model whose keys are texts that differ in what many collations do not tell apart."""

from __future__ import annotations

from django.db import models

from sync.exact_text import ExactCharField


class Coupon(models.Model):
    """Named by a text, and heard by the room that another text names."""

    code = ExactCharField(primary_key=True, max_length=40)
    room = ExactCharField(max_length=40)
    note = models.CharField(max_length=40, blank=True, default="")

    def __str__(self) -> str:
        return self.code
