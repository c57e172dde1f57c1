"""What each page of the desk costs the database: fifteen queries, however much there is. A new page is asked too."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from amiable.core.models import Role
from amiable.web.desk import urls
from tests.web import desk_rows as rows
from tests.web.test_desk_scope import LISTS, addresses, listed

pytestmark = pytest.mark.django_db
QUERIES = 15


def test_no_page_costs_more_than_fifteen_queries() -> None:
    ours = rows.creditor("ours")
    anna = rows.full(ours, "Anna")
    asked = {name: listed(name) for name in LISTS} | addresses(anna)
    for n in range(8):
        rows.invoice(anna, 1_000, late=n)
        rows.credit(anna, 500, days_ago=n)
        rows.message(anna)
        rows.task(anna)
        other = rows.full(ours, f"Customer {n}")
        rows.plan(other)
        rows.begun(other)
        rows.suspense(ours)
    rows.counted()
    client = rows.desk(rows.colleague("camille", ours, Role.ADMIN))
    client.raise_request_exception = False  # a letter of these small rows cannot be printed
    costs: dict[str, int] = {}
    for name, address in asked.items():
        with CaptureQueriesContext(connection) as cost:
            answer = client.get(address)
            if answer.streaming:
                b"".join(answer.streaming_content)  # type: ignore[attr-defined]
        if answer.status_code == 200:
            costs[name] = len(cost)
    read = {pattern.name for pattern in urls.urlpatterns} & {name.split(":")[0] for name in costs}
    assert len(read) > 90, "pages that were looked at"
    assert {name: cost for name, cost in costs.items() if cost > QUERIES} == {}
