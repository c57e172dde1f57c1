"""How people get in and who may let them: log-in, second factor, forgotten password, sessions, invitations, roles."""

import re
from typing import Any
from unittest import mock

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from amiable.core.models import AuditEntry, Invitation, Role, User
from amiable.ledger.models import Creditor
from tests.conftest import Post, text_of
from tests.web import desk_rows as rows
from tests.web.entered import PASSWORD, inside, person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_counts() -> None:
    cache.clear()


@pytest.fixture
def theirs() -> Creditor:
    return rows.creditor("theirs")


@pytest.fixture(autouse=True)
def quick_hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def code(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time())))))


# -- log-in ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["anna", "anna@house.example", "ANNA@house.example", " anna "])
def test_log_in_by_name_or_e_mail(name: str, ours: Creditor) -> None:
    user = person("anna", ours)
    client = Client()
    assert client.post("/login/", {"login": name, "password": PASSWORD})["location"] == "/"
    assert client.get("/").status_code == 200
    assert AuditEntry.objects.filter(act="user.entered", user=user).count() == 1
    assert UserSession.objects.filter(user=user).count() == 1


def test_a_session_gets_a_new_key_at_the_log_in(ours: Creditor) -> None:
    person("anna", ours)
    client = Client()
    client.get("/login/")
    session = client.session
    session["planted"] = 1
    session.save()
    before = session.session_key
    client.cookies["sessionid"] = before
    client.post("/login/", {"login": "anna", "password": PASSWORD})
    assert client.session.session_key != before


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "https:evil.example"]
)
def test_after_the_log_in_nobody_is_sent_elsewhere(target: str, ours: Creditor) -> None:
    person("anna", ours)
    answer = Client().post("/login/", {"login": "anna", "password": PASSWORD, "next": target})
    assert answer["location"] == "/"


def test_an_unknown_name_and_a_wrong_password_are_answered_alike(ours: Creditor) -> None:
    person("anna", ours)
    closed = person("karl", ours)
    closed.is_active = False
    closed.save()
    said = set()
    for name in ("anna", "nobody", "karl"):
        page = Client(headers={"accept-language": "en"}).post("/login/", {"login": name, "password": "wrong" * 4})
        assert page.status_code == 200
        said.add(re.sub(r"csrfmiddlewaretoken\" value=\"[^\"]*|" + name, "", page.content.decode()))
    assert len(said) == 1
    # What was typed is in nobody's trail: people type passwords into the wrong field.
    refused = AuditEntry.objects.filter(act="user.refused")
    assert refused.count() == 3
    assert all(set(line.detail) == {"address"} for line in refused)


def test_after_six_failures_the_right_password_waits_too(ours: Creditor) -> None:
    person("anna", ours)
    person("boris", ours)
    client = Client(headers={"accept-language": "en"})
    for _time in range(6):
        client.post("/login/", {"login": "anna", "password": "wrong" * 4})
    answer = client.post("/login/", {"login": "anna", "password": PASSWORD})
    assert answer.status_code == 200
    assert "Too many failures: wait ten minutes" in answer.content.decode()
    # Only that name; and it is kept in the database, where every process reads it.
    assert client.post("/login/", {"login": "boris", "password": PASSWORD}).status_code == 302
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM core_cache WHERE cache_key LIKE '%%login_failed%%'")
        assert cursor.fetchone()[0] >= 1


def test_nobody_signs_up(ours: Creditor) -> None:
    assert Client().get("/account/signup/").status_code == 404
    assert Client().post("/account/signup/", {"email": "x@example.org"}).status_code == 404


# -- forgotten password ---------------------------------------------------------------------------------------------------


def test_a_forgotten_password_is_set_anew_by_a_link_that_works_once(ours: Creditor, post: Post) -> None:
    user = person("anna", ours)
    elsewhere = inside(user)
    client = Client(headers={"accept-language": "en"})
    assert client.post("/account/forgotten/", {"email": "anna@house.example"}).status_code == 302
    [letter] = post.to("anna@house.example")
    link = re.search(r"http\S+", text_of(letter))
    assert link is not None
    path = link.group(0).replace("http://127.0.0.1:8000", "")
    form = client.get(path, follow=True)
    there = form.redirect_chain[-1][0]
    weak = client.post(there, {"password1": "Motdepasse2026!", "password2": "Motdepasse2026!"})
    assert "lists that attackers try first" in weak.content.decode()
    new = "une loutre compte sept ponts"
    assert client.post(there, {"password1": new, "password2": new}).status_code == 302
    assert elsewhere.get("/").status_code == 302, "the sessions that were open have ended"
    assert Client().post("/login/", {"login": "anna", "password": new}).status_code == 302
    assert "no longer good" in Client(headers={"accept-language": "en"}).get(path).content.decode()
    assert AuditEntry.objects.filter(act="user.password_reset", user=user).count() == 1


def test_who_asks_for_a_link_does_not_learn_who_works_here(ours: Creditor, post: Post) -> None:
    person("anna", ours)
    client = Client(headers={"accept-language": "en"})
    known = client.post("/account/forgotten/", {"email": "anna@house.example"}, follow=True)
    unknown = client.post("/account/forgotten/", {"email": "nobody@house.example"}, follow=True)
    assert known.redirect_chain == unknown.redirect_chain
    said = {re.sub(rb"csrf[^>]*|CSRFToken[^}]*", b"", answer.content) for answer in (known, unknown)}
    assert len(said) == 1
    assert post.recipients() == ["anna@house.example"]


def test_a_mail_server_that_is_down_is_no_difference_either(ours: Creditor, settings: Any) -> None:
    person("anna", ours)
    settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS = "127.0.0.1", 1, "none"
    assert Client().post("/account/forgotten/", {"email": "anna@house.example"}).status_code == 302


# -- second factor --------------------------------------------------------------------------------------------------------


def with_app(user: User) -> tuple[Client, str]:
    client = inside(user)
    page = client.get("/account/factor/app/")
    found = re.search(r'id="authenticator_secret">([A-Z2-7]+)<', page.content.decode())
    assert found is not None
    secret = found.group(1)
    assert client.post("/account/factor/app/", {"code": code(secret)}).status_code == 302
    return client, secret


def test_an_app_is_asked_for_at_the_next_log_in_and_a_recovery_code_does_too(ours: Creditor) -> None:
    user = person("anna", ours)
    with_app(user)
    secret = Authenticator.objects.get(user=user, type="totp").data["secret"]
    assert not re.fullmatch(r"[A-Z2-7]+", secret), "sealed in the database"
    client = Client(headers={"accept-language": "en"})
    assert client.post("/login/", {"login": "anna", "password": PASSWORD})["location"].startswith("/login/factor/")
    assert client.get("/").status_code == 302, "not in yet"
    assert "Incorrect code" in client.post("/login/factor/", {"code": "000000"}).content.decode()
    spare = Authenticator.objects.get(user=user, type="recovery_codes").wrap().get_unused_codes()[0]
    assert client.post("/login/factor/", {"code": spare})["location"] == "/"
    assert client.get("/").status_code == 200
    again = Client()
    again.post("/login/", {"login": "anna", "password": PASSWORD})
    assert again.post("/login/factor/", {"code": spare}).status_code == 200, "once only"


def test_a_code_works_once(ours: Creditor) -> None:
    user = person("anna", ours)
    _client, secret = with_app(user)
    cache.clear()
    now = code(secret)
    answers = []
    for _time in range(2):
        client = Client()
        client.post("/login/", {"login": "anna", "password": PASSWORD})
        answers.append(client.post("/login/factor/", {"code": now}).status_code)
    assert answers == [302, 200]


def test_what_matters_asks_once_more_who_you_are(ours: Creditor) -> None:
    user = person("anna", ours)
    client = Client()
    client.post("/login/", {"login": "anna", "password": PASSWORD})
    with mock.patch("time.time", return_value=timezone.now().timestamp() + 3600):
        for address in ("/account/factor/app/", "/account/passkeys/add/", "/account/factor/codes/new/"):
            assert client.get(address)["location"].startswith("/account/confirm/"), address
        asked = client.post("/people/", {"email": "new@house.example"})
        assert asked["location"].startswith("/account/confirm/")
    assert Invitation.objects.count() == 0
    assert user.is_active


def test_a_role_may_need_a_second_factor(ours: Creditor) -> None:
    user = person("anna", ours, Role.MANAGER)
    other = person("sam", ours, Role.SALES)
    client, colleague = inside(user), inside(other)
    ours.policy = {"second_factor": ["admin", "manager"]}
    ours.save()
    assert client.get("/")["location"] == "/account/factor/", "from the next page on"
    assert client.get("/customers/", headers={"hx-request": "true"})["HX-Redirect"] == "/account/factor/"
    assert client.get("/account/factor/").status_code == 200
    assert colleague.get("/").status_code == 200
    with_app(user)
    assert client.get("/").status_code == 200
    # And the last one stays while it is asked for.
    page = inside_with_app(user).post("/account/factor/app/remove/", {}, follow=True)
    assert page.status_code == 200
    assert Authenticator.objects.filter(user=user, type="totp").exists()


def inside_with_app(user: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.post("/login/", {"login": user.username, "password": PASSWORD})
    spare = Authenticator.objects.get(user=user, type="recovery_codes").wrap().get_unused_codes()
    assert client.post("/login/factor/", {"code": spare[0]}).status_code == 302
    assert client.post("/account/confirm/", {"password": PASSWORD}).status_code == 302
    return client


@pytest.mark.django_db(transaction=True)
def test_what_changes_in_an_account_is_told_to_its_owner_and_to_the_trail(ours: Creditor, post: Post) -> None:
    user = person("anna", ours)
    client, _secret = with_app(user)
    assert AuditEntry.objects.filter(act="user.totp_activated", user=user).count() == 1
    assert post.to("anna@house.example")
    new = "une loutre compte sept ponts"
    client.post("/account/password/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert AuditEntry.objects.filter(act="user.password_changed", user=user).count() == 1
    assert client.get("/").status_code == 200, "this session goes on"


# -- my account -----------------------------------------------------------------------------------------------------------


def test_my_account_keeps_name_telephone_and_language(ours: Creditor) -> None:
    user = person("anna", ours)
    client = inside(user)
    said = {
        "first_name": "Anna",
        "last_name": "Lefèvre",
        "phone": "+33600000000",
        "language": "fr",
        "is_superuser": "1",
    }
    answer = client.post("/account/", said)
    assert answer.status_code == 302
    assert answer.cookies["django_language"].value == "fr"
    user.refresh_from_db()
    assert (str(user), user.phone, user.language, user.is_superuser) == ("Anna Lefèvre", "+33600000000", "fr", False)
    line = AuditEntry.objects.get(act="user.changed")
    assert line.detail == {"fields": ["first_name", "last_name", "phone", "language"]}


def test_a_new_address_counts_once_it_was_confirmed(ours: Creditor, post: Post) -> None:
    user = person("anna", ours)
    client = inside(user)
    client.post("/account/email/", {"action_add": "", "email": "anna@new.example"})
    user.refresh_from_db()
    assert user.email == "anna@house.example"
    [letter] = post.to("anna@new.example")
    link = re.search(r"http://127.0.0.1:8000(\S+)", text_of(letter))
    assert link is not None
    client.get(link.group(1))
    user.refresh_from_db()
    assert user.email == "anna@house.example", "a look is no yes: mail scanners look"
    client.post(link.group(1))
    user.refresh_from_db()
    assert user.email == "anna@new.example"


def test_a_session_elsewhere_is_ended_and_another_persons_is_not(ours: Creditor) -> None:
    anna, boris = person("anna", ours), person("boris", ours)
    here, there, foreign = inside(anna), inside(anna), inside(boris)
    other = UserSession.objects.get(session_key=there.session.session_key)
    not_mine = UserSession.objects.get(session_key=foreign.session.session_key)
    assert "this one" in here.get("/account/sessions/").content.decode()
    assert here.post(reverse("desk:session_end", args=[not_mine.pk])).status_code == 404
    assert here.post(reverse("desk:session_end", args=[other.pk])).status_code == 302
    assert [each.get("/").status_code for each in (here, there, foreign)] == [200, 302, 200]
    there = inside(anna)
    here.post("/account/sessions/")
    assert [each.get("/").status_code for each in (here, there)] == [200, 302]
