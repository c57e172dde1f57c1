"""Samples of the e-mail service providers: what their interfaces answer and what their hooks tell, in their own forms."""

from tests.contracts import anymail_password as by_password
from tests.contracts import anymail_signed as signed
from tests.contracts.anymail_common import ANSWER, MARK, MIME, PARCEL_KEY
from tests.contracts.samples import Sample

__all__ = ["ANSWER", "MARK", "MIME", "PARCEL_KEY", "samples"]


def samples() -> dict[str, Sample]:
    return {
        "amazon_ses": by_password.AMAZON,
        "brevo": by_password.BREVO,
        "mailersend": signed.MAILERSEND,
        "mailgun": signed.MAILGUN,
        "mailjet": by_password.MAILJET,
        "mailtrap": signed.MAILTRAP,
        "mandrill": signed.MANDRILL,
        "postal": signed.postal(),
        "postmark": by_password.POSTMARK,
        "resend": signed.RESEND,
        "scaleway": by_password.SCALEWAY,
        "sendgrid": signed.sendgrid(),
        "sparkpost": by_password.SPARKPOST,
        "unisender_go": signed.UNISENDER,
    }
