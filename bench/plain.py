"""Plain pages by Typst, from as many processes as a batch of letters has: the reference of the bench of letters."""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from amiable.core.typeset import pdf

CHUNK = 60
WORDS = "The invoice below has not been paid yet; please tell us when it will be, or what stands in its way. " * 9


def pages(count: int) -> Iterator[bytes]:
    """Documents with so many pages together."""
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as workers:
        yield from workers.map(_chunk, range(0, count, CHUNK), [min(CHUNK, count - n) for n in range(0, count, CHUNK)])


def _chunk(first: int, count: int) -> bytes:
    texts = [f"{first + n} {WORDS}" for n in range(count)]
    return pdf(Path(__file__).parent / "plain.typ", texts, made_at=datetime(2026, 3, 11, tzinfo=UTC), tagged=False)
