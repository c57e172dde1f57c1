"""Documents joined are one document: every page as it was, in order, whatever the pieces share."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pypdf import PdfReader

from amiable.core.join import join
from amiable.core.typeset import pages, pdf

MADE = datetime(2025, 11, 20, tzinfo=UTC)


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "plain.typ"
    path.write_text('#set page("a6")\n#for each in json(bytes(sys.inputs.data)) [*#each* #pagebreak(weak: true)]')
    return path


def document(template: Path, *words: str) -> bytes:
    return pdf(template, words, made_at=MADE, tagged=False)


def test_every_page_is_there_in_order(template: Path) -> None:
    parts = [document(template, "one", "two"), document(template, "three 3 0 R"), document(template, *"abcdefghij")]
    whole = b"".join(join(parts, title="Lot (12) é"))
    reader = PdfReader(io.BytesIO(whole), strict=True)
    assert [page.extract_text() for page in reader.pages] == ["one", "two", "three 3 0 R", *"abcdefghij"]
    assert reader.metadata is not None
    assert reader.metadata.title == "Lot (12) é"
    assert pages(whole) == 13


def test_nothing_joined_is_an_empty_document() -> None:
    assert len(PdfReader(io.BytesIO(b"".join(join([], title="-")))).pages) == 0


def test_what_is_no_document_of_ours_is_refused() -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (whatever is missing first)
        list(join([b"%PDF-1.7\nnothing"], title="-"))
