"""Bank files for the tests: the same movements written as camt, MT940, CFONB 120 and CSV, as banks write them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from amiable.ledger.models import Creditor
from amiable.payments.book import Booked, book
from tests.payments import rows

IBAN = "FR7630006000011234567890189"  # the creditor's, as CFONB can spell it: 30006 00001 12345678901 89
PAYER = "DE89370400440532013000"
DAY = date(2026, 3, 16)
NOW = datetime(2026, 3, 17, 8, 0, tzinfo=ZoneInfo("Europe/Paris"))


@dataclass
class Move:
    """One movement as a bank knows it."""

    amount_minor: int
    text: str = "FACTURE F-0001"
    booked_on: date = DAY
    value_on: date | None = None
    payer: str = "DUPONT SA"
    payer_iban: str = PAYER
    end_to_end_id: str = ""
    mandate_id: str = ""
    reference: str = ""  # the bank's
    structured: str = ""
    cheque: str = ""
    family: str = "PMNT/RCDT/ESCT"
    reason: str = ""  # of a return
    status: str = "BOOK"
    currency: str = "EUR"
    parts: list["Move"] = field(default_factory=list)
    more: str = ""  # further XML of the transaction


def euros(amount_minor: int) -> str:
    return f"{Decimal(abs(amount_minor)) / 100:.2f}"


def camt(
    moves: Sequence[Move],
    *,
    opening: int | None = 0,
    closing: int | None = None,
    iban: str = IBAN,
    kind: str = "053",
    version: str = "02",
    number: str = "",
    name: str = "STMT-1",
    first: date = DAY,
    last: date | None = None,
    currency: str = "EUR",
    encoding: str = "UTF-8",
) -> bytes:
    """A camt file with one statement; the closing balance is what it must be unless it is told."""
    root, element = {
        "053": ("BkToCstmrStmt", "Stmt"),
        "054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
        "052": ("BkToCstmrAcctRpt", "Rpt"),
    }[kind]
    last = last or first
    booked = sum(move.amount_minor for move in moves if move.status == "BOOK")
    closing = (opening or 0) + booked if closing is None else closing
    balances = ""
    if opening is not None and kind == "053":
        balances = _balance("OPBD", opening, first, currency) + _balance("CLBD", closing, last, currency)
    entries = "".join(_entry(move, new=int(version) >= 8) for move in moves)
    counted = f"<ElctrncSeqNb>{number}</ElctrncSeqNb>" if number else ""
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>\n'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.{kind}.001.{version}"><{root}>'
        f"<GrpHdr><MsgId>M-{name}</MsgId><CreDtTm>{last}T20:00:00</CreDtTm></GrpHdr>"
        f"<{element}><Id>{name}</Id>{counted}<CreDtTm>{last}T20:00:00</CreDtTm>"
        f"<Acct><Id><IBAN>{iban}</IBAN></Id><Ccy>{currency}</Ccy></Acct>{balances}{entries}</{element}></{root}></Document>"
    )
    return text.encode(encoding)


def _balance(code: str, amount: int, day: date, currency: str) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{_amount(amount, currency)}{_sign(amount)}"
        f"<Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def _amount(amount: int, currency: str) -> str:
    return f'<Amt Ccy="{currency}">{euros(amount)}</Amt>'


def _sign(amount: int) -> str:
    return f"<CdtDbtInd>{'DBIT' if amount < 0 else 'CRDT'}</CdtDbtInd>"


def _entry(move: Move, *, new: bool) -> str:
    status = f"<Sts><Cd>{move.status}</Cd></Sts>" if new else f"<Sts>{move.status}</Sts>"
    domain, family, sub = move.family.split("/")
    code = f"<BkTxCd><Domn><Cd>{domain}</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>{sub}</SubFmlyCd></Fmly></Domn></BkTxCd>"
    reference = f"<AcctSvcrRef>{escape(move.reference)}</AcctSvcrRef>" if move.reference else ""
    details = "".join(_details(part, new=new, part=bool(move.parts)) for part in move.parts or [move])
    return (
        f"<Ntry>{_amount(move.amount_minor, move.currency)}{_sign(move.amount_minor)}{status}"
        f"<BookgDt><Dt>{move.booked_on}</Dt></BookgDt><ValDt><Dt>{move.value_on or move.booked_on}</Dt></ValDt>"
        f"{reference}{code}<NtryDtls>{details}</NtryDtls></Ntry>"
    )


def _details(move: Move, *, new: bool, part: bool) -> str:
    names = {"EndToEndId": move.end_to_end_id, "MndtId": move.mandate_id, "ChqNb": move.cheque}
    references = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in names.items() if value)
    side = "Dbtr" if move.amount_minor > 0 or move.reason else "Cdtr"
    named = f"<Pty><Nm>{escape(move.payer)}</Nm></Pty>" if new else f"<Nm>{escape(move.payer)}</Nm>"
    party = f"<{side}>{named}</{side}>" if move.payer else ""
    party += f"<{side}Acct><Id><IBAN>{move.payer_iban}</IBAN></Id></{side}Acct>" if move.payer_iban else ""
    structured = f"<Strd><CdtrRefInf><Ref>{move.structured}</Ref></CdtrRefInf></Strd>" if move.structured else ""
    words = f"<Ustrd>{escape(move.text)}</Ustrd>" if move.text else ""
    returned = f"<RtrInf><Rsn><Cd>{move.reason}</Cd></Rsn></RtrInf>" if move.reason else ""
    amount = f"{_amount(move.amount_minor, move.currency)}{_sign(move.amount_minor)}" if part else ""
    return (
        f"<TxDtls><Refs>{references}</Refs>{amount}{move.more}<RltdPties>{party}</RltdPties>"
        f"<RmtInf>{words}{structured}</RmtInf>{returned}</TxDtls>"
    )


def mt940(
    moves: Sequence[Move],
    *,
    opening: int = 0,
    closing: int | None = None,
    iban: str = IBAN,
    number: str = "1/1",
    first: date = DAY,
    last: date | None = None,
) -> bytes:
    closing = opening + sum(move.amount_minor for move in moves) if closing is None else closing
    lines = [":20:STMT", f":25:{iban}", f":28C:{number}", f":60F:{_swift(opening, first)}"]
    for move in moves:
        mark = "D" if move.amount_minor < 0 else "C"
        amount = euros(move.amount_minor).replace(".", ",")
        value = move.value_on or move.booked_on
        lines.append(
            f":61:{value:%y%m%d}{move.booked_on:%m%d}{mark}{amount}NTRFNONREF"
            + (f"//{move.reference}" if move.reference else "")
        )
        words = f"166?00GUTSCHRIFT?20EREF+{move.end_to_end_id}?21SVWZ+{move.text}?31{move.payer_iban}?32{move.payer}"
        words = words.replace("?20EREF+?", "?")
        lines += [f":86:{words[:60]}", *(words[at : at + 65] for at in range(60, len(words), 65))]
    lines += [f":62F:{_swift(closing, last or first)}", "-", ""]
    return "\r\n".join(lines).encode()


def _swift(amount: int, day: date) -> str:
    return f"{'D' if amount < 0 else 'C'}{day:%y%m%d}EUR{euros(amount).replace('.', ',')}"


def cfonb(
    moves: Sequence[Move],
    *,
    opening: int = 0,
    closing: int | None = None,
    first: date = DAY,
    last: date | None = None,
    codes: Sequence[str] = (),
) -> bytes:
    closing = opening + sum(move.amount_minor for move in moves) if closing is None else closing
    account = IBAN[4:9], IBAN[9:14], IBAN[14:25]
    records = [_record("01", account, opening, day=first)]
    for place, move in enumerate(moves):
        code = codes[place] if codes else "18" if move.amount_minor > 0 else "06"
        records.append(
            _record(
                "04",
                account,
                move.amount_minor,
                day=move.booked_on,
                code=code,
                value=move.value_on,
                label=move.text[:31],
            )
        )
        more = {"NPY": move.payer, "LCC": move.text[31:], "RCN": move.end_to_end_id, "RUM": move.mandate_id,
                "REF": move.reference, "LCS": move.structured, "CPY": move.payer_iban, "RET": move.reason}  # fmt: skip
        records += [
            f"05{account[0]}    {account[1]}EUR2 {account[2]}{code}{move.booked_on:%d%m%y}     {name}{value[:70]:<70}  "
            for name, value in more.items()
            if value
        ]
    records.append(_record("07", account, closing, day=last or first))
    assert {len(record) for record in records} == {120}
    return "\r\n".join(records).encode("latin-1")


def _record(
    kind: str,
    account: tuple[str, str, str],
    amount: int,
    *,
    day: date,
    code: str = "  ",
    value: date | None = None,
    label: str = "",
) -> str:
    bank, branch, number = account
    digits = f"{abs(amount):014}"
    last = ("}JKLMNOPQR" if amount < 0 else "{ABCDEFGHI")[int(digits[-1])]
    middle = f"{'':50}"
    if kind == "04":
        middle = f"  {value or day:%d%m%y}{label:<31}  {'0000000'}  "
    return f"{kind}{bank}    {branch}EUR2 {number}{code}{day:%d%m%y}{middle}{digits[:-1]}{last}{'':16}"


def csv(moves: Sequence[Move], *, opening: int | None = None, newest_first: bool = False) -> bytes:
    balance, out = opening or 0, []
    for move in moves:
        balance += move.amount_minor
        debit = euros(move.amount_minor) if move.amount_minor < 0 else ""
        credit = euros(move.amount_minor) if move.amount_minor >= 0 else ""
        cells = [f"{move.booked_on:%d/%m/%Y}", f"{move.value_on or move.booked_on:%d/%m/%Y}", move.text, move.payer,
                 debit.replace(".", ","), credit.replace(".", ",")]  # fmt: skip
        out.append(
            ";".join(f'"{cell}"' for cell in cells)
            + (f";{balance / 100:.2f}".replace(".", ",") if opening is not None else "")
        )
    if newest_first:
        out.reverse()
    heading = "Date opération;Date valeur;Libellé;Tiers;Débit;Crédit" + (";Solde" if opening is not None else "")
    return "\r\n".join(["Compte courant;" + IBAN, "", heading, *out, ""]).encode("cp1252")


def creditor(**more: Any) -> Creditor:
    return rows.creditor(**{"iban": IBAN, "cash_authority": "bank"} | more)


def booked(content: bytes, owner: Creditor, folder: Path, *, now: datetime = NOW, name: str = "file.xml") -> Booked:
    path = folder / name
    path.write_bytes(content)
    return book(path=path, creditors=[owner], now=now)
