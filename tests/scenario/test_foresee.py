"""What is foreseen is what the engine, asked day after day with the climb recorded, would say."""

from datetime import date, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from amiable.law.packs import law
from amiable.scenario.engine.decide import decide
from amiable.scenario.engine.foresee import foresee
from amiable.scenario.engine.journey import read
from tests.scenario.test_engine import CUSTOMER, DAY, FACTS, INVOICE, JOURNEY, TYPES, bill

LAW = law("FR", DAY)
DAYS, STEPS = 90, 6


def walked(
    customer: dict[str, Any], bills: list[dict[str, Any]], policy: dict[str, Any]
) -> list[tuple[date, str, str, tuple[int, ...], int]]:
    """The same, by the engine itself: asked about every day to come, and anew once a contact has moved invoices up."""
    found: list[tuple[date, str, str, tuple[int, ...], int]] = []
    first_day, made, standing = 0, list[tuple[int, str]](), [dict(each) for each in bills]
    while True:
        held_back = None
        for offset, row in asked(customer, standing, policy, first_day, made):
            told = (
                DAY + timedelta(days=offset),
                row["step"],
                row["rail"] or "",
                (*row["about"], *row["also"]),
                row["amount_minor"],
            )
            if row["verdict"] != "not":
                break
            held_back = held_back or told
        else:
            return [*found, *([held_back] if held_back else [])]
        found.append(told)
        if len(found) == STEPS:
            return found
        reached = dict.fromkeys(row["about"], row["level"]) | dict(zip(row["also"], row["also_levels"], strict=True))
        for each in standing:
            if each["invoice"] in reached:
                each |= {"reached": reached[each["invoice"]], "days_since_step": -offset}
        first_day, made = offset + 1, [*made, (offset, row["channel"])]


def asked(
    customer: dict[str, Any],
    bills: list[dict[str, Any]],
    policy: dict[str, Any],
    first_day: int,
    made: list[tuple[int, str]],
) -> list[tuple[int, dict[str, Any]]]:
    """What the engine says for each day to come, one row a day, counts as they would then stand."""
    days = range(first_day, DAYS + 1)
    last = -made[-1][0] if made else customer["days_since_contact"]
    spoken = customer["days_since_conversation"]
    people = [
        customer
        | {
            "row": n, "day": DAY + timedelta(days=n), "days_since_contact": None if last is None else last + n,
            "days_since_conversation": None if spoken is None else spoken + n,
            "contacts_7d": sum(n - day < 7 for day, _by in made) + (customer["contacts_7d"] if n < 7 else 0),
            "calls_7d": sum(n - day < 7 for day, by in made if by == "call") + (customer["calls_7d"] if n < 7 else 0),
        }
        for n in days
    ]  # fmt: skip
    owed = [
        each
        | {
            "row": n, "days_late": each["days_late"] + n,
            "days_since_step": None if each["days_since_step"] is None else each["days_since_step"] + n,
        }
        for n in days
        for each in bills
    ]  # fmt: skip
    said = decide(
        pl.DataFrame(people, schema=TYPES, orient="row"), pl.DataFrame(owed, schema=INVOICE, orient="row"), {1: JOURNEY},
        facts=FACTS, law=LAW, policy=policy,
    )  # fmt: skip
    return [(row["row"], row) for row in said.sort("row").iter_rows(named=True)]


BILLS = st.lists(
    st.builds(
        lambda late, minor, reached, since, held: {
            "late": late,
            "minor": minor,
            "reached": reached,
            "since": since if reached else None,
            "held": held,
        },
        st.integers(-30, 800),
        st.sampled_from([300, 2_000, 10_000]),
        st.sampled_from([0, 10, 20, 30, 40, 50]),
        st.integers(0, 20),
        st.booleans(),
    ),
    max_size=4,
)
PEOPLE = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["consumer", "business"]),
        "credit_minor": st.sampled_from([0, 5_000]),
        "customer_hold": st.sampled_from([None, None, None, "insolvency"]),
        "days_since_contact": st.none() | st.integers(0, 9),
        "contacts_7d": st.integers(0, 5),
        "calls_7d": st.integers(0, 2),
        "days_since_conversation": st.none() | st.integers(0, 5),
        "has_call": st.booleans(),
        "out_email": st.sampled_from([False, False, True]),
    }
)


@settings(max_examples=25)
@given(who=PEOPLE, owed=BILLS, cap=st.sampled_from([1, 2, 4]), calls=st.sampled_from([0, 1, 3]))
def test_the_foresight_is_the_engines_own_course(
    who: dict[str, Any], owed: list[dict[str, Any]], cap: int, calls: int
) -> None:
    customer, policy = CUSTOMER | who, {"contacts_per_7_days": cap, "calls_per_7_days": calls}
    bills = [
        bill(n, each["late"], open_minor=each["minor"], reached=each["reached"], since=each["since"], held=each["held"])
        for n, each in enumerate(owed, start=1)
    ]
    row = pl.DataFrame([customer | {"row": 0}], schema=TYPES, orient="row").with_columns(currency=pl.lit("EUR"))
    told = foresee(
        row, pl.DataFrame(bills, schema=INVOICE, orient="row"), JOURNEY, facts=FACTS, law=LAW, policy=policy,
        as_of=DAY, days=DAYS, steps=STEPS,
    )  # fmt: skip
    assert [(each.on, each.step, each.rail, each.invoices, each.amount_minor) for each in told] == walked(
        customer, bills, policy
    )


def test_a_contact_that_is_foreseen_counts_for_the_cap_of_those_after_it() -> None:
    row = pl.DataFrame([CUSTOMER | {"row": 0}], schema=TYPES, orient="row").with_columns(currency=pl.lit("EUR"))
    bills = pl.DataFrame([bill(1, 4), bill(2, 1)], schema=INVOICE, orient="row")
    told = foresee(
        row, bills, JOURNEY, facts=FACTS, law=LAW, policy={"contacts_per_7_days": 1}, as_of=DAY, days=12, steps=2
    )
    assert [((each.on - DAY).days, each.invoices) for each in told] == [(0, (1,)), (7, (2,))]


def test_what_goes_to_an_agency_rests_there_and_waits_for_what_it_must() -> None:
    """Overdue, named, not barred, no person at it; a private customer's only with a yes; then it rests for its days."""
    away = {"key": "away", "level": 10, "days": -5, "action": "place", "hold_days": 30, "agency": "R"}
    last = {"key": "last", "level": 20, "days": 3, "from": "step", "channel": "email"}

    def told(step: dict[str, Any], late: int = 4, **differs: Any) -> list[tuple[int, str, str, str]]:
        journey = read({"key": "house", "steps": [step, last]}, facts=FACTS)
        row = pl.DataFrame([CUSTOMER | {"row": 0} | differs], schema=TYPES, orient="row").with_columns(
            currency=pl.lit("EUR")
        )
        bills = pl.DataFrame([bill(1, late)], schema=INVOICE, orient="row")
        how: dict[str, Any] = {"facts": FACTS, "law": LAW, "policy": {}}
        ahead = foresee(row, bills, journey, as_of=DAY, days=60, steps=2, **how)
        now = decide(row.drop("currency"), bills, {1: journey}, **how).to_dicts()
        first = [(each.step, each.action, each.verdict, each.rail) for each in ahead if each.on == DAY]
        assert first == [(each["step"], each["action"], each["verdict"], each["rail"] or "") for each in now]
        return [((each.on - DAY).days, each.step, each.verdict, each.rail) for each in ahead]

    assert told(away) == [(0, "away", "ask", ""), (30, "last", "do", "")]
    assert told(away, late=-2)[0] == (3, "away", "ask", "")  # not before it is overdue
    assert told(away | {"mode": "automatic"})[0][2] == "ask"  # a private customer's
    assert told(away | {"mode": "automatic"}, kind="business")[0][2] == "do"
    assert told(away, waiting=True) == [(0, "away", "not", "waiting")]
    assert told(away, late=5_000) == [(0, "away", "not", "time_bar")]
    assert told(away | {"agency": " "}) == [(0, "away", "not", "no_agency")]
    assert told(away, customer_hold="insolvency") == [(0, "away", "not", "insolvency")]
    assert told(away | {"mode": "manual"})[:2] == [(0, "away", "do", ""), (3, "last", "do", "")]
