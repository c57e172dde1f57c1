"""Invents the customers and bills of the demo: two creditors, one of households and one of shops and craftsmen.

In: how many customers, over which days, a random generator. Out: two tables. Nobody in them exists, no address works.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from amiable.core.calendar import due_date

HERE = Path(__file__).parent
CONSUMER_PART = 0.7
HISTORY_DAYS = 240
# A bill for energy follows the season, January first.
SEASON = (1.6, 1.55, 1.3, 1.05, 0.8, 0.65, 0.6, 0.6, 0.7, 0.9, 1.2, 1.5)


@dataclass(frozen=True, kw_only=True)
class World:
    """`customers` and `invoices` tell each other by row number (`customer`); days count from `start`, day 0."""

    start: date
    days: int
    customers: pl.DataFrame
    invoices: pl.DataFrame

    def on(self, day: int) -> date:
        return self.start + timedelta(days=day)

    def of(self, creditor: str) -> "World":
        """The part of it that owes to one creditor, its rows counted from 0."""
        people = self.customers.filter(pl.col("creditor") == creditor).rename({"customer": "before"})
        people = people.with_row_index("customer").with_columns(pl.col("customer").cast(pl.Int64))
        place = people.select("before", "customer")
        bills = self.invoices.rename({"customer": "before"}).join(place, on="before", maintain_order="left")
        bills = bills.drop("before", "invoice").with_row_index("invoice").with_columns(pl.col("invoice").cast(pl.Int64))
        return replace(self, customers=people.drop("before"), invoices=bills)


@cache
def names() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((HERE / "names.yaml").read_text(encoding="utf-8"))
    return content


def invent(*, customers: int, days: int, end: date, rng: np.random.Generator) -> World:
    """A world of so many customers whose last replayed day is `end`, with bills from months before its first one."""
    start = end - timedelta(days=days - 1)
    consumers = round(customers * CONSUMER_PART)
    people = pl.concat(
        [_consumers(consumers, start, rng), _businesses(customers - consumers, start, rng)], how="diagonal"
    )
    people = people.with_row_index("customer").with_columns(pl.col("customer").cast(pl.Int64))
    bills = pl.concat([_bills(people, start, days, rng), _orders(people, start, days, rng)])
    bills = bills.sort("issued", "customer").with_row_index("invoice").with_columns(pl.col("invoice").cast(pl.Int64))
    return World(start=start, days=days, customers=people, invoices=_numbered(bills, people))


def _consumers(count: int, start: date, rng: np.random.Generator) -> pl.DataFrame:
    lists = names()
    english = rng.random(count) < 0.04
    person = np.where(
        english,
        rng.choice(lists["english"], count),
        _joined(rng.choice(lists["first"], count), rng.choice(lists["last"], count)),
    )
    return _addressed(person, rng).with_columns(
        creditor=pl.lit("helia"),
        kind=pl.lit("consumer"),
        number=_numbers("H", count),
        name=pl.Series(person),
        person=pl.Series(person),
        email=_emails(person, rng, share=0.96),
        mobile=_phones("+3363998", 4, rng, count, share=0.94),
        language=pl.Series(np.where(english, "en", "fr")),
        method=pl.Series(rng.choice(["carte", "virement", "chèque"], count, p=[0.45, 0.42, 0.13])),
        assistance=pl.Series(rng.choice(["", "seul", "accompagné"], count, p=[0.7, 0.2, 0.1])),
        since=_since(start, rng, count),
        terms=pl.Series(rng.choice([15, 20], count)),
        # The monthly bill of an ordinary month, and the day of the month on which it is made.
        size=pl.Series(np.clip(np.exp(rng.normal(4.3, 0.45, count)), 18, 400)),
        pace=pl.Series(rng.integers(1, 29, count).astype(float)),
        end_of_month=pl.lit(False),
        key_account=pl.lit(False),
    )


def _businesses(count: int, start: date, rng: np.random.Generator) -> pl.DataFrame:
    lists = names()
    trade = rng.integers(0, len(lists["trades"]), count)
    owner = _joined(rng.choice(lists["first"], count), rng.choice(lists["last"], count))
    last = rng.choice(lists["last"], count)
    key = np.arange(count) < max(1, round(count * 0.02))
    group = [lists["groups"][n % len(lists["groups"])] for n in range(count)]
    plain = [" ".join(filter(None, (lists["trades"][t][0], name))) for t, name in zip(trade, last, strict=True)]
    forms = rng.choice(lists["forms"], count)
    name = np.array([
        group[n] if key[n] else f"{plain[n]} {forms[n]}".strip() for n in range(count)
    ])  # fmt: skip
    english = rng.random(count) < 0.05
    branch = rng.integers(0, len(lists["branches"]), count)
    sales = [login(rng.choice(lists["branches"][b]["sales"])) if rng.random() < 0.95 else "" for b in branch]
    pace = np.where(key, rng.gamma(6, 1.0, count) + 2, rng.gamma(1.6, 0.8, count) + 0.15)
    size = np.exp(rng.normal(6.9, 0.8, count)) * np.where(key, 4, 1)
    return _addressed(name, rng).with_columns(
        creditor=pl.lit("valmont"),
        kind=pl.lit("business"),
        number=_numbers("CV", count),
        name=pl.Series(name),
        person=pl.Series(owner),
        email=_emails(np.array([f"compta.{text}" for text in name]), rng, share=0.98),
        phone=_phones("+3319900", 4, rng, count, share=0.99),
        language=pl.Series(np.where(english, "en", "fr")),
        method=pl.Series(rng.choice(["virement", "chèque", "carte"], count, p=[0.82, 0.1, 0.08])),
        assistance=pl.lit(""),
        since=_since(start, rng, count),
        terms=pl.Series(rng.choice([30, 45, 60], count, p=[0.6, 0.25, 0.15])),
        end_of_month=pl.Series(rng.random(count) < 0.15),
        size=pl.Series(size),
        pace=pl.Series(pace),
        key_account=pl.Series(key),
        branch=pl.Series([lists["branches"][b]["code"] for b in branch]),
        sales=pl.Series(sales),
        sector=pl.Series([lists["trades"][t][1] for t in trade]),
        turnover=pl.Series((pace * size * 12).round(-2)),
        potential=pl.Series(rng.choice(["low", "medium", "high"], count, p=[0.4, 0.4, 0.2])),
    )


def _bills(people: pl.DataFrame, start: date, days: int, rng: np.random.Generator) -> pl.DataFrame:
    """One bill a month for each household."""
    found = []
    households = people.filter(pl.col("kind") == "consumer")
    first = start - timedelta(days=HISTORY_DAYS)
    month = first.replace(day=1)
    while month < start + timedelta(days=days):
        noise = np.exp(rng.normal(0, 0.18, households.height))
        made = households.select(
            "customer",
            "terms",
            issued=(pl.lit((month - start).days - 1) + pl.col("pace")).cast(pl.Int64),
            amount_minor=(pl.col("size") * SEASON[month.month - 1] * 100 * pl.Series(noise)).round(0).cast(pl.Int64),
        ).with_columns(due=pl.col("issued") + pl.col("terms"))
        found.append(made.filter((pl.col("issued") >= -HISTORY_DAYS) & (pl.col("issued") < days)))
        month = (month + timedelta(days=32)).replace(day=1)
    return pl.concat(found).select("customer", "issued", "due", "amount_minor")


def _orders(people: pl.DataFrame, start: date, days: int, rng: np.random.Generator) -> pl.DataFrame:
    """Orders of firms on working days, each with its own terms."""
    firms = people.filter(pl.col("kind") == "business")
    span = HISTORY_DAYS + days
    per_firm = rng.poisson(firms["pace"].to_numpy() * span / 30)
    row = np.repeat(np.arange(firms.height), per_firm)
    issued = rng.integers(-HISTORY_DAYS, days, row.size)
    weekday = (start.weekday() + issued) % 7
    issued = np.where(weekday == 5, issued - 1, np.where(weekday == 6, issued - 2, issued))
    issued = np.clip(issued, -HISTORY_DAYS, days - 1)
    amount = np.round(firms["size"].to_numpy()[row] * np.exp(rng.normal(0, 0.6, row.size)) * 100).astype(np.int64)
    terms, to_month_end = firms["terms"].to_numpy()[row], firms["end_of_month"].to_numpy()[row]
    due = [
        (due_date(start + timedelta(days=int(i)), terms_days=int(t), end_of_month_after=bool(e)) - start).days
        for i, t, e in zip(issued, terms, to_month_end, strict=True)
    ]
    return pl.DataFrame(
        {
            "customer": firms["customer"].to_numpy()[row],
            "issued": issued,
            "due": np.array(due, dtype=np.int64),
            "amount_minor": np.maximum(amount, 1_500),
        }
    )


def _numbered(bills: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """References as each creditor counts its bills, in the order of issue."""
    prefix = pl.col("creditor").replace_strict({"helia": "HE-", "valmont": "FA"})
    return (
        bills.join(people.select("customer", "creditor"), on="customer", how="left", maintain_order="left")
        .with_columns(place=pl.int_range(pl.len()).over("creditor") + 100_001)
        .with_columns(reference=pl.concat_str(prefix, pl.col("place").cast(pl.String)))
        .drop("place")
    )


def login(name: str) -> str:
    """`Inès Caradec` → `ines.caradec`."""
    text = unicodedata.normalize("NFKD", str(name)).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", ".", text).strip(".")


def _joined(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    return np.array([f"{one} {two}" for one, two in zip(first, last, strict=True)])


def _numbers(prefix: str, count: int) -> pl.Series:
    return pl.Series([f"{prefix}{10_001 + n}" for n in range(count)], dtype=pl.String)


def _emails(labels: np.ndarray, rng: np.random.Generator, *, share: float) -> pl.Series:
    has = rng.random(len(labels)) < share
    made = [f"{login(text)}.{n}@example.org" if has[n] else "" for n, text in enumerate(labels)]
    return pl.Series(made, dtype=pl.String)


def _phones(range_: str, digits: int, rng: np.random.Generator, count: int, *, share: float) -> pl.Series:
    has = rng.random(count) < share
    number = rng.integers(0, 10**digits, count)
    return pl.Series(
        [f"{range_}{n:0{digits}d}" if h else "" for n, h in zip(number, has, strict=True)], dtype=pl.String
    )


def _addressed(labels: np.ndarray, rng: np.random.Generator) -> pl.DataFrame:
    lists, count = names(), len(labels)
    place = rng.integers(0, len(lists["cities"]), count)
    street = [
        f"{n} {text}" for n, text in zip(rng.integers(1, 180, count), rng.choice(lists["streets"], count), strict=True)
    ]
    return pl.DataFrame(
        {
            "street": street,
            "postcode": [lists["cities"][p][1] for p in place],
            "city": [lists["cities"][p][0] for p in place],
        },
        schema={"street": pl.String, "postcode": pl.String, "city": pl.String},
    )


def _since(start: date, rng: np.random.Generator, count: int) -> pl.Series:
    return pl.Series([start - timedelta(days=int(d)) for d in rng.integers(250, 3_600, count)], dtype=pl.Date)
