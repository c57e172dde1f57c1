"""One message instead of several: accounts that one person looks after, each of which would be written to on that day.

In: facts of one batch that may leave. Out: the same, those of one address folded into the one that speaks for all.
Never: a formal notice among others, two private persons, or accounts that not every colleague may see alike.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence

from amiable.ledger.models import CustomerKind, Medium
from amiable.outreach.gather import Facts
from amiable.outreach.models import Message

PURPOSE = "digest"  # the text that tells several accounts
# Texts that may share a message; a formal notice, or an answer to something that one customer did, stands alone.
SHARING = ("courtesy_notice", "reminder_1", "reminder_2", "reminder_3", "early_warning")
MOST = 20  # accounts in one message


def shares(message: Message) -> bool:
    return message.capped and message.medium == Medium.EMAIL and message.purpose in SHARING and bool(message.address)


def fold(leaving: Sequence[Facts]) -> list[Facts]:
    """Those that speak: each alone, or for the others of its address (`together`), at the highest step among them."""
    groups: dict[tuple[object, ...], list[Facts]] = defaultdict(list)
    for facts in leaving:
        groups[_key(facts)].append(facts)
    speaking = []
    for group in groups.values():
        for start in range(0, len(group), MOST):
            lead, *others = sorted(group[start : start + MOST], key=lambda each: (-each.message.level, each.message.pk))
            lead.together = tuple(others)
            speaking.append(lead)
    return speaking


def one_each(messages: Sequence[Message]) -> list[Message]:
    """Of each customer the first message, and those of its other currencies that may share it; the rest waits."""
    kept: dict[int, list[Message]] = defaultdict(list)
    for message in messages:
        known = kept[message.customer_id]
        if not known or (
            shares(message)
            and all(shares(each) and each.address == message.address for each in known)
            and message.currency not in {each.currency for each in known}
        ):
            known.append(message)
    return sorted((each for known in kept.values() for each in known), key=lambda each: each.pk)


def alone(leaving: Collection[Facts], speaking: Collection[Facts]) -> set[int]:
    """Messages that would be a second one to their customer, since they found no place in the first."""
    told = {each.message.pk: lead.message.pk for lead in speaking for each in (lead, *lead.together)}
    first: dict[int, int] = {}
    late = set()
    for each in sorted(leaving, key=lambda each: each.message.pk):
        lead = told[each.message.pk]
        if first.setdefault(each.message.customer_id, lead) != lead:
            late.add(each.message.pk)
    return late


def _key(facts: Facts) -> tuple[object, ...]:
    message, customer = facts.message, facts.customer
    if not shares(message) or facts.address is None:
        return (message.pk,)
    if customer.kind == CustomerKind.CONSUMER:  # what one person owes is told to nobody else at their address
        return (customer.pk, facts.address.value.lower())
    # The colleagues who see one of these customers see the others.
    return (
        message.creditor_id, facts.address.value.lower(), message.language, customer.kind, customer.branch_id,
        customer.salesperson_id,
    )  # fmt: skip
