"""One question to a carrier that speaks HTTP, asked once: whether it was heard is told apart from what was answered.

In: a request. Out: the answer, where it is for the carrier to read (2xx and 4xx).
Never: a request repeated by itself; a silence after the words were written taken for a no.
"""

import urllib.parse
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import requests
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from amiable.core.errors import Unavailable
from amiable.outreach.channel import Channel, InDoubt, Unreachable

TIMEOUT = (10.0, 30.0)  # seconds to connect, seconds without an answer
COME_BACK = {429, 503}  # the server says that it took nothing


class ByHttp(Channel):
    """A carrier that is asked over HTTP: one connection for as long as it is open."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._session = requests.Session()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()


def ask(
    session: requests.Session, method: str, url: str, *, who: str, hands_over: bool = False, **how: Any
) -> requests.Response:
    """Asks `who` once. `hands_over`: the request carries words, and from its writing on no answer means that nobody knows.

    Raises Unreachable, Unavailable or (with `hands_over`) InDoubt.
    """
    try:
        answer = session.request(method, url, timeout=TIMEOUT, allow_redirects=False, **how)
    except requests.RequestException as error:
        if _never_left(error):
            raise Unreachable(f"{who} cannot be reached at {_host(url)}.") from error
        raise _silence(
            hands_over, f"{who} did not say whether it took the message ({type(error).__name__})."
        ) from error
    if answer.status_code in COME_BACK:
        raise Unavailable(f"{who} asks to come back later ({answer.status_code}).")
    if answer.status_code >= 500:
        raise _silence(hands_over, f"{who} had a fault while it was asked ({answer.status_code}).")
    if 300 <= answer.status_code < 400:
        raise Unreachable(f"{who} is not at {_host(url)}: look at the address of its interface.")
    return answer


def told(answer: requests.Response) -> dict[str, Any]:
    """The object that an answer holds; an answer that holds none tells nothing."""
    try:
        content = answer.json()
    except requests.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def listed(answer: requests.Response) -> list[Any]:
    """The list that an answer holds; an answer that holds none lists nothing."""
    try:
        content = answer.json()
    except requests.JSONDecodeError:
        return []
    return content if isinstance(content, list) else []


def _never_left(error: requests.RequestException) -> bool:
    """No connection was made, or the request could not even be written."""
    if isinstance(
        error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema | requests.exceptions.SSLError
    ):
        return True
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    inner = error.args[0] if error.args else None
    reason = inner.reason if isinstance(inner, MaxRetryError) else inner
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def _silence(hands_over: bool, sentence: str) -> InDoubt | Unavailable:
    return InDoubt(sentence) if hands_over else Unavailable(sentence)


def _host(url: str) -> str:
    return urllib.parse.urlsplit(url).netloc
