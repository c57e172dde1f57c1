"""A message as a letter: everything that its pages say, in words and in their order, ready to be typeset.

In: Facts, the names of its text and its blocks. Out: the data of letters/letter.typ.
Never: an address that does not fit the window, a link that only a click could follow.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from amiable.core.errors import UnableTo
from amiable.ledger.balance import Statement
from amiable.ledger.reference import payment_reference
from amiable.outreach import envelope
from amiable.outreach.compose import Block
from amiable.outreach.express import grouped, transfers
from amiable.outreach.gather import Matter
from amiable.outreach.statement import Transfer, epc_text, statement_data

LETTERS = Path(__file__).parent / "letters"
WITH_CODE = {"pay", "account"}  # parts that show the code of the customer's page


class UnableToAddress(UnableTo):
    """There is no address that fits the window."""


def letter_data(
    facts: Matter, context: Mapping[str, Any], *, subject: str, blocks: Sequence[Block], account: Statement | None
) -> dict[str, Any]:
    """What the letter says; `account` goes along as its last pages. Codes stand in it as text; press.py draws them."""
    message, creditor, customer = facts.message, facts.creditor, facts.customer
    language, words = message.language, _words(message.language)
    window = envelope.window(str(creditor.policy.get("window") or creditor.country))
    return {
        "language": language,
        "words": words,
        "colon": "\u00a0:" if language == "fr" else ":",
        "colour": context["creditor"]["colour"],
        "creditor": {name: context["creditor"][name] for name in ("name", "address", "siren")},
        "reach": [value for name in ("phone", "email") if (value := context["creditor"][name])],
        "recipient": _recipient(facts),
        "window": {"x": window.x, "y": window.y, "width": window.width, "folds": window.folds, "left": window.left},
        "references": [[words["number"], customer.number], [words["reference"], context["payment_reference"]]],
        "date": words["date"].format(day=context["as_of"]),
        "subject": subject,
        "blocks": list(_told_on_paper(blocks, str(context["pay_url"]))),
        **_lines(context, words),
        "balance": context.get("statement"),
        "transfer": _transfer(facts, context),
        "pay_url": context["pay_url"],
        "phone": context["creditor"]["payment_phone"],
        "account": _account(facts, account) if account else None,
        "stands": stands(facts),
    }


def stands(facts: Matter) -> list[Any]:
    """What a letter in the tray is compared by: it is written again when any of it has changed, and on another day, since it
    names its own and the one by which it asks for an answer.
    """
    lines = [[line.id, line.open_minor] for line in (*facts.about, *facts.also)]
    return [lines, facts.credit_minor, facts.address.value if facts.address else "", str(facts.as_of)]


def _recipient(facts: Matter) -> list[str]:
    value = facts.address.value if facts.address else facts.message.address
    customer = facts.customer
    lines = envelope.block(value, country=customer.country, sender=facts.creditor.country)
    if lines is None and not facts.address:  # a preview for someone who has no address yet
        return [customer.name]
    if lines is None:
        raise UnableToAddress("The postal address does not fit the window of the envelope.")
    return lines


def _told_on_paper(blocks: Sequence[Block], pay_url: str) -> Iterator[Block]:
    """Links become words: what leads to the customer's page leads there by its code, anything else is written out."""
    base, linked = pay_url.split("?")[0], False
    kinds = {block["kind"] for block in blocks}
    for block in blocks:
        if block["kind"] == "account" and "pay" in kinds:
            continue  # how to pay shows the same code
        if "runs" not in block:
            yield block
            continue
        runs = []
        for run in block["runs"]:
            url = run.get("url", "")
            ours = bool(url) and url.split("?")[0] == base
            linked = linked or ours
            bare_url = url.removeprefix("mailto:").removeprefix("tel:")
            written = url and not ours and not url.startswith("tel:") and bare_url not in run["text"]
            runs.append(
                {"text": f"{run['text']} ({bare_url})" if written else run["text"], "bold": run.get("bold", False)}
            )
        yield {"kind": block["kind"], "runs": runs}
    if linked and not kinds & WITH_CODE:
        yield {"kind": "account"}


def _lines(context: Mapping[str, Any], words: Mapping[str, Any]) -> dict[str, Any]:
    """The table of invoices: the same lines, in the same order, as the e-mail has."""
    more, apart = context["more"], context["also_apart"]
    named = [f"{line['reference']} ({line['open']})" for line in context["also"]] if apart else []
    return {
        "invoices": context["invoices"],
        "also": [] if apart else context["also"],
        "also_title": words["also"],
        "apart": f"{words['also_apart']} {', '.join(named)}" if named else "",
        "more": words["more_one" if more == 1 else "more"].format(n=more) if more else "",
        "credit": context["credit"],
        "to_pay": context["to_pay"],
        "sum": context["summed"],
    }


def _transfer(facts: Matter, context: Mapping[str, Any]) -> dict[str, Any] | None:
    payee = facts.payee
    if payee is None or not transfers(facts) or not facts.to_pay_minor:
        return None
    reference = payment_reference(facts.customer)
    transfer = Transfer(payee.name, payee.iban, payee.bic, facts.to_pay_minor, reference, payee.factor)
    return {
        "payee": payee.name if payee.factor else "",
        "iban": grouped(payee.iban),
        "bic": payee.bic,
        "reference": grouped(reference),
        "amount": context["to_pay"],
        "code": epc_text(transfer) if facts.message.currency == "EUR" else "",
    }


def _account(facts: Matter, account: Statement) -> dict[str, Any]:
    return statement_data(account, facts.creditor, facts.customer, facts.message.language, codes=False)


@cache
def _words(language: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((LETTERS / f"letter.{language}.yaml").read_text(encoding="utf-8"))
    return found
