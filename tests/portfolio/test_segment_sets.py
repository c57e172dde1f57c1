"""Versions of segments, what a set would do before it is saved, and who moved: nothing is lost, nothing half saved."""

import time
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from amiable.core.conditions import UnableToRead, parse
from amiable.core.models import AuditEntry, User
from amiable.ledger.models import Creditor, Customer
from amiable.portfolio import compare, facts, moves, segments
from amiable.portfolio.distribute import distributions
from amiable.portfolio.models import Membership, Profile, SegmentSet
from amiable.portfolio.preview import Preview, preview
from amiable.portfolio.refresh import refresh
from tests import world
from tests.world import DAY, at, later

pytestmark = pytest.mark.django_db


def rules(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "label": {"en": key.title(), "fr": key.title()}, "when": when} for key, when in pairs]


def in_force(owner: Creditor, *pairs: tuple[str, str], day: date = DAY) -> int:
    drafted = segments.save(creditor=owner, segments=rules(*pairs), now=at(day), by=None)
    return segments.activate(drafted=drafted, as_of=day, now=at(day), by=None)


def where(*people: Customer) -> list[str]:
    return [Profile.objects.get(customer=who).segment for who in people]


@pytest.fixture
def house() -> tuple[Creditor, list[Customer]]:
    """Five customers, overdue by 900, 200, 50, nothing and (in dollars) 30."""
    owner = world.creditor()
    people = [world.customer(owner) for _ in range(5)]
    for who, minor in zip(people, (90_000, 20_000, 5_000, 1_000, 3_000), strict=True):
        due = later(20) if minor == 1_000 else DAY
        world.invoice(who, minor, due_on=due, currency="USD" if minor == 3_000 else "EUR")
    refresh(as_of=later(10))
    return owner, people


def test_a_version_is_a_draft_until_it_is_activated_and_is_never_overwritten(house: Any) -> None:
    owner, people = house
    by = User.objects.create_user("vera")
    first = segments.save(creditor=owner, segments=rules(("all", "")), now=at(DAY), by=by)
    assert (first.version, first.active_since, first.made_by) == (1, None, by)
    assert segments.active(owner.pk) == segments.starter()
    assert segments.activate(drafted=first, as_of=later(10), now=at(later(10)), by=by) == 5
    assert where(*people) == ["all"] * 5
    second = segments.save(creditor=owner, segments=rules(("big", "overdue > 100"), ("rest", "")), now=at(DAY), by=by)
    assert segments.active(owner.pk)[0]["key"] == "all"
    assert segments.activate(drafted=second, as_of=later(11), now=at(later(11)), by=by) == 5
    assert where(*people) == ["big", "big", "rest", "rest", "rest"]
    assert [each["key"] for each in SegmentSet.objects.get(pk=first.pk).segments] == ["all"]
    with pytest.raises(UnableToRead, match="later version"):
        segments.activate(drafted=first, as_of=later(11), now=at(later(11)), by=by)
    told = AuditEntry.objects.filter(subject="segment_set").order_by("pk").values_list("act", "detail__version")
    assert list(told) == [
        ("segments.saved", 1),
        ("segments.activated", 1),
        ("segments.saved", 2),
        ("segments.activated", 2),
    ]


def test_two_authors_do_not_overwrite_each_other(house: Any) -> None:
    owner, _people = house
    segments.save(creditor=owner, segments=rules(("all", "")), now=at(DAY), by=None, after=0)
    with pytest.raises(UnableToRead, match="Version 1 was saved meanwhile"):
        segments.save(creditor=owner, segments=rules(("mine", "")), now=at(DAY), by=None, after=0)
    assert SegmentSet.objects.count() == 1


def test_what_activation_does_is_what_the_next_refresh_would_have_done(house: Any) -> None:
    owner, people = house
    neighbour = world.customer(world.creditor())
    world.invoice(neighbour, 90_000)
    refresh(as_of=later(11), customers=[neighbour.pk])
    before = where(neighbour)
    in_force(owner, ("big", "overdue > 100"), ("some", "overdue > 0"), day=later(11))
    placed = where(*people)
    assert placed == ["big", "big", "some", "", "some"]
    assert where(neighbour) == before
    assert refresh(as_of=later(11), whole=True)["moves"] == 0
    assert where(*people) == placed
    assert Membership.objects.filter(customer=people[3], until=None).count() == 0


WHENS = st.sampled_from(
    ["", "overdue > 100", "overdue > 0", "dpd >= 5 AND overdue < 600", "open > 20", "NOT key_account", "1 = 2"]
)


@settings(max_examples=12)
@given(whens=st.lists(WHENS, max_size=7))
def test_a_preview_counts_each_once_in_the_first_that_fits_and_its_moves_add_up(whens: list[str]) -> None:
    owner = world.creditor()
    for minor in (90_000, 20_000, 5_000, 3_000):
        world.invoice(world.customer(owner), minor, currency="USD" if minor == 3_000 else "EUR")
    refresh(as_of=later(10))
    asked = rules(*((f"s{at}", when) for at, when in enumerate(whens)))
    found = preview(creditor=owner, segments=asked, as_of=later(10))
    profiles = list(Profile.objects.filter(creditor=owner))
    assert sum(match.customers for match in found.matches) == found.customers == len(profiles)
    overdue = {
        currency: sum(p.overdue_minor for p in profiles if p.currency == currency) for currency in ("EUR", "USD")
    }
    assert totals(found) == overdue
    # Who stands somewhere now, and what would come and go, is what would stand there.
    for match in found.matches:
        came = sum(move.customers for move in found.moves if move.target == match.key)
        went = sum(move.customers for move in found.moves if move.origin == match.key)
        assert match.before + came - went == match.customers
        assert match.alone >= match.customers
    assert all(move.origin != move.target for move in found.moves)
    # And it is what each customer alone would be told: the first condition that holds.
    told = facts.for_conditions(facts.stored(as_of=later(10)), facts.declared()).filter(creditor_id=owner.pk)
    holds = [told.select(v=parse(when, facts.schema()))["v"].to_list() for when in whens]
    holds = [each * told.height if len(each) == 1 else each for each in holds]
    for place, match in enumerate(found.matches[:-1]):
        first = [
            row
            for row in range(told.height)
            if holds[place][row] and not any(earlier[row] for earlier in holds[:place])
        ]
        assert match.customers == len(first)
    assert not SegmentSet.objects.filter(creditor=owner).exists()
    assert found.moved == in_force(owner, *((each["key"], each["when"]) for each in asked), day=later(10))


def test_who_fits_a_condition_that_names_no_fact_is_everyone(house: Any) -> None:
    owner, _people = house
    found = preview(creditor=owner, segments=rules(("all", "1 = 1"), ("none", "FALSE"), ("rest", "")), as_of=later(10))
    assert {each.key: each.alone for each in found.matches} == {"all": 5, "none": 0, "rest": 5, "": 0}


def totals(found: Preview) -> dict[str, int]:
    sums = {"EUR": 0, "USD": 0}
    for match in found.matches:
        for currency, minor in match.overdue_minor.items():
            sums[currency] += minor
    return sums


FAULTY: list[tuple[Any, str]] = [
    (rules(("a", "overdu > 1")), "Segment “A”: There is no fact named “overdu”; perhaps “overdue” is meant."),
    (rules(("a", "kind > 3")), "Segment “A”: “3” is a number and “kind” is a text"),
    (rules(("a", "overdue IN (SELECT 1)")), "cannot hold a sub-query"),
    (rules(("a", "overdue > 1; DROP TABLE x")), "is one expression"),
    (rules(("a", "key_account OR " * 200 + "key_account")), "2000 characters"),
    (rules(*((f"s{n}", "") for n in range(201))), "200 segments at most; this one has 201"),
    (rules(("a", ""), ("a", "")), "The key “a” stands twice"),
    ([{"key": "a", "label": {"en": "A"}, "when": ""}], "label in fr"),
    ([{"key": "A B", "label": {"en": "A", "fr": "A"}, "when": ""}], "small letters"),
    ([{"key": "a", "label": {"en": "A", "fr": "A"}, "when": True}], "must be a text"),
    ([{"key": "a", "label": {"en": "A", "fr": "A"}, "if": "overdue > 1"}], "unknown setting: “if”"),
    (["a"], "Segment “1”"),
    ("a", "is a list"),
]


@pytest.mark.parametrize(("asked", "told"), FAULTY, ids=[told for _asked, told in FAULTY])
def test_a_fault_is_told_in_one_sentence_and_nothing_is_saved(house: Any, asked: Any, told: str) -> None:
    owner, people = house
    before = where(*people)
    for act in (
        lambda: segments.save(creditor=owner, segments=asked, now=at(DAY), by=None),
        lambda: preview(creditor=owner, segments=asked, as_of=later(10)),
    ):
        with pytest.raises(UnableToRead) as caught:
            act()
        assert told in str(caught.value)
        assert str(caught.value).count("\n") == 0
    assert not SegmentSet.objects.exists()
    assert not AuditEntry.objects.filter(subject="segment_set").exists()
    assert where(*people) == before


def test_files_that_are_no_sets_are_said_to_be_none(tmp_path: Path) -> None:
    for text, told in (("segments: [", "line"), ("- a", "segments:"), ("x" * 1_000_001, "larger"), ("\0", "YAML")):
        path = tmp_path / "set.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UnableToRead, match=told):
            segments.load(path=path)
    with pytest.raises(UnableToRead, match="cannot be opened"):
        segments.load(path=tmp_path / "none.yaml")


def test_the_starter_set_has_the_segments_of_the_trade() -> None:
    assert {each["key"] for each in segments.starter()} >= {
        "new_potential", "good_payer", "forgetful", "difficulty", "chronic_late", "unwilling", "key_account", "public_body",
        "direct_debit", "fragile", "crisis",
    }  # fmt: skip


def test_what_changed_between_two_versions() -> None:
    before = rules(("a", ""), ("b", "dpd > 1"), ("c", "dpd > 2"), ("d", ""))
    after = rules(("c", "dpd > 2"), ("a", ""), ("b", "dpd > 3"), ("e", "open > 1"))
    after[1]["label"] = {"en": "Other", "fr": "Autre"}
    told = [(each.kind, each.segment["key"]) for each in compare.compare(before, after)]
    assert told == [("moved", "c"), ("label", "a"), ("condition", "b"), ("added", "e"), ("removed", "d")]
    assert compare.compare(before, before) == []


def test_moves_are_told_by_month_with_who_made_them(house: Any) -> None:
    owner, people = house
    Membership.objects.all().delete()
    anna, boris, clara, *_rest = people
    periods = [
        (anna, "good", "2026-01-05", "2026-02-10"), (anna, "late", "2026-02-10", "2026-03-03"),
        (anna, "good", "2026-03-03", None), (boris, "good", "2026-02-01", "2026-02-20"), (boris, "late", "2026-02-20", None),
        (clara, "late", "2026-01-05", "2026-02-15"), (clara, "late", "2026-03-01", None),
    ]  # fmt: skip
    for who, segment, since, until in periods:
        Membership.objects.create(customer=who, currency="EUR", segment=segment, since=since, until=until)
    stranger = world.customer(world.creditor())
    Membership.objects.create(customer=stranger, currency="EUR", segment="good", since="2026-02-03")
    ours = Membership.objects.filter(customer__creditor=owner)
    told = [
        (f"{each.month:%m}", each.origin, each.target, each.customers)
        for each in moves.by_month(memberships=ours, since=date(2026, 2, 1))
    ]
    assert told == [
        ("03", "", "late", 1), ("03", "late", "good", 1),
        ("02", "good", "late", 2), ("02", "", "good", 1), ("02", "late", "", 1),
    ]  # fmt: skip
    asked = {"memberships": ours, "month": date(2026, 2, 1), "until": date(2026, 3, 1), "most": 10}
    assert moves.who(origin="good", target="late", **asked) == [
        (boris.pk, "EUR", date(2026, 2, 20)),
        (anna.pk, "EUR", date(2026, 2, 10)),
    ]
    assert moves.who(origin="late", target="", **asked) == [(clara.pk, "EUR", date(2026, 2, 15))]


def test_a_distribution_counts_everyone_once(house: Any) -> None:
    owner, _people = house
    spread = {
        each.fact.name: each
        for each in distributions(profiles=Profile.objects.filter(creditor=owner, currency="EUR"), as_of=later(10))
    }
    assert set(spread) == set(facts.schema())
    for each in spread.values():
        assert each.all == 4
        assert sum(bar.customers for bar in each.bars) == each.known <= each.all
    overdue = spread["overdue"]
    assert (overdue.bars[0].low, overdue.bars[0].high, overdue.bars[0].customers) == (0, 0, 1)
    assert overdue.middle == 125
    assert [(bar.text, bar.customers) for bar in spread["kind"].bars] == [("business", 4)]
    assert spread["dpd"].middle == 10


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9), st.integers(0, 30).map(float)), max_size=60))
def test_bars_are_in_order_and_hold_every_number(numbers: list[float | None]) -> None:
    from amiable.portfolio.distribute import _spread

    fact = next(each for each in facts.FACTS if each.unit == "money")
    told = _spread(fact, pl.Series("x", numbers, dtype=pl.Float64))
    assert sum(bar.customers for bar in told.bars) == told.known == sum(n is not None for n in numbers)
    lows = [bar.low for bar in told.bars[1:]]
    assert None not in lows
    assert lows == sorted(lows)  # type: ignore[type-var]


@pytest.mark.long
def test_a_preview_of_100_000_customers_takes_less_than_a_second() -> None:
    owner = world.creditor()
    many, one = 100_000, world.customer(owner)
    Profile.objects.create(creditor=owner, customer=one, currency="EUR", as_of=DAY)
    with connection.cursor() as cursor:
        for table, changed in (
            ("ledger_customer", ("external_id", "number")),
            ("portfolio_profile", ("customer_id", "overdue_minor")),
        ):
            cursor.execute(f"SELECT * FROM {table} LIMIT 0")
            columns = [column.name for column in cursor.description if column.name not in {"id", *changed}]
            values = "n::text, n::text" if table == "ledger_customer" else "u.id, u.id %% 900 * 100"
            source = f"generate_series(1, {many - 1}) n" if table == "ledger_customer" else "ledger_customer u"
            where = "x.customer_id = %s AND u.id <> %s" if table == "portfolio_profile" else "x.id = %s AND x.id = %s"
            cursor.execute(
                f"INSERT INTO {table} ({', '.join([*changed, *columns])}) SELECT {values}, x.{', x.'.join(columns)}"
                f" FROM {table} x, {source} WHERE {where}",
                [one.pk, one.pk],
            )
            cursor.execute(f"ANALYZE {table}")
    preview(creditor=owner, segments=segments.starter(), as_of=DAY)
    started = time.perf_counter()
    found = preview(creditor=owner, segments=segments.starter(), as_of=DAY)
    took = time.perf_counter() - started
    assert found.customers == many
    assert took < 1, f"{took:.2f} s"
