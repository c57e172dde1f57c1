"""Which bookings are told already: by example, and whatever the order and the form in which they are told."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiable.payments.pair import Booking, pair

DAY = date(2026, 3, 16)


def one(entry: object, amount: int = 100, **more: object) -> Booking:
    return Booking(entry=entry, booked_on=more.pop("on", DAY), amount_minor=amount, currency="EUR", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "known", "same"),
    [
        (one(1, reference="A"), one("a", reference="A", on=DAY - timedelta(days=1)), True),
        (one(1, reference="A"), one("a", 101, reference="A"), False),
        (one(1, end_to_end_id="E", on=DAY), one("a", end_to_end_id="E", on=DAY - timedelta(days=3)), True),
        (one(1, end_to_end_id="E"), one("a", end_to_end_id="F"), False),
        (one(1, payer_iban="X", end_to_end_id="E"), one("a", payer_iban="X", end_to_end_id="F"), False),
        (one(1, payer_iban="X"), one("a", payer_iban="X"), True),
        (one(1, text="Facture 12/3"), one("a", text="FACTURE 123"), True),
        (one(1, text="this"), one("a", text="that"), True),  # another format words it its own way
        (one(1, text="this"), one("a", text="that", soft=False), False),
        (one(1, text="this", reference="A"), one("a", text="this", reference="B", soft=False), False),
        (one(1, text="this"), one("a", text="this", soft=False), True),
        (one(1, end_to_end_id="E"), one("a", payer_iban="X"), True),
        (one(1), one("a", on=DAY + timedelta(days=1)), False),
    ],
)
def test_what_is_the_same_and_what_is_not(told, known, same):
    assert pair([told], [known]) == ({1: "a"} if same else {})


def test_the_surest_sign_goes_first():
    told = [one(1, text="x"), one(2, text="x", reference="A")]
    known = [one("a", text="x", reference="A"), one("b", text="x")]
    assert pair(told, known) == {2: "a", 1: "b"}


bookings = st.lists(
    st.tuples(
        st.integers(0, 2), st.sampled_from([-100, 100, 250]), st.sampled_from(["", "A", "B"]), st.sampled_from(["", "E", "F"]),
        st.sampled_from(["", "X", "Y"]), st.sampled_from(["", "facture 1", "facture 2"]),
    ),
    max_size=12,
)  # fmt: skip


def made(rows, mark: str, *, soft: bool = True) -> list[Booking]:
    return [
        Booking(f"{mark}{place}", DAY + timedelta(days=day), amount, "EUR", reference, payers, account, text, soft)
        for place, (day, amount, reference, payers, account, text) in enumerate(rows)
    ]


@given(bookings, st.randoms(use_true_random=False), st.booleans())
def test_a_statement_told_again_in_any_order_is_told_in_full(rows, chance, soft):
    again = list(rows)
    chance.shuffle(again)
    assert len(pair(made(again, "n"), made(rows, "o", soft=soft))) == len(rows)


@given(bookings, bookings, st.booleans())
def test_pairs_are_one_for_one_and_never_of_another_amount(told, known, soft):
    new, old = made(told, "n"), made(known, "o", soft=soft)
    found = pair(new, old)
    assert len(set(found.values())) == len(found)
    amounts = {each.entry: (each.amount_minor, each.currency) for each in [*new, *old]}
    assert all(amounts[one] == amounts[other] for one, other in found.items())


@given(bookings, bookings)
def test_what_is_really_new_stays_new(known, more):
    """A statement that tells all that is known and some more: as many are new as there are more."""
    assert len(pair(made([*known, *more], "n"), made(known, "o"))) == len(known)
