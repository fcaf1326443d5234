"""The planner in the Django admin."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from hubproject.models import Membership, PlannerEntry, Project, Task

admin.site.site_title = admin.site.site_header = "Planner administration"
admin.site.index_title = "Data and changes"


class MembershipInline(admin.TabularInline):
    model = Membership
    autocomplete_fields = ["user"]
    extra = 0


class TaskInline(admin.TabularInline):
    model = Task
    fields = ["title", "status", "due"]
    extra = 0
    show_change_link = True


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin):
    list_display = ["name", "open_tasks", "created_at"]
    search_fields = ["name"]
    date_hierarchy = "created_at"
    inlines = [MembershipInline, TaskInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        unfinished = Count("tasks", filter=~Q(tasks__status=Task.Status.DONE))
        return super().get_queryset(request).annotate(open_tasks=unfinished)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Whoever adds a project is a member of it, also where the form names others alone."""
        super().save_related(request, form, formsets, change)
        if not change:
            form.instance.memberships.get_or_create(user=request.user)

    @admin.display(description="open tasks", ordering="open_tasks")
    def open_tasks(self, project: Project) -> int:
        return project.open_tasks


@admin.register(Task)
class TaskAdmin(admin.ModelAdmin):
    list_display = ["title", "project", "status", "due"]
    list_editable = ["status"]
    list_filter = ["status", "project", "due"]
    list_select_related = ["project"]
    search_fields = ["title", "notes", "project__name"]
    autocomplete_fields = ["project"]


@admin.register(PlannerEntry)
class PlannerEntryAdmin(admin.ModelAdmin):
    list_display = ["date", "title", "task", "owner"]
    list_display_links = ["title"]
    list_filter = ["date", "owner", "task__project"]
    list_select_related = ["task", "owner"]
    search_fields = ["title", "task__title"]
    date_hierarchy = "date"
    autocomplete_fields = ["task", "owner"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """An entry is its author's, unless the author says whose."""
        return {"owner": request.user.pk} | super().get_changeform_initial_data(request)
