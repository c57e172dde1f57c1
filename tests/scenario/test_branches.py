"""Moments, branches, channels and actions of steps: each by hand, then all at random; foreseen as they are decided."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amiable.law.packs import law
from amiable.law.rails import CALLS
from amiable.scenario.engine.decide import decide, ended
from amiable.scenario.engine.foresee import foresee
from amiable.scenario.engine.journey import Journey, UnableToUse, read
from amiable.scenario.engine.moment import EVENTS, back
from tests.scenario.test_engine import BILLS, CUSTOMER, DAY, FACTS, INVOICE, PEOPLE, TYPES, bill, run

LAW = law("FR", DAY)


def journey(*steps: dict[str, Any]) -> Journey:
    return read({"key": "trial", "steps": [{"channel": "email"} | step for step in steps]}, facts=FACTS)


def acting(*steps: dict[str, Any]) -> Journey:
    return read({"key": "trial", "steps": list(steps)}, facts=FACTS)


def told(way: Journey, *bills: dict[str, Any], **differs: Any) -> tuple[str, str, str] | None:
    """Verdict, step and channel of the one decision, if there is one."""
    found = run([differs], list(bills), {1: way})
    return (found[0]["verdict"], found[0]["step"], found[0]["channel"]) if found else None


FIRST = {"key": "first", "level": 10, "days": 3}


def test_days_count_from_the_issue() -> None:
    way = journey({"key": "thanks", "level": 10, "days": 2, "from": "issue", "until": 4})
    assert told(way, bill(1, -29, issued=1)) is None
    assert told(way, bill(1, -28, issued=2)) == ("do", "thanks", "email")
    assert told(way, bill(1, -25, issued=5)) is None


def test_days_count_from_the_invoices_last_step() -> None:
    way = journey(FIRST, {"key": "then", "level": 20, "days": 6, "from": "step"})
    assert told(way, bill(1, 9, reached=10, since=5)) is None
    assert told(way, bill(1, 9, reached=10, since=6)) == ("do", "then", "email")
    assert told(way, bill(1, 3)) == ("do", "first", "email")


def test_a_step_after_an_event_comes_only_where_it_happened_after_the_last_step() -> None:
    broken = {"key": "broken", "level": 15, "days": 1, "from": "promise_broken", "until": 5}
    way = journey(FIRST, broken, {"key": "second", "level": 20, "days": 12})
    late = bill(1, 9, reached=10, since=4)
    assert told(way, late) is None  # nothing happened: the next one is the second, whose day has not come
    assert told(way, late, days_since_promise_broken=0) is None
    assert told(way, late, days_since_promise_broken=1) == ("do", "broken", "email")
    assert told(way, late, days_since_promise_broken=4) is None  # found out before the step of that very day
    assert told(way, late, days_since_promise_broken=9) is None
    assert told(way, bill(1, 20, reached=10, since=10), days_since_promise_broken=6) == ("do", "second", "email")


def test_an_event_of_the_day_of_the_step_came_after_it() -> None:
    way = journey(FIRST, {"key": "looked", "level": 20, "days": 2, "from": "opened"})
    assert told(way, bill(1, 9, reached=10, since=2), days_since_opened=2) == ("do", "looked", "email")
    assert told(way, bill(1, 9, reached=10, since=1), days_since_opened=2) is None


def test_a_step_waits_for_its_day_of_the_month_and_stays_due_when_the_day_was_missed() -> None:
    way = journey({"key": "payday", "level": 10, "days": 3, "on_day": 5})
    for on, late, due in (
        (date(2026, 3, 4), 30, True), (date(2026, 3, 4), 27, False), (date(2026, 3, 5), 3, True), (date(2026, 3, 5), 2, False),
        (date(2026, 3, 6), 4, True), (date(2026, 3, 6), 3, False), (date(2026, 4, 4), 33, True), (date(2026, 4, 4), 32, False),
    ):  # fmt: skip
        assert (told(way, bill(1, late), day=on) is not None) is due, (on, late)


@pytest.mark.parametrize(
    ("on_day", "day", "days"),
    [
        (31, date(2026, 2, 28), 0),
        (31, date(2026, 3, 30), 30),
        (31, date(2026, 3, 31), 0),
        (30, date(2028, 3, 1), 1),
        (1, date(2026, 1, 1), 0),
        (15, date(2026, 1, 14), 30),
    ],
)
def test_a_month_without_the_day_has_it_on_its_last(on_day: int, day: date, days: int) -> None:
    assert back(day, on_day) == days


def test_what_the_customer_answered_chooses_the_branch() -> None:
    way = journey(
        FIRST,
        {"key": "read", "level": 20, "days": 8, "answer": ["opened", "clicked"], "tone": "firm"},
        {"key": "call", "level": 30, "days": 8, "answer": ["none", "bounced"], "channel": "call"},
        {"key": "later", "level": 40, "days": 20},
    )
    asked = bill(1, 8, reached=10, since=5)
    assert told(way, asked) == ("do", "call", "call")
    assert told(way, asked, days_since_clicked=1) == ("do", "read", "email")
    assert told(way, asked, days_since_opened=6) == ("do", "call", "call")  # before the step: no answer to it
    assert told(way, asked, days_since_bounced=2) == ("do", "call", "call")
    assert told(way, asked, days_since_replied=2) is None
    assert told(way, bill(1, 20, reached=10, since=17), days_since_replied=2) == ("do", "later", "email")


def test_nobody_answers_to_nothing() -> None:
    way = journey(
        {"key": "read", "level": 10, "days": 3, "answer": "opened"},
        {"key": "plain", "level": 20, "days": 3, "answer": "none"},
    )
    assert told(way, bill(1, 3), days_since_opened=1) == ("do", "plain", "email")


def test_a_small_rest_is_not_chased_by_the_step() -> None:
    way = journey({**FIRST, "tolerance": 5}, {"key": "second", "level": 20, "days": 12})
    assert told(way, bill(1, 3, open_minor=500)) is None
    assert told(way, bill(1, 3, open_minor=501)) == ("do", "first", "email")
    assert told(way, bill(1, 3, open_minor=5), scale=1.0) is None
    assert told(way, bill(1, 12, open_minor=500)) == ("do", "second", "email")


def test_what_ends_the_journey_ends_it_until_it_is_over_or_the_invoice_is_returned() -> None:
    way = journey({**FIRST, "ends": ["disputed", "replied"]}, {"key": "second", "level": 20, "days": 12})
    late = bill(1, 12, reached=10, since=9)
    assert told(way, late) == ("do", "second", "email")
    assert told(way, late, days_since_replied=3) is None
    assert told(way, bill(1, 12, reached=10, since=9, returned=1), days_since_replied=3) == ("do", "second", "email")
    assert told(way, bill(1, 12, reached=10, since=9, returned=5), days_since_replied=3) is None
    assert told(way, late, days_since_replied=10) == ("do", "second", "email")  # before the step
    assert told(way, bill(1, 3), days_since_replied=1) == ("do", "first", "email")  # it has not taken the step yet
    customers = pl.DataFrame([CUSTOMER | {"row": 0, "days_since_disputed": 2}], schema=TYPES, orient="row")
    stopped = ended(customers, pl.DataFrame([late, bill(2, 40)], schema=INVOICE, orient="row"), {1: way})
    assert stopped.to_dicts() == [{"invoice": 1, "event": "disputed"}]


def test_the_first_channel_that_reaches_the_customer_is_used_else_the_rail_speaks_for_the_first() -> None:
    way = journey({**FIRST, "fallback": ["call"]})
    assert told(way, bill(1, 3)) == ("do", "first", "email")
    assert told(way, bill(1, 3), has_email=False) == ("do", "first", "call")
    assert told(way, bill(1, 3), out_email=True) == ("do", "first", "call")
    (row,) = run([{"has_email": False, "out_call": True}], [bill(1, 3)], {1: way})
    assert (row["verdict"], row["channel"], row["rail"]) == ("not", "email", "no_address")


def test_the_best_channel_is_the_one_preferred_else_the_one_that_was_answered() -> None:
    way = journey({**FIRST, "channel": "best"})
    assert told(way, bill(1, 3)) == ("do", "first", "email")
    assert told(way, bill(1, 3), preferred="call") == ("do", "first", "call")
    assert told(way, bill(1, 3), call_reaction=0.5, reminder_reaction=0.4) == ("do", "first", "call")
    assert told(way, bill(1, 3), preferred="email", call_reaction=1.0) == ("do", "first", "email")
    assert told(way, bill(1, 3), preferred="call", has_call=False) == ("do", "first", "email")
    narrow = journey({**FIRST, "channel": "best", "fallback": ["email"]})
    assert told(narrow, bill(1, 3), preferred="call", out_call=True) == ("do", "first", "email")


def test_a_letter_and_the_voice_server_are_used_where_a_step_names_them_and_something_carries_them() -> None:
    way = journey({**FIRST, "fallback": ["letter", "ivr"]})
    assert told(way, bill(1, 3)) == ("do", "first", "email")
    assert told(way, bill(1, 3), has_email=False) == ("do", "first", "letter")
    assert told(way, bill(1, 3), has_email=False, carried_letter=False) == ("do", "first", "ivr")
    (row,) = run([{"has_email": False, "carried_letter": False, "out_ivr": True}], [bill(1, 3)], {1: way})
    assert (row["channel"], row["rail"]) == ("email", "no_address")
    # Alone it says what is missing, and the steps below it go on.
    alone = journey(FIRST, {"key": "notice", "level": 20, "days": 12, "channel": "letter"})
    (row,) = run([{"carried_letter": False}], [bill(1, 12, reached=10, since=9), bill(2, 4)], {1: alone})
    assert (row["step"], row["about"], row["rail"]) == ("first", [2], None)
    (row,) = run([{"carried_letter": False}], [bill(1, 12, reached=10, since=9)], {1: alone})
    assert (row["verdict"], row["channel"], row["rail"]) == ("not", "letter", "no_carrier")
    assert told(alone, bill(1, 12, reached=10, since=9)) == ("do", "notice", "letter")


def test_the_best_channel_is_a_dear_one_only_where_the_step_names_it_and_the_contact_prefers_it() -> None:
    open_way = journey({**FIRST, "channel": "best"})
    for wish in ("letter", "ivr"):
        assert told(open_way, bill(1, 3), preferred=wish) == ("do", "first", "email")
        named = journey({**FIRST, "channel": "best", "fallback": ["email", wish]})
        assert told(named, bill(1, 3), preferred=wish) == ("do", "first", wish)
        assert told(named, bill(1, 3), reminder_reaction=0.9) == ("do", "first", "email")
        assert told(named, bill(1, 3), preferred=wish, **{f"carried_{wish}": False}) == ("do", "first", "email")
    assert told(open_way, bill(1, 3), has_email=False, has_sms=False, has_call=False) == ("not", "first", "email")


def test_a_step_by_hand_and_a_call_are_a_persons_and_a_call_needs_no_confirmation() -> None:
    by_hand, asked = journey({**FIRST, "mode": "manual"}), journey({**FIRST, "mode": "confirm", "fallback": ["call"]})
    (row,) = run([{}], [bill(1, 3)], {1: by_hand})
    assert (row["verdict"], row["action"]) == ("do", "manual")
    (row,) = run([{}], [bill(1, 3)], {1: asked})
    assert (row["verdict"], row["action"]) == ("ask", "message")
    (row,) = run([{"has_email": False}], [bill(1, 3)], {1: asked})
    assert (row["verdict"], row["action"]) == ("do", "call")


def test_what_the_house_does_itself_needs_no_channel_and_no_quiet_but_minds_holds() -> None:
    way = acting({"key": "look", "level": 10, "days": 3, "action": "task", "minimum": 50})
    for free in ({"has_email": False}, {"waiting": True}, {"days_since_contact": 0}, {"day": date(2026, 3, 8)}):
        (row,) = run([free], [bill(1, 3)], {1: way})
        assert (row["verdict"], row["action"], row["channel"]) == ("do", "task", "")
    for rail, differs in (
        ("customer_hold", {"customer_hold": "person"}), ("insolvency", {"customer_hold": "insolvency"}),
        ("dry_run", {"released": False}),
        ("below_minimum", {"credit_minor": 6_000}),
    ):  # fmt: skip
        (row,) = run([differs], [bill(1, 3)], {1: way})
        assert (row["verdict"], row["rail"]) == ("not", rail)


def test_what_contacts_nobody_mentions_nothing_and_is_not_skipped_for_being_mentioned() -> None:
    way = acting(
        {"key": "first", "level": 10, "days": 3, "channel": "email"},
        {"key": "look", "level": 20, "days": 10, "action": "task"},
        {"key": "second", "level": 30, "days": 20, "channel": "email"},
        {"key": "up", "level": 40, "days": 30, "action": "escalate"},
    )
    (row,) = run([{}], [bill(1, 30, reached=30, since=9), bill(2, 5)], {1: way})
    assert (row["step"], row["about"], row["also"]) == ("up", [1], [])
    (row,) = run([{}], [bill(1, 20, reached=20, since=9), bill(2, 10, reached=10, since=9), bill(3, 5)], {1: way})
    assert (row["step"], row["about"], row["also"], row["also_levels"]) == ("second", [1], [3], [10])


ROUTE = st.fixed_dictionaries(
    {"days": st.integers(0, 12)},
    optional={
        "from": st.sampled_from(["due", "due", "issue", "step", *EVENTS]),
        "on_day": st.integers(1, 31),
        "until": st.integers(12, 200),
        "gap": st.integers(0, 12),
        "answer": st.lists(st.sampled_from([*EVENTS, "none"]), min_size=1, max_size=3, unique=True),
        "if": st.sampled_from(["segment <> 'good'", "overdue > 40"]),
        "minimum": st.sampled_from([0, 5, 40]),
        "tolerance": st.sampled_from([0, 3, 10.5]),
        "ends": st.lists(st.sampled_from(EVENTS), max_size=2, unique=True),
    },
)
SENT = st.fixed_dictionaries(
    {"channel": st.sampled_from(["email", "call", "letter", "ivr", "best"])},
    optional={
        "fallback": st.lists(st.sampled_from(["email", "call", "letter", "ivr"]), max_size=3, unique=True),
        "mode": st.sampled_from(["automatic", "manual"]),
    },
)
DONE = st.sampled_from(
    [{"action": "task"}, {"action": "escalate"}, {"action": "hold", "hold_days": 9}, {"action": "end"}]
)


@st.composite
def routes(draw: st.DrawFn) -> Journey:
    """A journey of a few steps with any settings; days from the same beginning grow as they must."""
    steps, least = [], {"due": 0, "issue": 0}
    for n in range(draw(st.integers(1, 5))):
        step = draw(ROUTE) | draw(st.one_of(SENT, SENT, DONE)) | {"key": f"s{n}", "level": 10 * (n + 1)}
        start = step.get("from", "due")
        if start in least:
            step["days"] = least[start] = least[start] + step["days"]
            step["until"] = step.get("until", 100) + step["days"]
        steps.append(step)
    return read({"key": "route", "steps": steps}, facts=FACTS)


DID = st.fixed_dictionaries(
    {f"days_since_{event}": st.none() | st.integers(0, 30) for event in EVENTS}
    | {
        "carried_letter": st.booleans(),
        "carried_ivr": st.booleans(),
        "has_letter": st.booleans(),
        "out_ivr": st.booleans(),
    }
    | {
        "preferred": st.sampled_from([None, "call", "letter", "email"]),
        "call_reaction": st.sampled_from([None, 0.2, 0.8]),
    }
    | {"reminder_reaction": st.sampled_from([None, 0.2, 0.5]), "out_call": st.booleans()}
)
OWED = st.builds(
    lambda base, issued, returned: base | {"days_issued": issued, "days_since_return": returned},
    BILLS, st.integers(0, 60), st.none() | st.integers(0, 30),
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(routes(), routes(), st.lists(st.tuples(PEOPLE, DID, st.lists(OWED, max_size=5)), min_size=1, max_size=6))
def test_a_batch_says_what_each_says_alone_whatever_the_settings(
    one: Journey, two: Journey, people: list[tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]]
) -> None:
    customers, bills, ways = [], [], {1: one, 2: two}
    for row, (person, did, theirs) in enumerate(people):
        customers.append(person | did | {"row": row})
        bills += [each | {"row": row, "invoice": row * 100 + number} for number, each in enumerate(theirs)]
    together = run(customers, bills, ways)
    assert together == [
        decision
        for person in customers
        for decision in run([person], [each for each in bills if each["row"] == person["row"]], ways)
    ]
    by_number = {each["invoice"]: each for each in bills}
    for decision in together:
        steps = {step.level: step for step in ways[decision["scenario"]].steps}
        top = steps[decision["level"]]
        assert top.contacts or not decision["also"]
        assert all(steps[level].contacts for level in decision["also_levels"])
        assert decision["channel"] in (top.channels or ("",))
        for number in decision["about"]:
            owed = by_number[number]
            assert not owed["held"]
            assert owed["reached"] < top.level
            assert owed["open_minor"] > top.tolerance * customers[decision["row"]]["scale"] or not top.tolerance


def walked(way: Journey, customer: dict[str, Any], bills: list[dict[str, Any]], days: int) -> list[tuple[Any, ...]]:
    """The engine asked day after day, the invoices moved up after each step, and nothing else changing."""
    found: list[tuple[Any, ...]] = []
    last, held_back = customer["days_since_contact"], None
    rests = dict.fromkeys((each["invoice"] for each in bills), 0)
    made: list[tuple[int, str]] = []
    for offset in range(days + 1):
        moved = {"days_since_conversation", *(f"days_since_{event}" for event in EVENTS)}
        today = customer | {
            "row": 0, "day": DAY + timedelta(days=offset), "days_since_contact": None if last is None else last + offset,
            "contacts_7d": sum(offset - day < 7 for day, _by in made) + (customer["contacts_7d"] if offset < 7 else 0),
            "calls_7d": sum(offset - day < 7 for day, by in made if by in CALLS)
            + (customer["calls_7d"] if offset < 7 else 0),
            **{name: None if customer[name] is None else customer[name] + offset for name in moved},
        }  # fmt: skip
        then = [
            each
            | {
                name: None if each[name] is None else each[name] + offset
                for name in ("days_late", "days_issued", "days_since_step", "days_since_return")
            }
            | {"held": each["held"] or rests[each["invoice"]] > offset}
            for each in bills
        ]
        said = decide(
            pl.DataFrame([today], schema=TYPES, orient="row"), pl.DataFrame(then, schema=INVOICE, orient="row"), {1: way},
            facts=FACTS, law=LAW, policy={},
        ).to_dicts()  # fmt: skip
        if not said:
            continue
        (row,) = said
        told = (
            today["day"],
            row["step"],
            row["channel"],
            row["action"],
            row["rail"] or "",
            (*row["about"], *row["also"]),
        )
        if row["verdict"] == "not":
            held_back = held_back or told
            continue
        held_back = None
        found.append(told)
        reached = dict.fromkeys(row["about"], row["level"]) | dict(zip(row["also"], row["also_levels"], strict=True))
        bills = [
            each | {"reached": reached[each["invoice"]], "days_since_step": -offset}
            if each["invoice"] in reached
            else each
            for each in bills
        ]
        step = next(each for each in way.steps if each.key == row["step"])
        if step.action in ("hold", "end"):
            rests |= dict.fromkeys(row["about"], offset + (step.hold_days or 1 << 20))
        if step.contacts:
            last = -offset
            made.append((offset, row["channel"]))
    return [*found, *([held_back] if held_back else [])]


@settings(max_examples=10)
@given(routes(), PEOPLE, DID, st.lists(OWED, max_size=4))
def test_what_is_foreseen_is_what_would_be_decided(
    way: Journey, person: dict[str, Any], did: dict[str, Any], owed: list[dict[str, Any]]
) -> None:
    customer = CUSTOMER | person | did | {"scenario": 1, "day": DAY}
    bills = [each | {"invoice": number} for number, each in enumerate(owed, start=1)]
    row = pl.DataFrame([customer | {"row": 0}], schema=TYPES, orient="row").with_columns(currency=pl.lit("EUR"))
    seen = foresee(
        row, pl.DataFrame(bills, schema=INVOICE, orient="row"), way, facts=FACTS, law=LAW, policy={}, as_of=DAY,
        days=70, steps=60,
    )  # fmt: skip
    assert [(e.on, e.step, e.channel, e.action, e.rail, e.invoices) for e in seen] == walked(way, customer, bills, 70)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"from": "birth"}, "unknown word in from"),
        ({"on_day": 32}, "out of bounds"),
        ({"on_day": 1.5}, "not a whole number"),
        ({"answer": "sneezed"}, "unknown word in answer"),
        ({"answer": [["opened"]]}, "unknown word in answer"),
        ({"ends": "none"}, "unknown word in ends"),
        ({"fallback": ["fax"]}, "unknown word in fallback"),
        ({"responsible": "king"}, "unknown word in responsible"),
        ({"action": "dance"}, "unknown word in action"),
        ({"mode": "by_owl"}, "tone or mode"),
        ({"tolerance": -1}, "out of bounds"),
        ({"tolerance": "much"}, "not a number"),
        ({"action": "task"}, "channel of the step “x” does not fit its action"),
        ({"title": {"en": "Look"}}, "title of the step “x” does not fit"),
        ({"hold_days": 9}, "hold_days of the step “x” does not fit"),
        ({"from": "opened", "days": -1}, "cannot come before"),
        ({"reason": "Because"}, "reason of the step “x” does not fit"),
    ],
)
def test_a_setting_that_means_nothing_is_told_in_one_sentence(change: dict[str, Any], words: str) -> None:
    with pytest.raises(UnableToUse, match=words):
        read({"key": "k", "steps": [{"key": "x", "level": 10, "days": 3, "channel": "email"} | change]}, facts=FACTS)


def test_a_hold_says_for_how_long() -> None:
    with pytest.raises(UnableToUse, match="lacks its hold_days"):
        acting({"key": "x", "level": 10, "days": 3, "action": "hold"})
