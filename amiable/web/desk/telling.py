"""Tells a line of the timeline in a sentence: picture, tone, words, and the details below."""

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from amiable.casework.models import DisputeReason, SurveyAfter, TaskKind
from amiable.casework.survey import LOW
from amiable.ledger.models import CreditKind, EntryKind, HoldKind, InvoiceKind, Medium
from amiable.outreach.models import EventKind, MessageState
from amiable.payments.models import AttemptState, Journey, PlanState, PromiseState
from amiable.scenario.escalate import DOES, WHENS
from amiable.scenario.models import Arm, Verdict
from amiable.web.desk import labels, scenario_words, timeline, trail_words
from amiable.web.desk.timeline import Happened
from amiable.web.templatetags.amiable_ui import day, money


@dataclass
class Line:
    """`more` are short facts in a row; `quote` is what somebody said or wrote; `url` opens over the page, `page` is one,
    `file` is downloaded."""

    icon: str
    tone: str
    what: str
    more: list[str] = field(default_factory=list)
    quote: str = ""
    url: str = ""
    file: str = ""
    page: str = ""
    papers: list[tuple[str, str]] = field(default_factory=list)  # names and addresses of what is attached
    at: Any = None
    is_day: bool = False
    month: str = ""  # its name, where the line is the first of it
    in_month: str = ""


def tell(lines: list[Happened], *, segments: dict[str, str], month: str = "") -> list[Line]:
    """The lines as sentences; the first of each month carries the month's name. `month`: the one that was named last."""
    told = []
    for line in lines:
        said = _segment(line.data, segments) if line.kind == "segment" else TELLERS[line.kind](line.data, line.ref)
        said.more = [part for part in said.more if part]
        said.at, said.is_day = line.day or line.at, line.day is not None
        said.in_month = day(said.at, "LLLL y")
        if said.in_month != month:
            said.month = month = said.in_month
        told.append(said)
    return told


def groups(among: Container[str] = timeline.GROUPS) -> list[tuple[str, str]]:
    """What the timeline can be narrowed to, where there is any of it."""
    named = [
        ("money", _("Money")), ("words", _("Messages")), ("people", _("Follow-up")), ("decisions", _("Decisions")),
    ]  # fmt: skip
    return [("", _("Everything")), *((key, label) for key, label in named if key in among)]


def _amount(data: dict[str, Any], name: str = "amount_minor") -> str:
    return money(abs(data[name]), data["currency"])


def _by(data: dict[str, Any]) -> str:
    return _("by %(name)s") % {"name": data["by"]} if data.get("by") else ""


def _invoice(data: dict[str, Any], ref: int) -> Line:
    kind = InvoiceKind(data["kind"]).label
    what = format_html("{} <strong>{}</strong>, {}", kind, data["reference"], _amount(data))
    return Line("file-invoice", "", what, [_("due on %(day)s") % {"day": day(data["due_on"])}])


def _credit(data: dict[str, Any], ref: int) -> Line:
    kind = CreditKind(data["kind"]).label
    what = format_html("{} <strong>{}</strong>", kind, _amount(data))
    more = [data["reference"], labels.said(labels.METHODS, data["method"]) if data["method"] else ""]
    if data["provisional"]:
        more.append(_("announced, not yet confirmed"))
    if data["open_minor"]:
        more.append(_("%(amount)s not allocated yet") % {"amount": _amount(data, "open_minor")})
    paper = reverse("desk:receipt", args=[ref]) if data["kind"] == CreditKind.PAYMENT else ""
    return Line("cash", "good", what, more, file=paper)


def _allocation(data: dict[str, Any], ref: int) -> Line:
    words = {"amount": _amount(data), "invoice": data["invoice"]}
    text = (
        _("%(amount)s allocated to %(invoice)s")
        if data["amount_minor"] > 0
        else _("%(amount)s taken back from %(invoice)s")
    )
    return Line("receipt", "", text % words, [_by(data)])


def _entry(data: dict[str, Any], ref: int) -> Line:
    what = _("%(kind)s of %(amount)s on %(invoice)s") % {
        "kind": EntryKind(data["kind"]).label,
        "amount": _amount(data),
        "invoice": data["invoice"],
    }
    return Line("scale", "warn", what, [data["reason"], _by(data)])


def _attempt(data: dict[str, Any], ref: int) -> Line:
    tone = {"succeeded": "good", "failed": "bad", "abandoned": "warn"}.get(data["state"], "")
    what = _("Online payment of %(amount)s: %(state)s") % {
        "amount": _amount(data),
        "state": str(AttemptState(data["state"]).label).lower(),
    }
    errors = _("input errors: %(count)s") % {"count": data["input_errors"]} if data["input_errors"] else ""
    why = labels.decline(data["decline_code"]) if data["decline_code"] else ""
    url = reverse("desk:chain", args=[data["chain"]])
    return Line("credit-card", tone, what, [str(Journey(data["journey"]).label), errors, why], url=url)


def _promise(data: dict[str, Any], ref: int) -> Line:
    tone = {"broken": "bad", "kept": "good"}.get(data["state"], "info")
    what = _("Promise to pay %(amount)s by %(day)s") % {"amount": _amount(data), "day": day(data["promised_for"])}
    return Line("heart-handshake", tone, what, [str(PromiseState(data["state"]).label), _by(data)])


def _plan(data: dict[str, Any], ref: int) -> Line:
    tone = {"late": "bad", "broken": "bad", "done": "good"}.get(data["state"], "info")
    what = _("Payment plan over %(amount)s") % {"amount": _amount(data, "total_minor")}
    return Line("calendar", tone, what, [str(PlanState(data["state"]).label)], url=reverse("desk:plan", args=[ref]))


def _waiver(data: dict[str, Any], ref: int) -> Line:
    kind = EntryKind(data["kind"]).label if data["kind"] else _("Interest and indemnity")
    about = data["invoice"] or _("the whole customer")
    since = _("from %(day)s") % {"day": day(data["since"])} if data["since"] else ""
    what = _("Waived: %(what)s, %(about)s") % {"what": str(kind).lower(), "about": about}
    return Line("heart-handshake", "info", what, [since, data["reason"], _by(data)])


def _sale(data: dict[str, Any], ref: int) -> Line:
    what = _("Sold to the factor: %(what)s") % {"what": data["invoice"] or _("all invoices")}
    back = _("bought back on %(day)s") % {"day": day(data["until"])} if data["until"] else ""
    return Line("building-bank", "", what, [_("from %(day)s") % {"day": day(data["since"])}, back, _by(data)])


def _placement(data: dict[str, Any], ref: int) -> Line:
    back = _("taken back on %(day)s") % {"day": day(data["recalled_at"])} if data["recalled_at"] else ""
    return Line("door-exit", "held", _("Handed over to %(agency)s") % {"agency": data["agency"]}, [back, _by(data)])


def _trail(data: dict[str, Any], ref: int) -> Line:
    """What somebody did that left nothing else behind."""
    act, detail = data["act"], data["detail"]
    return Line("edit", "", str(trail_words.TOLD_BY_TRAIL[act]), [*trail_words.told(detail), _by(data)])


def _message(data: dict[str, Any], ref: int) -> Line:
    icon = {"email": "mail", "sms": "device-mobile", "letter": "file-invoice"}.get(data["medium"], "send")
    tone = {"sent": "accent", "in_doubt": "bad", "failed": "bad", "withheld": "warn"}.get(data["state"], "")
    what = format_html("{} <strong>{}</strong>", Medium(data["medium"]).label, labels.step(data["purpose"]))
    state = MessageState(data["state"])
    more = [data["address"], "" if state == MessageState.SENT else str(state.label), data["verdict"], _by(data)]
    url = reverse("desk:message", args=[ref]) if data["subject"] or state == MessageState.SENT else ""
    return Line(icon, tone, what, more, data["subject"], url)


def _event(data: dict[str, Any], ref: int) -> Line:
    tone = {"bounced": "bad", "failed": "bad", "complained": "bad", "clicked": "good", "opened": "info"}.get(
        data["kind"], ""
    )
    what = format_html("{} – {}", labels.step(data["purpose"]), str(EventKind(data["kind"]).label).lower())
    return Line(
        {"opened": "eye", "clicked": "external-link", "delivered": "check"}.get(data["kind"], "mail"), tone, what
    )


def _reply(data: dict[str, Any], ref: int) -> Line:
    intent = data["confirmed_intent"] or data["intent"]
    more = [data["sender"], labels.said(labels.INTENTS, intent) if intent else "", *_files(data)]
    return Line("message", "info", _("The customer answered"), more, data["words"] or data["text"])


def _opt_out(data: dict[str, Any], ref: int) -> Line:
    what = _("No more %(medium)s, at the customer's wish") % {"medium": Medium(data["medium"]).label}
    return Line("hand-stop", "warn", what, [data["address"], data["origin"]])


def _survey(data: dict[str, Any], ref: int) -> Line:
    more = [_("after: %(what)s") % {"what": SurveyAfter(data["after"]).label}]
    if data["recommend"] is not None:
        more.append(_("would recommend: %(score)s out of 10") % {"score": data["recommend"]})
    tone = "bad" if data["score"] <= LOW else "good"
    return Line("star", tone, _("Satisfaction: %(score)s out of 10") % {"score": data["score"]}, more, data["words"])


def _task(data: dict[str, Any], ref: int) -> Line:
    icon = {"call": "phone", "reply": "message", "check": "search", "confirm": "check"}.get(data["kind"], "flag")
    words = str((data["context"] or {}).get("words", ""))
    if data["done_at"]:
        what = format_html(
            "{} – <strong>{}</strong>", data["title"], labels.said(labels.OUTCOMES, data["outcome"] or "done")
        )
        return Line(icon, "good", what, [_by(data)], words)
    due = _("to do by %(day)s") % {"day": day(data["due_on"])}
    return Line(icon, "", data["title"], [str(TaskKind(data["kind"]).label), due], words)


def _note(data: dict[str, Any], ref: int) -> Line:
    papers = [(each["name"], reverse("desk:note_file", args=[each["id"]])) for each in data["files"]]
    return Line("notes", "", _("Note"), [_by(data)], data["text"], papers=papers)


def _files(data: dict[str, Any]) -> list[str]:
    """What came along, by name."""
    return [_("with %(file)s") % {"file": each["name"]} for each in data.get("files") or () if each.get("name")]


def _word(data: dict[str, Any], ref: int) -> Line:
    if not data["answered_at"]:
        what = _("%(name)s is asked for a word") % {"name": data["asked"]}
        return Line("message", "info", what, [_by(data)], data["question"])
    told = data["told"] or {}
    on = day(told["day"]) if told.get("day") else ""
    answers = {
        "promise": _("they will pay on %(day)s"),
        "dispute": _("there is a dispute"),
        "call": _("calls them on %(day)s"),
        "hold": _("no reminders until %(day)s"),
        "words": _("in their words"),
    }
    what = format_html("{} – <strong>{}</strong>", data["asked"], answers[data["answer"]] % {"day": on})
    return Line("message", "good", what, [data["question"]], str(told.get("words") or ""))


def _escalation(data: dict[str, Any], ref: int) -> Line:
    told = data["told"]
    what = _("Passed up to: %(role)s") % {"role": str(scenario_words.ROLES.get(data["role"], data["role"])).lower()}
    when, does = str(WHENS.get(told["when"], "")), str(DOES.get(data["does"], data["does"]))
    late = _("%(days)s days") % {"days": told["late"]}
    return Line("arrow-up", "warn", what, [when, money(told["minor"], told["currency"]), late, does])


def _hold(data: dict[str, Any], ref: int) -> Line:
    what = format_html("{}", HoldKind(data["kind"]).label)
    if data["invoice"]:
        what = format_html("{} – {}", HoldKind(data["kind"]).label, data["invoice"])
    until = _("until %(day)s") % {"day": day(data["until"])} if data["until"] else _("without an end")
    since = _("from %(day)s") % {"day": day(data["since"])}
    return Line("hand-stop", "held", what, [f"{since} {until}", _by(data)], data["reason"])


def _dispute(data: dict[str, Any], ref: int) -> Line:
    what = _("Dispute on %(invoice)s: %(reason)s") % {
        "invoice": data["invoice"],
        "reason": str(DisputeReason(data["reason"]).label).lower(),
    }
    part = _("%(amount)s of it") % {"amount": _amount(data, "disputed_minor")} if data["disputed_minor"] else ""
    ended = _("resolved on %(day)s") % {"day": day(data["resolved_at"])} if data["resolved_at"] else ""
    page = reverse("desk:dispute", args=[ref])
    return Line("scale", "good" if ended else "bad", what, [part, ended, _by(data)], data["words"], page=page)


def _decision(data: dict[str, Any], ref: int) -> Line:
    words = {"step": labels.step(data["step"])}
    told = {
        Verdict.DO: ("bolt", "accent", _("Decided: %(step)s") % words),
        Verdict.ASK: ("help", "info", _("Waits for a word: %(step)s") % words),
        Verdict.NOT: ("x", "warn", _("Not done: %(step)s") % words),
    }[Verdict(data["verdict"])]
    scenario = _("scenario %(key)s, version %(version)s") % {"key": data["scenario"], "version": data["version"]}
    arm = _("the challenger of an experiment") if data["arm"] == Arm.CHALLENGER else ""
    return Line(*told, [labels.rail(data["rail"]) if data["rail"] else _("The step is due."), scenario, arm])


def _campaign(data: dict[str, Any], ref: int) -> Line:
    words = {"name": data["name"]}
    if data["verdict"] == Verdict.DO:
        return Line("send", "accent", _("Campaign “%(name)s”: a message was ordered") % words)
    return Line("x", "warn", _("Campaign “%(name)s”: not written to so far") % words, [labels.rail(data["rail"])])


def _case(data: dict[str, Any], ref: int) -> Line:
    return Line(
        "flag", "", _("Case opened"), [_("%(amount)s overdue") % {"amount": _amount(data, "opened_overdue_minor")}]
    )


def _case_closed(data: dict[str, Any], ref: int) -> Line:
    why = {"paid": _("paid"), "written_off": _("written off"), "merged": _("merged")}.get(data["closed_because"], "")
    return Line("check", "good", _("Case closed"), [why])


def _segment(data: dict[str, Any], segments: dict[str, str]) -> Line:
    name = segments.get(data["segment"], data["segment"])
    return Line("users", "", _("Now in the segment “%(segment)s”") % {"segment": name})


TELLERS = {
    "invoice": _invoice,
    "credit": _credit,
    "allocation": _allocation,
    "entry": _entry,
    "attempt": _attempt,
    "promise": _promise,
    "plan": _plan,
    "waiver": _waiver,
    "sale": _sale,
    "placement": _placement,
    "trail": _trail,
    "message": _message,
    "event": _event,
    "reply": _reply,
    "opt_out": _opt_out,
    "survey": _survey,
    "task": _task,
    "note": _note,
    "word": _word,
    "escalation": _escalation,
    "hold": _hold,
    "dispute": _dispute,
    "decision": _decision,
    "campaign": _campaign,
    "case": _case,
    "case_closed": _case_closed,
}
