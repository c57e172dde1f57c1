"""A scenario as people read it: days from the due date, conditions in words, what differs between two versions."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from amiable.ledger.models import Medium
from amiable.outreach.models import Tone
from amiable.portfolio.facts import FACTS
from amiable.scenario.compare import Comparison
from amiable.scenario.engine.channel import CHANNELS as ALL
from amiable.scenario.engine.channel import SPOKEN
from amiable.scenario.engine.journey import LISTS, MESSAGE, PLACE, usual_mode
from amiable.scenario.finding import Finding
from amiable.web.desk import labels, segment_words
from amiable.web.templatetags.amiable_ui import language

ICONS = {
    "email": "mail", "call": "phone", "sms": "device-mobile", "letter": "file-invoice", "ivr": "keyboard", "best": "target",
    "task": "clipboard-check", "hold": "hand-stop", "escalate": "arrow-up", "place": "door-exit", "end": "flag",
}  # fmt: skip
CHANNELS = {**dict(Medium.choices), "best": gettext_lazy("the best one")}
MODES = {
    "automatic": gettext_lazy("automatic"),
    "confirm": gettext_lazy("waits for a word"),
    "manual": gettext_lazy("by hand"),
}
ACTIONS = {
    "message": gettext_lazy("Contact the customer"),
    "task": gettext_lazy("Give a task to a colleague"),
    "hold": gettext_lazy("Let the invoices rest"),
    "escalate": gettext_lazy("Pass to a higher role"),
    "place": gettext_lazy("Hand over to an agency"),
    "end": gettext_lazy("End the journey"),
}
ROLES = {
    "collector": gettext_lazy("Collector"),
    "credit_manager": gettext_lazy("Credit manager"),
    "sales": gettext_lazy("Salesperson"),
    "branch_director": gettext_lazy("Branch director"),
    "accountant": gettext_lazy("Accountant"),
    "customer_service": gettext_lazy("Customer service"),
    "admin": gettext_lazy("Administrator"),
}
# What a customer did, as a journey names it.
EVENTS = {
    "none": gettext_lazy("no reaction"),
    "opened": gettext_lazy("message opened"),
    "clicked": gettext_lazy("link followed"),
    "replied": gettext_lazy("answer received"),
    "promised": gettext_lazy("promise given"),
    "promise_broken": gettext_lazy("promise broken"),
    "part_paid": gettext_lazy("part paid"),
    "bounced": gettext_lazy("message came back"),
    "payment_failed": gettext_lazy("payment failed"),
    "disputed": gettext_lazy("dispute opened"),
}
ORIGINS = {
    "due": gettext_lazy("due date"),
    "issue": gettext_lazy("issue of the invoice"),
    "step": gettext_lazy("step before"),
    **{key: label for key, label in EVENTS.items() if key != "none"},
}
TONES = dict(Tone.choices)
SETTINGS = {
    "label": gettext_lazy("Name"),
    "applies": gettext_lazy("For whom"),
    "key": gettext_lazy("Key"),
    "level": gettext_lazy("Level"),
    "days": gettext_lazy("Day"),
    "from": gettext_lazy("Counted from"),
    "on_day": gettext_lazy("Day of the month"),
    "answer": gettext_lazy("After this reaction"),
    "action": gettext_lazy("What happens"),
    "title": gettext_lazy("Title of the task"),
    "agency": gettext_lazy("Agency"),
    "hold_days": gettext_lazy("Days of rest, or with the agency"),
    "reason": gettext_lazy("Reason"),
    "fallback": gettext_lazy("Else by"),
    "responsible": gettext_lazy("Responsible"),
    "tolerance": gettext_lazy("Rest left alone"),
    "ends": gettext_lazy("Ends the journey"),
    "until": gettext_lazy("Lapses after day"),
    "gap": gettext_lazy("Days after the step before"),
    "channel": gettext_lazy("Channel"),
    "template": gettext_lazy("Text"),
    "tone": gettext_lazy("Tone"),
    "mode": gettext_lazy("Mode"),
    "minimum": gettext_lazy("Minimum"),
    "if": gettext_lazy("Condition"),
}
_SIGNS = {">=": "≥", "<=": "≤", "<>": "≠", "!=": "≠"}
_JOINERS = {
    "AND": gettext_lazy("and"),
    "OR": gettext_lazy("or"),
    "NOT": gettext_lazy("not"),
    "IN": gettext_lazy("among"),
    "BETWEEN": gettext_lazy("between"),
    "IS": gettext_lazy("is"),
    "NULL": gettext_lazy("unknown"),
}
_KIND = re.compile(r"\bkind\s*(=|<>|!=)\s*'(\w+)'")
_NUMBER = re.compile(r"(?<=\d)\.(?=\d)")
_PIECE = re.compile(r"('(?:[^']|'')*'|[A-Za-z_]\w*|<>|!=|<=|>=)")
NEAR = ((0, "0"), (3, "1"), (8, "2"), (16, "3"))  # days between two steps → how far apart they are drawn


LEAST_FIELDS = 3  # for channels to fall back to
# Settings that the form keeps folded away while they say nothing.
RARE = ("on_day", "until", "answer", "fallback", "responsible", "tolerance", "ends")


def several(value: Any) -> list[str]:
    """One word or a list of words, as a list."""
    return [] if value is None else [str(each) for each in value] if isinstance(value, list) else [str(value)]


@dataclass
class Rung:
    """A step as the journey shows it."""

    data: Mapping[str, Any]
    at: int
    name: str
    icon: str
    day: str
    apart: str
    first_late: bool
    condition: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def until(self) -> str:
        """The last day on which it may come; empty where it never lapses."""
        last = self.data.get("until")
        if not isinstance(last, int):
            return ""
        return moment(last) if self.data.get("from", "due") == "due" else f"+{last}"

    @property
    def contacts(self) -> bool:
        """Whether the customer hears of it."""
        return bool(self.data.get("action", MESSAGE) == MESSAGE)

    @property
    def written(self) -> bool:
        """Whether a message is written, which can be looked at."""
        channels = {self.data.get("channel"), *self.fallbacks}
        return self.contacts and not channels <= set(SPOKEN)

    @property
    def start(self) -> str:
        return str(self.data.get("from", "due"))

    @property
    def answers(self) -> list[str]:
        return several(self.data.get("answer"))

    @property
    def ends(self) -> list[str]:
        return several(self.data.get("ends"))

    @property
    def fallbacks(self) -> list[str]:
        return several(self.data.get("fallback"))

    @property
    def places(self) -> list[str]:
        """A field for each channel that it falls back to, and empty ones for more."""
        fields = max(LEAST_FIELDS, min(len(self.fallbacks) + 1, len(ALL)), len(self.fallbacks))
        return (self.fallbacks + [""] * fields)[:fields]

    @property
    def counts(self) -> str:
        """From what its days count, where that is not the due date; and the day of the month for which it waits."""
        said = []
        start, days = str(self.data.get("from", "due")), self.data.get("days")
        if start != "due" and isinstance(days, int):
            words = {"n": days, "what": ORIGINS.get(start, start)}
            said.append(ngettext("%(n)s day after: %(what)s", "%(n)s days after: %(what)s", days) % words)
        if self.data.get("on_day"):
            said.append(_("on day %(n)s of the month") % {"n": self.data["on_day"]})
        return ", ".join(said)

    @property
    def channels(self) -> str:
        """By which channel, and by which else."""
        if not self.contacts:
            return str(ACTIONS.get(str(self.data.get("action")), self.data.get("action")))
        told = [str(CHANNELS.get(each, each)) for each in (str(self.data.get("channel")), *self.fallbacks)]
        return told[0] if len(told) == 1 else _("%(first)s, else %(others)s") % {
            "first": told[0], "others": ", ".join(told[1:]),
        }  # fmt: skip

    @property
    def mode_of_place(self) -> str:
        """How it hands over to an agency, or would."""
        own = self.data.get("mode") if self.data.get("action") == PLACE else None
        return str(own or usual_mode(PLACE))

    @property
    def rare(self) -> bool:
        """Whether it says anything that the form keeps under “More”."""
        return any(self.data.get(setting) for setting in RARE)


def name(data: Mapping[str, Any], key: str = "") -> str:
    """The scenario's name in the language of the page."""
    label = data.get("label")
    said = label.get(language()) or label.get("en") if isinstance(label, Mapping) else ""
    return str(said or data.get("key") or key)


def shaped(data: Mapping[str, Any]) -> bool:
    """Whether the steps can be shown one by one: a list of plain settings. What a text holds may be anything."""
    steps, label = data.get("steps", []), data.get("label") or {}
    return (
        isinstance(steps, list)
        and isinstance(label, Mapping)
        and all(
            isinstance(step, Mapping)
            and all(isinstance(name, str) for name in step)
            and all(_plain(name, value) for name, value in step.items())
            for step in steps
        )
    )


def _plain(setting: str, value: object) -> bool:
    """Whether the form has a field for a value like this: a word or number, several words, a title in each language."""
    if isinstance(value, list):
        return setting in LISTS and all(isinstance(word, str) for word in value)
    if isinstance(value, Mapping):
        return setting == "title" and all(isinstance(text, str) for text in (*value, *value.values()))
    return value is None or isinstance(value, str | int | float)


def rungs(data: Mapping[str, Any], findings: Iterable[Finding]) -> list[Rung]:
    """The steps in order; the first one after the due date is marked, so that the page can draw the line."""
    found: list[Rung] = []
    said = list(findings)
    before: int | None = None
    for at, step in enumerate(data.get("steps", []) if shaped(data) else []):
        days = step.get("days")
        of_due = step.get("from", "due") == "due"
        number = days if isinstance(days, int) and of_due else None
        key = str(step.get("key", ""))
        found.append(
            Rung(
                data=step,
                at=at,
                name=_titled(step) or (labels.step(key) if key else "?"),
                icon=ICONS.get(
                    str(step.get("channel" if step.get("action", MESSAGE) == MESSAGE else "action")), "send"
                ),
                day=moment(number) if of_due or not isinstance(days, int) else f"+{days}",
                apart=_apart(before, number),
                first_late=number is not None and number >= 0 and (before is None or before < 0),
                condition=condition(str(step.get("if") or "")),
                findings=[each for each in said if each.step == key],
            )
        )
        before = number if number is not None else before
    return found


def _titled(step: Mapping[str, Any]) -> str:
    """The title of a task in the language of the page, where the step has one."""
    title = step.get("title")
    return str(title.get(language()) or title.get("en") or "") if isinstance(title, Mapping) else ""


def moment(days: int | None) -> str:
    """J−7, J, J+12."""
    letter = _("D")
    if days is None:
        return "?"
    return letter if days == 0 else f"{letter}{'+' if days > 0 else '−'}{abs(days)}"


def in_days(days: int) -> str:
    """The same in words."""
    if days == 0:
        return _("on the due date")
    if days < 0:
        return ngettext("%(n)s day before the due date", "%(n)s days before the due date", -days) % {"n": -days}
    return ngettext("%(n)s day after the due date", "%(n)s days after the due date", days) % {"n": days}


def _apart(before: int | None, days: int | None) -> str:
    if before is None or days is None:
        return "0"
    return [size for least, size in NEAR if days - before >= least or least == 0][-1]


def condition(text: str, segments: Mapping[str, str] | None = None) -> str:
    """A condition with its facts, values and signs in words; empty where it is for everyone.

    `segments`: their names by key, where the condition may speak of them.
    """
    known = {fact.name: fact for fact in FACTS}
    names = segments or {}
    said, about = [], ""
    text = _KIND.sub(_kind, text)
    for piece in _PIECE.split(text):
        if piece in known:
            about = piece
            said.append(f"“{known[piece].meaning}”" if language() != "fr" else f"« {known[piece].meaning} »")
        elif piece == "segment":
            about = piece
            said.append(_("the segment"))
        elif piece.startswith("'"):
            value = piece[1:-1].replace("''", "'")
            said.append(segment_words.value(known[about], value) if about in known else names.get(value, value))
        else:
            said.append(_SIGNS.get(piece) or str(_JOINERS.get(piece.upper(), piece)))
    told = re.sub(r"\s+", " ", "".join(said)).strip()
    return _NUMBER.sub(",", told) if language() == "fr" else told


def _kind(found: re.Match[str]) -> str:
    """Who is meant, said without the name of the fact."""
    who = segment_words.value(next(fact for fact in FACTS if fact.name == "kind"), found[2])
    return "'" + (who if found[1] == "=" else _("all but: %(who)s") % {"who": who}).replace("'", "''") + "'"


def value(setting: str, raw: Any) -> str:
    """The value of a setting in words."""
    if raw in (None, "", {}):
        return "–"
    if setting == "days":
        return f"{moment(raw)} ({in_days(raw)})"
    if setting == "until":
        return moment(raw)
    if setting in {"if", "applies"}:
        return condition(str(raw))
    if setting == "label":
        return " / ".join(str(each) for each in raw.values())
    if setting in LISTS:
        known: Mapping[str, Any] = CHANNELS if setting == "fallback" else EVENTS
        return ", ".join(str(known.get(each, each)) for each in several(raw))
    if setting == "title":
        return " / ".join(str(each) for each in raw.values())
    words: Mapping[str, Any] = {
        "channel": CHANNELS, "tone": TONES, "mode": MODES, "from": ORIGINS, "action": ACTIONS, "responsible": ROLES,
    }.get(setting, {})  # fmt: skip
    if setting == "template":
        return labels.step(str(raw))
    return str(words.get(raw, raw))


def differences(found: Comparison) -> list[dict[str, Any]]:
    """What was added, removed and changed, ready to be shown."""
    told: list[dict[str, Any]] = [{"kind": "added", "step": labels.step(key)} for key in found.added]
    told += [{"kind": "removed", "step": labels.step(key)} for key in found.removed]
    for change in found.changed:
        told.append(
            {
                "kind": "changed",
                "step": labels.step(change.step) if change.step else _("The whole scenario"),
                "setting": SETTINGS[change.setting],
                "before": value(change.setting, change.before),
                "after": value(change.setting, change.after),
            }
        )
    return told


def of_the_whole(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if not finding.step]
