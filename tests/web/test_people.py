"""Who works here: invitations, roles, and letting go; never more than one has, never beyond one's creditor."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse

from amiable.core import people
from amiable.core.models import AuditEntry, Invitation, Role, Scope, User
from amiable.ledger.models import Branch, Creditor
from amiable.web.desk import enter, scope
from amiable.web.ui import clock
from tests.conftest import Post, text_of
from tests.web import desk_rows as rows
from tests.web.entered import PASSWORD, inside, person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh(settings: Any) -> None:
    cache.clear()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def theirs() -> Creditor:
    return rows.creditor("theirs")


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


@pytest.mark.django_db(transaction=True)
def test_two_who_let_each_other_go_at_once_do_not_both_succeed(ours: Creditor) -> None:
    vera, mona = person("vera", ours, Role.ADMIN), person("mona", ours, Role.ADMIN)
    start = threading.Barrier(2)

    def let_go(by: User, other: User) -> bool:
        try:
            start.wait()
            people.close(user=other, by=by, now=clock.now())
        except (people.UnableToChangePeople, OperationalError):
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(let_go, (vera, mona), (mona, vera)))
    assert done.count(True) == 1
    assert User.objects.filter(is_active=True).count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_invitation_accepted_twice_at_once_makes_one_account(ours: Creditor) -> None:
    vera = person("vera", ours, Role.ADMIN)
    row = people.invite(
        email="a@x.example", language="en", scope={"role": "sales", "creditor_ref": ours.pk}, by=vera, now=clock.now()
    )
    path = enter.invitation_link(row).removeprefix("http://127.0.0.1:8000")
    start = threading.Barrier(2)

    def accept(name: str) -> int:
        try:
            start.wait()
            return Client().post(path, {"first_name": name, "last_name": "X", "password": PASSWORD}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        codes = sorted(pool.map(accept, ("Nora", "Eve")))
    assert codes[0] in {200, 302}
    assert codes.count(302) == 1
    assert User.objects.filter(email="a@x.example").count() == 1
    assert Scope.objects.filter(role="sales").count() == 1
