"""CFONB 120: the statements of French banks, records of 120 characters (01, 04, 05, 07).

In: lines of text, or records without line ends. Out: statements. The sign of an amount stands in its last digit.
"""

from collections.abc import Callable, Iterator
from datetime import date
from itertools import chain
from typing import IO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from stdnum import iban
from stdnum.iso7064 import mod_97_10

from amiable.core.money import exponent
from amiable.payments.statements import Format, Hint, Line, Told, UnableToRead, account, codes, named, short_day, text

WIDTH = 120
_LAST = {letter: (digit, 1) for digit, letter in enumerate("{ABCDEFGHI")} | {
    letter: (digit, -1) for digit, letter in enumerate("}JKLMNOPQR")
}
_LETTERS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "12345678912345678923456789")


class Cfonb(Format):
    """Records of 120 characters."""

    key = "cfonb"
    label = gettext_lazy("CFONB 120 (French banks)")
    rank = 30

    def matches(self, head: bytes) -> bool:
        first = head.lstrip(b"\xef\xbb\xbf\r\n").split(b"\n")[0].rstrip(b"\r")[:WIDTH]
        return (
            len(first) >= 104
            and first[:2] == b"01"
            and first[16:19].isalpha()
            and first[19:20].isdigit()
            and first[34:40].isdigit()
            and first[90:103].isdigit()
        )

    def statements(self, file: IO[bytes], *, hint: Hint) -> Iterator[Told]:
        records = _records(file)
        for number, record in records:
            if record[:2] != "01":
                raise _misplaced(number, record)
            told = _head(number, record)
            told.lines = _lines(told, records)
            yield told
            for _each in told.lines:
                pass


def _head(number: int, record: str) -> Told:
    currency = record[16:19]
    told = Told(_account(record), currency, "booked", iter(()))
    told.opening_minor, told.opened_on = _amount(number, record), _day(number, record[34:40])
    return told


def _lines(told: Told, records: Iterator[tuple[int, str]]) -> Iterator[Line]:
    """The movements up to the new balance; each is told once the records that complete it have been read."""
    line: Line | None = None
    entry = 0
    for number, record in records:
        kind = record[:2]
        if kind == "05" and line is not None:
            _complete(line, record[45:48], record[48:118], number)
            continue
        if line is not None:
            yield _told(line)
            line = None
        if kind == "04":
            if record[16:19] != told.currency:
                raise UnableToRead(
                    _("Record %(number)d is in %(other)s, the account in %(own)s.")
                    % {"number": number, "other": record[16:19], "own": told.currency}
                )
            entry += 1
            line = _movement(number, record, entry)
        elif kind == "07":
            told.closing_minor, told.closed_on = _amount(number, record), _day(number, record[34:40])
            return
        else:
            raise _misplaced(number, record)
    raise UnableToRead(_("The statement breaks off before its new balance: ask the bank for the whole file."))


def _movement(number: int, record: str, entry: int) -> Line:
    code, reject = record[32:34].strip(), record[40:42].strip()
    booked_on = _day(number, record[34:40])
    value_on = _day(number, record[42:48]) if record[42:48].strip("0 ") else booked_on
    line = Line(
        entry=entry,
        booked_on=booked_on,
        value_on=value_on,
        amount_minor=_amount(number, record),
        currency=record[16:19],
        text=text(record[48:79]),
        bank_code=text(f"{code} {record[7:11]}", 40),
        method=codes.CFONB.get(code) or codes.CFONB_RETURNS.get(code, ""),
    )
    number_of_entry, zone = record[81:88].strip(), text(record[104:120])
    if zone.strip("0"):
        line.end_to_end_id = named(zone)
    if line.method == "cheque" and number_of_entry.strip("0"):
        line.cheque_number = number_of_entry
    if code in codes.CFONB_RETURNS or reject.strip("0"):
        line.kind, line.return_reason = "return", reject
    elif code in codes.CFONB_FEES and line.amount_minor < 0:
        line.kind = "fee"
    return line


def _complete(line: Line, qualifier: str, value: str, number: int) -> None:
    """One further record about a movement, by its qualifier; one that we do not know is words."""
    known = _QUALIFIERS.get(qualifier)
    if known is not None:
        known(line, value, number)
    elif value.strip():
        line.text = text(f"{line.text} {value}")


def _words(line: Line, value: str, _number: int) -> None:
    line.text = text(f"{line.text} {value}")


def _payer(line: Line, value: str, _number: int) -> None:
    line.payer = text(value, 140)


def _receiver(line: Line, value: str, _number: int) -> None:
    """The beneficiary is the other side only of money that goes out."""
    if line.amount_minor < 0 and line.kind != "return":
        line.payer = text(value, 140)


def _ultimate(line: Line, value: str, _number: int) -> None:
    line.ultimate_payer = text(value, 140)


def _reference(line: Line, value: str, _number: int) -> None:
    """The payer's own reference, then the nature of the payment."""
    line.end_to_end_id = named(value[:35]) or line.end_to_end_id
    if value[35:].strip():
        line.text = text(f"{line.text} {value[35:]}")


def _structured(line: Line, value: str, _number: int) -> None:
    line.creditor_reference = named(value)


def _mandate(line: Line, value: str, _number: int) -> None:
    line.mandate_id = named(value[:35])


def _bank_reference(line: Line, value: str, _number: int) -> None:
    line.bank_reference = named(value)


def _payer_account(line: Line, value: str, _number: int) -> None:
    line.payer_iban = account(value.split()[0]) if value.split() else ""


def _returned(line: Line, value: str, _number: int) -> None:
    line.kind, line.return_reason = "return", text(value, 140)


def _original(line: Line, value: str, number: int) -> None:
    """The amount as the payer ordered it: currency, decimals, 14 digits."""
    digits = value[4:18].strip()
    if value[:3].isalpha() and value[3:4].isdigit() and digits.isdigit() and value[:3] != line.currency:
        line.instructed_currency = value[:3]
        line.instructed_minor = _scaled(int(digits), int(value[3]), value[:3], number)


def _fee(line: Line, value: str, number: int) -> None:
    digits = value[4:18].strip()
    if value[:3] == line.currency and value[3:4].isdigit() and digits.isdigit():
        line.fees_minor = _scaled(int(digits), int(value[3]), line.currency, number)


_QUALIFIERS: dict[str, Callable[[Line, str, int], None]] = {
    "LIB": _words, "LCC": _words, "LC2": _words, "LEM": _words, "LCS": _structured, "NPY": _payer, "NBE": _receiver,
    "NPO": _ultimate, "RCN": _reference, "REF": _bank_reference, "RUM": _mandate, "CPY": _payer_account, "RET": _returned,
    "MMO": _original, "FEE": _fee,
}  # fmt: skip


def _told(line: Line) -> Line:
    """A cheque's number and a mandate belong to the line; an IBAN that stands in words is found by whoever matches."""
    if line.creditor_reference and line.creditor_reference == line.end_to_end_id:
        line.end_to_end_id = ""
    return line


# -- records -------------------------------------------------------------------------------------------------------------


def _records(file: IO[bytes]) -> Iterator[tuple[int, str]]:
    """The records with their numbers: one per line, or cut out of one line without ends."""
    first = file.readline()
    rows: Iterator[bytes] = chain([first], file)
    if len(first.rstrip(b"\r\n")) > 2 * WIDTH - 2:
        rows = chain(_cut(first.rstrip(b"\r\n")), *(_cut(row.rstrip(b"\r\n")) for row in file))
    for number, raw in enumerate(rows, start=1):
        record = _decoded(raw.replace(b"\x00", b" ")).rstrip("\r\n\x1a")
        if record.strip():
            yield number, record.ljust(WIDTH)


def _cut(row: bytes) -> Iterator[bytes]:
    return (row[at : at + WIDTH] for at in range(0, len(row), WIDTH))


def _decoded(raw: bytes) -> str:
    """One character per byte, since places are counted; UTF-8 only where it makes the record its right length."""
    plain = raw.removeprefix(b"\xef\xbb\xbf")
    if plain.isascii():
        return plain.decode("ascii")
    try:
        return plain.decode("utf-8")
    except UnicodeDecodeError:
        return plain.decode("cp1252", errors="replace")


def _account(record: str) -> str:
    """The IBAN of bank, branch and account: the key and the check digits are computed."""
    bank, branch, number = record[2:7], record[11:16], record[21:32]
    digits = (bank + branch + number).translate(_LETTERS)
    if not digits.isdigit():
        return account(bank + branch + number)
    key = 97 - (89 * int(bank.translate(_LETTERS)) + 15 * int(branch.translate(_LETTERS)) + 3 * int(digits[10:])) % 97
    own = f"{bank}{branch}{number}{key:02}"
    found = f"FR{mod_97_10.calc_check_digits(own + 'FR')}{own}"
    return found if iban.is_valid(found) else account(bank + branch + number)


def _amount(number: int, record: str) -> int:
    digits, last, decimals = record[90:103], record[103], record[19]
    if not digits.strip().isdigit() or last not in _LAST or not decimals.isdigit():
        raise UnableToRead(
            _("Record %(number)d: “%(value)s” is no amount of a statement.")
            % {"number": number, "value": record[90:104].strip()}
        )
    digit, sign = _LAST[last]
    return sign * _scaled(int(digits) * 10 + digit, int(decimals), record[16:19], number)


def _scaled(value: int, decimals: int, currency: str, number: int) -> int:
    """Minor units of a number that is told with so many decimals."""
    places = exponent(currency)
    if decimals <= places:
        return int(value * 10 ** (places - decimals))
    kept, lost = divmod(value, 10 ** (decimals - places))
    if lost:
        raise UnableToRead(
            _("Record %(number)d: the amount has more decimals than %(currency)s knows (%(places)d).")
            % {"number": number, "currency": currency, "places": places}
        )
    return int(kept)


def _day(number: int, value: str) -> date:
    return short_day(value, "dmy", lambda: _("Record %(number)d") % {"number": number})


def _misplaced(number: int, record: str) -> UnableToRead:
    return UnableToRead(
        _("Record %(number)d: a record “%(kind)s” cannot stand here; the file is damaged.")
        % {"number": number, "kind": record[:2].strip()}
    )
