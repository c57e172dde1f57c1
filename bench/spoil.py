"""Bank lines made worse, each in several ways at once: wrong names, wrong signs in numbers, a little kept back.

In: good lines and a seed. Out: lines as careless payers would have sent them, the same for the same seed.
"""

import random
import re
import string
from collections.abc import Iterable
from dataclasses import replace

from amiable.payments.matching import Line

_NUMBER = re.compile(r"[A-Z]{0,4}\d{5,}")
_TRADE = ("HOLDING", "GROUP", "TRADING", "PAYMENTS", "SERVICES", "ENTERPRISES", "RESOURCES", "INTL")


def spoil(lines: Iterable[Line], *, seed: int, share: float = 0.4, accounts: bool = True) -> list[Line]:
    """Each kind of mistake strikes each line with this probability; `accounts`: whether the payers' IBANs are told."""
    draw = random.Random(seed)
    return [_spoilt(line, draw, share, accounts) for line in lines]


def _spoilt(line: Line, draw: random.Random, share: float, accounts: bool) -> Line:
    changed = replace(line, payer_iban=line.payer_iban if accounts else "")
    if draw.random() < share:
        changed = replace(changed, payer=renamed(line.payer, draw))
    if draw.random() < share:
        changed = replace(changed, text=_NUMBER.sub(lambda found: mistyped(found[0], draw), line.text))
    if draw.random() < share:
        kept = max(1, round(line.amount_minor * draw.uniform(1e-7, 5e-7)))
        changed = replace(changed, amount_minor=max(line.amount_minor - kept, 1))
    return changed


def renamed(name: str, draw: random.Random) -> str:
    words = re.findall(r"\w+", name) or ["X"]
    initials = "".join(word[0] for word in words[:3]).upper()
    return draw.choice(
        (
            f"{initials} {draw.choice(_TRADE)}",
            f"{words[0]} {draw.choice(_TRADE)}".upper(),
            f"{initials}_{draw.randrange(10_000)}",
            f"{draw.choice(_TRADE)} {words[-1]}",
        )
    )


def mistyped(number: str, draw: random.Random) -> str:
    """One or two slips: a sign missing, doubled, swapped, wrong, a space within, the end cut off."""
    for _slip in range(draw.choice((1, 1, 2))):
        at = draw.randrange(max(len(number) - 1, 1))
        kind = draw.randrange(6)
        digit = draw.choice(string.digits)
        if kind == 0:
            number = number[:at] + number[at + 1 :]
        elif kind == 1:
            number = number[:at] + digit + number[at:]
        elif kind == 2:
            number = number[:at] + number[at + 1 : at + 2] + number[at : at + 1] + number[at + 2 :]
        elif kind == 3:
            number = number[:at] + digit + number[at + 1 :]
        elif kind == 4:
            number = f"{number[:at]} {number[at:]}"
        else:
            number = number[: len(number) - draw.randrange(1, 4)] if len(number) > 7 else number
    return number
