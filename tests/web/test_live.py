"""The stream of what happens, from a real server over the real LISTEN/NOTIFY: who is told what, and who is not."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.contrib.sessions.models import Session
from django.db import connection
from django.urls import reverse

from amiable.casework import note, task
from amiable.casework.notify import notify
from amiable.core.models import Role, Scope, User
from amiable.ledger.models import Branch, Customer, Invoice
from amiable.outreach.models import Event
from amiable.web.ui import clock
from tests.web import desk_rows as rows
from tests.web.live_server import Served, logged_in, serving, stream

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def served(django_db_setup: None, django_db_blocker: Any) -> Iterator[Served]:
    with django_db_blocker.unblock(), serving(AMIABLE_POOL_SIZE="3") as found:
        yield found


def house(key: str = "helia") -> tuple[Customer, User]:
    of = rows.creditor(key)
    return rows.customer(of, f"Anna of {key}"), rows.colleague(f"vera-{key}", of, Role.MANAGER)


def test_a_payment_is_told_to_whoever_sees_the_customer_and_to_nobody_else(served: Served) -> None:
    anna, vera = house()
    zoe, nat = house("other")
    lyon = Branch.objects.create(creditor=anna.creditor, code="L", name="Lyon")
    bea = rows.colleague("bea", anna.creditor, Role.BRANCH, branch=lyon)
    near = rows.customer(anna.creditor, "Near", branch=lyon)
    page = {"query": f"customer={anna.pk}"}
    with (
        stream(served, vera, **page) as mine, stream(served, nat, query="at=home") as theirs,
        stream(served, bea, query=f"customer={near.pk}") as narrow, stream(served, bea, query="at=home") as list_,
    ):  # fmt: skip
        money = rows.credit(anna, 120_000, days_ago=0)
        told = mine.next()
        assert told == (
            "happened",
            {"what": "credit", "new": True, "customer": anna.pk, "row": money.pk, "words": True},
        )
        rows.task(anna)
        rows.task(near)
        # What the others hear next is about their own: nothing of Anna came before it.
        assert (list_.next() or ("", {}))[1]["customer"] == near.pk
        assert (narrow.next() or ("", {}))[1]["customer"] == near.pk
        rows.task(zoe)
        assert (theirs.next() or ("", {}))[1]["customer"] == zoe.pk
    foreign = requests.get(f"{served.url}/live/", params={"customer": zoe.pk}, cookies=logged_in(vera), timeout=20)
    nobody = requests.get(f"{served.url}/live/", params={"customer": anna.pk}, timeout=20)
    assert (foreign.status_code, nobody.status_code, foreign.content + nobody.content) == (204, 204, b"")


def test_the_words_are_read_by_those_who_may_and_are_in_their_language(served: Served) -> None:
    anna, vera = house()
    _zoe, nat = house("other")
    money = rows.credit(anna, 120_000, days_ago=0)
    address = served.url + reverse("desk:live_told", args=["credit", money.pk])
    english = {"Accept-Language": "en"}
    told = requests.get(address, cookies=logged_in(vera), headers=english, timeout=20).json()
    assert "Payment of €1,200.00 just received" in told["notice"]
    assert requests.get(address, cookies=logged_in(nat), timeout=20).status_code == 404
    assert requests.get(address.replace("credit", "password"), cookies=logged_in(vera), timeout=20).status_code == 404
    written = note.write(customer=anna, text="called", now=clock.now(), by=vera)
    assert written is not None
    own = served.url + reverse("desk:live_told", args=["note", written.pk])
    assert requests.get(own, cookies=logged_in(vera), timeout=20).json()["notice"] == ""
    call = rows.task(anna)
    task.finish(task=call, outcome="paid", now=clock.now(), by=nat)
    place = served.url + reverse("desk:live_told", args=["task", call.pk])
    mark = requests.get(place, cookies=logged_in(vera), headers=english, timeout=20).json()
    assert mark == {"notice": "", "row": reverse("desk:task", args=[call.pk]), "mark": f"Done by {nat}"}


def test_an_opened_message_is_told_with_its_subject_and_what_a_machine_did_is_not(served: Served) -> None:
    anna, vera = house()
    sent = rows.message(anna)
    with stream(served, vera, query=f"customer={anna.pk}") as mine:
        for number, kind in enumerate(("delivered", "opened")):
            Event.objects.create(source="x", external_id=str(number), message=sent, kind=kind, at=clock.now())
        told = mine.next()
        assert told == ("happened", {"what": "opened", "new": True, "customer": anna.pk, "row": sent.pk, "words": True})
    address = served.url + reverse("desk:live_told", args=["opened", sent.pk])
    said = requests.get(address, cookies=logged_in(vera), headers={"Accept-Language": "en"}, timeout=20).json()
    assert "The customer has just opened" in said["notice"]


def test_the_bell_rings_for_its_person_alone(served: Served) -> None:
    anna, vera = house()
    max_ = rows.colleague("max", anna.creditor, Role.COLLECTOR)
    with stream(served, vera) as mine, stream(served, max_) as theirs:
        for who in (vera, max_):
            notify(users=[who], text="look", key=f"x:{who.pk}", kind="task", customer=anna, now=clock.now())
        assert mine.next(but=("again",)) == ("bell", {"unread": 1})
        assert theirs.next(but=("again",)) == ("bell", {"unread": 1})
        assert mine.events.empty()


def test_an_import_says_one_word(served: Served) -> None:
    anna, vera = house()
    with stream(served, vera, query=f"customer={anna.pk}") as mine:
        day = clock.today() - timedelta(days=40)
        Invoice.objects.bulk_create(
            Invoice(
                creditor=anna.creditor, customer=anna, source="many", external_id=f"M{n}", reference=f"M{n}", issued_on=day,
                due_on=day, currency="EUR", amount_minor=100, open_minor=100, known_at=clock.now(),
            )
            for n in range(50)
        )  # fmt: skip
        rows.task(anna)
        heard = []
        while (told := mine.next(but=("bell",))) and told[0] != "happened":
            heard.append(told)
        assert [each for each in heard if each[1].get("calm")] == [("again", {"calm": True})]
        assert told is not None
        assert told[1]["what"] == "task"


def test_who_has_logged_out_or_left_hears_nothing_more(served: Served) -> None:
    _anna, vera = house()
    cookies = logged_in(vera)
    with stream(served, vera, cookies=cookies) as mine:
        Session.objects.filter(session_key=next(iter(cookies.values()))).delete()
        assert mine.next() == ("out", {})
        assert mine.next() is None
    with stream(served, vera) as mine:
        User.objects.filter(pk=vera.pk).update(is_active=False)
        assert mine.next() == ("out", {})
        assert mine.next() is None


def test_a_scope_that_ends_ends_what_is_told(served: Served) -> None:
    anna, vera = house()
    own, _nat = house("own")
    Scope.objects.create(user=vera, role=Role.COLLECTOR, creditor_ref=own.creditor_id)
    with stream(served, vera, query="at=home") as mine:
        rows.task(anna)
        assert (mine.next() or ("", {}))[1]["customer"] == anna.pk
        Scope.objects.filter(user=vera, creditor_ref=anna.creditor_id).delete()
        rows.task(anna)
        rows.task(own)
        assert (mine.next() or ("", {}))[1]["customer"] == own.pk


def test_after_a_lost_connection_the_page_catches_up(served: Served) -> None:
    anna, vera = house()
    query = f"customer={anna.pk}"
    with stream(served, vera, query=query) as mine:
        rows.credit(anna, 100, days_ago=0)
        assert mine.next() is not None
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'amiable live' AND datname = current_database()"
            )
        assert mine.next(but=("bell",)) == ("again", {})
        second = rows.credit(anna, 200, days_ago=0)
        assert (mine.next() or ("", {}))[1]["row"] == second.pk
        last = mine.last
    third = rows.credit(anna, 300, days_ago=0)
    with stream(served, vera, query=query, last=last) as again:
        assert (again.next() or ("", {}))[1]["row"] == third.pk
    with stream(served, vera, query=query, last="unknown-1") as again:
        assert again.next(but=("bell",)) == ("again", {})


def test_streams_keep_no_connection_and_say_who_else_is_there(served: Served) -> None:
    anna, vera = house()
    max_ = rows.colleague("max", anna.creditor, Role.COLLECTOR)
    query = f"customer={anna.pk}"
    with (
        stream(served, vera, query=query) as first, stream(served, vera, query=query), stream(served, vera, query=query),
        stream(served, vera, query=query),
    ):  # fmt: skip
        with stream(served, max_, query=query) as second:
            assert first.next() == ("present", {"names": [str(max_)]})
            assert second.next() == ("present", {"names": [str(vera)]})
            page = requests.get(f"{served.url}/customers/{anna.pk}/", cookies=logged_in(vera), timeout=20)
            assert page.status_code == 200
        assert first.next() == ("present", {"names": []})


@pytest.mark.long
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_that_ends_lets_its_streams_go(workers: str) -> None:
    anna, vera = house()
    with serving("--workers", workers) as own, stream(own, vera, query=f"customer={anna.pk}") as mine:
        assert own.end() == 0
        assert mine.next() is None
