"""What messages tell beside the account, on real rows: late charges, a person, promises, plans, disputes, every medium."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import models

from amiable.casework.models import Dispute
from amiable.ledger.accrue import accrue
from amiable.ledger.models import Contact, ContactPoint
from amiable.outreach.express import express
from amiable.outreach.gather import gather
from amiable.outreach.house import keys
from amiable.outreach.models import Message, Template
from amiable.outreach.names import sample
from amiable.outreach.render import Rendered, render
from amiable.outreach.segment import segment
from amiable.outreach.tell import NEEDED, UnableToTell
from tests.outreach.rows import NOW, TODAY, a_creditor, a_customer, a_message, an_invoice

pytestmark = pytest.mark.django_db
PLAN = {
    "total_minor": 30_000,
    "answer_by": "2025-11-27",
    "instalments": [
        {"due_on": "2025-12-15", "amount_minor": 10_000},
        {"due_on": "2025-10-15", "amount_minor": 10_000, "paid_minor": 10_000},
        {"due_on": "2025-11-15", "amount_minor": 10_000, "paid_minor": 2_500},
    ],
}
CONTEXT = {
    "payment": {
        "amount_minor": 25_000,
        "received_on": "2025-11-18",
        "failed_on": "2025-11-19",
        "failure": "insufficient",
    },
    "promise": {"amount_minor": 25_000, "promised_for": "2025-11-18", "kept_minor": 5_000},
    "plan": PLAN,
    "survey": {"after": "payment"},
    "colleague": "Nora Petit",
}


def rendered(
    purpose: str, *, medium: str = "email", tone: str = "warm", creditor: Any = None, **changes: Any
) -> Rendered:
    context = changes.pop("context", CONTEXT)
    customer = a_customer(creditor or a_creditor(), **changes)
    for place, value in (("sms", "+33612345678"), ("call", "+33472000009"), ("letter", "3 rue du Lac\n69003 Lyon")):
        ContactPoint.objects.create(contact=Contact.objects.get(customer=customer), medium=place, value=value)
    message = a_message(customer, purpose, [an_invoice(customer, "F-1", 12_345, days_late=9)], context=context)
    Message.objects.filter(pk=message.pk).update(medium=medium, tone=tone)
    message.refresh_from_db()
    return render(message, as_of=TODAY, now=NOW)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("kind", ["consumer", "business", "public"])
def test_what_is_expressed_has_exactly_the_names_of_the_table(language: str, kind: str) -> None:
    customer = a_customer(a_creditor(), kind=kind, language=language)
    invoice = an_invoice(customer, "F-1", 12_345, days_late=9)
    Dispute.objects.create(customer=customer, invoice=invoice, reason="amount", opened_at=NOW)
    for purpose, context in (("reminder_1", {}), ("dispute_received", CONTEXT)):
        also = [an_invoice(customer, f"F-{purpose}", 100, days_late=1)]
        message = a_message(customer, purpose, [invoice], also=also, context=context)
        [facts] = gather([message], as_of=TODAY, now=NOW)
        found = {**express(facts), "statement": sample(language)["statement"]}
        assert shape(found, fill=sample(language)) == shape(sample(language))
        assert not any(isinstance(each, models.Model) for each in every(found))


def shape(value: Any, fill: Any = None) -> Any:
    """Names and types, whatever the values; an empty list is as the sample's."""
    if isinstance(value, dict):
        return {name: shape(each, (fill or {}).get(name)) for name, each in value.items()}
    if isinstance(value, list):
        return [shape((value or fill or [""])[0])]
    return type(value).__name__


def every(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [each for part in value.values() for each in every(part)]
    return [each for part in value for each in every(part)] if isinstance(value, list) else [value]


def shown(audience: str, mode: str = "show") -> dict[str, Any]:
    """The policy of a creditor that shows interest and indemnity to these customers."""
    choice = {"interest": mode, "indemnity": mode, "fees": "waive", "percent": ""}
    return {"late_payment": [{"since": "2020-01-01", audience: choice}]}


@pytest.mark.parametrize(
    ("kind", "policy", "country", "told"),
    [
        ("business", {}, "FR", False),  # nothing without the creditor's own choice
        ("business", shown("business"), "FR", True),
        ("business", shown("business", "waive"), "FR", False),
        ("business", shown("business"), "US", False),  # nothing where the law pack knows none
        ("public", shown("business"), "FR", False),  # public buyers have a choice of their own
        ("consumer", shown("consumer"), "FR", False),  # never
    ],
)
@pytest.mark.parametrize("purpose", ["formal_notice", "reminder_3"])
def test_interest_and_indemnity_are_named_only_where_law_and_choice_allow(
    purpose: str, kind: str, policy: dict[str, Any], country: str, told: bool
) -> None:
    found = rendered(purpose, tone="firm", creditor=a_creditor(policy=policy, country=country), kind=kind)
    for words in (found.text, found.html):
        assert ("L.441-10" in words) == told
        assert ("40,00" in words) == told


@pytest.mark.parametrize("language", ["fr", "en"])
def test_claimed_shown_and_waived_each_say_the_truth(language: str) -> None:
    """What is claimed is in the sum, what is shown is not and is told with its amount, what is waived is not named."""
    said = {
        "fr": ("La somme ci-dessus comprend", "ne les comprend pas :", "pénalités de retard"),
        "en": ("The sum above includes", "not included in the sum above:", "late-payment interest"),
    }[language]
    for number, mode in enumerate(("claim", "show", "waive")):
        house = a_creditor(key=mode, policy=shown("business", mode))
        who = a_customer(house, f"C{number}", kind="business", language=language)
        row = an_invoice(who, f"F-{mode}", 100_000, days_late=40)
        accrue(creditor=house, as_of=TODAY, now=NOW)
        row.refresh_from_db()
        message = a_message(who, "formal_notice", [row], tone="firm", context=CONTEXT)
        words = plain(render(message, as_of=TODAY, now=NOW).text)
        assert [part in words for part in said] == [mode == "claim", mode == "show", mode != "waive"], words
        assert row.charged_minor > 0 if mode == "claim" else row.charged_minor == 0


def test_a_formal_notice_tells_the_charges_of_what_it_demands_and_no_others() -> None:
    house = a_creditor(policy=shown("business", "show"))
    who = a_customer(house, kind="business")
    demanded, named = (an_invoice(who, f"F-{days}", 100_000, days_late=days) for days in (40, 9))
    alone = a_message(who, "formal_notice", [demanded], tone="firm", key="alone")
    beside = a_message(who, "formal_notice", [demanded], also=[named], tone="firm", key="beside")
    told = [express(each)["charges_besides"] for each in gather([alone, beside], as_of=TODAY, now=NOW)]
    assert told[0] == told[1] != ""


def test_a_person_to_speak_to_is_named_with_number_and_hours() -> None:
    nobody = rendered("reminder_1")
    assert "ou appelez-nous au" in plain(nobody.html)
    policy = {
        "person": {"name": "Sophie Lambert", "hours": {"fr": "de 9 h à 17 h", "en": "9 to 5"}, "phone": "+33472000077"}
    }
    named = rendered("reminder_1", creditor=a_creditor(key="other", policy=policy))
    assert "ou appelez Sophie Lambert au" in plain(named.html)
    assert "Par téléphone (Sophie Lambert) : 04 72 00 00 77 (de 9 h à 17 h)" in plain(named.text)
    assert "Sophie Lambert\nL’équipe comptabilité clients" in named.text
    ordered = rendered(
        "reminder_1", creditor=a_creditor(key="third", policy=policy), context={"person": {"name": "Nora Petit"}}
    )
    assert "Nora Petit" in ordered.html
    assert "Sophie" not in ordered.html


def test_a_plan_is_told_part_by_part() -> None:
    found = rendered("plan_late", context={"plan": PLAN})
    said = plain(found.text)
    assert (
        "1. 15 octobre 2025 : 100,00 € (réglé)\n2. 15 novembre 2025 : 100,00 € (en retard, reste 75,00 €)\n3. 15 décembre"
        in said
    )
    assert "le règlement du 15 novembre" not in said
    assert "Le versement du 15 novembre 2025" in said
    assert "75,00" in found.subject or "75,00" in said
    due = rendered("plan_due", creditor=a_creditor(key="b"), context={"plan": PLAN | {"due_on": "2025-12-15"}})
    assert "100,00 € sont à régler le 15 décembre 2025" in plain(due.text)  # and not what is late already


def test_a_dispute_is_told_from_its_row_and_not_its_words_to_others() -> None:
    customer = a_customer(a_creditor(), language="en")
    invoice, other = (an_invoice(customer, name, 12_345, days_late=9) for name in ("F-1", "F-2"))
    for row, reason in ((other, "quality"), (invoice, "amount")):
        Dispute.objects.create(
            customer=customer, invoice=row, reason=reason, words="Half of it", disputed_minor=5_000,
            resolution="accepted" if row is invoice else "", answer="A credit note is on its way.",
            opened_at=(NOW - timedelta(days=4)).replace(hour=23),
        )  # fmt: skip
    message = a_message(customer, "dispute_answered", [invoice])
    text = plain(render(message, as_of=TODAY, now=NOW).text)
    assert "dispute about" not in text
    assert "what you told us about invoice F-1 on 17 November 2025" in text
    assert "You were right." in text
    assert "A credit note is on its way." in text
    named = a_message(customer, "dispute_received", [], context={"dispute": Dispute.objects.get(invoice=other).pk})
    text = plain(render(named, as_of=TODAY, now=NOW).text)
    assert "invoice F-2 (reason: not as agreed)" in text
    assert "€50.00" in text


@pytest.mark.parametrize(("resolution", "named"), [("refused", True), ("accepted", False)])
def test_a_no_to_a_private_customer_names_the_mediator(resolution: str, named: bool) -> None:
    creditor = a_creditor(policy={"mediator": "Médiateur national, www.mediateur.example"})
    for kind in ("consumer", "business"):
        customer = a_customer(creditor, kind, kind=kind)
        invoice = an_invoice(customer, f"F-{kind}", 12_345, days_late=9)
        Dispute.objects.create(
            customer=customer,
            invoice=invoice,
            reason="amount",
            disputed_minor=5_000,
            resolution=resolution,
            opened_at=NOW,
        )
        text = render(a_message(customer, "dispute_answered", [invoice]), as_of=TODAY, now=NOW).text
        assert ("www.mediateur.example" in text) is (named and kind == "consumer")


@pytest.mark.parametrize("purpose", keys())
@pytest.mark.parametrize("told", [True, False], ids=["told", "untold"])
def test_every_purpose_can_be_rendered_unless_its_order_does_not_say_what_it_is_about(purpose: str, told: bool) -> None:
    for kind, language in (("consumer", "fr"), ("business", "en")):
        how: dict[str, Any] = {"creditor": a_creditor(key=f"c{kind}"), "kind": kind, "language": language}
        if not told and purpose in NEEDED:
            with pytest.raises(UnableToTell, match=NEEDED[purpose]):
                rendered(purpose, **how, context={})
            continue
        found = rendered(purpose, **how, context=CONTEXT if told else {})
        words = found.text.partition("\n-- \n")[0]
        assert found.subject
        assert not re.search(r"\{\{|\*\*|\S {2,}\S| \.", words), words


def test_a_text_message_is_short_plain_and_has_its_link() -> None:
    found = rendered("reminder_1", medium="sms")
    assert (found.subject, found.html, found.attachments) == ("", "", ())
    assert found.text.startswith("Lumen Énergie : un oubli ? Facture F-1, 123,45 €.")
    assert "/p/" in found.text
    assert found.text.endswith("STOP pour ne plus en recevoir")
    assert segment(found.text).alphabet == "gsm"
    assert segment(found.text).count <= 2
    stops = a_creditor(key="other", policy={"sms_stop": "STOP au 36180"})
    assert rendered("reminder_1", medium="sms", creditor=stops).text.endswith("STOP au 36180")


def test_a_call_has_a_script_for_the_one_who_calls() -> None:
    found = rendered("promise_broken", medium="call", tone="firm")
    assert "<h3>Se présenter</h3>" in found.html
    assert "<li>Un oubli" in found.html
    assert "« Bonjour, je suis Nora Petit." in plain(found.text)
    assert "250,00 € pour le 18 novembre 2025" in plain(found.text)
    assert found.attachments == ()


def test_a_text_of_its_own_speaks_at_each_tone_before_the_houses() -> None:
    creditor = a_creditor()
    message = a_message(a_customer(creditor), "receipt", [], context=CONTEXT)
    Message.objects.update(tone="neutral")
    message.refresh_from_db()

    def subject() -> str:
        return render(message, as_of=TODAY, now=NOW).subject

    place = {"key": "receipt", "medium": "email", "language": "fr", "audience": "consumer", "tone": "warm"}
    house = Template.objects.create(**place, approved_at=NOW, body="{{ greeting }}", subject="De la maison")
    assert subject() == "De la maison"
    own = Template.objects.create(
        **place, creditor=creditor, approved_at=NOW, body="{{ greeting }}", subject="Du créancier"
    )
    assert subject() == "Du créancier"
    Template.objects.filter(pk=own.pk).update(retired_at=NOW)
    assert subject() == "De la maison"
    Template.objects.filter(pk=house.pk).update(approved_at=None)
    assert subject().startswith("Merci")
