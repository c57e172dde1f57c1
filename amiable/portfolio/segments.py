"""Ordered segments by SQL conditions over facts: the first that matches wins; who was where when is kept."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from django.db import connection, transaction
from django.db.models import Max

from amiable.core import audit, tables
from amiable.core.conditions import N_, UnableToRead, parse
from amiable.core.models import User
from amiable.ledger.models import Creditor
from amiable.portfolio import facts
from amiable.portfolio.gather import gather
from amiable.portfolio.models import Profile, SegmentSet

MOST = 200
LANGUAGES = ("fr", "en")
LONGEST_LABEL = 60
LARGEST = 1_000_000  # bytes of a file
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LOCK = 0x5345474D  # with a creditor's number: the advisory lock of its profiles and segments


@dataclass(frozen=True)
class Fault:
    """What is wrong with a set: where (None: with the whole), and the sentence."""

    at: int | None
    error: UnableToRead


def check(segments: Sequence[Mapping[str, Any]]) -> None:
    """Raises UnableToRead, with one sentence that names the segment, unless every segment can be evaluated."""
    if found := faults(segments):
        raise _naming(segments, found[0])


def faults(segments: Any) -> list[Fault]:
    """Everything that keeps a set from being used, in its order; empty when it can be."""
    if not isinstance(segments, Sequence) or isinstance(segments, str):
        return [Fault(None, UnableToRead(N_("A set of segments is a list, each with a key, labels and a condition.")))]
    if len(segments) > MOST:
        sentence = N_("A set may have %(most)s segments at most; this one has %(count)s.")
        return [Fault(None, UnableToRead(sentence, most=MOST, count=len(segments)))]
    found, seen, known = [], set[str](), facts.schema()
    for at, segment in enumerate(segments):
        try:
            _usable(segment, seen)
            parse(segment.get("when", ""), known)
        except UnableToRead as error:
            found.append(Fault(at, error))
    return found


def _usable(segment: Any, seen: set[str]) -> None:
    """Raises UnableToRead unless a segment has the shape of one, and a key that none had before it."""
    if not isinstance(segment, Mapping):
        raise UnableToRead(N_("It needs a key, labels and a condition."))
    if strange := sorted(set(map(str, segment)) - {"key", "label", "when"}):
        raise UnableToRead(N_("It has an unknown setting: “%(name)s”."), name=strange[0])
    key, label = segment.get("key", ""), segment.get("label")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise UnableToRead(N_("Its key must be of small letters, digits and _, 40 at most; “%(key)s” is not."), key=key)
    if key in seen:
        raise UnableToRead(N_("The key “%(key)s” stands twice."), key=key)
    seen.add(key)
    for language in LANGUAGES:
        text = label.get(language) if isinstance(label, Mapping) else None
        if not isinstance(text, str) or not text.strip() or len(text) > LONGEST_LABEL:
            sentence = N_("It needs a label in %(language)s, of %(most)s characters at most.")
            raise UnableToRead(sentence, language=language, most=LONGEST_LABEL)
    if not isinstance(segment.get("when", ""), str):
        raise UnableToRead(N_("Its condition must be a text; put it between quotation marks."))


def load(*, path: Path) -> Any:
    """The segments of a YAML file as they stand there, not yet checked. Raises UnableToRead when it is none."""
    try:
        if path.stat().st_size > LARGEST:
            raise UnableToRead(N_("“%(name)s” is larger than a set of segments can be."), name=path.name)
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnableToRead(N_("“%(name)s” cannot be opened."), name=str(path)) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        where = getattr(error, "problem_mark", None)
        line = where.line + 1 if where else 1
        raise UnableToRead(N_("“%(name)s” is not YAML: look at line %(line)s."), name=path.name, line=line) from error
    if not isinstance(content, Mapping) or not isinstance(content.get("segments"), list):
        raise UnableToRead(N_("“%(name)s” needs a list under “segments:”."), name=path.name)
    return content["segments"]


def sentences(segments: Any) -> list[str]:
    """What is wrong with a set, one sentence for each fault, naming the segment."""
    return [str(_naming(segments, fault)) for fault in faults(segments)]


def _naming(segments: Any, fault: Fault) -> UnableToRead:
    if fault.at is None:
        return fault.error
    name = named(segments[fault.at], fault.at)
    return UnableToRead(N_("Segment “%(segment)s”: %(fault)s"), segment=name, fault=fault.error)


def named(segment: Any, at: int) -> str:
    """How a sentence calls a segment: by its English label, its key, or its place."""
    if not isinstance(segment, Mapping):
        return str(at + 1)
    label = segment.get("label")
    return str((label.get("en") if isinstance(label, Mapping) else "") or segment.get("key") or at + 1)


def save(
    *,
    creditor: Creditor,
    segments: Sequence[Mapping[str, Any]],
    now: datetime,
    by: User | None,
    after: int | None = None,
) -> SegmentSet:
    """A draft: the next version of a creditor's segments. Earlier versions stay as they are; a set with a fault is none.

    `after`: the version that the author saw (0: none); when another was written since, nothing is saved.
    """
    check(segments)
    plain = [{"key": s["key"], "label": dict(s["label"]), "when": s.get("when", "").strip()} for s in segments]
    with transaction.atomic():
        Creditor.objects.select_for_update(no_key=True).get(pk=creditor.pk)  # one version after the other
        last = SegmentSet.objects.filter(creditor=creditor).aggregate(last=Max("version"))["last"] or 0
        if after is not None and after != last:
            sentence = N_("Version %(version)s was saved meanwhile: look at it, and make your changes there.")
            raise UnableToRead(sentence, version=last)
        drafted = SegmentSet.objects.create(creditor=creditor, version=last + 1, segments=plain, made_by=by)
        _told("segments.saved", drafted, now=now, by=by)
    return drafted


@transaction.atomic
def activate(*, drafted: SegmentSet, as_of: date, now: datetime, by: User | None) -> int:
    """From now on this version decides: every stored profile is placed anew. Returns how many customers moved."""
    creditor = drafted.creditor
    if creditor is None:
        raise UnableToRead(N_("The starter set belongs to the house; save it for a creditor first."))
    Creditor.objects.select_for_update(no_key=True).get(pk=creditor.pk)
    later = SegmentSet.objects.filter(creditor=creditor, version__gt=drafted.version, active_since__isnull=False)
    if later.exists():
        sentence = N_("A later version than %(version)s was active already: save these segments as a new version.")
        raise UnableToRead(sentence, version=drafted.version)
    check(drafted.segments)
    drafted.active_since = drafted.active_since or now
    drafted.save(update_fields=["active_since"])
    _told("segments.activated", drafted, now=now, by=by)
    alone([creditor])
    return place(creditor=creditor, as_of=as_of)


def _told(act: str, drafted: SegmentSet, *, now: datetime, by: User | None) -> None:
    audit.record(
        act, now=now, user=by, creditor_ref=drafted.creditor_id, subject="segment_set", subject_ref=drafted.pk,
        version=drafted.version,
    )  # fmt: skip


def alone(creditors: Iterable[Creditor]) -> None:
    """Until the end of the transaction nobody else refreshes profiles of these creditors or puts segments in force."""
    with connection.cursor() as cursor:
        for pk in sorted(creditor.pk for creditor in creditors):
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, pk])


def place(*, creditor: Creditor, as_of: date, customers: Collection[int] | None = None) -> int:
    """Assigns the active segments over the stored profiles of a creditor (of these customers). Returns how many moved."""
    rules = active(creditor.pk)
    profiles = Profile.objects.filter(creditor=creditor)
    if customers is not None:
        profiles = profiles.filter(customer__in=customers)
    table = gather(profiles, as_of=as_of, naming=[s.get("when", "") for s in rules])
    placed = table.select("customer_id", "currency", "stands").with_columns(assign(table, rules))
    moved = placed.filter(pl.col("segment") != pl.col("stands"))
    if moved.height:
        remember(moved, as_of=as_of)
    return moved.height


def active(creditor_id: int) -> Sequence[Mapping[str, Any]]:
    """The segments in force for a creditor: its own newest active set, else the house's starter set."""
    own = SegmentSet.objects.filter(creditor_id=creditor_id, active_since__isnull=False).order_by("-version").first()
    return own.segments if own else starter()


def labels(creditor_id: int, language: str) -> dict[str, str]:
    """Names of the creditor's segments as people read them."""
    return {s["key"]: s["label"].get(language[:2], s["label"]["en"]) for s in active(creditor_id)}


@lru_cache(maxsize=1)
def starter() -> tuple[Mapping[str, Any], ...]:
    """The segments that ship (portfolio/segments.yaml)."""
    content = yaml.safe_load((Path(__file__).parent / "segments.yaml").read_text(encoding="utf-8"))
    check(content["segments"])
    return tuple(content["segments"])


def assign(table: pl.DataFrame, segments: Sequence[Mapping[str, Any]]) -> pl.Series:
    """The segment key of each row of a table of facts; empty where none matches."""
    if not segments:
        return pl.Series("segment", [""] * table.height)
    cases = [pl.when(parse(s.get("when", ""), facts.schema())).then(pl.lit(s["key"])) for s in segments]
    return table.with_columns(pl.coalesce(*cases, pl.lit("")).alias("segment"))["segment"]


def remember(segments: pl.DataFrame, *, as_of: date) -> None:
    """Writes who changed segment on that day, in profile and history; `segments` has customer_id, currency, segment."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE moved (customer_id bigint, currency varchar(3), segment varchar(40)) ON COMMIT DROP"
        )
        tables.write(segments, "moved", ["customer_id", "currency", "segment"])
        cursor.execute("ANALYZE moved")
        cursor.execute(
            "UPDATE portfolio_profile p SET segment = coalesce(m.segment, '') FROM moved m"
            " WHERE m.customer_id = p.customer_id AND m.currency = p.currency"
        )
        # A second run of the same day corrects what the first one wrote, so that no period is empty and none is cut in two.
        for act in (
            "DELETE FROM portfolio_membership p USING moved m WHERE p.until IS NULL AND p.since = %(as_of)s",
            "UPDATE portfolio_membership p SET until = NULL FROM moved m WHERE p.until = %(as_of)s AND p.segment = m.segment",
            "UPDATE portfolio_membership p SET until = %(as_of)s FROM moved m WHERE p.until IS NULL AND p.since < %(as_of)s"
            " AND p.segment <> coalesce(m.segment, '')",
            # What stands on, apart from the insertion: looked for in a table that grows meanwhile it takes the square of it.
            "DELETE FROM moved m USING portfolio_membership p WHERE p.until IS NULL",
        ):
            cursor.execute(f"{act} AND p.customer_id = m.customer_id AND p.currency = m.currency", {"as_of": as_of})
        cursor.execute(
            "INSERT INTO portfolio_membership (customer_id, currency, segment, since, open_minor)"
            " SELECT m.customer_id, m.currency, m.segment, %(as_of)s, f.open_minor FROM moved m"
            " JOIN portfolio_profile f ON f.customer_id = m.customer_id AND f.currency = m.currency"
            " WHERE coalesce(m.segment, '') <> ''",
            {"as_of": as_of},
        )
        cursor.execute("DROP TABLE moved")
