"""Digests: made from real rows, in the reader's language, once a day, on business days, and only when there is something."""

from datetime import date, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from amiable.casework import task, wish
from amiable.casework.models import Dispute, Notification, Task, Way
from amiable.casework.notify import notify
from amiable.core.models import Role, Scope, User
from amiable.insight.digest import digest
from amiable.insight.models import Figure
from amiable.ledger.models import Creditor, Customer
from amiable.outreach import memo, news
from amiable.outreach.models import Memo
from amiable.payments.models import Promise, PromiseState
from amiable.portfolio.models import Profile
from tests import world as worlds
from tests.conftest import Post, text_of
from tests.world import DAY, World, at, later

pytestmark = pytest.mark.django_db(transaction=True)


def colleague(name: str, of: Creditor, role: Role, language: str = "en", **narrow: Any) -> User:
    user = User.objects.create(username=name, first_name=name.title(), email=f"{name}@helia.example", language=language)
    Scope.objects.create(user=user, role=role, creditor_ref=of.pk, **narrow)
    return user


def ask(who: Customer, title: str, user: User | None, *, kind: str = "call", due_on: date = DAY) -> Task:
    return task.ask(
        kind=kind, key=f"{title}:{who.pk}", customer=who, title=title, due_on=due_on, assignee=user, now=at(DAY)
    )


def run(day: date = DAY) -> dict[str, int]:
    made = vars(digest(as_of=day, now=at(day)))
    memo.carry(now=at(day))
    return dict(made)


def only(post: Post, user: User) -> EmailMessage:
    (letter,) = post.to(user.email)
    return letter


def test_the_daily_list_says_what_waits_and_only_to_its_person(world: World, post: Post) -> None:
    vera = colleague("vera", world.house, Role.COLLECTOR)
    nat = colleague("nat", world.neighbour, Role.COLLECTOR, language="fr")
    ask(world.boris, "Call about F1", vera, due_on=DAY - timedelta(days=2))
    ask(world.clara, "Answer Clara", vera, kind="reply")
    ask(world.anna, "Tomorrow", vera, due_on=later(1))
    ask(world.emil, "Free one", None)
    done = ask(world.anna, "Done", vera)
    task.finish(task=done, outcome="paid", now=at(DAY), by=vera)
    Promise.objects.create(
        customer=world.boris, currency="EUR", amount_minor=12_345, promised_for=DAY, taken_at=at(DAY), taken_by=vera,
        origin="call",
    )  # fmt: skip
    notify(users=[vera], text="Boris: plan late", key="p", kind="plan", customer=world.boris, now=at(DAY))
    notify(users=[vera], text="Not hers any more", key="q", kind="plan", customer=world.nadia, now=at(DAY))
    assert run() == {"daily": 1, "weekly": 0}
    letter = only(post, vera)
    said = text_of(letter)
    assert letter["Subject"].startswith("2 things wait for you")
    for words in (
        "Answer Clara",
        "Call about F1",
        "€123.45",
        "Free one",
        "Boris: plan late",
        f"/customers/{world.boris.pk}/",
    ):
        assert words in said
    assert said.index("Answer Clara") < said.index("Call about F1")
    for words in ("Tomorrow", "Done", "Not hers"):
        assert words not in said
    assert "/unsubscribe/" in letter["List-Unsubscribe"]
    assert post.to(nat.email) == []
    # The same day again sends nothing, and told news is told.
    assert run() == {"daily": 0, "weekly": 0}
    assert len(post.letters()) == 1
    assert Notification.objects.get(key="p").sent_at == at(DAY)


def test_nothing_to_say_or_nobody_at_work_is_no_e_mail(world: World, post: Post) -> None:
    vera = colleague("vera", world.house, Role.COLLECTOR)
    assert run() == {"daily": 0, "weekly": 0}
    ask(world.boris, "Call", vera)
    saturday, may_day = later(5), date(2026, 5, 1)
    assert run(saturday) == run(may_day) == {"daily": 0, "weekly": 0}
    wish.choose(user=vera, kind="daily", way=Way.NEVER, now=at(DAY), origin="account")
    assert run(later(1)) == {"daily": 0, "weekly": 0}
    User.objects.update(is_active=False)
    wish.choose(user=vera, kind="daily", way=Way.AT_ONCE, now=at(DAY), origin="account")
    assert run(later(2)) == {"daily": 0, "weekly": 0}
    assert (post.letters(), Memo.objects.count()) == ([], 0)


def test_the_weekly_summary_says_what_to_decide_in_french(world: World, post: Post) -> None:
    chief = colleague("camille", world.house, Role.MANAGER, language="fr")
    vera = colleague("vera", world.house, Role.COLLECTOR)
    branch = colleague("bea", world.house, Role.MANAGER, own_customers_only=True)
    wish.choose(user=chief, kind="daily", way=Way.NEVER, now=at(DAY), origin="account")
    for days, minor in ((0, 90_000), (7, 40_000)):
        common: dict[str, Any] = {"creditor": world.house, "currency": "EUR", "measured_at": at(DAY)}
        day = DAY - timedelta(days=days)
        Figure.objects.create(kpi="amount_overdue", as_of=day, numerator=minor, **common)
        part = {"segment": "unwilling", "bucket": "over_90"}
        Figure.objects.create(kpi="aged_balance", as_of=day, numerator=minor, slice=part, **common)
    Profile.objects.create(
        creditor=world.house, customer=world.boris, currency="EUR", as_of=DAY, overdue_minor=90_000,
        oldest_due_on=DAY - timedelta(days=95),
    )  # fmt: skip
    Promise.objects.create(
        customer=world.boris, currency="EUR", amount_minor=50_000, promised_for=DAY - timedelta(days=3), origin="call",
        taken_at=at(DAY), taken_by=vera, state=PromiseState.BROKEN, judged_on=DAY, kept_minor=10_000,
    )  # fmt: skip
    Dispute.objects.create(
        customer=world.clara, invoice=worlds.invoice(world.clara), reason="quality", owner=vera,
        opened_at=at(DAY - timedelta(days=90)), due_on=DAY - timedelta(days=45),
    )  # fmt: skip
    ask(world.boris, "Confirm", None, kind="confirm")
    Creditor.objects.filter(pk=world.house.pk).update(stopped_at=at(DAY), stopped_why="a wrong template")
    assert run()["weekly"] == 1
    said = text_of(only(post, chief)).replace("\N{NO-BREAK SPACE}", " ")
    for words in (
        "Votre semaine", "900,00 €", "+500,00 € en une semaine", "Mauvaise volonté", "95 jours de retard", "400,00 €",
        "1 étape attend un accord", "a wrong template", "45 j", "Vera", "Sans responsable",
    ):  # fmt: skip
        assert words in said, words
    assert not any("semaine" in letter["Subject"] for letter in post.to(branch.email))
    # Once a week: neither the same day again nor the next.
    assert run()["weekly"] == run(later(1))["weekly"] == 0
    assert run(later(7))["weekly"] == 1


def test_after_a_monday_that_is_a_holiday_the_week_begins_on_tuesday(world: World, post: Post) -> None:
    colleague("camille", world.house, Role.MANAGER)
    ask(world.boris, "Confirm", None, kind="confirm")
    easter_monday = date(2026, 4, 6)
    assert run(easter_monday)["weekly"] == 0
    assert run(easter_monday + timedelta(days=1))["weekly"] == 1


def test_what_is_wished_at_once_leaves_at_once_and_once(world: World, post: Post) -> None:
    vera = colleague("vera", world.house, Role.COLLECTOR)
    for n, kind in enumerate(["mention", "mention", "promise", "task"]):
        notify(users=[vera], text=f"{kind} {n}", key=str(n), kind=kind, customer=world.boris, now=at(DAY))
    wish.choose(user=vera, kind="task", way=Way.NEVER, now=at(DAY), origin="account")
    Notification.objects.filter(key="0").update(read_at=at(DAY))
    assert news.tell(now=at(DAY)) == 1
    assert news.tell(now=at(DAY)) == 0
    memo.carry(now=at(DAY))
    letter = only(post, vera)
    assert (letter["Subject"], "mention 1" in text_of(letter)) == ("mention 1", True)
    for other in ("mention 0", "promise", "task"):
        assert other not in text_of(letter)
    # Nobody is written to about a customer whom they may no longer see.
    notify(users=[vera], text="secret", key="s", kind="mention", customer=world.nadia, now=at(DAY))
    assert news.tell(now=at(DAY)) == 0
