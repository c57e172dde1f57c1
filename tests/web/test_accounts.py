"""How people get in and who may let them: log-in, second factor, forgotten password, sessions, invitations, roles."""

import re
from datetime import timedelta
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

from amiable.core import people
from amiable.core.models import AuditEntry, Invitation, Role, Scope, User
from amiable.ledger.models import Branch, Creditor
from amiable.web.desk import enter, scope
from amiable.web.ui import clock
from tests.conftest import Post, text_of
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db
PASSWORD = "fourmi violette sous un nuage"


@pytest.fixture(autouse=True)
def fresh_counts() -> None:
    cache.clear()


@pytest.fixture
def ours() -> Creditor:
    return rows.creditor("ours")


@pytest.fixture
def theirs() -> Creditor:
    return rows.creditor("theirs")


@pytest.fixture(autouse=True)
def quick_hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def person(name: str, of: Creditor | None = None, role: str = Role.MANAGER, **more: Any) -> User:
    user = rows.colleague(name, of, role, **more)
    user.email = f"{name}@house.example"
    user.set_password(PASSWORD)
    user.save()
    return user


def inside(user: User) -> Client:
    """A browser of somebody who has just said once more who they are."""
    client = Client(headers={"accept-language": "en"})
    assert client.post("/login/", {"login": user.username, "password": PASSWORD}).status_code == 302
    assert client.post("/account/confirm/", {"password": PASSWORD}).status_code == 302
    return client


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
    assert "Too many failed login attempts" in answer.content.decode()
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


# -- people ---------------------------------------------------------------------------------------------------------------


def invite(client: Client, of: Creditor, email: str = "new@house.example", role: str = "collector", **more: Any) -> Any:
    said = {"email": email, "language": "en", "creditor": of.pk, "role": role}
    return client.post("/people/", said | more)


def test_somebody_is_invited_and_comes_in_once(ours: Creditor, post: Post) -> None:
    vera = person("vera", ours, Role.ADMIN)
    client = inside(vera)
    assert invite(client, ours).status_code == 302
    [letter] = post.to("new@house.example")
    link = re.search(r"http://127.0.0.1:8000(\S+)", text_of(letter))
    assert link is not None
    path = link.group(1)
    assert path in client.get("/people/").content.decode(), "shown once, to hand over"
    assert path not in client.get("/people/").content.decode()
    guest = Client(headers={"accept-language": "en"})
    assert "Ours" in guest.get(path).content.decode()
    weak = guest.post(path, {"first_name": "N", "last_name": "Ew", "password": "Recouvrement2026"})
    assert weak.status_code == 422
    said = {"first_name": "Nora", "last_name": "New", "password": PASSWORD}
    assert guest.post(path, said)["location"] == "/"
    assert guest.get("/").status_code == 200
    nora = User.objects.get(email="new@house.example")
    assert [(each.role, each.creditor_ref) for each in nora.scopes.all()] == [("collector", ours.pk)]
    assert Client().post(path, said | {"first_name": "Eve"}).status_code in {200, 410}
    assert User.objects.filter(email="new@house.example").count() == 1
    assert Client().get(path).status_code == 410
    acts = set(AuditEntry.objects.filter(creditor_ref=ours.pk).values_list("act", flat=True))
    assert {"user.invited", "user.joined"} <= acts


def test_a_changed_old_or_withdrawn_invitation_opens_nothing(ours: Creditor) -> None:
    vera = person("vera", ours, Role.ADMIN)
    said = {"role": "collector", "creditor_ref": ours.pk}
    old = people.invite(email="a@x.example", language="en", scope=said, by=vera, now=clock.now() - timedelta(days=8))
    path = enter.invitation_link(old).removeprefix("http://127.0.0.1:8000")
    assert Client().get(path).status_code == 410
    new = people.invite(email="a@x.example", language="en", scope=said, by=vera, now=clock.now())
    path = enter.invitation_link(new).removeprefix("http://127.0.0.1:8000")
    assert Client().get(path[:-3] + "xx/").status_code == 410
    assert Client().get("/invited/nonsense/").status_code == 410
    assert Client().get(path).status_code == 200
    newer = people.invite(email="A@x.example", language="en", scope=said, by=vera, now=clock.now())
    assert Client().get(path).status_code == 410, "the newer one counts"
    client = inside(vera)
    assert client.post(reverse("desk:invitation_withdraw", args=[newer.pk])).status_code == 302
    assert Client().get(enter.invitation_link(newer).removeprefix("http://127.0.0.1:8000")).status_code == 410


def test_an_invitation_ends_with_the_right_of_the_one_who_gave_it(ours: Creditor) -> None:
    vera = person("vera", ours, Role.MANAGER)
    row = people.invite(
        email="a@x.example", language="en", scope={"role": "sales", "creditor_ref": ours.pk}, by=vera, now=clock.now()
    )
    path = enter.invitation_link(row).removeprefix("http://127.0.0.1:8000")
    Scope.objects.filter(user=vera).update(role=Role.AUDITOR)
    assert Client().get(path).status_code == 410


def test_who_has_an_account_accepts_with_it_and_nobody_for_them(ours: Creditor, theirs: Creditor) -> None:
    vera, zoe = person("vera", ours, Role.ADMIN), person("zoe", theirs)
    row = people.invite(
        email="ZOE@house.example", language="en", scope={"role": "auditor", "creditor_ref": ours.pk}, by=vera,
        now=clock.now(),
    )  # fmt: skip
    path = enter.invitation_link(row).removeprefix("http://127.0.0.1:8000")
    guest = Client(headers={"accept-language": "en"})
    assert "log in to accept" in guest.get(path).content.decode()
    guest.post(path, {"first_name": "Eve", "last_name": "X", "password": PASSWORD})
    assert zoe.scopes.count() == 1
    assert User.objects.filter(email__iexact=zoe.email).count() == 1
    assert inside(vera).post(path).status_code == 403
    theirs_too = inside(zoe)
    assert theirs_too.post(path).status_code == 302
    assert set(zoe.scopes.values_list("role", "creditor_ref")) == {("manager", theirs.pk), ("auditor", ours.pk)}
    zoe.refresh_from_db()
    assert zoe.check_password(PASSWORD)


def test_nobody_gives_more_than_they_have(ours: Creditor, theirs: Creditor) -> None:
    mona = person("mona", ours, Role.MANAGER)
    client = inside(mona)
    assert invite(client, ours, role="admin").status_code == 422
    assert invite(client, theirs).status_code == 422
    foreign = Branch.objects.create(creditor=theirs, code="P", name="Paris")
    assert invite(client, ours, branch=foreign.pk).status_code == 422
    assert Invitation.objects.count() == 0
    sam, alba = person("sam", ours, Role.SALES), person("alba", ours, Role.ADMIN)
    give = {"creditor": ours.pk, "role": "admin"}
    assert client.post(reverse("desk:person_act", args=[sam.pk, "give"]), give).status_code == 422
    assert (
        client.post(reverse("desk:person_act", args=[sam.pk, "give"]), give | {"creditor": theirs.pk}).status_code
        == 422
    )
    assert sam.scopes.count() == 1
    held = alba.scopes.get()
    assert client.post(reverse("desk:person_act", args=[alba.pk, "take"]), {"scope": held.pk}).status_code == 404
    assert client.post(reverse("desk:person_act", args=[alba.pk, "close"])).status_code == 404
    assert (
        client.post(reverse("desk:person_act", args=[sam.pk, "give"]), give | {"role": "collector"}).status_code == 302
    )
    assert set(sam.scopes.values_list("role", flat=True)) == {"sales", "collector"}


@pytest.mark.parametrize("role", [each for each in Role.values if each not in {"manager", "admin"}])
def test_people_are_the_business_of_who_administers(role: str, ours: Creditor, theirs: Creditor) -> None:
    client = rows.desk(rows.colleague("c", ours, role))
    other = rows.colleague("d", ours)
    assert client.get("/people/").status_code == 404
    assert client.get(reverse("desk:person", args=[other.pk])).status_code == 404
    for name in ("give", "take", "close", "reopen", "out"):
        assert client.post(reverse("desk:person_act", args=[other.pk, name])).status_code == 404


def test_who_works_elsewhere_does_not_exist_here_and_what_they_do_there_is_not_told(
    ours: Creditor, theirs: Creditor
) -> None:
    vera, zoe, both = person("vera", ours, Role.ADMIN), person("zoe", theirs), person("both", ours, Role.SALES)
    Scope.objects.create(user=both, role=Role.ADMIN, creditor_ref=theirs.pk)
    client = inside(vera)
    page = client.get("/people/").content.decode()
    assert "zoe" not in page
    assert "Theirs" not in page
    assert client.get(reverse("desk:person", args=[zoe.pk])).status_code == 404
    assert "Theirs" not in client.get(reverse("desk:person", args=[both.pk])).content.decode()
    # Their account is not mine to close, nor their role there to take.
    assert client.post(reverse("desk:person_act", args=[both.pk, "close"])).status_code == 404
    there = both.scopes.get(creditor_ref=theirs.pk)
    assert client.post(reverse("desk:person_act", args=[both.pk, "take"]), {"scope": there.pk}).status_code == 404
    here = both.scopes.get(creditor_ref=ours.pk)
    assert client.post(reverse("desk:person_act", args=[both.pk, "take"]), {"scope": here.pk})["location"] == "/people/"


def test_who_is_let_go_is_out_at_once_and_old_sessions_never_come_back(ours: Creditor) -> None:
    vera, sam = person("vera", ours, Role.ADMIN), person("sam", ours, Role.SALES)
    client, theirs = inside(vera), inside(sam)
    assert client.post(reverse("desk:person_act", args=[sam.pk, "close"])).status_code == 302
    assert theirs.get("/").status_code == 302
    assert Client().post("/login/", {"login": "sam", "password": PASSWORD}).headers.get("location") != "/"
    client.post(reverse("desk:person_act", args=[sam.pk, "reopen"]))
    assert theirs.get("/").status_code == 302
    again = inside(sam)
    client.post(reverse("desk:person_act", args=[sam.pk, "out"]))
    assert again.get("/").status_code == 302
    told = AuditEntry.objects.filter(subject="user", subject_ref=sam.pk, creditor_ref=ours.pk)
    assert {"user.closed", "user.reopened", "user.sent_out"} <= set(told.values_list("act", flat=True))


def test_the_last_who_administers_cannot_leave(ours: Creditor) -> None:
    vera = person("vera", ours, Role.ADMIN)
    client = inside(vera)
    held = vera.scopes.get()
    client.post(reverse("desk:person_act", args=[vera.pk, "take"]), {"scope": held.pk})
    client.post(reverse("desk:person_act", args=[vera.pk, "close"]))
    vera.refresh_from_db()
    assert vera.is_active
    assert vera.scopes.count() == 1
    assert "Nobody else administers" in client.get(reverse("desk:person", args=[vera.pk])).content.decode()
    person("mona", ours, Role.MANAGER)
    assert client.post(reverse("desk:person_act", args=[vera.pk, "take"]), {"scope": held.pk}).status_code == 302
    assert vera.scopes.count() == 0


def test_the_last_who_sees_everything_cannot_leave(ours: Creditor) -> None:
    root = person("root")
    root.is_superuser = True
    root.save()
    client = inside(root)
    client.post(reverse("desk:person_act", args=[root.pk, "close"]))
    root.refresh_from_db()
    assert root.is_active


def test_who_keeps_a_creditor_is_who_may_administer_it() -> None:
    assert scope.MAY["administer"] == people.KEEPERS
