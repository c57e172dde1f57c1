"""The words of a scenario: what its texts must say, and what an amicable text, or one to a consumer, may not say.

Comes in: a journey, the texts of its steps, the law. Goes out: findings. It never sends anything.
"""

from collections.abc import Callable, Iterator
from itertools import product

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.core.errors import UnableTo
from amiable.ledger.models import Medium
from amiable.outreach.mentions import FORCED, Text, faults
from amiable.scenario.check_course import AUDIENCES, Course
from amiable.scenario.engine.channel import BEST, SPOKEN
from amiable.scenario.engine.journey import Step
from amiable.scenario.finding import ERROR, WARNING, Finding

LANGUAGES = {"fr": gettext_lazy("French"), "en": gettext_lazy("English")}
# (template, medium, audience, language, tone); raises UnableTo where there is none
Texts = Callable[[str, str, str, str, str], Text]


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
        media = [channel for channel in step.channels if channel not in SPOKEN]
        for medium, audience, language in product(media, audiences, LANGUAGES):
            for finding in _of_text(judged, step, medium, audience, language, texts):
                if (finding.code, finding.sentence) not in seen:
                    seen.add((finding.code, finding.sentence))
                    yield finding


def _named(step: Step) -> Iterator[Finding]:
    """A step that bears the name of an act of forced collection."""
    found = FORCED.search(f"{step.key} {step.template}".replace("_", " "))
    if found:
        sentence = _("The step “%(step)s” mixes amicable with forced collection: it is named after “%(word)s”.")
        yield Finding(ERROR, "forced", step.key, sentence % {"step": step.key, "word": found[0]})


def _of_text(judged: Course, step: Step, medium: str, audience: str, language: str, texts: Texts) -> Iterator[Finding]:
    spoken = LANGUAGES[language] if medium == Medium.EMAIL else f"{LANGUAGES[language]} ({Medium(medium).label})"
    about = {"step": step.key, "who": AUDIENCES[audience], "language": spoken, "text": step.template}
    try:
        text = texts(step.template, medium, audience, language, step.tone)
    except UnableTo:
        sentence = _("The step “%(step)s” has nothing to say: there is no text “%(text)s” for %(who)s in %(language)s.")
        # Of the best channel it is only known on the day whether it will be this one.
        severity = WARNING if step.channel == BEST and medium not in step.fallback else ERROR
        yield Finding(severity, "no_text", step.key, sentence % about)
        return
    for fault in faults(text, purpose=step.template, audience=audience, law=judged.law, policy=judged.policy):
        if fault.kind == "penalty" and "consumer" not in judged.kinds(step):
            continue
        code, said = _SENTENCES[fault.kind]
        told = {**about, "what": fault.what, "word": fault.what, "source": fault.source}
        yield Finding(ERROR if fault.stops else WARNING, code, step.key, str(said) % told)


# A fault of a text, told of the step that would send it.
_FEE = gettext_lazy("The text of “%(step)s” charges a consumer in %(language)s: “%(word)s” (%(source)s).")
_SENTENCES = {
    "mention": (
        "mention",
        gettext_lazy("The text of “%(step)s” for %(who)s in %(language)s must say %(what)s (%(source)s)."),
    ),
    "forced": (
        "forced",
        gettext_lazy(
            "The text of “%(step)s” for %(who)s in %(language)s mixes amicable with forced collection: “%(word)s”."
        ),
    ),
    "fee": ("fee", _FEE),
    "charges": ("fee", _FEE),
    "penalty": (
        "fee",
        gettext_lazy(
            "The text of “%(step)s” speaks to a consumer of penalties: only what the contract or a judge allows is due."
        ),
    ),
}
