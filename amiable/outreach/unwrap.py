"""An e-mail opened with care: who wrote what, when, in answer to what, and what goes along.

In: bytes as they came, perhaps only the first of them. Out: a Mail, whatever the bytes are.
Never: anything in it that is run, unpacked or followed; a byte that no database keeps.
"""

import hashlib
import html
import logging
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import compat32
from email.utils import parseaddr, parsedate_to_datetime

import nh3
from django.utils.translation import gettext_lazy as _

from amiable.core.words import in_house
from amiable.outreach.channel import Attachment

log = logging.getLogger(__name__)
MOST_PARTS = 200  # what comes after them is counted, not looked at
MOST_LEVELS = 100  # deeper ones are nobody's letter
MOST_TAGS = 20_000
LARGEST_PAGE = 2_000_000  # characters
LONGEST = 100_000  # characters of a text
KEPT = 10_000_000  # bytes of attachments that are kept of one e-mail
LATE = timedelta(days=60)  # a date further from the day of arrival is not believed
_IDS = re.compile(r"<[^<>\s]{3,250}>")
_OURS = re.compile(r"/(p|u)/([A-Za-z0-9_.:=-]{30,500})")
_BLOCKS = {"p", "div", "br", "tr", "li", "h1", "h2", "h3", "table", "blockquote", "hr"}
# Characters that no text needs: controls, halves of pairs, the marks that turn the direction of reading.
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


@dataclass(frozen=True)
class Mail:
    """One e-mail. `reports`: the parts by which machines speak, as (media type, their text)."""

    external_id: str  # its Message-ID, else the digest of its bytes
    sender: str
    recipient: str
    subject: str
    at: datetime
    text: str
    answers: tuple[str, ...] = ()
    links: tuple[str, ...] = ()  # ours, that stand in it: `p/token`
    headers: Mapping[str, str] = field(default_factory=dict)
    reports: tuple[tuple[str, str], ...] = ()
    files: tuple[Attachment, ...] = ()
    sizes: tuple[int, ...] = ()  # of the files, in bytes; the content is empty where it is not kept
    trouble: str = ""


def identity(raw: bytes) -> str:
    """What makes an e-mail one, from its header alone: the Message-ID; the digest of the header where it has none."""
    head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    found = re.search(rb"(?im)^message-id:\s*(<[\x21-\x3b\x3d\x3f-\x7e]{3,190}>)", head)
    return found[1].decode("ascii") if found else f"sha256:{hashlib.sha256(head.strip()).hexdigest()}"


def unwrap(raw: bytes, *, received: datetime, size: int | None = None) -> Mail:
    """The e-mail in these bytes; `size` says how long it is where they are only its beginning."""
    cut = size is not None and size > len(raw)
    try:
        if len(re.findall(rb"(?i)boundary\s*=", raw)) > MOST_LEVELS:
            mail = _headers_of(BytesHeaderParser(policy=compat32).parsebytes(raw), raw, received)
            return replace(mail, trouble=in_house(_("The e-mail is built in a way that cannot be read.")))
        mail = _read(BytesParser(policy=compat32).parsebytes(raw), raw, received, cut=cut)
    except Exception:  # whoever wrote these bytes may have meant to make us stumble; a person looks at the rest
        log.exception("An e-mail cannot be read.")
        return Mail(
            identity(raw), "", "", "", received, "", trouble=in_house(_("The e-mail is damaged and cannot be read."))
        )
    if cut:
        told = in_house(
            _("The e-mail is very large (%(size)s MB): only its beginning was read."), size=(size or 0) >> 20
        )
        mail = replace(mail, trouble=told)
    return mail


def clean(text: str, longest: int = LONGEST) -> str:
    """Text as a database and a page can hold it, with one kind of line end."""
    text = _UNSEEN.sub("", re.sub(r"\r\n?|\u2028|\u2029", "\n", text[: longest * 2]))
    return unicodedata.normalize("NFC", text)[:longest]


def text_of_html(page: str) -> str:
    """What a reader sees of a page: no script, no style; what is quoted begins with `>`."""
    page = "<".join(page[:LARGEST_PAGE].split("<", MOST_TAGS)[:MOST_TAGS])
    page = re.sub(r"\s+", " ", page)  # the lines of the source are not those of the reader
    page = nh3.clean(page, tags=_BLOCKS, attributes={}, link_rel=None, clean_content_tags={"script", "style", "title"})
    lines, depth = [], 0
    for piece in re.split(r"(</?[a-z0-9]+>)", page):
        if piece == "<blockquote>":
            depth += 1
        elif piece == "</blockquote>":
            depth = max(depth - 1, 0)
        if piece.startswith("<"):
            lines.append("")
        elif words := html.unescape(piece).strip():
            lines.append("> " * min(depth, 5) + words)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _headers_of(message: "Message[str, str]", raw: bytes, received: datetime) -> Mail:
    headers = {name.lower(): clean(_words(value), 2_000) for name, value in reversed(list(message.raw_items()))}
    sender = parseaddr(headers.get("from", ""))[1].lower()[:320]
    recipients = (headers.get(name, "") for name in ("delivered-to", "x-original-to", "to"))
    said = _IDS.findall(headers.get("in-reply-to", "")) + _IDS.findall(headers.get("references", ""))[::-1]
    return Mail(
        external_id=identity(raw),
        sender=sender,
        recipient=next((parseaddr(each)[1].lower()[:320] for each in recipients if each), ""),
        subject=re.sub(r"\s+", " ", headers.get("subject", "")).strip()[:300],
        at=_date(headers.get("date", ""), received),
        text="",
        answers=tuple(dict.fromkeys(said))[:50],
        headers=headers,
    )


def _read(message: "Message[str, str]", raw: bytes, received: datetime, *, cut: bool) -> Mail:
    mail = _headers_of(message, raw, received)
    plain: list[str] = []
    pages: list[str] = []
    reports: list[tuple[str, str]] = []
    files: list[Attachment] = []
    sizes: list[int] = []
    reporting = message.get_content_type() == "multipart/report"
    for part in _parts(message):
        kind = part.get_content_type()
        name = clean(_words(part.get_filename() or ""), 200).strip()
        if reporting and (kind in {"message/delivery-status", "message/feedback-report"} or _returned(kind)):
            reports.append((kind, clean(_report(part), 20_000)))
        elif kind in {"text/plain", "text/html"} and not name and part.get_content_disposition() != "attachment":
            (plain if kind == "text/plain" else pages).append(_text(part))
        elif kind != "message/rfc822" or not reporting:
            content = _content(part)
            kept = not cut and sum(sizes) + len(content) <= KEPT
            files.append(Attachment(name or kind.replace("/", "."), kind[:100], content if kept else b""))
            sizes.append(len(content))
    text = clean("\n".join(plain))
    if not text.strip():
        text = clean("\n".join(map(text_of_html, pages)))
    links = tuple(dict.fromkeys(f"{room}/{token}" for room, token in _OURS.findall("\n".join([*plain, *pages]))))[:20]
    return replace(mail, text=text, links=links, reports=tuple(reports), files=tuple(files), sizes=tuple(sizes))


def _parts(message: "Message[str, str]") -> Iterator["Message[str, str]"]:
    """The leaves, in order; an e-mail inside the e-mail is one leaf."""
    waiting, seen = [message], 0
    while waiting and seen < MOST_PARTS:
        part = waiting.pop(0)
        content = part.get_payload()
        if isinstance(content, list) and part.get_content_maintype() == "multipart":
            waiting[:0] = [each for each in content if isinstance(each, Message)]
            continue
        seen += 1
        yield part


def _returned(kind: str) -> bool:
    return kind in {"message/rfc822", "text/rfc822-headers", "message/rfc822-headers"}


def _report(part: "Message[str, str]") -> str:
    """The fields of a report, or the header of what came back."""
    inner = part.get_payload()
    if isinstance(inner, list):
        blocks = [
            "\n".join(f"{name}: {_words(value)}" for name, value in each.raw_items())
            for each in inner[:50]
            if isinstance(each, Message)
        ]
        return "\n\n".join(blocks)
    return _text(part)


def _content(part: "Message[str, str]") -> bytes:
    inner = part.get_payload()
    if isinstance(inner, list):
        return b"".join(each.as_bytes() for each in inner[:1] if isinstance(each, Message))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: "Message[str, str]") -> str:
    """The part's text in its character set, or in the one that it must have meant."""
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    for charset in (part.get_content_charset() or "", "utf-8"):
        try:
            return content.decode(charset)
        except (LookupError, UnicodeError, ValueError):
            continue  # not what it says that it is
    return content.decode("cp1252", errors="replace")


def _words(value: object) -> str:
    """A header as a person reads it; an encoded word that is broken stays as it is."""
    raw = re.sub(r"[\r\n]+[ \t]*", " ", str(value)).encode("utf-8", "surrogateescape")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
    if "=?" not in text:
        return text
    try:
        pieces = decode_header(text)
    except (ValueError, UnicodeError):
        return text
    return "".join(_piece(piece, charset) for piece, charset in pieces)


def _piece(piece: bytes | str, charset: str | None) -> str:
    if isinstance(piece, str):
        return piece
    try:
        return piece.decode(charset or "utf-8", errors="replace")
    except LookupError:
        return piece.decode("cp1252", errors="replace")


def _date(text: str, received: datetime) -> datetime:
    """When it was written, where that can be true; else when it came."""
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return received
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at if received - LATE <= at <= received else received
