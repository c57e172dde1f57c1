"""The engine alone, tables in and tables out: progress per invoice, contact per customer, and a batch is one by one."""

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amiable.law.packs import law
from amiable.scenario.engine.channel import CHANNELS, NAMED
from amiable.scenario.engine.decide import decide
from amiable.scenario.engine.journey import UnableToUse, read
from amiable.scenario.engine.moment import EVENTS

DAY = date(2026, 3, 10)
FACTS: dict[str, Any] = {"overdue": pl.Float64, "kind": pl.String, "segment": pl.String}
STEPS = [
    {"key": "notice", "level": 10, "days": -5, "until": 0, "channel": "email", "minimum": 5},
    {"key": "first", "level": 20, "days": 4, "channel": "email", "minimum": 5},
    {"key": "second", "level": 30, "days": 14, "gap": 8, "channel": "email", "minimum": 5},
    {"key": "call", "level": 40, "days": 26, "gap": 10, "channel": "call", "minimum": 40},
    {"key": "formal", "level": 50, "days": 45, "gap": 14, "channel": "email", "mode": "confirm", "minimum": 40},
]
JOURNEY = read({"key": "house", "steps": STEPS}, facts=FACTS)
CUSTOMER: dict[str, Any] = {
    "scenario": 1, "scale": 100.0, "credit_minor": 0, "kind": "consumer", "segment": "", "overdue": 50.0, "day": DAY,
    "released": True, "customer_hold": None, "waiting": False, "days_since_contact": None, "contacts_7d": 0, "calls_7d": 0,
    "days_since_conversation": None, "has_email": True, "has_sms": True, "has_letter": True, "has_call": True,
    "out_email": False, "out_sms": False, "out_letter": False, "out_call": False, "has_ivr": True, "out_ivr": False,
    "carried_letter": True, "carried_ivr": True, "preferred": None,
    "call_reaction": None, "reminder_reaction": None, **{f"days_since_{event}": None for event in EVENTS},
}  # fmt: skip
TYPES: dict[str, Any] = {
    "row": pl.Int64, "scenario": pl.Int64, "scale": pl.Float64, "credit_minor": pl.Int64, "kind": pl.String,
    "segment": pl.String, "overdue": pl.Float64, "day": pl.Date, "released": pl.Boolean, "customer_hold": pl.String,
    "waiting": pl.Boolean, "days_since_contact": pl.Int64, "contacts_7d": pl.Int64, "calls_7d": pl.Int64,
    "days_since_conversation": pl.Int64,
    **{f"{side}_{channel}": pl.Boolean for side in ("has", "out") for channel in CHANNELS},
    **{f"carried_{channel}": pl.Boolean for channel in NAMED},
    "preferred": pl.String, "call_reaction": pl.Float64, "reminder_reaction": pl.Float64,
    **{f"days_since_{event}": pl.Int64 for event in EVENTS},
}  # fmt: skip
INVOICE = {
    "row": pl.Int64, "invoice": pl.Int64, "days_late": pl.Int64, "days_issued": pl.Int64, "open_minor": pl.Int64,
    "reached": pl.Int64, "days_since_step": pl.Int64, "days_since_return": pl.Int64, "held": pl.Boolean,
}  # fmt: skip


def bill(
    number: int,
    days_late: int,
    *,
    open_minor: int = 10_000,
    reached: int = 0,
    since: int | None = None,
    held: bool = False,
    issued: int | None = None,
    returned: int | None = None,
) -> dict[str, Any]:
    return {
        "row": 0, "invoice": number, "days_late": days_late, "days_issued": days_late + 30 if issued is None else issued,
        "open_minor": open_minor, "reached": reached, "days_since_step": since, "days_since_return": returned, "held": held,
    }  # fmt: skip


def run(customers: list[dict[str, Any]], bills: list[dict[str, Any]], journeys: Any = None) -> list[dict[str, Any]]:
    found = decide(
        pl.DataFrame([CUSTOMER | {"row": 0} | each for each in customers], schema=TYPES, orient="row"),
        pl.DataFrame(bills, schema=INVOICE, orient="row"),
        journeys or {1: JOURNEY}, facts=FACTS, law=law("FR", DAY), policy={},
    )  # fmt: skip
    return found.sort("row").to_dicts()


def one(*bills: dict[str, Any], **differs: Any) -> dict[str, Any] | None:
    found = run([differs], list(bills))
    assert len(found) <= 1
    return found[0] if found else None


def told(*bills: dict[str, Any], **differs: Any) -> tuple[str, str, list[int], list[int]]:
    decision = one(*bills, **differs)
    assert decision is not None
    return decision["verdict"], decision["step"], decision["about"], decision["also"]


def test_an_invoice_takes_its_steps_one_after_the_other() -> None:
    assert one(bill(1, -6)) is None
    assert told(bill(1, -5)) == ("do", "notice", [1], [])
    assert one(bill(1, 3)) is None
    assert told(bill(1, 4)) == ("do", "first", [1], [])
    assert told(bill(1, 14, reached=20, since=10)) == ("do", "second", [1], [])
    assert told(bill(1, 26, reached=30, since=12)) == ("do", "call", [1], [])
    assert told(bill(1, 45, reached=40, since=19)) == ("ask", "formal", [1], [])
    assert one(bill(1, 300, reached=50, since=200)) is None


def test_no_invoice_jumps_over_an_unsent_step_however_late_it_is() -> None:
    assert told(bill(1, 200)) == ("do", "first", [1], [])
    assert told(bill(1, 200, reached=20, since=9)) == ("do", "second", [1], [])


def test_the_gap_after_the_last_step_is_kept() -> None:
    assert one(bill(1, 200, reached=20, since=7)) is None
    assert told(bill(1, 200, reached=20, since=8))[1] == "second"


def test_a_notice_before_the_due_date_lapses_after_it() -> None:
    assert told(bill(1, 0))[1] == "notice"
    assert one(bill(1, 1)) is None


def test_one_message_at_the_highest_step_names_what_is_due_below_it() -> None:
    decision = one(
        bill(1, 5), bill(2, 20, reached=20, since=9), bill(3, -2), bill(4, 15, reached=20, since=9), bill(5, 2)
    )
    assert decision is not None
    assert (decision["step"], decision["about"], decision["also"]) == ("second", [2, 4], [1])
    assert decision["also_levels"] == [20]
    assert decision["amount_minor"] == 30_000


def test_a_new_invoice_never_pulls_an_old_one_back() -> None:
    assert told(bill(1, 60, reached=50, since=3), bill(2, 4)) == ("do", "first", [2], [])


def test_a_held_invoice_is_neither_about_nor_mentioned_and_the_others_go_on() -> None:
    assert told(bill(1, 200, reached=40, since=90, held=True), bill(2, 5)) == ("do", "first", [2], [])
    assert one(bill(1, 5, held=True)) is None


def test_credits_that_cover_what_is_due_make_it_too_little() -> None:
    for credit in (9_501, 10_000, 50_000):
        decision = one(bill(1, 5), credit_minor=credit)
        assert decision is not None
        assert (decision["verdict"], decision["rail"]) == ("not", "below_minimum")
    assert told(bill(1, 5), credit_minor=9_500)[0] == "do"


def test_a_minimum_is_in_whole_units_of_the_currency() -> None:
    assert told(bill(1, 5, open_minor=5), scale=1.0)[0] == "do"  # 5 yen
    decision = one(bill(1, 5, open_minor=499))
    assert decision is not None
    assert decision["rail"] == "below_minimum"


def test_a_courtesy_waits_for_the_gap_after_another_contact() -> None:
    assert told(bill(1, -3), days_since_contact=9)[:2] == ("do", "notice")
    decision = one(bill(1, -3), days_since_contact=0)
    assert decision is not None
    assert decision["rail"] == "gap"


def test_an_invoice_too_old_to_claim_steps_aside_for_the_others() -> None:
    decision = one(bill(1, 5), bill(2, 4_000))
    assert decision is not None
    assert (decision["rail"], decision["about"], decision["also"]) == (None, [1], [])
    alone = one(bill(2, 4_000))
    assert alone is not None
    assert alone["rail"] == "time_bar"


def test_a_step_that_cannot_be_done_does_not_keep_the_steps_below_it_from_being_done() -> None:
    """Who has no telephone is still reminded of the invoices that are due for an e-mail."""
    stuck = bill(1, 60, reached=30, since=20)
    assert told(stuck, bill(2, 5), has_call=False) == ("do", "first", [2], [])
    assert told(stuck, bill(2, 5), out_call=True) == ("do", "first", [2], [])
    little = bill(1, 60, reached=30, since=20, open_minor=1_000)
    assert told(little, bill(2, 5, open_minor=1_000)) == ("do", "first", [2], [])
    alone = one(stuck, has_call=False)
    assert alone is not None
    assert (alone["step"], alone["verdict"], alone["rail"]) == ("call", "not", "no_address")
    both = one(stuck, bill(2, 5), has_call=False, has_email=False)
    assert both is not None
    assert (both["step"], both["rail"]) == ("call", "no_address")


def test_a_refusal_that_concerns_the_customer_is_not_walked_around() -> None:
    for differs in ({"customer_hold": "insolvency"}, {"waiting": True}, {"days_since_contact": 1}, {"released": False}):
        decision = one(bill(1, 60, reached=30, since=20), bill(2, 5), **differs)
        assert decision is not None
        assert (decision["verdict"], decision["step"]) == ("not", "call")


def test_a_condition_keeps_a_step_for_some_and_the_next_one_follows() -> None:
    steps = [STEPS[1], {**STEPS[2], "if": "segment = 'good'"}, {**STEPS[3], "level": 40}]
    journeys = {1: read({"key": "k", "steps": steps}, facts=FACTS)}
    bills = [bill(1, 30, reached=20, since=15)]
    assert run([{"segment": "good"}], bills, journeys)[0]["step"] == "second"
    assert run([{"segment": "bad"}], bills, journeys)[0]["step"] == "call"


BILLS = st.builds(
    bill,
    st.just(0),
    st.integers(-10, 900),
    open_minor=st.sampled_from([1, 400, 3_000, 10_000, 900_000]),
    reached=st.sampled_from([0, 0, 0, 10, 20, 30, 40, 50]),
    since=st.one_of(st.none(), st.integers(0, 40)),
    held=st.sampled_from([False, False, False, True]),
)
PEOPLE = st.fixed_dictionaries(
    {
        "scenario": st.sampled_from([1, 2]),
        "scale": st.sampled_from([1.0, 100.0, 1000.0]),
        "credit_minor": st.sampled_from([0, 0, 500, 20_000]),
        "kind": st.sampled_from(["consumer", "business", "public"]),
        "segment": st.sampled_from(["", "good", "unwilling"]),
        "overdue": st.floats(0, 10_000),
        "released": st.sampled_from([True, True, True, False]),
        "customer_hold": st.sampled_from([None, None, None, "insolvency"]),
        "waiting": st.sampled_from([False, False, True]),
        "days_since_contact": st.one_of(st.none(), st.integers(0, 5)),
        "contacts_7d": st.integers(0, 5),
        "calls_7d": st.integers(0, 3),
        "has_email": st.booleans(),
        "has_call": st.booleans(),
        "out_email": st.booleans(),
        "day": st.sampled_from([DAY, date(2026, 3, 8), date(2026, 7, 14), date(2028, 2, 29)]),
    }
)
JOURNEYS = {
    1: JOURNEY,
    2: read(
        {
            "key": "other",
            "steps": [{**STEPS[1], "if": "segment <> 'good'"}, {**STEPS[2], "days": 6, "gap": 0}, STEPS[3]],
        },
        facts=FACTS,
    ),
}


@settings(max_examples=40)
@given(st.lists(st.tuples(PEOPLE, st.lists(BILLS, max_size=6)), min_size=1, max_size=8))
def test_a_batch_says_what_each_says_alone_and_the_rules_hold(
    people: list[tuple[dict[str, Any], list[dict[str, Any]]]],
) -> None:
    customers, bills = [], []
    for row, (person, theirs) in enumerate(people):
        customers.append(person | {"row": row})
        bills += [each | {"row": row, "invoice": row * 100 + number} for number, each in enumerate(theirs)]
    together = run(customers, bills, JOURNEYS)
    alone = [
        decision
        for person in customers
        for decision in run([person], [each for each in bills if each["row"] == person["row"]], JOURNEYS)
    ]
    assert together == alone
    by_number = {each["invoice"]: each for each in bills}
    assert len({decision["row"] for decision in together}) == len(together)
    for decision in together:
        keeps_the_rules(decision, by_number)


def keeps_the_rules(decision: dict[str, Any], bills: dict[int, dict[str, Any]]) -> None:
    steps = JOURNEYS[decision["scenario"]].steps
    levels = [(number, decision["level"]) for number in decision["about"]]
    levels += list(zip(decision["also"], decision["also_levels"], strict=True))
    assert decision["about"]
    for number, level in levels:
        invoice = bills[number]
        assert invoice["row"] == decision["row"]
        assert not invoice["held"]
        assert invoice["reached"] < level <= decision["level"]
        for step in steps:
            if invoice["reached"] < step.level < level:
                lapsed = step.until is not None and invoice["days_late"] > step.until
                assert lapsed or step.condition, "jumped over an unsent step"
            if step.level == level:
                assert invoice["days_late"] >= step.days
                assert (invoice["days_since_step"] is None) or invoice["days_since_step"] >= step.gap
    if decision["verdict"] != "not":
        assert decision["amount_minor"] >= decision["minimum_minor"]
        assert decision["released"]
        assert decision["customer_hold"] is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key": None}, "needs a key"),
        ({"steps": []}, "no steps"),
        ({"steps": STEPS * 13}, "60 steps"),
        ({"steps": [STEPS[1], STEPS[0]]}, "must be above"),
        ({"steps": [{**STEPS[0], "level": 10, "days": 9, "until": 20}, STEPS[1]]}, "cannot be due before"),
        ({"steps": [STEPS[0], {**STEPS[1], "key": "notice"}]}, "same key"),
        ({"steps": [{**STEPS[0], "if": "solvent"}]}, "no fact"),
        ({"applies": "SELECT 1"}, "no fact"),
        ({"steps": [{**STEPS[0], "colour": 1}]}, "unknown setting"),
        ({"steps": [{"key": "x", "level": 1, "days": 1}]}, "lacks its channel"),
        ({"steps": [{**STEPS[0], "days": "soon"}]}, "not a number"),
        ({"steps": [{**STEPS[0], "days": None}]}, "not a number"),
        ({"steps": [{**STEPS[0], "channel": "fax"}]}, "unknown channel"),
        ({"steps": [{**STEPS[0], "tone": "rude"}]}, "tone or mode"),
        ({"steps": [{**STEPS[0], "until": -9}]}, "lapse before"),
        ({"steps": [{**STEPS[0], "minimum": -1}]}, "out of bounds"),
        ({"steps": [{**STEPS[0], "minimum": float("nan")}]}, "out of bounds"),
        ({"steps": [{**STEPS[3], "mode": "confirm"}]}, "call"),
        ({"steps": "many"}, "steps"),
    ],
)
def test_a_scenario_that_cannot_be_used_says_why(change: dict[str, Any], words: str) -> None:
    with pytest.raises(UnableToUse, match=words) if "fact" not in words else pytest.raises(Exception, match=words):
        read({"key": "k", "steps": STEPS} | change, facts=FACTS)
