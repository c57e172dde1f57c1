"""What a colleague says on the phone, from opening to closing, filled for this customer as things stand now.

In: a message of medium `call`, which is never sent. Out: blocks: headings and paragraphs. Never: an empty page: where
no script speaks of the matter, the general one does.
"""

from datetime import date, datetime

from django.utils.translation import gettext

from amiable.ledger.balance import statement
from amiable.ledger.models import CustomerKind, Medium
from amiable.outreach.compose import Block, Composed, UnableToCompose
from amiable.outreach.express import express
from amiable.outreach.gather import Matter, matters
from amiable.outreach.house import Place, own_texts, speaks
from amiable.outreach.models import Message
from amiable.outreach.render import account_words, composed

GENERAL = "call"  # the script for a matter that has none of its own


def script(message: Message, *, as_of: date, now: datetime) -> list[Block]:
    """The script for a call about the invoices of `message`. Raises UnableToCompose where a name in it is unknown."""
    [facts] = matters([message], as_of=as_of, now=now)
    text, context = _text(facts), express(facts)
    if text.tells_balance:
        account = statement(customer=facts.customer, as_of=as_of, currency=message.currency)
        context["statement"] = account_words(account, message.language)
    return [block for block in text.blocks(context) if "runs" in block]


def _text(facts: Matter) -> Composed:
    message, own = facts.message, own_texts()
    audience = "consumer" if facts.customer.kind == CustomerKind.CONSUMER else "business"
    for key in (message.purpose, GENERAL):
        place = Place(key, Medium.CALL.value, message.language, audience, message.tone)
        try:
            spoken = speaks(place, creditor=facts.creditor.pk, own=own)
        except UnableToCompose:
            continue  # the next one is more general
        return composed(spoken, Medium.CALL)
    raise UnableToCompose(gettext("There is no script for a call like this."))
