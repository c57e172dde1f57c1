"""What the demo's own SMTP server took: the list, and each e-mail as its reader would see it. Nothing was delivered.

Never: on an installation that writes to real people (DEV_ROOMS is off there); HTML of a mail outside its box.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import islice

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from amiable.web.dev import smtp

PAGE = 50
NAME = re.compile(r"^\d{13}-\d{6}$")
# An e-mail brings its own styles; nothing in it may run, load or leave its box. Links open beside it.
BOX = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self';"
    " sandbox allow-popups allow-popups-to-escape-sandbox"
)


@dataclass(frozen=True)
class File:
    number: int
    name: str
    size: int


@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    _only_in_dev()
    wanted = request.GET.get("q", "").strip().casefold()
    page = max(int(request.GET["page"]), 1) if request.GET.get("page", "").isdecimal() else 1
    found = (mail for mail in smtp.mails() if wanted in f"{mail.recipient} {mail.subject}".casefold())
    rows = list(islice(found, (page - 1) * PAGE, page * PAGE + 1))
    content = {
        "mails": [(mail, datetime.fromtimestamp(mail.at, tz=UTC)) for mail in rows[:PAGE]],
        "q": request.GET.get("q", ""),
        "page": page,
        "more": len(rows) > PAGE,
    }
    return render(request, "dev/outbox.html", content)


@require_safe
def shown(request: HttpRequest, mail_id: str) -> HttpResponse:
    _only_in_dev()
    mail = _mail(mail_id)
    text = mail.get_body(("plain",))
    content = {
        "mail_id": mail_id,
        "subject": mail["Subject"] or "",
        "headers": [(name, str(value)) for name, value in mail.items()],
        "text": text.get_content() if text else "",
        "has_html": mail.get_body(("html",)) is not None,
        "files": [
            File(number, part.get_filename() or f"{number}", len(part.get_payload(decode=True) or b""))
            for number, part in enumerate(mail.iter_attachments())
        ],
    }
    return render(request, "dev/mail.html", content)


@require_safe
@xframe_options_sameorigin
def body(request: HttpRequest, mail_id: str) -> HttpResponse:
    _only_in_dev()
    part = _mail(mail_id).get_body(("html",))
    if part is None:
        raise Http404
    page = re.sub(r"<head>", '<head><base target="_blank">', part.get_content(), count=1)
    return HttpResponse(page, headers={"Content-Security-Policy": BOX})


@require_safe
def file(request: HttpRequest, mail_id: str, number: int) -> HttpResponse:
    _only_in_dev()
    for at, part in enumerate(_mail(mail_id).iter_attachments()):
        if at == number:
            name = re.sub(r'[\x00-\x1f"\\]', "_", part.get_filename() or "attachment")
            return HttpResponse(
                part.get_payload(decode=True),
                content_type=part.get_content_type(),
                headers={"Content-Disposition": f'attachment; filename="{name}"'},
            )
    raise Http404


def _mail(mail_id: str) -> EmailMessage:
    path = smtp.outbox() / f"{mail_id}.eml"
    if not NAME.match(mail_id) or not path.exists():
        raise Http404
    return message_from_bytes(path.read_bytes(), _class=EmailMessage, policy=policy.default)


def _only_in_dev() -> None:
    if not settings.DEV_ROOMS:
        raise Http404
