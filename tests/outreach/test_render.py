"""Every text of the house as its reader gets it (golden files), and what a text may not do."""

import os
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.utils.translation import override

from amiable.ledger.models import Allocation, Invoice
from amiable.outreach.compose import UnableToCompose, check, compose
from amiable.outreach.express import colour, day, delay
from amiable.outreach.models import Template
from amiable.outreach.names import sample
from amiable.outreach.render import render
from tests.outreach.rows import NOW, TODAY, a_credit, a_creditor, a_customer, a_message, an_invoice

SAMPLES = Path(__file__).parent.parent / "samples" / "outreach"
KEYS = ("courtesy_notice", "reminder_1", "reminder_2", "formal_notice", "statement", "receipt", "promise_confirmed")
CONTEXT = {
    "payment": {"amount_minor": 25_000, "received_on": "2025-11-18"},
    "promise": {"amount_minor": 25_000, "promised_for": "2025-12-01"},
}

pytestmark = pytest.mark.django_db


def golden(name: str, found: str) -> None:
    """Equal to the sample; `GOLDEN=1` writes it anew. Links differ with the installation's secret: told as TOKEN."""
    found = re.sub(r"/(p|u)/[^/\"\s]+/", r"/\1/TOKEN/", found)
    path = SAMPLES / name
    if os.environ.get("GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8"), f"{name} has changed: look at it, then run with GOLDEN=1."


@pytest.mark.parametrize(("key", "language", "audience"), [*product(KEYS, ("fr", "en"), ("consumer", "business"))])
def test_each_text_reads_as_its_sample(key: str, language: str, audience: str) -> None:
    names = {"name": "Anna Martin"} if audience == "consumer" else {"name": "Roux et fils"}
    customer = a_customer(a_creditor(), language=language, kind=audience, **names)
    early = key == "courtesy_notice"
    first = an_invoice(customer, "F-2025-0143", 12_345, days_late=-5 if early else 9)
    about, also = [first], []
    if audience == "business":  # several invoices and a credit; a consumer has one
        about.append(an_invoice(customer, "F-2025-0144", 123_456_78, days_late=-5 if early else 8))
        also.append(an_invoice(customer, "F-2025-0150", 5_000, days_late=1))
        a_credit(customer, 10_000)
    if key == "receipt":
        settle(first)
    rendered = render(a_message(customer, key, about, also=also, context=CONTEXT), as_of=TODAY, now=NOW)
    golden(f"{key}.{language}.{audience}.txt", f"{rendered.subject}\n\n{rendered.text}")
    golden(f"{key}.{language}.{audience}.html", rendered.html)
    assert bool(rendered.attachments) == (key in {"statement", "formal_notice"})


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("Hello {{ custommer.name }}", "Line 1: There is nothing named “custommer.name”"),
        ("Hello\n\n{{ creditor.nane }}", "Line 3: There is nothing named “creditor.nane”"),
        ("{% if nothing_to_pay %}{{ oops }}{% endif %}", "Line 1: There is nothing named “oops”"),
        ('---\nsubject: "{{ oops }}"\n---\nHello', "Line 2: There is nothing named “oops”"),
        ('---\nsubject: "x"\n---\n\nHello {{ oops }}', "Line 5: There is nothing named “oops”"),
        ("[no-such-part]", "There is no part named “[no-such-part]”"),
        ("---\nsubject: [\n---\nHello", "Line 2: The lines between the two “---” cannot be read"),
        ("---\nsubject: 12\n---\nHello", "in quotes, and no more"),
        ('---\nsubject: "a"\nother: "b"\n---\nHello', "in quotes, and no more"),
        ('---\nsubject: "a"\nHello', "not closed"),
        ("{% if count == 1 %}One\n\nTwo{% endif %}", "stands alone, between empty lines"),
        ("A\n\n{% if count == 1 %}\n\nOne {% endif %} two", "Line 5: "),
        ("{{ creditor.name | append: '<b>' }}", "the signs < > and"),
        ("x" * 30_000, "20000"),
        ("\ue0000\ue001", "a sign that cannot be shown"),
    ],
)
def test_a_text_with_a_mistake_is_refused_with_a_sentence(source: str, words: str) -> None:
    with override("en"), pytest.raises(UnableToCompose, match=re.escape(words)):
        check(source, subject="", language="en", known=sample("en"))


@pytest.mark.parametrize("medium", ["sms", "call"])
def test_parts_of_e_mails_have_no_place_in_other_media(medium: str) -> None:
    with override("en"), pytest.raises(UnableToCompose, match="for this medium"):
        check("Hello\n\n[pay]", subject="", language="en", known=sample("en"), medium=medium)


def test_what_customers_are_called_is_never_markup() -> None:
    customer = a_customer(a_creditor(name="Bäcker & Söhne <AG>"), name="<b>Anna</b> {{ 7 | times: 7 }}")
    message = a_message(customer, "reminder_1", [an_invoice(customer, "F<1>&", 100, days_late=3)])
    rendered = render(message, as_of=TODAY, now=NOW)
    assert "<b>Anna</b> {{ 7 | times: 7 }}," in rendered.text
    assert "&lt;b&gt;Anna&lt;/b&gt; {{ 7 | times: 7 }}," in rendered.html
    assert "F&lt;1&gt;&amp;" in rendered.html
    assert "49" not in rendered.html.split("<body")[1].split("card")[0]


def test_an_editors_angle_brackets_are_text_and_their_links_are_links() -> None:
    source = "Less is < more & **better**.\nSee [our page](https://lumen.example/a) or [this](javascript:alert(1))."
    _subject, text, page = compose(source, subject="Hi", language="en").fill(_known())
    assert "Less is &lt; more &amp; <strong>better</strong>.<br" in page
    assert '<a href="https://lumen.example/a">our page</a>' in page
    assert "[this](javascript:alert(1))" in page
    assert "Less is < more & better.\nSee our page (https://lumen.example/a)" in text


def test_a_creditors_newest_approved_text_is_used() -> None:
    customer = a_customer(a_creditor())
    message = a_message(customer, "reminder_1", [an_invoice(customer, "F-1", 100, days_late=3)])
    kept = {
        "creditor": customer.creditor,
        "key": "reminder_1",
        "medium": "email",
        "language": "fr",
        "audience": "consumer",
        "tone": "warm",
    }
    for version, approved in ((1, NOW), (2, NOW), (3, None)):
        Template.objects.create(
            **kept, version=version, approved_at=approved, subject=f"Version {version}", body="{{ greeting }}"
        )
    assert render(message, as_of=TODAY, now=NOW).subject == "Version 2"


def test_many_invoices_go_into_the_statement() -> None:
    customer = a_customer(a_creditor())
    invoices = [an_invoice(customer, f"F-{number:03d}", 1_000, days_late=40 - number) for number in range(30)]
    rendered = render(a_message(customer, "reminder_1", invoices), as_of=TODAY, now=NOW)
    assert "et 5 autres factures, au relevé joint" in rendered.text.replace("\xa0", " ")
    assert "300,00" in rendered.text
    assert [file.media_type for file in rendered.attachments] == ["application/pdf"]


def test_small_words() -> None:
    assert day(TODAY.replace(day=1), "fr") == "1er\xa0novembre 2025"
    assert [delay(days, "fr") for days in (-2, -1, 0, 1, 2)] == [
        "dans 2 jours",
        "dans 1 jour",
        "à régler aujourd’hui",
        "1 jour de retard",
        "2 jours de retard",
    ]
    assert colour("#ffee00") == colour(None) == colour("red") != colour("#123456") == "#123456"


def settle(invoice: Invoice) -> None:
    credit = a_credit(invoice.customer, invoice.amount_minor, kind="payment", reference="paid")
    Allocation.objects.create(
        credit=credit,
        invoice=invoice,
        amount_minor=invoice.amount_minor,
        effective_on=TODAY,
        known_at=NOW,
        rule="named",
    )


def _known() -> dict[str, Any]:
    return dict(sample("en"))
