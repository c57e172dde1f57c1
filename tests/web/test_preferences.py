"""How we may write to somebody: said on the portal or at the desk, kept with its day, and never wider than the law."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from amiable.core.models import AuditEntry
from amiable.ledger import prefer
from amiable.ledger.models import Contact, ContactPoint, Customer, Preference
from amiable.outreach.models import Message, OptOut
from amiable.web.ui import wishes
from tests.payments.rows import creditor, customer, invoice
from tests.web import desk_rows
from tests.web.test_portal import entered, link, message_to, text, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> Customer:
    anna = customer(creditor(name="Éditions du Rivage"), number="K-77", postcode="75 011", language="en")
    contact = Contact.objects.create(customer=anna, name="Anna Martin", created_at=timezone.now())
    for medium, value in (("email", "anna@example.org"), ("sms", "+33612345678"), ("call", "+33612345678")):
        ContactPoint.objects.create(contact=contact, medium=medium, value=value)
    invoice(anna, 10_000, timezone.localdate() - timedelta(days=12))
    return anna


def contact(of: Customer) -> Contact:
    return of.contacts.get()


def said(of: Customer) -> prefer.Wishes:
    return prefer.preferred([contact(of).pk], now=timezone.now()).get(contact(of).pk, prefer.NONE)


def keep(client: Client, token: str, **told: Any) -> str:
    form = {"open": ["email", "sms", "call"], "part": list(wishes.PARTS), "per_week": "", "liked": "", "language": "en"}
    response = client.post(url("preferences", token), form | told, follow=True)
    assert response.status_code == 200
    return text(response)


def test_the_page_waits_for_the_light_question_and_shows_no_address_in_full(client: Client, anna: Customer) -> None:
    token = link(anna)
    assert client.get(url("preferences", token)).status_code == 302
    assert client.post(url("preferences", token), {"per_week": "1"}).status_code == 302
    assert not Preference.objects.exists()
    client.post(url("identify", token), {"answer": anna.number})
    page = text(client.get(url("preferences", token)))
    assert "a…@example.org" in page
    assert "… 78" in page
    assert "anna@" not in page
    assert "612345678" not in page


def test_the_link_of_the_footer_leads_there_after_the_question(client: Client, anna: Customer) -> None:
    token = link(anna)
    first = client.get(url("home", token) + "?to=preferences")
    assert 'name="to" value="preferences"' in first.content.decode()
    then = client.post(url("identify", token), {"answer": anna.number, "to": "preferences"}, follow=True)
    assert then.request["PATH_INFO"] == url("preferences", token)


def test_wishes_are_kept_once_and_audited_with_their_origin(client: Client, anna: Customer) -> None:
    token = entered(client, anna)
    for _twice in range(2):
        page = keep(client, token, liked="sms", part=["morning", "midday"], per_week="1", language="fr")
    assert "C’est noté" in page
    assert said(anna) == prefer.Wishes("sms", {"weekdays": "08:00-14:00"}, 1)
    assert contact(anna).language == "fr"
    [line] = AuditEntry.objects.filter(act="contact.preferred")
    assert (line.actor, line.user, line.detail["wishes"]["per_week"]) == ("portal", None, 1)
    assert Preference.objects.get().origin == "portal"


def test_what_is_ticked_off_is_closed_and_what_is_ticked_again_is_open(client: Client, anna: Customer) -> None:
    token = entered(client, anna)
    keep(client, token, open=["email"], liked="sms")
    assert set(OptOut.objects.filter(until=None).values_list("medium", "address", "origin")) == {
        ("sms", "+33612345678", "portal"), ("call", "+33612345678", "portal"),
    }  # fmt: skip
    assert said(anna).medium == ""  # a closed medium is not the one liked best
    keep(client, token, open=["email", "sms"])
    assert set(OptOut.objects.filter(until=None).values_list("medium", flat=True)) == {"call"}
    assert list(AuditEntry.objects.filter(act__startswith="contact.opted").order_by("id").values_list("act", flat=True)) == [
        "contact.opted_out", "contact.opted_out", "contact.opted_in",
    ]  # fmt: skip


def test_a_whole_medium_that_was_closed_opens_for_this_address_alone(client: Client, anna: Customer) -> None:
    other = Contact.objects.create(customer=anna, name="Boris", role="buyer", created_at=timezone.now())
    ContactPoint.objects.create(contact=other, medium="email", value="boris@example.org")
    OptOut.objects.create(customer=anna, medium="email", since=timezone.now(), origin="desk:camille")
    token = entered(client, anna)
    keep(client, token)
    assert list(OptOut.objects.filter(until=None).values_list("address", flat=True)) == ["boris@example.org"]


@pytest.mark.parametrize(
    "told",
    [
        {"per_week": "0"}, {"per_week": "-1"}, {"per_week": "x"}, {"liked": "pigeon"}, {"language": "xx"},
        {"part": ["never", "'; DROP"]}, {"open": ["email", "sms", "call", "letter", "pigeon"]},
    ],
)  # fmt: skip
def test_what_no_form_offers_changes_nothing(client: Client, anna: Customer, told: dict[str, Any]) -> None:
    keep(client, entered(client, anna), **told)
    assert said(anna) == prefer.NONE
    assert contact(anna).language in ("", "en")
    assert not OptOut.objects.exists()


def test_the_person_whom_the_message_reached_is_asked(client: Client, anna: Customer) -> None:
    other = Contact.objects.create(customer=anna, name="Jeanne Roux", role="accounts", created_at=timezone.now())
    message = message_to(anna)
    Message.objects.filter(pk=message.pk).update(contact=other)
    token = entered(client, anna, message)
    assert "Jeanne Roux" in text(client.get(url("preferences", token)))
    keep(client, token, per_week="2")
    assert Preference.objects.get().contact == other


def test_someone_without_any_contact_is_told_so(client: Client) -> None:
    nobody = customer(creditor(), number="K-9", language="en")
    assert "no address" in text(client.get(url("preferences", entered(client, nobody)), follow=True))


def test_every_act_is_a_post_with_a_token_of_the_form(anna: Customer) -> None:
    visitor = Client(enforce_csrf_checks=True)
    assert visitor.post(url("preferences", link(anna)), {"per_week": "1"}).status_code == 403


@pytest.mark.parametrize(
    "parts", [["morning"], ["morning", "afternoon"], ["midday", "evening", "saturday"], ["saturday"]]
)
def test_parts_of_the_day_come_back_as_they_were_ticked(parts: list[str]) -> None:
    assert wishes.parts_of(wishes.hours_of(parts)) == parts


def test_what_a_colleague_noted_to_the_minute_is_kept_while_nobody_touches_it(client: Client, anna: Customer) -> None:
    noted = prefer.Wishes(hours={"weekdays": "09:15-11:45"}, per_week=5)
    prefer.prefer(contact=contact(anna), wishes=noted, now=timezone.now(), origin="desk")
    token = entered(client, anna)
    assert "5 a week" in text(client.get(url("preferences", token)))
    keep(client, token, part=[], per_week="5")
    assert said(anna) == noted
    keep(client, token, part=["morning"], per_week="5")
    assert said(anna).hours == {"weekdays": "08:00-12:00"}


def test_all_parts_and_none_are_no_wish() -> None:
    assert wishes.hours_of([]) == wishes.hours_of(list(wishes.PARTS)) == {}
    assert wishes.parts_of({}) == list(wishes.PARTS)


def test_a_wish_that_nobody_can_keep_is_refused(anna: Customer) -> None:
    for wrong in (
        prefer.Wishes(medium="pigeon"), prefer.Wishes(per_week=0), prefer.Wishes(hours={"weekdays": "9-12"}),
        prefer.Wishes(hours={"monday": "09:00-12:00"}), prefer.Wishes(hours={"weekdays": ""}),
    ):  # fmt: skip
        with pytest.raises(prefer.UnableToPrefer):
            prefer.prefer(contact=contact(anna), wishes=wrong, now=timezone.now(), origin="desk")


def test_yesterday_is_seen_with_the_wishes_of_yesterday(anna: Customer) -> None:
    now, who = timezone.now(), contact(anna)
    prefer.prefer(contact=who, wishes=prefer.Wishes(per_week=1), now=now - timedelta(days=2), origin="portal")
    prefer.prefer(contact=who, wishes=prefer.NONE, now=now, origin="portal")
    assert prefer.preferred([who.pk], now=now - timedelta(days=3)) == {}
    assert prefer.preferred([who.pk], now=now - timedelta(days=1))[who.pk].per_week == 1
    assert prefer.preferred([who.pk], now=now)[who.pk] == prefer.NONE


class TestDesk:
    @pytest.fixture
    def desk(self, anna: Customer) -> Client:
        return desk_rows.desk(desk_rows.colleague("camille", anna.creditor))

    def do(self, desk: Client, anna: Customer, **told: Any) -> str:
        address = reverse("desk:act_on", args=[anna.pk, "wishes", contact(anna).pk])
        form = {"token": "t1", "reached": ["email", "sms", "call"], "medium": "", "language": "en"}
        return desk.post(address, form | told, follow=True).content.decode()

    def test_a_colleague_notes_it_and_the_page_of_the_customer_tells_it(self, desk: Client, anna: Customer) -> None:
        page = self.do(desk, anna, medium="sms", weekdays="09:00-12:00", saturday="10:00-12:00", per_week="2")
        assert said(anna) == prefer.Wishes("sms", {"weekdays": "09:00-12:00", "saturday": "10:00-12:00"}, 2)
        assert "on weekdays 09:00-12:00" in page
        assert "2 contacts a week at most" in page
        [line] = AuditEntry.objects.filter(act="contact.preferred")
        assert (line.actor, line.user.username if line.user else "") == ("desk", "camille")
        form = desk.get(reverse("desk:act_on", args=[anna.pk, "wishes", contact(anna).pk])).content.decode()
        assert 'value="10:00-12:00"' in form

    @pytest.mark.parametrize(
        ("told", "says"),
        [
            ({"weekdays": "9-12"}, "09:00-12:30"),
            ({"per_week": "0"}, "1"),
            ({"medium": "sms", "reached": ["email"]}, "closed"),
        ],
    )
    def test_what_cannot_be_read_is_said_beside_its_field(
        self, desk: Client, anna: Customer, told: dict[str, Any], says: str
    ) -> None:
        with translation.override("en"):
            assert says in self.do(desk, anna, **told)
        assert not Preference.objects.exists()

    def test_nobody_notes_it_about_a_contact_of_another(self, desk: Client, anna: Customer) -> None:
        stranger = Contact.objects.create(customer=customer(creditor(key="other")), created_at=timezone.now())
        address = reverse("desk:act_on", args=[anna.pk, "wishes", stranger.pk])
        assert desk.get(address).status_code == 404
        assert desk.post(address, {"token": "t2", "language": "en"}).status_code == 404
