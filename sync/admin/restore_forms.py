"""What somebody has to say before anything is restored, and the token of what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from sync.context import MAX_TEXT_LENGTH
from sync.restoring import Plan


class ReasonForm(forms.Form):
    """Why it is done: recorded with every change that it makes."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=MAX_TEXT_LENGTH,
        help_text=_("Recorded with the change, for everybody who looks at the history."),
    )


class UndoForm(ReasonForm):
    """Asks more of somebody who takes back many changes at once."""

    count = forms.IntegerField(label=_("Number of records"))
    sure = forms.BooleanField(label=_("Take back all of these changes"))
    overwrite = forms.BooleanField(label=_("Overwrite what was changed since"))

    def __init__(self, plan: Plan, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._count = len(plan.steps)
        self.fields["count"].help_text = _("Type %(count)d, the number of records below.") % {
            "count": self._count
        }
        if not plan.conflicts:
            del self.fields["overwrite"]

    def clean_count(self) -> int:
        count = int(self.cleaned_data["count"])
        if count != self._count:
            raise ValidationError(_("This is not the number of records below."), code="count")
        return count


def token_of(request: HttpRequest, page: str, plan: Plan, *choice: Any) -> str:
    """Return a token that says what the request's user has seen and chosen on a page."""
    salt = _salt(request, page, plan.entry.pk)
    return signing.dumps([plan.fingerprint, *choice], salt=salt)


def seen_by(request: HttpRequest, page: str, pk: int) -> Sequence[Any] | None:
    """Return the fingerprint and the choice that the request's token holds; None where it is not
    this user's, or of another page or entry."""
    try:
        seen: Sequence[Any] = signing.loads(
            request.POST.get("seen", ""), salt=_salt(request, page, pk)
        )
    except signing.BadSignature:
        return None
    return seen


def _salt(request: HttpRequest, page: str, pk: int) -> str:
    return f"sync.{page}:{request.user.pk}:{pk}"
