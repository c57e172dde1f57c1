"""ISO 20022: statements (camt.053), notices (camt.054) and reports during the day (camt.052), of every version.

In: XML, read entry by entry. Out: statements; a batch with its details is several lines. Never: an entity resolved.
"""

from collections.abc import Iterator
from datetime import date
from typing import IO, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from lxml import etree

from amiable.payments.statements import (
    HEAD,
    Format,
    Hint,
    Line,
    Told,
    UnableToRead,
    account,
    codes,
    day,
    minor,
    named,
    text,
)

TELLINGS = {"Stmt": "booked", "Ntfctn": "notice", "Rpt": "intraday"}
# Where a statement has several pages, the balances between them are interim ones: the first opens, the last closes.
OPENING, CLOSING = ("OPBD", "PRCD", "ITBD"), ("CLBD", "ITBD last")
Element = Any


class Camt(Format):
    """What banks write as ISO 20022."""

    key = "camt"
    label = gettext_lazy("camt.052, camt.053, camt.054 (XML)")
    rank = 10

    def matches(self, head: bytes) -> bool:
        plain = head.replace(b"\x00", b"")
        return b"<" in plain[:64] and any(root in plain for root in (b"BkToCstmr", b"camt.05"))

    def statements(self, file: IO[bytes], *, hint: Hint) -> Iterator[Told]:
        return _Reading(file, hint).statements()


class _Reading:
    """One pass over a file; entries are forgotten as soon as they are told."""

    def __init__(self, file: IO[bytes], hint: Hint) -> None:
        self.hint, self.space, self.count = hint, "", 0
        self.codes: dict[tuple[str, ...], tuple[str, str, bool, str, bool]] = {}
        self.events = self._events(file)

    def statements(self) -> Iterator[Told]:
        found = False
        for name, element in self.events:
            found = True
            told = self._head(element if name in TELLINGS else element.getparent())
            told.lines = self._lines(told, element if name == "Ntry" else None)
            yield told
            for _line in told.lines:  # whoever does not want them all: the next statement begins behind them
                pass
        if not found:
            raise UnableToRead(_("The file holds no statement of an account."))

    def _events(self, file: IO[bytes]) -> Iterator[tuple[str, Element]]:
        wanted = [f"{{*}}{name}" for name in (*TELLINGS, "Ntry")]
        if b"<!DOCTYPE" in file.read(HEAD).replace(b"\x00", b""):
            raise _entities()
        file.seek(0)
        try:
            parser = etree.iterparse(
                file, events=("end",), tag=wanted, resolve_entities=False, no_network=True, load_dtd=False,
                remove_comments=True, remove_pis=True,
            )  # fmt: skip
            for _event, element in parser:
                if not self.count and element.getroottree().docinfo.internalDTD is not None:
                    raise _entities()
                self.space = element.tag[: element.tag.index("}") + 1]
                name = element.tag[len(self.space) :]
                yield name, element
                _forget(element)
        except etree.XMLSyntaxError as error:
            raise UnableToRead(_broken(error)) from error

    def _lines(self, told: Told, first: Element | None) -> Iterator[Line]:
        if first is None:
            return
        entry = 1
        yield from self._entry(told, first, entry)
        for name, element in self.events:
            if name in TELLINGS:
                return
            entry += 1
            yield from self._entry(told, element, entry)

    # -- the head of a statement -----------------------------------------------------------------------------------------

    def _head(self, element: Element) -> Told:
        parts = self._parts(element)
        owner = self._parts(parts.get("Acct"))
        balances = self._balances(element)
        opening, closing = _first(balances, OPENING), _first(balances, CLOSING)
        own = self._text(owner.get("Ccy"))
        currency = own or (opening or closing or ("", 0, None))[0]
        told = Told(
            account=account(self._account(parts.get("Acct"))),
            currency=currency,
            telling=TELLINGS[element.tag[len(self.space) :]],
            lines=iter(()),
            number=named(self._text(parts.get("ElctrncSeqNb")) or self._text(parts.get("LglSeqNb")), 40),
            reference=named(self._text(parts.get("Id"))),
        )
        for balance, field in ((opening, "opening_minor"), (closing, "closing_minor")):
            if balance is None:
                continue
            if balance[0] == told.currency:
                setattr(told, field, balance[1])
            else:
                told.said.append(
                    _("A balance is told in %(other)s, the account is kept in %(own)s: it is not compared.")
                    % {"other": balance[0], "own": told.currency}
                )
        period = self._parts(parts.get("FrToDt"))
        told.opened_on, told.closed_on = self._day(period.get("FrDtTm")), self._day(period.get("ToDtTm"))
        told.closed_on = (closing[2] if closing else None) or told.closed_on or self._day(parts.get("CreDtTm"))
        told.opened_on = told.opened_on or (opening[2] if opening else None) or told.closed_on
        return told

    def _balances(self, element: Element) -> dict[str, tuple[str, int, date | None]]:
        """Code → currency, signed amount, day; the first of each code, and the last interim one."""
        found: dict[str, tuple[str, int, date | None]] = {}
        for each in element.iterchildren(f"{self.space}Bal"):
            parts = self._parts(each)
            code = self._text(self._deep(parts.get("Tp"), "CdOrPrtry", "Cd"))
            amount = parts.get("Amt")
            if amount is None or (code in found and code != "ITBD"):
                continue
            code = "ITBD last" if code in found or (code == "ITBD" and "OPBD" in found) else code
            currency = amount.get("Ccy") or self.hint.currency
            value = minor(amount.text or "", currency, decimal=".", where=lambda: _("A balance"))
            sign = -1 if self._text(parts.get("CdtDbtInd")) == "DBIT" else 1
            found[code] = (currency, sign * value, self._day(parts.get("Dt")))
        return found

    # -- an entry, and what it is made of --------------------------------------------------------------------------------

    def _entry(self, told: Told, element: Element, place: int) -> Iterator[Line]:
        self.count += 1
        parts = self._parts(element)
        status = parts.get("Sts")
        if status is not None and (self._text(status) or self._text(self._deep(status, "Cd"))) not in ("BOOK", ""):
            told.announced += 1
            return
        sign = {"CRDT": 1, "DBIT": -1}.get(self._text(parts.get("CdtDbtInd")))
        if sign is None:
            raise UnableToRead(_("%(where)s: it does not say whether money came or went.") % {"where": self._where()})
        currency, amount = self._amount(parts.get("Amt"), told.currency)
        told.currency = told.currency or currency
        value_on = self._day(parts.get("ValDt"))
        booked_on = self._day(parts.get("BookgDt")) or value_on or told.closed_on
        if booked_on is None:
            raise UnableToRead(_("%(where)s: it has no date.") % {"where": self._where()})
        whole = Line(
            entry=place, booked_on=booked_on, value_on=value_on or booked_on, amount_minor=sign * amount,
            currency=currency, bank_reference=named(self._text(parts.get("AcctSvcrRef"))),
        )  # fmt: skip
        self._coded(whole, parts.get("BkTxCd"), reversal=self._text(parts.get("RvslInd")) == "true")
        details = [
            detail
            for group in element.iterchildren(f"{self.space}NtryDtls")
            for detail in group.iterchildren(f"{self.space}TxDtls")
        ]
        more = text(self._text(parts.get("AddtlNtryInf")))
        if len(details) <= 1:
            self._charge(whole, parts.get("Chrgs"))
            if details:
                self._detail(whole, self._parts(details[0]))
            whole.text = whole.text or more
            yield whole
            return
        yield from self._batch(whole, details, more)

    def _batch(self, whole: Line, details: list[Element], more: str) -> Iterator[Line]:
        """The parts of a batch, where they are told in its currency and add up to it; else the batch as one line."""
        lines = []
        for detail in details:
            parts = self._parts(detail)
            line = Line(
                entry=whole.entry, booked_on=whole.booked_on, value_on=whole.value_on, amount_minor=0,
                currency=whole.currency, bank_reference=whole.bank_reference, bank_code=whole.bank_code,
                method=whole.method, kind=whole.kind, return_reason=whole.return_reason,
            )  # fmt: skip
            line.amount_minor = self._part(parts, whole)
            self._detail(line, parts)
            lines.append(line)
        if sum(line.amount_minor for line in lines) - sum(line.fees_minor for line in lines) == whole.amount_minor:
            for line in lines:
                line.amount_minor -= line.fees_minor
        if all(line.amount_minor for line in lines) and sum(line.amount_minor for line in lines) == whole.amount_minor:
            yield from lines
            return
        whole.text = text(" ".join(filter(None, [*(f"{line.payer} {line.text}" for line in lines), more])))
        yield whole

    def _part(self, parts: dict[str, Element], whole: Line) -> int:
        """The signed amount of one part of a batch in the currency of the batch; 0 where it is told in another one only."""
        sign = -1 if whole.amount_minor < 0 else 1
        told = self._text(parts.get("CdtDbtInd"))
        amounts = self._parts(parts.get("AmtDtls"))
        offers = [parts.get("Amt"), *(self._deep(amounts.get(name), "Amt") for name in ("TxAmt", "CntrValAmt"))]
        for offer in offers:
            if offer is not None and (offer.get("Ccy") or whole.currency) == whole.currency:
                if told:
                    sign = -1 if told == "DBIT" else 1
                return sign * self._amount(offer, whole.currency)[1]
        return 0

    def _detail(self, line: Line, parts: dict[str, Element]) -> None:
        """Who, what for and under which references: what a transaction tells about its line."""
        references = self._parts(parts.get("Refs"))
        line.end_to_end_id = named(self._text(references.get("EndToEndId")))
        line.mandate_id = named(self._text(references.get("MndtId")))
        line.cheque_number = named(self._text(references.get("ChqNb")), 35)
        line.bank_reference = line.bank_reference or named(self._text(references.get("AcctSvcrRef")))
        if "BkTxCd" in parts and not line.method:
            self._coded(line, parts["BkTxCd"], reversal=False)
        self._returned(line, parts.get("RtrInf"))
        self._parties(line, self._parts(parts.get("RltdPties")))
        self._remittance(line, parts.get("RmtInf"))
        line.text = line.text or text(self._text(parts.get("AddtlTxInf")))
        self._charge(line, parts.get("Chrgs"))
        amounts = self._parts(parts.get("AmtDtls"))
        ordered = self._deep(amounts.get("InstdAmt"), "Amt")
        if ordered is None and parts.get("Amt") is not None and parts["Amt"].get("Ccy") not in (None, line.currency):
            ordered = parts["Amt"]
        if ordered is not None and ordered.get("Ccy") not in (None, line.currency):
            line.instructed_currency, line.instructed_minor = self._amount(ordered, line.currency)
            if not line.instructed_minor:
                line.instructed_currency, line.instructed_minor = "", None
        elif ordered is not None and not line.fees_minor and line.amount_minor > 0:
            kept = self._amount(ordered, line.currency)[1] - line.amount_minor
            line.fees_minor = max(kept, 0)

    def _coded(self, line: Line, element: Element | None, *, reversal: bool) -> None:
        """How it was paid, and whether it is a return or a fee, by the code of the standard and by the bank's own."""
        sign: tuple[str, ...] = (element[0].tag, *element.itertext()) if element is not None and len(element) else ()
        if sign not in self.codes:
            self.codes[sign] = self._code(element)
        line.bank_code, line.method, returned, reason, fee = self.codes[sign]
        if returned or reversal:
            line.kind, line.return_reason = "return", reason
        elif fee and line.amount_minor < 0:
            line.kind = "fee"

    def _code(self, element: Element | None) -> tuple[str, str, bool, str, bool]:
        """Code in words, method, whether a return and why, whether a fee."""
        domain = self._parts(self._deep(element, "Domn"))
        family = self._parts(domain.get("Fmly"))
        main, sub = self._text(family.get("Cd")), self._text(family.get("SubFmlyCd"))
        own = self._text(self._deep(element, "Prtry", "Cd"))
        told = "/".join(filter(None, (self._text(domain.get("Cd")), main, sub)))
        german = own.split("+")[1] if "+" in own else own
        method = codes.FAMILIES.get(main) or codes.GERMAN.get(german) or codes.GERMAN_RETURNS.get(german, "")
        returned = sub in codes.ISO_RETURNS or german in codes.GERMAN_RETURNS
        reason = sub if sub in codes.ISO_RETURNS else ""
        return text(f"{told} {own}", 40), method, returned, reason, sub in codes.ISO_FEES or german in codes.GERMAN_FEES

    def _returned(self, line: Line, element: Element | None) -> None:
        if element is None:
            return
        parts = self._parts(element)
        reason = self._parts(parts.get("Rsn"))
        code = self._text(reason.get("Cd")) or self._text(reason.get("Prtry"))
        line.kind, line.return_reason = "return", text(f"{code} {self._text(parts.get('AddtlInf'))}", 140)

    def _parties(self, line: Line, parts: dict[str, Element]) -> None:
        """The other side: of money that comes in, and of a debit of ours that came back, the debtor; else the creditor."""
        side = "Dbtr" if line.amount_minor > 0 or line.kind == "return" else "Cdtr"
        line.payer = text(self._name(parts.get(side)), 140)
        line.payer_iban = account(self._account(parts.get(f"{side}Acct")))
        line.ultimate_payer = text(self._name(parts.get(f"Ultmt{side}")), 140)

    def _remittance(self, line: Line, element: Element | None) -> None:
        if element is None:
            return
        words: list[str] = []
        for child in element.iterchildren():
            if child.tag == f"{self.space}Ustrd":
                words.append(child.text or "")
                continue
            for part in child.iterchildren():
                name = part.tag[len(self.space) :]
                if name == "CdtrRefInf":
                    reference = named(self._text(self._deep(part, "Ref")))
                    line.creditor_reference = line.creditor_reference or reference
                    words.append(reference if reference != line.creditor_reference else "")
                elif name == "RfrdDocInf":
                    words.append(self._text(self._deep(part, "Nb")))
                elif name == "AddtlRmtInf":
                    words.append(part.text or "")
        line.text = text(" ".join(words))

    def _charge(self, line: Line, element: Element | None) -> None:
        """Charges that the banks kept out of the amount; those that are booked by themselves are lines of their own."""
        if element is None:
            return
        records = list(element.iterchildren(f"{self.space}Rcrd")) or [element]
        for record in records:
            parts = self._parts(record)
            if self._text(parts.get("ChrgInclInd")) == "false" or self._text(parts.get("CdtDbtInd")) == "CRDT":
                continue
            amount = parts.get("Amt")
            if amount is not None and (amount.get("Ccy") or line.currency) == line.currency:
                line.fees_minor += self._amount(amount, line.currency)[1]

    # -- small things ----------------------------------------------------------------------------------------------------

    def _where(self) -> str:
        return _("Entry %(number)d") % {"number": self.count}

    def _parts(self, element: Element | None) -> dict[str, Element]:
        """The children by their names; where a name stands twice, the first."""
        if element is None:
            return {}
        start = len(self.space)
        return {child.tag[start:]: child for child in element.iterchildren(reversed=True)}

    def _deep(self, element: Element | None, *path: str) -> Element | None:
        for name in path:
            if element is None:
                return None
            # The first child of that name; a search by path costs five times as much.
            element = next(element.iterchildren(f"{self.space}{name}"), None)
        return element

    def _text(self, element: Element | None) -> str:
        return "" if element is None or element.text is None else element.text.strip()

    def _day(self, element: Element | None) -> date | None:
        """A date, a date with time, or an element that holds one of them. The bank's own day counts, not that of UTC."""
        if element is None:
            return None
        value = self._text(element)
        if not value:
            inner = next(iter(element), None)
            value = self._text(inner)
        return day(value, self._where) if value else None

    def _amount(self, element: Element | None, currency: str) -> tuple[str, int]:
        if element is None:
            raise UnableToRead(_("%(where)s: it has no amount.") % {"where": self._where()})
        own = element.get("Ccy") or currency or self.hint.currency
        value = minor(element.text or "", own, decimal=".", where=self._where)
        if value < 0:
            raise UnableToRead(
                _("%(where)s: the amount is negative; whether money came or went is told apart.")
                % {"where": self._where()}
            )
        return own, value

    def _name(self, element: Element | None) -> str:
        """The name of a party: its own, or that of the person or firm within it (from version 8 on)."""
        return self._text(self._deep(element, "Nm")) or self._text(self._deep(element, "Pty", "Nm"))

    def _account(self, element: Element | None) -> str:
        identity = self._deep(element, "Id")
        return self._text(self._deep(identity, "IBAN")) or self._text(self._deep(identity, "Othr", "Id"))


def _first(
    balances: dict[str, tuple[str, int, date | None]], wanted: tuple[str, ...]
) -> tuple[str, int, date | None] | None:
    return next((balances[code] for code in wanted if code in balances), None)


def _forget(element: Element) -> None:
    """Lets go of what has been read: memory does not grow with the file."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _entities() -> UnableToRead:
    return UnableToRead(_("The file defines entities of its own, as no bank does: it is not read."))


def _broken(error: etree.XMLSyntaxError) -> str:
    why = str(error.msg or "")
    if "encoding" in why.lower() or "not proper UTF-8" in why:
        return _("The file is not written in the encoding that it names: ask the bank for it again.")
    return _("The XML breaks off or is damaged at line %(line)s: ask the bank for the whole file.") % {
        "line": error.lineno or "?"
    }
