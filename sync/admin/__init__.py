"""The change history in the Django admin: a guest of any admin site, which edits no entry."""

from sync.admin.log_admin import SyncLogAdmin

__all__ = ["SyncLogAdmin"]
