"""The words of the texts' pages: media, languages, audiences, tones, states, and what changed between two versions."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.outreach import compose
from amiable.outreach.house import Place
from amiable.outreach.models import Template, Tone
from amiable.outreach.names import NAMES
from amiable.web.desk import labels

MEDIA = {
    "email": gettext_lazy("E-mail"),
    "sms": gettext_lazy("SMS"),
    "letter": gettext_lazy("Letter"),
    "call": gettext_lazy("Call script"),
    "ivr": gettext_lazy("Voice server"),
}
ICONS = {"email": "mail", "sms": "device-mobile", "letter": "file-invoice", "call": "phone", "ivr": "keyboard"}
LANGUAGES = {"fr": gettext_lazy("French"), "en": gettext_lazy("English")}
AUDIENCES = {"business": gettext_lazy("Businesses"), "consumer": gettext_lazy("Private customers")}
TONES = dict(Tone.choices)
# The names of a text in groups that a writer looks for.
GROUPS = {
    "creditor": gettext_lazy("The creditor"),
    "person": gettext_lazy("A person to speak to"),
    "first": gettext_lazy("The first invoice"),
    "invoices": gettext_lazy("The invoices, in a loop"),
    "also": gettext_lazy("Others, in a loop"),
    "statement": gettext_lazy("The whole account"),
    "payment": gettext_lazy("A payment"),
    "promise": gettext_lazy("A promise"),
    "plan": gettext_lazy("A plan"),
    "dispute": gettext_lazy("A dispute"),
    "survey": gettext_lazy("A survey"),
}
ORDER = (
    "courtesy_notice", "reminder_1", "reminder_2", "reminder_3", "formal_notice", "statement", "early_warning",
    "hardship_help", "promise_confirmed", "promise_broken", "plan_offered", "plan_agreed", "plan_due", "plan_late", "receipt",
    "payment_failed", "payment_link", "dispute_received", "dispute_answered", "dispute_message", "invoice_copy", "survey", "call",
)  # fmt: skip


@dataclass(frozen=True)
class Changed:
    """One line of a comparison; `sign`: + - or nothing."""

    sign: str
    words: str


def title(place: Place) -> str:
    return labels.step(place.key)


def about(place: Place) -> str:
    """Where a text stands, in a line."""
    said = (MEDIA[place.medium], LANGUAGES[place.language], AUDIENCES[place.audience], TONES[place.tone])
    return " · ".join(str(each) for each in said)


def state(row: Template, speaking: Template | None) -> dict[str, str]:
    """What a version is now, and its colour."""
    if row.retired_at:
        return {"state": _("Put away"), "tone": ""}
    if speaking and row.pk == speaking.pk:
        return {"state": _("In use"), "tone": "good"}
    if row.approved_at:
        return {"state": _("Was in use"), "tone": ""}
    if speaking and row.version < speaking.version:
        return {"state": _("Overtaken"), "tone": ""}
    return {"state": _("Draft"), "tone": "warn"}


def typed(row: Template) -> str:
    """A version as it is typed, in one piece, whatever it was kept as."""
    found = compose.read(row.body, subject=row.subject)
    return compose.write(subject=found.subject, preheader=found.preheader, body=found.body)


def changes(before: str, after: str) -> list[Changed]:
    """Line by line, with a little of what stayed around it."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=2, lineterm=""))[2:]
    return [
        Changed(line[:1].strip() if line[:2] != "@@" else "…", "" if line[:2] == "@@" else line[1:]) for line in lines
    ]


def names(language: str) -> Iterator[Mapping[str, Any]]:
    """The names that a text may use, group by group."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in NAMES:
        root = name.path.split(".")[0].removesuffix("[]")
        group = str(GROUPS.get(root, _("The message")))
        found.setdefault(group, []).append(
            {
                "path": name.path,
                "written": _written(name.path),
                "meaning": name.meaning,
                "example": name.example(language),
            }
        )
    for group, rows in found.items():
        yield {"label": group, "rows": rows}


def _written(path: str) -> str:
    """How a name is typed: inside a loop, the list's items are called line, part or row."""
    head, mark, rest = path.partition("[]")
    if not mark:
        return f"{{{{ {path} }}}}"
    item = "part" if head.endswith("instalments") else "row" if head.endswith("address") else "line"
    return f"{{{{ {item}{rest} }}}}"
