"""What the words in the search box may be, one question each; a question is put only where the words look like it.

In: the words and who asks. Out: customers with what they were found by, and how well it fits (0 to 100).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import phonenumbers
from django.db.models import CharField, F, FloatField, Func, Lookup, Q, QuerySet, TextField, Value
from django.db.models.functions import Collate, Length, Reverse
from rapidfuzz import fuzz

from amiable.core import money
from amiable.core.models import User
from amiable.ledger.models import Contact, ContactPoint, Credit, CreditKind, Customer, Invoice
from amiable.ledger.plain import Plain, plain
from amiable.payments.models import StatementLine
from amiable.web.desk import scope

if TYPE_CHECKING:
    Base = Lookup[Any]  # generic for the type checker only
else:
    Base = Lookup

ALIKE, NEAR = 0.4, 72  # trigrams in common (0 to 1), then letters in common (0 to 100)
PAID = 63  # how well a payment of this amount fits: between an invoice of it and one of which a part is paid
NEARBY = 300  # names that are compared letter by letter

# How much alike is alike, for one statement: what no row takes part in is looked at once, before any row is.
_LOOSELY = "(SELECT set_config('pg_trgm.word_similarity_threshold', %s, true)) IS NOT NULL"
_AMOUNT = re.compile(r"\d[\d\s.,'’]*")
_VAT = re.compile(r"FR[0-9A-Z]{2}(\d{9})")


class _Likes(Base):
    lookup_name: str = ""

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_values = self.process_lhs(compiler, connection)
        right, right_values = self.process_rhs(compiler, connection)
        return f"{left} {self.lookup_name.upper()} {right}", (*left_values, *right_values)


@CharField.register_lookup
@TextField.register_lookup
class Like(_Likes):
    """LIKE itself: a pattern in, answered from an index of patterns or trigrams."""

    lookup_name = "like"


@CharField.register_lookup
class ILike(_Likes):
    """ILIKE itself: unlike icontains it is answered from the trigram index."""

    lookup_name = "ilike"


class _Unlike(Func):
    """How far a name is from a word in it: 0 is the same."""

    template, arg_joiner, output_field = "(%(expressions)s)", " <->> ", FloatField()


@dataclass(frozen=True)
class Found:
    """A customer, by which kind of thing (`what`), as it is written there; an amount where the thing has one."""

    customer_id: int
    what: str
    matched: str
    rank: float
    minor: int | None = None
    currency: str = ""


@dataclass(frozen=True)
class Asked:
    """The words, who asks, and the creditors (with their country) among whose rows the answer may lie."""

    user: User
    words: str
    creditors: dict[int, str]
    since: date
    most: int

    @property
    def digits(self) -> str:
        return "".join(letter for letter in self.words if letter.isdigit())

    @property
    def squeezed(self) -> str:
        return "".join(self.words.split())

    def mine(self, rows: QuerySet[Any], path: str = "customer__") -> QuerySet[Any]:
        """Rows that have a creditor and a customer, as far as the asker sees them: each index starts with the creditor."""
        reach = scope.reach(self.user, path=path, creditor="creditor_id")
        return rows.filter(reach, creditor__in=self.creditors)


def _pattern(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _number(asked: Asked) -> Iterator[Found]:
    text = asked.squeezed
    if not asked.digits:
        return
    rows = asked.mine(Customer.objects.all(), path="")
    same = rows.filter(number__in={text, text.upper(), text.lower()}).values_list("pk", "number")
    parts = rows.filter(number__ilike=f"%{_pattern(text)}%").order_by(Length("number")).values_list("pk", "number")
    for pk, number in same.union(parts[: asked.most]) if len(text) > 2 else same:
        whole, first = number.lower() == text.lower(), number.lower().startswith(text.lower())
        yield Found(pk, "number", number, 100 if whole else 84 if first else 58)


def _siren(asked: Asked) -> Iterator[Found]:
    text = asked.squeezed.upper()
    vat = _VAT.fullmatch(text)
    digits = vat[1] if vat else text
    if not digits.isdigit() or not 5 <= len(digits) <= 14:
        return
    rows = asked.mine(Customer.objects.exclude(siren=""), path="").filter(siren__like=f"{digits[:9]}%")
    if len(digits) == 14:  # another establishment of the same firm is told as well, after this one
        rows = rows.filter(Q(siren__like=f"{digits}%") | Q(siren__like=f"{digits[:9]}%"))
    for pk, siren in rows.values_list("pk", "siren")[: asked.most]:
        whole = siren == digits or len(digits) in (9, 14)
        yield Found(pk, "siren", siren, 98 if siren == digits else 92 if whole else 60)


def _email(asked: Asked) -> Iterator[Found]:
    text = asked.squeezed
    if "@" not in text and not re.fullmatch(r"[\w+-]+(\.[\w+-]+)+", text):
        return
    if len(text) < 3:
        return
    name, sign, _house = text.partition("@")  # thousands may have their address at the same house
    by = name + sign if sign and len(name) > 2 else ""
    for pk, value in _points(asked, {text, text.lower()}, text, Q(medium="email"), by=by):
        same, first = value.lower() == text.lower(), value.lower().startswith(text.lower())
        yield Found(pk, "email", value, 98 if same else 82 if first else 66)


def _phone(asked: Asked) -> Iterator[Found]:
    text = asked.words
    if len(asked.digits) < 4 or not re.fullmatch(r"\+?[\d\s().\-/]+", text):
        return
    whole = set()
    for country in set(asked.creditors.values()):
        try:
            read = phonenumbers.parse(text, country)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(read):
            whole.add(phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.E164))
    part = asked.digits.removeprefix("00").lstrip("0")
    for pk, number in _points(asked, whole, part if len(part) >= 4 else "", ~Q(medium="email")):
        yield Found(pk, "phone", number, 97 if number in whole else 56)


def _points(asked: Asked, whole: set[str], part: str, media: Q, *, by: str = "") -> list[tuple[int, str]]:
    """Addresses as they are written in full, where there is one; else those that hold the part.

    `by`: what of the part the index is asked for, where the rest of it is common to many.
    """
    points = ContactPoint.objects.filter(scope.reach(asked.user, path="contact__customer__") & media)
    told = ("contact__customer_id", "value")
    rows = points.filter(value__in=whole).values_list(*told)[: asked.most]
    if part:
        held = points.filter(value__ilike=f"%{_pattern(by or part)}%")
        held = held.filter(value__icontains=part) if by else held
        rows = rows.union(held.values_list(*told)[: asked.most])
    found = list(rows)
    return [row for row in found if row[1] in whole] or found


def _invoice(asked: Asked) -> Iterator[Found]:
    text = asked.squeezed.upper()
    if not asked.digits or len(text) > 60:
        return
    rows = scope.invoices_for(asked.user)
    told = ("customer_id", "reference", "open_minor", "currency")
    written = {text, asked.squeezed, asked.words}
    same = rows.filter(reference__in=written).values_list(*told)[: asked.most]
    starts = rows.filter(reference__like=f"{_pattern(text)}%").values_list(*told)[: asked.most]
    ends = rows.annotate(end=Reverse("reference")).filter(end__like=f"{_pattern(text[::-1])}%").values_list(*told)
    for pk, reference, minor, currency in same.union(starts, ends[: asked.most]) if len(text) > 2 else same:
        first = reference.startswith(text)
        yield Found(
            pk,
            "invoice",
            reference,
            96 if reference in written else (76 if first else 70) + (minor > 0),
            minor,
            currency,
        )


def _amount(asked: Asked) -> Iterator[Found]:
    text = asked.words.removesuffix("€").removeprefix("€").strip()
    if not _AMOUNT.fullmatch(text):
        return
    minors = _minors(text)
    if not minors:
        return
    bills = scope.invoices_for(asked.user, Invoice.objects.filter(open_minor__gt=0))
    whole = bills.filter(open_minor__in=minors)
    partly = bills.filter(amount_minor__in=minors).exclude(open_minor=F("amount_minor"))
    paid = asked.mine(
        Credit.objects.filter(kind=CreditKind.PAYMENT, amount_minor__in=minors, received_on__gte=asked.since)
    )
    lately = paid.filter(customer__isnull=False).order_by("-received_on")
    one, *others = (
        rows.annotate(rank=Value(rank)).values_list("customer_id", "reference", minor, "currency", "rank")[: asked.most]
        for rows, minor, rank in ((whole, "open_minor", 64), (partly, "open_minor", 62), (lately, "amount_minor", PAID))
    )
    for pk, reference, minor, currency, rank in one.union(*others, all=True):
        yield Found(pk, "paid" if rank == PAID else "amount", reference, rank, minor, currency)


def _minors(text: str) -> set[int]:
    """The amount in the minor units that currencies have; a sign that could group or divide is taken both ways."""
    found = set()
    for currency in ("EUR", "JPY", "TND"):
        for decimal in ",.":
            try:
                found.add(money.minor(text, currency=currency, decimal=decimal))
            except money.UnreadableAmount:
                continue
    return {minor for minor in found if 0 < minor < 2**62}


def _iban(asked: Asked) -> Iterator[Found]:
    text = asked.squeezed.upper()
    if len(text) < 4 or len(text) > 34 or not re.fullmatch(r"[A-Z0-9]*\d{3,}", text):
        return
    rows = StatementLine.objects.filter(
        scope.reach(asked.user, path="credit__customer__"), credit__customer__isnull=False
    ).exclude(payer_iban="")
    ends = rows.annotate(end=Reverse("payer_iban")).filter(end__like=f"{_pattern(text[::-1])}%")
    for pk, iban in ends.values_list("credit__customer_id", "payer_iban")[: asked.most]:
        yield Found(pk, "iban", iban, 97 if iban == text else 74 if len(text) >= 6 else 59)


def _name(asked: Asked) -> Iterator[Found]:
    if not any(letter.isalpha() for letter in asked.words):
        return
    text = plain(asked.words)
    rows = asked.mine(Customer.objects.filter(merged_into=None), path="").annotate(plain=Plain("name"))
    told = ("pk", "name", "plain")
    # In the order of bytes the name itself comes before those that go on.
    first = rows.annotate(start=Collate("plain", "C")).filter(start__like=f"{_pattern(text)}%").order_by("start")
    found = [Found(pk, "name", name, _fits(text, there)) for pk, name, there in first.values_list(*told)[: asked.most]]
    every = Q()
    for word in text.split():
        every &= Q(plain__like=f"%{_pattern(word)}%")
    within = rows.filter(every).annotate(what=Value("name")).values_list(*told, "what")[: asked.most]
    further = _people(asked, text)
    if len(found) < asked.most:
        further = within if further is None else within.union(further, all=True)
    for pk, name, there, what in further or ():
        found.append(Found(pk, what, name, _fits(text, there) if what == "name" else 68))
    yield from found or _misspelt(rows, text)


def _fits(text: str, there: str) -> float:
    if there == text:
        return 99
    if there.startswith(text):
        return 82
    words = there.split()
    if all(any(word.startswith(part) for word in words) for part in text.split()):
        return 78 if f" {text}" in there else 74
    return 61


def _people(asked: Asked, text: str) -> QuerySet[Any] | None:
    """Whoever is to be reached there, by their name."""
    if len(text) < 3:
        return None
    people = Contact.objects.filter(scope.reach(asked.user, path="customer__")).exclude(name="")
    rows = people.annotate(plain=Plain("name"), what=Value("contact")).filter(plain__like=f"%{_pattern(text)}%")
    return rows.values_list("customer_id", "name", "plain", "what")[: asked.most]


def _misspelt(rows: QuerySet[Any], text: str) -> Iterator[Found]:
    """Names in which a word has most trigrams in common with the longest that was typed; then letter by letter, each word."""
    longest = max(text.split(), key=len)
    if len(longest) < 4:
        return
    near = rows.filter(plain__trigram_word_similar=Value(longest)).extra(where=[_LOOSELY], params=[str(ALIKE)])
    alike = near.order_by(_Unlike(F("plain"), Value(longest))).values_list("pk", "name", "plain")[:NEARBY]
    for pk, name, there in alike:
        words = there.split()
        score = sum(max(fuzz.ratio(part, word) for word in words) for part in text.split()) / len(text.split())
        if score >= NEAR:
            yield Found(pk, "name", name, score / 2)


def _with_agency(asked: Asked) -> Iterator[Found]:
    """Of whom something lies with the asker's agency: few enough to be read one by one."""
    text, digits = _pattern(asked.squeezed), asked.digits.removeprefix("00").lstrip("0")
    own = {each.creditor_ref for each in scope.agencies(asked.user)}
    rows = scope.customers_for(asked.user, outside=True).filter(creditor__in=own)
    bills = scope.invoices_for(asked.user).filter(creditor__in=own, reference__ilike=f"%{text}%")
    points = ContactPoint.objects.filter(contact__customer__in=rows)
    named = rows.annotate(plain=Plain("name")).filter(plain__like=f"%{_pattern(plain(asked.words))}%")
    email = points.filter(medium="email", value__ilike=f"%{text}%")
    phone = points.filter(value__like=f"%{digits}%").exclude(medium="email") if len(digits) >= 4 else points.none()
    for pk, reference, minor, currency in bills.values_list("customer_id", "reference", "open_minor", "currency")[
        : asked.most
    ]:
        yield Found(pk, "invoice", reference, 78, minor, currency)
    for what, rank, found in (
        ("number", 80, rows.filter(number__ilike=f"%{text}%").values_list("pk", "number")),
        ("name", 76, named.values_list("pk", "name")),
        ("email", 74, email.values_list("contact__customer_id", "value")),
        ("phone", 72, phone.values_list("contact__customer_id", "value")),
    ):
        for pk, matched in found[: asked.most]:
            yield Found(pk, what, matched, rank)


ASKS: tuple[Callable[[Asked], Iterator[Found]], ...] = (
    _number, _siren, _email, _phone, _invoice, _amount, _iban, _name,
)  # fmt: skip
ASKS_WITH_AT = (_email,)  # nothing else has such a sign in it
ASKS_OF_AGENCY = (_with_agency,)
