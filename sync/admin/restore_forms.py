"""What somebody has to say before anything is restored, and the token of what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from sync.context import MAX_TEXT_LENGTH
from sync.restoring import Plan

_SALT: Final = "sync.restoring"


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


def token_of(request: HttpRequest, plan: Plan, *choice: Any) -> str:
    """Return a token that says what the request's user has seen and chosen."""
    return signing.dumps([_user(request), plan.entry.pk, plan.fingerprint, *choice], salt=_SALT)


def seen_by(request: HttpRequest, pk: int) -> Sequence[Any] | None:
    """Return the fingerprint and the choice that the request's token holds; None where it is not
    this user's, or of another entry."""
    try:
        user, entry, *seen = signing.loads(request.POST.get("seen", ""), salt=_SALT)
    except (signing.BadSignature, ValueError):
        return None
    return seen if (user, entry) == (_user(request), pk) else None


def _user(request: HttpRequest) -> str:
    return str(request.user.pk)
