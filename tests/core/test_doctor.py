"""The doctor finds what is wrong, says so in a sentence, and asks real servers."""

import socketserver
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from django.conf import LazySettings
from django.contrib.staticfiles import finders
from django.db import connection
from django.utils import timezone, translation

from amiable.core import doctor
from tests import encrypted

PUBLISHED: dict[str, list[str]] = {}  # what the name server below says


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def alone(settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation of its own, whose surroundings are in order unless a test says otherwise."""
    settings.HOME = tmp_path
    settings.PRODUCTION = False
    settings.SMTP_HOST = settings.SMTP_USER = settings.MAIL_FROM = ""
    settings.SECRET_KEY = "k7Jw2pQ9vXbN4mRt6LzYc8HdGf3sVaEu5TiKoPqWxZ"
    settings.CREDENTIAL_KEY = "Zx9Wq8Po7Ki6Uj5Yh4Tg3Rf2Ed1Sw0Aq8Mn7Bv6Cx5"
    for name in ("AMIABLE_SECRET_KEY_FILE", "AMIABLE_CREDENTIAL_KEY_FILE", "DATABASE_URL_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[str]]]:
    """A real name server on this machine; the test fills in what it publishes."""
    PUBLISHED.clear()

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            query = dns.message.from_wire(self.request[0])
            reply = dns.message.make_response(query)
            name = query.question[0].name
            texts = PUBLISHED.get(name.to_text(omit_final_dot=True))
            if texts is None:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            else:
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *(f'"{text}"' for text in texts)))
            self.request[1].sendto(reply.to_wire(), self.client_address)

    with socketserver.UDPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setattr(doctor, "_resolver", lambda: resolver_at(server.server_address[1]))
        yield PUBLISHED
        server.shutdown()
        thread.join()


def resolver_at(port: int) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = port
    resolver.lifetime = 0.5
    return resolver


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate that nobody vouches for."""
    folder = tmp_path_factory.mktemp("papers")
    encrypted.certificate(folder)
    return folder


@pytest.fixture
def mail_server(settings: LazySettings) -> Iterator[Any]:
    """Starts a real mail server and points the settings at it."""
    started: list[Controller] = []

    def start(**more: Any) -> None:
        server = Controller(object(), hostname="127.0.0.1", port=0, **more)
        # The controller looks for itself at the port that it was given, so it must be a real one.
        server.port = free_port()
        server.start()
        started.append(server)
        settings.SMTP_HOST, settings.SMTP_PORT = "localhost", server.port

    yield start
    for server in started:
        server.stop()


def free_port() -> int:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        return int(server.server_address[1])


def said(area: str, *, now: datetime | None = None) -> list[tuple[bool | None, str]]:
    findings = doctor.examine(now=now or timezone.now())
    return [(finding.ok, finding.sentence) for finding in findings if finding.area == area]


@pytest.mark.django_db
def test_a_sound_installation_has_nothing_wrong() -> None:
    found = doctor.examine(now=timezone.now())
    wrong = [finding for finding in found if finding.ok is False and finding.area not in {"pages", "translations"}]
    assert wrong == []
    assert {finding.area for finding in found} == {
        *("clock", "database", "live", "keys", "mail", "sender", "pages", "translations", "python")
    }


@pytest.mark.django_db
def test_a_clock_that_is_off_is_told() -> None:
    ok, sentence = said("clock", now=timezone.now() - timedelta(minutes=3))[0]
    assert ok is False
    assert "differ by 180 seconds" in sentence
    assert said("clock")[0][0] is True


@pytest.mark.django_db
def test_an_unknown_time_zone_is_told(settings: LazySettings) -> None:
    # Django itself will not activate it, so the look comes before it is used.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "available_timezones", lambda: {"Europe/Berlin"})
        assert said("clock")[1][0] is False


@pytest.mark.django_db
def test_a_migration_that_waits_is_told() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'insight'")
    found = [sentence for ok, sentence in said("database") if ok is False]
    assert len(found) == 1
    assert "run manage.py migrate" in found[0]


def test_a_database_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        connection.close()
        monkeypatch.setitem(connection.settings_dict, "NAME", "no_such_database")
        ok, sentence = said("database")[0]
        assert ok is False
        assert '"no_such_database" does not exist' in sentence
        assert said("clock")[0][0] is None
    connection.close()


@pytest.mark.django_db
def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ENOUGH_DISK", 1 << 60)
    assert [sentence for ok, sentence in said("database") if ok is False and "make room" in sentence]


@pytest.mark.django_db
def test_weak_and_equal_keys_are_told(settings: LazySettings) -> None:
    settings.SECRET_KEY = settings.CREDENTIAL_KEY = "secret"
    sentences = [sentence for ok, sentence in said("keys") if ok is False]
    assert len(sentences) == 3
    assert "give each its own" in sentences[2]


@pytest.mark.django_db
def test_a_secret_that_others_can_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, mode in {"django.secret": 0o600, "named": 0o640}.items():
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(mode)
    monkeypatch.setenv("AMIABLE_SECRET_KEY_FILE", str(tmp_path / "named"))
    assert [sentence for ok, sentence in said("keys") if ok is False] == [
        f"Others can read the secret in {tmp_path}/named (rights 640): run chmod 600 on it."
    ]


@pytest.mark.django_db
def test_without_a_mail_server_only_production_is_wrong(settings: LazySettings) -> None:
    assert said("mail")[0][0] is None
    assert said("sender")[0][0] is None
    settings.PRODUCTION = True
    assert said("mail")[0][0] is False
    assert said("sender")[0][0] is False


@pytest.mark.django_db
def test_a_mail_server_is_asked_for_its_encryption(settings: LazySettings, mail_server: Any, papers: Path) -> None:
    mail_server()
    settings.SMTP_TLS = "none"
    assert said("mail") == [(True, "The mail server localhost answers, without encryption.")]
    settings.SMTP_TLS = "starttls"
    assert said("mail")[0][0] is False
    assert "STARTTLS" in said("mail")[0][1]
    mail_server(tls_context=encrypted.served(papers))
    assert said("mail")[0][0] is False
    assert "certificate of the mail server localhost is not good: self" in said("mail")[0][1]


@pytest.mark.django_db
def test_a_good_certificate_is_enough(settings: LazySettings, mail_server: Any, papers: Path) -> None:
    mail_server(tls_context=encrypted.served(papers))
    settings.SMTP_TLS = "starttls"
    with encrypted.vouched(papers):
        assert said("mail") == [(True, "The mail server localhost answers, with encryption.")]


@pytest.mark.django_db
def test_a_wrong_password_is_told(settings: LazySettings, mail_server: Any) -> None:
    mail_server(authenticator=lambda *_: AuthResult(success=False, handled=False), auth_require_tls=False)
    settings.SMTP_TLS, settings.SMTP_USER, settings.SMTP_PASSWORD = "none", "amiable", "wrong"
    assert said("mail") == [(False, "The mail server localhost refuses AMIABLE_SMTP_USER with AMIABLE_SMTP_PASSWORD.")]


@pytest.mark.django_db
def test_a_silent_mail_server_is_told(settings: LazySettings) -> None:
    settings.SMTP_HOST, settings.SMTP_PORT = "127.0.0.1", free_port()
    assert said("mail")[0][0] is False
    assert "does not answer on port" in said("mail")[0][1]


@pytest.mark.django_db
def test_what_the_domain_publishes_is_read(settings: LazySettings, name_server: dict[str, list[str]]) -> None:
    settings.MAIL_FROM, settings.DKIM_SELECTOR = "Compta <compta@mail.firm.example>", "s1"
    assert [ok for ok, _ in said("sender")] == [False, False, False]
    name_server["mail.firm.example"] = ["other", "v=spf1 -all"]
    name_server["s1._domainkey.mail.firm.example"] = ["v=DKIM1; p=abc"]
    name_server["_dmarc.firm.example"] = ["v=DMARC1; p=reject"]
    assert [ok for ok, _ in said("sender")] == [True, True, True]
    settings.DKIM_SELECTOR = ""
    assert [ok for ok, _ in said("sender")] == [True, None, True]


@pytest.mark.django_db
def test_without_a_name_server_nothing_is_claimed(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MAIL_FROM = "compta@firm.example"
    monkeypatch.setattr(doctor, "_resolver", lambda: resolver_at(free_port()))
    assert [ok for ok, _ in said("sender")] == [None]
    assert "could not be looked up" in said("sender")[0][1]


@pytest.mark.django_db
def test_a_sender_that_is_no_address_is_told(settings: LazySettings) -> None:
    settings.MAIL_FROM = "compta"
    assert said("sender")[0][0] is False


@pytest.mark.django_db
def test_missing_parts_of_the_pages_are_told(
    settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finders, "find", lambda name: None if "htmx" in name else name)
    assert said("pages") == [(False, "Parts of the pages are missing (htmx.min.js): run make setup.")]
    settings.PRODUCTION, settings.STATIC_ROOT = True, tmp_path
    assert "run manage.py collectstatic" in said("pages")[0][1]
    (tmp_path / "vendor").mkdir()
    for name in doctor.PARTS:
        (tmp_path / "vendor" / name).touch()
    assert said("pages")[0][0] is True


@pytest.mark.django_db
def test_translations_that_are_not_compiled_are_told(settings: LazySettings, tmp_path: Path) -> None:
    settings.LOCALE_PATHS = [tmp_path]
    folder = tmp_path / "fr" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    assert said("translations")[0][0] is True
    (folder / "django.po").touch()
    assert said("translations") == [(False, "The translations are not compiled (fr): run make setup.")]
    (folder / "django.mo").touch()
    assert said("translations")[0][0] is True
