"""A scenario as people read it: days from the due date, conditions in words, what differs between two versions."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from amiable.outreach.models import Tone
from amiable.portfolio.facts import FACTS
from amiable.scenario.compare import Comparison
from amiable.scenario.finding import Finding
from amiable.web.desk import labels, segment_words
from amiable.web.templatetags.amiable_ui import language

ICONS = {"email": "mail", "call": "phone", "sms": "device-mobile", "letter": "file-invoice"}
CHANNELS = {"email": gettext_lazy("E-mail"), "call": gettext_lazy("Call")}
MODES = {"automatic": gettext_lazy("automatic"), "confirm": gettext_lazy("waits for a word")}
TONES = dict(Tone.choices)
SETTINGS = {
    "label": gettext_lazy("Name"),
    "applies": gettext_lazy("For whom"),
    "key": gettext_lazy("Key"),
    "level": gettext_lazy("Level"),
    "days": gettext_lazy("Day"),
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
        return moment(last) if isinstance(last, int) else ""

    @property
    def spoken(self) -> bool:
        """Whether a message is written, which can be looked at."""
        return bool(self.data.get("channel") != "call")


def name(data: Mapping[str, Any], key: str = "") -> str:
    """The scenario's name in the language of the page."""
    label = data.get("label")
    said = label.get(language()) or label.get("en") if isinstance(label, Mapping) else ""
    return str(said or data.get("key") or key)


def rungs(data: Mapping[str, Any], findings: Iterable[Finding]) -> list[Rung]:
    """The steps in order; the first one after the due date is marked, so that the page can draw the line."""
    found: list[Rung] = []
    said = list(findings)
    steps = data.get("steps")
    before: int | None = None
    for at, step in enumerate(steps if isinstance(steps, list) else []):
        days = step.get("days")
        number = days if isinstance(days, int) else None
        key = str(step.get("key", ""))
        found.append(
            Rung(
                data=step,
                at=at,
                name=labels.step(key) if key else "?",
                icon=ICONS.get(str(step.get("channel")), "send"),
                day=moment(number),
                apart=_apart(before, number),
                first_late=number is not None and number >= 0 and (before is None or before < 0),
                condition=condition(str(step.get("if") or "")),
                findings=[each for each in said if each.step == key],
            )
        )
        before = number if number is not None else before
    return found


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
    words: Mapping[str, Any] = {"channel": CHANNELS, "tone": TONES, "mode": MODES}.get(setting, {})
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
