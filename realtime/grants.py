"""What a connection was let in with, and how that is checked again."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Sequence
from typing import Any, Final

from django.utils import timezone

from realtime.errors import Revoked, TokenExpired

_EXPIRED: Final = "The token has expired. Come back with a new one."
_REVOKED: Final = "The token or session you came with is not valid any more."


_NOT_YET: Final = LookupError("not looked at yet")

Together = Callable[[Sequence[Any]], "list[Grant | Exception]"]


@dataclasses.dataclass(frozen=True, slots=True)
class Grant:
    """A user who was let in; `renew` looks at the same credential afresh, on a database thread.

    It raises `Revoked` or `TokenExpired` where the credential lets nobody in any more. Where it has
    an attribute `together`, that does the same for many: see `renewed_all`.
    `audiences` are those of the user's that the credential is good for; None for all. It `watches`
    where it lets in a page that is told of the history alone, see `realtime.watching`.
    """

    user: Any
    renew: Callable[[], Grant] = dataclasses.field(repr=False)  # it may hold the credential
    expires_at: datetime.datetime | None = None
    audiences: frozenset[str] | None = None
    device_id: int | None = None
    watches: bool = False


def renewed_all(grants: Sequence[Grant]) -> list[Grant | Exception]:
    """Return for each grant what `renew` returns or raises; those of a kind that can be looked at
    together are."""
    found: list[Grant | Exception] = [_NOT_YET] * len(grants)
    alike: dict[Together | None, list[int]] = {}
    for index, grant in enumerate(grants):
        alike.setdefault(getattr(grant.renew, "together", None), []).append(index)
    for together, indexes in alike.items():
        renewals = [grants[index].renew for index in indexes]
        answers = [_renewed(one) for one in renewals] if together is None else together(renewals)
        for index, answer in zip(indexes, answers, strict=True):
            found[index] = answer
    return found


def _renewed(renew: Callable[[], Grant]) -> Grant | Exception:
    try:
        return renew()
    except Exception as error:
        return error


def renewed(found: Grant | None, user_pk: Any, expires_at: datetime.datetime | None) -> Grant:
    """Return what a credential grants now that once let this user in, and until when.

    Raises `TokenExpired` where it grants nothing any more and its time was over, else `Revoked`;
    a credential that is another user's now is revoked.
    """
    if found is not None and found.user.pk == user_pk:
        return found
    if found is None and is_over(expires_at):
        raise expired()
    raise revoked()


def is_over(expires_at: datetime.datetime | None) -> bool:
    """Tell whether the time of a credential is over."""
    return expires_at is not None and expires_at <= timezone.now()


def expired() -> TokenExpired:
    """Return the error that ends a connection whose credential was good until now."""
    return TokenExpired(_EXPIRED)


def revoked() -> Revoked:
    """Return the error that ends a connection whose credential was taken back."""
    return Revoked(_REVOKED)
