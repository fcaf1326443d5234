"""What the app tells the rest of the process, in the thread and the transaction it happens in."""

from __future__ import annotations

from typing import Final

from django.dispatch import Signal

recorded: Final = Signal()
"""Entries were written: sent at least once per write, inside its transaction, or right after it
where that was a transaction of its own, which an error of a receiver then does not take back.

Sender: `SyncLog`. Arguments: `using`, the database alias; `transaction`, the id that the entries of
this commit share. Whoever wants the entries themselves connects to Django's `post_save` of
`SyncLog`, which is sent for each of them.
"""

uncaptured: Final = Signal()
"""Raw SQL wrote to a registered table and nothing recorded it: sent after the statement.

Sender: the model. Arguments: `using`, the database alias; `table`; `verb`, such as `UPDATE`;
`rows`, how many the database says it touched, or None where it does not say; `caller`, the line
that wrote, as `path:line in function`. Errors of receivers are logged and do not reach who wrote.
"""
