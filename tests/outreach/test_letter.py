"""A letter: what its pages say, where the address stands, and that nothing in it needs a click."""

import io
import os
from pathlib import Path

import pytest
from pypdf import PdfReader

from amiable.outreach.models import Message
from amiable.outreach.render import Rendered, render
from tests.outreach.rows import NOW, TODAY, a_credit, a_creditor, a_customer, a_message, an_invoice

SAMPLES = Path(__file__).parent.parent / "samples" / "outreach"
pytestmark = pytest.mark.django_db


def a_letter(
    purpose: str = "reminder_2", language: str = "fr", *, creditor: dict[str, object] | None = None, **changes: object
) -> Message:
    customer = a_customer(a_creditor(language=language, **(creditor or {})), language=language, **changes)
    about = [
        an_invoice(customer, "F-2025-0101", 120_000, days_late=45),
        an_invoice(customer, "F-2025-0143", 12_345, days_late=9),
    ]
    also = [an_invoice(customer, "F-2025-0151", 4_200, days_late=3)]
    a_credit(customer, 10_000)
    return a_message(customer, purpose, about, also=also, medium="letter")


def written(message: Message) -> Rendered:
    return render(message, as_of=TODAY, now=NOW)


def read(content: bytes) -> str:
    return "\n\f\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages) + "\n"


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("purpose", ["reminder_2", "formal_notice"])
def test_the_pages_read_as_their_sample(purpose: str, language: str) -> None:
    content = written(a_letter(purpose, language)).attachments[0].content
    path = SAMPLES / f"letter.{purpose}.{language}.txt"
    found = read(content)
    if os.environ.get("GOLDEN"):
        path.write_text(found, encoding="utf-8")
        if folder := os.environ.get("LETTERS_OUT"):
            (Path(folder) / f"{purpose}.{language}.pdf").write_bytes(content)
    assert found == path.read_text(encoding="utf-8")
