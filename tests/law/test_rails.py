"""The law: dated values with a source, and rails of which each one speaks, and which nobody can widen."""

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiable.law import rails
from amiable.law.packs import FILES, Law, law

TUESDAY = date(2026, 3, 10)
FREE: dict[str, Any] = {
    "day": TUESDAY, "kind": "consumer", "channel": "email", "contacts": True, "released": True, "customer_hold": None,
    "opted_out": False, "has_address": True, "waiting": False, "days_since_contact": None, "contacts_7d": 0, "calls_7d": 0,
    "days_since_conversation": None, "oldest_days_late": 10, "amount_minor": 5_000, "minimum_minor": 500,
    "open_now": None, "hands_over": False, "agency": "", "carried": True,
}  # fmt: skip


def said(policy: dict[str, Any] | None = None, *, under: Law | None = None, **differs: Any) -> str | None:
    columns = {**rails.COLUMNS, **rails.AT_ONCE, **rails.HANDS_OVER, **rails.CARRIED}
    table = pl.DataFrame([FREE | differs], schema=columns, orient="row")
    judged = rails.judge(table, law=under or law("FR", TUESDAY), policy=policy or {})
    return judged["rail"].to_list()[0]  # type: ignore[no-any-return]


def test_nothing_speaks_against_an_ordinary_reminder() -> None:
    assert said() is None


SPOKEN = [
    ("insolvency", {"customer_hold": "insolvency"}),
    ("vulnerability", {"customer_hold": "vulnerable"}),
    ("customer_hold", {"customer_hold": "dispute"}),
    ("holdout", {"customer_hold": "holdout"}),
    ("waiting", {"waiting": True}),
    ("below_minimum", {"amount_minor": 499}),
    ("below_minimum", {"amount_minor": 0, "minimum_minor": 0}),
    ("below_minimum", {"amount_minor": -3_000, "minimum_minor": 0}),
    ("no_agency", {"hands_over": True, "contacts": False}),
    ("time_bar", {"oldest_days_late": 731, "hands_over": True, "agency": "Recovery Ltd", "contacts": False}),
    ("time_bar", {"oldest_days_late": 731}),
    ("time_bar", {"oldest_days_late": 1_827, "kind": "business"}),
    ("opted_out", {"opted_out": True}),
    ("no_address", {"has_address": False}),
    ("no_carrier", {"carried": False, "channel": "letter"}),
    ("day_off", {"day": date(2026, 3, 8)}),
    ("day_off", {"day": date(2026, 7, 14)}),
    ("day_off", {"day": date(2026, 4, 6)}),
    ("conversation", {"days_since_conversation": 2}),
    ("gap", {"days_since_contact": 1}),
    ("cap", {"contacts_7d": 4}),
    ("calls", {"calls_7d": 3, "contacts_7d": 3, "channel": "call"}),
    ("calls", {"calls_7d": 3, "contacts_7d": 3, "channel": "ivr"}),
    ("dry_run", {"released": False}),
    ("hours", {"open_now": False}),
    ("hours", {"channel": "call", "day": date(2026, 3, 7)}),  # nobody rings on a Saturday, unless the creditor wishes
]


@pytest.mark.parametrize(("rail", "differs"), SPOKEN)
def test_each_rail_speaks(rail: str, differs: dict[str, Any]) -> None:
    assert said(**differs) == rail


def test_every_rail_has_a_sentence_and_a_test() -> None:
    assert {rail for rail, _differs in SPOKEN} == set(rails.SENTENCES)


@pytest.mark.parametrize(
    "differs",
    [
        {"amount_minor": 500},
        {"oldest_days_late": 730},
        {"oldest_days_late": 731, "kind": "public"},
        {"day": date(2026, 3, 7)},  # a Saturday
        {"days_since_conversation": 3},
        {"days_since_contact": 2},
        {"contacts_7d": 3},
        {"calls_7d": 2, "channel": "call"},
        {"calls_7d": 3},  # no call this time
    ],
)
def test_the_last_value_that_is_still_allowed(differs: dict[str, Any]) -> None:
    assert said(**differs) is None


def test_the_first_in_order_is_named() -> None:
    assert said(customer_hold="dispute", waiting=True, released=False) == "customer_hold"


def test_what_contacts_nobody_minds_holds_amounts_and_the_dry_run_alone() -> None:
    for rail, differs in SPOKEN:
        speaks = rail in rails.OF_EVERYTHING or (differs.get("hands_over") and rail in rails.OF_HANDING_OVER)
        assert said(**(differs | {"contacts": False})) == (rail if speaks else None)


def test_each_row_has_its_own_day() -> None:
    rows = [FREE | {"day": day} for day in (TUESDAY, date(2026, 3, 8), date(2028, 2, 29))]
    table = pl.DataFrame(rows, schema=rails.COLUMNS, orient="row")
    assert rails.judge(table, law=law("FR", TUESDAY), policy={})["rail"].to_list() == [None, "day_off", None]


def test_an_empty_table_stays_empty_and_columns_beside_stay() -> None:
    table = pl.DataFrame(schema={**rails.COLUMNS, "row": pl.Int64})
    judged = rails.judge(table, law=law("FR", TUESDAY), policy={})
    assert judged.is_empty()
    assert set(judged.columns) == {*table.columns, "rail"}


@given(
    st.fixed_dictionaries(
        {
            "days_between_contacts": st.integers(-5, 10),
            "contacts_per_7_days": st.integers(-2, 20),
            "quiet_days_after_conversation": st.integers(-5, 10),
        }
    ),
    st.integers(0, 12), st.integers(0, 8), st.integers(0, 8),
)  # fmt: skip
def test_a_policy_can_only_narrow(policy: dict[str, int], gap: int, contacts: int, spoken: int) -> None:
    differs = {"days_since_contact": gap, "contacts_7d": contacts, "days_since_conversation": spoken}
    if said(**differs) is not None:
        assert said(policy, **differs) is not None


def test_a_policy_narrows() -> None:
    assert said({"days_between_contacts": 5}, days_since_contact=4) == "gap"
    assert said({"contacts_per_7_days": 1}, contacts_7d=1) == "cap"
    assert said({"quiet_days_after_conversation": 7}, days_since_conversation=6) == "conversation"


def test_values_are_those_in_force_on_the_day() -> None:
    assert law("FR", date(2020, 1, 1)).value("consumer_time_bar_days") == 730
    with pytest.raises(KeyError, match="FR has no late_payment_business on 2012-12-31"):
        law("FR", date(2012, 12, 31)).value("late_payment_business")
    assert law("FR", date(2013, 1, 1)).value("late_payment_business")["indemnity"] == [[0, 4_000]]
    assert law("GB", date(2028, 2, 29)).value("breathing_space_days") == 60


def test_a_country_without_a_pack_has_the_cautious_values_and_its_own_holidays() -> None:
    portugal = law("PT", TUESDAY)
    assert portugal.value("consumer_time_bar_days") == 730
    assert said(under=portugal, day=date(2026, 6, 10)) == "day_off"  # Portugal Day


@pytest.mark.parametrize("country", [*FILES, "ES"])
def test_every_value_names_its_source_and_the_rails_find_all_they_ask(country: str) -> None:
    rules = law(country, TUESDAY)
    for parameter in rules.parameters:
        assert parameter.article
        assert parameter.source
        assert parameter.since <= TUESDAY
    assert said(under=rules) is None


def test_america_has_no_quiet_sunday_and_seven_contacts_a_week() -> None:
    states = law("US", TUESDAY)
    assert said(under=states, day=date(2026, 3, 8)) is None
    assert said(under=states, contacts_7d=6, days_since_contact=1) is None
    assert said(under=states, contacts_7d=7) == "cap"
