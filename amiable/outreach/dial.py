"""Telephone numbers as networks dial them, and the sender that a text may show there.

In: what stands in a contact, and a country. Out: a mobile number in E.164. Free of the database.
Never: a text tried to a landline, or to what is no number; a name as sender where networks do not carry names.
"""

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from amiable.outreach.channel import AddressRefused

# Kinds that take texts. In countries that number mobiles like landlines (US, CA) nobody can tell beforehand.
TAKES_TEXTS = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
NO_NAMES = {"US", "CA", "PR"}  # networks there carry no alphanumeric sender
LONGEST_NAME = 11  # GSM 03.40: seven octets of seven-bit letters
_NAME = re.compile(rf"[A-Za-z0-9 ]{{1,{LONGEST_NAME}}}", re.ASCII)


def mobile(number: str, *, country: str) -> str:
    """The number in E.164. Raises AddressRefused, with a sentence, where no text can arrive."""
    parsed = _parsed(number, country)
    if parsed is None or not phonenumbers.is_valid_number(parsed):
        raise AddressRefused(f"“{number[:40]}” is not a telephone number.")
    if phonenumbers.number_type(parsed) not in TAKES_TEXTS:
        raise AddressRefused(f"{_e164(parsed)} is not a mobile number: it takes no text messages.")
    return _e164(parsed)


def rings(number: str, *, country: str) -> str:
    """The number in E.164. Raises AddressRefused, with a sentence, where no telephone can ring."""
    parsed = _parsed(number, country)
    if parsed is None or not phonenumbers.is_valid_number(parsed):
        raise AddressRefused(f"“{number[:40]}” is not a telephone number.")
    return _e164(parsed)


def plain(number: str, *, country: str) -> str:
    """The number in E.164 where it can be read, else as it stands: for comparing."""
    parsed = _parsed(number, country)
    return _e164(parsed) if parsed else number.strip()


def spellings(number: str) -> set[str]:
    """How a number in E.164 may stand in a contact."""
    parsed = _parsed(number, "")
    if parsed is None:
        return {number}
    kinds = (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL)
    written = {phonenumbers.format_number(parsed, kind) for kind in kinds}
    bare = {re.sub(r"[^\d+]", "", each) for each in written}
    return written | bare | {each.replace("+", "00") for each in bare if each.startswith("+")}


def is_name(sender: str) -> bool:
    """Whether a sender is a name (letters, and digits beside them) and not a number."""
    return bool(_NAME.fullmatch(sender)) and any(sign.isalpha() for sign in sender)


def carries_names(number: str) -> bool:
    """Whether the networks of a number (in E.164) show a name as the sender."""
    return phonenumbers.region_code_for_number(phonenumbers.parse(number)) not in NO_NAMES


def _parsed(number: str, country: str) -> phonenumbers.PhoneNumber | None:
    digits = re.sub(r"^00", "+", number.strip())
    try:
        return phonenumbers.parse(digits, country or None)
    except NumberParseException:
        return None


def _e164(parsed: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
