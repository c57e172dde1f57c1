"""Letters are typeset: one by itself, or thousands in chunks over all cores, each chunk one document. Free of Django.

In: the data of letters (letter.py), separators between them. Out: PDF documents in the same order.
Never: a page more or less than the sheets that its letter was counted with.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import datetime
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

from amiable.core.qr import drawn
from amiable.core.typeset import UnableToTypeset, drawings, numbered, pages, pdf

LETTERS = Path(__file__).parent / "letters"
# One document of many letters shares its fonts and is set faster than each alone; much larger ones only fill memory.
CHUNK = 60
_LOOK = (
    "body{margin:0;background:#e4e8ec}p{max-width:50rem;margin:1rem auto;background:#fff}"
    "svg{width:100%;height:auto;display:block}"
)
_BARE: Mapping[str, Any] = {"codes": [], "mark": "", "duplex": False}
Item = Mapping[str, Any]  # a letter with its `mark`, `sheets` and `duplex`, or {"separator": ...}


def letter_pdf(data: Mapping[str, Any], *, made_at: datetime) -> bytes:
    """One letter as a document of its own, without the marks of a batch."""
    shown = {**_with_codes(data), **_BARE}
    return numbered(lambda count: pdf(LETTERS / "letters.typ", [{**shown, "pages": count}], made_at=made_at))


def letter_page(data: Mapping[str, Any]) -> str:
    """The same as a page for the screen: one drawing below the other, nothing that runs or loads."""
    sheets = "".join(f"<p>{page}</p>" for page in drawings(LETTERS / "letters.typ", [{**_with_codes(data), **_BARE}]))
    head = f"<title>{escape(data['subject'])}</title><style>{_LOOK}</style>"
    return f"<!doctype html><html lang='{data['language']}'>{head}{sheets}"


def chunk_pdf(items: Sequence[Item], made_at: datetime) -> bytes:
    """Some letters and separators as one document."""
    content = pdf(LETTERS / "letters.typ", [_marked(item) for item in items], made_at=made_at, tagged=False)
    wanted = sum(_pages(item) for item in items)
    if pages(content) != wanted:
        raise UnableToTypeset(f"Letters that were counted with {wanted} pages have {pages(content)}.")
    return content


def press(chunks: Iterable[Sequence[Item]], *, made_at: datetime) -> Iterator[bytes]:
    """Each chunk as a document, in order, over all cores; few are held at a time. A single chunk is set right here."""
    remaining = iter(chunks)
    first = list(islice(remaining, 2))
    if len(first) < 2:
        yield from (chunk_pdf(chunk, made_at) for chunk in first)
        return
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as workers:
        under_way: deque[Future[bytes]] = deque(workers.submit(chunk_pdf, chunk, made_at) for chunk in first)
        for chunk in remaining:
            under_way.append(workers.submit(chunk_pdf, chunk, made_at))
            if len(under_way) > 2 * cores:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _marked(item: Item) -> dict[str, Any]:
    if "separator" in item:
        return dict(item)
    sheets = item["sheets"]
    return {**_with_codes(item), "codes": [drawn(f"{item['mark']}-{n + 1}/{sheets}") for n in range(sheets)]}


def _pages(item: Item) -> int:
    if "separator" in item:
        return 2 if item["separator"]["duplex"] else 1
    return 2 * int(item["sheets"]) if item["duplex"] else int(item["pages"])


def _with_codes(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the codes of transfer and pay link drawn. Raises UnableToTypeset where nothing of the letter is kept."""
    if not data:
        raise UnableToTypeset("Nothing is kept of what this letter says.")
    account = data["account"]
    return {
        **data,
        "pay_code": drawn(data["pay_url"], error="l"),
        "transfer": _drawn(data["transfer"]),
        "account": {**account, "transfers": [_drawn(each) for each in account["transfers"]]} if account else None,
    }


def _drawn(transfer: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {**transfer, "code": drawn(transfer["code"])} if transfer else None
