"""Messages in words: subject, plain text, HTML and what goes along, as they are at this moment.

In: Facts. Out: Rendered. Never: a text that was not approved, an amount from yesterday.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from amiable.core.errors import UnableTo
from amiable.core.typeset import pages
from amiable.ledger.balance import Statement, statement
from amiable.ledger.models import CustomerKind, Medium
from amiable.outreach import together
from amiable.outreach.channel import Attachment
from amiable.outreach.compose import Composed, compose
from amiable.outreach.enclose import enclosed
from amiable.outreach.express import amount, attaches_statement, express, portal_url, short_day
from amiable.outreach.gather import Matter, matters
from amiable.outreach.house import Place, Spoken, speaks
from amiable.outreach.house import Texts as Texts
from amiable.outreach.house import own_texts as own_texts
from amiable.outreach.letter import letter_data
from amiable.outreach.models import Message
from amiable.outreach.press import letter_page, letter_pdf
from amiable.outreach.statement import statement_pdf

NAMES = {"fr": "Lettre {number} {day}.pdf", "en": "Letter {number} {day}.pdf"}
STATEMENT_NAMES = {"fr": "Relevé de compte {number} {day}.pdf", "en": "Statement of account {number} {day}.pdf"}
TYPESETTERS = 1  # Typst works outside the interpreter's lock: beside the words, and one document at a time


@dataclass(frozen=True)
class Rendered:
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...] = ()
    letter: Mapping[str, Any] = field(default_factory=dict)  # of a letter: the data of its pages


def render(message: Message, *, as_of: date, now: datetime) -> Rendered:
    """One message as it would leave now, for a preview. Raises UnableToCompose."""
    [rendered] = render_all(matters([message], as_of=as_of, now=now), own_texts())
    if isinstance(rendered, UnableTo):
        raise rendered
    return replace(rendered, html=letter_page(rendered.letter)) if rendered.letter else rendered


def render_all(facts: Sequence[Matter], own: Texts) -> list[Rendered | UnableTo]:
    """Each message in words, in the same order; one whose text cannot be filled gives the reason instead."""
    with ThreadPoolExecutor(TYPESETTERS) as typesetters:
        halves = [_words(each, own, typesetters) for each in facts]
        return [_whole(rendered, document) for rendered, document in halves]


def text_of(facts: Matter, own: Texts) -> Spoken:
    """The text that a message uses: own or the house's, in its tone or the nearest. Raises UnableToCompose.

    A colleague's own words stand in the message itself.
    """
    message = facts.message
    audience = "consumer" if facts.customer.kind == CustomerKind.CONSUMER else "business"
    purpose = together.PURPOSE if facts.together else message.purpose
    place = Place(purpose, message.medium, message.language, audience, message.tone)
    if own_words := message.context.get("text"):
        return Spoken(own_words["body"], place, own_words["subject"])
    return speaks(place, creditor=facts.creditor.pk, own=own)


def composed(spoken: Spoken, medium: str) -> Composed:
    return compose(spoken.source, subject=spoken.subject, language=spoken.place.language, medium=medium)


def _words(
    facts: Matter, own: Texts, typesetters: ThreadPoolExecutor
) -> tuple[Rendered | UnableTo, "Future[bytes] | None"]:
    try:
        text = composed(text_of(facts, own), facts.message.medium)
        context = express(facts)
        attaches = attaches_statement(facts)
        if attaches or text.tells_balance:
            account = statement(customer=facts.customer, as_of=facts.as_of, currency=facts.message.currency)
            context["statement"] = account_words(account, facts.message.language)
        subject, plain, page = text.fill(context)
        if facts.message.medium == Medium.LETTER:
            data = letter_data(
                facts, context, subject=subject, blocks=text.blocks(context), account=account if attaches else None
            )
            letter = Rendered(subject, _on_paper(plain), "", _announced(NAMES, facts), data)
            return letter, typesetters.submit(letter_pdf, data, made_at=facts.now)
        copies = enclosed(facts.message, as_of=facts.as_of, now=facts.now)
    except UnableTo as error:
        return error, None
    attached = _announced(STATEMENT_NAMES, facts) if attaches else ()
    rendered = Rendered(subject, plain, page, (*attached, *copies))
    if not attaches:
        return rendered, None
    document = typesetters.submit(
        statement_pdf,
        statement=account,
        creditor=facts.creditor,
        customer=facts.customer,
        language=facts.message.language,
        now=facts.now,
        pay_url=portal_url(facts),
    )
    return rendered, document


def _whole(rendered: Rendered | UnableTo, document: "Future[bytes] | None") -> Rendered | UnableTo:
    if isinstance(rendered, UnableTo) or document is None:
        return rendered
    try:
        content = document.result()
    except UnableTo as error:
        return error
    whole = replace(
        rendered, attachments=(replace(rendered.attachments[0], content=content), *rendered.attachments[1:])
    )
    return replace(whole, letter={**rendered.letter, "pages": pages(content)}) if rendered.letter else whole


def _announced(names: Mapping[str, str], facts: Matter) -> tuple[Attachment, ...]:
    """What goes along, by name; its content is being typeset."""
    day = short_day(facts.as_of, facts.message.language).replace("/", "-")
    name = names[facts.message.language].format(number=facts.customer.number, day=day)
    return (Attachment(name, "application/pdf", b""),)


def _on_paper(plain: str) -> str:
    """The words without the foot of an e-mail."""
    return plain.partition("\n-- \n")[0].rstrip() + "\n"


def account_words(account: Statement, language: str) -> dict[str, object]:
    def shown(value_minor: int) -> str:
        return amount(value_minor, account.currency, language)

    net = account.open_minor - account.credit_minor
    return {
        "open": shown(account.open_minor),
        "overdue": shown(account.overdue_minor),
        "not_due": shown(account.not_due_minor),
        "credit": shown(account.credit_minor) if account.credit_minor else "",
        "net": shown(net),
        "in_favour": shown(-net) if net < 0 else "",
        "nothing_open": account.open_minor == 0,
    }
