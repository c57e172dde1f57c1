"""The port by which words leave the house: one file per carrier in `channels/`, found by the registry.

In: a Parcel, rendered and addressed. Out: a Receipt, or Refused / Unavailable / InDoubt.
Never: a carrier that tries twice by itself, or one that says "sent" before the other side took the words.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from types import TracebackType
from typing import Any, ClassVar, Self

from django import forms
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from amiable.core import registry
from amiable.core.errors import AmiableError, NotConfigured, Refused, Unavailable


class AddressRefused(Refused):
    """The other side knows that nobody can be reached at this address."""


class OptedOut(Refused):
    """The other side knows that the owner of this address does not wish to be written to."""


class Unreachable(Unavailable):
    """The carrier itself cannot be reached: nothing was handed over, and the next message would fare no better."""


class InDoubt(AmiableError):
    """The words were handed over and no answer came: they may have been taken, so they are never handed over again."""


class Unsigned(Refused):
    """The call to the hook brought no password at all: some callers show theirs only when they are asked for it."""


@dataclass(frozen=True)
class Attachment:
    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Parcel:
    """One message as it leaves: everything is decided, a carrier only carries."""

    key: str  # the same for each try, so that the far side can see a repetition
    recipient: str
    recipient_name: str
    sender_name: str
    reply_to: str
    language: str
    subject: str
    text: str
    html: str
    unsubscribe_url: str
    at: datetime
    attachments: tuple[Attachment, ...] = ()
    country: str = ""  # the customer's, in which a telephone number without a country code is read
    report_url: str = ""  # where the carrier may tell what became of it
    talk_url: str = ""  # where a voice asks what it is to say, once somebody has picked up
    letter: Mapping[str, Any] = field(default_factory=dict)  # what its pages say, for a printer of ours; else empty


@dataclass(frozen=True)
class Receipt:
    """The carrier took the words; `external_id` is how it will name them later."""

    external_id: str
    detail: str = ""


@dataclass(frozen=True)
class Word:
    """What a carrier reports later about a message, in our words (see EventKind); `raw` is kept as it came."""

    external_id: str
    message_external_id: str
    kind: str
    at: datetime | None  # None: the carrier does not say; then it is when we heard it
    permanent: bool = False  # of a bounce: nobody will ever be reached there
    reason: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Heard:
    """What a person said in answer, as a carrier or a mailbox brings it; `answers`: what it replies to, nearest first."""

    external_id: str
    sender: str  # address or number, as the far side writes it
    recipient: str  # ours, to which it was said
    text: str
    at: datetime | None  # None: it does not say; then it is when we heard it
    subject: str = ""
    answers: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    automatic: bool = False  # the far side says that no person wrote it
    raw: Mapping[str, Any] = field(default_factory=dict)


class Settings(forms.Form):
    """What every carrier may be told; each adds its own fields before it."""

    per_second = forms.FloatField(
        label=_("Messages a second, at most"),
        required=False,
        min_value=0.01,
        max_value=1_000,
        help_text=_("As the provider’s contract says. Empty: as fast as it goes."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields([name for name in self.fields if name != "per_second"])


class Hook:
    """How a carrier that calls us proves that it is the carrier."""

    NONE = ""  # it never calls
    SIGNED = "signed"  # by a key that it tells us, or we it: a field of `Config`
    LOOKED_UP = "looked_up"  # it proves nothing: what a call is about is asked of its interface
    PASSWORD = "password"  # by a password in the address: ours, made when the channel is set up


class Channel(ABC):
    """A carrier. Used as a context manager: one connection serves everything sent inside."""

    key: ClassVar[str] = ""
    label: ClassVar[str | Promise]
    medium: ClassVar[str]
    hook: ClassVar[str] = Hook.NONE
    by_people: ClassVar[bool] = False  # what it takes lies there until somebody carries it on
    answers: ClassVar[str] = ""  # the query of the hook's address for what people answer, where it is another address

    Config: ClassVar[type[forms.Form]] = Settings

    def __init__(self, config: Mapping[str, Any]) -> None:
        form = self.Config(dict(config))
        if not form.is_valid():
            name = next(iter(form.errors))
            field = form.fields.get(name)
            raise NotConfigured(
                _("The channel “%(channel)s” is not set up: look at its setting “%(setting)s”.")
                % {"channel": self.label, "setting": field.label if field and field.label else name}
            )
        self.config: dict[str, Any] = form.cleaned_data

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @classmethod
    def settings(cls) -> dict[str, Any]:
        """The configuration of this installation, in the fields of `Config`; none where each creditor has its own."""
        return {}

    @classmethod
    def offered(cls) -> bool:
        """Whether anybody may choose it here."""
        return True

    def setting(self, name: str) -> str:
        """A setting as the form calls it, for sentences."""
        return str(self.Config.base_fields[name].label or name)

    @abstractmethod
    def message_id(self, parcel_key: str) -> str:
        """How the far side will know the message: known before it is sent, the same for each try."""

    @abstractmethod
    def send(self, parcel: Parcel) -> Receipt:
        """Hands the words over, once. Raises Refused, AddressRefused, OptedOut, Unavailable, Unreachable or InDoubt."""

    def events(self, request: HttpRequest) -> Iterable[Word | Heard]:
        """What the carrier tells by its hook, and what people answer through it; a carrier without one tells nothing.

        Raises Refused where the call is not signed as the carrier signs.
        """
        return ()


@cache
def channels() -> dict[str, type[Channel]]:
    """All carriers by key."""
    from amiable.outreach import channels as folder

    return registry.discover(folder, Channel, entry_point="amiable.channels")  # type: ignore[type-abstract]
