"""What to do now: in which order and why, narrowed and kept as views, moved many at once, called and approved in a row."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from amiable.casework import take
from amiable.casework.hand_over import hand_over
from amiable.casework.models import FirstView, Note, Task, TaskMove, View
from amiable.core.models import AuditEntry, Role, User
from amiable.ledger.models import Branch, Creditor, Customer
from amiable.payments.models import Promise
from amiable.portfolio.weigh import weigh
from amiable.web.desk import deed
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db
TEN = datetime(2026, 3, 11, 9, tzinfo=UTC)  # a Wednesday, an hour for calls


@pytest.fixture(autouse=True)
def ten_in_the_morning() -> Iterator[None]:
    with clock.told_by(lambda: TEN):
        yield


@pytest.fixture
def camille(ours: Creditor) -> User:
    return rows.colleague("camille", ours)


@pytest.fixture
def client(camille: User) -> Client:
    return rows.desk(camille)


def debtor(of: Creditor, name: str, minor: int = 100_000, *, late: int = 60, **more: object) -> Customer:
    found = rows.customer(of, name, **more)
    rows.invoice(found, minor, late=late)
    return found


def page(client: Client, name: str, *args: object, **query: object) -> str:
    response = client.get(reverse(f"desk:{name}", args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def post(client: Client, where: str, /, *args: object, **said: Any) -> Any:
    return client.post(reverse(f"desk:{where}", args=args), said, follow=True)


def words(response: Any) -> list[str]:
    return [str(each) for each in response.context["messages"]]


def undo(client: Client, response: Any) -> Any:
    (told,) = [each for each in response.context["messages"] if deed.button_of(each.extra_tags)]
    button = deed.button_of(told.extra_tags)
    return client.post(button["address"], {"undo": button["token"]}, follow=True)


# -- order and reasons ---------------------------------------------------------------------------------------------------


def test_who_waits_comes_first_then_what_a_minute_brings(ours: Creditor, client: Client) -> None:
    large, small, reply, agreed = (
        debtor(ours, name, minor)
        for name, minor in (("Large", 900_000), ("Small", 5_000), ("Writer", 100), ("Agreed", 100))
    )
    rows.counted()
    rows.task(small, "confirm")
    rows.task(large)
    rows.task(reply, "reply")
    rows.task(agreed, not_before=TEN)
    weigh(as_of=clock.today())
    shown = page(client, "home")
    order = [shown.index(f"{name}</a>") for name in ("Agreed", "Writer", "Large", "Small")]
    assert order == sorted(order)
    for reason in ("Agreed for 10:00", "Waits for an answer since", "60 d late", "/min"):
        assert reason in shown


def test_a_time_agreed_for_later_waits_until_then(ours: Creditor, client: Client) -> None:
    rows.task(debtor(ours, "Anna"), not_before=TEN + timedelta(hours=2))
    assert "Anna</a>" not in page(client, "home")
    assert "Anna</a>" in page(client, "home", due="later")
    assert "Anna</a>" in page(client, "calls")
    with clock.told_by(lambda: TEN + timedelta(hours=1, minutes=55)):
        assert "Anna</a>" in page(client, "home")


def test_what_is_shown_of_money_is_what_is_open_now(ours: Creditor, client: Client) -> None:
    anna = debtor(ours, "Anna", 80_000)
    rows.counted()
    rows.task(anna)
    rows.invoice(anna, 20_000, late=5)  # after the last weighing
    assert "€1,000.00" in page(client, "home")


def test_filters_narrow_and_nonsense_is_left_out(ours: Creditor, camille: User, client: Client) -> None:
    lyon = Branch.objects.create(creditor=ours, code="L", name="Lyon")
    old, young = debtor(ours, "Old", late=100, branch=lyon), debtor(ours, "Young", 5_000, late=3)
    rows.counted()
    rows.task(old, due_on=clock.today() - timedelta(days=1))
    rows.task(young, "check", assignee=camille)
    weigh(as_of=clock.today())
    asked = [
        ({"kind": "check"}, "Young"), ({"branch": lyon.pk}, "Old"), ({"who": "me"}, "Young"), ({"who": "nobody"}, "Old"),
        ({"least": "500"}, "Old"), ({"age": "91"}, "Old"), ({"due": "late"}, "Old"), ({"due": "today"}, "Young"),
        ({"q": "youn"}, "Young"),
    ]  # fmt: skip
    for query, name in asked:
        shown = page(client, "home", **query)
        assert [each for each in ("Old", "Young") if f"{each}</a>" in shown] == [name], query
    nonsense = {
        "kind": "x",
        "branch": "²",
        "who": "-1",
        "least": "1e9",
        "age": "5",
        "due": "never",
        "page": "0",
        "creditor": "a",
    }
    shown = page(client, "home", **nonsense)
    assert "Old</a>" in shown
    assert "Young</a>" in shown
    assert "Drop a filter" in page(client, "home", q="nobody at all")


def test_an_empty_list_tells_what_comes(ours: Creditor, client: Client) -> None:
    assert "12 March 2026 the steps that are due bring new calls" in page(client, "home")
    rows.task(debtor(ours, "Anna"), due_on=clock.today() + timedelta(days=1))
    assert "1 task is foreseen for" in page(client, "home")


def test_the_day_so_far_is_told(ours: Creditor, camille: User, client: Client) -> None:
    anna = debtor(ours, "Anna")
    rows.task(anna, done_at=TEN, done_by=camille)
    Promise.objects.create(
        customer=anna, currency="EUR", amount_minor=30_000, promised_for=clock.today(), taken_at=TEN, taken_by=camille,
        origin="call",
    )  # fmt: skip
    shown = page(client, "home")
    assert "1 done by you today" in shown
    assert "€300.00 promised to you" in shown


# -- moves ---------------------------------------------------------------------------------------------------------------


def test_many_are_put_off_and_back_by_one_click_each(ours: Creditor, client: Client) -> None:
    tasks = [rows.task(debtor(ours, f"Customer {n}")) for n in range(3)]
    numbers = [task.pk for task in tasks]
    form = client.get(reverse("desk:move", args=["snooze"]), {"task": numbers})
    assert "Customer 2" in form.content.decode()
    said = {"task": numbers, "batch": "b", "words": "on holiday", "until": "2026-03-16", "next": "/"}
    done = post(client, "move", "snooze", **said)
    assert words(done) == ["3 tasks are put off until 16 Mar 2026."]
    assert set(Task.objects.values_list("due_on", flat=True)) == {datetime(2026, 3, 16, tzinfo=UTC).date()}
    assert "“on holiday”" in page(client, "task", numbers[0])
    assert words(undo(client, done)) == ["Undone: 3 tasks are as they were."]
    assert set(Task.objects.values_list("due_on", flat=True)) == {clock.today()}


def test_a_form_that_says_nothing_is_asked_again(ours: Creditor, client: Client) -> None:
    task = rows.task(debtor(ours, "Anna"))
    for said in ({"until": "2026-03-16"}, {"until": "2026-03-11", "words": "x"}, {"until": "2028-03-11", "words": "x"}):
        response = post(client, "move", "snooze", task=task.pk, batch="b", **said)
        assert "errorlist" in response.content.decode() or 'class="wrong"' in response.content.decode()
    assert not TaskMove.objects.exists()
    assert "Choose some tasks first" in words(client.get(reverse("desk:move", args=["snooze"]), follow=True))[0]
    assert client.get(reverse("desk:move", args=["burn"]), {"task": task.pk}).status_code == 404


def test_nobody_gets_a_task_of_a_customer_whom_they_do_not_see(ours: Creditor, client: Client) -> None:
    karim = rows.colleague("karim", ours, Role.SALES, own=True)
    his, other = debtor(ours, "His", salesperson=karim), debtor(ours, "Other")
    numbers = [rows.task(each).pk for each in (his, other)]
    done = post(client, "move", "assign", task=numbers, batch="b", to=karim.pk)
    assert words(done) == [
        "1 task is handed to karim.",
        "Left as they were: Other – karim does not work for this customer.",
    ]
    assert [task.customer for task in Task.objects.filter(assignee=karim)] == [his]


def test_what_is_shown_to_a_colleague_reaches_them(ours: Creditor, client: Client) -> None:
    boris = rows.colleague("boris", ours)
    task = rows.task(debtor(ours, "Anna"))
    done = post(client, "move", "share", task=task.pk, batch="b", to=boris.pk, words="look at this")
    assert words(done) == ["1 task is shown to boris."]
    assert "look at this" in page(rows.desk(boris), "glance")
    undo(client, done)
    assert "look at this" not in page(rows.desk(boris), "glance")


def test_tasks_of_strangers_do_not_exist(ours: Creditor, client: Client) -> None:
    theirs = rows.task(debtor(rows.creditor("theirs"), "Zoe"))
    own = rows.task(debtor(ours, "Anna"))
    assert client.get(reverse("desk:move", args=["snooze"]), {"task": theirs.pk}).status_code == 404
    post(client, "move", "snooze", task=[own.pk, theirs.pk], batch="b", words="x", until="2026-03-16")
    theirs.refresh_from_db()
    assert theirs.due_on == clock.today()


# -- calls ---------------------------------------------------------------------------------------------------------------


def called(response: Any) -> str:
    """The customer to whom the queue led."""
    return response.context["task"].customer.name if "hours" in response.context else ""


def test_one_call_after_the_other(ours: Creditor, camille: User, client: Client) -> None:
    for name, minor in (("Second", 50_000), ("First", 500_000), ("Third", 5_000)):
        rows.task(debtor(ours, name, minor))
    rows.counted()
    weigh(as_of=clock.today())
    first = post(client, "calls_next", round="new")
    assert called(first) == "First"
    shown = first.content.decode()
    for told in ("10:00", "an hour for calls", "Too few calls answered", "€5,000.00"):
        assert told in shown
    call = first.context["task"]
    assert (call.taken_by, call.taken_until) == (camille, TEN + take.LEASE)
    second = post(client, "call_done", call.pk, outcome="refused", words="No, he said")
    assert called(second) == "Second"
    call.refresh_from_db()
    assert (call.outcome, Note.objects.get().text) == ("refused", "No, he said")
    third = post(client, "call_skip", second.context["task"].pk)
    assert called(third) == "Third"
    over = post(client, "call_done", third.context["task"].pk, outcome="voicemail")
    assert "Nobody more to call now." in words(over)
    assert called(post(client, "calls_next", round="new")) == "Second"


def test_two_colleagues_get_two_customers(ours: Creditor, client: Client) -> None:
    anna, bela = debtor(ours, "Anna", 500_000), debtor(ours, "Bela", 50_000)
    for each in (anna, anna, bela):
        rows.task(each)
    rows.counted()
    weigh(as_of=clock.today())
    boris = rows.desk(rows.colleague("boris", ours))
    mine = post(client, "calls_next", round="new")
    assert called(mine) == "Anna"
    assert called(post(boris, "calls_next", round="new")) == "Bela"
    assert "camille is on it" in page(boris, "home")
    assert "camille" in page(boris, "calls")
    clash = post(boris, "call_done", mine.context["task"].pk, outcome="voicemail")
    assert words(clash) == ["camille is busy with this customer just now."]
    post(client, "calls_stop")
    assert "camille is on it" not in page(boris, "home")


def test_nobody_is_called_at_an_hour_that_the_law_forbids(ours: Creditor, client: Client) -> None:
    rows.task(debtor(ours, "Anna"))
    with clock.told_by(lambda: TEN.replace(hour=21, minute=30)):
        told = post(client, "calls_next", round="new")
        assert "It is no hour for calls" in words(told)[0]
        assert "No hour for calls at the customer’s" in page(client, "call", Task.objects.get().pk)
    assert Task.objects.get().taken_by is None


def test_a_time_agreed_brings_the_call_back_then(ours: Creditor, client: Client) -> None:
    task = rows.task(debtor(ours, "Anna", country="FR"))
    post(client, "call_done", task.pk, outcome="call_back", on="2026-03-12", at="12:30", words="tomorrow")
    again = Task.objects.get(done_at=None)
    assert again.not_before == datetime(2026, 3, 12, 11, 30, tzinfo=UTC)
    assert (again.rank, again.due_on.isoformat()) == (0, "2026-03-12")
    with clock.told_by(lambda: datetime(2026, 3, 12, 11, 0, tzinfo=UTC)):
        assert called(post(client, "calls_next", round="new")) == ""
    with clock.told_by(lambda: datetime(2026, 3, 12, 11, 25, tzinfo=UTC)):
        assert called(post(client, "calls_next", round="new")) == "Anna"


@pytest.mark.parametrize(
    "said", [{"on": "2026-03-10"}, {"on": "2026-03-11", "at": "08:00"}, {"on": "2026-03-11"}, {"on": "x"}]
)
def test_a_time_that_cannot_be_is_asked_again(ours: Creditor, client: Client, said: dict[str, str]) -> None:
    task = rows.task(debtor(ours, "Anna"))
    shown = post(client, "call_done", task.pk, outcome="call_back", **said).content.decode()
    assert 'class="wrong"' in shown
    task.refresh_from_db()
    assert task.done_at is None


def test_a_call_done_twice_is_done_once(ours: Creditor, client: Client) -> None:
    task = rows.task(debtor(ours, "Anna"))
    post(client, "call_done", task.pk, outcome="voicemail")
    again = post(client, "call_done", task.pk, outcome="refused")
    assert words(again) == ["This task has been done already."]
    task.refresh_from_db()
    assert task.outcome == "voicemail"


# -- approvals -----------------------------------------------------------------------------------------------------------


def test_many_answered_at_once_each_by_its_own_right(ours: Creditor, client: Client) -> None:
    anna, bela = debtor(ours, "Anna"), debtor(ours, "Bela")
    hand = rows.task(anna, "manual")
    plan = rows.plan(bela)
    shown = client.get(reverse("desk:approvals"))
    picked = [f"{row['name']}:{row['print']}" for _t, _s, group, _m in shown.context["groups"] for row in group]
    assert len(picked) == 2
    assert words(post(client, "approvals_answer", "no", row=picked)) == [
        "Please say why: the reason is kept, and read by whoever asks later."
    ]
    rows.invoice(bela, 1, late=1)
    plan.total_minor = 9_999
    plan.save()
    done = post(client, "approvals_answer", "yes", row=picked)
    assert words(done) == ["1 row is confirmed.", "Left as they were: Bela – it has changed since you looked at it."]
    hand.refresh_from_db()
    assert hand.outcome == "done"
    assert words(undo(client, done)) == ["Undone: 1 row waits again."]
    hand.refresh_from_db()
    assert hand.done_at is None


def test_a_row_is_read_before_it_is_answered(ours: Creditor, client: Client) -> None:
    bela = debtor(ours, "Bela")
    plan, hand = rows.plan(bela), rows.task(bela, "manual")
    assert "€50.00" in page(client, "approval", f"plan-{plan.pk}")
    assert "No message stands behind this task." in page(client, "approval", f"task-{hand.pk}")
    stranger = rows.task(debtor(rows.creditor("theirs"), "Zoe"), "manual")
    for name in (f"task-{stranger.pk}", "task-x", "plan-0", "other-1", f"task-{rows.task(bela).pk}"):
        assert client.get(reverse("desk:approval", args=[name])).status_code == 404
    done = post(client, "approvals_answer", "yes", row=[f"task-{stranger.pk}:x", "nonsense", "task-²:x"])
    assert words(done) == ["Choose some rows first: with x, or with the boxes before them."]


@pytest.mark.parametrize("due", ["", "today", "week", "later"])
def test_mine_is_the_work_of_whom_i_stand_in_for_too(ours: Creditor, camille: User, client: Client, due: str) -> None:
    absent, other = rows.colleague("absent", ours), rows.colleague("other", ours)
    hand_over(
        creditor=ours, absent=absent, stand_in=camille, since=clock.today(), until=None, now=clock.now(), by=absent
    )
    on = clock.today() + timedelta(days=9 if due == "later" else 0)
    for user in (absent, other, camille):
        rows.task(rows.customer(ours, f"Of {user.username}"), assignee=user, due_on=on)
    shown = page(client, "home", who="me", due=due)
    assert "Of absent</a>" in shown
    assert "Of camille</a>" in shown
    assert "Of other</a>" not in shown


# -- views ---------------------------------------------------------------------------------------------------------------


def test_filters_are_kept_shared_and_opened_with(ours: Creditor, camille: User, client: Client) -> None:
    kept = post(client, "view_keep", "todo", name="Large ones", query="page=3&least=500&kind=call")
    assert words(kept) == ["The view “Large ones” is kept."]
    view = View.objects.get()
    assert (view.query, view.shared) == ("kind=call&least=500", False)
    boris = rows.desk(rows.colleague("boris", ours))
    stranger = rows.desk(rows.colleague("zoe", rows.creditor("theirs")))
    assert "Large ones" not in page(boris, "home")
    post(client, "view_change", view.pk, "share")
    assert "Large ones" in page(boris, "home")
    assert "Large ones" not in page(stranger, "home")
    assert stranger.post(reverse("desk:view_change", args=[view.pk, "first"])).status_code == 404
    assert boris.post(reverse("desk:view_change", args=[view.pk, "drop"])).status_code == 404
    post(boris, "view_change", view.pk, "first")
    assert boris.get("/")["location"] == "/?kind=call&least=500"
    assert boris.get("/?every=1").status_code == 200
    dropped = post(client, "view_change", view.pk, "drop")
    assert not View.objects.exists()
    assert not FirstView.objects.exists()
    assert boris.get("/").status_code == 200
    undo(client, dropped)
    assert View.objects.get().shared


def test_what_is_said_twice_of_a_view_is_so_once_and_in_the_trail(ours: Creditor, client: Client) -> None:
    post(client, "view_keep", "todo", name="Large ones", query="least=500")
    view = View.objects.get()
    for name, shared in (("share", True), ("alone", False), ("share", True)):
        for _click in range(2):
            post(client, "view_change", view.pk, name)
            view.refresh_from_db()
            assert view.shared is shared
    for name, opens in (("first", True), ("every", False), ("first", True)):
        for _click in range(2):
            post(client, "view_change", view.pk, name)
            assert FirstView.objects.filter(view=view).exists() is opens
    shown = page(client, "home", least="500")
    assert reverse("desk:view_change", args=[view.pk, "every"]) in shown
    assert reverse("desk:view_change", args=[view.pk, "alone"]) in shown
    post(client, "view_change", view.pk, "drop")
    acts = AuditEntry.objects.filter(subject="view").order_by("pk").values_list("act", flat=True)
    assert list(acts) == ["view.kept", "view.shared", "view.withdrawn", "view.shared", "view.dropped"]


def test_an_agency_reads_no_view_of_the_house_and_the_house_none_of_an_agency(ours: Creditor, client: Client) -> None:
    agent = rows.colleague("agent", ours, Role.AGENCY)
    agent.scopes.update(agency="Recouvra")
    theirs = rows.desk(agent)
    post(client, "view_keep", "customers", name="Of the house", query="overdue=1", shared="1")
    post(theirs, "view_keep", "customers", name="Of the agency", query="overdue=1", shared="1")
    assert "Of the house" not in page(theirs, "customers")
    assert "Of the agency" not in page(client, "customers")
    view = View.objects.get(name="Of the house")
    assert theirs.post(reverse("desk:view_change", args=[view.pk, "first"])).status_code == 404


def test_the_customers_have_views_too_and_nonsense_is_not_kept(ours: Creditor, client: Client) -> None:
    post(client, "view_keep", "customers", name="Late", query="overdue=1")
    assert "Late</a>" in page(client, "customers")
    assert "Late</a>" not in page(client, "home")
    for said in ({"name": "", "query": "kind=call"}, {"name": "Nothing", "query": "page=2"}):
        assert words(post(client, "view_keep", "todo", **said)) == ["A view needs a name, and at least one filter."]
    assert client.post(reverse("desk:view_keep", args=["cellar"]), {"name": "x", "query": "q=1"}).status_code == 404
    assert View.objects.count() == 1
