"""What can go wrong at a border of the house; the text of each is a sentence that a person can act on. Free of Django."""


class AmiableError(Exception):
    """The root of all errors that carry a sentence for a person."""


class Refused(AmiableError):
    """The other side said no for good; trying again changes nothing."""


class Unavailable(AmiableError):
    """The other side could not be asked; trying again later may succeed."""


class NotConfigured(Unavailable):
    """The other side lacks a setting of ours; the message names it."""


class UnableTo(AmiableError):
    """A verb of the house cannot be carried out; each verb names its own kind beside itself."""
