"""What every channel promises, asked of each that the registry finds; its far side is a real one where there is one."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.http import HttpRequest
from django.test import RequestFactory
from pytest_django.fixtures import Settings

from amiable.core.errors import NotConfigured, Refused, Unavailable
from amiable.ledger.models import Medium
from amiable.outreach.channel import (
    AddressRefused,
    Attachment,
    Channel,
    Heard,
    Hook,
    InDoubt,
    Parcel,
    Receipt,
    Unreachable,
    Unsigned,
    Word,
    channels,
)
from amiable.outreach.models import EventKind
from amiable.scenario.engine import channel as engine
from amiable.web.dev.smtp import mails, serve
from tests.contracts import anymail_samples, sms_samples
from tests.contracts.peer import Answer, Asked, Peer, peer
from tests.contracts.samples import Call, Sample

SAMPLES: dict[str, Sample] = {**anymail_samples.samples(), **sms_samples.samples()}
PARCEL = Parcel(
    key=anymail_samples.PARCEL_KEY, recipient="anna@martin.example", recipient_name="Anna Martin", sender_name="Lumen Énergie",
    reply_to="comptabilite@lumen.example", language="fr", subject="Votre facture", text=".Bonjour\n..\n", html="<p>Bonjour</p>\n",
    unsubscribe_url="https://lumen.example/u/1/", at=datetime(2025, 11, 20, tzinfo=UTC),
    letter={"pages": 1, "recipient": ["Anna Martin", "3 rue du Lac", "69003 LYON"]},
)  # fmt: skip
PHONE = "+33612345678"
pytestmark = pytest.mark.django_db  # the tray of letters is a table

each = pytest.mark.parametrize("key", sorted(channels()))


def sample_of(key: str) -> Sample:
    return SAMPLES.get(key, Sample())


by_http = pytest.mark.parametrize("key", sorted(key for key, sample in SAMPLES.items() if sample.taken))
hooked = pytest.mark.parametrize(
    "key", sorted(key for key, kind in channels().items() if kind.hook not in (Hook.NONE, Hook.LOOKED_UP))
)
by_smtp = pytest.mark.parametrize("key", ["email"])


@pytest.fixture
def outbox(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    far = serve(
        port=0, folder=tmp_path, refused=frozenset({"nobody@martin.example"}), busy=frozenset({"busy@martin.example"})
    )
    settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS = "127.0.0.1", far.port, "none"
    settings.SMTP_USER = settings.SMTP_PASSWORD = ""
    settings.MAIL_FROM = "facturation@lumen.example"
    yield tmp_path
    far.stop()


def made(key: str, **config: Any) -> Channel:
    kind = channels()[key]
    return kind({**(sample_of(key).config or kind.settings()), "hook_password": "hook-password", **config})


@contextmanager
def facing(key: str, answer: Answer | None = None) -> Iterator[tuple[Channel, Peer | None]]:
    """The channel and its far side: the interface of a provider on the loopback, where it has one."""
    taken, stands = sample_of(key).taken, sample_of(key).stands
    if stands is not None:
        with stands() as config, made(key, **config) as channel:
            yield channel, None
    elif taken is None:
        with made(key) as channel:
            yield channel, None
    else:
        with peer(answer or taken) as far, made(key, api_url=far.url) as channel:
            yield channel, far


def parcel(key: str) -> Parcel:
    return PARCEL if channels()[key].medium == Medium.EMAIL else replace(PARCEL, recipient=PHONE, html="")


def words(key: str, call: Call, *, signed: bool = True, **config: Any) -> list[Word | Heard]:
    return list(made(key, **config).events(request(key, call, signed=signed)))


def request(key: str, call: Call, *, signed: bool = True, bend: bool = False) -> HttpRequest:
    path = f"/hooks/channel/1/{key}/{'?answers' if call.heard else ''}"
    body, headers = sample_of(key).sign(call, f"http://127.0.0.1:8000{path}") if signed else (call.body, call.headers)
    if bend:
        body = body.replace(b"anna@", b"eve@")
    return RequestFactory().post(path, body, content_type=call.content_type, headers=headers)


def test_a_step_can_go_by_what_something_carries_and_by_nothing_else() -> None:
    carried = {kind.medium for key, kind in channels().items() if not key.startswith("console")}
    assert set(engine.CHANNELS) == carried | set(engine.SPOKEN)


@each
def test_it_says_what_it_is(key: str, outbox: Path) -> None:
    kind = channels()[key]
    assert kind.key == key
    assert str(kind.label)
    assert kind.medium in Medium.values
    assert issubclass(kind.Config, forms.Form)
    assert list(kind.Config().fields)[-1:] in ([], ["per_second"])  # its own settings first
    assert set(kind.settings()) <= set(kind.Config.base_fields)


@each
def test_it_gives_a_receipt_with_the_id_that_was_known_before(key: str, outbox: Path) -> None:
    with facing(key) as (channel, _far):
        receipt = channel.send(parcel(key))
    assert receipt == Receipt(channel.message_id(PARCEL.key), receipt.detail)
    assert channel.message_id("a") == channel.message_id("a") != channel.message_id("b")


@each
def test_one_opening_serves_many(key: str, outbox: Path) -> None:
    with facing(key) as (channel, _far):
        ids = {channel.send(replace(parcel(key), key=f"step:{number}")).external_id for number in range(5)}
    assert len(ids) == 5


@each
def test_a_channel_with_a_hook_brings_calls_and_one_without_tells_nothing(key: str, outbox: Path) -> None:
    if channels()[key].hook == Hook.NONE:
        assert list(made(key).events(HttpRequest())) == []
    elif channels()[key].hook != Hook.LOOKED_UP:  # such calls mean nothing without a far side to ask
        assert sample_of(key).calls, f"Add calls of {key!r} to the samples."


# -- providers' interfaces, over real HTTP -----------------------------------------------------------------------------------


def sent_words(asked: Asked) -> str:
    """What was handed over, with what Amazon's client wraps in base64 laid open."""
    text = asked.body.decode(errors="replace")
    if '"Raw"' in text:
        text += base64.b64decode(json.loads(text)["Content"]["Raw"]["Data"]).decode()
    return text


@by_http
def test_the_provider_is_asked_once_with_everything_in_it(key: str) -> None:
    with facing(key) as (channel, far):
        attached = replace(PARCEL, attachments=(Attachment("Releve.pdf", "application/pdf", b"%PDF-1.7"),))
        channel.send(attached)
    assert far is not None
    [asked] = far.asked
    text = sent_words(asked)
    for part in (
        "anna@martin.example",
        "facturation@lumen.example",
        "Votre facture",
        "Bonjour",
        "comptabilite@lumen.example",
    ):
        assert part in text, part
    assert anymail_samples.MARK in text  # our own id, by which its words come back
    assert "List-Unsubscribe=One-Click" in text
    assert "https://lumen.example/u/1/" in text
    assert "Releve.pdf" in text


@by_http
def test_no_is_told_apart_from_later_and_from_our_own_fault(key: str) -> None:
    sample = sample_of(key)
    cases = [
        (sample.refused, Refused, AddressRefused),
        (sample.gone, AddressRefused, None),
        (sample.later, Unavailable, Unreachable),
        (sample.ours, Unreachable, None),
    ]
    assert sample.refused
    for answers, meant, never in cases:
        for answer in answers:
            with facing(key, answer) as (channel, _far), pytest.raises(meant) as raised:
                channel.send(PARCEL)
            assert never is None or not isinstance(raised.value, never), answer
            assert str(raised.value).startswith(str(channel.label))


@by_http
def test_a_line_that_goes_dead_after_the_words_leaves_us_in_doubt(key: str) -> None:
    with facing(key, Answer(hangs_up=True)) as (channel, far), pytest.raises(InDoubt):
        channel.send(PARCEL)
    assert far is not None
    assert len(far.asked) == 1  # nobody, the provider's own client included, tries a second time by itself


@by_http
@pytest.mark.parametrize("answer", [Answer(502, b"<html>bad gateway</html>"), Answer(500, b"")], ids=["502", "500"])
def test_a_broken_answer_leaves_us_in_doubt(key: str, answer: Answer) -> None:
    with facing(key, answer) as (channel, far), pytest.raises(InDoubt):
        channel.send(PARCEL)
    assert far is not None
    assert len(far.asked) == 1


@by_http
@pytest.mark.parametrize("body", [{"odd": 1}, [], [1], "yes", None, {"status": "success"}], ids=str)
def test_a_yes_in_a_form_that_nobody_knows_is_no_yes(key: str, body: Any) -> None:
    with facing(key, Answer(200, body)) as (channel, _far):
        if key == "sendgrid":  # its yes has no words at all
            assert channel.send(PARCEL)
            return
        with pytest.raises(InDoubt):
            channel.send(PARCEL)


@by_http
def test_a_provider_that_is_not_there_is_out_of_reach(key: str) -> None:
    with made(key, api_url="http://127.0.0.1:1/") as channel, pytest.raises(Unreachable):
        channel.send(PARCEL)


@by_http
def test_what_is_no_address_never_reaches_the_provider(key: str) -> None:
    with facing(key) as (channel, far):
        with pytest.raises(AddressRefused):
            channel.send(replace(PARCEL, recipient="no address"))
        assert far is not None
        assert far.asked == []


@by_http
def test_one_impossible_message_is_refused_and_stops_no_other(key: str) -> None:
    """It must never count as a carrier out of reach: then it would keep all others from going, for ever."""
    impossible = replace(PARCEL, text="half a character: \ud800\n", html="<p>\ud800</p>", reply_to="no address")
    refused: list[Refused] = []
    with facing(key) as (channel, far):
        try:
            channel.send(impossible)
        except Refused as error:
            refused.append(error)
        assert refused or (far and far.asked)  # some interfaces carry even that
        assert not any(
            isinstance(each, AddressRefused) for each in refused
        )  # the customer's address is as good as ever
        assert channel.send(replace(PARCEL, key="step:2"))


@by_http
def test_a_value_cannot_break_out_of_its_header(key: str) -> None:
    evil = replace(PARCEL, subject="Hello\r\nBcc: eve@x.example", recipient_name='A "B" \r\nCc: eve@x.example <x>')
    with facing(key) as (channel, far):
        channel.send(evil)
    assert far is not None
    [asked] = far.asked
    assert "\nBcc: eve" not in sent_words(asked)
    assert "\nCc: eve" not in sent_words(asked)


# -- hooks --------------------------------------------------------------------------------------------------------------------


@hooked
def test_a_call_of_its_own_is_read(key: str) -> None:
    kinds = set()
    for call in sample_of(key).calls:
        told = words(key, call)
        if call.heard:
            [heard] = told
            assert isinstance(heard, Heard)
            assert heard.text.strip() == call.heard[0]
            continue
        assert [(word.kind, word.permanent) for word in told] == list(call.says), call.body
        kinds |= {word.kind for word in told}
        assert all(word.kind in EventKind.values and word.external_id and word.raw for word in told)
        assert all(word.at is None or word.at.tzinfo for word in told)
        if key in anymail_samples.samples():
            assert {word.message_external_id for word in told} <= {made(key).message_id(PARCEL.key)}
    assert EventKind.DELIVERED in kinds or EventKind.SENT in kinds


@hooked
def test_an_answer_says_who_wrote_and_to_what(key: str) -> None:
    for call in sample_of(key).calls:
        if call.heard and channels()[key].medium == Medium.EMAIL:
            [heard] = words(key, call)
            assert isinstance(heard, Heard)
            assert (heard.sender, heard.external_id) == ("anna@martin.example", "<abc@martin.example>")
            assert heard.answers == ("<first@lumen.example>", "<zero@lumen.example>")
            assert heard.at == datetime(2025, 11, 20, 9, 0, tzinfo=UTC)
            assert not heard.automatic


@pytest.mark.parametrize("key", ["resend", "mailtrap"])
def test_an_answer_that_is_only_announced_is_fetched(key: str) -> None:
    announced = {
        "resend": {"type": "email.received", "created_at": "2025-11-20T09:00:00Z", "data": {"email_id": "in-1"}},
        "mailtrap": {
            "events": [
                {
                    "event": "inbound.message_received",
                    "inbox_id": 7,
                    "message_id": "in-1",
                    "timestamp": 1_763_629_200_000,
                }
            ]
        },
    }[key]
    call = Call(json.dumps(announced).encode(), heard=(anymail_samples.ANSWER,))
    with peer(Answer(404, {"message": "there is no such thing"})) as far:
        with pytest.raises(Unavailable):
            words(key, call, api_url=far.url)
        raw = f"{far.url}raw"
        far.at = {
            "/emails/receiving/in-1": Answer(200, {"id": "in-1", "raw": {"download_url": raw}}),
            "/inbound/inboxes/7/messages/in-1": Answer(200, {"id": "in-1", "raw_message_url": raw}),
            "/raw": Answer(200, anymail_samples.MIME.encode(), {"Content-Type": "message/rfc822"}),
        }
        [heard] = words(key, call, api_url=far.url)
    assert isinstance(heard, Heard)
    assert (heard.text.strip(), heard.sender) == (anymail_samples.ANSWER, "anna@martin.example")
    with pytest.raises(Refused):
        list(made(key, api_url=far.url).events(request(key, replace(call, body=call.body + b" "), signed=False)))


def test_a_subscription_of_amazon_that_knows_the_password_is_confirmed() -> None:
    asked = {
        "Type": "SubscriptionConfirmation", "MessageId": "sub-1", "Token": "t0k3n", "Timestamp": "2025-11-20T09:00:00.000Z",
        "TopicArn": "arn:aws:sns:eu-west-3:123456789012:amiable", "SubscribeURL": "https://sns.example/confirm",
    }  # fmt: skip
    headers = {"x-amz-sns-message-type": "SubscriptionConfirmation", "x-amz-sns-message-id": "sub-1"}
    call = Call(json.dumps(asked).encode(), content_type="text/plain; charset=UTF-8", headers=headers)
    said = (
        b"<ConfirmSubscriptionResponse><ConfirmSubscriptionResult><SubscriptionArn>a</SubscriptionArn>"
        b"</ConfirmSubscriptionResult></ConfirmSubscriptionResponse>"
    )
    with peer(Answer(200, said, {"Content-Type": "text/xml"})) as far:
        assert words("amazon_ses", call, api_url=far.url) == []
        assert b"t0k3n" in far.asked[0].body
        with pytest.raises(Unsigned):
            words("amazon_ses", call, signed=False, api_url=far.url)
        assert len(far.asked) == 1
    with pytest.raises(Unavailable):
        words("amazon_ses", call, api_url=far.url)


@hooked
def test_the_same_call_twice_says_the_same_under_the_same_names(key: str) -> None:
    names = []
    for call in sample_of(key).calls:
        first, again = words(key, call), words(key, call)
        assert [word.external_id for word in first] == [word.external_id for word in again]
        names += [(word.external_id, call.body) for word in first]
    assert len({name for name, _body in names}) == len(names)  # and different words have different names


@hooked
@pytest.mark.parametrize("bend", ["unsigned", "bent", "keyless"])
def test_a_call_that_is_not_its_own_is_refused(key: str, bend: str) -> None:
    sample, kind = sample_of(key), channels()[key]
    fields = kind.Config.base_fields
    for call in sample.calls:
        if bend == "unsigned":
            asked, channel = request(key, call, signed=False), made(key)
        elif bend == "keyless":
            keys = [name for name in sample.config if name in fields and not fields[name].required]
            asked, channel = request(key, call), made(key, **dict.fromkeys(keys, ""), hook_password="")
            if kind.hook == Hook.SIGNED and not keys:
                continue  # it signs with the key of its interface
        elif kind.hook == Hook.PASSWORD or key == "mailgun":
            continue  # neither a password nor Mailgun's mark tells whether the body was changed
        else:
            asked, channel = request(key, call, bend=True), made(key)
            if b"anna@" not in call.body:
                continue
        with pytest.raises(Refused) as refused:
            list(channel.events(asked))
        assert str(refused.value).endswith(".")
        assert isinstance(refused.value, Unsigned) == (bend == "unsigned" and kind.hook == Hook.PASSWORD)


@hooked
@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"null", b"{", b"\xff\xfe", b'[{"event": 1}]', b'{"events": [null]}']
)
def test_a_senseless_call_is_refused_or_says_nothing(key: str, body: bytes) -> None:
    call = Call(body, headers=sample_of(key).calls[0].headers)
    try:
        asked = request(key, call)
    except (ValueError, TypeError):
        asked = request(key, call, signed=False)  # where the signature stands inside, there is nothing to sign
    told: list[Word | Heard] = []
    with suppress(Refused):
        told = list(made(key).events(asked))
    assert told == []


# -- SMTP ---------------------------------------------------------------------------------------------------------------------


@by_smtp
def test_no_such_mailbox_is_told_apart_from_come_back_later(key: str, outbox: Path) -> None:
    with made(key) as channel:
        with pytest.raises(AddressRefused):
            channel.send(replace(PARCEL, recipient="nobody@martin.example"))
        with pytest.raises(Unavailable) as busy:
            channel.send(replace(PARCEL, recipient="busy@martin.example"))
        assert not isinstance(busy.value, Unreachable)
        channel.send(PARCEL)  # the connection still serves
    assert [mail.recipient for mail in mails(outbox)] == ["anna@martin.example"]


@by_smtp
def test_what_is_no_address_is_refused(key: str, outbox: Path) -> None:
    with made(key) as channel, pytest.raises(Refused):
        channel.send(replace(PARCEL, recipient="no address"))


@by_smtp
def test_a_far_side_that_is_not_there_is_out_of_reach(key: str, outbox: Path, settings: Settings) -> None:
    settings.SMTP_PORT = 1
    with made(key) as channel, pytest.raises(Unreachable):
        channel.send(PARCEL)


@by_smtp
def test_a_missing_setting_is_named(key: str, settings: Settings) -> None:
    settings.SMTP_HOST = ""
    with pytest.raises(NotConfigured, match=r"Serveur|Server"):
        made(key)


@by_smtp
def test_a_connection_that_was_closed_in_between_is_opened_again(key: str, outbox: Path, settings: Settings) -> None:
    with made(key) as channel:
        channel.send(PARCEL)
        channel._server.sock.shutdown(2)  # type: ignore[attr-defined]
        channel.send(replace(PARCEL, key="step:2"))
    assert len(list(mails(outbox))) == 2


@by_smtp
def test_lines_that_begin_with_a_dot_arrive_whole(key: str, outbox: Path) -> None:
    with made(key) as channel:
        channel.send(PARCEL)
    [mail] = mails(outbox)
    assert (
        b"\r\n.Bonjour" in (outbox / f"{mail.id}.eml").read_bytes()
        or b"\r\n=2EBonjour" in (outbox / f"{mail.id}.eml").read_bytes()
    )
