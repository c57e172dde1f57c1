"""What a colleague says on the phone, from opening to closing, filled for this customer as things stand now.

In: a message of medium `call`, which is never sent. Out: blocks: headings and paragraphs. Never: an empty page: where
no script speaks of the matter, the general one does.
"""

from datetime import date, datetime

from amiable.ledger.balance import statement
from amiable.ledger.models import CustomerKind, Medium
from amiable.outreach.compose import Block, Composed, UnableToCompose, compose, house_text
from amiable.outreach.express import express
from amiable.outreach.gather import Facts, gather
from amiable.outreach.models import Message
from amiable.outreach.render import account_words, own_texts

GENERAL = "call"  # the script for a matter that has none of its own


def script(message: Message, *, as_of: date, now: datetime) -> list[Block]:
    """The script for a call about the invoices of `message`. Raises UnableToCompose where a name in it is unknown."""
    [facts] = gather([message], as_of=as_of, now=now)
    text, context = _text(facts), express(facts)
    if text.tells_balance:
        account = statement(customer=facts.customer, as_of=as_of, currency=message.currency)
        context["statement"] = account_words(account, message.language)
    return [block for block in text.blocks(context) if "runs" in block]


def _text(facts: Facts) -> Composed:
    message, own = facts.message, own_texts()
    audience = "consumer" if facts.customer.kind == CustomerKind.CONSUMER else "business"
    for key in (message.purpose, GENERAL):
        rest = (key, Medium.CALL.value, message.language, audience, message.tone)
        row = own.get((facts.creditor.pk, *rest)) or own.get((None, *rest))
        if row:
            return compose(row.body, subject=row.subject, language=row.language)
        try:
            source = house_text(message.language, audience, key, message.tone, Medium.CALL)
        except UnableToCompose:
            continue  # the next one is more general
        return compose(source, subject="", language=message.language)
    raise UnableToCompose(f"There is no script for {audience} in {message.language}.")
