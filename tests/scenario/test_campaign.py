"""Campaigns through the real day: a frozen list, a window, the same rails and last look, one message at most."""

import io
from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.utils.translation import override
from pypdf import PdfReader

from amiable.core.conditions import UnableToRead
from amiable.core.models import AuditEntry, User
from amiable.day import run_day
from amiable.ledger import hold
from amiable.ledger.models import Creditor, Customer, Invoice
from amiable.outreach import tray
from amiable.outreach.bundle import printed
from amiable.outreach.compose import house_text
from amiable.outreach.models import Event, Message, OptOut, Template
from amiable.payments.models import Attempt
from amiable.portfolio.refresh import refresh
from amiable.scenario import campaign, experiment, explain, shelf, tally
from amiable.scenario.models import Assignment, Campaign, CampaignState, Recipient, Scenario
from amiable.scenario.unite import unite
from amiable.web.ui import clock
from tests import world as worlds
from tests.conftest import Post, text_of
from tests.stories.telling import live, pays_by_link, portal_link, steps
from tests.world import DAY, World, at, later

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unmeasured")]
SETTINGS: dict[str, Any] = {
    "name": "Before the holidays", "filter": "kind = 'business'", "currency": "EUR", "minimum_minor": 0,
    "template": "reminder_1", "tone": "warm", "channel": "email", "starts_on": DAY, "ends_on": later(11),
}  # fmt: skip


@pytest.fixture
def boss() -> User:
    return User.objects.create(username="boss")


def drafted(owner: Creditor, boss: User, **change: Any) -> Campaign:
    return campaign.draft(creditor=owner, as_of=DAY, now=at(DAY, 7), by=boss, **SETTINGS | change)


def released(owner: Creditor, boss: User, **change: Any) -> Campaign:
    """Frozen with the facts of today, and released."""
    refresh(as_of=DAY)
    made = drafted(owner, boss, **change)
    campaign.freeze(made, as_of=DAY, now=at(DAY, 7), by=boss)
    campaign.release(made, as_of=DAY, now=at(DAY, 7), by=boss)
    return made


@pytest.fixture
def quiet(world: World) -> World:
    """A house whose own scenario has nothing to say to firms, so that only campaigns speak."""
    shelf.stock(now=at(DAY))
    step = {"key": "much_later", "level": 10, "days": 300, "channel": "email", "template": "reminder_1"}
    data = next(dict(each) for each in shelf.shipped() if each["key"] == "businesses")
    for owner in (world.house, world.neighbour):
        shelf.activate(shelf.save(data=data | {"steps": [step]}, creditor=owner, now=at(DAY)))
    return world


def row(made: Campaign, who: Customer) -> Recipient:
    return Recipient.objects.get(campaign=made, customer=who)


def test_a_list_is_frozen_released_and_written_to_once(quiet: World, boss: User, post: Post) -> None:
    bill = worlds.invoice(quiet.boris, 40_000, due_on=later(-4))
    worlds.invoice(quiet.anna, 40_000, due_on=later(-4))  # a consumer: not meant
    worlds.invoice(quiet.nadia, 40_000, due_on=later(-4))  # another creditor's
    made = released(quiet.house, boss)
    assert [each.customer for each in made.recipients.all()] == [quiet.boris]
    assert row(made, quiet.boris).facts["overdue"] == 400
    worlds.invoice(quiet.clara, 40_000, due_on=later(-4))  # came after the list was frozen
    figures = live(DAY, later(5))
    assert figures[DAY]["campaigns"] == {"campaigns": 1, "looked_at": 1, "ordered": 1, "not_today": 0}
    (message,) = post.to("boris@example.org")
    assert bill.reference in text_of(message)
    assert post.to("clara@example.org") == []
    kept = Message.objects.get(customer=quiet.boris)
    assert (kept.campaign_ref, kept.decision_ref, kept.level, kept.purpose) == (made.pk, None, 0, "reminder_1")
    bill.refresh_from_db()
    assert bill.reached == 0  # a campaign is no step of the scenario
    told = explain.why(customer=quiet.boris, as_of=DAY).campaigns
    assert [(each["name"], each["verdict"], each["filter"]) for each in told] == [
        ("Before the holidays", "do", "kind = 'business'")
    ]
    acts = AuditEntry.objects.filter(subject="campaign").order_by("pk").values_list("act", flat=True)
    assert list(acts) == ["campaign.frozen", "campaign.released"]


def test_nothing_goes_out_before_its_release_its_window_or_after_it(quiet: World, boss: User, post: Post) -> None:
    worlds.invoice(quiet.boris, 40_000, due_on=later(-4))
    refresh(as_of=DAY)
    made = drafted(quiet.house, boss, starts_on=later(2), ends_on=later(3))
    assert made.state(DAY) == CampaignState.DRAFT
    campaign.freeze(made, as_of=DAY, now=at(DAY), by=boss)
    made.refresh_from_db()
    assert made.state(later(2)) == CampaignState.FROZEN
    live(later(2), later(2))
    assert post.to("boris@example.org") == []
    campaign.release(made, as_of=DAY, now=at(DAY), by=boss)
    made.refresh_from_db()
    states = [made.state(later(n)) for n in (1, 2, 3, 4)]
    assert states == ["released", "running", "running", "ended"]
    live(later(4), later(4))
    assert post.to("boris@example.org") == []
    live(later(3), later(3))
    assert len(post.to("boris@example.org")) == 1


def test_when_the_scenario_speaks_the_campaign_waits_for_another_day(world: World, boss: User, post: Post) -> None:
    shelf.stock(now=at(DAY))
    worlds.invoice(world.boris, 40_000, due_on=later(-4))
    made = released(world.house, boss)
    live(DAY, DAY)
    assert steps(world.boris) == [(DAY, "reminder_1")]
    assert (row(made, world.boris).verdict, row(made, world.boris).rail) == ("not", "other_contact")
    live(later(1), later(1))
    assert row(made, world.boris).rail == "gap"
    live(later(2), later(2))
    assert row(made, world.boris).verdict == "do"
    assert [message.campaign_ref for message in Message.objects.order_by("as_of")] == [None, made.pk]


def test_each_rail_keeps_a_campaign_back_too(quiet: World, boss: User, post: Post) -> None:
    people = {name: worlds.customer(quiet.house) for name in ("held", "out", "nowhere", "paid", "credit", "disputed")}
    bills = {name: worlds.invoice(who, 40_000, due_on=later(-4)) for name, who in people.items()}
    made = released(quiet.house, boss)
    hold.place(kind="person", source_ref="x", customer=people["held"], since=DAY, now=at(DAY))
    OptOut.objects.create(customer=people["out"], medium="email", since=at(DAY, 1), origin="test")
    people["nowhere"].contacts.get().points.update(failed_at=at(DAY, 1))
    worlds.paid(bills["paid"], on=DAY)
    worlds.credit(people["credit"], 40_000)
    hold.place(
        kind="dispute", source_ref="d", customer=people["disputed"], invoice=bills["disputed"], since=DAY, now=at(DAY)
    )
    live(DAY, DAY)
    assert {name: row(made, who).rail for name, who in people.items()} == {
        "held": "customer_hold", "out": "opted_out", "nowhere": "no_address", "paid": "nothing_to_say",
        "credit": "nothing_to_say", "disputed": "nothing_to_say",
    }  # fmt: skip
    assert not Message.objects.exists()
    found = tally.tally(campaign=made)
    assert (found.listed, found.waiting, found.sent) == (6, 6, 0)
    assert dict(found.withheld)["The customer is on hold."] == 1


def test_who_is_left_alone_by_an_experiment_is_left_alone_by_campaigns(world: World, boss: User, post: Post) -> None:
    shelf.stock(now=at(DAY))
    experiment.start(
        creditor=world.house, champion=Scenario.objects.get(key="businesses"), name="x", holdout_share=0.2,
        until=later(60), as_of=DAY, now=at(DAY), by=boss,
    )  # fmt: skip
    people = [worlds.customer(world.house) for _ in range(25)]
    for who in people:
        worlds.invoice(who, 40_000, due_on=later(-4))
    made = released(world.house, boss)
    live(DAY, later(4))
    alone = set(Assignment.objects.filter(arm="holdout").values_list("customer", flat=True))
    assert alone
    assert {each.customer_id for each in made.recipients.filter(rail="holdout")} == alone
    assert not Message.objects.filter(customer__in=alone).exists()


@pytest.mark.parametrize(
    ("template", "about"),
    [("reminder_1", ["late"]), ("courtesy_notice", ["soon"]), ("statement", ["late", "soon"])],
)
def test_the_text_says_which_invoices_it_speaks_of(
    quiet: World, boss: User, post: Post, template: str, about: list[str]
) -> None:
    bills = {
        "late": worlds.invoice(quiet.boris, 40_000, due_on=later(-4)),
        "soon": worlds.invoice(quiet.boris, 20_000, due_on=later(9)),
    }
    made = released(quiet.house, boss, template=template)
    live(DAY, DAY)
    message = Message.objects.get()
    assert message.state == "sent", message.verdict
    assert message.about == [bills[name].pk for name in about]
    assert row(made, quiet.boris).amount_minor == sum(bills[name].amount_minor for name in about)


def test_amounts_are_what_is_open_less_credits_and_the_least_amount_counts(quiet: World, boss: User) -> None:
    for amount in (9_999, 10_000, 30_000):
        worlds.invoice(worlds.customer(quiet.house), amount, due_on=later(-4))
    worlds.credit(Invoice.objects.get(amount_minor=30_000).customer, 25_000)
    worlds.invoice(worlds.customer(quiet.house), 50_000, due_on=later(-4), currency="USD")
    refresh(as_of=DAY)
    found = campaign.preview(drafted(quiet.house, boss, minimum_minor=10_000), as_of=DAY)
    assert (found.customers, found.amount_minor) == (1, 10_000)
    assert campaign.preview(drafted(quiet.house, boss), as_of=DAY).customers == 3
    groups = campaign.preview(drafted(quiet.house, boss), as_of=DAY).groups
    assert sum(each.customers for each in groups) == 3
    by_segment = drafted(quiet.house, boss, filter=f"segment = '{groups[0].segment}'")
    assert campaign.preview(by_segment, as_of=DAY).customers == groups[0].customers


def test_two_campaigns_never_write_on_one_day(quiet: World, boss: User, post: Post) -> None:
    worlds.invoice(quiet.boris, 40_000, due_on=later(-4))
    one, two = released(quiet.house, boss), released(quiet.house, boss, name="Another")
    live(DAY, DAY)
    assert (row(one, quiet.boris).verdict, row(two, quiet.boris).rail) == ("do", "other_contact")
    live(later(1), later(3))
    assert row(two, quiet.boris).verdict == "do"
    assert len(post.to("boris@example.org")) == 2


def test_running_a_day_again_and_a_dry_run_write_nothing_more(quiet: World, boss: User, post: Post) -> None:
    worlds.invoice(quiet.boris, 40_000, due_on=later(-4))
    made = released(quiet.house, boss)
    assert run_day(as_of=DAY, now=at(DAY), dry_run=True)["campaigns"]["ordered"] == 1
    assert row(made, quiet.boris).verdict == ""
    assert not Message.objects.exists()
    live(DAY, DAY), live(DAY, DAY)
    assert Message.objects.count() == 1


def test_a_creditor_in_dry_run_writes_nothing(quiet: World, boss: User) -> None:
    worlds.invoice(quiet.boris, 40_000, due_on=later(-4))
    Creditor.objects.update(released_at=None)
    made = released(quiet.house, boss)
    live(DAY, DAY)
    assert row(made, quiet.boris).rail == "dry_run"


def test_a_campaign_that_is_stopped_says_no_more(quiet: World, boss: User, post: Post) -> None:
    worlds.invoice(quiet.boris, 40_000, due_on=later(-4))
    worlds.invoice(quiet.clara, 40_000, due_on=later(-4))
    made = released(quiet.house, boss)
    Message.objects.create(
        key="c", creditor=quiet.house, customer=quiet.clara, currency="EUR", purpose="reminder_1", medium="email",
        language="en", tone="warm", as_of=DAY, campaign_ref=made.pk, created_at=at(DAY, 7),
    )  # fmt: skip
    assert campaign.stop(made, now=at(DAY, 7), by=boss) == 1
    live(DAY, later(1))
    assert post.to("boris@example.org") == post.to("clara@example.org") == []
    made.refresh_from_db()
    assert made.state(DAY) == CampaignState.STOPPED
    for again in (campaign.stop, campaign.thaw):
        with pytest.raises(campaign.UnableToCampaign):
            again(made, now=at(DAY), by=boss)
    with pytest.raises(campaign.UnableToCampaign):
        campaign.release(made, as_of=DAY, now=at(DAY), by=boss)


def test_what_is_frozen_does_not_change_until_it_is_given_up(quiet: World, boss: User) -> None:
    worlds.invoice(quiet.boris, 40_000, due_on=later(-4))
    refresh(as_of=DAY)
    made = drafted(quiet.house, boss)
    how: dict[str, Any] = {"as_of": DAY, "now": at(DAY), "by": boss}
    campaign.freeze(made, **how)
    with pytest.raises(campaign.UnableToCampaign, match="draft"):
        campaign.revise(made, **how, **SETTINGS)
    with pytest.raises(campaign.UnableToCampaign, match="already"):
        campaign.freeze(made, **how)
    campaign.thaw(made, now=at(DAY), by=boss)
    changed = campaign.revise(made, **how, **SETTINGS | {"name": "Otherwise", "filter": "overdue > 9999"})
    assert (changed.name, Recipient.objects.count()) == ("Otherwise", 0)
    with pytest.raises(campaign.UnableToCampaign, match="Nobody"):
        campaign.freeze(changed, **how)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": " "}, "name"),
    ({"template": "formal_notice"}, "template"),
    ({"template": "receipt"}, "template"),
    ({"template": "nonsense"}, "template"),
    ({"tone": "shrill"}, "tone"),
    ({"channel": "pigeon"}, "channel"),
    ({"currency": "euro"}, "currency"),
    ({"minimum_minor": -1}, "minimum_minor"),
    ({"starts_on": later(5), "ends_on": later(4)}, "starts_on"),
    ({"starts_on": later(-9), "ends_on": later(-1)}, "ends_on"),
    ({"ends_on": later(61)}, "ends_on"),
]


@pytest.mark.parametrize(("change", "setting"), REFUSED)
def test_what_a_campaign_may_not_be(world: World, boss: User, change: dict[str, Any], setting: str) -> None:
    with pytest.raises(campaign.UnableToCampaign) as refused:
        drafted(world.house, boss, **change)
    assert refused.value.setting == setting
    assert not Campaign.objects.exists()


@pytest.mark.parametrize("text", ["nonsense > 3", "overdue", "overdue > 1; DROP TABLE x", "kind > 3"])
def test_a_filter_that_cannot_be_used_is_refused_in_a_sentence(world: World, boss: User, text: str) -> None:
    with pytest.raises(UnableToRead):
        drafted(world.house, boss, filter=text)


def test_what_it_brought_is_counted(quiet: World, boss: User, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    for who in (quiet.boris, quiet.clara):
        worlds.invoice(who, 40_000, due_on=later(-4))
    made = released(quiet.house, boss)
    live(DAY, DAY)
    found = tally.tally(campaign=made)
    assert (found.listed, found.ordered, found.sent, found.paid, found.attempts) == (2, 2, 2, 0, 0)
    (message,) = post.to("boris@example.org")
    Event.objects.create(
        source="t", external_id="1", message=Message.objects.get(customer=quiet.boris), kind="clicked", at=at(DAY, 12)
    )
    attempt = pays_by_link(text_of(message), quiet.boris, now=at(later(1), 19), monkeypatch=monkeypatch)
    assert Attempt.objects.get(pk=attempt.pk).campaign_ref == made.pk
    OptOut.objects.create(customer=quiet.clara, medium="email", since=at(later(2)), origin="one_click")
    found = tally.tally(campaign=made)
    assert (found.clicked, found.opened, found.attempts, found.not_completed) == (1, 1, 1, 0)
    assert (found.paid, found.paid_minor, found.opted_out) == (1, 40_000, 1)


def test_two_records_that_become_one_are_written_to_once(quiet: World, boss: User, post: Post) -> None:
    worlds.invoice(quiet.boris, 40_000, due_on=later(-4)), worlds.invoice(quiet.clara, 40_000, due_on=later(-4))
    made = released(quiet.house, boss)
    hold.place(kind="person", source_ref="x", customer=quiet.clara, since=DAY, until=later(1), now=at(DAY))
    live(DAY, DAY)
    assert row(made, quiet.boris).verdict == "do"
    unite(keep=quiet.clara, absorb=quiet.boris, now=at(later(1)))
    live(later(3), later(6))
    assert Message.objects.filter(campaign_ref=made.pk).count() == 1


def test_a_campaign_takes_the_newest_word_at_the_moment_of_sending(quiet: World, boss: User, post: Post) -> None:
    """The list was frozen with the facts of a day; what is paid since is not asked for."""
    first = worlds.invoice(quiet.boris, 40_000, due_on=later(-4))
    second = worlds.invoice(quiet.boris, 25_000, due_on=later(-8))
    made = released(quiet.house, boss, starts_on=later(2), ends_on=later(9))
    worlds.paid(first, on=later(1))
    live(later(2), later(2))
    (message,) = post.to("boris@example.org")
    assert second.reference in text_of(message)
    assert first.reference not in text_of(message)
    assert (row(made, quiet.boris).amount_minor, row(made, quiet.boris).decided_on) == (25_000, date(2026, 3, 4))


def test_a_text_that_charges_a_consumer_is_sent_to_none(world: World, boss: User) -> None:
    for language in ("fr", "en"):
        for audience in ("consumer", "business"):
            Template.objects.create(
                creditor=world.house, key="with_fees", medium="email", tone="warm", approved_at=at(DAY),
                language=language, audience=audience,
                body=house_text(language, audience, "reminder_1", "warm") + "\n\nA late fee of 15 € is due.",
            )  # fmt: skip
    with override("en"), pytest.raises(campaign.UnableToCampaign, match="charges a consumer"):
        drafted(world.house, boss, template="with_fees", filter="kind = 'consumer'")
    drafted(world.house, boss, template="with_fees", filter="kind = 'business'")


def test_a_filter_that_contradicts_itself_is_told(world: World, boss: User) -> None:
    with override("en"), pytest.raises(campaign.UnableToCampaign, match="contradicts itself"):
        drafted(world.house, boss, filter="kind = 'business' AND kind = 'consumer'")


def test_the_customer_reads_why_on_the_portal(
    quiet: World, boss: User, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: at(DAY, 12))
    worlds.invoice(quiet.boris, 40_000, due_on=later(-4))
    released(quiet.house, boss)
    live(DAY, DAY)
    (message,) = post.to("boris@example.org")
    visitor, link = Client(headers={"accept-language": "en"}), portal_link(text_of(message))
    visitor.post(f"{link}identify/", {"answer": quiet.boris.number})
    page = visitor.get(link).content.decode()
    assert "This message is part of “Before the holidays”" in page


def test_a_campaign_of_calls_rings_the_telephones_that_are_known(quiet: World, boss: User, post: Post) -> None:
    quiet.house.policy["channels"] = {"ivr": "console_ivr"}
    quiet.house.save(update_fields=["policy"])
    OptOut.objects.create(customer=quiet.clara, medium="ivr", since=at(DAY), origin="ivr")
    quiet.clara.contacts.earliest("pk").points.create(medium="call", value="+33472000009")
    for who in (quiet.boris, quiet.clara):
        worlds.invoice(who, 40_000, due_on=later(-4))
    made = released(quiet.house, boss, channel="ivr", tone="neutral")
    live(DAY, DAY)
    (message,) = Message.objects.filter(campaign_ref=made.pk)
    assert (message.customer, message.medium, message.address) == (quiet.boris, "ivr", "+33600000002")
    assert row(made, quiet.clara).rail == "opted_out"


def test_a_campaign_by_letter_is_printed_posted_and_written_to_once(quiet: World, boss: User) -> None:
    bills = {who: worlds.invoice(who, 40_000, due_on=later(-4)) for who in (quiet.boris, quiet.clara, quiet.dora)}
    homes = {"street": "4 rue Haute", "postcode": "69001", "city": "Lyon"}
    Customer.objects.filter(pk__in=[quiet.boris.pk, quiet.clara.pk]).update(**homes)
    made = released(quiet.house, boss, channel="letter", tone="neutral")
    live(DAY, DAY)
    assert row(made, quiet.dora).rail == "insolvency"
    assert tally.tally(campaign=made).sent == tray.tally([quiet.house])["letters"] == 2
    worlds.paid(bills[quiet.clara], on=later(1))  # before anybody printed
    batch = tray.make(creditor=quiet.house, as_of=later(2), now=at(later(2), 9), by=boss)
    assert batch is not None
    words = "".join(page.extract_text() for page in PdfReader(io.BytesIO(b"".join(printed(batch)))).pages)
    assert bills[quiet.boris].reference in words
    assert "69001 LYON" in words
    assert bills[quiet.clara].reference not in words
    tray.take(batch=batch, now=at(later(2), 10), by=boss)
    tray.post(batch=batch, now=at(later(2), 11), by=boss)
    live(later(2), later(2))
    assert [each.customer for each in Message.objects.filter(campaign_ref=made.pk, state="sent")] == [quiet.boris]
    found = tally.tally(campaign=made)
    assert (found.listed, found.ordered, found.sent) == (3, 2, 1)
    assert sum(count for _why, count in found.withheld) == 2  # insolvent, and paid before the printer
