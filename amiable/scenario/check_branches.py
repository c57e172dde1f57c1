"""The branches of a scenario: those that nobody can take, events that nothing causes, settings without effect.

Comes in: a journey that has been read. Goes out: findings. It never looks at a customer.
"""

from collections.abc import Iterator, Mapping, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.law.rails import CALLS
from amiable.scenario.check_course import Course
from amiable.scenario.engine.channel import BEST, SPOKEN
from amiable.scenario.engine.journey import PLACE, Step
from amiable.scenario.engine.moment import EVENTS, SILENT
from amiable.scenario.finding import ERROR, WARNING, Finding

LONGEST_WAIT = 30  # days until a day of the month comes round
# What the customer does, as a sentence says it; only a message in writing can bring about the first three.
DOES = {
    "opened": gettext_lazy("opens a message"),
    "clicked": gettext_lazy("follows a link"),
    "bounced": gettext_lazy("gets a message that comes back"),
    "replied": gettext_lazy("answers"),
    "promised": gettext_lazy("promises"),
    "promise_broken": gettext_lazy("breaks a promise"),
    "part_paid": gettext_lazy("pays a part"),
    "payment_failed": gettext_lazy("tries to pay and cannot"),
    "disputed": gettext_lazy("disputes"),
}  # fmt: skip
OF_MESSAGES = ("opened", "clicked", "bounced")


def branches(judged: Course) -> Iterator[Finding]:
    """Everything that is wrong with what steps count from, branch on, end with and fall back to."""
    steps = judged.journey.steps
    for place, step in enumerate(steps):
        before = steps[:place]
        yield from _nothing_before(step, before)
        yield from _contradicts(step)
        yield from _uncaused(step, before, steps[place:])
        yield from _ended_before(judged, step, before)
        yield from _missed(step)
        yield from _away(judged, step, before)
        yield from _idle(judged, step)


def _nothing_before(step: Step, before: Sequence[Step]) -> Iterator[Finding]:
    """The first step has nothing before it that could be answered or counted from."""
    if before:
        return
    words = {"step": step.key}
    if step.start == "step":
        sentence = _("The step “%(step)s” never comes: its days count from the step before, and there is none.")
        yield Finding(ERROR, "never", step.key, sentence % words)
    elif step.answer and SILENT not in step.answer:
        sentence = _("The step “%(step)s” never comes: no step comes before it to which a customer could answer.")
        yield Finding(ERROR, "never", step.key, sentence % words)
    elif step.answer:
        sentence = _(
            "The branch of “%(step)s” has no effect: no step comes before it to which a customer could answer."
        )
        yield Finding(WARNING, "idle", step.key, sentence % words)


def _contradicts(step: Step) -> Iterator[Finding]:
    """A step that waits for something that its branch rules out."""
    if step.start in EVENTS and step.answer == (SILENT,):
        words = {"step": step.key, "does": DOES[step.start]}
        sentence = _(
            "The step “%(step)s” never comes: it counts from when the customer %(does)s, but is for those who did nothing."
        )
        yield Finding(ERROR, "never", step.key, sentence % words)


def _uncaused(step: Step, before: Sequence[Step], after: Sequence[Step]) -> Iterator[Finding]:
    """An answer that no step before can bring about, or an end that no step from here on can."""
    asked = [event for event in step.answer if event != SILENT]
    if asked and before and set(asked) <= set(OF_MESSAGES) and SILENT not in step.answer and not _write(before):
        words = {"step": step.key, "does": DOES[asked[0]]}
        sentence = _(
            "The step “%(step)s” never comes: it is for a customer who %(does)s, but no step before it writes."
        )
        yield Finding(ERROR, "never", step.key, sentence % words)
    for event in step.ends:
        if event in OF_MESSAGES and not _write(after):
            words = {"step": step.key, "does": DOES[event]}
            sentence = _(
                "“%(step)s” would end the journey when the customer %(does)s, but neither it nor a step after it writes."
            )
            yield Finding(WARNING, "idle", step.key, sentence % words)


def _write(steps: Sequence[Step]) -> bool:
    return any(channel not in CALLS for step in steps for channel in step.channels)


def _ended_before(judged: Course, step: Step, before: Sequence[Step]) -> Iterator[Finding]:
    """A branch on what has ended the journey by then."""
    wanted = {step.start} & set(EVENTS) or set(step.answer)
    for each in before:
        if wanted and wanted <= set(each.ends) and judged.comes_first(each, step):
            words: Mapping[str, object] = {
                "step": step.key, "does": DOES[min(wanted, key=EVENTS.index)], "before": each.key,
            }  # fmt: skip
            sentence = _(
                "The step “%(step)s” never comes: it is for a customer who %(does)s, and that ends the journey from"
                " “%(before)s” on."
            )
            yield Finding(ERROR, "never", step.key, sentence % words)
            return


def _away(judged: Course, step: Step, before: Sequence[Step]) -> Iterator[Finding]:
    """A message about what lies with an agency for good: only a colleague who takes it back lets it come."""
    if not step.contacts:
        return
    lasting = [each for each in before if each.action == PLACE and each.hold_days is None and not each.by_hand]
    gone = [each for each in lasting if judged.comes_first(each, step)]
    if gone:
        words = {"step": step.key, "before": gone[-1].key}
        sentence = _(
            "The step “%(step)s” writes about what “%(before)s” has handed to an agency: it comes only when a colleague takes it"
            " back. Give the agency a number of days, or end the journey there."
        )
        yield Finding(WARNING, "away", step.key, sentence % words)


def _missed(step: Step) -> Iterator[Finding]:
    """A step that may lapse before its day of the month comes."""
    if step.on_day is not None and step.until is not None and step.until - step.days < LONGEST_WAIT:
        words = {"step": step.key, "on_day": step.on_day, "until": step.until}
        sentence = _(
            "The step “%(step)s” may never come: it waits for day %(on_day)s of the month, and lapses after %(until)s days."
        )
        yield Finding(WARNING, "lapsed", step.key, sentence % words)


def _idle(judged: Course, step: Step) -> Iterator[Finding]:
    """Settings that change nothing."""
    if step.action == PLACE and step.mode == "automatic" and "consumer" in judged.kinds(step):
        sentence = _(
            "“%(step)s” waits for a word all the same: no private customer goes to an agency without a person’s yes."
        )
        yield Finding(WARNING, "idle", step.key, sentence % {"step": step.key})
    if step.action == PLACE and not step.agency and not judged.policy.get("agency"):
        sentence = _("“%(step)s” does nothing as it is: it names no agency, and the house rules name none.")
        yield Finding(WARNING, "no_agency", step.key, sentence % {"step": step.key})
    if step.channel != BEST and step.channel in step.fallback:
        sentence = _("“%(step)s” falls back to the channel that it has anyway.")
        yield Finding(WARNING, "idle", step.key, sentence % {"step": step.key})
    sent = step.contacts and step.mode == "automatic" and not set(step.channels) & set(SPOKEN)
    placed = step.action == PLACE and step.mode == "automatic" and judged.kinds(step) != ["consumer"]
    if step.responsible and (sent or placed or step.action in ("hold", "end")):
        sentence = _("Nobody need be responsible for “%(step)s”: it is done without a person.")
        yield Finding(WARNING, "idle", step.key, sentence % {"step": step.key})
    if step.contacts and step.mode == "manual" and not step.written:
        sentence = _("The call “%(step)s” is made by a person anyway: its mode has no effect.")
        yield Finding(WARNING, "idle", step.key, sentence % {"step": step.key})
