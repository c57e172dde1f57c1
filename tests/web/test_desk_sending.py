"""The page of what is about to leave: filtered, released row by row or as a whole, everything stopped."""

import pytest
from django.test import Client
from django.urls import reverse

from amiable.core.models import Role
from amiable.ledger.models import Creditor
from amiable.outreach import release
from amiable.outreach.models import Message, MessageState, Release
from amiable.web.ui import clock
from tests.outreach.rows import a_customer, a_message, an_invoice
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def creditor() -> Creditor:
    creditor = rows.creditor("ours")
    manager = rows.colleague("anna", creditor, Role.MANAGER)
    release.choose(creditor=creditor, hand=True, now=clock.now(), by=manager)
    for number in range(60):
        customer = a_customer(creditor, f"C{number}", email=f"c{number}@x.example")
        purpose = "reminder_1" if number % 2 else "reminder_2"
        a_message(customer, purpose, [an_invoice(customer, f"F-{number}", 12_300, days_late=9)])
    creditor.refresh_from_db()
    return creditor


def as_manager(client: Client) -> Client:
    from amiable.core.models import User

    client.force_login(User.objects.get(username="anna"))
    return client


def test_what_waits_is_listed_in_pages_with_what_is_open(client: Client, creditor: Creditor) -> None:
    page = as_manager(client).get(reverse("desk:sending"))
    assert len(page.context["rows"]) == 50
    assert page.context["rows"][0]["amount_minor"] == 12_300
    second = client.get(f"{reverse('desk:sending')}?{page.context['next']}")
    assert [each["row"].customer.number for each in second.context["rows"]] == [f"C{n}" for n in range(50, 60)]
    assert not second.context["next"]
    narrowed = client.get(reverse("desk:sending"), {"purpose": "reminder_2", "medium": "email"})
    assert narrowed.context["matching"] == 30
    assert client.get(reverse("desk:sending"), {"state": "nonsense", "after": "x" * 40}).status_code == 200


def test_those_chosen_are_released_or_held_back(client: Client, creditor: Creditor) -> None:
    first, second = Message.objects.order_by("pk")[:2]
    as_manager(client)
    for name, message, state in (("let_go", first, MessageState.PLANNED), ("hold_back", second, MessageState.WITHHELD)):
        client.post(reverse("desk:sending_act", args=[creditor.pk, name]), {"message": [message.pk, "x"]})
        message.refresh_from_db()
        assert message.state == state
    again = client.post(reverse("desk:sending_act", args=[creditor.pk, "let_go"]), {"message": first.pk}, follow=True)
    assert str(list(again.context["messages"])[-1]) == "None of these messages waits any more."


def test_all_of_a_filter_are_released_in_one_row(client: Client, creditor: Creditor) -> None:
    as_manager(client).post(reverse("desk:sending_act", args=[creditor.pk, "all"]), {"purpose": "reminder_1"})
    row = Release.objects.get()
    assert (row.purpose, row.leave, row.done_at) == ("reminder_1", True, None)


def test_everything_is_stopped_and_goes_on(client: Client, creditor: Creditor) -> None:
    act = reverse("desk:sending_act", args=[creditor.pk, "stop"])
    page = as_manager(client).post(act, {"why": "Wrong amounts"}, follow=True)
    assert "Wrong amounts" in page.content.decode()
    assert "Wrong amounts" in client.get(reverse("desk:home")).content.decode()
    client.post(reverse("desk:sending_act", args=[creditor.pk, "resume"]))
    creditor.refresh_from_db()
    assert creditor.stopped_at is None


def test_a_collector_looks_and_does_not_release(client: Client, creditor: Creditor) -> None:
    client.force_login(rows.colleague("bob", creditor, Role.COLLECTOR))
    assert client.get(reverse("desk:sending")).status_code == 200
    act = client.post(reverse("desk:sending_act", args=[creditor.pk, "all"]))
    assert act.status_code == 404
    assert not Release.objects.exists()
