"""What machines write told apart from what people write: bounces, complaints, automatic answers, answers.

In: a Mail. Out: a Word of the carrier about one of our messages, or Heard. Never: a mailbox that is full, or a server
that is tired of us, taken for an address at which nobody is.
"""

import re
from collections.abc import Iterable, Mapping

from amiable.outreach.channel import Heard, Word
from amiable.outreach.models import EventKind
from amiable.outreach.unwrap import Mail

# RFC 3463: 5.1.x speaks of the address, 5.2.1 of a mailbox that is closed, 5.4.4 of a domain that no server takes mail for.
_NOBODY = re.compile(r"\b5\.(?:1\.\d+|2\.1|4\.4|0\.0)\b")
_STATUS = re.compile(r"\b([245])\.\d{1,3}\.\d{1,3}\b")
_CODE = re.compile(r"(?<![\d.])([45])\d\d(?=[ -])")
_UNKNOWN = re.compile(
    r"user (?:is )?unknown|unknown user|no such (?:user|recipient|mailbox)|does(?: not|n't) exist|recipient (?:address )?rejected"
    r"|mailbox (?:not found|unavailable|is disabled)|address (?:not found|couldn't be found)|invalid (?:recipient|mailbox)"
    r"|account (?:is )?(?:disabled|closed)|n['’]existe pas|adresse (?:introuvable|inconnue)|destinataire inconnu"
    r"|domain not found",
    re.IGNORECASE,
)
_FULL = re.compile(
    r"mailbox (?:is )?full|quota|over ?quota|try again|temporar|greylist|bo[iî]te.{0,20}pleine", re.IGNORECASE
)
_FAILED = re.compile(
    r"undeliver|mail delivery (?:failed|failure|system)|delivery (?:status notification|failure|has failed)|failure notice"
    r"|returned (?:mail|to sender)|non (?:remis|distribu)|[ée]chec de (?:la )?(?:remise|distribution)|could not be delivered",
    re.IGNORECASE,
)
_DAEMON = re.compile(r"^(?:mailer-daemon|postmaster|mail-daemon|bounces?)[@+.-]", re.IGNORECASE)
_AWAY = re.compile(
    r"^(?:\W|re ?:)*(?:auto(?:matic)?[ -]?(?:reply|response)|out of (?:the )?office|away from (?:the )?office"
    r"|r[ée]ponse automatique|absen(?:t|ce) du bureau|message d['’]absence|absence|absent)\b",
    re.IGNORECASE,
)
_MESSAGE_ID = re.compile(r"(?im)^[ \t>]*message-id:\s*(<[^<>\s]{3,250}>)")


def sift(mail: Mail) -> Word | Heard:
    """What the e-mail is to us."""
    kinds = {kind for kind, _text in mail.reports}
    if "message/feedback-report" in kinds:
        return _word(mail, EventKind.COMPLAINED, reason="abuse report", told=_fields(mail, "message/feedback-report"))
    if "message/delivery-status" in kinds:
        return _reported(mail)
    if _bounced(mail):
        return _bounce(mail, f"{mail.subject}\n{mail.text}")
    return Heard(
        external_id=mail.external_id,
        sender=mail.sender,
        recipient=mail.recipient,
        text=mail.text,
        at=mail.at,
        subject=mail.subject,
        answers=mail.answers,
        attachments=mail.files,
        automatic=_automatic(mail),
        raw={"links": list(mail.links), "sizes": list(mail.sizes), "trouble": mail.trouble},
    )


def _automatic(mail: Mail) -> bool:
    """RFC 3834, and what was done before it; a notice that a machine sends by itself is for a person to judge."""
    head = mail.headers
    if head.get("auto-submitted", "").lower().startswith("auto-replied"):
        return True
    if any(name in head for name in ("x-autoreply", "x-autorespond", "x-auto-response", "x-vacation")):
        return True
    if head.get("precedence", "").strip().lower() in {"auto_reply", "bulk", "junk", "list"}:
        return True
    return bool(_AWAY.match(mail.subject))


def _reported(mail: Mail) -> Word:
    """RFC 3464: one block of fields about the message, one about each recipient."""
    told = _fields(mail, "message/delivery-status")
    action = told.get("action", "").lower().split(" ")[0]
    if action in {"delayed", "delivered", "relayed", "expanded"}:
        kind = EventKind.QUEUED if action == "delayed" else EventKind.DELIVERED
        return _word(mail, kind, reason=told.get("status", ""), told=told)
    return _bounce(mail, f"{told.get('status', '')} {told.get('diagnostic-code', '')}", told)


def _bounced(mail: Mail) -> bool:
    """Bounces that keep to no standard: exim, qmail, and whoever writes a letter about it."""
    head = mail.headers
    if "x-failed-recipients" in head:
        return True
    machine = _DAEMON.match(mail.sender) or head.get("return-path", "").strip() == "<>"
    return bool(machine and (_FAILED.search(mail.subject) or _FAILED.search(mail.text[:2_000])))


def _bounce(mail: Mail, said: str, told: Mapping[str, str] | None = None) -> Word:
    status = _STATUS.search(said)
    code = status or _CODE.search(said)
    lasting = code is None or code[1] == "5"
    gone = bool(_UNKNOWN.search(said)) or bool(status and _NOBODY.search(status[0]))
    permanent = lasting and gone and not (_FULL.search(said) and not _UNKNOWN.search(said))
    reason = re.sub(r"\s+", " ", (told or {}).get("diagnostic-code", "") or (status[0] if status else mail.subject))
    return _word(mail, EventKind.BOUNCED, permanent=permanent, reason=reason[:200], told=told or {})


def _word(mail: Mail, kind: str, *, reason: str, told: Mapping[str, str], permanent: bool = False) -> Word:
    return Word(
        external_id=mail.external_id,
        message_external_id=next(iter(_about(mail)), ""),
        kind=kind,
        at=mail.at,
        permanent=permanent,
        reason=reason,
        raw={"from": mail.sender, "subject": mail.subject, "fields": dict(told), "text": mail.text[:2_000]},
    )


def _about(mail: Mail) -> Iterable[str]:
    """The Message-IDs that the report may be about: of what came back, of the thread, of what is quoted."""
    for _kind, text in mail.reports:
        yield from _MESSAGE_ID.findall(text)
    for file in mail.files:
        if file.media_type.startswith(("message/", "text/rfc822")):
            yield from _MESSAGE_ID.findall(file.content[:20_000].decode("utf-8", "replace"))
    yield from _MESSAGE_ID.findall(mail.text)
    yield from mail.answers


def _fields(mail: Mail, wanted: str) -> dict[str, str]:
    """The fields of a report; of several recipients the first who was not reached counts."""
    text = next(text for kind, text in mail.reports if kind == wanted)
    blocks = []
    for block in re.split(r"\n\s*\n", text):
        unfolded = re.sub(r"\n[ \t]+", " ", block)
        pairs = (line.partition(":") for line in unfolded.splitlines())
        blocks.append({name.strip().lower(): value.strip() for name, mark, value in pairs if mark})
    common = blocks[0] if blocks else {}
    recipients = [block for block in blocks if "action" in block or "status" in block]
    failed = [block for block in recipients if block.get("action", "failed").lower().startswith("failed")]
    return {**common, **next(iter(failed or recipients), {})}
