"""Registry, links, tables, runs and the audit trail: small, and everything stands on them."""

import types
from datetime import date, timedelta

import polars as pl
import pytest
from django.db import IntegrityError, connection, transaction

from amiable.core import audit, links, registry, runs, tables
from amiable.core.models import AuditEntry, Run
from tests.world import DAY, at

NOW = at(DAY)


def test_a_link_is_good_for_its_purpose_until_its_day_and_unchanged() -> None:
    token = links.sign("portal", {"c": 7}, expires=NOW + timedelta(days=1))
    assert links.read("portal", token, now=NOW + timedelta(hours=23)) == {"c": 7}
    with pytest.raises(links.Expired):
        links.read("portal", token, now=NOW + timedelta(hours=25))
    for purpose, wrong in (
        ("unsubscribe", token),
        ("portal", token[:-1] + ("A" if token[-1] != "A" else "B")),
        ("portal", "x"),
    ):
        with pytest.raises(links.UnableToOpen):
            links.read(purpose, wrong, now=NOW)


class Port:
    key = ""


def test_the_registry_finds_what_stands_in_the_folder_once_and_refuses_two_of_a_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from amiable.outreach import channels
    from amiable.outreach.channel import Channel

    found = registry.discover(channels, Channel)  # type: ignore[type-abstract]
    assert set(found) >= {"email", "console"}
    assert all(kind.key == key for key, kind in found.items())
    package = types.ModuleType("pack")
    package.__path__ = []
    twins = [types.SimpleNamespace(load=lambda: type("Twin", (Port,), {"key": "same"})) for _ in range(2)]
    monkeypatch.setattr(registry, "entry_points", lambda group: twins)
    with pytest.raises(registry.TwoOfAKind, match="same"):
        registry.discover(package, Port, entry_point="amiable.ports")


@pytest.mark.django_db
def test_tables_travel_whole_with_every_sign_that_people_write() -> None:
    schema = {"id": pl.Int64, "name": pl.String, "yes": pl.Boolean, "day": pl.Date, "share": pl.Float64}
    table = pl.DataFrame(
        {
            "id": [1, 2, 3, 4],
            "name": ['a "quoted", name', "two\nlines", "\\.", "Été ’ €"],
            "yes": [True, False, None, True],
            "day": [date(2028, 2, 29), None, date(1999, 12, 31), date(2026, 3, 2)],
            "share": [0.1, None, -2.5, 1e-9],
        },
        schema=schema,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE sent (id bigint, name text, yes boolean, day date, share float) ON COMMIT DROP"
        )
    tables.write(table, "sent", list(schema))
    assert tables.read("SELECT * FROM sent ORDER BY id", schema=schema).equals(table)
    assert tables.read("SELECT * FROM sent WHERE id > %(n)s", {"n": 9}, schema=schema).equals(
        pl.DataFrame(schema=schema)
    )


@pytest.mark.django_db
def test_empty_text_stays_empty_text() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE sent (id bigint, name text NOT NULL) ON COMMIT DROP")
    tables.write(pl.DataFrame({"id": [1], "name": [""]}), "sent", ["id", "name"])
    assert tables.read("SELECT count(*) FROM sent WHERE name = ''", schema={"n": pl.Int64}).item() == 1


@pytest.mark.django_db
def test_a_run_that_fails_says_how_and_lets_the_error_go_on() -> None:
    def fails() -> None:
        with runs.recorded("send", as_of=DAY, now=NOW, clock=lambda: NOW) as figures:
            figures["sent"] = 3
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        fails()
    run = Run.objects.get()
    assert (run.figures, run.ended_at) == ({"sent": 3}, NOW)
    assert run.error.startswith("ZeroDivisionError")


@pytest.mark.django_db
def test_the_audit_trail_only_grows() -> None:
    audit.record("customer.viewed", now=NOW, actor="day", subject="customer", subject_ref=1, why="test")
    assert AuditEntry.objects.get().detail == {"why": "test"}
    for spoil in (lambda: AuditEntry.objects.update(act="x"), lambda: AuditEntry.objects.all()._raw_delete("default")):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            spoil()
