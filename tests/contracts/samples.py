"""What each channel brings to the contract suite: complete settings, how its far side answers, and calls of its hook.

A channel without a far side or a hook brings nothing. The calls are written after the providers' own documentation.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from tests.contracts.peer import Answer


@dataclass(frozen=True)
class Call:
    """One call of the hook, unsigned. `says`: kind and whether permanent of each word; or, for answers, their texts."""

    body: bytes
    says: tuple[tuple[str, bool], ...] = ()
    heard: tuple[str, ...] = ()
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    config: dict[str, Any] = field(default_factory=dict)
    taken: Answer | None = None  # how its interface says yes; the setting `api_url` leads there
    refused: tuple[Answer, ...] = ()  # no, for good
    gone: tuple[Answer, ...] = ()  # nobody can be reached at this address
    later: tuple[Answer, ...] = (Answer(429, {"message": "slow down"}, {"Retry-After": "2"}),)
    ours: tuple[Answer, ...] = (Answer(401, {"message": "no such key"}),)
    # A far side of its own, which keeps state and checks who asks; what it yields are the settings that lead there.
    stands: Callable[[], AbstractContextManager[dict[str, Any]]] | None = None
    calls: tuple[Call, ...] = ()
    # The headers (and the body, where the signature stands in it) that prove a call: body and full address in.
    sign: Callable[[Call, str], tuple[bytes, dict[str, str]]] = lambda call, url: (call.body, call.headers)
