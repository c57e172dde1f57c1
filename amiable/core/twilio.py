"""How Twilio proves that a call to one of our addresses is its own (www.twilio.com/docs/usage/security).

In: a request, the account's settings. Out: nothing, or Refused with a sentence. Never: a call believed without a signature
over the whole address that we gave out, its query included, and over each value that it brings.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from django.conf import settings
from django.http import HttpRequest

from amiable.core.errors import Refused

WHO = "Twilio"
ENDPOINT = "https://api.twilio.com"
ACCOUNT = r"^AC[0-9a-f]{32}$"


def signature(token: str, url: str, values: Mapping[str, Sequence[str]]) -> str:
    """The header X-Twilio-Signature of a call to `url` with these form values."""
    said = "".join(name + value for name in sorted(values) for value in values[name])
    digest = hmac.new(token.encode(), (url + said).encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def believe(request: HttpRequest, *, account_sid: str, auth_token: str) -> None:
    """Raises Refused unless this account signed the call."""
    url = settings.BASE_URL.rstrip("/") + request.get_full_path()
    values = {name: request.POST.getlist(name) for name in request.POST}
    given = request.headers.get("X-Twilio-Signature", "")
    if not hmac.compare_digest(signature(auth_token, url, values).encode(), given.encode()):
        raise Refused("This call does not carry the signature of our Twilio account.")
    account = request.POST.get("AccountSid") or request.GET.get("AccountSid")
    if account and account != account_sid:
        raise Refused("This call is about another Twilio account.")


def accounts_url(root: str, account_sid: str, what: str) -> str:
    """The address of something of an account at the interface (`root`: empty for Twilio's own)."""
    return f"{(root or ENDPOINT).rstrip('/')}/2010-04-01/Accounts/{account_sid}/{what}.json"
