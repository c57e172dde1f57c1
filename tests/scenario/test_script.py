"""What a colleague reads on the phone: the script of the matter, or the general one, filled as things stand now."""

from datetime import timedelta

import pytest

from amiable.casework.models import Task
from amiable.core.models import User
from amiable.ledger.models import Customer
from amiable.outreach.compose import LIBRARY, Block, check
from amiable.outreach.models import Template
from amiable.outreach.names import sample
from amiable.scenario import dispatch
from tests.outreach.rows import NOW, TODAY, a_creditor, a_customer, an_invoice

pytestmark = pytest.mark.django_db
HEADINGS = {
    "fr": ["Ouverture", "Identité", "La question", "Propositions", "Clôture"],
    "en": ["Opening", "Identity", "The question", "Offers", "Closing"],
}

IDENTITY = ("Identité", "Identity", "Savoir à qui l’on parle", "Know whom you speak with")


@pytest.fixture
def by() -> User:
    return User.objects.create(username="maud", first_name="Maud", last_name="Leroy")


def a_call(customer: Customer, **context: object) -> Task:
    return Task.objects.create(
        creditor=customer.creditor, customer=customer, kind="call", key=f"call:{customer.pk}", title="Appeler",
        due_on=TODAY, created_at=NOW, context=context,
    )  # fmt: skip


def said(task: Task, by: User) -> list[Block]:
    return dispatch.script(task=task, as_of=TODAY, now=NOW, by=by)


def words(blocks: list[Block]) -> str:
    return (
        "\n".join("".join(run["text"] for run in block["runs"]) for block in blocks)
        .replace("\xa0", " ")
        .replace("\u202f", " ")
    )


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("kind", ["consumer", "business"])
def test_it_goes_from_opening_to_closing_with_the_names_filled(language: str, kind: str, by: User) -> None:
    customer = a_customer(a_creditor(language=language), language=language, kind=kind)
    invoices = [an_invoice(customer, f"F-{days}", 10_000 + days, days_late=days) for days in (40, 9)]
    an_invoice(customer, "F-later", 5_000, days_late=-9)
    blocks = said(a_call(customer, invoices=[row.pk for row in invoices]), by)
    assert [block["runs"][0]["text"] for block in blocks if block["kind"] == "title"] == HEADINGS[language]
    text = words(blocks)
    assert "Maud Leroy" in text
    assert "C1042" in text
    assert ("200,49 €" if language == "fr" else "€200.49") in text
    assert "F-later" not in text


def test_one_invoice_is_named_and_none_is_said_so(by: User) -> None:
    customer = a_customer(a_creditor())
    task = a_call(customer)
    assert "Rien n’est échu aujourd’hui" in words(said(task, by))
    an_invoice(customer, "F-7", 10_000, days_late=9)
    assert "votre facture F-7" in words(said(task, by))


def test_a_script_of_the_creditors_own_comes_before_the_general_one(by: User) -> None:
    customer = a_customer(a_creditor())
    values = {
        "creditor": customer.creditor, "medium": "call", "language": "fr", "audience": "consumer", "tone": "neutral",
        "body": "# Bonjour\n\nIci {{ colleague }}.",
    }  # fmt: skip
    Template.objects.create(key="late_call", approved_at=NOW - timedelta(days=1), **values)
    Template.objects.create(key="other", **values)  # not approved
    assert words(said(a_call(customer, step="late_call"), by)) == "Bonjour\nIci Maud Leroy."
    customer.tasks.all().delete()
    assert "Ouverture" in words(said(a_call(customer, step="other"), by))


@pytest.mark.parametrize("path", sorted(LIBRARY.glob("*/*/*.call.liquid")), ids=lambda path: "/".join(path.parts[-3:]))
def test_every_script_names_only_what_exists_and_asks_who_it_is_before_any_amount(path) -> None:  # type: ignore[no-untyped-def]
    text = path.read_text(encoding="utf-8")
    check(text, subject="", language=path.parts[-3], known=sample(path.parts[-3]), medium="call")
    amounts = [place for name in ("to_pay", "total", "first.open", ".amount") if (place := text.find(name)) >= 0]
    headings = [place for name in IDENTITY if (place := text.find(f"# {name}")) >= 0]
    assert not amounts or max(headings) < min(amounts)
