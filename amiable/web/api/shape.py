"""The types that requests and answers are made of: strict where the document says so, and narrow enough for the database."""

import re
from datetime import date
from typing import Annotated, Any, Generic, TypeVar

from ninja import Schema
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

T = TypeVar("T")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_PRINTED = r"^[^\x00]*$"


def _iso(value: Any) -> Any:
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("A day is written as 2026-03-31.")
    return value


def _of_our_time(value: date) -> date:
    if not 1990 <= value.year < 2100:
        raise ValueError("The day lies too far away.")
    return value


def _whole(value: Any) -> Any:
    """JSON knows one kind of number: 5.0 is 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
Ref = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=2**63 - 1, strict=True)]
Refs = Annotated[list[Ref], Field(max_length=500)]
Minor = Annotated[
    int,
    BeforeValidator(_whole),
    Field(ge=1, le=2**50, strict=True, description="In minor units of the currency: 1234 is 12.34 EUR."),
]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", strict=True, description="ISO 4217.")]
AnyDay = Annotated[date, BeforeValidator(_iso)]  # to look for; what is kept lies in our time
Day = Annotated[date, BeforeValidator(_iso), AfterValidator(_of_our_time)]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=_PRINTED, strict=True)]
Words = Annotated[str, Field(max_length=2_000, pattern=_PRINTED, strict=True)]
Key = Annotated[str, Field(max_length=60, pattern=_PRINTED)]
Flag = Annotated[bool, Field(strict=True)]
Shares = dict[str, Any]


class Said(Schema):
    """What comes in: nothing beside what is named."""

    model_config = ConfigDict(extra="forbid")


class Page(Schema, Generic[T]):
    """A part of a list; `next` is the cursor of what follows, and empty at the end."""

    items: list[T]
    next: str | None = None


class Counted(Schema):
    """How many."""

    count: int


class Done(Schema):
    """What an act did, as a sentence."""

    said: str
