"""What a text must say, and what it may not: the one mechanism for the editor, the command and the check of scenarios.

In: a text's words and names, for whom it is, the law. Out: faults, each with its source. It never sends anything.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from amiable.law.packs import Law, Parameter
from amiable.ledger.choose import named

FORMAL = "formal_notice"


@dataclass(frozen=True)
class Text:
    """A message's text as it is written, and every name that it fills in, layout included."""

    words: str
    names: frozenset[str]
    medium: str = "email"


@dataclass(frozen=True)
class Fault:
    """`kind`: mention, forced, fee, penalty or charges; `what`: the mention that lacks, or the words that may not be."""

    kind: str
    what: str | Promise
    source: str = ""

    @property
    def stops(self) -> bool:
        """Whether a text with this fault may not be sent."""
        return self.kind != "penalty"

    @property
    def sentence(self) -> str:
        return str(_SENTENCES[self.kind]) % {"what": self.what, "source": self.source}


_SENTENCES = {
    "mention": gettext_lazy("It must say %(what)s (%(source)s)."),
    "forced": gettext_lazy("It mixes amicable with forced collection: “%(what)s”."),
    "fee": gettext_lazy("It charges a consumer: “%(what)s” (%(source)s)."),
    "penalty": gettext_lazy("It speaks to a consumer of penalties: only what the contract or a judge allows is due."),
    "charges": gettext_lazy("A text for consumers may not name “%(what)s” (%(source)s)."),
}


def _names(*wanted: str) -> Callable[[Text], bool]:
    return lambda text: any(name in text.names for name in wanted)


def _says(pattern: str) -> Callable[[Text], bool]:
    found = re.compile(pattern, re.IGNORECASE)
    return lambda text: found.search(text.words) is not None


def _answerable(text: Text) -> bool:
    """An SMS has room for one link: the page behind it takes answers too."""
    ways = ("talk_url", "creditor.email", "creditor.phone", "person.phone", "person.email")
    return _names(*ways, *(("pay_url", "survey_url") if text.medium == "sms" else ()))(text)


# What the law packs ask a text to say, by the names that they use.
MENTIONS: Mapping[str, tuple[str | Promise, Callable[[Text], bool]]] = {
    "creditor": (gettext_lazy("who the creditor is"), _names("creditor.name")),
    "amount": (
        gettext_lazy("the amount asked for"),
        _names("to_pay", "about_to_pay", "total", "about_total"),
    ),
    "invoices": (gettext_lazy("the invoices it is about"), _names("invoices")),
    "deadline": (gettext_lazy("the day by which to answer"), _names("answer_by")),
    "objection": (gettext_lazy("how to answer or object"), _answerable),
    "opt_out": (gettext_lazy("how to get no more such messages"), _names("unsubscribe_url", "sms_stop")),
    "demand": (
        gettext_lazy("that it is a formal notice"),
        _says(r"met\w* en demeure|mise en demeure|formal notice|formally"),
    ),
    "mediator": (gettext_lazy("the consumers’ mediator"), _names("creditor.mediator")),
    "interest": (
        gettext_lazy("the late-payment interest (art. L.441-10)"),
        lambda text: "late_charges" in text.names or _says(r"L\.?\s*441-10")(text),
    ),
    "indemnity": (
        gettext_lazy("the fixed indemnity of €40"),
        lambda text: "indemnity" in text.names or _says(r"(\b40\s*(€|EUR|euros)|€\s*40\b)")(text),
    ),
}
OF_CHOICE = ("interest", "indemnity")  # asked for only where the creditor's policy speaks of them
LATE_NAMES = ("indemnity", "late_charges", "late_interest", "charges_included", "charges_besides")  # never to consumers
# Asked of what is written and sent; a letter is answered by letter, a call is a conversation, and the payment line says
# after each text which key leads to a person and which ends such calls.
WITHOUT: Mapping[str, frozenset[str]] = {
    "letter": frozenset({"opt_out"}), "call": frozenset(MENTIONS), "ivr": frozenset({"objection", "opt_out"}),
}  # fmt: skip
# Words of forced collection: an amicable step neither names nor threatens them.
FORCED = re.compile(
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
_PENALTIES = re.compile(r"pénalités? de retard|intérêts? de retard|late[- ]payment interest", re.IGNORECASE)
_LIQUID = re.compile(r"\{%[^%]*%\}|\{\{[^}]*\}\}")


def faults(text: Text, *, purpose: str, audience: str, law: Law, policy: Mapping[str, Any]) -> Iterator[Fault]:
    """Everything that is wrong with a text for this audience (consumer, business) under this law."""
    yield from _missing(text, purpose, audience, law, policy)
    yield from _forbidden(text, audience, law)


def _missing(text: Text, purpose: str, audience: str, law: Law, policy: Mapping[str, Any]) -> Iterator[Fault]:
    rules = {"message_mentions", f"{purpose}_mentions_{audience}"}
    if MENTIONS["demand"][1](text):
        rules.add(f"{FORMAL}_mentions_{audience}")
    asked = named(policy, country=law.country, audience=audience, as_of=law.as_of)
    chosen_of = dict(zip(OF_CHOICE, asked, strict=True))
    for parameter in _asked(law, *rules):
        for name in parameter.value:
            chosen = chosen_of.get(name, True)
            label, said = MENTIONS[name]
            if chosen and name not in WITHOUT.get(text.medium, ()) and not said(text):
                yield Fault("mention", label, parameter.article)


def _forbidden(text: Text, audience: str, law: Law) -> Iterator[Fault]:
    said = _LIQUID.sub(" ", text.words)
    forced = FORCED.search(said)
    if forced:
        yield Fault("forced", forced[0])
    rule = next(iter(_asked(law, "consumer_indemnity_allowed")), None)
    if audience != "consumer" or rule is None or rule.value:
        return
    for name in (each for each in LATE_NAMES if each in text.names):
        yield Fault("charges", name, rule.article)
    charged = _FEES.search(_NO_FEES.sub(" ", said))
    if charged:
        yield Fault("fee", charged[0], rule.article)
    elif _PENALTIES.search(said):
        yield Fault("penalty", "")


def _asked(law: Law, *names: str) -> list[Parameter]:
    return [parameter for parameter in law.parameters if parameter.name in names]
