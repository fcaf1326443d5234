"""The planner's data: projects, their members and tasks, and what is planned for a day."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Project(models.Model):
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "projects"
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """Lets a user see a project, and hear of it."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )

    class Meta:
        db_table = "memberships"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="one_membership_each")
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.project}"


class Task(models.Model):
    class Status(models.TextChoices):
        TODO = "todo", "To do"
        DOING = "doing", "Doing"
        DONE = "done", "Done"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tasks")
    title = models.CharField(max_length=200)
    status = models.CharField(max_length=10, choices=Status, default=Status.TODO)
    due = models.DateField(null=True, blank=True)
    notes = models.TextField(blank=True)

    class Meta:
        db_table = "tasks"
        ordering = ["id"]

    def __str__(self) -> str:
        return self.title


class PlannerEntry(models.Model):
    date = models.DateField(db_index=True)
    title = models.CharField(max_length=200)
    task = models.ForeignKey(
        Task, on_delete=models.SET_NULL, null=True, blank=True, related_name="planner_entries"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="planner_entries",
        help_text=_("Who sees the entry, besides staff. Without an owner, staff alone."),
    )

    class Meta:
        db_table = "planner_entries"
        ordering = ["date", "id"]
        verbose_name_plural = "planner entries"

    def __str__(self) -> str:
        return f"{self.date}: {self.title}"
