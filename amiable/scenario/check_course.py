"""The course of a scenario: steps that nobody can reach, that come too often, or that come when it is too late.

Comes in: a journey, the law, a creditor's policy. Goes out: findings. It never looks at a customer.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.law.packs import Law
from amiable.law.rails import CALLS
from amiable.ledger.models import Medium
from amiable.scenario.engine.channel import BEST
from amiable.scenario.engine.journey import FARTHEST, Journey, Step
from amiable.scenario.engine.moment import EVENTS
from amiable.scenario.engine.possible import KINDS, possible
from amiable.scenario.finding import ERROR, WARNING, Finding

WEEK = 7
TERMS = 30  # days from issue to due date that are usual; only to tell how near two steps may come
AUDIENCES = {
    "consumer": gettext_lazy("private customers"),
    "business": gettext_lazy("businesses"),
    "public": gettext_lazy("public bodies"),
}
# What somebody must have to be reached by a channel.
ADDRESSES = {
    "email": gettext_lazy("e-mail address"),
    "sms": gettext_lazy("mobile number"),
    "letter": gettext_lazy("postal address"),
    **dict.fromkeys(CALLS, gettext_lazy("telephone number")),
}
Reaches = Callable[[str, str], bool]  # (kind of customer, channel) → whether anyone of that kind can be reached by it


@dataclass(frozen=True)
class Course:
    """A journey with what it is judged by."""

    journey: Journey
    facts: Mapping[str, Any]
    law: Law
    policy: Mapping[str, Any]

    def holds(self, *steps: Step, fails: Sequence[str] = (), more: str = "", late: int = 0) -> bool:
        """Whether one customer of the scenario can meet the conditions of all these steps."""
        texts = [text for text in (self.journey.applies, *(step.condition for step in steps), more) if text]
        # Whoever has an invoice so many days late has something overdue, and for at least as long.
        span: dict[str, Any] = {}
        if late > 0:
            span = {"dpd": (late, None), "overdue_count": (1, None), "overdue": (0.01, None), "open": (0.01, None)}
        return possible(texts, fails=fails, facts=self.facts, span=span)

    def kinds(self, step: Step) -> list[str]:
        """The kinds of customers that a step can reach."""
        return [kind for kind in KINDS if self.holds(step, more=f"kind = '{kind}'")]

    def number(self, name: str) -> int | None:
        """A value of the law, narrowed by the creditor's policy; None where neither names one."""
        own = self.policy.get(name)
        try:
            legal = int(self.law.value(name))
        except KeyError:
            return int(own) if own is not None else None
        if own is None:
            return legal
        return max(legal, int(own)) if name.startswith("days_") else min(legal, int(own))

    def comes_first(self, earlier: Step, later: Step) -> bool:
        """Whether no invoice can get to the later step without having taken the earlier one."""
        if earlier.start in ("step", *EVENTS) or earlier.answer or earlier.tolerance > later.tolerance:
            return False  # a branch, which an invoice may pass by
        if earlier.until is not None and (
            later.start != earlier.start or later.until is None or later.until > earlier.until
        ):
            return False
        return not earlier.condition or not self.holds(later, fails=[earlier.condition])

    def first_days(self) -> dict[str, int]:
        """The first day past due on which each step can be made, gaps and the steps that must come first counted."""
        between = self.number("days_between_contacts") or 0
        found: dict[str, int] = {}
        for place, step in enumerate(self.journey.steps):
            before = [each for each in self.journey.steps[:place] if self.comes_first(each, step)]
            own = step.days if step.start == "due" else -FARTHEST
            apart = max(step.gap, step.days if step.start == "step" else 0)
            days = [found[each.key] + max(apart, between if each.contacts and step.contacts else 0) for each in before]
            found[step.key] = max([own, *days])
        return found


def course(judged: Course, *, reaches: Reaches, carried: Collection[str]) -> Iterator[Finding]:
    """Everything that is wrong with the order, the moments and the frequency of the steps."""
    if not judged.holds():
        words = {"condition": judged.journey.applies}
        sentence = _("Nobody can be in this scenario: its condition “%(condition)s” contradicts itself.")
        yield Finding(ERROR, "never", "", sentence % words)
        return
    yield from _unreachable(judged)
    yield from _unaddressed(judged, reaches)
    yield from _uncarried(judged, carried)
    yield from _too_small(judged)
    yield from _too_often(judged)
    yield from _too_close(judged)
    yield from _too_late(judged)


def _unreachable(judged: Course) -> Iterator[Finding]:
    first = judged.first_days()
    for place, step in enumerate(judged.journey.steps):
        words = {"step": step.key, "condition": step.condition, "days": step.days}
        if not judged.holds(step):
            sentence = _(
                "The step “%(step)s” never comes: its condition “%(condition)s” can hold for nobody in this scenario."
            )
            yield Finding(ERROR, "never", step.key, sentence % words)
        elif step.start == "due" and not judged.holds(step, late=step.days):
            sentence = _(
                "The step “%(step)s” never comes: its condition “%(condition)s” cannot hold for someone who is"
                " %(days)s days late."
            )
            yield Finding(ERROR, "never", step.key, sentence % words)
        elif step.start == "due" and step.until is not None and first[step.key] > step.until:
            before = [each for each in judged.journey.steps[:place] if judged.comes_first(each, step)][-1]
            words |= {"until": step.until, "before": before.key, "first": first[step.key]}
            sentence = _(
                "The step “%(step)s” never comes: it lapses after day %(until)s, but “%(before)s” comes first, so that"
                " day %(first)s is the earliest."
            )
            yield Finding(ERROR, "lapsed", step.key, sentence % words)


def _unaddressed(judged: Course, reaches: Reaches) -> Iterator[Finding]:
    for step in judged.journey.steps:
        kinds = judged.kinds(step)
        if not step.contacts or not kinds or any(reaches(kind, each) for kind in kinds for each in step.channels):
            continue
        whats = dict.fromkeys(str(ADDRESSES[each]) for each in step.channels)
        words = {"step": step.key, "what": _(" or ").join(whats)}
        words["who"] = ", ".join(str(AUDIENCES[kind]) for kind in kinds)
        sentence = _(
            "The step “%(step)s” reaches nobody: no customer it is meant for (%(who)s) has a usable %(what)s, and the"
            " steps after it wait for it."
        )
        yield Finding(WARNING, "no_address", step.key, sentence % words)


def _uncarried(judged: Course, carried: Collection[str]) -> Iterator[Finding]:
    """Steps whose own channel nothing carries. E-mail is the installation's, and its doctor tells; a fallback is extra."""
    for step in judged.journey.steps:
        if step.contacts and step.channel not in {*carried, BEST, Medium.EMAIL}:
            others = [str(Medium(each).label) for each in step.channels if each in carried]
            words = {"step": step.key, "channel": Medium(step.channel).label, "others": _(" or ").join(others)}
            sentence = (
                _(
                    "Nothing carries the channel of “%(step)s” (%(channel)s) yet: until you set one up under Channels, it goes"
                    " by %(others)s."
                )
                if others
                else _("Nothing carries the channel of “%(step)s” (%(channel)s) yet: set one up under Channels.")
            )
            yield Finding(WARNING, "no_carrier", step.key, sentence % words)


def _too_small(judged: Course) -> Iterator[Finding]:
    """A step with a smaller minimum than one that must come before it never makes use of it."""
    steps = judged.journey.steps
    for place, step in enumerate(steps):
        larger = [each for each in steps[:place] if each.minimum > step.minimum and judged.comes_first(each, step)]
        if larger:
            worst = max(larger, key=lambda each: each.minimum)
            words = {
                "step": step.key,
                "minimum": f"{step.minimum:g}",
                "before": worst.key,
                "larger": f"{worst.minimum:g}",
            }
            sentence = _(
                "The minimum of %(minimum)s of “%(step)s” has no effect: “%(before)s” comes first and asks for %(larger)s."
            )
            yield Finding(WARNING, "dominated", step.key, sentence % words)


def _too_often(judged: Course) -> Iterator[Finding]:
    """More contacts in seven days than are allowed: by the steps' own days, and for an invoice that comes in late."""
    for name, channels in (("contacts_per_7_days", None), ("calls_per_7_days", CALLS)):
        most = judged.number(name)
        if most is None:
            continue
        for days, severity in ((_on_time(judged), ERROR), (_at_once(judged), WARNING)):
            told = [
                step
                for step in judged.journey.steps
                if step.key in days and step.contacts and (not channels or set(channels) & set(step.channels))
            ]
            over = _over(judged, told, days, most)
            if over:
                yield _exceeds(judged, over, name=name, most=most, severity=severity)
                break


def _on_time(judged: Course) -> dict[str, int]:
    """The days of the steps of an invoice that was known before it was due, as the scenario alone would have them."""
    found: dict[str, int] = {}
    last: int | None = None
    for step in judged.journey.steps:
        own = {"due": step.days, "issue": step.days - TERMS}.get(step.start, (last or 0) + step.days)
        last = own if last is None else max(own, last + step.gap)
        found[step.key] = last
    return found


def _at_once(judged: Course) -> dict[str, int]:
    """The same for an invoice that comes in when every moment has passed: only gaps hold the steps apart."""
    found: dict[str, int] = {}
    day: int | None = None
    for step in judged.journey.steps:
        if step.until is None:
            # No invoice takes two steps on one day.
            apart = max(step.gap, 1, 0 if step.start in ("due", "issue") else step.days)
            day = judged.journey.steps[-1].days if day is None else day + apart
            found[step.key] = day
    return found


def _over(judged: Course, steps: Sequence[Step], days: Mapping[str, int], most: int) -> list[Step]:
    """The first run of steps in seven days that one customer may get and that are too many; branches do not add up."""
    for place, first in enumerate(steps):
        together = [first]
        for step in steps[place + 1 :]:
            if days[step.key] - days[first.key] < WEEK and judged.holds(*together, step):
                together.append(step)
        if len(together) > most:
            return together
    return []


def _exceeds(judged: Course, over: Sequence[Step], *, name: str, most: int, severity: str) -> Finding:
    source = next((p.article for p in judged.law.parameters if p.name == name and p.value == most), "")
    words = {
        "step": over[most].key, "count": len(over), "most": most, "first": over[0].key,
        "source": source or _("the creditor's own rule"),
    }  # fmt: skip
    sentences = {
        (ERROR, "contacts_per_7_days"): _(
            "From “%(first)s” on, %(count)s contacts fall within seven days; %(most)s are allowed (%(source)s)."
        ),
        (ERROR, "calls_per_7_days"): _(
            "From “%(first)s” on, %(count)s calls fall within seven days; %(most)s are allowed (%(source)s)."
        ),
        (WARNING, "contacts_per_7_days"): _(
            "An invoice that comes in late would bring %(count)s contacts within seven days from “%(first)s” on, where %(most)s"
            " are allowed: give the steps a gap."
        ),
        (WARNING, "calls_per_7_days"): _(
            "An invoice that comes in late would bring %(count)s calls within seven days from “%(first)s” on, where %(most)s"
            " are allowed: give the steps a gap."
        ),
    }
    return Finding(severity, "cap", over[most].key, sentences[severity, name] % words)


def _too_close(judged: Course) -> Iterator[Finding]:
    apart, days = judged.number("days_between_contacts"), _on_time(judged)
    steps = judged.journey.steps
    for place, step in enumerate(steps):
        near = [
            each
            for each in steps[:place]
            if step.contacts
            and each.contacts
            and step.start not in EVENTS  # what the customer does takes its time
            and days[step.key] - days[each.key] < (apart or 0)
            and judged.holds(each, step)
        ]
        if near:
            words = {"step": step.key, "before": near[-1].key, "apart": apart}
            sentence = _("The step “%(step)s” would wait: it stands less than %(apart)s days after “%(before)s”.")
            yield Finding(WARNING, "gap", step.key, sentence % words)


def _too_late(judged: Course) -> Iterator[Finding]:
    """Steps that begin when the debt may no longer be claimed."""
    first = judged.first_days()
    for step in judged.journey.steps:
        for kind in judged.kinds(step) if step.contacts else ():
            name = "consumer_time_bar_days" if kind == "consumer" else "business_time_bar_days"
            bar = judged.number(name)
            days = step.days if step.start == "due" else first[step.key]
            if bar is not None and days > bar:
                article = next(p.article for p in judged.law.parameters if p.name == name)
                words = {"step": step.key, "days": days, "bar": bar, "who": AUDIENCES[kind], "source": article}
                sentence = _(
                    "The step “%(step)s” comes %(days)s days after the due date, when the debt is time-barred for %(who)s"
                    " (%(bar)s days, %(source)s)."
                )
                yield Finding(ERROR, "time_bar", step.key, sentence % words)
                break
