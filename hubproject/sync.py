"""Which of the planner's models sync, and under which event names."""

import sync
from hubproject.models import PlannerEntry, Project, Task

sync.register(Project)
sync.register(Task, events={"task.statusChanged": ["status"]})
sync.register(PlannerEntry, events={"planner.entryChanged": "*"})
