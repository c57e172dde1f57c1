"""Whatever stands in a parcel, the standard parser reads the same back, and no value breaks out of its header."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.utils import getaddresses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amiable.outreach.channel import AddressRefused, Attachment, Parcel
from amiable.outreach.channels.email_smtp import carried
from amiable.outreach.mime import mime

AT = datetime(2025, 11, 20, 9, 30, tzinfo=UTC)
words = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=80)
HEADERS = {
    "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Content-Language", "Auto-Submitted", "MIME-Version",
    "List-Unsubscribe", "List-Unsubscribe-Post", "Content-Type",
}  # fmt: skip


def parcel(**changes: object) -> Parcel:
    values: dict[str, object] = {
        "key": "k", "recipient": "a@b.example", "recipient_name": "Anna", "sender_name": "Lumen", "reply_to": "c@d.example",
        "language": "fr", "subject": "Hello", "text": "Hello\n", "html": "<p>Hello</p>\n",
        "unsubscribe_url": "https://lumen.example/u/1/", "at": AT,
    }  # fmt: skip
    return Parcel(**(values | changes))  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(subject=words, name=words, text=st.text(max_size=120), page=words, eight_bit=st.booleans())
def test_it_reads_back_as_it_was_written(subject: str, name: str, text: str, page: str, eight_bit: bool) -> None:
    text = text.encode(errors="ignore").decode().replace("\r", "")
    files = (Attachment("é.pdf", "application/pdf", b"%PDF"),)
    raw = mime(
        parcel(subject=subject, recipient_name=name, text=text, html=page, attachments=files),
        sender="c@d.example", recipient="a@b.example", message_id="<1@d.example>", eight_bit=eight_bit,
    )  # fmt: skip
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    read = message_from_bytes(raw, policy=policy.default)
    assert not read.defects
    assert set(read.keys()) == HEADERS
    assert " ".join(read["Subject"].split()) == " ".join(subject.split())
    assert getaddresses([message_from_bytes(raw)["To"]])[0][1] == "a@b.example"
    found = read.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert found.rstrip("\n") == text.rstrip("\n")
    [file] = read.iter_attachments()
    assert file.get_content() == b"%PDF"


@pytest.mark.parametrize("value", ["a\r\nBcc: x@y.example", "a\nBcc: x@y.example", "a\u2028Bcc: x@y.example", "a\x00b"])
def test_a_value_never_becomes_a_header(value: str) -> None:
    raw = mime(
        parcel(subject=value, recipient_name=value, sender_name=value, unsubscribe_url=f"https://x.example/{value}"),
        sender="c@d.example", recipient="a@b.example", message_id="<1@d.example>",
    )  # fmt: skip
    assert set(message_from_bytes(raw, policy=policy.default).keys()) == HEADERS


def test_the_same_parcel_is_the_same_bytes() -> None:
    one, two = (
        mime(parcel(), sender="c@d.example", recipient="a@b.example", message_id="<1@d.example>") for _each in range(2)
    )
    assert one == two


@pytest.mark.parametrize(
    "address", ["", "anna", "anna@", "@b.example", "a b@c.example", "a@b.example\nBcc: c@d.example", "annaé@b.example"]
)
def test_what_is_no_address_is_refused_before_it_is_carried(address: str) -> None:
    with pytest.raises(AddressRefused):
        carried(address)


def test_a_domain_beyond_ascii_is_carried_in_ascii() -> None:
    assert carried("anna@bücher.example") == "anna@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("page", "encoding"),
    [("<p>Réglé</p>", "8bit"), ("<p>" + "é" * 500 + "</p>", "quoted-printable"), ("<p>a\0b</p>", "quoted-printable")],
)
def test_letters_stay_as_they_are_only_where_mail_can_carry_them(page: str, encoding: str) -> None:
    raw = mime(parcel(html=page), sender="c@d.example", recipient="a@b.example", message_id="<1@d>", eight_bit=True)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    _plain, rich = message_from_bytes(raw, policy=policy.default).iter_parts()
    assert rich["Content-Transfer-Encoding"] == encoding
    assert rich.get_content().rstrip("\r\n") == page
