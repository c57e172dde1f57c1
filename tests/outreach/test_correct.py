"""Addresses put right: read as they are kept, refused with a sentence, told in the trail, and never a way around a wish."""

import pytest

from amiable.casework.models import Task, TaskKind
from amiable.core.models import AuditEntry, User
from amiable.ledger.models import Contact, ContactPoint, Customer, Medium
from amiable.outreach import correct
from amiable.outreach.address import addresses
from amiable.outreach.models import OptOut
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]


@pytest.fixture
def anna() -> Customer:
    return rows.customer(rows.creditor("ours"), "Anna")


@pytest.fixture
def camille(anna: Customer) -> User:
    return rows.colleague("camille", anna.creditor)


def usable(customer: Customer, medium: str) -> list[str]:
    found = addresses([customer], medium=medium, now=clock.now()).get(customer.pk, [])
    return [row.value for row in found if row.usable]


def keep(anna: Customer, camille: User, contact: Contact | None = None, **more: object) -> correct.Change:
    person = correct.Person("Ann", "accounts", "fr")
    return correct.keep_contact(customer=anna, contact=contact, person=person, now=clock.now(), by=camille, **more)  # type: ignore[arg-type]


def test_a_contact_with_a_mobile_takes_calls_and_texts(anna: Customer, camille: User) -> None:
    change = keep(anna, camille, more=[("email", " Ann@Example.ORG "), ("call", "06 12 34 56 78")])
    contact = Contact.objects.get()
    assert (contact.pk, contact.name, contact.role, contact.language) == (change.contact, "Ann", "accounts", "fr")
    assert usable(anna, Medium.EMAIL) == ["ann@example.org"]
    assert usable(anna, Medium.CALL) == usable(anna, Medium.SMS) == ["+33612345678"]
    correct.put_back(customer=anna, change=change, now=clock.now(), by=camille)
    assert not Contact.objects.exists()


@pytest.mark.parametrize(
    ("medium", "value", "sentence"),
    [
        ("email", "ann@", "not an e-mail address"),
        ("call", "12", "not a telephone number"),
        ("letter", "Paris", "two lines"),
    ],
)
def test_what_is_no_address_is_refused_and_nothing_is_kept(
    anna: Customer, camille: User, medium: str, value: str, sentence: str
) -> None:
    with pytest.raises(correct.UnableToCorrect, match=sentence):
        keep(anna, camille, more=[(medium, value)])
    assert not Contact.objects.exists()


def test_a_corrected_address_works_again_and_nobody_looks_for_it_any_more(anna: Customer, camille: User) -> None:
    point = rows.email(anna, "old@example.org")
    point.failed_at, point.failure = clock.now(), "no such mailbox"
    point.save()
    wanted = rows.task(anna, TaskKind.OTHER, key=f"address:{anna.pk}:email")
    assert usable(anna, Medium.EMAIL) == []
    change = keep(anna, camille, point.contact, addresses={point.pk: "new@example.org"})
    assert usable(anna, Medium.EMAIL) == ["new@example.org"]
    assert Task.objects.get(pk=wanted.pk).done_by == camille
    entry = AuditEntry.objects.get(act="contact.corrected")
    assert (entry.user, entry.detail["before"], entry.detail["after"]) == (
        camille,
        "old@example.org",
        "new@example.org",
    )
    correct.put_back(customer=anna, change=change, now=clock.now(), by=camille)
    point.refresh_from_db()
    assert (point.value, point.failure) == ("old@example.org", "no such mailbox")
    assert usable(anna, Medium.EMAIL) == []


def test_a_mark_is_lifted_without_another_address(anna: Customer, camille: User) -> None:
    point = rows.email(anna, "ann@example.org")
    ContactPoint.objects.update(failed_at=clock.now())
    keep(anna, camille, point.contact, addresses={point.pk: "ann@example.org"})
    assert usable(anna, Medium.EMAIL) == []
    keep(anna, camille, point.contact, addresses={point.pk: "ann@example.org"}, works_again=[point.pk])
    assert usable(anna, Medium.EMAIL) == ["ann@example.org"]


def test_a_wish_not_to_be_written_to_goes_along_with_the_address(anna: Customer, camille: User) -> None:
    point = rows.email(anna, "old@example.org")
    OptOut.objects.create(customer=anna, medium="email", address="old@example.org", since=clock.now(), origin="portal")
    assert usable(anna, Medium.EMAIL) == []
    keep(anna, camille, point.contact, addresses={point.pk: "new@example.org"})
    assert usable(anna, Medium.EMAIL) == []


def test_one_person_has_an_address_once(anna: Customer, camille: User) -> None:
    first = rows.email(anna, "a@example.org")
    second = ContactPoint.objects.create(contact=first.contact, medium="email", value="b@example.org")
    with pytest.raises(correct.UnableToCorrect, match="already"):
        keep(anna, camille, first.contact, addresses={second.pk: "a@example.org"})


def test_nobody_elses_address_is_touched(anna: Customer, camille: User) -> None:
    theirs = rows.email(rows.customer(rows.creditor("theirs"), "Zoe"), "zoe@example.org")
    mine = rows.email(anna, "a@example.org")
    keep(anna, camille, mine.contact, addresses={theirs.pk: "x@example.org"})
    theirs.refresh_from_db()
    assert theirs.value == "zoe@example.org"


def test_who_moved_is_written_to_at_the_new_place(anna: Customer, camille: User) -> None:
    to = {"street": "1 rue Neuve", "postcode": "69001", "city": "Lyon", "country": "FR", "language": "en"}
    before = correct.move(customer=anna, to=to, now=clock.now(), by=camille)
    assert before == {"street": "", "postcode": "", "city": "", "language": ""}
    anna.refresh_from_db()
    assert usable(anna, Medium.LETTER) == ["Anna\n1 rue Neuve\n69001 Lyon"]
    assert correct.move(customer=anna, to=to, now=clock.now(), by=camille) == {}
    assert AuditEntry.objects.filter(act="customer.moved").count() == 1
