"""One pass over the bytes of a file: its digest, its size, its encoding; refuses what no format could read.

In: a path. Out: Measured. Never: a file held in memory, a byte guessed away.
"""

import codecs
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from amiable.intake.reading import UnableToImport

HEAD = 256 * 1024
CHUNK = 4 * 1024 * 1024
LONGEST_LINE = 1024 * 1024

# Where two old encodings can both read the bytes, the one that makes French of them is meant.
_LIKELY = set("éèêëàâäçùûüîïôöœæÉÈÊËÀÂÄÇÙÛÜÎÏÔÖŒÆ€°«»’ñß²\u00a0£§µ–…")
_LEGACY = ("cp1252", "iso8859-15", "mac_roman", "cp850")


@dataclass(frozen=True)
class Measured:
    sha256: str
    size: int
    head: bytes
    encoding: str  # empty: not text
    longest_line: int


def measure(path: Path) -> Measured:
    """Reads the file once. Raises UnableToImport when it is empty or cannot be read."""
    digest, size, head = hashlib.sha256(), 0, b""
    utf8: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
    oddities, tail, longest = bytearray(), 0, 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                head = head or chunk[:HEAD]
                digest.update(chunk)
                size += len(chunk)
                utf8 = _still(utf8, chunk)
                if len(oddities) < HEAD and not chunk.isascii():
                    oddities += b"\n".join(re.findall(rb"[\x20-\xff]{0,20}[\x80-\xff][\x20-\xff]{0,20}", chunk)[:5000])
                tail, longest = _lines(chunk, tail, longest)
    except OSError as error:
        raise UnableToImport(_("The file cannot be read: %(why)s.") % {"why": error.strerror}) from error
    if not size:
        raise UnableToImport(_("The file is empty."))
    if utf8 is not None:
        utf8 = _still(utf8, b"", final=True)
    return Measured(digest.hexdigest(), size, head, _encoding(head, utf8 is not None, bytes(oddities)), longest)


def _still(
    decoder: codecs.IncrementalDecoder | None, chunk: bytes, final: bool = False
) -> codecs.IncrementalDecoder | None:
    """The decoder while the bytes are valid UTF-8; None from the first that is not."""
    if decoder is not None:
        try:
            decoder.decode(chunk, final)
        except UnicodeDecodeError:
            return None
    return decoder


def _lines(chunk: bytes, tail: int, longest: int) -> tuple[int, int]:
    """Bytes since the last line end, and the longest line so far; short lines in between are not looked at one by one."""
    last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
    if last < 0:
        return tail + len(chunk), max(longest, tail + len(chunk))
    first = min(place for place in (chunk.find(b"\n"), chunk.find(b"\r")) if place >= 0)
    longest = max(longest, tail + first)
    half = LONGEST_LINE // 2  # a line that is too long leaves one such stretch without any line end
    if any(
        chunk.find(b"\n", at, at + half) < 0 and chunk.find(b"\r", at, at + half) < 0
        for at in range(0, len(chunk), half)
    ):
        longest = max(longest, *(len(line) for line in re.split(rb"[\r\n]", chunk)))
    return len(chunk) - last - 1, longest


def _encoding(head: bytes, utf8: bool, oddities: bytes) -> str:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig" if utf8 else ""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    nuls = head.count(0)
    if nuls:
        if nuls > len(head) // 4:  # Latin letters in two bytes each: every other byte is nil
            even, odd = head[::2].count(0), head[1::2].count(0)
            if min(even, odd) < max(even, odd) // 20:
                return "utf-16-be" if even > odd else "utf-16-le"
        return ""
    controls = len(re.findall(rb"[\x01-\x08\x0e-\x1f\x7f]", head))
    if controls > len(head) // 200:
        return ""
    if utf8:
        return "utf-8"
    return max(_LEGACY, key=lambda name: (_likeness(oddities, name), -_LEGACY.index(name)))


def _likeness(oddities: bytes, encoding: str) -> int:
    """How much the bytes look like French words in this encoding."""
    text = oddities.decode(encoding, errors="replace")
    score = 0
    for match in re.finditer(r"[^\x00-\x7f]", text):
        letter, before = match.group(), text[max(match.start() - 1, 0) : match.start()]
        if letter not in _LIKELY:
            score -= 4 if not letter.isalpha() else 1
        elif letter.isupper() and before.islower():
            score -= 2  # a capital inside a word is a sign of the wrong table
        else:
            score += 2
    return score
