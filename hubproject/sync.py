"""Which of the planner's models sync, who hears them, and under which event names."""

import sync
from hubproject.models import Membership, PlannerEntry, Project, Task

sync.register(Project, audience="project:{id}")
sync.register(Membership, audience="project:{project_id}")
sync.register(Task, audience="project:{project_id}", events={"task.statusChanged": ["status"]})
sync.register(
    PlannerEntry, audience="user:{owner_id}", events={"planner.entryChanged": sync.ANY_CHANGE}
)
