"""A step by SMS, told day by day over real HTTP peers: sent, delivered, answered with STOP, and never sent again."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from amiable.core.models import AuditEntry, User
from amiable.ledger.models import ContactPoint, Creditor, Customer
from amiable.outreach import route
from amiable.outreach.models import Event, Message, OptOut, Reply
from amiable.outreach.send import send
from amiable.scenario import shelf
from amiable.web.desk import telling, timeline
from amiable.web.ui import clock
from tests import world as worlds
from tests.outreach.peers import Ovh, Twilio
from tests.stories.telling import live, refusals, steps
from tests.world import DAY, World, at, later

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("unmeasured")]
NUMBER = "+33612345678"


@pytest.fixture(autouse=True)
def _then(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.BASE_URL = "https://lumen.example"
    settings.LANGUAGE_CODE = "en"
    monkeypatch.setattr(clock, "now", lambda: at(DAY, 10))


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    with Twilio() as peer:
        yield peer


@pytest.fixture
def ovh() -> Iterator[Ovh]:
    with Ovh() as peer:
        yield peer


def carries(house: Creditor, key: str, values: dict[str, Any]) -> None:
    by = User.objects.create(username="camille")
    route.keep(creditor=house, key=key, values=values, now=at(DAY), by=by)
    house.refresh_from_db()
    route.use(creditor=house, key=key, now=at(DAY), by=by)


def texts(world: World, *journey: tuple[str, int, int]) -> None:
    """From now on the house writes SMS: key, level, days."""
    data = {
        "key": "by_sms", "applies": "", "label": {"en": "By SMS"},
        "steps": [
            {"key": key, "level": level, "days": days, "channel": "sms", "template": "reminder_1", "tone": "warm"}
            for key, level, days in journey
        ],
    }  # fmt: skip
    shelf.activate(shelf.save(data=data, creditor=world.house, now=at(DAY)))


def days(first: date, last: date) -> None:
    """Day after day; the morning is too early for an SMS, what waits leaves when its hours open."""
    live(first, last, then=lambda day: send(as_of=day, now=at(day, 9, 30)) and None)


def reached_at(who: Customer, number: str = NUMBER) -> None:
    ContactPoint.objects.create(contact=who.contacts.get(), medium="sms", value=number)


def tells(peer: Twilio, url: str, said: dict[str, str]) -> int:
    place = urlsplit(url)
    address = f"{place.path}?{place.query}" if place.query else place.path
    return Client().post(
        address, urlencode(said), content_type="application/x-www-form-urlencoded", headers=peer.call(url, said)
    ).status_code  # fmt: skip


def told(who: Customer) -> list[str]:
    lines, _more = timeline.happened(customer=who, group="words")
    return [str(line.what) for line in telling.tell(lines, segments={})]


def test_a_step_by_sms_from_the_scenario_to_stop_over_twilio(world: World, twilio: Twilio) -> None:
    carries(world.house, "sms_twilio", twilio.config())
    texts(world, ("reminder_1", 10, 3), ("reminder_2", 20, 8))
    reached_at(world.anna)
    bill = worlds.invoice(world.anna, 40_000, due_on=later(-3))
    days(DAY, DAY)
    message = Message.objects.get(customer=world.anna)
    [text] = twilio.texts
    assert (message.state, message.medium, message.address, message.html) == ("sent", "sms", NUMBER, "")
    assert text["To"] == NUMBER
    assert text["Body"] == message.text
    assert bill.reference in message.text
    assert "/p/" in message.text
    delivery = message.deliveries.get()
    assert delivery.channel == "sms_twilio"
    assert text["sid"] in delivery.detail

    for state in ("sent", "delivered", "delivered"):
        assert tells(twilio, *twilio.told(state)) == 200
    assert list(Event.objects.filter(message=message).order_by("id").values_list("kind", flat=True)) == [
        "sent",
        "delivered",
    ]
    assert any("delivered" in line for line in told(world.anna))

    hook = f"https://lumen.example/hooks/channel/{world.house.pk}/sms_twilio/"
    for _twice in range(2):
        assert tells(twilio, hook, twilio.answered("Stop svp", sender=NUMBER)) == 200
    [wish] = OptOut.objects.all()
    assert (wish.customer, wish.medium, wish.address, wish.origin) == (world.anna, "sms", NUMBER, "reply")
    assert Reply.objects.get().text == "Stop svp"
    assert AuditEntry.objects.filter(act="contact.opted_out", actor="reply").count() == 1
    assert any("No more SMS" in line for line in told(world.anna))
    days(later(1), later(5))
    assert steps(world.anna) == [(DAY, "reminder_1")]
    assert (later(5), "reminder_2", "opted_out") in refusals(world.anna)

    assert tells(twilio, hook, twilio.answered("START", sender=NUMBER)) == 200
    days(later(6), later(8))  # the sixth day is a Sunday
    assert len(twilio.texts) == 2


def test_a_step_by_sms_over_ovhcloud_whose_unsigned_calls_are_looked_up(world: World, ovh: Ovh) -> None:
    carries(world.house, "sms_ovh", ovh.config())
    texts(world, ("reminder_1", 10, 3), ("reminder_2", 20, 8))
    reached_at(world.anna, "06 12 34 56 78")  # as it stands in a file
    worlds.invoice(world.anna, 40_000, due_on=later(-3))
    days(DAY, DAY)
    message = Message.objects.get(customer=world.anna)
    assert message.state == "sent", message.verdict
    assert ovh.jobs[0]["receivers"] == [NUMBER]
    hook = f"/hooks/channel/{world.house.pk}/sms_ovh/"
    assert Client().get(hook, {"id": "77", "ptt": "4"}).status_code == 400  # nothing that they know
    assert Client().get(hook, ovh.delivered()).status_code == 200
    assert Event.objects.get(message=message).kind == "delivered"

    ovh.answered("ARRET", sender="0612345678")
    assert Client().get(hook, {"sender": "0612345678"}).status_code == 200
    assert OptOut.objects.get().address == "06 12 34 56 78"
    days(later(1), later(5))
    assert len(ovh.jobs) == 1


def test_a_number_that_is_dead_is_not_tried_again_and_a_better_one_is_asked_for(world: World, twilio: Twilio) -> None:
    carries(world.house, "sms_twilio", twilio.config())
    texts(world, ("reminder_1", 10, 3), ("reminder_2", 20, 8))
    reached_at(world.anna)
    reached_at(world.emil, "+33472000001")  # a landline
    for who in (world.anna, world.emil):
        worlds.invoice(who, 40_000, due_on=later(-3))
    days(DAY, DAY)
    assert Message.objects.get(customer=world.emil).state == "failed"
    assert tells(twilio, *twilio.told("undelivered", code=30005)) == 200
    failed = dict(ContactPoint.objects.exclude(failed_at=None).values_list("value", "failure"))
    assert "not a mobile number" in failed["+33472000001"]
    assert "30005" in failed[NUMBER]
    days(later(1), later(5))
    assert (later(5), "reminder_2", "no_address") in refusals(world.anna)
    assert len(twilio.texts) == 1


def test_who_said_stop_to_twilio_is_closed_when_it_refuses(world: World, twilio: Twilio) -> None:
    carries(world.house, "sms_twilio", twilio.config())
    texts(world, ("reminder_1", 10, 3))
    reached_at(world.anna, "+33600021610")
    worlds.invoice(world.anna, 40_000, due_on=later(-3))
    days(DAY, DAY)
    message = Message.objects.get(customer=world.anna)
    assert (message.state, OptOut.objects.get().origin) == ("failed", "carrier")
    assert "STOP" in message.verdict


def test_a_stop_closes_the_number_for_the_creditor_whose_line_it_came_by(world: World, twilio: Twilio) -> None:
    carries(world.house, "sms_twilio", twilio.config())
    for who in (world.anna, world.boris, world.nadia):
        reached_at(who)
    hook = f"https://lumen.example/hooks/channel/{world.house.pk}/sms_twilio/"
    assert tells(twilio, hook, twilio.answered("STOP", sender=NUMBER)) in (200, 202)
    assert set(OptOut.objects.values_list("customer", flat=True)) == {world.anna.pk, world.boris.pk}


def test_a_sentence_with_stop_in_it_waits_for_a_person(world: World, twilio: Twilio) -> None:
    carries(world.house, "sms_twilio", twilio.config())
    reached_at(world.anna)
    hook = f"https://lumen.example/hooks/channel/{world.house.pk}/sms_twilio/"
    assert tells(twilio, hook, twilio.answered("Stop, j'ai payé hier", sender=NUMBER)) == 200
    assert not OptOut.objects.exists()
    assert world.anna.tasks.get().kind == "reply"
