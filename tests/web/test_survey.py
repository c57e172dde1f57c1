"""How it went: answered by a tap on the page of a signed link or on a page that thanks, changed by a second one, looked into."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from amiable.casework import survey as surveys
from amiable.casework.models import Dispute, Notification, SurveyAnswer, SurveyAsk, Task
from amiable.core import links
from amiable.core.models import AuditEntry, Role, User
from amiable.ledger import hold
from amiable.ledger.models import Creditor, Customer, Invoice
from amiable.outreach.models import Message
from amiable.payments.attempt import open_attempt
from amiable.scenario import respond
from amiable.scenario.unite import unite
from tests.payments.plan_rows import offered
from tests.payments.rows import creditor, customer, invoice, word
from tests.web import desk_rows
from tests.web.test_portal import entered, link, message_to, text, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> Customer:
    return customer(creditor(name="Éditions du Rivage", released_at=timezone.now()), language="en", name="Anna Martin")


@pytest.fixture
def late(anna: Customer) -> Invoice:
    return invoice(anna, 10_000, timezone.localdate() - timedelta(days=12), reference="F-LATE")


def asked(of: Customer, *, days_ago: int = 0, after: str = "call") -> SurveyAsk:
    now = timezone.now() - timedelta(days=days_ago)
    return SurveyAsk.objects.create(
        customer=of, after=after, subject_ref="task:1", medium="email", asked_on=timezone.localdate(now), asked_at=now
    )


def page(ask: SurveyAsk) -> str:
    return reverse("portal:survey", args=[surveys.token(ask=ask.pk, asked_at=ask.asked_at)])


def tap(ask: SurveyAsk, **told: Any) -> Any:
    """As from the window of a mail program: without a cookie, and with the check of forms in force."""
    return Client(enforce_csrf_checks=True).post(page(ask), told)


def manager(of: Customer, name: str = "vera") -> User:
    return desk_rows.colleague(name, of.creditor, Role.MANAGER)


def test_opening_the_link_answers_nothing_and_shows_the_face_that_was_chosen(client: Client, anna: Customer) -> None:
    ask = asked(anna)
    for _scanner in range(3):
        seen = client.get(page(ask) + "?score=10")
        client.head(page(ask) + "?score=2")
    assert "Send: “Very good”" in text(seen)
    assert seen.content.decode().count('name="score"') == 6
    assert 'aria-pressed="true"' in seen.content.decode()
    assert (seen["Cache-Control"], seen["Referrer-Policy"]) == ("no-store", "same-origin")
    assert not SurveyAnswer.objects.exists()
    for odd in ("?score=11", "?score=7", "?score=x", "?score=²", "?score=-2"):
        assert "Send:" not in text(client.get(page(ask) + odd))


def test_the_page_says_who_asks_and_nothing_else(client: Client, anna: Customer, late: Invoice) -> None:
    seen = text(client.get(page(asked(anna))))
    assert "Éditions du Rivage" in seen
    assert "After our call" in seen
    for secret in (anna.name, anna.number, anna.postcode, "F-LATE", "100"):
        assert secret not in seen


def test_one_tap_answers_and_the_rest_follows_on_the_same_page(anna: Customer) -> None:
    ask = asked(anna)
    seen = text(tap(ask, score="8"))
    assert "Thank you" in seen
    assert "Would you recommend Éditions du Rivage?" in seen
    tap(ask, recommend="9", words="Quick and kind.")
    answer = SurveyAnswer.objects.get()
    assert (answer.score, answer.recommend, answer.words, answer.customer) == (8, 9, "Quick and kind.", anna)
    tap(ask, recommend="0")  # a button alone leaves the words
    tap(ask, score="10")  # and a second thought is the same answer
    answer.refresh_from_db()
    assert (answer.score, answer.recommend, answer.words) == (10, 0, "Quick and kind.")
    assert SurveyAnswer.objects.count() == 1
    assert not Task.objects.exists()
    assert AuditEntry.objects.filter(act="survey.answered", actor="survey").count() == 4


@pytest.mark.parametrize(
    "told",
    [{}, {"recommend": "9"}, {"words": "Hello"}, {"score": "11"}, {"score": "-1"}, {"score": "great"}, {"score": "1e1"}],
)  # fmt: skip
def test_what_is_no_answer_is_refused_with_a_sentence(anna: Customer, told: dict[str, str]) -> None:
    seen = tap(asked(anna), **told)
    assert seen.status_code == 422
    assert "Please choose one of the" in text(seen)
    assert not SurveyAnswer.objects.exists()


def test_words_are_kept_plain_and_not_without_end(anna: Customer) -> None:
    ask = asked(anna)
    seen = tap(ask, score="8", words="\x00<script>alert(1)</script>" + "x" * 5_000)
    answer = SurveyAnswer.objects.get()
    assert len(answer.words) == surveys.MOST_WORDS
    assert "<script>alert" not in seen.content.decode()


def test_a_link_that_is_over_changed_or_anothers_opens_nothing(client: Client, anna: Customer) -> None:
    over = asked(anna, days_ago=surveys.OPEN_DAYS)
    good = page(asked(customer(creditor()), after="payment"))
    assert client.get(page(over)).status_code == client.post(page(over), {"score": "8"}).status_code == 410
    portal = links.sign("portal", {"a": over.pk}, expires=timezone.now() + timedelta(days=1))
    gone = surveys.token(ask=10**9, asked_at=timezone.now())
    for odd in (good[:-5] + "AAAA/", f"/s/{portal}/", f"/s/{gone}/", "/s/x/"):
        for seen in (client.get(odd), client.post(odd, {"score": "8"})):
            assert seen.status_code == 404
            assert "This link is not valid" in text(seen) or "n’est pas valable" in text(seen)
    assert not SurveyAnswer.objects.exists()


def test_who_is_not_content_is_looked_after_once_with_their_words(anna: Customer) -> None:
    vera, ask = manager(anna), asked(anna)
    assert "Somebody will look into it." in text(tap(ask, score="4"))
    tap(ask, score="4")
    tap(ask, words="Nobody called back.")
    task = Task.objects.get()
    assert (task.assignee, task.kind, task.due_on) == (vera, "other", timezone.localdate())
    assert task.context == {"survey": ask.pk}, "the words stand with the answer alone"
    for seen in (
        desk_rows.desk(vera).get(reverse("desk:task", args=[task.pk])),
        desk_rows.desk(vera).get(reverse("desk:home")),
    ):
        assert "Nobody called back." in text(seen)
    assert "4" in task.title
    line = Notification.objects.get()
    assert (line.user, line.kind, line.customer) == (vera, "survey", anna)
    assert "Anna Martin" in line.text


def test_several_managers_hear_of_it_and_the_task_is_free_for_either(anna: Customer) -> None:
    both = {manager(anna), manager(anna, "paul")}
    tap(asked(anna), score="2")
    assert Task.objects.get().assignee is None
    assert {each.user for each in Notification.objects.all()} == both


def test_a_slip_of_the_finger_leaves_no_task_and_one_that_somebody_works_on_stays(anna: Customer) -> None:
    ask = asked(anna)
    tap(ask, score="2")
    tap(ask, score="10")
    task = Task.objects.get()
    assert (task.done_at is not None, task.outcome) == (True, "settled")
    tap(ask, score="2")
    task.refresh_from_db()
    assert task.done_at is None, "not content after all"
    Task.objects.update(taken_at=timezone.now(), taken_by=manager(anna))
    tap(ask, score="10")
    task.refresh_from_db()
    assert task.done_at is None


def test_a_payment_is_thanked_for_with_the_question_and_a_tap_answers(
    client: Client, anna: Customer, late: Invoice
) -> None:
    token = entered(client, anna)
    attempt = open_attempt(
        customer=anna, amount_minor=10_000, currency="EUR", invoices=[late.pk], journey="portal", now=timezone.now()
    )
    respond.payment_arrived(provider="dummy", words=[word(attempt, "succeeded")], now=timezone.now())
    thanks = url("paid", token, attempt=attempt.token)
    seen = client.get(thanks)
    assert "How did it go with Éditions du Rivage?" in text(seen)
    about = re.search(r'name="about" value="([^"]+)"', seen.content.decode())
    assert about
    after = client.post(url("rate", token), {"about": about[1], "score": "10"}, follow=True)
    assert "Thank you" in text(after)
    ask = SurveyAsk.objects.get()
    attempt.refresh_from_db()
    assert (ask.medium, ask.after, ask.subject_ref) == ("portal", "payment", f"credit:{attempt.credit_id}")
    assert ask.answer.score == 10
    # Asked is asked: the line is gone, and the day's own question stays away.
    assert "How did it go" not in text(client.get(thanks))
    assert surveys.asked_lately(customer=anna, as_of=timezone.localdate() + timedelta(days=89)) == ask
    assert surveys.asked_lately(customer=anna, as_of=timezone.localdate() + timedelta(days=90)) is None


def test_an_accepted_plan_is_followed_by_it_and_a_dispute_that_begins_is_not(
    client: Client, anna: Customer, late: Invoice
) -> None:
    token = entered(client, anna)
    today = timezone.localdate()
    plan = offered(anna, [late], on=today, first_on=today + timedelta(days=20))
    seen = client.post(url("plan_accept_one", token, pk=plan.pk), {"name": "Anna Martin"}, follow=True)
    assert f'value="plan:{plan.pk}"' in seen.content.decode()
    other = invoice(anna, 500, today - timedelta(days=3))
    told = {"reason": "amount", "words": "Wrong."}
    seen = client.post(url("dispute", token, invoice=other.pk), told, follow=True)
    assert "How did it go" not in text(seen)
    assert "How did it go" not in text(client.get(url("home", token) + "?said=dispute"))
    assert "There is nothing to answer" in text(client.get(url("rate", token), follow=True))
    assert not SurveyAsk.objects.exists()


@pytest.mark.parametrize("about", ["", "payment:1", "plan:999999999999999999999", "invoice:1", "dispute"])
def test_what_is_not_theirs_is_not_what_it_was_about(client: Client, anna: Customer, about: str) -> None:
    invoice(customer(creditor()), 100)
    client.post(url("rate", entered(client, anna)), {"about": about, "score": "8"})
    assert SurveyAsk.objects.get().after == "visit"


def test_the_old_link_to_it_leads_through_the_gate_to_the_question(
    client: Client, anna: Customer, late: Invoice
) -> None:
    token = link(anna)
    assert "How did it go" not in text(client.get(url("home", token) + "?to=survey"))
    assert (
        client.get(url("rate", token)).status_code == client.post(url("rate", token), {"score": "8"}).status_code == 302
    )
    assert not SurveyAsk.objects.exists()
    seen = client.post(url("identify", token), {"answer": anna.number, "to": "survey"}, follow=True)
    assert "How did it go with Éditions du Rivage?" in text(seen)
    client.post(url("rate", token), {"score": "8"})
    assert "You may still change your answer." in text(client.get(url("rate", token), follow=True))
    SurveyAsk.objects.update(
        asked_at=timezone.now() - timedelta(days=30), asked_on=timezone.localdate() - timedelta(days=30)
    )
    assert "You have told us lately" in text(client.get(url("rate", token), follow=True))
    assert "You have told us lately" in text(client.post(url("rate", token), {"score": "2"}, follow=True))
    assert SurveyAnswer.objects.get().score == 8


def _house(**fields: Any) -> Callable[[Customer], object]:
    return lambda anna: Creditor.objects.filter(pk=anna.creditor_id).update(**fields)


def _held(kind: str, *, one: bool) -> Callable[[Customer], object]:
    """On one invoice, or as a whole."""
    return lambda anna: hold.place(
        kind=kind, source_ref="t:1", customer=anna, invoice=invoice(anna, 500) if one else None,
        since=timezone.localdate(), now=timezone.now(),
    )  # fmt: skip


def _waits(anna: Customer) -> object:
    return Task.objects.create(
        creditor=anna.creditor, customer=anna, kind="call", key="w", title="Call", due_on=timezone.localdate(),
        created_at=timezone.now(),
    )  # fmt: skip


def _contests(anna: Customer) -> object:
    return Dispute.objects.create(customer=anna, invoice=invoice(anna, 500), reason="amount", opened_at=timezone.now())


@pytest.mark.parametrize(
    "trouble",
    [
        _house(policy={"survey_share": 0}), _house(released_at=None), _house(stopped_at=timezone.now()), _waits, _contests,
        _held("person", one=False), *(_held(kind, one=True) for kind in ("dispute", "moratorium", "placed")),
    ],
)  # fmt: skip
def test_the_portal_asks_nobody_whom_the_day_would_not_ask(
    client: Client, anna: Customer, trouble: Callable[[Customer], object]
) -> None:
    trouble(anna)
    assert "There is nothing to answer" in text(client.get(url("rate", entered(client, anna)), follow=True))


def test_one_person_at_one_address_is_asked_once_whether_by_us_or_by_the_portal(client: Client, anna: Customer) -> None:
    """Anna looks after two accounts by one mailbox: her answer on the page of the first has asked her for both."""
    double = customer(anna.creditor, language="en")
    token = entered(client, anna, message_to(anna))
    client.post(url("rate", token), {"score": "8"})
    ask = SurveyAsk.objects.get()
    assert (ask.medium, ask.address) == ("portal", "anna@example.org")
    today = timezone.localdate()
    assert surveys.addresses_asked(["ANNA@example.org"], creditor=anna.creditor_id, as_of=today) == {"anna@example.org"}
    assert not surveys.may_be_offered(customer=double, address="anna@example.org", now=timezone.now())
    assert surveys.may_be_offered(customer=double, address="boris@example.org", now=timezone.now())


def test_the_page_speaks_the_language_of_the_message_that_asked(client: Client, anna: Customer) -> None:
    ask = asked(anna)
    sent = message_to(anna)
    Message.objects.filter(pk=sent.pk).update(key=f"survey:{ask.pk}", language="fr")
    assert '<html lang="fr">' in client.get(page(ask)).content.decode()


def test_two_records_of_one_customer_become_one_and_the_later_question_counts(anna: Customer) -> None:
    double = customer(anna.creditor, language="en")
    older, newer = asked(anna, days_ago=20), asked(double, days_ago=5)
    unite(keep=anna, absorb=double, now=timezone.now())
    assert {each.customer for each in SurveyAsk.objects.all()} == {anna}
    assert surveys.asked_lately(customer=anna, as_of=timezone.localdate()) == newer
    older.refresh_from_db()
    assert (older.medium, older.void_since is not None) == ("email", True), "it was we who asked"
    tap(older, score="8")
    tap(newer, score="4")
    assert SurveyAnswer.objects.filter(customer=anna).count() == 2


def test_a_link_to_a_record_that_was_merged_away_still_answers(anna: Customer) -> None:
    double = customer(anna.creditor, language="en")
    ask = asked(double)
    Customer.objects.filter(pk=double.pk).update(merged_into=anna)
    tap(ask, score="2")
    assert SurveyAnswer.objects.get().customer == Task.objects.get().customer == anna


def test_the_desk_shows_what_was_thought(anna: Customer) -> None:
    vera, ask = manager(anna), asked(anna)
    tap(ask, score="4", words="Nobody called back.")
    tap(ask, recommend="3")
    desk_rows.counted(anna)
    with translation.override("en"):
        seen = text(desk_rows.desk(vera).get(reverse("desk:customer", args=[anna.pk])))
    assert "Satisfaction: 4 out of 10" in seen
    assert "Nobody called back." in seen
    assert "would recommend: 3 out of 10" in seen
    assert "after: Call" in seen
