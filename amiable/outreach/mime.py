"""A parcel as the bytes of an e-mail (RFC 5322): text and HTML side by side, attachments beside both.

Written by hand because one e-mail must cost well under a millisecond; a test reads everything back with the
standard parser. Never: a header that a value could break out of.
"""

import base64
import binascii
import hashlib
import re
import unicodedata
from collections.abc import Iterator
from email.utils import format_datetime
from urllib.parse import quote

from amiable.outreach.channel import Attachment, Parcel

LONGEST_LINE = 998  # bytes (RFC 5322 §2.1.1)
_PLAIN = re.compile(r"^[A-Za-z0-9 !#$%&'*+\-/=?^_`{|}~.]*$")
_BREAKS = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")


def mime(parcel: Parcel, *, sender: str, recipient: str, message_id: str, eight_bit: bool = False) -> bytes:
    """The whole e-mail, each line ending in CRLF and none longer than 998 bytes; `eight_bit`: letters may stay as they are."""
    # The boundary comes from the content: nothing random, and it cannot stand inside what it separates.
    mark = hashlib.sha256(message_id.encode() + parcel.html.encode() + parcel.text.encode()).hexdigest()[:32]
    headers = [
        _header("From", _mailbox(parcel.sender_name, sender)),
        _header("To", _mailbox(parcel.recipient_name, recipient)),
        *([_header("Reply-To", _mailbox(parcel.sender_name, parcel.reply_to))] if parcel.reply_to else []),
        _header("Subject", _words(parcel.subject)),
        _header("Date", format_datetime(parcel.at)),
        _header("Message-ID", message_id),
        _header("Content-Language", parcel.language),
        _header("Auto-Submitted", "auto-generated"),
        "MIME-Version: 1.0",
    ]
    if parcel.unsubscribe_url:
        headers.append(f"List-Unsubscribe:\r\n <{_one_line(parcel.unsubscribe_url)}>")
        headers.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    texts = [
        _part("text/plain", parcel.text, eight_bit=eight_bit),
        _part("text/html", parcel.html, eight_bit=eight_bit),
    ]
    body = _together("alternative", f"a{mark}", texts)
    if parcel.attachments:
        body = _together("mixed", f"m{mark}", [body, *(_attached(file) for file in parcel.attachments)])
    return "\r\n".join(headers).encode("ascii") + b"\r\n" + body


def _together(kind: str, mark: str, parts: list[bytes]) -> bytes:
    head = f'Content-Type: multipart/{kind}; boundary="{mark}"\r\n\r\n'.encode()
    return (
        head + b"".join(b"--" + mark.encode() + b"\r\n" + part + b"\r\n" for part in parts) + f"--{mark}--\r\n".encode()
    )


def _part(media_type: str, text: str, *, eight_bit: bool) -> bytes:
    # The encoder takes its line ends from the text: there must be one.
    lines = re.sub(r"\r\n|\r|\n", "\r\n", text.rstrip("\r\n") + "\n").encode()
    whole = eight_bit and b"\0" not in lines and max(map(len, lines.split(b"\r\n"))) <= LONGEST_LINE
    encoding = "8bit" if whole else "quoted-printable"
    head = f"Content-Type: {media_type}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + (lines.removesuffix(b"\r\n") if whole else binascii.b2a_qp(lines, istext=True))


def _attached(file: Attachment) -> bytes:
    bare = unicodedata.normalize("NFKD", file.name).encode("ascii", "ignore").decode()
    plain = re.sub(r'[^\x20-\x7e]|["\\]', "_", bare)
    wide = "" if plain == file.name else f";\r\n filename*=utf-8''{quote(file.name)}"
    return (
        f'Content-Type: {_one_line(file.media_type)}; name="{plain}"\r\n'
        f'Content-Disposition: attachment; filename="{plain}"{wide}\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n"
    ).encode() + base64.encodebytes(file.content).replace(b"\n", b"\r\n").rstrip()


def _header(name: str, value: str) -> str:
    return f"{name}: {value}"


def _mailbox(name: str, address: str) -> str:
    name = _one_line(name)
    address = _one_line(address)
    if not name:
        return address
    if _PLAIN.match(name) and len(name) < 60:
        return f'"{name}" <{address}>'
    return f"{_encoded(name)}\r\n <{address}>"


def _words(text: str) -> str:
    """Text of a header: as it is when it is short ASCII, else in encoded words (RFC 2047)."""
    text = _one_line(text)
    if text.isascii() and len(text) < 60 and "=?" not in text and '"' not in text:
        return text
    return _encoded(text)


def _encoded(text: str) -> str:
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(piece).decode()}?=" for piece in _pieces(text, 45))


def _pieces(text: str, most: int) -> Iterator[bytes]:
    """The text as UTF-8 in pieces of at most so many bytes, no character torn."""
    rest = text.encode()
    while len(rest) > most:
        cut = most
        while rest[cut] & 0xC0 == 0x80:
            cut -= 1
        yield rest[:cut]
        rest = rest[cut:]
    yield rest


def _one_line(text: str) -> str:
    return _BREAKS.sub(" ", text).strip()
