"""What the law gives for late payment: whose rate from which day, the fixed indemnity, costs. Free of Django.

In: country, who owes, currency, day. Out: rates in millionths a year, each with its words and source. Never: a rate for a
half-year of which none is known; more than the law allows.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from amiable.core.errors import UnableTo
from amiable.core.home import home
from amiable.law.packs import Parameter, law

PER_PERCENT = 10_000  # a rate of 12.15 % is 121 500 millionths
DAYS_A_YEAR = 365  # everywhere: a 29 February is one more day, and the year stays 365 (docs/algorithms/interest.md)


class UnableToReadRates(UnableTo):
    """The installation's own rates are not written as they should be."""


@dataclass(frozen=True)
class Rate:
    """`millionths` a year; None where nobody has told it, and then `why` says what lacks."""

    millionths: int | None
    why: str
    source: str = ""


@dataclass(frozen=True)
class Late:
    """What may be asked of somebody (business, public, consumer) who pays late, in the law of a country on a day."""

    country: str
    audience: str
    said: Parameter | None

    @property
    def value(self) -> dict[str, Any]:
        return self.said.value if self.said else {}

    @property
    def article(self) -> str:
        return self.said.article if self.said else ""

    @property
    def by_law(self) -> bool:
        return "law" in self.value

    @property
    def by_contract(self) -> bool:
        return "contract" in self.value

    @property
    def indemnity(self) -> bool:
        return bool(self.value.get("indemnity"))

    @property
    def fees(self) -> bool:
        return bool(self.value.get("fees"))

    @property
    def currency(self) -> str:
        return str(self.value.get("currency", ""))

    @property
    def fixed(self) -> bool:
        """Whether the rate of the half-year in which the debt became late stays until it is paid."""
        return bool(self.value.get("law", {}).get("fixed"))

    def indemnity_minor(self, owed_minor: int, currency: str) -> int:
        """The fixed sum for a debt of that size; nothing in a currency that the law does not name."""
        if currency != self.currency:
            return 0
        return next((int(sum_) for least, sum_ in reversed(self.value.get("indemnity", [])) if owed_minor >= least), 0)

    def rate(self, *, contract: int | None, currency: str, half: date) -> Rate:
        """The rate of a half-year: the contract's (in millionths) within the law's limits, else the law's own."""
        if contract is not None:
            return self._of_contract(contract, currency, half) if self.by_contract else Rate(None, "not_allowed")
        if not self.by_law:
            return Rate(None, "contract_only")
        if currency != self.currency:
            return Rate(None, "other_currency")
        rule = self.value["law"]
        base = reference(rule["series"], half)
        if base is None:
            return Rate(None, "unknown", rule["series"])
        points = _millionths(rule["points"])
        return Rate(base.millionths + points, f"{_percent(base.millionths)} + {rule['points']}", base.source)

    def _of_contract(self, contract: int, currency: str, half: date) -> Rate:
        limits = self.value["contract"] if currency == self.currency else {}
        for name, better in (("at_least", max), ("at_most", min)):
            limit = limits.get(name)
            if limit is None:
                continue
            base = reference(limit["series"], half)
            if base is None:  # a floor that nobody knows lowers nothing; a ceiling that nobody knows allows nothing
                return Rate(None if name == "at_most" else contract, "unknown", limit["series"])
            bound = base.millionths * int(limit["times"])
            if better(contract, bound) != contract:
                return Rate(bound, f"{limit['times']} × {_percent(base.millionths)}", base.source)
        return Rate(contract, "contract")


@dataclass(frozen=True)
class Reference:
    millionths: int
    source: str


@lru_cache(maxsize=1024)
def late(country: str, audience: str, on: date) -> Late:
    """The law of late payment in a country for those who owe, as it is on a day."""
    name = f"late_payment_{audience}"
    said = next((each for each in law(country, on).parameters if each.name == name), None)
    if said and country not in said.value.get("countries", [country]):
        said = None
    return Late(country, audience, said)


def reference(series: str, half: date) -> Reference | None:
    """A reference rate in the half-year that begins on that day; None where it is not known."""
    found: Reference | None = _series()[series]["by_half"].get(half)
    return found


def series_name(series: str) -> str:
    return str(_series()[series]["name"])


def half_of(day: date) -> date:
    """The first day of the half-year."""
    return date(day.year, 1 if day.month <= 6 else 7, 1)


def halves(since: date, until: date) -> Iterator[date]:
    """The first days of the half-years that touch the days from `since` to `until`."""
    half = half_of(since)
    while half <= until:
        yield half
        half = date(half.year, 7, 1) if half.month == 1 else date(half.year + 1, 1, 1)


def millionths(percent: str) -> int:
    """A rate as people write it, 12.15 or 12,15, in millionths. Raises ValueError where it is none."""
    if not re.fullmatch(r"\d{1,3}([.,]\d{1,4})?", percent.strip()):
        raise ValueError(percent)
    value = Decimal(percent.strip().replace(",", ".")) * PER_PERCENT
    if value != int(value) or not 0 < value <= 100 * PER_PERCENT:
        raise ValueError(percent)
    return int(value)


def _millionths(percent: str) -> int:
    return int(Decimal(percent) * PER_PERCENT)


def _percent(value: int) -> str:
    return f"{Decimal(value) / PER_PERCENT:.2f}"


@cache
def _series() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "rates.yaml").read_text(encoding="utf-8"))
    for each in content.values():
        each["by_half"] = {row["from"]: Reference(_millionths(row["percent"]), row["source"]) for row in each["halves"]}
    for series, half, told in _own_rates(content):
        content[series]["by_half"][half] = told
    return content


def own_rates() -> Path:
    """Where an installation writes rates that came out after this version: in its home folder."""
    return home() / "rates.yaml"


def _own_rates(known: Mapping[str, Any]) -> Iterator[tuple[str, date, Reference]]:
    path = own_rates()
    if not path.is_file():
        return
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        for series, rows in told.items():
            for row in rows:
                half, source = row["from"], str(row["source"]).strip()
                if series not in known or half != half_of(half) or not source:
                    raise ValueError(row)
                yield series, half, Reference(millionths(str(row["percent"])), source)
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        raise UnableToReadRates(
            f"{path} cannot be read. Each line below the name of a rate ({', '.join(known)}) is like "
            '{from: 2027-01-01, percent: "2.40", source: "where it was published"}, from the first day of a half-year.'
        ) from error


def lacking(half: date) -> list[str]:
    """The names of the rates that nobody has told for the half-year that begins on that day."""
    return [str(each["name"]) for each in _series().values() if half not in each["by_half"]]
