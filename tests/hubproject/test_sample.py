"""The sample is somebody's: its user sees and hears all of it."""

from __future__ import annotations

import pytest

from hubproject.audiences import audiences_for
from hubproject.models import Project
from hubproject.sample import load_sample
from hubproject.visible import visible_entries, visible_projects
from tests.support.state import database_state

pytestmark = pytest.mark.django_db


def test_its_user_hears_all_of_it_without_being_staff(ada):
    assert load_sample(ada)
    assert visible_projects(ada).count() == 2
    assert visible_entries(ada).count() == 3
    assert database_state(set(audiences_for(ada))) == database_state()


def test_a_planner_that_has_data_is_left_alone(ada, move):
    assert not load_sample(ada)
    assert list(Project.objects.all()) == [move]
