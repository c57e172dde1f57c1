"""Several things done one after the other, each apart: where one fails, those behind it are done all the same.

In: blocks of work. Out: what failed, logged with its trace; at the end one error that says so. Never: a failure that nobody hears
of, something begun in the database and left half done, a lost connection taken for one thing's trouble.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import InterfaceError, OperationalError, transaction

from amiable.core.errors import AmiableError

log = logging.getLogger(__name__)


class SomeFailed(AmiableError):
    """All were served but these."""


@dataclass
class Apart:
    failed: list[str] = field(default_factory=list)

    @contextmanager
    def each(self, what: str) -> Iterator[None]:
        """`what`: names the thing without naming a person; it stands in logs."""
        try:
            with transaction.atomic():
                yield
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("Failed, and left out: %s", what)
            self.failed.append(what)

    def tell(self) -> None:
        """Raises where something failed; to be called when everything was tried."""
        if self.failed:
            raise SomeFailed(f"{len(self.failed)} failed, the rest is done: {', '.join(self.failed[:10])}")
