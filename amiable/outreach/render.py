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
from amiable.outreach.channel import Attachment
from amiable.outreach.compose import Composed, compose, house_text
from amiable.outreach.enclose import enclosed
from amiable.outreach.express import amount, attaches_statement, express, portal_url, short_day
from amiable.outreach.gather import Facts, gather
from amiable.outreach.letter import letter_data
from amiable.outreach.models import Message, Template
from amiable.outreach.press import letter_page, letter_pdf
from amiable.outreach.segment import spell
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
    [rendered] = render_all(gather([message], as_of=as_of, now=now), own_texts())
    if isinstance(rendered, UnableTo):
        raise rendered
    return replace(rendered, html=letter_page(rendered.letter)) if rendered.letter else rendered


TextKey = tuple[int | None, str, str, str, str, str]
Texts = Mapping[TextKey, Template]


def own_texts() -> Texts:
    """The newest approved version of each text that creditors, or this house, wrote themselves."""
    return {
        (row.creditor_id, row.key, row.medium, row.language, row.audience, row.tone): row
        for row in Template.objects.filter(approved_at__isnull=False).order_by("version")
    }


def render_all(facts: Sequence[Facts], own: Texts) -> list[Rendered | UnableTo]:
    """Each message in words, in the same order; one whose text cannot be filled gives the reason instead."""
    with ThreadPoolExecutor(TYPESETTERS) as typesetters:
        halves = [_words(each, own, typesetters) for each in facts]
        return [_whole(rendered, document) for rendered, document in halves]


def _text(facts: Facts, own: Texts) -> Composed:
    message = facts.message
    audience = "consumer" if facts.customer.kind == CustomerKind.CONSUMER else "business"
    # What a creditor, or this house, wrote itself; a letter that has no text of its own says what the e-mail says.
    media = (message.medium, *((Medium.EMAIL.value,) if message.medium == Medium.LETTER else ()))
    rest = (message.language, audience, message.tone)
    keys = ((whose, message.purpose, medium, *rest) for medium in media for whose in (facts.creditor.pk, None))
    row = next((own[key] for key in keys if key in own), None)
    if row:
        return compose(row.body, subject=row.subject, language=row.language, medium=row.medium)
    source = house_text(message.language, audience, message.purpose, message.tone, message.medium)
    return compose(source, subject="", language=message.language, medium=message.medium)


def _words(
    facts: Facts, own: Texts, typesetters: ThreadPoolExecutor
) -> tuple[Rendered | UnableTo, "Future[bytes] | None"]:
    try:
        text = _text(facts, own)
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
        copies = enclosed(facts.message)
    except UnableTo as error:
        return error, None
    if facts.message.medium == Medium.SMS:
        return Rendered("", spell(plain), ""), None
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


def _announced(names: Mapping[str, str], facts: Facts) -> tuple[Attachment, ...]:
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

    return {
        "open": shown(account.open_minor),
        "overdue": shown(account.overdue_minor),
        "not_due": shown(account.not_due_minor),
        "credit": shown(account.credit_minor) if account.credit_minor else "",
        "net": shown(account.open_minor - account.credit_minor),
        "nothing_open": account.open_minor == 0,
    }
