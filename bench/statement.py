"""A bank statement of 100,000 entries into the books, beside a bare parse of the file and a bare COPY of the rows.

Makes a camt.053 and a creditor of its own, books the one for the other in a process of its own, and says what it took.
"""

import io
import json
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import django
from django.db import connection, transaction

IBAN = "FR7630006000011234567890189"
DAY = date(2024, 1, 15)
NOW = datetime(2024, 1, 16, 6, tzinfo=UTC)
TABLES = ("payments_statementline", "ledger_credit", "ledger_entry")
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>'
    "<GrpHdr><MsgId>BENCH</MsgId><CreDtTm>2024-01-15T20:00:00</CreDtTm></GrpHdr><Stmt><Id>BENCH-1</Id>"
    f"<CreDtTm>2024-01-15T20:00:00</CreDtTm><Acct><Id><IBAN>{IBAN}</IBAN></Id><Ccy>EUR</Ccy></Acct>"
)
_BALANCE = (
    '<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
    "<Dt><Dt>2024-01-15</Dt></Dt></Bal>"
)
_ENTRY = (
    '<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2024-01-15</Dt></BookgDt>'
    "<ValDt><Dt>2024-01-15</Dt></ValDt><AcctSvcrRef>REF{number:09}</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly>"
    "<Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls><TxDtls><Refs>"
    "<EndToEndId>E2E-{number:09}</EndToEndId></Refs><RltdPties><Dbtr><Nm>Customer number {number}</Nm></Dbtr><DbtrAcct><Id>"
    "<IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct></RltdPties><RmtInf><Ustrd>Payment of invoice F-{number:07} of the "
    "15th of January, thank you</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n"
)


def run(*, entries: int = 100_000) -> dict[str, Any]:
    """Seconds to parse and store, entries a second, both references, and the peak memory of the booking process."""
    from amiable.ledger.models import Creditor

    owner = Creditor.objects.create(
        key=f"bench-{secrets.token_hex(4)}", name="Bench", iban=IBAN, cash_authority="bank", created_at=NOW
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "statement.xml"
        _write(path, entries)
        parsed = _parse(path)
        # A process of its own: its peak of memory is then the booking's and nobody else's.
        child = subprocess.run(
            [sys.executable, "-m", "bench.statement", str(owner.pk), str(path)],
            check=False,
            capture_output=True,
            text=True,
        )
    if child.returncode:
        raise RuntimeError(f"The booking failed: {child.stderr[-2000:]}")
    told = json.loads(child.stdout.splitlines()[-1])
    copied = _copy_again()
    return {
        "entries": told["lines"],
        "seconds": round(told["seconds"], 2),
        "per_second": round(told["lines"] / told["seconds"]),
        "reference": "bare parse with lxml, and bare COPY of the resulting rows into tables with the same indexes",
        "parse_seconds": round(parsed, 2),
        "copy_seconds": round(copied, 2),
        "ratio": round(told["seconds"] / (parsed + copied), 2),
        "peak_mb": told["peak_mb"],
        "again_seconds": round(told["again_seconds"], 2),
    }


def _write(path: Path, entries: int) -> None:
    total = sum(100 + number for number in range(entries))
    with path.open("w", encoding="utf-8") as file:
        file.write(_HEAD)
        file.write(_BALANCE.format(code="OPBD", amount="0.00") + _BALANCE.format(code="CLBD", amount=_euros(total)))
        for number in range(entries):
            file.write(_ENTRY.format(amount=_euros(100 + number), number=number))
        file.write("</Stmt></BkToCstmrStmt></Document>")


def _euros(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def _parse(path: Path) -> float:
    """Every entry and every text in it, and nothing done with them."""
    from lxml import etree

    started = time.perf_counter()
    for _event, element in etree.iterparse(path, tag="{*}Ntry"):
        for _each in element.itertext():
            pass
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]
    return time.perf_counter() - started


def _copy_again() -> float:
    scratch = f"bench_{secrets.token_hex(4)}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {scratch}")
        copies: dict[str, bytes] = {}
        for table in TABLES:
            buffer = io.BytesIO()
            with cursor.copy(f"COPY {table} TO STDOUT") as copy:
                for chunk in copy:
                    buffer.write(chunk)
            copies[table] = buffer.getvalue()
            cursor.execute(f"CREATE TABLE {scratch}.{table} (LIKE {table} INCLUDING INDEXES)")
        started = time.perf_counter()
        with transaction.atomic():
            for table, content in copies.items():
                with cursor.copy(f"COPY {scratch}.{table} FROM STDIN") as copy:
                    copy.write(content)
        seconds = time.perf_counter() - started
        cursor.execute(f"DROP SCHEMA {scratch} CASCADE")
    return seconds


def book_once(creditor: int, path: str) -> dict[str, Any]:
    """The booking from the call to the commit; then the same file again, which changes nothing."""
    from amiable.ledger.models import Creditor
    from amiable.scenario.bank import bank_told

    owners = [Creditor.objects.get(pk=creditor)]
    started = time.perf_counter()
    told = bank_told(path=path, creditors=owners, now=NOW)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    again = bank_told(path=path, creditors=owners, now=NOW)
    figures = told.figures()
    assert figures["credits"] == figures["lines"], figures
    assert again.figures()["already"] == 1, again.figures()
    return {
        "seconds": seconds,
        "lines": figures["lines"],
        "again_seconds": time.perf_counter() - started,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


if __name__ == "__main__":
    django.setup()
    print(json.dumps(book_once(int(sys.argv[1]), sys.argv[2])))
