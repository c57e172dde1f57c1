"""What all tests share: the small world, and a real mail server of our own on loopback."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.utils import translation

from amiable.web.dev import smtp
from tests import prepared
from tests import world as worlds

hypothesis.settings.register_profile(
    "house",
    deadline=None,
    derandomize=True,
    max_examples=15,  # a test that needs more, or bears fewer, says so itself
    suppress_health_check=[
        hypothesis.HealthCheck.function_scoped_fixture,
        hypothesis.HealthCheck.too_slow,
        hypothesis.HealthCheck.data_too_large,
    ],
)
hypothesis.settings.load_profile("house")


STAYS = {
    "django_content_type",
    "auth_permission",
}  # made by the migrations, and anew after each emptying where they are gone


@pytest.fixture(autouse=True, scope="session")
def emptied_by_rows() -> Iterator[None]:
    """Between tests with transactions of their own only tables that hold something are emptied: truncating all of them
    makes hundreds of files anew, each time. Whoever may not look away (no superuser) truncates.
    """
    from django.db import connection
    from django.db.backends.postgresql.operations import DatabaseOperations

    truncated = DatabaseOperations.sql_flush

    def emptied(self: DatabaseOperations, style: Any, tables: Sequence[str], **how: Any) -> list[str]:
        wanted = sorted(set(tables) - STAYS)
        with connection.cursor() as cursor:
            cursor.execute("SHOW is_superuser")
            if cursor.fetchone() != ("on",):
                return truncated(self, style, tables, **how)  # type: ignore[no-any-return]
            cursor.execute(" UNION ALL ".join(f"(SELECT '{name}' FROM \"{name}\" LIMIT 1)" for name in wanted))
            filled = [name for (name,) in cursor.fetchall()]
        # Rows of the books may not be deleted, and rows point at each other: the database looks away for this once.
        return ["SET LOCAL session_replication_role = replica", *(f'DELETE FROM "{name}"' for name in filled)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", emptied)
        yield


@pytest.fixture(scope="session")
def test_database() -> str:
    """Its name, before each worker's is told apart."""
    from django.conf import settings

    return str(settings.DATABASES["default"]["TEST"]["NAME"])


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    test_database: str, django_db_modify_db_settings_parallel_suffix: None, django_db_blocker: Any
) -> None:
    """Test databases are copies of an empty one; what they hold need not outlive a power cut."""
    from django.db import connection

    with django_db_blocker.unblock():
        connection.settings_dict["TEST"]["TEMPLATE"] = prepared.offer(of=test_database)
    connection.settings_dict["OPTIONS"]["options"] += " -c synchronous_commit=off"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """As pytest-django's; at the end the guests of the test database go first: servers that tests started, and threads of
    live ones, leave theirs a moment later, and a database with guests cannot be dropped.
    """
    from django.db import connection

    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(autouse=True, scope="session")
def static_folder() -> None:
    """Where collected files would lie: empty in a checkout, and looked for when the rooms open."""
    from django.conf import settings

    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture
def english() -> Iterator[None]:
    """For tests that read sentences."""
    with translation.override("en"):
        yield


@pytest.fixture
def whole_day() -> None:
    """For tests of a module with `unmeasured` that need the day as it is."""


@pytest.fixture
def unmeasured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Days without the steps that only look at what was done: figures and forecasts take half the time of a small day."""
    from amiable import day

    if "whole_day" not in request.fixturenames:
        steps = {name: step for name, step in day.STEPS.items() if name not in {"measure", "forecast"}}
        monkeypatch.setattr(day, "STEPS", steps)


@pytest.fixture
def world(db: None) -> worlds.World:
    return worlds.build()


@dataclass(frozen=True)
class Post:
    """The mail server's outbox, read as a recipient would read it."""

    folder: Path

    def letters(self) -> list[EmailMessage]:
        """Everything that arrived, oldest first."""
        parser = BytesParser(policy=policy.default)
        return [parser.parsebytes(path.read_bytes()) for path in sorted(self.folder.glob("*.eml"))]  # type: ignore[misc]

    def to(self, address: str) -> list[EmailMessage]:
        return [letter for letter in self.letters() if address in str(letter["To"])]

    def recipients(self) -> list[str]:
        return [str(letter["To"]).split("<")[-1].rstrip(">") for letter in self.letters()]


def text_of(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


@pytest.fixture
def post(tmp_path: Path, settings: Any) -> Iterator[Post]:
    """A real SMTP server that takes every e-mail; the installation is set up to send through it."""
    server = smtp.serve(port=0, folder=tmp_path / "outbox")
    settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS = "127.0.0.1", server.port, "none"
    settings.SMTP_USER = settings.SMTP_PASSWORD = ""
    settings.MAIL_FROM = "relance@helia.example"
    yield Post(tmp_path / "outbox")
    server.stop()
