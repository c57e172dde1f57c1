"""An SMS as it is read: the text alone, in the cheap alphabet, in few segments."""

import pytest
from pytest_django.fixtures import Settings

from amiable.outreach.models import Template
from amiable.outreach.render import render
from amiable.outreach.segment import segment
from tests.outreach.rows import NOW, TODAY, a_creditor, a_customer, a_message, an_invoice

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_reminder_is_two_segments_at_most_with_its_link(language: str, settings: Settings) -> None:
    settings.BASE_URL = "https://payer.lumen-energie.example"
    customer = a_customer(a_creditor(), language=language)
    due = an_invoice(customer, "F-2025-0143", 123_456, days_late=9)
    rendered = render(a_message(customer, "reminder_1", [due], medium="sms"), as_of=TODAY, now=NOW)
    assert (rendered.subject, rendered.html, rendered.attachments) == ("", "", ())
    assert "F-2025-0143" in rendered.text
    assert "https://payer.lumen-energie.example/p/" in rendered.text
    assert segment(rendered.text).alphabet == "gsm"
    assert segment(rendered.text).count <= 2


def test_a_text_of_the_creditor_is_spelled_too(settings: Settings) -> None:
    customer = a_customer(a_creditor(), language="fr")
    Template.objects.create(
        creditor=customer.creditor, key="reminder_1", medium="sms", language="fr", audience="consumer", tone="warm",
        body="« {{ first.reference }} » n’a pas été réglée : reste dû {{ to_pay }}…", approved_at=NOW,
    )  # fmt: skip
    due = an_invoice(customer, "F-1", 1_250, days_late=9)
    rendered = render(a_message(customer, "reminder_1", [due], medium="sms"), as_of=TODAY, now=NOW)
    assert rendered.text == '"F-1" n\'a pas été réglée : reste du 12,50 €...'
