"""The doors: log-in, the link that works once, the switches of language and appearance."""

from datetime import timedelta

import pytest
from django.test import Client, override_settings

from amiable.core.models import AuditEntry
from amiable.web.desk import enter
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


def test_a_link_logs_in_once() -> None:
    user = rows.colleague("anna", rows.creditor("ours"))
    address = enter.link(user=user, now=clock.now())
    first, second = Client(), Client()
    assert first.get(address)["location"] == "/"
    assert first.get("/").status_code == 200
    assert second.get(address).status_code == 410
    assert second.get("/").status_code == 302
    assert AuditEntry.objects.filter(act="user.link_used", user=user).count() == 1


def test_a_link_for_who_is_in_already_only_goes_home() -> None:
    user = rows.colleague("anna", rows.creditor("ours"))
    client = rows.desk(user)
    assert client.get(enter.link(user=user, now=clock.now()))["location"] == "/"


def test_an_old_or_changed_link_opens_nothing() -> None:
    user = rows.colleague("anna")
    old = enter.link(user=user, now=clock.now() - timedelta(hours=13))
    assert Client().get(old).status_code == 410
    assert Client().get("/enter/nonsense/").status_code == 410
    user.is_active = False
    user.save()
    assert Client().get(enter.link(user=user, now=clock.now())).status_code == 410


@override_settings(DEV_ROOMS=False)
def test_a_link_exists_only_where_things_are_tried_out() -> None:
    user = rows.colleague("anna")
    assert Client().get(enter.link(user=user, now=clock.now())).status_code == 404


def test_log_in_speaks_the_language_of_the_user_and_log_out_ends() -> None:
    user = rows.colleague("anna", rows.creditor("ours"))
    user.set_password("correct horse battery")
    user.save()
    client = Client()
    assert client.post("/login/", {"login": "anna", "password": "wrong"}).status_code == 200
    response = client.post("/login/", {"login": "anna", "password": "correct horse battery"})
    assert response["location"] == "/"
    assert client.cookies["django_language"].value == "en"
    assert "All done for today" in client.get("/").content.decode()
    assert "no-store" in client.get("/")["Cache-Control"]
    client.post("/logout/")
    assert client.get("/").status_code == 302


def test_the_language_is_kept_with_the_user() -> None:
    user = rows.colleague("anna", rows.creditor("ours"))
    client = rows.desk(user)
    assert client.post("/language/", {"language": "fr", "next": "/customers/"})["location"] == "/customers/"
    user.refresh_from_db()
    assert user.language == "fr"
    assert '<html lang="fr"' in client.get("/").content.decode()
    client.post("/language/", {"language": "xx", "next": "/"})
    user.refresh_from_db()
    assert user.language == "fr"


def test_the_appearance_is_kept_in_a_cookie_and_goes_when_chosen_twice() -> None:
    client = rows.desk(rows.colleague("anna", rows.creditor("ours")))
    assert 'data-bs-theme="auto"' in client.get("/").content.decode()
    client.post("/theme/", {"theme": "dark", "next": "/"})
    assert 'data-bs-theme="dark"' in client.get("/").content.decode()
    client.post("/theme/", {"theme": "dark", "next": "/"})
    assert 'data-bs-theme="auto"' in client.get("/").content.decode()


@pytest.mark.parametrize("target", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"])
def test_nobody_is_sent_elsewhere(target: str) -> None:
    client = rows.desk(rows.colleague("anna"))
    assert client.post("/theme/", {"theme": "dark", "next": target})["location"] == "/"
    assert client.post("/language/", {"language": "en", "next": target})["location"] == "/"
