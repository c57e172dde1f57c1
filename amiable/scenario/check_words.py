"""The words of a scenario: what its texts must say, and what an amicable text, or one to a consumer, may not say.

Comes in: a journey, the texts of its steps, the law. Goes out: findings. It never sends anything.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.core.errors import UnableTo
from amiable.law.packs import Parameter
from amiable.scenario.check_course import AUDIENCES, Course
from amiable.scenario.engine.journey import Step
from amiable.scenario.finding import ERROR, WARNING, Finding

LANGUAGES = {"fr": gettext_lazy("French"), "en": gettext_lazy("English")}
FORMAL = "formal_notice"


@dataclass(frozen=True)
class Text:
    """A message's text as it is written, and every name that it fills in, layout included."""

    words: str
    names: frozenset[str]


Texts = Callable[
    [str, str, str, str], Text
]  # (template, audience, language, tone); raises UnableTo where there is none


def _names(*wanted: str) -> Callable[[Text], bool]:
    return lambda text: any(name in text.names for name in wanted)


def _says(pattern: str) -> Callable[[Text], bool]:
    found = re.compile(pattern, re.IGNORECASE)
    return lambda text: found.search(text.words) is not None


# What the law packs ask a text to say, by the names that they use.
MENTIONS = {
    "creditor": (gettext_lazy("who the creditor is"), _names("creditor.name")),
    "amount": (gettext_lazy("the amount asked for"), _names("to_pay", "about_to_pay", "total", "about_total")),
    "invoices": (gettext_lazy("the invoices it is about"), _names("invoices")),
    "deadline": (gettext_lazy("the day by which to answer"), _names("answer_by")),
    "objection": (gettext_lazy("how to answer or object"), _names("talk_url", "creditor.email", "creditor.phone")),
    "opt_out": (gettext_lazy("how to get no more such messages"), _names("unsubscribe_url")),
    "demand": (
        gettext_lazy("that it is a formal notice"),
        _says(r"met\w* en demeure|mise en demeure|formal notice|formally"),
    ),
    "interest": (gettext_lazy("the late-payment interest (art. L.441-10)"), _says(r"L\.?\s*441-10")),
    "indemnity": (gettext_lazy("the fixed indemnity of €40"), _says(r"(\b40\s*(€|EUR|euros)|€\s*40\b)")),
}
# Words of forced collection: an amicable step neither names nor threatens them.
_FORCED = re.compile(
    r"\b(huissiers?|commissaires? de justice"
    r"|saisies?(?! (?:de|des|du|d['’])\s*(?:vos |votre |données|coordonnées|montant|code))"
    r"|saisir (?:vos|votre|le tribunal|la justice|le juge)"
    r"|injonctions?|titres? exécutoires?|exécution forcée|recouvrement (?:forcé|judiciaire)"
    r"|poursuites? judiciaires?|voies? judiciaires?|procédures? judiciaires?|tribunal|tribunaux"
    r"|bailiffs?|enforcement (?:agents?|officers?)|seizures?|garnish\w*|attachment of earnings|county court|prosecut\w*"
    r"|court (?:orders?|action|proceedings|claim)|legal (?:action|proceedings))\b",
    re.IGNORECASE,
)
# What may not be asked of a consumer without a title: costs of collection, and the indemnity of traders.
_FEES = re.compile(
    r"frais (?:de |d['’])?(?:recouvrement|relance|rappel|dossier|gestion|retard|rejet|mise en demeure|traitement|impayés?)"
    r"|frais[^.\n]{0,60}?(?:s['’]ajout|seront|sont (?:dus|facturés|à votre charge)|vous seront|à votre charge)"
    r"|indemnité forfaitaire|clause pénale|majoration de \d"
    r"|(?:collection|recovery|reminder|admin(?:istration|istrative)?|handling|late[- ]payment|late) (?:fees?|costs?|charges?)"
    r"|fixed (?:indemnity|sum for recovery)|(?:fees?|costs?|charges?)[^.\n]{0,40}?(?:will be|are) (?:added|charged|payable|due)",
    re.IGNORECASE,
)
_NO_FEES = re.compile(
    r"\b(?:aucune?s?|sans|ni|pas de|no|without(?: any)?)\s+(?:\w+\s+){0,2}?(?:frais|indemnités?|fees?|costs?|charges?)[^.\n]*",
    re.IGNORECASE,
)
_LIQUID = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)


def words(judged: Course, *, texts: Texts) -> Iterator[Finding]:
    """Everything that is wrong with what the steps say. The same fault in two languages is told once."""
    for step in judged.journey.steps:
        yield from _named(step)
        if not step.written:
            continue
        kinds = judged.kinds(step)
        audiences = [
            name for name in ("consumer", "business") if name in kinds or (name == "business" and "public" in kinds)
        ]
        seen: set[tuple[str, str]] = set()
        for audience in audiences:
            for language in LANGUAGES:
                for finding in _of_text(judged, step, audience, language, texts):
                    if (finding.code, finding.sentence) not in seen:
                        seen.add((finding.code, finding.sentence))
                        yield finding


def _named(step: Step) -> Iterator[Finding]:
    """A step that bears the name of an act of forced collection."""
    found = _FORCED.search(f"{step.key} {step.template}".replace("_", " "))
    if found:
        sentence = _("The step “%(step)s” mixes amicable with forced collection: it is named after “%(word)s”.")
        yield Finding(ERROR, "forced", step.key, sentence % {"step": step.key, "word": found[0]})


def _of_text(judged: Course, step: Step, audience: str, language: str, texts: Texts) -> Iterator[Finding]:
    about = {"step": step.key, "who": AUDIENCES[audience], "language": LANGUAGES[language], "text": step.template}
    try:
        text = texts(step.template, audience, language, step.tone)
    except UnableTo:
        sentence = _("The step “%(step)s” has nothing to say: there is no text “%(text)s” for %(who)s in %(language)s.")
        yield Finding(ERROR, "no_text", step.key, sentence % about)
        return
    yield from _missing(judged, step, audience, text, about)
    yield from _forbidden(judged, step, audience, text, about)


def _missing(judged: Course, step: Step, audience: str, text: Text, about: Mapping[str, object]) -> Iterator[Finding]:
    rules = ["message_mentions"]
    if step.template == FORMAL or MENTIONS["demand"][1](text):
        rules.append(f"formal_notice_mentions_{audience}")
    for parameter in _asked(judged, rules):
        for name in parameter.value:
            label, said = MENTIONS[name]
            if not said(text):
                sentence = _("The text of “%(step)s” for %(who)s in %(language)s must say %(what)s (%(source)s).")
                yield Finding(
                    ERROR, "mention", step.key, sentence % {**about, "what": label, "source": parameter.article}
                )


def _asked(judged: Course, names: Sequence[str]) -> list[Parameter]:
    return [parameter for parameter in judged.law.parameters if parameter.name in names]


def _forbidden(judged: Course, step: Step, audience: str, text: Text, about: Mapping[str, object]) -> Iterator[Finding]:
    said = _LIQUID.sub(" ", text.words)
    forced = _FORCED.search(said)
    if forced:
        sentence = _(
            "The text of “%(step)s” for %(who)s in %(language)s mixes amicable with forced collection: “%(word)s”."
        )
        yield Finding(ERROR, "forced", step.key, sentence % {**about, "word": forced[0]})
    rule = next(iter(_asked(judged, ["consumer_indemnity_allowed"])), None)
    if audience != "consumer" or rule is None or rule.value:
        return
    charged = _FEES.search(_NO_FEES.sub(" ", said))
    if charged:
        sentence = _("The text of “%(step)s” charges a consumer in %(language)s: “%(word)s” (%(source)s).")
        yield Finding(ERROR, "fee", step.key, sentence % {**about, "word": charged[0], "source": rule.article})
    elif "consumer" in judged.kinds(step) and re.search(
        r"pénalités? de retard|late[- ]payment interest", said, re.IGNORECASE
    ):
        sentence = _(
            "The text of “%(step)s” speaks to a consumer of penalties: only what the contract or a judge allows is due."
        )
        yield Finding(WARNING, "fee", step.key, sentence % about)
