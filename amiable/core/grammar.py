"""The grammar of conditions: what each part is (a number, a text, yes or no), and one sentence where parts do not fit.

Comes in: a condition's text, what each name in it is. Goes out: what the whole is. Free of Django and of Polars.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Never

from amiable.core.errors import UnableTo

NUMBER, TEXT, YES, NOTHING = "number", "text", "yes", "nothing"  # NOTHING: NULL, which goes with everything
DEEPEST = 36
LARGEST = 15  # digits of a number
SHOWN = 60  # characters of a part that a sentence repeats
# fmt: off
WORDS = frozenset({
    "AND", "OR", "NOT", "IN", "IS", "NULL", "TRUE", "FALSE", "LIKE", "ILIKE", "BETWEEN", "CASE", "WHEN", "THEN", "ELSE", "END",
})
# What each function is of (empty: of whatever goes together), what it gives (empty: the same), and how many values it takes.
FUNCTIONS: Mapping[str, tuple[str, str, int, int]] = {
    "ABS": (NUMBER, NUMBER, 1, 1), "CEIL": (NUMBER, NUMBER, 1, 1), "FLOOR": (NUMBER, NUMBER, 1, 1),
    "ROUND": (NUMBER, NUMBER, 1, 2), "GREATEST": (NUMBER, NUMBER, 2, 9), "LEAST": (NUMBER, NUMBER, 2, 9),
    "COALESCE": ("", "", 2, 9),
    "LENGTH": (TEXT, NUMBER, 1, 1), "LOWER": (TEXT, TEXT, 1, 1), "UPPER": (TEXT, TEXT, 1, 1),
}
# How strongly a sign or word binds what stands beside it.
BINDS = {
    "OR": 5, "AND": 10, "IS": 17, "LIKE": 19, "ILIKE": 19, "IN": 20, "BETWEEN": 20,
    **dict.fromkeys(("=", "<>", "!=", "<", "<=", ">", ">="), 20), "+": 30, "-": 30, "*": 40, "/": 40, "%": 40,
}
# fmt: on
OF_NOT, OF_MINUS = 15, 40
_PIECE = re.compile(
    r"\s+ | (?P<text>'(?:[^']|'')*') | (?P<number>\d+(?:\.\d+)?(?![\w.])) | (?P<name>[A-Za-z_]\w*)"
    r" | (?P<sign><>|!=|<=|>=|[=<>+*/%(),]|-(?!-))",
    re.VERBOSE | re.ASCII,
)


def N_(text: str) -> str:
    """Marks a sentence that a room translates."""
    return text


class UnableToRead(UnableTo):
    """The condition cannot be used; the message says why in one sentence.

    `sentence` and what fills it are kept apart, so that a room can say the same in another language.
    """

    def __init__(self, sentence: str, **values: object) -> None:
        super().__init__(sentence % values if values else sentence)
        self.sentence, self.values = sentence, values


@dataclass(frozen=True)
class Piece:
    """A word, sign or value of a condition, and where it stands. `kind`: text, number, name or sign."""

    kind: str
    text: str
    begins: int
    ends: int


@dataclass(frozen=True)
class Part:
    """A part of a condition: what it is, and where it stands."""

    kind: str
    begins: int
    ends: int


# Two kinds that do not go together, and what is no yes or no where one is needed.
APART = {
    (NUMBER, TEXT): N_("“%(number)s” is a number and “%(text)s” is a text: they cannot be compared or combined."),
    (NUMBER, YES): N_("“%(number)s” is a number and “%(yes)s” is yes or no: they cannot be compared or combined."),
    (TEXT, YES): N_("“%(text)s” is a text and “%(yes)s” is yes or no: they cannot be compared or combined."),
}
UNSAID = {
    NUMBER: N_("“%(part)s” is a number where yes or no is needed: compare it with a number."),
    TEXT: N_("“%(part)s” is a text where yes or no is needed: compare it with a text."),
}
UNCOUNTED = {
    TEXT: N_("“%(part)s” is a text: nothing can be calculated with it (%(sign)s)."),
    YES: N_("“%(part)s” is yes or no: nothing can be calculated with it (%(sign)s)."),
}
NEEDS = {
    NUMBER: N_("%(name)s needs a number, which “%(part)s” is not."),
    TEXT: N_("%(name)s needs a text, which “%(part)s” is not."),
}


def pieces(text: str) -> list[Piece]:
    """The words, signs and values of a condition. Raises UnableToRead at the first that is none."""
    found, place = [], 0
    while place < len(text):
        token = _PIECE.match(text, place)
        if token is None:
            piece = text[place : place + 10]
            if piece.startswith(";"):
                raise UnableToRead(N_("A condition is one expression: it cannot contain “%(piece)s”."), piece=piece)
            raise UnableToRead(N_("A condition cannot contain “%(piece)s”."), piece=piece)
        if token.lastgroup:
            found.append(Piece(token.lastgroup, token[0], place, token.end()))
        place = token.end()
    return found


def fit(text: str, *, kinds: Mapping[str, str]) -> str:
    """What a condition is, when all its parts fit together. Raises UnableToRead with a sentence that names those that do not."""
    reader = _Reader(text, pieces(text), kinds)
    whole = reader.expression(0, 0)
    reader.end()
    return whole.kind


class _Reader:
    """Goes through the pieces once; what binds more strongly is read first."""

    def __init__(self, text: str, found: Sequence[Piece], kinds: Mapping[str, str]) -> None:
        self.text, self.pieces, self.kinds, self.at = text, found, kinds, 0

    def expression(self, least: int, deep: int) -> Part:
        if deep > DEEPEST:
            raise UnableToRead(N_("“%(text)s” is not a condition: it is nested too deeply."), text=self.text[:SHOWN])
        left = self._first(deep)
        while (binds := self._binds()) > least:
            left = self._joined(left, binds, deep)
        return left

    def end(self) -> None:
        if self.at < len(self.pieces):
            self._stray()

    # -- what a part can begin with --------------------------------------------------------------------------------

    def _first(self, deep: int) -> Part:
        piece = self._next()
        word = piece.text.upper()
        if piece.kind in (NUMBER, TEXT):
            if piece.kind == NUMBER and len(piece.text) > LARGEST:
                raise UnableToRead(N_("%(number)s has too many digits."), number=piece.text[:SHOWN])
            return Part(piece.kind, piece.begins, piece.ends)
        if word in ("TRUE", "FALSE", "NULL"):
            return Part(NOTHING if word == "NULL" else YES, piece.begins, piece.ends)
        if word == "NOT":
            return self._from(piece, self._yes(self.expression(OF_NOT, deep + 1)))
        if word in ("-", "+"):
            return self._from(piece, self._counted(self.expression(OF_MINUS, deep + 1), word))
        if word == "(":
            inner = self.expression(0, deep + 1)
            return Part(inner.kind, piece.begins, self._need(")").ends)
        if word == "CASE":
            return self._case(piece, deep)
        if piece.kind == "name" and piece.text in self.kinds:
            return Part(self.kinds[piece.text], piece.begins, piece.ends)
        if word in FUNCTIONS:
            return self._called(piece, deep)
        self.at -= 1
        self._stray()

    def _case(self, piece: Piece, deep: int) -> Part:
        subject = None if self._is("WHEN") else self.expression(0, deep + 1)
        given: Part | None = None
        while given is None or self._is("WHEN"):
            self._need("WHEN")
            when = self.expression(0, deep + 1)
            self._yes(when) if subject is None else self._together(subject, when)
            self._need("THEN")
            given = self._together(given, self.expression(0, deep + 1))
        if self._take("ELSE"):
            given = self._together(given, self.expression(0, deep + 1))
        return Part(given.kind, piece.begins, self._need("END").ends)

    def _called(self, piece: Piece, deep: int) -> Part:
        takes, gives, least, most = FUNCTIONS[piece.text.upper()]
        self._need("(")
        values = [self.expression(0, deep + 1)]
        while self._take(","):
            values.append(self.expression(0, deep + 1))
        end = self._need(")").ends
        name = f"{piece.text.upper()}()"
        if not least <= len(values) <= most:
            raise UnableToRead(N_("%(name)s cannot be used with %(count)s values."), name=name, count=len(values))
        together: Part | None = None
        for value in values:
            if takes and value.kind not in (takes, NOTHING):
                raise UnableToRead(NEEDS[takes], name=name, part=self._said(value))
            together = self._together(together, value)
        if name == "ROUND()" and len(values) > 1 and not self._said(values[1]).isdecimal():
            raise UnableToRead(N_("The second value of ROUND() is a number of digits, such as 2."))
        return Part(gives or (together or values[0]).kind, piece.begins, end)

    # -- what can follow -------------------------------------------------------------------------------------------

    def _binds(self) -> int:
        word = self._word(0)
        return BINDS.get(self._word(1) if word == "NOT" else word, 0)

    def _joined(self, left: Part, binds: int, deep: int) -> Part:
        self._take("NOT")
        sign = self._next().text.upper()
        if sign in ("AND", "OR"):
            return self._both(self._yes(left), self._yes(self.expression(binds, deep + 1)))
        if sign == "IS":
            return self._stands(left)
        if sign in ("LIKE", "ILIKE"):
            return self._resembles(left, sign)
        if sign == "IN":
            return self._among(left, deep)
        if sign in "+-*/%":
            right = self._counted(self.expression(binds, deep + 1), sign)
            return Part(NUMBER, self._counted(left, sign).begins, right.ends)
        right = self.expression(binds, deep + 1)
        if sign == "BETWEEN":
            self._together(left, right)
            self._need("AND")
            right = self.expression(binds, deep + 1)
        self._together(left, right)
        return self._both(left, right)

    def _stands(self, left: Part) -> Part:
        self._take("NOT")
        piece = self._next()
        if piece.text.upper() in ("TRUE", "FALSE"):
            self._yes(left)
        elif piece.text.upper() != "NULL":
            self.at -= 1
            self._stray()
        return Part(YES, left.begins, piece.ends)

    def _resembles(self, left: Part, sign: str) -> Part:
        if left.kind not in (TEXT, NOTHING):
            raise UnableToRead(NEEDS[TEXT], name=sign, part=self._said(left))
        pattern = self._next()
        if pattern.kind != TEXT:
            raise UnableToRead(N_("%(name)s is followed by a text between quotation marks."), name=sign)
        return Part(YES, left.begins, pattern.ends)

    def _among(self, left: Part, deep: int) -> Part:
        self._need("(")
        self._together(left, self.expression(0, deep + 1))
        while self._take(","):
            self._together(left, self.expression(0, deep + 1))
        return Part(YES, left.begins, self._need(")").ends)

    # -- what goes with what ---------------------------------------------------------------------------------------

    def _together(self, one: Part | None, other: Part) -> Part:
        """The one of two parts that says what they are. Raises UnableToRead when they do not go together."""
        if one is None or one.kind in (other.kind, NOTHING):
            return other
        if other.kind == NOTHING:
            return one
        first, second = sorted((one, other), key=lambda part: part.kind)
        said = {first.kind: self._said(first), second.kind: self._said(second)}
        raise UnableToRead(APART[first.kind, second.kind], **said)

    def _yes(self, part: Part) -> Part:
        if part.kind in UNSAID:
            raise UnableToRead(UNSAID[part.kind], part=self._said(part))
        return part

    def _counted(self, part: Part, sign: str) -> Part:
        if part.kind in UNCOUNTED:
            raise UnableToRead(UNCOUNTED[part.kind], part=self._said(part), sign=sign)
        return part

    def _both(self, left: Part, right: Part) -> Part:
        return Part(YES, left.begins, right.ends)

    def _from(self, piece: Piece, part: Part) -> Part:
        return Part(YES if piece.text.upper() == "NOT" else NUMBER, piece.begins, part.ends)

    def _said(self, part: Part) -> str:
        """The words of a part as they are written; a text without its quotation marks."""
        words = self.text[part.begins : part.ends]
        plain = words[1:-1].replace("''", "'") if re.fullmatch(r"'(?:[^']|'')*'", words) else words
        return plain if len(plain) <= SHOWN else f"{plain[:SHOWN]}…"

    # -- piece by piece --------------------------------------------------------------------------------------------

    def _word(self, ahead: int) -> str:
        """The word or sign that comes next, or so many later; empty where a value does, or none."""
        place = self.at + ahead
        piece = self.pieces[place] if place < len(self.pieces) else None
        return piece.text.upper() if piece and piece.kind in ("name", "sign") and piece.text not in self.kinds else ""

    def _is(self, word: str) -> bool:
        return self._word(0) == word

    def _take(self, word: str) -> bool:
        taken = self._is(word)
        self.at += taken
        return taken

    def _next(self) -> Piece:
        if self.at >= len(self.pieces):
            self._stray()
        self.at += 1
        return self.pieces[self.at - 1]

    def _need(self, word: str) -> Piece:
        if not self._is(word):
            self._stray()
        return self._next()

    def _stray(self) -> Never:
        """Says that the piece at which the reading stands is not expected there, or that one is missing."""
        text = self.text.strip()[:SHOWN]
        if self.at >= len(self.pieces):
            raise UnableToRead(N_("“%(text)s” is not a condition: something is missing at its end."), text=text)
        sentence = N_("“%(text)s” is not a condition: “%(piece)s” is not expected there.")
        raise UnableToRead(sentence, text=text, piece=self.pieces[self.at].text[:SHOWN])
