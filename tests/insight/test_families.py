"""Every family of KPIs against examples worked by hand: late money, cases, contacts, agreements, disputes, relation, cost."""

from datetime import date, timedelta

import pytest

from amiable.casework.models import Dispute, Placement
from amiable.core.models import User
from amiable.insight.measure import measure
from amiable.insight.slices import slice_up
from amiable.ledger.models import Customer
from amiable.outreach.models import Event, Message, OptOut, Reply
from amiable.payments.models import Plan, Promise
from amiable.portfolio.models import Membership
from tests.insight.rows import (
    DAY,
    NOW,
    at,
    attempt,
    before,
    case,
    creditor,
    customer,
    invoice,
    message,
    paid,
    parts,
    read,
    task,
    triple,
)
from tests.world import survey_answer

pytestmark = pytest.mark.django_db


def test_late_money_beside_billing() -> None:
    helia = creditor()
    anna = customer(helia)
    invoice(anna, 6_000, issued=before(20), due=DAY)  # not yet late
    invoice(anna, 3_000, issued=before(70), due=before(40))  # 31 to 60 days, 1 to 30 thirty days ago
    invoice(anna, 1_000, issued=before(200), due=before(170))  # at risk, older than the billing of 90 days
    done = invoice(anna, 8_000, issued=before(89), due=before(59))
    paid(done, 8_000, on=before(10))
    assert triple(helia, "overdue_share") == (0.4, 4_000, 10_000)
    assert read(helia, "at_risk_share") == (0.1, 1_000, 10_000)
    billed = 6_000 + 3_000 + 8_000
    assert read(helia, "dso_simple") == (pytest.approx(10_000 / billed * 90), 10_000, billed)
    assert read(helia, "dso_best") == (pytest.approx(6_000 / billed * 90), 6_000, billed)
    assert read(helia, "days_delinquent") == (pytest.approx(4_000 / billed * 90), 4_000, billed)
    # Thirty days ago 12 000 were open, 6 000 were billed since; 10 000 are open, 6 000 of them not yet due.
    assert read(helia, "collection_effectiveness") == (pytest.approx(8_000 / 12_000), 8_000, 12_000)
    # Of the 12 000 of then, all late now, 4 000 are still there.
    assert read(helia, "roll_rate") == (pytest.approx(4_000 / 12_000), 4_000, 12_000)
    assert parts(helia, "roll_rate") == {
        ("was", "1_30"): (pytest.approx(3_000 / 11_000), 3_000, 11_000), ("was", "over_90"): (1.0, 1_000, 1_000),
    }  # fmt: skip


def test_cases_are_cured_by_contact_or_by_themselves() -> None:
    helia = creditor()
    told, silent, open_still, given_up = (customer(helia, name) for name in "ABCD")
    case(told, on=before(40), overdue=100, closed_on=before(30), closed_because="paid")
    message(told, days=35)
    case(silent, on=before(40), overdue=100, closed_on=before(36), closed_because="paid")
    message(silent, days=20)  # after it
    case(open_still, on=before(40), overdue=100)
    case(given_up, on=before(40), overdue=100, closed_on=before(5), closed_because="written_off")
    assert triple(helia, "cure_rate") == (0.5, 2, 4)
    assert read(helia, "time_to_cure") == (7.0, 14, 2)
    assert read(helia, "self_cure_rate") == (0.25, 1, 4)


def test_what_became_of_messages_and_calls() -> None:
    helia = creditor()
    anna, julie = customer(helia), User.objects.create(username="julie")
    opened, _silent, letter, taken = (
        message(anna, days=n, medium=medium) for n, medium in ((3, "email"), (2, "sms"), (1, "letter"), (1, "ivr"))
    )
    Event.objects.create(source="t", external_id="1", message=opened, kind="opened", at=at(3))
    Event.objects.create(source="t", external_id="2", message=opened, kind="clicked", at=at(2))
    Event.objects.create(source="t", external_id="3", message=letter, kind="delivered", at=at(1))
    Event.objects.create(source="t", external_id="4", message=taken, kind="delivered", at=at(1))  # somebody picked up
    for outcome in ("promise", "refused", "wrong_number", "voicemail", "settled"):  # the last was never made
        task(anna, "call", days=4, outcome=outcome, done_by=julie)
    assert triple(helia, "contact_rate") == (4 / 7, 4, 7)  # the letter cannot tell
    assert read(helia, "answer_rate") == (0.75, 3, 4)
    assert read(helia, "right_party_rate") == (0.5, 2, 4)
    assert read(helia, "promise_rate") == (0.5, 1, 2)
    assert parts(helia, "answer_rate") == {("collector", julie.pk): (0.75, 3, 4)}
    assert parts(helia, "messages_sent")["channel", "letter"] == (1.0, 1, None)


def test_agreements_that_were_kept() -> None:
    helia = creditor()
    anna = customer(helia)
    for state, kept in (("kept", 1_000), ("partly", 400), ("broken", 0)):
        Promise.objects.create(
            customer=anna, currency="EUR", amount_minor=1_000, promised_for=before(5), taken_at=at(9), origin="call",
            state=state, judged_on=before(4), kept_minor=kept,
        )  # fmt: skip
    Promise.objects.create(
        customer=anna, currency="EUR", amount_minor=1_000, promised_for=DAY, taken_at=at(9), origin="call", state="open"
    )
    for state in ("done", "done", "broken", "withdrawn"):
        Plan.objects.create(
            customer=anna, currency="EUR", total_minor=10, state=state, offered_at=at(80), ended_on=before(3)
        )
    assert triple(helia, "promises_kept") == (pytest.approx(1 / 3), 1, 3)
    assert read(helia, "promised_received") == (pytest.approx(1_400 / 3_000), 1_400, 3_000)
    assert read(helia, "plans_kept") == (pytest.approx(2 / 3), 2, 3)


def test_disputes_by_cause_and_age() -> None:
    helia = creditor()
    anna = customer(helia)
    for days, cause, part, over in ((3, "amount", 40, None), (45, "quality", None, None), (28, "amount", None, 8)):
        which = invoice(anna, 1_000, issued=before(90), due=before(60))
        Dispute.objects.create(
            customer=anna, invoice=which, reason=cause, disputed_minor=part, opened_at=at(days),
            resolved_at=None if over is None else at(over),
        )  # fmt: skip
    assert triple(helia, "disputes_open") == (2.0, 2, None)
    assert parts(helia, "disputes_open") == {
        ("age", "0_7"): (1.0, 1, None), ("age", "31_60"): (1.0, 1, None), ("cause", "amount"): (1.0, 1, None),
        ("cause", "quality"): (1.0, 1, None),
    }  # fmt: skip
    assert read(helia, "amount_disputed") == (1_040.0, 1_040, None)
    assert read(helia, "dispute_age") == (24.0, 48, 2)
    assert read(helia, "disputes_opened") == (2.0, 2, None)  # the one of 45 days ago is not of these 30
    assert read(helia, "dispute_days") == (20.0, 20, 1)


def test_what_customers_thought() -> None:
    helia = creditor()
    told = {"A": ((4, 0), (10, 9)), "B": ((8, None),), "C": ((10, 10), (6, 8)), "D": ((2, 3),), "E": ((8, 5),)}
    for number, answers in told.items():
        who = customer(helia, number)
        for n, (score, recommend) in enumerate(answers):
            days = 120 if len(answers) == 2 and n == 0 else 10
            survey_answer(
                who,
                score,
                now=at(days),
                recommend=recommend,
                step="reminder_1" if number == "A" else "",
                medium="email",
            )
    assert triple(helia, "csat") == (0.6, 3, 5)  # 10, 8, 8 of 10, 8, 6, 2, 8
    assert read(helia, "nps") == (-25.0, -1, 4)  # one promoter, two detractors, one neither; B did not say
    assert read(helia, "satisfaction_change") == (1.0, 2, 2)  # +6 and −4
    assert parts(helia, "nps") == {
        ("after", "payment"): (-25.0, -1, 4), ("step", "reminder_1"): (100.0, 1, 1), ("segment", ""): (-25.0, -1, 4),
    }  # fmt: skip


def test_nobody_told_is_no_nought() -> None:
    helia = creditor()
    survey_answer(customer(helia), 8, now=at(5))
    measure(as_of=DAY, now=NOW)
    assert read(helia, "nps") == (None, 0, 0)  # content or not, nobody said whether they recommend
    assert read(helia, "csat") == (1.0, 1, 1)
    assert read(helia, "satisfaction_change") == (None, 0, 0)


def test_who_complains() -> None:
    helia = creditor()
    anna = customer(helia)
    unwanted, _other = message(anna, days=3), message(anna, days=2)
    Event.objects.create(source="t", external_id="1", message=unwanted, kind="complained", at=at(3))
    for n, intent in enumerate(("complaint", "promise")):
        Reply.objects.create(
            source="t", external_id=f"{n}", creditor=helia, customer=anna, medium="email", sender="a", text="t", at=at(1),
            intent=intent,
        )  # fmt: skip
    assert triple(helia, "complaints") == (2.0, 2, 2)


def test_customers_and_turnover_kept_after_treatment() -> None:
    helia = creditor()
    stays, leaves = customer(helia, "A"), customer(helia, "B")
    for who in (stays, leaves):
        case(who, on=date(2026, 2, 15), overdue=100)  # within the 30 days that end on 28 February
        invoice(who, 10_000, issued=date(2026, 1, 10), due=date(2026, 2, 9))
        invoice(who, 5_000, issued=date(2025, 11, 1), due=date(2025, 12, 1))  # more than three months before
    invoice(stays, 8_000, issued=date(2026, 3, 10), due=date(2026, 4, 9))
    invoice(stays, 9_000, issued=date(2026, 5, 20), due=date(2026, 6, 9))  # more than three months after
    assert triple(helia, "customers_kept_3m") == (0.5, 1, 2)
    assert read(helia, "turnover_kept_3m") == (pytest.approx(0.4), 8_000, 20_000)
    assert read(helia, "customers_kept_6m") == (None, 0, 0)
    case(stays, on=date(2025, 5, 10), overdue=100, closed_on=date(2025, 6, 10), closed_because="paid")
    measure(as_of=DAY, now=NOW)
    assert read(helia, "customers_kept_12m")[1:] == (1, 1)
    assert read(helia, "turnover_kept_12m") == (None, 23_000, 0)  # billed nothing before: no share, and no nought
    assert read(helia, "customers_kept_6m") == (None, 0, 0)


def test_cost_of_contacts_work_and_agencies_beside_what_came() -> None:
    costs = {"channels": {"email": 2, "letter": 150, "call": 400}, "minute_minor": 50, "minutes": {"reply": 6},
             "agencies": {"Recova": 0.2}}  # fmt: skip
    helia = creditor(policy={"costs": costs})
    anna, julie = customer(helia), User.objects.create(username="julie")
    message(anna, days=3)
    message(anna, days=2, medium="letter")
    task(anna, "call", days=2, outcome="refused", done_by=julie)
    task(anna, "reply", days=1, done_by=julie)
    owed = invoice(anna, 10_000, issued=before(60), due=before(30))
    early = invoice(anna, 3_000, issued=before(20), due=DAY)
    with_agency = case(anna, on=before(25), overdue=10_000)
    paid(owed, 2_000, on=before(12))
    Placement.objects.create(case=with_agency, agency="Recova", placed_at=at(10))
    paid(owed, 5_000, on=before(5))
    paid(early, 3_000, on=before(4))  # before its day: nothing that had to be recovered
    assert triple(helia, "cost_per_contact") == (pytest.approx(552 / 3), 552, 3)
    assert read(helia, "cost") == (1_852.0, 552 + 300 + 1_000, None)
    assert read(helia, "cost_per_euro") == (pytest.approx(1_852 / 7_000), 1_852, 7_000)
    assert parts(helia, "cost_per_contact")["channel", "letter"] == (150.0, 150, 1)


def test_contacts_about_money_of_another_currency_are_paid_for_in_the_creditors_own() -> None:
    helia = creditor(policy={"costs": {"channels": {"letter": 150}}})
    anna = customer(helia)
    message(anna, days=2, medium="letter")
    Message.objects.update(currency="USD")
    dollars = invoice(anna, 10_000, issued=before(60), due=before(30), currency="USD")
    paid(dollars, 7_000, on=before(5))
    paid(invoice(anna, 300, issued=before(60), due=before(30)), 300, on=before(5))
    assert triple(helia, "cost") == (150.0, 150, None)
    assert read(helia, "cost_per_contact") == (150.0, 150, 1)
    assert read(helia, "cost_per_euro") == (0.5, 150, 300)
    assert read(helia, "cost_per_contact", "USD")[0] is None
    assert read(helia, "cost_per_euro", "USD")[0] is None  # a dash, and no recovery for nothing


def test_work_by_person() -> None:
    helia = creditor()
    anna = customer(helia)
    julie, karim = User.objects.create(username="julie"), User.objects.create(username="karim")
    task(anna, "reply", days=3, done_by=julie)
    task(anna, "check", days=2, done_by=julie)
    task(anna, "call", days=None, assignee=karim, due_on=before(1))
    task(anna, "call", days=None)  # nobody's yet
    task(anna, "reply", days=40, done_by=User.objects.create(username="gone"))
    assert triple(helia, "workload") == (1.0, 2, 2)
    assert read(helia, "tasks_done") == (1.0, 2, 2)
    assert read(helia, "tasks_late") == (1.0, 1, 2)
    assert parts(helia, "workload")["collector", karim.pk] == (1.0, 1, 1)


def test_parts_that_must_add_up_to_the_total_do() -> None:
    helia = creditor()
    for number, segment in (("A", "good"), ("B", "late"), ("C", "late")):
        who: Customer = customer(helia, number)
        Membership.objects.create(customer=who, currency="EUR", segment=segment, since=before(90))
        invoice(who, 100 * ord(number), issued=before(80), due=before(50))
    measure(as_of=DAY, now=NOW)
    invoice(customer(helia, "D"), 4_200, issued=before(80), due=before(50))  # in no segment
    measure(as_of=DAY, now=NOW + timedelta(hours=1))
    assert parts(helia, "amount_overdue")["segment", ""][1] == 4_200
    for key in ("amount_overdue", "aged_balance"):
        assert sum(value[1] or 0 for value in parts(helia, key).values()) == read(helia, key)[1]


def test_how_far_cases_came_on_the_way_to_a_payment() -> None:
    helia = creditor()
    silent, told, reached, tried, alone, spoken = (customer(helia, name) for name in "ABCDEF")
    for who in (silent, told, reached, tried, alone, spoken):
        case(who, on=before(40), overdue=100)
        invoice(who, 100, issued=before(80), due=before(50))
    message(told, days=35)
    message(told, days=60)  # before its case
    for who, kind in ((reached, "opened"), (told, "delivered")):
        Event.objects.create(source="t", external_id=who.number, message=message(who, days=30), kind=kind, at=at(29))
    message(tried, days=20, medium="letter")
    attempt(tried, "letter_link", "failed", days=10)
    attempt(alone, "portal", "succeeded", days=10)  # without any contact
    task(spoken, "call", days=12, outcome="refused")
    assert triple(helia, "due_contacted") == (pytest.approx(4 / 6), 400, 600)
    assert read(helia, "due_reached") == (0.5, 300, 600)
    assert read(helia, "due_tried") == (pytest.approx(1 / 6), 100, 600)


def test_a_try_before_the_first_contact_is_the_customers_own_and_a_word_about_other_money_no_contact() -> None:
    helia = creditor()
    early, after, dollars = (customer(helia, name) for name in "ABC")
    for who in (early, after, dollars):
        case(who, on=before(40), overdue=100)
        invoice(who, 100, issued=before(80), due=before(50))
        message(who, days=20)
    for who, days in ((early, 30), (after, 10), (dollars, 10)):
        attempt(who, "portal", "failed", days=days)
    Message.objects.filter(customer=dollars).update(currency="USD")
    assert triple(helia, "due_contacted") == (pytest.approx(2 / 3), 200, 300)
    assert read(helia, "due_tried") == (pytest.approx(1 / 3), 100, 300)


def test_an_opt_out_and_a_complaint_belong_to_their_message() -> None:
    helia = creditor()
    anna = customer(helia)
    last = message(anna, days=9)
    type(last).objects.filter(pk=last.pk).update(step="reminder_1")
    OptOut.objects.create(customer=anna, medium="email", since=at(3), origin="portal")
    OptOut.objects.create(customer=anna, medium="sms", since=at(3), origin="portal")
    Reply.objects.create(
        source="t", external_id="1", creditor=helia, customer=anna, message=last, medium="email", sender="a", text="x",
        at=at(2), intent="complaint",
    )  # fmt: skip
    measure(as_of=DAY, now=NOW)
    for key, expected in (
        ("opt_outs", {("reminder_1",): 1, (None,): 1}),
        ("complaints", {("reminder_1",): 1, (None,): 0}),
    ):
        found = slice_up(creditor=helia, key=key, by=["step"], since=before(29), until=DAY)
        assert {part.by: part.numerator for part in found.parts} == expected
