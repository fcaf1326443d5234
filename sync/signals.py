"""What the app tells the rest of the process, in the thread and the transaction it happens in."""

from __future__ import annotations

from typing import Final

from django.dispatch import Signal

recorded: Final = Signal()
"""Entries were written: sent at least once per write, inside its transaction.

Sender: `SyncLog`. Arguments: `using`, the database alias; `transaction`, the id that the entries of
this commit share. Whoever wants the entries themselves connects to Django's `post_save` of
`SyncLog`, which is sent for each of them.
"""
