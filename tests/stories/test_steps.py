"""Steps by post and by the voice server, told day by day: printed, rung in the law's hours, and the next way where one fails."""

from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from amiable.casework.models import Task
from amiable.core.models import User
from amiable.ledger.models import ContactPoint, Creditor, Customer
from amiable.outreach import route, tray
from amiable.outreach.channel import Word
from amiable.outreach.models import EventKind, Letter, Message, OptOut
from amiable.outreach.receive import hear
from amiable.outreach.send import send
from amiable.portfolio.refresh import refresh
from amiable.scenario import decide, explain
from amiable.scenario.models import Decision
from amiable.web.ui import clock
from tests import world as worlds
from tests.conftest import Post
from tests.outreach.peers import Twilio
from tests.stories.telling import live, refusals, steps
from tests.stories.test_branches import runs, sent
from tests.stories.test_sms import carries
from tests.world import DAY, World, at, later

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("unmeasured")]
HOME = {"street": "3 rue du Lac", "postcode": "69003", "city": "Lyon", "country": "FR"}


def told(who: Customer) -> list[tuple[str, str]]:
    return list(Message.objects.filter(customer=who).order_by("pk").values_list("medium", "state"))


def test_a_step_by_post_waits_for_who_prints_and_climbs_from_the_tray(world: World, post: Post) -> None:
    by_post = {"channel": "email", "fallback": ["letter"]}
    runs(world, sent("reminder_1", 10, 3, **by_post), sent("reminder_2", 20, 10, **by_post, template="reminder_2"))
    mute = worlds.customer(world.house, email="", **HOME)
    Customer.objects.filter(pk=world.anna.pk).update(**HOME)
    bills = [worlds.invoice(who, 40_000, due_on=later(-3)) for who in (mute, world.anna)]
    live(DAY, DAY)
    assert refusals(mute) == [(DAY, "reminder_1", "no_address")]  # nobody has said that somebody prints
    assert Task.objects.get(customer=mute).key == f"address:{mute.pk}:email"

    by = User.objects.create(username="maud")
    route.use(creditor=world.house, key="letter", now=at(DAY, 10), by=by)
    world.house.refresh_from_db()
    ahead = decide.preview(customer=mute, as_of=DAY, now=at(DAY, 10))
    assert [(each.on, each.channel, each.rail) for each in ahead[:1]] == [(DAY, "letter", "")]
    mailed = Message.objects.get(customer=world.anna)
    gone = Word("b1", mailed.deliveries.get().external_id, EventKind.BOUNCED, at(DAY, 11), permanent=True)
    for _twice in range(2):
        hear(source="email", words=[gone], now=at(DAY, 11))
    live(later(1), later(1))
    assert told(mute) == [("letter", "sent")]
    assert told(world.anna) == [("email", "sent"), ("letter", "sent")]
    assert Decision.objects.get(customer=mute, as_of=later(1)).channel == "letter"
    for bill in bills:
        bill.refresh_from_db()
        assert bill.reached == 10

    batch = tray.make(creditor=world.house, as_of=later(1), now=at(later(1), 11), by=by)
    assert batch is not None
    printed = Letter.objects.filter(batch=batch)
    assert set(printed.values_list("message__customer", flat=True)) == {mute.pk, world.anna.pk}
    tray.take(batch=batch, now=at(later(1), 12), by=by)
    tray.post(batch=batch, now=at(later(1), 16), by=by)
    refresh(as_of=later(2))
    known = mute.profiles.get()
    assert (known.contacts_7d, known.calls_7d, known.last_contact_on) == (1, 0, later(1))
    assert explain.why(customer=mute, as_of=later(2)).verdict[0]["sentence"] == explain.NOTHING
    live(later(7), later(7))
    assert steps(mute) == [(later(1), "reminder_1"), (later(7), "reminder_2")]


def test_the_voice_server_rings_in_the_laws_hours_and_who_does_not_pick_up_gets_a_text(
    world: World, post: Post, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BASE_URL = "https://lumen.example"
    rung = {"channel": "ivr", "fallback": ["sms"], "tone": "neutral"}
    runs(world, *(sent(f"ring_{n}", 10 * n, n * 2, **rung) for n in range(1, 4)))
    ContactPoint.objects.filter(medium="call").delete()
    for who, number in ((world.anna, "+33612345678"), (world.clara, "+33612345679"), (world.emil, "+33600021211")):
        for medium in ("call", "sms"):
            ContactPoint.objects.get_or_create(contact=who.contacts.get(), medium=medium, value=number)
        worlds.invoice(who, 40_000, due_on=later(-2))
    OptOut.objects.create(
        customer=world.clara, medium="call", since=at(DAY, 1), origin="portal"
    )  # no calls: of no kind
    live(DAY, DAY)
    assert not Message.objects.exists()
    assert refusals(world.anna) == [(DAY, "ring_1", "no_carrier")]
    assert not Task.objects.filter(customer=world.anna).exists()
    with Twilio() as far:
        monkeypatch.setattr(clock, "now", lambda: at(later(1), 10))
        carries(world.house, "ivr_twilio", far.config())
        carries_too(world, "sms_twilio", far)
        live(later(1), later(1))  # at eight, an hour before a telephone may ring
        assert (told(world.anna), told(world.clara)) == ([("ivr", "planned")], [("sms", "planned")])
        send(as_of=later(1), now=at(later(1), 9, 30))
        assert told(world.emil) == [("ivr", "failed")]  # a number that is none, and no other
        assert set(ContactPoint.objects.exclude(failed_at=None).values_list("medium", "value")) == {
            ("call", "+33600021211"), ("sms", "+33600021211"),
        }  # fmt: skip
        assert Task.objects.get(customer=world.emil).key == f"address:{world.emil.pk}:call"
        [rang] = far.calls
        assert rang["To"] == "+33612345678"
        place = urlsplit(rang["StatusCallback"])
        said = {"CallSid": rang["sid"], "CallStatus": "no-answer", "AccountSid": far.sid}
        for _twice in range(2):
            heads = far.call(rang["StatusCallback"], said)
            form = urlencode(said), "application/x-www-form-urlencoded"
            assert Client().post(f"{place.path}?{place.query}", *form, headers=heads).status_code == 200
        assert told(world.anna) == [("ivr", "sent"), ("sms", "planned")]
        send(as_of=later(1), now=at(later(1), 10))
        assert told(world.anna) == [("ivr", "sent"), ("sms", "sent")]
        refresh(as_of=later(1))
        known = world.anna.profiles.get()
        assert (known.contacts_7d, known.calls_7d) == (1, 1)
        Creditor.objects.filter(pk=world.house.pk).update(policy={**world.house.policy, "calls_per_7_days": 1})
        live(later(3), later(3))
        assert refusals(world.anna)[-1] == (later(3), "ring_2", "calls")  # a machine’s call is a call


def carries_too(world: World, key: str, far: Twilio) -> None:
    by = User.objects.get(username="camille")
    route.keep(creditor=world.house, key=key, values=far.config(), now=at(DAY), by=by)
    world.house.refresh_from_db()
    route.use(creditor=world.house, key=key, now=at(DAY) + timedelta(hours=1), by=by)
