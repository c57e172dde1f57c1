"""The schema goes back and forth with rows in it, and loses nothing that a customer said."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from amiable.casework.models import SurveyAnswer, SurveyAsk
from amiable.core import seal
from amiable.payments.models import Plan
from tests import world
from tests.world import DAY, at

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]
LATE_IN_LONDON = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)  # in Paris it is the third


def to(app: str, name: str) -> Any:
    """The models as they were at a migration."""
    executor = MigrationExecutor(connection)
    executor.migrate([(app, name)])
    return MigrationExecutor(connection).loader.project_state([(app, name)]).apps


@pytest.fixture(autouse=True)
def _back_to_the_newest() -> Iterator[None]:
    yield
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_what_was_said_of_means_is_sealed_and_unsealed() -> None:
    who = world.customer(world.creditor())
    said = {"income_minor": 180_000}
    plan = Plan.objects.create(
        customer=who,
        currency="EUR",
        total_minor=100,
        state="offered",
        offered_at=at(DAY),
        sealed_capacity=seal.close(json.dumps(said)),
    )
    assert to("payments", "0002_api").get_model("payments", "Plan").objects.get(pk=plan.pk).capacity == said
    to("payments", "0003_sealed")
    assert json.loads(seal.open_(Plan.objects.get(pk=plan.pk).sealed_capacity)) == said


def test_an_ask_keeps_its_day_where_the_creditor_is_and_what_counts_for_nothing_stays_so() -> None:
    london = world.customer(world.creditor(country="GB", time_zone="Europe/London"))
    world.survey_answer(london, 8, now=LATE_IN_LONDON)
    SurveyAsk.objects.update(asked_on=date(2026, 3, 3))  # as it once was reckoned, everywhere as in Paris
    to("casework", "0004_chain")
    to("casework", "0006_survey")
    ask = SurveyAnswer.objects.select_related("ask").get().ask
    assert (ask.asked_on, ask.medium, ask.void_since) == (date(2026, 3, 2), "", LATE_IN_LONDON)
