"""The outbox of the demo: what the server of our own took can be read, boxed in, and only where nothing is real."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from amiable.outreach.channel import Attachment, Parcel
from amiable.outreach.channels.email_smtp import EmailSmtp
from amiable.web.dev import smtp

pytestmark = pytest.mark.django_db


@pytest.fixture
def mail(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[smtp.Mail]:
    monkeypatch.setenv("AMIABLE_HOME", str(tmp_path))
    far = smtp.serve(port=0)
    settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS = "127.0.0.1", far.port, "none"
    settings.SMTP_USER, settings.MAIL_FROM = "", "facturation@lumen.example"
    with EmailSmtp(EmailSmtp.settings()) as channel:
        for number in range(3):
            channel.send(
                Parcel(
                    key=f"step:{number}", recipient=f"anna{number}@martin.example", recipient_name="Anna", sender_name="Lumen",
                    reply_to="", language="fr", subject=f"Échéance {number}", text="Bonjour <Anna>",
                    html="<html><head></head><body><script>alert(1)</script>Bonjour</body></html>", unsubscribe_url="",
                    at=datetime(2025, 11, 20, tzinfo=UTC), attachments=(Attachment("relevé.pdf", "application/pdf", b"%PDF"),),
                )
            )  # fmt: skip
    yield next(smtp.mails())
    far.stop()


def test_the_list_is_newest_first_and_can_be_searched(mail: smtp.Mail, client: Client) -> None:
    page = client.get("/dev/outbox/").content.decode()
    assert page.index("Échéance 2") < page.index("Échéance 0")
    page = client.get("/dev/outbox/", {"q": "anna1"}).content.decode()
    assert "Échéance 1" in page
    assert "Échéance 2" not in page
    assert client.get("/dev/outbox/", {"page": "7", "q": "zzz"}).status_code == 200


def test_a_mail_shows_its_text_its_headers_and_its_files(mail: smtp.Mail, client: Client) -> None:
    page = client.get(f"/dev/outbox/{mail.id}/").content.decode()
    assert "Bonjour &lt;Anna&gt;" in page
    assert "Message-ID" in page
    assert "releve.pdf" in page
    response = client.get(f"/dev/outbox/{mail.id}/files/0/")
    assert response.content == b"%PDF"
    assert "attachment" in response["Content-Disposition"]
    assert client.get(f"/dev/outbox/{mail.id}/files/7/").status_code == 404


def test_its_html_stays_in_a_box_where_nothing_runs(mail: smtp.Mail, client: Client) -> None:
    response = client.get(f"/dev/outbox/{mail.id}/body/")
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize("mail_id", ["nothing", "..%2F..%2Fdjango.secret", "1700000000000-000000"])
def test_nothing_else_can_be_read(mail: smtp.Mail, client: Client, mail_id: str) -> None:
    assert client.get(f"/dev/outbox/{mail_id}/").status_code == 404


@pytest.mark.parametrize("page", ["", "{id}/", "{id}/body/", "{id}/files/0/"])
def test_there_is_no_outbox_where_things_are_real(
    mail: smtp.Mail, client: Client, settings: Settings, page: str
) -> None:
    settings.DEV_ROOMS = False
    assert client.get(f"/dev/outbox/{page.format(id=mail.id)}").status_code == 404
