"""Days, amounts and reasons as people write them, in French and English, seen from the day on which they wrote.

In: words. Out: dates, minor units, a reason. Never: a date in the past for a promise; a date or a telephone number
taken for an amount.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from amiable.core.calendar import end_of_month, next_business_day
from amiable.core.money import UnreadableAmount, minor

FARTHEST = timedelta(days=400)  # nobody means a day beyond that
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "janvier janv january jan", "fevrier fevr fev february feb", "mars march mar", "avril avr april apr", "mai may",
            "juin june jun", "juillet juil july jul", "aout august aug", "septembre sept september sep", "octobre oct october",
            "novembre nov november", "decembre dec december",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
DAYS = {
    name: number
    for number, names in enumerate(
        ("lundi monday", "mardi tuesday tues tue", "mercredi wednesday wed", "jeudi thursday thurs thu", "vendredi friday",
         "samedi saturday", "dimanche sunday")
    )
    for name in names.split()
}  # fmt: skip
BESIDE = {"aujourdhui": 0, "cejour": 0, "today": 0, "tonight": 0, "cesoir": 0, "demain": 1, "tomorrow": 1, "apresdemain": 2,
          "thedayaftertomorrow": 2, "hier": -1, "yesterday": -1, "avanthier": -2, "thedaybeforeyesterday": -2}  # fmt: skip
NUMBERS = {
    word: number
    for number, words in {
        1: "un une one a an", 2: "deux two couple", 3: "trois three", 4: "quatre four", 5: "cinq five", 6: "six",
        7: "sept seven", 8: "huit huitaine eight", 10: "dix dizaine ten", 12: "douze twelve", 14: "fortnight",
        15: "quinze quinzaine fifteen", 20: "vingt twenty", 30: "trente thirty",
    }.items()
    for word in words.split()
}  # fmt: skip
_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_DAY = "|".join(sorted(DAYS, key=len, reverse=True))
_N = rf"\d{{1,3}}|{'|'.join(sorted(NUMBERS, key=len, reverse=True))}"
_ORDINAL = r"(?:st|nd|rd|th|er)?"
Found = date | None
Said = Mapping[str, str]
Meaning = Callable[[Said, date, bool, str], Found]


def days(text: str, *, on: date, past: bool = False, country: str = "FR") -> list[date]:
    """The days that the words name, in their order, as seen on the day `on`; `past`: it speaks of what has been."""
    said = _plain(text)
    hits: list[tuple[int, int, date]] = []
    for pattern, meaning, tense in _MEANINGS:
        if tense and past != (tense == "past"):
            continue
        for match in pattern.finditer(said):
            day = meaning(defaultdict(str, match.groupdict(default="")), on, past, country)
            if day is not None and abs(day - on) <= FARTHEST and (day <= on if past else day >= on):
                hits.append((match.start(), match.end(), day))
    hits.sort(key=lambda hit: (hit[0], -hit[1]))
    found: list[date] = []
    end = -1
    for start, stop, day in hits:
        if start >= end:
            end = stop
            found.append(day)
    return list(dict.fromkeys(found))


_SIGNS = {"€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR", "£": "GBP", "gbp": "GBP", "$": "USD", "usd": "USD",
          "chf": "CHF", "pounds": "GBP", "dollars": "USD"}  # fmt: skip
_NUMBER = r"\d{1,3}(?:[ .,'’]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?"
_SIGN = r"€|£|\$|eur(?:os?)?\b|gbp\b|usd\b|chf\b|pounds\b|dollars\b"
_AMOUNT = re.compile(
    rf"(?P<before>{_SIGN})\s?(?P<first>{_NUMBER})(?![\d/])|(?<![\d.,/-])(?P<second>{_NUMBER})\s?(?P<after>{_SIGN})",
    re.IGNORECASE,
)
_BARE = re.compile(r"(?<![\d.,/-])(\d{1,3}(?:[ .,'’]\d{3})+[.,]\d{2}|\d{2,}[.,]\d{2})(?![\d.,/%-])")


def amounts(text: str, *, currency: str) -> list[int]:
    """The amounts in that currency, in minor units, in their order; without a sign only where there are two decimals."""
    said = re.sub(r"[\u00a0\u202f\u2009]", " ", text)
    found = [
        (match.start(), match["first"] or match["second"])
        for match in _AMOUNT.finditer(said)
        if _SIGNS[(match["before"] or match["after"]).lower()] == currency
    ]
    if not found and not _AMOUNT.search(said):
        found = [(match.start(), match[1]) for match in _BARE.finditer(said)]
    values = (_minor(number, currency) for _at, number in sorted(found))
    return list(dict.fromkeys(value for value in values if value))


# In the order in which they count; each as casework's DisputeReason says it.
_REASONS = tuple(
    (key, re.compile("|".join(patterns)))
    for key, *patterns in (
        ("not_mine", r"jamais (?:rien )?command|pas (?:a nous|pour nous|commande)|n'?ai (?:pas|jamais) (?:passe|commande)",
         r"never ordered|not (?:for us|ours|mine)|did(?:n'?t| not) order"),
        ("not_received", r"(?:pas|jamais) (?:ete )?(?:recu|livre|effectue|realise|fait)|non livre|manqu|incomplet|seulement recu",
         r"not (?:been )?(?:received|delivered|done|carried out)|never (?:been )?(?:received|delivered|arrived|came|done)",
         r"ha(?:ve|s)n'?t (?:received|arrived)|missing|incomplete|only received"),
        ("quality", r"abime|casse|defect|defaut|endommage|malfacon|(?:non|pas) conforme|mauvais etat|qualite",
         r"ne (?:fonctionne|marche)|panne|damaged|broken|faulty|quality|not as (?:agreed|described|ordered)",
         r"does(?:n'?t| not) work|poor"),
        ("credit_expected", r"\bavoirs?\b|note de credit|remboursement|remise (?:prevue|promise|convenue)",
         r"credit note|refund|discount"),
        ("amount", r"montant|tarif|prix|devis|quantit|tva|trop (?:facture|eleve|percu)|erreur|deux fois|doubl",
         r"price|amount|rate|quote|overcharg|vat|wrong|twice|duplicate"),
    )
)  # fmt: skip


def reason(text: str) -> str:
    """Why an invoice is contested, in the words of casework's DisputeReason."""
    said = _plain(text)
    return next((key for key, pattern in _REASONS if pattern.search(said)), "other")


def _minor(number: str, currency: str) -> int | None:
    """`1.250,50`, `1,250.50`, `1 250`, `250`: three digits after the last sign are thousands, fewer are decimals."""
    tail = re.search(r"[.,](\d+)$", number)
    decimal = tail[0][0] if tail and len(tail[1]) < 3 else "," if number.rfind(".") > number.rfind(",") else "."
    try:
        return minor(number, currency=currency, decimal=decimal)
    except UnreadableAmount:
        return None  # a number of some other kind


def _plain(text: str) -> str:
    """Lower case, without accents, single spaces: as the patterns are written."""
    bare = unicodedata.normalize("NFKD", text.lower().replace("œ", "oe").replace("’", "'"))
    return re.sub(r"\s+", " ", "".join(sign for sign in bare if not unicodedata.combining(sign)))


def _number(text: str) -> int:
    return int(text) if text.isdigit() else NUMBERS[text]


def _real(year: int, month: int, day: int) -> Found:
    try:
        return date(year, month, day)
    except ValueError:
        return None  # the 31st of a month that has none


def _nearest(month: int, day: int, on: date, past: bool) -> Found:
    """The day of that name in the year that is meant: the next one, or the last one."""
    this = _real(on.year, month, day)
    if this is None:
        return None
    if past:
        return this if this <= on else _real(on.year - 1, month, day)
    return this if this >= on else _real(on.year + 1, month, day)


def _written(said: Said, on: date, past: bool, _country: str) -> Found:
    """15/11, 15/11/26, 15.11.2026; the day comes first, as in Europe, unless it cannot."""
    day, month = int(said["d"]), int(said["m"])
    if month > 12 >= day:
        day, month = month, day
    if not said["y"]:
        return _nearest(month, day, on, past)
    return _real(int(said["y"]) + (2000 if len(said["y"]) == 2 else 0), month, day)


def _iso(said: Said, _on: date, _past: bool, _country: str) -> Found:
    return _real(int(said["y"]), int(said["m"]), int(said["d"]))


def _named(said: Said, on: date, past: bool, _country: str) -> Found:
    month, day = MONTHS[said["m"]], int(said["d"])
    return _real(int(said["y"]), month, day) if said["y"] else _nearest(month, day, on, past)


def _part_of_month(said: Said, on: date, past: bool, _country: str) -> Found:
    """Fin décembre, mid January, début du mois prochain, the end of the month."""
    first = on.replace(day=1)
    if said["m"]:
        month = MONTHS[said["m"]]
        turned = -1 if past and month > on.month else 1 if not past and month < on.month else 0
        first = date(on.year + turned, month, 1)
    elif said["next"]:
        first = end_of_month(on) + timedelta(days=1)
    if said["part"].startswith(("debut", "beginning", "start", "early")):
        return first + timedelta(days=4)
    return first + timedelta(days=14) if said["part"].startswith("mi") else end_of_month(first)


def _next_month(_said: Said, on: date, _past: bool, _country: str) -> Found:
    return end_of_month(end_of_month(on) + timedelta(days=1))


def _of_month(said: Said, on: date, past: bool, _country: str) -> Found:
    """Le 15, on the 15th: of this month or of the one beside it."""
    day = int(said["d"])
    this = _real(on.year, on.month, day)
    if this is not None and (this <= on if past else this >= on):
        return this
    other = on.replace(day=1) - timedelta(days=1) if past else end_of_month(on) + timedelta(days=1)
    return _real(other.year, other.month, day)


def _weekday(said: Said, on: date, past: bool, _country: str) -> Found:
    """Vendredi: the next one, today not counted; « en huit » a week later; next Friday is the one of next week."""
    wanted = DAYS[said["day"]]
    if past:
        return on - timedelta(days=(on.weekday() - wanted - 1) % 7 + 1)
    ahead = (wanted - on.weekday() - 1) % 7 + 1
    if said["week"] or (said["next"] and ahead + on.weekday() < 7):
        ahead += 7
    return on + timedelta(days=ahead)


def _week(said: Said, on: date, past: bool, _country: str) -> Found:
    """This week, next week, last week: their Friday."""
    friday = on - timedelta(days=on.weekday() - 4)
    if past:
        return friday - timedelta(days=7)
    if said["next"] or said["next_too"]:
        return friday + timedelta(days=4 if said["early"] else 7)
    return max(friday, on)


def _ahead(said: Said, on: date, past: bool, country: str) -> Found:
    """Dans dix jours, sous 48 h, within five working days, in two weeks, il y a trois jours, two weeks ago."""
    count, unit = _number(said["n"]), said["unit"]
    if unit.startswith("h"):
        count = -(-count // 24)
    elif unit.startswith(("sem", "week", "wk")):
        count *= 7
    elif unit.startswith(("mois", "month")):
        count *= 30
    if past:
        return on - timedelta(days=count)
    if (said["working"] or said["working_too"]) and unit.startswith(("j", "d")):
        day = on
        for _each in range(min(count, 90)):
            day = next_business_day(day + timedelta(days=1), country)
        return day
    return on + timedelta(days=count)


def _fortnight(said: Said, on: date, past: bool, _country: str) -> Found:
    count = {"huitaine": 8, "quinzaine": 15, "fortnight": 14}[said["n"]]
    return on + timedelta(days=-count if past else count)


def _beside(said: Said, on: date, _past: bool, _country: str) -> Found:
    return on + timedelta(days=BESIDE[re.sub(r"[ '-]", "", said["word"])])


_UNIT = r"(?P<unit>jours?|j\b|semaines?|mois|heures?|h\b|days?|weeks?|wks?|months?|hours?)"
_WORKING = r"(?:working|business|ouvres?|ouvrables?)"
_PART = r"fin|debut|mi|mid|end|beginning|start|early"
_OF = r"de |of |du |d'|in "
# Each with what it means, and the tense in which it is said, where there is only one. The first of those that begin at a
# place and the longest of them counts.
_PATTERNS: tuple[tuple[str, Meaning, str], ...] = (
    (r"\b(?P<y>20\d\d)-(?P<m>\d\d)-(?P<d>\d\d)\b", _iso, ""),
    (r"(?<![\d/.,-])(?P<d>\d{1,2})(?P<s>[/.-])(?P<m>\d{1,2})(?:(?P=s)(?P<y>20\d\d|\d\d))?"
     r"(?![\d/%-]|[.,]\d| ?(?:€|eur))", _written, ""),
    (rf"\b(?P<d>\d{{1,2}}){_ORDINAL} (?:of )?(?P<m>{_MONTH})\b\.?,?(?: (?P<y>20\d\d))?", _named, ""),
    (rf"\b(?P<m>{_MONTH})\.? (?:the )?(?P<d>\d{{1,2}}){_ORDINAL}\b(?!:)(?:,? (?P<y>20\d\d))?", _named, ""),
    (rf"\b(?P<part>{_PART})[ -](?:{_OF})?(?P<m>{_MONTH})\b", _part_of_month, ""),
    (rf"\b(?P<part>{_PART})[ -](?:{_OF})?(?:the )?(?:mois (?P<next>prochain)|month|mois)\b", _part_of_month, ""),
    (rf"\b(?P<part>{_PART}) (?:of )?(?P<next>next month)\b", _part_of_month, ""),
    (r"\b(?:le mois prochain|next month)\b", _next_month, "ahead"),
    (rf"\bdu (?P<d>\d{{1,2}})\b(?! ?(?:[/.-]\d|h\b|{_MONTH})|[,.:]\d)", _of_month, "past"),
    (rf"\b(?:le|the|au)\s+(?P<d>\d{{1,2}}){_ORDINAL}\b"
     rf"(?! ?(?:[/.-]\d|h\b|heures|%|€|eur|jours|{_MONTH})|[,.:]\d)", _of_month, ""),
    (rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)\b(?! (?:of )?(?:{_MONTH}))", _of_month, ""),
    (rf"\b(?P<next>next )?(?P<day>{_DAY})\b(?: (?:prochain|matin|soir|midi))*(?P<week> en huit| week)?", _weekday, ""),
    (r"\b(?P<early>debut de |early |beginning of )?"
     r"(?:(?:la )?semaine (?P<next>prochaine)|(?P<next_too>next) week)\b", _week, "ahead"),
    (r"\b(?:fin de (?:la |cette )?semaine|cette semaine|"
     r"(?:the )?end of (?:the|this) week|this week)\b(?! prochaine)", _week, "ahead"),
    (rf"\b(?:dans|sous|d'ici|in|within|next)(?: les| the| un delai de| environ| about| next)? (?P<n>{_N}) "
     rf"?(?:prochaine?s |of )?(?P<working>{_WORKING} )?{_UNIT}(?P<working_too> {_WORKING})?", _ahead, "ahead"),
    (r"\b(?:sous|dans|d'ici|in|within)(?: une| la| a)? (?P<n>huitaine|quinzaine|fortnight)\b", _fortnight, "ahead"),
    (rf"\bil y a (?:environ )?(?P<n>{_N}) ?{_UNIT}", _ahead, "past"),
    (rf"\b(?P<n>{_N}) ?(?:of )?{_UNIT} ago\b", _ahead, "past"),
    (r"\b(?:la semaine (?:derniere|passee)|last week)\b", _week, "past"),
    (r"\b(?P<word>avant[- ]hier|hier|the day before yesterday|yesterday)\b", _beside, "past"),
    (r"\b(?P<word>apres[- ]demain|demain|the day after tomorrow|tomorrow)\b", _beside, "ahead"),
    (r"\b(?P<word>aujourd'?hui|ce jour|ce soir|today|tonight)\b", _beside, ""),
)  # fmt: skip
_MEANINGS = tuple((re.compile(pattern), meaning, tense) for pattern, meaning, tense in _PATTERNS)
