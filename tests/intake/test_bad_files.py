"""What is no list of claims is refused with one sentence, and nothing of it is taken."""

import zipfile

import openpyxl
import pytest

from amiable.intake.models import Import, Source
from amiable.intake.reading import UnableToImport
from amiable.ledger.models import Customer, Invoice
from tests.intake.files import make_creditor, put, take

pytestmark = pytest.mark.django_db

GOOD = "Client;Facture;Date;Échéance;Montant\nC1;F1;13/01/2024;12/02/2024;100,00\n"


def cut_workbook(folder):
    book = openpyxl.Workbook()
    book.active.append(["Client", "Facture"])
    book.save(folder / "whole.xlsx")
    return (folder / "whole.xlsx").read_bytes()[:900]


def word_file(folder):
    with zipfile.ZipFile(folder / "a.docx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<w/>")
    return (folder / "a.docx").read_bytes()


BAD = {
    "empty": lambda folder: b"",
    "spaces": lambda folder: b"  \n \n\n",
    "binary": lambda folder: bytes(range(256)) * 50,
    "nul bytes": lambda folder: GOOD.encode() + b"C2;F2\0;13/01/2024;12/02/2024;1,00\n",
    "pdf": lambda folder: b"%PDF-1.7\n...",
    "order-x": lambda folder: b'<?xml version="1.0"?><rsm:SCRDMCCBDACIOMessageStructure/>',
    "json": lambda folder: b'{"invoices": []}',
    "one column": lambda folder: b"hello\nworld\n",
    "one long line": lambda folder: b"Client;Facture;" + b"x" * 10_000_000,
    "long quoted cell": lambda folder: GOOD.encode() + b'C2;"' + b"x\n" * 400_000,
    "cut workbook": cut_workbook,
    "word": word_file,
    "cut utf-16": lambda folder: b"\xff\xfe" + GOOD.encode("utf-16-le")[:-1] + b"\xd8",
    "no headings": lambda folder: b"C1;F1;13/01/2024;12/02/2024;100,00\nC1;F2;13/01/2024;12/02/2024;100,00\n",
}


@pytest.mark.parametrize("kind", BAD)
def test_nonsense_is_refused_in_one_sentence(tmp_path, kind):
    creditor = make_creditor()
    name = {"cut workbook": "a.xlsx", "word": "a.docx", "pdf": "a.pdf"}.get(kind, "a.csv")
    with pytest.raises(UnableToImport) as refusal:
        take(creditor, put(tmp_path, BAD[kind](tmp_path), name))
    sentence = str(refusal.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 300
    for model in (Import, Source, Customer, Invoice):
        assert not model.objects.exists()


def test_rows_of_two_lengths_are_told_row_by_row(tmp_path):
    summary = take(make_creditor(), put(tmp_path, GOOD + "C1;F2;13/01/2024\n" * 3))
    assert (summary.invoices, summary.quarantined) == (1, 3)


def test_a_file_without_rows_is_no_error(tmp_path):
    assert take(make_creditor(), put(tmp_path, GOOD.splitlines()[0] + "\n")).rows == 0


def test_a_failure_in_the_middle_leaves_nothing(tmp_path):
    creditor = make_creditor()
    text = GOOD + "".join(f"C{n};G{n};13/01/2024;12/02/2024;1,00\n" for n in range(60_000))
    with pytest.raises(UnableToImport):
        take(creditor, put(tmp_path, text.encode() + b'C;"' + b"x" * 200_000 + b'";13/01/2024;12/02/2024;1,00\n'))
    assert not Invoice.objects.exists()
    assert not Import.objects.exists()
