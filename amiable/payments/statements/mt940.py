"""SWIFT MT940 (statements) and MT942 (during the day), as German, Dutch, French and other banks fill them.

In: text, read field by field. Out: statements. Never: a field taken for another because it stands in the wrong place.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import IO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from stdnum import iban

from amiable.payments.statements import (
    Format,
    Hint,
    Line,
    Told,
    UnableToRead,
    Where,
    account,
    codes,
    minor,
    named,
    short_day,
    text,
)

_FIELD = re.compile(r":(\d{2}[A-Z]?):(.*)", re.S)
_BALANCE = re.compile(r"(?P<mark>[CD])(?P<day>\d{6})(?P<currency>[A-Z]{3})(?P<amount>[\d.,]+)\s*$")
_MOVEMENT = re.compile(
    r"(?P<value>\d{6})(?P<entry>\d{4})?(?P<mark>R?[CD]|E[CD])(?P<funds>[A-Z])?(?P<amount>\d[\d.]*(?:,\d*)?)"
    r"(?P<type>[A-Z][A-Z0-9]{3})?(?P<reference>[^/]*(?:/(?!/)[^/]*)*)(?://(?P<bank>.*))?$"
)
_SIGNS = {"C": 1, "D": -1, "RC": -1, "RD": 1, "EC": 1, "ED": -1}
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b")
# German: ?20 to ?29 and ?60 to ?63 go on where the one before broke off; each of SEPA's own fields begins a new one.
_SUBFIELD = re.compile(r"\?(\d{2})")
_SEPA = re.compile(r"(EREF|KREF|MREF|CRED|DEBT|COAM|OAMT|SVWZ|ABWA|ABWE|IBAN|BIC|PURP)\+|(MTLG):")
_FULL = 27  # characters of a subfield: a shorter one ends a word
# Dutch, French and others: /NAME/… one after the other.
_SLASHED = re.compile(
    r"/(TRTP|IBAN|BIC|NAME|REMI|EREF|MARF|CSID|ORDP|BENM|CNTP|ISDT|RTRN|PREF|PURP|ULTD|ULTB|UDTR|UCRD|ADDR|ID|NRTX|OCMT|"
    r"CHGS|EXCH|SVCL|RETN|INIT|PY|SWOD|SWOC)/"
)


class Mt940(Format):
    """What banks write as SWIFT messages."""

    key = "mt940"
    label = gettext_lazy("MT940, MT942 (SWIFT)")
    rank = 20

    def matches(self, head: bytes) -> bool:
        return bool(re.search(rb"(?m)^:20:", head) and re.search(rb"(?m)^:25[A-Z]?:", head))

    def statements(self, file: IO[bytes], *, hint: Hint) -> Iterator[Told]:
        return _Reading(file, hint).statements()


class _Reading:
    """One pass over the fields of a file."""

    def __init__(self, file: IO[bytes], hint: Hint) -> None:
        self.hint, self.fields = hint, _fields(file)
        self.next: tuple[int, str, str] | None = next(self.fields, None)

    def statements(self) -> Iterator[Told]:
        found = False
        while self.next is not None:
            _line, tag, value = self.next
            if tag != "20":
                raise self._misplaced()
            found = True
            told = self._head(value)
            told.lines = self._lines(told)
            yield told
            for _each in told.lines:
                pass
        if not found:
            raise UnableToRead(_("The file holds no statement of an account."))

    def _head(self, reference: str) -> Told:
        told = Told("", self.hint.currency, "booked", iter(()), reference=named(reference))
        self._step()
        while self.next is not None and self.next[1] in {
            "13",
            "13D",
            "21",
            "25",
            "25P",
            "28",
            "28C",
            "34F",
            "60F",
            "60M",
        }:
            line, tag, value = self.next
            if tag in {"25", "25P"}:
                told.account = _own_account(value)
            elif tag in {"28", "28C"}:
                told.number = _number(value)
            elif tag == "34F":
                told.telling, told.currency = "intraday", value[:3]
            elif tag in {"60F", "60M"}:
                told.currency, told.opening_minor, told.opened_on = _balance(value, line)
            self._step()
        told.closed_on = told.opened_on
        if not told.account:
            raise UnableToRead(_("Statement %(name)s names no account.") % {"name": reference.strip()})
        return told

    def _lines(self, told: Told) -> Iterator[Line]:
        """The movements, then what closes the statement."""
        entry = 0
        while self.next is not None and self.next[1] == "61":
            entry += 1
            where, value = _line(self.next[0]), self.next[2]
            self._step()
            words = ""
            while self.next is not None and self.next[1] == "86":
                words = f"{words}\n{self.next[2]}" if words else self.next[2]
                self._step()
            line = _movement(value, entry, told.currency, where)
            _understand(line, words, told.account)
            told.closed_on = max(told.closed_on or line.booked_on, line.booked_on)
            told.opened_on = told.opened_on or line.booked_on
            yield line
        closed = False
        while self.next is not None and self.next[1] != "20":
            number, tag, value = self.next
            if tag in {"62F", "62M"} and not closed:
                currency, told.closing_minor, told.closed_on = _balance(value, number)
                closed = True
                if currency != told.currency:
                    raise UnableToRead(
                        _("Line %(number)d: the closing balance is in %(other)s, the statement in %(own)s.")
                        % {"number": number, "other": currency, "own": told.currency}
                    )
            elif tag not in {"64", "65", "86", "90C", "90D"}:
                raise self._misplaced()
            self._step()
        if told.telling == "booked" and not closed:
            raise UnableToRead(
                _("Statement %(name)s breaks off before its closing balance: ask the bank for the whole file.")
                % {"name": told.reference or told.number}
            )

    def _step(self) -> None:
        self.next = next(self.fields, None)

    def _misplaced(self) -> UnableToRead:
        assert self.next is not None
        return UnableToRead(
            _("Line %(number)d: a field :%(tag)s: cannot stand here; the file is damaged.")
            % {"number": self.next[0], "tag": self.next[1]}
        )


def _fields(file: IO[bytes]) -> Iterator[tuple[int, str, str]]:
    """Line number, tag and value of each field; envelopes and the lines between statements are left out."""
    tag, start = "", 0
    parts: list[str] = []
    for number, raw in enumerate(file, start=1):
        row = _decoded(raw.replace(b"\x00", b"")).rstrip("\r\n")
        found = _FIELD.match(row)
        if found and not (tag == "86" and found[1] not in _TAGS):
            if tag:
                yield start, tag, "\n".join(parts).rstrip()
            tag, parts, start = found[1], [found[2]], number
        elif row.strip() == "-" or row.startswith(("-}", "-X", "{", "\x03")):
            if tag:
                yield start, tag, "\n".join(parts).rstrip()
            tag = ""
        elif tag:
            parts.append(row)
    if tag:
        yield start, tag, "\n".join(parts).rstrip()


_TAGS = {
    "20",
    "21",
    "25",
    "25P",
    "28",
    "28C",
    "60F",
    "60M",
    "61",
    "86",
    "62F",
    "62M",
    "64",
    "65",
    "13",
    "13D",
    "34F",
    "90C",
    "90D",
}


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _own_account(value: str) -> str:
    """The IBAN, or bank and account number as they stand; a currency behind it is left out."""
    plain = value.split("\n")[0].strip()
    plain = re.sub(r"(?<=\d)\s*[A-Z]{3}$", "", plain)
    return account(plain) if iban.is_valid(account(plain)) else plain.replace(" ", "").upper()[:34]


def _number(value: str) -> str:
    """The bank's own count of its statements and their pages; one that is nil counts nothing."""
    plain = value.strip()
    return "" if not plain.split("/")[0].strip("0") else plain[:40]


def _line(number: int) -> Where:
    return lambda: _("Line %(number)d") % {"number": number}


def _balance(value: str, line: int) -> tuple[str, int, date]:
    found = _BALANCE.match(value.strip())
    where = _line(line)
    if not found:
        raise UnableToRead(_("%(where)s: “%(value)s” is no balance.") % {"where": where(), "value": value[:40]})
    amount = minor(found["amount"], found["currency"], decimal=",", where=where)
    return found["currency"], -amount if found["mark"] == "D" else amount, short_day(found["day"], "ymd", where)


def _movement(value: str, entry: int, currency: str, where: Where) -> Line:
    first, _newline, supplement = value.partition("\n")
    found = _MOVEMENT.match(first.strip())
    if not found:
        raise UnableToRead(_("%(where)s: “%(value)s” is no movement.") % {"where": where(), "value": first[:60]})
    value_on = short_day(found["value"], "ymd", where)
    kind = (found["type"] or "")[1:]
    line = Line(
        entry=entry,
        booked_on=_entry_day(found["entry"], value_on, where),
        value_on=value_on,
        amount_minor=_SIGNS[found["mark"]] * minor(found["amount"], currency, decimal=",", where=where),
        currency=currency,
        method=codes.SWIFT.get(kind, ""),
        bank_code=(found["type"] or "")[:40],
        bank_reference=named(found["bank"] or ""),
        end_to_end_id=named(found["reference"]) if not (found["bank"] or "").startswith("R") else "",
        text=text(supplement),
    )
    if found["mark"] == "RC" or kind in codes.SWIFT_RETURNS:
        line.kind = "return"
    elif kind in codes.SWIFT_FEES and line.amount_minor < 0:
        line.kind = "fee"
    if kind == "CHK" and line.end_to_end_id.isdigit():
        line.cheque_number, line.end_to_end_id = line.end_to_end_id, ""
    return line


def _entry_day(value: str | None, value_on: date, where: Where) -> date:
    """The booking day tells no year: the one nearest to the value date."""
    if not value:
        return value_on
    months = int(value[:2]) - value_on.month
    year = value_on.year + (1 if months < -6 else -1 if months > 6 else 0)
    return short_day(f"{year % 100:02}{value}", "ymd", where)


# -- field 86: what the bank tells in words ------------------------------------------------------------------------------


def _understand(line: Line, words: str, own: str) -> None:
    """Fills the line from field 86, in the way in which its bank writes it."""
    joined = words.replace("\n", "")
    if re.match(r"\s*\d{3}\?", joined):
        _german(line, joined.strip())
    elif _SLASHED.match(joined.lstrip()) or _SLASHED.search(joined[:60]):
        _slashed(line, joined)
    else:
        _free(line, words, own)
    if not line.payer_iban:
        line.payer_iban = next(
            (found for found in _IBAN.findall(line.text) if iban.is_valid(found) and found != own), ""
        )


def _german(line: Line, words: str) -> None:
    code, *parts = _SUBFIELD.split(words)
    fields: dict[str, str] = {}
    for tag, value in zip(parts[::2], parts[1::2], strict=True):
        fields[tag] = fields.get(tag, "") + value
    german = code.strip()[:3]
    line.bank_code = text(f"{line.bank_code} {german}", 40)
    line.method = codes.GERMAN.get(german) or codes.GERMAN_RETURNS.get(german) or line.method
    sepa = _purpose([fields[tag] for tag in sorted(fields) if "20" <= tag <= "29" or "60" <= tag <= "63"])
    line.text = text(" ".join(sepa.get(name, "") for name in ("", "SVWZ", "MTLG"))) or text(fields.get("00", ""))
    line.end_to_end_id = named(sepa.get("EREF", "")) or ("" if line.end_to_end_id.endswith("+") else line.end_to_end_id)
    line.mandate_id = named(sepa.get("MREF", ""))
    line.ultimate_payer = text(sepa.get("ABWA", ""), 140)
    line.payer = text(_joined([fields.get("32", ""), fields.get("33", "")]), 140)
    line.payer_iban = account(fields.get("38") or sepa.get("IBAN") or fields.get("31", ""))
    if german in codes.GERMAN_RETURNS:
        line.kind, line.return_reason = "return", text(fields.get("34", "") or fields.get("00", ""), 140)
    elif german in codes.GERMAN_FEES and line.amount_minor < 0:
        line.kind = "fee"


def _purpose(parts: list[str]) -> dict[str, str]:
    """The words under the name of their SEPA field; those before any under no name."""
    found: dict[str, list[str]] = {"": []}
    name = ""
    for part in parts:
        begins = _SEPA.match(part)
        if begins:
            name = begins[1] or begins[2]
            found[name] = []
        found[name].append(part[begins.end() :] if begins else part)
    return {name: _joined(words) for name, words in found.items()}


def _joined(parts: list[str]) -> str:
    """What was broken off at its full length goes on without a space."""
    return "".join(part if len(part) >= _FULL else f"{part} " for part in parts)


def _slashed(line: Line, words: str) -> None:
    before, *parts = _SLASHED.split(words)
    told: dict[str, str] = {}
    for tag, value in zip(parts[::2], parts[1::2], strict=True):
        told.setdefault(tag, value.strip("/").strip())
    counter = told.get("CNTP", "").split("/")
    remittance = told.get("REMI", "")
    if remittance.startswith("STRD/"):
        line.creditor_reference = named(remittance.split("/")[-1])
    remittance = re.sub(r"^(?:USTD//|STRD/[A-Z]{3}/)", "", remittance)
    line.end_to_end_id = named(told.get("EREF", ""))
    line.mandate_id = named(told.get("MARF", ""))
    line.payer = text(told.get("NAME", "") or (counter[2] if len(counter) > 2 else ""), 140)
    line.payer_iban = account(told.get("IBAN", "") or counter[0]) or account(
        line.text if _IBAN.fullmatch(line.text) else ""
    )
    line.ultimate_payer = text(told.get("ULTD", "") or told.get("UDTR", ""), 140)
    line.text = text(f"{before} {remittance}") or text(told.get("TRTP", ""))
    if "RTRN" in told:
        line.kind, line.return_reason = "return", text(told["RTRN"], 140)


def _free(line: Line, words: str, own: str) -> None:
    """No structure at all: all words are kept; an IBAN in front, and the name behind it, are the other side's."""
    found = _IBAN.match(words.lstrip())
    if found and found[0] != own:
        line.payer_iban = found[0]
        first = words.lstrip().partition("\n")[0]
        line.payer = text(first[found.end() :], 140)
        if line.end_to_end_id == line.payer_iban:
            line.end_to_end_id = ""
    line.text = text(f"{words.replace(chr(10), ' ')}") or line.text
