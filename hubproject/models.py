"""The planner's data: projects, their tasks, and what is planned for a day."""

from django.db import models


class Project(models.Model):
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "projects"
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name


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

    class Meta:
        db_table = "planner_entries"
        ordering = ["date", "id"]
        verbose_name_plural = "planner entries"

    def __str__(self) -> str:
        return f"{self.date}: {self.title}"
