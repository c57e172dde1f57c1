"""What follows from an answer: whose it is, what rests meanwhile, what a person's word makes of it; once each."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from amiable.casework.models import Dispute, Task
from amiable.core import links
from amiable.core.models import AuditEntry, User
from amiable.ledger import hold
from amiable.ledger.keep import keep
from amiable.ledger.models import ContactPoint, Customer, Document, Hold, Invoice
from amiable.outreach.attribute import named
from amiable.outreach.models import Delivery, Event, Message, OptOut, Reply
from amiable.outreach.send import send
from amiable.payments.models import Promise
from amiable.scenario.confirm import Meaning, confirm_reply
from amiable.scenario.respond import UnableToRespond, reply_claimed, reply_heard
from tests import world as worlds
from tests.conftest import Post
from tests.world import DAY, at, later

pytestmark = pytest.mark.django_db
NOW = at(DAY, 9)


@pytest.fixture
def vera(db: None) -> User:
    return User.objects.create_user("vera")


@pytest.fixture
def documents(settings: Any, tmp_path: Path) -> Path:
    settings.DOCUMENT_ROOT = tmp_path / "documents"
    return Path(settings.DOCUMENT_ROOT)


def hears(text: str, *, number: str = "1", now: datetime = NOW, **more: Any) -> Reply:
    told: dict[str, Any] = {"source": "mailbox:1", "external_id": number, "sender": "anna@example.org", "at": now}
    return reply_heard(text=text, now=now, **told | more)


def sent_to(who: Customer, *, key: str = "m1", about: tuple[Invoice, ...] = ()) -> Message:
    words = {"key": key, "creditor": who.creditor, "customer": who, "currency": "EUR", "purpose": "reminder_1"}
    words |= {"medium": "email", "language": "fr", "tone": "warm", "as_of": DAY, "about": [row.pk for row in about]}
    message = Message.objects.create(**words, created_at=NOW)
    Delivery.objects.create(message=message, channel="email", external_id=f"<{key}@helia.example>", started_at=NOW)
    return message


def holds(who: Customer) -> list[tuple[str, int | None, date | None]]:
    rows = hold.active(as_of=DAY).filter(customer=who).order_by("invoice_id")
    return list(rows.values_list("kind", "invoice_id", "until"))


# -- whose it is ---------------------------------------------------------------------------------------------------------


def test_by_the_thread_and_never_to_a_message_of_another_creditor(world: worlds.World) -> None:
    message = sent_to(world.anna)
    found = hears(
        "Bonjour", answers=["<other@x>", "<m1@helia.example>"], sender="new@example.org", creditor=world.house.pk
    )
    assert (found.customer, found.message, found.understood["by"]) == (world.anna, message, "thread")
    assert Event.objects.get().kind == "replied"
    strange = hears(
        "Bonjour", number="2", answers=["<m1@helia.example>"], sender="x@y.example", creditor=world.neighbour.pk
    )
    assert (strange.customer, strange.creditor) == (None, world.neighbour)


def test_by_our_link_in_what_is_quoted_even_when_it_has_expired(world: worlds.World) -> None:
    content = {"c": world.boris.pk, "m": sent_to(world.boris).pk}
    token = links.sign("portal", content, expires=NOW - timedelta(days=90))
    quoted = f"Oui.\n\nLe 3 mars, Hélia a écrit :\n> https://pay.helia.example/p/{token}/"
    found = hears(quoted, sender="assistant@example.org", creditor=world.house.pk)
    assert (found.customer, found.understood["by"], found.words) == (world.boris, "link", "Oui.")
    forged = hears(f"https://x/p/{token[:-2]}xx/", number="2", sender="a@b.example", creditor=world.house.pk)
    assert forged.customer is None


def test_by_an_invoice_number_of_this_creditor_alone_where_only_one_is_meant(world: worlds.World) -> None:
    worlds.invoice(world.boris, reference="FA-2026-0112")
    worlds.invoice(world.clara, reference="FA-2026-01125")
    worlds.invoice(world.nadia, reference="FA-2026-0777")
    stranger = {"sender": "stranger@example.org", "creditor": world.house.pk}
    assert hears("Votre facture fa-2026-0112 svp", **stranger).customer == world.boris
    assert hears("FA-2026-0777", number="2", **stranger).customer is None
    assert hears("FA-2026-0112 et FA-2026-01125", number="3", **stranger).customer is None
    assert hears("appelez le 202601125", number="4", **stranger).customer is None


def test_by_the_address_where_only_one_customer_has_it(world: worlds.World) -> None:
    assert hears("Bonjour", sender="ANNA@example.org").customer == world.anna
    ContactPoint.objects.create(contact=world.boris.contacts.get(), medium="email", value="anna@example.org")
    assert hears("Bonjour", number="2").customer is None


@pytest.mark.parametrize(
    ("reference", "text", "is_named"),
    [("FA-2026/001", "facture fa 2026 001 svp", True), ("118", "j'ai payé 118 euros", False), ("118", "facture n° 118", True),
     ("20261", "202612", False), ("F00012", "F00012.", True), ("F00012", "F000123", False),
     ("INV-7", "about invoice INV-7", True)],
)  # fmt: skip
def test_invoice_numbers_are_whole(world: worlds.World, reference: str, text: str, is_named: bool) -> None:
    row = worlds.invoice(world.anna, reference=reference)
    assert (named(text, world.anna) == [row.pk]) == is_named


# -- what rests meanwhile ------------------------------------------------------------------------------------------------


def test_a_promise_holds_the_invoice_named_until_its_day_for_now(world: worlds.World) -> None:
    row = worlds.invoice(world.anna, 35_000, reference="FA-1234")
    worlds.invoice(world.anna, 5_000)
    reply = hears("Je vous fais un virement de 350 € vendredi pour FA-1234.")
    assert (reply.intent, reply.understood["amount_minor"]) == ("promise", 35_000)
    assert holds(world.anna) == [("promise", row.pk, later(5))]
    assert Promise.objects.count() == 0
    assert Task.objects.get().kind == "reply"


def test_a_promise_of_far_away_rests_no_longer_than_three_weeks_unconfirmed(world: worlds.World) -> None:
    worlds.invoice(world.anna)
    hears("Je vous paierai le 15 juin par virement.")
    assert holds(world.anna) == [("promise", None, later(21))]


@pytest.mark.parametrize(
    ("text", "kind", "days"),
    [("J'ai déjà payé cette facture par virement hier.", "claimed", 7),
     ("Je conteste cette facture, le montant est faux.", "dispute", 3),
     ("Nous sommes en liquidation judiciaire, voyez le liquidateur.", "person", 3),
     ("Puis-je payer en trois fois ?", "person", 3),
     ("Je suis au chômage, je n'ai plus de revenus.", "person", 3), ("zzz", "person", 3)],
)  # fmt: skip
def test_each_intent_has_its_hold_and_it_ends_by_itself(world: worlds.World, text: str, kind: str, days: int) -> None:
    worlds.invoice(world.anna)
    hears(text)
    assert holds(world.anna) == [(kind, None, later(days))]
    assert Dispute.objects.count() == 0


def test_the_policy_says_how_long(world: worlds.World) -> None:
    world.house.policy = {"reply_days": 6}
    world.house.save()
    hears("Puis-je payer en trois fois ?")
    assert holds(world.anna)[0][2] == later(6)


@pytest.mark.parametrize("text", ["STOP", "Vous vous trompez de personne, ce n'est pas mon adresse."])
def test_an_address_is_left_in_peace_until_somebody_looks(world: worlds.World, text: str) -> None:
    hears(text)
    wish = OptOut.objects.get()
    assert (wish.address, wish.until) == ("anna@example.org", at(later(3), 0))


def test_the_same_answer_twice_is_one(world: worlds.World) -> None:
    for _again in range(3):
        hears("Bonjour")
    assert Reply.objects.count() == Task.objects.count() == Hold.objects.filter(customer=world.anna).count() == 1


# -- a person's word -----------------------------------------------------------------------------------------------------


def test_a_promise_confirmed_is_a_promise_and_the_provisional_hold_ends(world: worlds.World, vera: User) -> None:
    row = worlds.invoice(world.anna, 35_000, reference="FA-1234")
    reply = hears("Je vous fais un virement vendredi pour FA-1234.")
    meaning = Meaning("promise", day=later(4), amount_minor=35_000, invoices=[row.pk])
    confirm_reply(reply=reply, meaning=meaning, now=NOW, by=vera)
    assert Promise.objects.get().promised_for == later(4)
    refs = set(hold.active(as_of=DAY).filter(customer=world.anna).values_list("source_ref", flat=True))
    assert refs == {f"promise:{Promise.objects.get().pk}"}
    assert Task.objects.get().outcome == "confirmed"
    assert AuditEntry.objects.filter(act="reply.confirmed", user=vera).count() == 1
    with pytest.raises(UnableToRespond):
        confirm_reply(reply=reply, meaning=meaning, now=NOW, by=vera)
    assert Promise.objects.count() == 1


def test_what_cannot_be_leaves_everything_as_it_was(world: worlds.World, vera: User) -> None:
    worlds.invoice(world.anna, 1_000)
    reply = hears("Je vous paie vendredi.")
    for meaning in (
        Meaning("promise"),
        Meaning("promise", day=later(1), amount_minor=9_999),
        Meaning("dispute"),
        Meaning("nonsense"),
    ):
        with pytest.raises(Exception, match=r"\w") as told:
            confirm_reply(reply=reply, meaning=meaning, now=NOW, by=vera)
        assert type(told.value).__name__ in {"UnableToRespond", "UnableToPromise"}
    assert Reply.objects.get().confirmed_at is None
    assert holds(world.anna)[0][0] == "promise"


def test_each_intent_confirmed_calls_what_it_is(world: worlds.World, vera: User) -> None:
    row = worlds.invoice(world.anna, 1_000)

    def confirmed(number: int, intent: str, **more: Any) -> None:
        reply = hears("zzz", number=str(number))
        confirm_reply(reply=reply, meaning=Meaning(intent, **more), now=NOW, by=vera)

    confirmed(1, "already_paid", day=DAY)
    assert holds(world.anna) == [("claimed", row.pk, later(7))]
    confirmed(2, "dispute", invoices=[row.pk], reason="amount")
    assert Dispute.objects.get().reason == "amount"
    for number, intent in enumerate(("plan", "hardship", "complaint"), start=3):
        confirmed(number, intent)
    assert hold.active(as_of=later(13)).filter(customer=world.anna, kind="person").count() == 3
    confirmed(6, "insolvency")
    assert hold.active(as_of=later(900)).filter(customer=world.anna, kind="insolvency").exists()
    confirmed(7, "opt_out")
    assert OptOut.objects.get(until=None).address == "anna@example.org"
    confirmed(8, "wrong_person")
    assert ContactPoint.objects.get(value="anna@example.org").failed_at == NOW
    for number, intent in enumerate(("how_to_pay", "out_of_office", "other"), start=9):
        confirmed(number, intent)
    assert Task.objects.filter(kind="reply", done_at=None).count() == 0
    # The claim, the dispute, and what a colleague has to do about six of the answers.
    assert Task.objects.filter(done_at=None).count() == 8


def test_another_meaning_takes_the_proposed_one_back(world: worlds.World, vera: User) -> None:
    worlds.invoice(world.anna)
    reply = hears("STOP")
    confirm_reply(reply=reply, meaning=Meaning("other"), now=NOW, by=vera)
    assert not OptOut.objects.filter(until__gt=NOW).exists()
    assert holds(world.anna) == []
    row = Reply.objects.get()
    assert (row.intent, row.confirmed_intent, row.confirmed_by) == ("opt_out", "other", vera)


def test_nobodys_answer_is_given_to_its_customer_and_then_follows(world: worlds.World, vera: User) -> None:
    row = worlds.invoice(world.boris, reference="FA-5555")
    reply = hears("J'ai déjà payé la FA-5555x hier, voir FA 5555.", sender="x@y.example", creditor=world.house.pk)
    Reply.objects.update(customer=None)
    with pytest.raises(UnableToRespond):
        reply_claimed(reply=reply, customer=world.nadia, now=NOW, by=vera)
    found = reply_claimed(reply=reply, customer=world.boris, now=NOW, by=vera)
    assert (found.customer, found.understood["invoices"]) == (world.boris, [row.pk])
    assert holds(world.boris)[0][:2] == ("claimed", row.pk)
    with pytest.raises(UnableToRespond):
        reply_claimed(reply=reply, customer=world.clara, now=NOW, by=vera)


def test_nobodys_answer_may_be_put_away(world: worlds.World, vera: User) -> None:
    reply = hears("Achetez nos imprimantes", sender="x@y.example", creditor=world.house.pk)
    confirm_reply(reply=reply, meaning=Meaning("other"), now=NOW, by=vera)
    assert Reply.objects.get().confirmed_by == vera


# -- copies --------------------------------------------------------------------------------------------------------------


def copy_of(row: Invoice, content: bytes = b"%PDF-1.7 copy") -> Document:
    return Document.objects.create(
        creditor=row.creditor,
        invoice=row,
        name=f"{row.reference}.pdf",
        sha256=keep(content),
        size=len(content),
        known_at=NOW,
    )


def test_a_request_for_a_copy_is_answered_by_itself_once(world: worlds.World, documents: Path, post: Post) -> None:
    row = worlds.invoice(world.anna, reference="FA-1234")
    copy_of(row)
    for number in ("1", "2"):
        reply = hears(
            "Bonjour, pouvez-vous me renvoyer une copie de la facture FA-1234 ? Je ne l'ai pas reçue.", number=number
        )
        assert reply.intent == "copy"
    assert Task.objects.count() == 0
    assert [kind for kind, _invoice, _until in holds(world.anna)] == ["person"] * 2
    assert set(Reply.objects.values_list("confirmed_intent", "confirmed_by")) == {("copy", None)}
    send(as_of=DAY, now=NOW, creditor=world.house)
    [letter] = post.letters()
    assert "FA-1234" in str(letter["Subject"])
    [attached] = list(letter.iter_attachments())
    assert (attached.get_filename(), attached.get_content()) == ("FA-1234.pdf", b"%PDF-1.7 copy")


def test_where_no_copy_is_kept_a_person_gets_the_task(world: worlds.World, documents: Path, vera: User) -> None:
    kept, lost = worlds.invoice(world.anna, reference="FA-1234"), worlds.invoice(world.anna, reference="FA-9999")
    reply = hears("Pouvez-vous me renvoyer une copie de la facture FA-9999 ? Je ne l'ai pas reçue.")
    assert Task.objects.get().kind == "reply"
    copy_of(kept)
    confirm_reply(reply=reply, meaning=Meaning("copy", invoices=[kept.pk, lost.pk]), now=NOW, by=vera)
    assert Message.objects.get().about == [kept.pk]
    assert "FA-9999" in Task.objects.get(done_at=None).title


def test_a_copy_that_is_gone_is_a_sentence_not_an_empty_promise(
    world: worlds.World, documents: Path, post: Post
) -> None:
    row = worlds.invoice(world.anna, reference="FA-1234")
    document = copy_of(row)
    hears("Pouvez-vous me renvoyer une copie de la facture FA-1234 ? Je ne l'ai pas reçue.")
    for path in documents.rglob(document.sha256):
        path.unlink()
    assert send(as_of=DAY, now=NOW, creditor=world.house).failed == 1
    assert post.letters() == []
    assert Message.objects.get().verdict


def test_another_copy_on_the_same_day_leaves_too_and_none_in_dry_run(world: worlds.World, documents: Path) -> None:
    for reference in ("FA-1234", "FA-5678"):
        copy_of(worlds.invoice(world.anna, reference=reference), reference.encode())
        asked = f"Pouvez-vous me renvoyer une copie de la facture {reference} ? Je ne l'ai pas reçue."
        hears(asked, number=reference)
    assert Message.objects.count() == 2
    world.house.released_at = None
    world.house.save()
    copy_of(worlds.invoice(world.boris, reference="FA-9012"))
    asked = "Pouvez-vous me renvoyer une copie de la facture FA-9012 ? Je ne l'ai pas reçue."
    hears(asked, number="dry", sender="boris@example.org")
    assert Message.objects.count() == 2
    assert Task.objects.get().customer == world.boris
