"""Writes docs/reference.md: what the registries hold, so that the page cannot tell of what is not there.

`python tools/reference.py` writes it; tests/test_house.py says when it is stale.
"""

import os
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference.md"
HEAD = """# Reference

What this version knows. Made by `python tools/reference.py` from the code; do not edit by hand."""


def page() -> str:
    """The page as it should read now. Django must have been set up."""
    from django.utils.translation import override

    from amiable.day import STEPS
    from amiable.insight.kpi import declared
    from amiable.intake.formats import formats
    from amiable.law.packs import FALLBACK, FILES, law
    from amiable.law.rails import SENTENCES
    from amiable.outreach.channel import channels
    from amiable.outreach.names import NAMES
    from amiable.outreach.sandbox import FILTERS
    from amiable.outreach.shape import parts
    from amiable.payments import statements
    from amiable.payments.providers import providers
    from amiable.portfolio.facts import FACTS
    from amiable.portfolio.segments import starter
    from amiable.scenario.shelf import shipped

    with override("en"):
        parts = [
            HEAD,
            table("The day", "Its steps, in order.", "step, what it does", *((key, _first(step)) for key, step in STEPS.items())),
            table(
                "Channels", "How words leave.", "key, name, medium",
                *((c.key, c.label, c.medium) for c in channels().values()),
            ),
            table(
                "Texts", "What the house says; a letter without a text of its own says what the e-mail says.",
                "purpose, e-mail, sms, letter, call", *_texts(),
            ),
            table(
                "Names of texts", "What a text may fill in; what stands in a list has [] after the list's name.",
                "name, meaning, example",
                *((f"`{n.path}`", n.meaning, _example(n.example("en"))) for n in NAMES),
            ),
            table(
                "Parts of texts", "What e-mails and letters may place, each on a line of its own.", "part",
                *((f"`[{part}]`",) for part in parts()),
            ),
            table(
                "Filters of texts", "What may stand after a bar: `{{ customer.name | upcase }}`.", "filters",
                (", ".join(FILTERS),),
            ),
            table(
                "Payment providers", "Where customers pay.", "key, name, can",
                *((p.key, p.label, ", ".join(sorted(p.supports))) for p in providers().values()),
            ),
            table(
                "File formats", "What claims come in as.", "key, name, what it is",
                *((f.key, f.label, _first(f)) for f in formats().values()),
            ),
            table(
                "Formats of bank statements", "What the bank's word comes in as.", "key, name, what it is",
                *((f.key, f.label, _first(f)) for f in statements.formats().values()),
            ),
            table(
                "Key figures", "What is measured, and how.", "key, name, unit, formula",
                *((k.key, k.label, k.unit, k.formula) for k in declared().values()),
            ),
            table(
                "Facts", "What conditions of segments and steps may name.", "fact, unit, meaning",
                *((fact.name, fact.unit, fact.meaning) for fact in FACTS),
            ),
            table(
                "Segments", "The starter set; the first that matches wins.", "key, condition",
                *((s["key"], _code(s["when"])) for s in starter()),
            ),
            *(_scenario(data) for data in shipped()),
            table("Rails", "What may keep a contact from being made.", "rail, it says", *SENTENCES.items()),
            table(
                "Law packs", "Dated values per country; any other country has the common cautious ones.", "country, file, values",
                *((land, file, len(law(land, date.max).parameters)) for land, file in [*FILES.items(), ("other", FALLBACK)]),
            ),
        ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def table(title: str, about: str, heads: str, *rows: tuple[object, ...]) -> str:
    """A heading, a sentence and a Markdown table; `heads` are parted by commas."""
    names = heads.split(", ")
    cells = [" | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    lines = [" | ".join(names), " | ".join(["---"] * len(names)), *cells]
    return "\n".join([f"## {title}\n\n{about}\n", *(f"| {line} |" for line in lines)])


def _scenario(data: Mapping[str, Any]) -> str:
    steps = [
        (
            s["level"],
            s["key"],
            s["days"],
            " → ".join([s["channel"], *s.get("fallback", ())]),
            s.get("mode", "automatic"),
        )
        for s in data["steps"]
    ]
    about = f"For customers with {_code(data['applies'])}."
    return table(f"Scenario: {data['label']['en']}", about, "level, step, days past due, channel, mode", *steps)


def _texts() -> list[tuple[str, ...]]:
    """The tones of each purpose by medium, as they are in French and English for both audiences."""
    from amiable.outreach.house import keys, shelf

    found: dict[tuple[str, str], list[str]] = {}
    for place in shelf():
        if (place.language, place.audience) == ("fr", "business"):
            found.setdefault((place.key, place.medium), []).append(place.tone)
    tones = {cell: ", ".join(sorted(told, key=("warm", "neutral", "firm").index)) for cell, told in found.items()}
    return [(key, *(tones.get((key, medium), "") for medium in ("email", "sms", "letter", "call"))) for key in keys()]


def _example(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)[:60]) if isinstance(value, bool) else str(value)[:60]


def _first(thing: object) -> str:
    return (thing.__doc__ or "").strip().partition("\n")[0]


def _code(text: str) -> str:
    return f"`{text}`" if text else "everyone else"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amiable.settings")
    import django

    django.setup()
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
