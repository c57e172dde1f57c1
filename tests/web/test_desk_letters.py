"""The desk's way of a letter: waiting, batch, printer, post, back again; who may, and what the pages say."""

import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from pypdf import PdfReader

from amiable.core.models import AuditEntry, Role, User
from amiable.ledger.models import Creditor
from amiable.outreach.diagnose import diagnose
from amiable.outreach.models import Letter, LetterBatch
from amiable.outreach.send import send
from amiable.web.ui import clock
from tests.outreach.rows import NOW, TODAY, a_creditor, a_customer, a_message, an_invoice
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def that_day() -> Iterator[None]:
    with clock.told_by(lambda: NOW):
        yield


@pytest.fixture
def creditor() -> Creditor:
    return a_creditor()


@pytest.fixture
def maud(creditor: Creditor) -> User:
    return rows.colleague("maud", creditor, Role.COLLECTOR)


def laid(creditor: Creditor, number: str = "C1042") -> Letter:
    customer = a_customer(creditor, number, email="")
    message = a_message(
        customer, "reminder_2", [an_invoice(customer, f"F-{number}", 12_345, days_late=20)], medium="letter"
    )
    send(as_of=TODAY, now=NOW, carriers={"letter": "letter"})
    message.refresh_from_db()
    return message.letter


def page(client: Client, name: str, *args: int) -> str:
    return client.get(reverse(f"desk:{name}", args=args)).content.decode()


def test_from_the_tray_to_the_post_and_back(creditor: Creditor, maud: User) -> None:
    letter, other = laid(creditor), laid(creditor, "C1043")
    client = rows.desk(maud)
    told = "2 letters have waited since 20"
    assert told not in page(client, "home")
    with clock.told_by(lambda: NOW + timedelta(days=4)):
        assert f"Lumen Énergie: {told}" in page(client, "home")
        assert told not in page(rows.desk(rows.colleague("rita", a_creditor(key="other"), Role.COLLECTOR)), "home")
    [finding] = diagnose(now=NOW + timedelta(days=4))
    assert (finding.ok, told in finding.sentence) == (False, True)
    assert "Make the batch" in page(client, "letters")
    made = client.post(reverse("desk:letters_make"), {"creditor": creditor.pk}, follow=True).content.decode()
    batch = LetterBatch.objects.get()
    assert diagnose(now=NOW + timedelta(days=4)) == []
    assert "2 letters are in batch" in made
    assert "To be printed" in made
    assert "The batch went to the post" not in made
    file = client.post(reverse("desk:letter_batch_print", args=[batch.pk]))
    assert file["Content-Disposition"] == f'attachment; filename="lumen-{batch.pk}.pdf"'
    assert len(PdfReader(io.BytesIO(b"".join(file.streaming_content))).pages) == 2 + 2
    posted = client.post(reverse("desk:letter_batch_posted", args=[batch.pk]), follow=True).content.decode()
    assert "Posted" in posted
    codes = f"{letter}-1/1\n{other.pk}\nL77777"
    back = client.post(reverse("desk:letters_returned"), {"creditor": creditor.pk, "codes": codes}, follow=True)
    words = back.content.decode()
    assert words.count("a better one is asked for") == 2
    assert "“L77777” names no letter that was posted." in words
    assert Letter.objects.filter(returned_at=NOW).count() == 2
    assert "Returned by the post" in page(client, "message", letter.message.pk)
    acts = AuditEntry.objects.filter(user=maud, act__startswith="letter").order_by("pk").values_list("act", flat=True)
    assert list(acts) == ["letters.batched", "letters.printed", "letters.posted", "letter.returned", "letter.returned"]


def test_a_letter_is_read_as_it_was_written(creditor: Creditor, maud: User) -> None:
    letter = laid(creditor)
    client = rows.desk(maud)
    assert "In the tray, waiting for a batch" in page(client, "message", letter.message.pk)
    body = client.get(reverse("desk:message_body", args=[letter.message.pk]))
    assert "<svg" in body.content.decode()
    assert "sandbox" in body["Content-Security-Policy"]
    paper = client.get(reverse("desk:message_paper", args=[letter.message.pk]))
    text = PdfReader(io.BytesIO(b"".join(paper.streaming_content))).pages[0].extract_text()
    assert "Anna Martin" in text
    Letter.objects.filter(pk=letter.pk).update(data={})  # as where what it looked like was not kept
    lost = page(client, "message_body", letter.message.pk)
    assert "Nothing is kept of how this letter looked" in lost
    assert letter.message.text.split()[0] in lost
    asked = client.get(reverse("desk:message_paper", args=[letter.message.pk]), follow=True).content.decode()
    assert "Nothing is kept of how this letter looked" in asked
    batch = LetterBatch.objects.create(creditor=creditor, made_at=NOW, letters=1, pages=1, sheets=1)
    Letter.objects.filter(pk=letter.pk).update(batch=batch, place=1)
    told = client.post(reverse("desk:letter_batch_print", args=[batch.pk]), follow=True).content.decode()
    assert "the batch cannot be printed" in told
    assert LetterBatch.objects.get().prints == 0


@pytest.mark.parametrize("name", ["letters_make", "letters_returned"])
@pytest.mark.parametrize("wanted", ["theirs", "", "x", "999999", "²"])
def test_a_creditor_that_is_not_theirs_does_not_exist(maud: User, name: str, wanted: str) -> None:
    asked = a_creditor(key="theirs", name="Theirs").pk if wanted == "theirs" else wanted
    assert rows.desk(maud).post(reverse(f"desk:{name}"), {"creditor": asked, "codes": "1"}).status_code == 404


def test_who_reads_only_or_sees_a_part_makes_no_batch(creditor: Creditor) -> None:
    laid(creditor)
    for user in (
        rows.colleague("audrey", creditor, Role.AUDITOR),
        rows.colleague("karim", creditor, Role.SALES, own=True),
    ):
        client = rows.desk(user)
        assert "Make the batch" not in page(client, "letters")
        assert client.post(reverse("desk:letters_make"), {"creditor": creditor.pk}).status_code == 404
    assert LetterBatch.objects.count() == 0


def test_nothing_waiting_says_so(creditor: Creditor, maud: User) -> None:
    client = rows.desk(maud)
    assert "No letter is waiting." in page(client, "letters")
    words = client.post(reverse("desk:letters_make"), {"creditor": creditor.pk}, follow=True).content.decode()
    assert words.count("No letter is waiting.") == 2
