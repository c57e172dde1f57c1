"""Copies of invoices find their invoices by the numbers in their names."""

import hashlib
import zipfile

import pytest

from amiable.intake.models import QuarantinedRow
from amiable.intake.reading import UnableToImport
from amiable.intake.retry import retry
from amiable.ledger.models import Document
from tests.intake.files import NOW, make_creditor, put, take

pytestmark = pytest.mark.django_db

PDF = b"%PDF-1.4\n%%EOF\n"
INVOICES = (
    "Client;Facture;Date;Échéance;Montant\nC1;FA-2024/001;13/01/2024;12/02/2024;1,00\nC1;FA-2024/0012;13/01/2024;12/02/2024;2,00\n"
    "C1;77;13/01/2024;12/02/2024;3,00\nC1;F9;13/01/2024;31/01/2024;3,00\nC1;F9;13/01/2024;29/02/2024;3,00\n"
)


@pytest.fixture
def creditor(tmp_path, settings):
    settings.DOCUMENT_ROOT = tmp_path / "documents"
    creditor = make_creditor()
    take(creditor, put(tmp_path, INVOICES))
    return creditor


def packed(folder, **names):
    path = folder / "copies.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in names.items():
            archive.writestr(f"2024/{name}.pdf", content)
    return path


def test_copies_are_given_to_their_invoices(creditor, tmp_path, settings):
    path = packed(
        tmp_path, **{"Facture_FA-2024-001_Dupont": PDF, "FA 2024 0012": PDF + b"2", "77": PDF + b"3", "__MACOSX": b""}
    )
    summary = take(creditor, path)
    found = dict(Document.objects.values_list("invoice__reference", "name"))
    assert found == {
        "FA-2024/001": "Facture_FA-2024-001_Dupont.pdf",
        "FA-2024/0012": "FA 2024 0012.pdf",
        "77": "77.pdf",
    }
    assert (summary.kind, summary.more["documents"]) == ("copies", 3)
    digest = hashlib.sha256(PDF).hexdigest()
    assert (settings.DOCUMENT_ROOT / digest[:2] / digest).read_bytes() == PDF
    assert take(creditor, path).already == 1


def test_a_folder_twice_changes_nothing_and_terms_share_their_copy(creditor, tmp_path):
    folder = tmp_path / "pdfs"
    folder.mkdir()
    put(folder, PDF, "F9.PDF")
    put(folder, b"hello", "notes.txt")
    summary = take(creditor, folder)
    assert (summary.more["documents"], summary.quarantined) == (2, 1)
    assert "no PDF" in QuarantinedRow.objects.get().reason
    again = take(creditor, folder)
    assert (again.more["documents"], again.unchanged) == (0, 1)


def test_a_copy_without_an_invoice_waits_for_a_person(creditor, tmp_path):
    take(creditor, packed(tmp_path, unknown=PDF))
    row = QuarantinedRow.objects.get()
    assert Document.objects.get().invoice is None
    assert not retry(row=row, values={"invoice": "F7"}, now=NOW, by=None)
    assert retry(row=row, values={"invoice": "fa 2024 001"}, now=NOW, by=None)
    assert Document.objects.get().invoice.reference == "FA-2024/001"


def test_a_trap_is_refused(creditor, tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("F9.pdf", b"%PDF-" + bytes(60 * 1024**2))
    with pytest.raises(UnableToImport, match="unpack"):
        take(creditor, path)
    (tmp_path / "cut.zip").write_bytes(packed(tmp_path, F9=PDF * 100).read_bytes()[:200])
    with pytest.raises(UnableToImport, match="damaged"):
        take(creditor, tmp_path / "cut.zip")


def test_a_dry_run_keeps_no_bytes(creditor, tmp_path, settings):
    take(creditor, packed(tmp_path, F9=PDF), dry_run=True)
    assert not settings.DOCUMENT_ROOT.exists()
    assert not Document.objects.exists()
