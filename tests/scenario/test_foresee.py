"""What is foreseen is what the engine, asked day after day with the climb recorded, would say."""

from datetime import date, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from amiable.law.packs import law
from amiable.scenario.engine.decide import decide
from amiable.scenario.engine.foresee import foresee
from tests.scenario.test_engine import CUSTOMER, DAY, FACTS, INVOICE, JOURNEY, TYPES, bill

LAW = law("FR", DAY)
DAYS, STEPS = 90, 6


def walked(customer: dict[str, Any], bills: list[dict[str, Any]]) -> list[tuple[date, str, str, tuple[int, ...], int]]:
    """The same, by the engine itself: one call for each day, and the invoices moved up after each contact."""
    found: list[tuple[date, str, str, tuple[int, ...], int]] = []
    last, held_back, bills = customer["days_since_contact"], None, [dict(each) for each in bills]
    for offset in range(DAYS + 1):
        spoken = customer["days_since_conversation"]
        today = customer | {
            "row": 0, "day": DAY + timedelta(days=offset), "days_since_contact": None if last is None else last + offset,
            "days_since_conversation": None if spoken is None else spoken + offset,
            "contacts_7d": 0 if offset >= 7 else customer["contacts_7d"],
        }  # fmt: skip
        then = [
            each
            | {
                "days_late": each["days_late"] + offset,
                "days_since_step": None if each["days_since_step"] is None else each["days_since_step"] + offset,
            }
            for each in bills
        ]
        said = decide(
            pl.DataFrame([today], schema=TYPES, orient="row"), pl.DataFrame(then, schema=INVOICE, orient="row"), {1: JOURNEY},
            facts=FACTS, law=LAW, policy={},
        ).to_dicts()  # fmt: skip
        if not said:
            continue
        (row,) = said
        told = (today["day"], row["step"], row["rail"] or "", (*row["about"], *row["also"]), row["amount_minor"])
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
        last = -offset
        if len(found) == STEPS:
            return found
    return [*found, *([held_back] if held_back else [])]


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
        "days_since_conversation": st.none() | st.integers(0, 5),
        "has_call": st.booleans(),
        "out_email": st.sampled_from([False, False, True]),
    }
)


@settings(max_examples=25)
@given(who=PEOPLE, owed=BILLS)
def test_the_foresight_is_the_engines_own_course(who: dict[str, Any], owed: list[dict[str, Any]]) -> None:
    customer = CUSTOMER | who
    bills = [
        bill(n, each["late"], open_minor=each["minor"], reached=each["reached"], since=each["since"], held=each["held"])
        for n, each in enumerate(owed, start=1)
    ]
    row = pl.DataFrame([customer | {"row": 0}], schema=TYPES, orient="row").with_columns(currency=pl.lit("EUR"))
    told = foresee(
        row, pl.DataFrame(bills, schema=INVOICE, orient="row"), JOURNEY, facts=FACTS, law=LAW, policy={}, as_of=DAY,
        days=DAYS, steps=STEPS,
    )  # fmt: skip
    assert [(each.on, each.step, each.rail, each.invoices, each.amount_minor) for each in told] == walked(
        customer, bills
    )
