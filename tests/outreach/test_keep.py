"""Texts of one's own: versions, four eyes, two people at once, back to the house's; and a trail of it all."""

import pytest
from django.db import IntegrityError

from amiable.core.models import AuditEntry, Role, Scope, User
from amiable.ledger.models import Creditor
from amiable.outreach import keep
from amiable.outreach.house import Place, house_source, own_texts, speaks
from amiable.outreach.models import Template
from tests.outreach.rows import NOW, a_creditor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]
PLACE = Place("reminder_1", "email", "fr", "consumer", "warm")
WORDS = '---\nsubject: "Un oubli ?"\n---\n{{ greeting }}\n\n[invoices]\n\n[pay]\n\n[paid-or-talk]\n\n[signature]\n'


def somebody(name: str, creditor: Creditor | None, role: str = Role.MANAGER) -> User:
    user = User.objects.create_user(name)
    if creditor:
        Scope.objects.create(user=user, role=role, creditor_ref=creditor.pk)
    return user


def kept(creditor: Creditor | None, by: User, *, source: str = WORDS, seen: int = 0, place: Place = PLACE) -> Template:
    return keep.keep(place, creditor=creditor, source=source, seen=seen, now=NOW, by=by)


def speaking(creditor: Creditor) -> str:
    return speaks(PLACE, creditor=creditor.pk, own=own_texts()).source


def test_a_draft_speaks_only_when_another_person_has_approved_it() -> None:
    creditor = a_creditor()
    ada, bea = somebody("ada", creditor), somebody("bea", creditor, Role.ADMIN)
    draft = kept(creditor, ada)
    assert speaking(creditor) == house_source(PLACE)
    with pytest.raises(keep.UnableToKeep, match="Who wrote a text does not approve it"):
        keep.approve(draft, now=NOW, by=ada)
    keep.approve(draft, now=NOW, by=bea)
    assert speaking(creditor) == WORDS
    assert speaking(a_creditor(key="other")) == house_source(PLACE)
    assert list(AuditEntry.objects.order_by("pk").values_list("act", "user__username", "detail__place")) == [
        ("text.written", "ada", PLACE.file),
        ("text.approved", "bea", PLACE.file),
    ]


def test_whoever_is_alone_with_the_right_may_approve_and_the_trail_says_so() -> None:
    creditor = a_creditor()
    ada = somebody("ada", creditor)
    somebody("carl", creditor, Role.COLLECTOR)
    somebody("dora", None)
    Scope.objects.create(
        user=somebody("emil", None), role=Role.MANAGER, creditor_ref=creditor.pk, own_customers_only=True
    )
    keep.approve(kept(creditor, ada), now=NOW, by=ada)
    assert AuditEntry.objects.get(act="text.approved").detail["alone"] is True
    bea = somebody("bea", creditor)
    second = kept(creditor, ada, seen=1)
    with pytest.raises(keep.UnableToKeep):
        keep.approve(second, now=NOW, by=ada)
    User.objects.filter(pk=bea.pk).update(is_active=False)
    keep.approve(second, now=NOW, by=ada)
    assert speaking(creditor) == WORDS


def test_the_later_of_two_saves_does_not_silently_overwrite() -> None:
    creditor = a_creditor()
    ada, bea = somebody("ada", creditor), somebody("bea", creditor)
    kept(creditor, ada)
    with pytest.raises(keep.UnableToKeep, match="Meanwhile ada kept another version"):
        kept(creditor, bea, seen=0)
    again = kept(creditor, bea, seen=1)
    assert (again.version, again.written_by) == (2, bea)
    # The database itself holds it where both come at the very same moment.
    with pytest.raises(IntegrityError):
        Template.objects.create(creditor=creditor, key="reminder_1", medium="email", language="fr", audience="consumer", tone="warm", version=2, body="x")  # noqa: E501  # fmt: skip


def test_only_the_newest_draft_is_approved() -> None:
    creditor = a_creditor()
    ada, bea = somebody("ada", creditor), somebody("bea", creditor)
    first, second = kept(creditor, ada), kept(creditor, ada, seen=1)
    with pytest.raises(keep.UnableToKeep, match="newest draft"):
        keep.approve(first, now=NOW, by=bea)
    keep.approve(second, now=NOW, by=bea)
    with pytest.raises(keep.UnableToKeep, match="newest draft"):
        keep.approve(second, now=NOW, by=bea)
    with pytest.raises(keep.UnableToKeep, match="Only a draft"):
        keep.give_up(second, now=NOW, by=bea)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("Hello {{ oops }}", "Line 1: There is nothing named “oops”"),
        ("{% for i in (1..1000000000) %}x{% endfor %}", "Ranges"),
        ("[nowhere]", "There is no part named"),
        ("Hello", "It needs a subject"),
    ],
)
def test_what_cannot_be_used_is_not_kept(source: str, why: str) -> None:
    creditor = a_creditor()
    with pytest.raises(keep.UnableToKeep, match=why.replace("(", r"\(")):
        kept(creditor, somebody("ada", creditor), source=source)
    assert not Template.objects.exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("Un huissier viendra.\n\n[paid-or-talk]", "mixes amicable with forced collection: “huissier”"),
        ("Des frais de relance de 10 € seront dus.\n\n[paid-or-talk]", "charges a consumer: “frais de relance”"),
        ("{% if late_charges %}{{ indemnity }}{% endif %}\n\n[paid-or-talk]", "may not name “indemnity”"),
        ("[late-charges]\n\n[paid-or-talk]", "may not name “indemnity”"),
        ("Bonjour", "must say how to answer or object"),
    ],
)
def test_what_the_law_asks_and_forbids_may_be_drafted_and_is_not_approved(words: str, why: str) -> None:
    creditor = a_creditor()
    ada, bea = somebody("ada", creditor), somebody("bea", creditor)
    draft = kept(creditor, ada, source=f'---\nsubject: "x"\n---\n{words}')
    with pytest.raises(keep.UnableToKeep, match=why):
        keep.approve(draft, now=NOW, by=bea)
    assert speaking(creditor) == house_source(PLACE)


def test_back_to_the_house() -> None:
    creditor = a_creditor()
    ada, bea = somebody("ada", creditor), somebody("bea", creditor)
    keep.approve(kept(creditor, ada), now=NOW, by=bea)
    kept(creditor, ada, seen=1)
    assert keep.back_to_house(PLACE, creditor=creditor, now=NOW, by=ada) == 2
    assert speaking(creditor) == house_source(PLACE)
    with pytest.raises(keep.UnableToKeep, match="no text of your own"):
        keep.back_to_house(PLACE, creditor=creditor, now=NOW, by=ada)
    # Versions go on counting: what was put away stays to be read.
    assert kept(creditor, ada, seen=2).version == 3
    assert AuditEntry.objects.filter(act="text.retired").count() == 1


def test_a_text_for_all_creditors_is_approved_by_another_superuser() -> None:
    creditor, root, other = a_creditor(), somebody("root", None), somebody("other", None)
    User.objects.update(is_superuser=True)
    draft = kept(None, root)
    with pytest.raises(keep.UnableToKeep):
        keep.approve(draft, now=NOW, by=root)
    keep.approve(draft, now=NOW, by=other)
    assert speaking(creditor) == WORDS
