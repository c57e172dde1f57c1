"""Texts at the desk: who reads, writes and approves; what is typed is never lost; previews run and load nothing."""

import pytest
from django.test import Client
from django.urls import reverse

from amiable.core.models import Role
from amiable.ledger.models import Creditor
from amiable.outreach.models import Template
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db
WORDS = "{{ greeting }}\n\nUn mot de nous.\n\n[invoices]\n\n[pay]\n\n[paid-or-talk]\n\n[signature]"
PLACE = {"medium": "email", "language": "fr", "audience": "business", "key": "reminder_1", "tone": "warm"}


@pytest.fixture
def ours() -> Creditor:
    found = rows.creditor("ours")
    rows.invoice(rows.customer(found, "Roux et fils"), 12_345, late=10)
    rows.counted()
    return found


def address(of: Creditor, **other: str) -> str:
    place = PLACE | other
    return f"{reverse('desk:text', kwargs=place)}?creditor={of.pk}"


def form(of: Creditor, body: str = WORDS, **more: object) -> dict[str, object]:
    return {**PLACE, "creditor": of.pk, "seen": 0, "subject": "Un mot", "preheader": "", "body": body} | more


def kept(client: Client, of: Creditor, body: str = WORDS, **more: object) -> str:
    response = client.post(reverse("desk:text", kwargs=PLACE), form(of, body, **more), follow=True)
    return response.content.decode()


def test_every_text_of_the_house_is_in_the_list(ours: Creditor) -> None:
    client = rows.desk(rows.colleague("vera", ours))
    for medium, audience, language in (
        ("email", "business", "fr"),
        ("sms", "consumer", "en"),
        ("call", "business", "en"),
    ):
        page = client.get(reverse("desk:texts"), {"medium": medium, "audience": audience, "language": language})
        text = page.content.decode()
        assert page.status_code == 200
        assert text.count(f"/texts/{medium}/{language}/{audience}/") >= 15
    assert "Satisfaction survey" in text or medium == "call"
    assert "Formal notice" not in client.get(reverse("desk:texts"), {"medium": "sms"}).content.decode()


def test_a_text_is_written_approved_by_another_and_speaks(ours: Creditor) -> None:
    vera, max_ = rows.desk(rows.colleague("vera", ours)), rows.desk(rows.colleague("max", ours))
    assert "Kept as a draft." in kept(vera, ours)
    draft = Template.objects.get()
    page = vera.get(address(ours)).content.decode()
    assert "Another person approves what you wrote." in page
    approve = reverse("desk:text_act", args=[draft.pk, "approve"])
    assert "Who wrote a text does not approve it" in vera.post(approve, follow=True).content.decode()
    assert "Waiting for a second person" in max_.get(reverse("desk:texts")).content.decode()
    assert "from now on this text speaks" in max_.post(approve, follow=True).content.decode()
    listed = max_.get(reverse("desk:texts")).content.decode()
    assert "Own, version 1" in listed
    assert "Waiting for a second person" not in listed
    back = reverse("desk:text_house", kwargs=PLACE)
    assert "the house’s text speaks again" in max_.post(back, {"creditor": ours.pk}, follow=True).content.decode()
    assert "Own, version 1" not in max_.get(reverse("desk:texts")).content.decode()


def test_a_mistake_keeps_what_was_typed_and_says_the_sentence(ours: Creditor) -> None:
    client = rows.desk(rows.colleague("vera", ours))
    typed = "Bonjour <b>vous</b> {{ oops }}"
    response = client.post(reverse("desk:text", kwargs=PLACE), form(ours, typed, subject="Mon sujet"))
    page = response.content.decode()
    assert response.status_code == 422
    assert "Line 4: There is nothing named “oops”." in page
    assert "Bonjour &lt;b&gt;vous&lt;/b&gt; {{ oops }}" in page
    assert "Mon sujet" in page
    assert not Template.objects.exists()


def test_two_people_at_once(ours: Creditor) -> None:
    vera, max_ = rows.desk(rows.colleague("vera", ours)), rows.desk(rows.colleague("max", ours))
    kept(vera, ours)
    late = max_.post(reverse("desk:text", kwargs=PLACE), form(ours, WORDS.replace("Un mot", "Autre chose"), seen=0))
    page = late.content.decode()
    assert late.status_code == 422
    assert "Meanwhile vera kept another version." in page
    assert "Autre chose de nous." in page
    assert 'name="seen" value="1"' in page
    kept(max_, ours, WORDS.replace("Un mot", "Autre chose"), seen=1)
    changed = max_.get(reverse("desk:text_version", args=[Template.objects.get(version=2).pk])).content.decode()
    assert "Against version 1" in changed
    assert "<del" in changed
    assert "Autre chose de nous." in changed


def test_a_preview_is_of_a_real_customer_and_boxed(ours: Creditor) -> None:
    theirs = rows.creditor("theirs")
    stranger = rows.customer(theirs, "Zoe")
    rows.invoice(stranger, 99_900, late=20)
    rows.counted()
    client = rows.desk(rows.colleague("vera", ours))
    look = client.post(reverse("desk:text_look"), form(ours, customer=stranger.pk)).content.decode()
    assert "Roux et fils" in look
    assert "Zoe" not in look
    page = client.post(reverse("desk:text_body"), form(ours, WORDS + "\n\n<script>alert(1)</script>"))
    assert "sandbox" in page["Content-Security-Policy"]
    assert "default-src 'none'" in page["Content-Security-Policy"]
    assert page["X-Frame-Options"] == "SAMEORIGIN"
    assert "<script>" not in page.content.decode()
    assert "123,45" in page.content.decode()
    assert not Template.objects.exists()
    sms = client.post(
        reverse("desk:text_look"), form(ours, "{{ creditor.name }} {{ pay_url }} {{ sms_stop }}", medium="sms")
    )
    assert "segment" in sms.content.decode()
    letter = client.post(reverse("desk:text_body"), form(ours, medium="letter"))
    assert "<svg" in letter.content.decode() or "data:image" in letter.content.decode()
    wrong = client.post(reverse("desk:text_look"), form(ours, "{% for a in many %}")).content.decode()
    assert "is never closed" in wrong


@pytest.mark.parametrize(
    "key", ["plan_offered", "promise_broken", "receipt", "dispute_answered", "survey", "payment_failed"]
)
def test_what_a_customer_does_not_have_yet_is_made_up_and_said_so(ours: Creditor, key: str) -> None:
    client = rows.desk(rows.colleague("vera", ours))
    tone = "neutral" if key == "dispute_answered" else "warm"
    page = client.get(address(ours, key=key, tone=tone)).content.decode()
    assert "Nothing to say against it" in page
    assert ("are made up" in page) == (key not in {"dispute_answered", "survey"})


@pytest.mark.parametrize(
    ("role", "more", "may"),
    [
        (Role.MANAGER, {}, True),
        (Role.ADMIN, {}, True),
        (Role.COLLECTOR, {}, False),
        (Role.SALES, {"own": True}, False),
        (Role.MANAGER, {"own": True}, False),
    ],
)
def test_who_administers_the_whole_creditor_writes_and_others_read(
    ours: Creditor, role: str, more: dict[str, bool], may: bool
) -> None:
    client = rows.desk(rows.colleague("x", ours, role, **more))
    page = client.get(address(ours)).content.decode()
    assert ("Keep as a draft" in page) == may
    assert ("Read only" in page) != may
    answer = client.post(reverse("desk:text", kwargs=PLACE), form(ours))
    assert answer.status_code == (302 if may else 404)
    assert Template.objects.exists() == may


def test_nothing_of_another_creditor_is_there(ours: Creditor) -> None:
    theirs = rows.creditor("theirs")
    kept(rows.desk(rows.colleague("zoe", theirs)), theirs, WORDS.replace("Un mot", "Secret"))
    draft = Template.objects.get()
    client = rows.desk(rows.colleague("vera", ours))
    asked = {
        client.get(address(theirs)).status_code,
        client.get(reverse("desk:text_version", args=[draft.pk])).status_code,
        client.post(reverse("desk:text_act", args=[draft.pk, "approve"])).status_code,
        client.post(reverse("desk:text_act", args=[draft.pk, "give_up"])).status_code,
        client.post(reverse("desk:text_house", kwargs=PLACE), {"creditor": theirs.pk}).status_code,
        client.post(reverse("desk:text_look"), form(theirs)).status_code,
        client.post(reverse("desk:text_body"), form(theirs)).status_code,
        client.post(reverse("desk:text", kwargs=PLACE), form(theirs)).status_code,
        client.get(reverse("desk:text_new"), {"creditor": theirs.pk, **PLACE}).status_code,
        client.get(f"{reverse('desk:text', kwargs=PLACE)}?creditor=all").status_code,
    }
    assert asked == {404}
    assert "Secret" not in client.get(reverse("desk:texts"), {"creditor": theirs.pk}).content.decode()


@pytest.mark.parametrize(
    "changed",
    [
        {"medium": "pigeon"},
        {"language": "xx"},
        {"audience": "cats"},
        {"tone": "rude"},
        {"key": "Ünsinn"},
        {"key": "x" * 41},
    ],
)
def test_places_that_cannot_be_do_not_exist(ours: Creditor, changed: dict[str, str]) -> None:
    client = rows.desk(rows.colleague("vera", ours))
    assert client.get(address(ours, **changed)).status_code == 404
    assert client.post(reverse("desk:text_look"), form(ours, **changed)).status_code == 404


def test_a_text_for_a_purpose_of_ones_own(ours: Creditor) -> None:
    client = rows.desk(rows.colleague("vera", ours))
    page = client.get(reverse("desk:text_new"), {"creditor": ours.pk, **PLACE, "key": "Spring_Offer"}, follow=True)
    assert page.redirect_chain[-1][0] == address(ours, key="spring_offer")
    assert page.status_code == 200
    refused = client.get(reverse("desk:text_new"), {"creditor": ours.pk, **PLACE, "key": "été"}, follow=True)
    assert "small letters without accents" in refused.content.decode()


def test_a_superuser_writes_for_all_creditors(ours: Creditor) -> None:
    root = rows.colleague("root")
    root.is_superuser = True
    root.save()
    client = rows.desk(root)
    posted = client.post(reverse("desk:text", kwargs=PLACE), form(ours, creditor="all"), follow=True)
    assert "For all creditors" in posted.content.decode()
    assert Template.objects.get().creditor is None
