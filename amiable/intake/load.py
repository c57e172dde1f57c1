"""One file into the ledger: recognised, read, posted, in one transaction; the same file twice changes nothing.

In: a path, a creditor, a day. Out: a Summary; bad rows in quarantine. Never: a file half in, a known row overwritten.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from amiable.core.models import User
from amiable.intake import recognise
from amiable.intake.kinds import kinds
from amiable.intake.models import FileKind, Import, QuarantinedRow, Source
from amiable.intake.post import Told
from amiable.intake.quarantine import Quarantine
from amiable.intake.reading import Reading, UnableToImport
from amiable.ledger.models import Creditor

Progress = Callable[[int, int, int], None]  # rows read, bytes read, bytes in all


@dataclass(frozen=True)
class Summary:
    """What a load did. `entries` are ledger entries; `unchanged` are rows that told nothing new."""

    files: int = 0
    rows: int = 0
    invoices: int = 0
    credits: int = 0
    customers: int = 0
    allocations: int = 0
    entries: int = 0
    updated: int = 0
    quarantined: int = 0
    unchanged: int = 0
    already: int = 0  # files that had been imported before
    more: Mapping[str, int] = field(default_factory=dict)  # figures of one kind only
    kind: str = ""
    source: str = ""
    import_id: int | None = None
    said: tuple[str, ...] = ()

    def __add__(self, other: "Summary") -> "Summary":
        added = {name: getattr(self, name) + getattr(other, name) for name in COUNTED}
        more = {name: self.more.get(name, 0) + other.more.get(name, 0) for name in {**self.more, **other.more}}
        said = self.said + tuple(sentence for sentence in other.said if sentence not in self.said)
        return replace(other, **added, more=more, said=said)

    def figures(self) -> dict[str, Any]:
        """The summary as JSON."""
        shown = {name: value for name, value in asdict(self).items() if name not in {"more", "said", "import_id"}}
        return shown | dict(self.more) | {"said": list(self.said)}


COUNTED = (
    "files", "rows", "invoices", "credits", "customers", "allocations", "entries", "updated", "quarantined", "unchanged",
    "already",
)  # fmt: skip


def load(
    *,
    path: Path | str,
    creditor: Creditor,
    as_of: date,
    now: datetime,
    name: str = "",
    source_key: str | None = None,
    kind: str | None = None,
    mapping: Mapping[str, Any] | None = None,
    by: User | None = None,
    backfill: bool | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Loads one file. `mapping` corrects what is found (see Source.mapping); a dry run checks all and writes nothing.

    Raises UnableToImport with one sentence when the file cannot be taken; then nothing of it was.
    """
    path = Path(path)
    name = (name or path.name)[:200]
    if not path.exists():
        raise UnableToImport(_("There is no file %(path)s.") % {"path": path})
    with transaction.atomic():
        wait_for_turn(creditor)
        _make_room()
        seen = recognise.look(path=path, name=name)
        source, reading = read_for(
            seen, path=path, creditor=creditor, source_key=source_key, kind=kind, mapping=mapping, now=now
        )
        known = _loaded_before(seen, creditor, source, reading, corrected=bool(mapping))
        if known is not None:
            return Summary(
                files=1,
                already=1,
                unchanged=known.figures.get("rows", 0),
                kind=reading.kind,
                source=source.key,
                import_id=known.pk,
            )
        summary = _take_in(
            seen, path=path, name=name, source=source, reading=reading, as_of=as_of, now=now, by=by, backfill=backfill,
            dry_run=dry_run, progress=progress,
        )  # fmt: skip
        if dry_run:
            transaction.set_rollback(True)
            return replace(summary, import_id=None)
    return summary


def wait_for_turn(creditor: Creditor) -> None:
    """One load at a time per creditor, until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('amiable.intake'), %s)", [creditor.pk])


def _make_room() -> None:
    """Lets the server sort a load in memory, within this transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '128MB'")
        cursor.execute("SET LOCAL jit = off")
        cursor.execute("SET LOCAL default_statistics_target = 10")  # only tables of this load are analysed


def read_for(
    seen: recognise.Look,
    *,
    path: Path,
    creditor: Creditor,
    source_key: str | None,
    kind: str | None,
    mapping: Mapping[str, Any] | None,
    now: datetime,
) -> tuple[Source, Reading]:
    """The source that a file comes from, by its key or its headings (new ones are made), and how the file is read."""
    headings = list(seen.reading.headings)
    sources = Source.objects.filter(creditor=creditor)
    if source_key:
        source = sources.filter(key=source_key).first()
    else:
        source = (
            sources.filter(headings=headings, **({"kind": kind} if kind else {})).order_by("-id").first()
            if headings
            else None
        )
    reading = recognise.read_as(
        seen,
        path=path,
        country=creditor.country,
        currency=creditor.currency,
        kind=kind or (source.kind if source and source.headings == headings else None),
        remembered=source.mapping if source and source.headings == headings else None,
        corrected=mapping,
    )
    if reading.kind not in FileKind.values:
        raise UnableToImport(_("“%(kind)s” is no kind of file.") % {"kind": reading.kind})
    if source is None:
        key = source_key or kinds()[reading.kind].source_key(reading, creditor)
        source, _made = Source.objects.get_or_create(
            creditor=creditor, key=key, defaults={"kind": reading.kind, "created_at": now, "headings": headings}
        )
    return source, reading


def _loaded_before(
    seen: recognise.Look, creditor: Creditor, source: Source, reading: Reading, *, corrected: bool
) -> Import | None:
    """The finished load of the very same bytes, unless a person now wants them read otherwise."""
    if not seen.measured.sha256:
        return None
    imports = Import.objects.filter(creditor=creditor, ended_at__isnull=False).order_by("-id")
    known = imports.filter(sha256=seen.measured.sha256).first()
    if known is None or (corrected and known.figures.get("reading") != reading.mapping()):
        return None
    if reading.kind == FileKind.OPEN_ITEMS:
        # A snapshot tells of its day: yesterday's and today's may be alike with another one in between.
        latest = imports.filter(source=source).first()
        return known if latest == known else None
    return known


def _take_in(
    seen: recognise.Look,
    *,
    path: Path,
    name: str,
    source: Source,
    reading: Reading,
    as_of: date,
    now: datetime,
    by: User | None,
    backfill: bool | None,
    dry_run: bool,
    progress: Progress | None,
) -> Summary:
    kind = kinds()[reading.kind]
    size = seen.measured.size
    record = Import.objects.create(
        creditor=source.creditor,
        source=source,
        name=name,
        sha256=seen.measured.sha256,
        size=size,
        as_of=as_of,
        started_at=now,
        by=by,
    )
    history = kind.history if backfill is None else backfill
    told = Told(source.creditor, source, as_of, now, backfill=history, path=None if dry_run else path)
    quarantine, rows, done = Quarantine(), 0, [0]
    kind.open(reading, source.creditor)
    for batch in seen.form.rows(path, reading, at=lambda position: done.__setitem__(0, position)):
        rows += batch.height
        quarantine.add(kind.stage(batch, reading, source.creditor), batch)
        if progress:
            progress(rows, done[0], size)
    figures, said, contradictions = kind.post(told, reading, record)
    quarantine.contradict(contradictions)
    quarantine.explain(kind.context(quarantine.lines()))
    quarantined = quarantine.keep(record, seen.form, path, reading)
    if progress:
        progress(rows, size, size)
    more = {key: value for key, value in figures.items() if key not in COUNTED}
    summary = Summary(
        files=1,
        rows=rows,
        invoices=figures.get("invoices", 0),
        credits=figures.get("credits", 0),
        customers=figures.get("customers", 0),
        allocations=figures.get("allocations", 0),
        entries=figures.get("entries", 0),
        updated=figures.get("updated", 0),
        unchanged=figures.get("unchanged", 0),
        quarantined=quarantined,
        more=more,
        kind=reading.kind,
        source=source.key,
        import_id=record.pk,
        said=(*reading.said, *said),
    )
    _remember(record, source, reading, summary, now)
    return summary


def _remember(record: Import, source: Source, reading: Reading, summary: Summary, now: datetime) -> None:
    # Rows of an earlier reading of the same bytes need no mending any more.
    earlier = (
        Import.objects.filter(creditor=record.creditor, sha256=record.sha256).exclude(sha256="").exclude(pk=record.pk)
    )
    QuarantinedRow.objects.filter(loaded_by__in=earlier, mended_at=None, dropped_at=None).update(dropped_at=now)
    source.kind, source.mapping, source.headings = reading.kind, reading.mapping(), list(reading.headings)
    source.save(update_fields=["kind", "mapping", "headings"])
    record.figures = summary.figures() | {"reading": reading.mapping(), "headings": list(reading.headings)}
    record.ended_at = now
    record.save(update_fields=["figures", "ended_at"])


def load_all(*, paths: Sequence[Path], creditor: Creditor, as_of: date, now: datetime, **others: Any) -> Summary:
    """Loads files one after the other, each whole or not at all."""
    total = Summary()
    for path in paths:
        total += load(path=path, creditor=creditor, as_of=as_of, now=now, **others)
    return total
