"""What a timeline is made of: for each kind of line whose rows they are, when they happened and what is told of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import CharField, DateTimeField, F, Model, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Coalesce, Concat, JSONObject, NullIf, Trim
from django.utils.functional import Promise as Lazy
from django.utils.translation import gettext_lazy as _

from amiable.casework.models import (
    Case,
    Dispute,
    DisputeReason,
    Escalation,
    Note,
    NoteFile,
    Placement,
    SurveyAfter,
    SurveyAnswer,
    Task,
    Word,
)
from amiable.core.models import AuditEntry
from amiable.ledger.models import (
    Allocation,
    Credit,
    CreditKind,
    Entry,
    EntryKind,
    Hold,
    HoldKind,
    Invoice,
    InvoiceKind,
    Medium,
    Sale,
    Waiver,
)
from amiable.outreach.models import Event, EventKind, Message, OptOut, Reply
from amiable.payments.models import Attempt, Plan, Promise
from amiable.portfolio.models import Membership
from amiable.scenario.models import Decision, Recipient
from amiable.web.desk import labels
from amiable.web.desk.trail_words import TOLD_BY_TRAIL


@dataclass(frozen=True)
class Source:
    """One kind of line. `words`: columns that are searched; `labels`: keys of a column and what people call them;
    `amounts`: columns in minor units; `names`: what the kind itself is called.
    """

    kind: str
    group: str
    model: type[Model]
    at: Any
    data: JSONObject
    whose: str = "customer"
    only: Q | None = None
    words: Sequence[str] = ()
    labels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    amounts: Sequence[str] = ()
    names: Sequence[str | Lazy] = ()

    def rows(self, customer: int) -> QuerySet[Any]:
        return self.model._default_manager.filter(self.only or Q(), **{self.whose: customer})


def _person(path: str) -> Any:
    """The name of a colleague as text, or their login where they have no name."""
    full = Trim(Concat(f"{path}__first_name", Value(" "), f"{path}__last_name"))
    return Coalesce(NullIf(full, Value("")), f"{path}__username", output_field=CharField())


def _at(when: str | Coalesce) -> Any:
    return Cast(when, DateTimeField())


def _told(*names: str, day: str = "", **named: Any) -> JSONObject:
    data = {name: F(name) for name in names} | {key: F(v) if isinstance(v, str) else v for key, v in named.items()}
    return JSONObject(**data | ({"day": F(day)} if day else {}))


_FILES = ArraySubquery(
    NoteFile.objects.filter(note=OuterRef("pk"))
    .order_by("pk")
    .values(json=JSONObject(id="pk", name="name", size="size"))
)


def _names(path: str) -> tuple[str, ...]:
    return (f"{path}__first_name", f"{path}__last_name")


def _of(choices: Any) -> dict[str, Any]:
    return dict(choices.choices)


# Disputes, promises, plans and payments under way have rows of their own that say more than their holds.
_OWN = [HoldKind.DISPUTE, HoldKind.PROMISE, HoldKind.PLAN, HoldKind.PAYMENT]
_POSTED = [EntryKind.WRITE_OFF, EntryKind.INTEREST, EntryKind.INDEMNITY, EntryKind.FEE, EntryKind.REFUND]
_STEPS: dict[str, Any] = labels.STEPS

_MONEY = (
    Source(
        "invoice", "money", Invoice, _at("issued_on"),
        _told("reference", "amount_minor", "currency", "due_on", "kind", day="issued_on"),
        words=("reference", "order_reference"), labels={"kind": _of(InvoiceKind)}, amounts=("amount_minor",),
    ),
    Source(
        "credit", "money", Credit, _at("received_on"),
        _told("reference", "amount_minor", "currency", "kind", "method", "provisional", "open_minor", day="received_on"),
        words=("reference",), labels={"kind": _of(CreditKind), "method": labels.METHODS}, amounts=("amount_minor",),
    ),
    Source(
        "allocation", "money", Allocation, _at("known_at"),
        _told("amount_minor", "rule", currency="invoice__currency", invoice="invoice__reference", by=_person("by")),
        whose="invoice__customer", words=("invoice__reference", *_names("by")), amounts=("amount_minor",),
    ),
    Source(
        "entry", "money", Entry, _at("known_at"),
        _told("kind", "amount_minor", "reason", currency="invoice__currency", invoice="invoice__reference", by=_person("by")),
        whose="invoice__customer", only=Q(kind__in=_POSTED), words=("reason", "invoice__reference", *_names("by")),
        labels={"kind": _of(EntryKind)}, amounts=("amount_minor",),
    ),
    Source(
        "attempt", "money", Attempt, _at("opened_at"),
        _told("amount_minor", "currency", "journey", "state", "input_errors", "decline_code", chain="chain_id"),
        labels={"decline_code": labels.DECLINES}, amounts=("amount_minor",), names=(_("Online payment"),),
    ),
    Source(
        "promise", "money", Promise, _at("taken_at"),
        _told("amount_minor", "currency", "promised_for", "state", "origin", by=_person("taken_by")),
        words=_names("taken_by"), amounts=("amount_minor",), names=(_("Promise to pay"),),
    ),
    Source(
        "plan", "money", Plan, _at("offered_at"), _told("total_minor", "currency", "state", "reason"),
        amounts=("total_minor",), names=(_("Payment plan"),),
    ),
    Source(
        "waiver", "money", Waiver, _at("created_at"),
        _told("kind", "reason", "since", "until", invoice="invoice__reference", by=_person("by")),
        words=("reason", *_names("by")), names=(_("Waived"),),
    ),
    Source(
        "sale", "money", Sale, _at("created_at"),
        _told("since", "until", invoice="invoice__reference", by=_person("by")), names=(_("Sold to the factor"),),
    ),
)  # fmt: skip

_WORDS = (
    Source(
        "message", "words", Message, _at(Coalesce("sent_at", "created_at")),
        _told("purpose", "medium", "address", "state", "subject", "verdict", by="context__by"),
        words=("subject", "address", "text"), labels={"purpose": _STEPS, "medium": _of(Medium)},
    ),
    Source(
        "event", "words", Event, _at("at"), _told("kind", message="message_id", purpose="message__purpose"),
        whose="message__customer", only=~Q(kind__in=["queued", "sent"]),
        labels={"kind": _of(EventKind), "message__purpose": _STEPS},
    ),
    Source(
        "reply", "words", Reply, _at("at"),
        _told("text", "words", "sender", "medium", "intent", "confirmed_intent", "files"),
        words=("text", "sender"), labels={"intent": labels.INTENTS, "confirmed_intent": labels.INTENTS},
        names=(_("The customer answered"),),
    ),
    Source("opt_out", "words", OptOut, _at("since"), _told("medium", "address", "origin"), words=("address",),
           labels={"medium": _of(Medium)}),
    Source(
        "survey", "words", SurveyAnswer, _at("answered_at"), _told("score", "words", "recommend", after="ask__after"),
        words=("words",), labels={"ask__after": _of(SurveyAfter)}, names=(_("Satisfaction"),),
    ),
)  # fmt: skip

_PEOPLE = (
    Source(
        "task", "people", Task, _at(Coalesce("done_at", "created_at")),
        _told("title", "kind", "outcome", "due_on", "done_at", "context", by=_person("done_by")),
        words=("title", *_names("done_by")), labels={"outcome": labels.OUTCOMES},
    ),
    Source(
        "note", "people", Note, _at("at"), _told("text", by=_person("by"), files=_FILES),
        words=("text", *_names("by")), names=(_("Note"),),
    ),
    Source(
        "word", "people", Word, _at(Coalesce("answered_at", "asked_at")),
        _told("question", "answered_at", "answer", "told", asked=_person("user"), by=_person("by")),
        words=("question", *_names("user")),
    ),
    Source("escalation", "people", Escalation, _at("at"), _told("rule", "role", "does", "told", "subject")),
    Source(
        "hold", "people", Hold, _at("created_at"),
        _told("kind", "reason", "since", "until", invoice="invoice__reference", by=_person("by")),
        only=~Q(kind__in=_OWN), words=("reason", "invoice__reference", *_names("by")), labels={"kind": _of(HoldKind)},
    ),
    Source(
        "dispute", "people", Dispute, _at("opened_at"),
        _told(
            "reason", "words", "disputed_minor", "resolved_at", "resolution", invoice="invoice__reference",
            currency="invoice__currency", by=_person("opened_by"),
        ),
        words=("words", "answer", "invoice__reference"), labels={"reason": _of(DisputeReason)},
        amounts=("disputed_minor",), names=(_("Dispute"),),
    ),
    Source(
        "placement", "people", Placement, _at("placed_at"), _told("agency", "recalled_at", "outcome", by=_person("placed_by")),
        whose="case__customer", words=("agency",), names=(_("Handed over"),),
    ),
    Source(
        "trail", "people", AuditEntry, _at("at"), _told("act", "actor", "detail", by=_person("user")),
        whose="subject_ref", only=Q(subject="customer", act__in=[*TOLD_BY_TRAIL]), words=_names("user"),
        labels={"act": TOLD_BY_TRAIL},
    ),
)  # fmt: skip

_DECISIONS = (
    Source(
        "decision", "decisions", Decision, _at("as_of"),
        _told(
            "step", "channel", "verdict", "rail", "reason", "currency", "arm", scenario="scenario__key",
            version="scenario__version", day="as_of",
        ),
        labels={"step": _STEPS},
    ),
    Source(
        "campaign", "decisions", Recipient, _at("decided_on"),
        _told("verdict", "rail", "campaign_id", name="campaign__name", day="decided_on"),
        only=Q(decided_on__isnull=False), words=("campaign__name",), names=(_("Campaign"),),
    ),
    Source("case", "decisions", Case, _at("opened_on"), _told("opened_overdue_minor", "currency", day="opened_on"),
           names=(_("Case opened"),)),
    Source("case_closed", "decisions", Case, _at("closed_on"), _told("closed_because", "currency", day="closed_on"),
           only=Q(closed_on__isnull=False), names=(_("Case closed"),)),
    Source("segment", "decisions", Membership, _at("since"), _told("segment", "currency", day="since"),
           names=(_("Segment"),)),
)  # fmt: skip

SOURCES: tuple[Source, ...] = (*_MONEY, *_WORDS, *_PEOPLE, *_DECISIONS)
