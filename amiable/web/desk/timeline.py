"""Everything that happened with a customer, newest first: one query over every row that names the customer.

What is shown is what was recorded; nothing is left out because it is unpleasant, decisions not taken included.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import CharField, DateTimeField, F, Model, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Coalesce, Concat, JSONObject, NullIf, Trim

from amiable.casework.models import Case, Dispute, Escalation, Note, NoteFile, SurveyAnswer, Task, Word
from amiable.ledger.models import Allocation, Credit, Customer, Entry, EntryKind, Hold, HoldKind, Invoice
from amiable.outreach.models import Event, Message, OptOut, Reply
from amiable.payments.models import Attempt, Plan, Promise
from amiable.portfolio.models import Membership
from amiable.scenario.models import Decision, Recipient

ROWS = 40
GROUPS = ("money", "words", "people", "decisions")
Rows = QuerySet[Any, dict[str, Any]]


@dataclass(frozen=True)
class Happened:
    """One line: what kind of thing, which row, when, and what is known of it. `day` where only the day counts."""

    kind: str
    ref: int
    at: datetime
    data: dict[str, Any]

    @property
    def day(self) -> date | None:
        told = self.data.get("day")
        return date.fromisoformat(told) if told else None


def happened(*, customer: Customer, group: str = "", page: int = 1) -> tuple[list[Happened], bool]:
    """A page of the timeline, and whether there is more; `group` narrows to money, words, people or decisions."""
    sources = [rows for name, rows in _sources(customer.pk) if not group or name == group]
    start = (page - 1) * ROWS
    found = list(sources[0].union(*sources[1:], all=True).order_by("-t_at", "-t_ref")[start : start + ROWS + 1])
    lines = [Happened(row["t_kind"], row["t_ref"], row["t_at"], row["t_data"]) for row in found[:ROWS]]
    return lines, len(found) > ROWS


def _person(path: str) -> Any:
    """The name of a colleague as text, or their login where they have no name."""
    full = Trim(Concat(f"{path}__first_name", Value(" "), f"{path}__last_name"))
    return Coalesce(NullIf(full, Value("")), f"{path}__username", output_field=CharField())


def _rows(kind: str, rows: QuerySet[Any], at: Any, *names: str, day: str = "", **named: Any) -> Rows:
    """The rows of one source in the shape that all sources share."""
    data = {name: F(name) for name in names} | {key: F(v) if isinstance(v, str) else v for key, v in named.items()}
    if day:
        data["day"] = F(day)
    return rows.order_by().values(
        t_at=Cast(at, DateTimeField()),
        t_kind=Value(kind, output_field=CharField()),
        t_ref=F("pk"),
        t_data=JSONObject(**data),
    )


def _of(model: type[Model], customer: int, path: str = "customer") -> QuerySet[Any]:
    return model._default_manager.filter(**{f"{path}_id" if "__" not in path else path: customer})


def _sources(customer: int) -> Iterable[tuple[str, Rows]]:
    yield from _money(customer)
    yield from _words(customer)
    yield from _people(customer)
    yield from _decisions(customer)


def _money(customer: int) -> Iterable[tuple[str, Rows]]:
    posted = [EntryKind.WRITE_OFF, EntryKind.INTEREST, EntryKind.INDEMNITY, EntryKind.REFUND]
    entries = Entry.objects.filter(invoice__customer=customer, kind__in=posted)
    rows = [
        _rows(
            "invoice",
            _of(Invoice, customer),
            "issued_on",
            "reference",
            "amount_minor",
            "currency",
            "due_on",
            "kind",
            day="issued_on",
        ),
        _rows(
            "credit",
            _of(Credit, customer),
            "received_on",
            *("reference", "amount_minor", "currency", "kind", "method", "provisional", "open_minor"),
            day="received_on",
        ),
        _rows(
            "allocation",
            _of(Allocation, customer, "invoice__customer"),
            "known_at",
            *("amount_minor", "rule"),
            currency="invoice__currency",
            invoice="invoice__reference",
            by=_person("by"),
        ),
        _rows(
            "entry",
            entries,
            "known_at",
            "kind",
            "amount_minor",
            "reason",
            currency="invoice__currency",
            invoice="invoice__reference",
            by=_person("by"),
        ),
        _rows(
            "attempt",
            _of(Attempt, customer),
            "opened_at",
            "amount_minor",
            "currency",
            "journey",
            "state",
            "input_errors",
            "decline_code",
            chain="chain_id",
        ),
        _rows(
            "promise",
            _of(Promise, customer),
            "taken_at",
            "amount_minor",
            "currency",
            "promised_for",
            "state",
            "origin",
            by=_person("taken_by"),
        ),
        _rows("plan", _of(Plan, customer), "offered_at", "total_minor", "currency", "state", "reason"),
    ]
    yield from (("money", each) for each in rows)


def _words(customer: int) -> Iterable[tuple[str, Rows]]:
    sent = Coalesce("sent_at", "created_at")
    yield (
        "words",
        _rows(
            "message",
            _of(Message, customer),
            sent,
            *("purpose", "medium", "address", "state", "subject", "verdict"),
            by="context__by",
        ),
    )
    events = _of(Event, customer, "message__customer").exclude(kind__in=["queued", "sent"])
    yield "words", _rows("event", events, "at", "kind", message="message_id", purpose="message__purpose")
    yield (
        "words",
        _rows("reply", _of(Reply, customer), "at", "text", "words", "sender", "medium", "intent", "confirmed_intent"),
    )
    yield "words", _rows("opt_out", _of(OptOut, customer), "since", "medium", "address", "origin")
    yield "words", _rows("survey", _of(SurveyAnswer, customer), "answered_at", "score", "words", "after")


def _people(customer: int) -> Iterable[tuple[str, Rows]]:
    done = Coalesce("done_at", "created_at")
    tasks = _of(Task, customer)
    yield (
        "people",
        _rows("task", tasks, done, "title", "kind", "outcome", "due_on", "done_at", "context", by=_person("done_by")),
    )
    files = NoteFile.objects.filter(note=OuterRef("pk")).order_by("pk")
    told = ArraySubquery(files.values(json=JSONObject(id="pk", name="name", size="size")))
    yield "people", _rows("note", _of(Note, customer), "at", "text", by=_person("by"), files=told)
    yield (
        "people",
        _rows(
            "word",
            _of(Word, customer),
            Coalesce("answered_at", "asked_at"),
            *("question", "answered_at", "answer", "told", "sent_at"),
            asked=_person("user"),
            by=_person("by"),
        ),
    )
    raised = _of(Escalation, customer)
    yield "people", _rows("escalation", raised, "at", "rule", "role", "does", "told", "subject")
    # Disputes, promises, plans and payments under way have rows of their own that say more.
    own = [HoldKind.DISPUTE, HoldKind.PROMISE, HoldKind.PLAN, HoldKind.PAYMENT]
    holds = _of(Hold, customer).exclude(kind__in=own)
    yield (
        "people",
        _rows(
            "hold",
            holds,
            "created_at",
            "kind",
            "reason",
            "since",
            "until",
            invoice="invoice__reference",
            by=_person("by"),
        ),
    )
    yield (
        "people",
        _rows(
            "dispute",
            _of(Dispute, customer),
            "opened_at",
            *("reason", "words", "disputed_minor", "resolved_at", "resolution"),
            invoice="invoice__reference",
            currency="invoice__currency",
            by=_person("opened_by"),
        ),
    )


def _decisions(customer: int) -> Iterable[tuple[str, Rows]]:
    yield (
        "decisions",
        _rows(
            "decision",
            _of(Decision, customer),
            "as_of",
            *("step", "channel", "verdict", "rail", "reason", "currency", "arm"),
            scenario="scenario__key",
            version="scenario__version",
            day="as_of",
        ),
    )
    listed = _of(Recipient, customer).filter(decided_on__isnull=False)
    yield (
        "decisions",
        _rows(
            "campaign", listed, "decided_on", "verdict", "rail", "campaign_id", name="campaign__name", day="decided_on"
        ),
    )
    cases = _of(Case, customer)
    yield "decisions", _rows("case", cases, "opened_on", "opened_overdue_minor", "currency", day="opened_on")
    closed = cases.filter(closed_on__isnull=False)
    yield "decisions", _rows("case_closed", closed, "closed_on", "closed_because", "currency", day="closed_on")
    yield "decisions", _rows("segment", _of(Membership, customer), "since", "segment", "currency", day="since")
