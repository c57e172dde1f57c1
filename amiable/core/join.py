"""Several PDF documents of ours as one, piece by piece, so that none needs to be held whole. Free of Django.

In: documents that Typst wrote (a plain table of objects), without links or structure. Out: the pieces of one document.
Never: a page changed; objects only get other numbers.
"""

import re
from collections.abc import Iterable, Iterator

_REFERENCE = re.compile(rb"(\d+) 0 R\b")
_ROOT, _CATALOG = 1, 2  # the numbers of our own two objects


def join(documents: Iterable[bytes], *, title: str) -> Iterator[bytes]:
    """The pages of all documents in their order, as one document that is written as it grows."""
    offsets: list[int] = [0, 0]  # of our own two objects: written last
    kids: list[bytes] = []
    written, count = 0, 0
    head = b"%PDF-1.7\n%\x80\x80\x80\x80\n"
    yield head
    written += len(head)
    for document in documents:
        base = len(offsets)
        pieces, tree, pages = _objects(document, base)
        kids.append(b"%d 0 R" % tree)
        count += pages
        for piece in pieces:
            offsets.append(written if piece else 0)
            written += len(piece)
        yield b"".join(pieces)
    tail = bytearray()
    for place, number, content in (
        (0, _ROOT, b"<</Type/Pages/Count %d/Kids[%s]>>" % (count, b" ".join(kids))),
        (1, _CATALOG, b"<</Type/Catalog/Pages %d 0 R>>" % _ROOT),
    ):
        offsets[place] = written + len(tail)
        tail += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    offsets.append(written + len(tail))
    tail += b"%d 0 obj\n<</Title %s>>\nendobj\n" % (len(offsets), _text(title))
    table = b"".join(b"%010d 00000 n\r\n" % at if at else b"0000000000 65535 f\r\n" for at in offsets)
    start = written + len(tail)
    tail += b"xref\n0 %d\n0000000000 65535 f\r\n%s" % (len(offsets) + 1, table)
    tail += b"trailer\n<</Size %d/Root %d 0 R/Info %d 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(offsets) + 1, _CATALOG, len(offsets), start,
    )  # fmt: skip
    yield bytes(tail)


def _objects(document: bytes, base: int) -> tuple[list[bytes], int, int]:
    """The objects of a document under new numbers (its own plus `base`), where its pages hang, and how many they are."""
    at = int(document[document.rindex(b"startxref") + 9 :].split(None, 1)[0])
    size = int(document[at:].split(None, 3)[2])
    first = document.index(b"\n", document.index(b"0 %d" % size, at)) + 1
    starts = [int(document[first + 20 * n : first + 20 * n + 10]) for n in range(1, size)]
    ends = dict(zip(sorted(starts), [*sorted(starts)[1:], at], strict=True))
    trailer = document[document.rindex(b"trailer") :]
    dropped = {int(found) for found in re.findall(rb"/(?:Root|Info) (\d+) 0 R", trailer)}
    root = starts[_named(trailer, b"Root") - 1]
    catalog = document[root : document.index(b"endobj", root)]
    dropped |= {int(found) for found in re.findall(rb"/Metadata (\d+) 0 R", catalog)}
    tree = _named(catalog, b"Pages")

    def moved(found: re.Match[bytes]) -> bytes:
        return b"%d 0 R" % (int(found[1]) + base)

    pieces = []
    for number, start in enumerate(starts, start=1):
        if number in dropped:
            pieces.append(b"")
            continue
        body = document[start : ends[start]].split(b"obj", 1)[1]
        words, mark, stream = body.partition(b"stream\n")
        words = _REFERENCE.sub(moved, words)
        if number == tree:
            words = words.replace(b"/Type/Pages", b"/Type/Pages/Parent %d 0 R" % _ROOT, 1)
        pieces.append(b"%d 0 obj%s%s%s" % (number + base, words, mark, stream))
    pages = re.compile(rb"/Count (\d+)").search(document, starts[tree - 1])
    return pieces, tree + base, int(pages[1]) if pages else 0


def _named(words: bytes, name: bytes) -> int:
    found = re.search(rb"/%s (\d+) 0 R" % name, words)
    if found is None:
        raise ValueError(f"The document names no {name.decode()}.")
    return int(found[1])


def _text(words: str) -> bytes:
    return b"<FEFF%s>" % words.encode("utf-16-be").hex().upper().encode()
