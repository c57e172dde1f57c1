"""Looks at an installation and says in sentences what is missing or wrong.

In: the settings and what they point to. Out: findings, one sentence each, in the order in which one would mend them.
Never: a change to anything, a message sent, or a look that takes longer than a few seconds.
"""

import os
import shutil
import smtplib
import ssl
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from pathlib import Path
from zoneinfo import available_timezones

import dns.exception
import dns.resolver
import psycopg
from django.conf import settings
from django.contrib.staticfiles import finders
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from amiable.core import smtp
from amiable.core.live import hears

SECONDS = 5.0  # for each server that is asked
OLDEST_POSTGRES = 15
ENOUGH_DISK = 2_000_000_000  # bytes
CLOCK_DRIFT = 5.0  # seconds between our clock and the database's
SHORTEST_KEY = 40  # characters
PARTS = ("tabler.min.css", "tabler.min.js", "htmx.min.js", "sse.min.js", "echarts.min.js", "icons.svg", "inter.css")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at. `ok` is None where it could not be told, or where nothing was asked for."""

    area: str  # clock, database, live, keys, mail, sender, pages, translations or python
    ok: bool | None
    sentence: str


Look = tuple[bool | None, str]  # what will be a finding: ok and sentence


def good(sentence: str) -> Look:
    return True, sentence


def bad(sentence: str) -> Look:
    return False, sentence


def unknown(sentence: str) -> Look:
    return None, sentence


def examine(*, now: datetime) -> list[Finding]:
    """Everything that can be looked at from here; `now` is compared with the database's clock, so it must be fresh."""
    looks = (
        # The clock comes first: the others may wait for servers that do not answer.
        ("clock", _clock(now)),
        ("database", _database()),
        ("live", _live()),
        ("keys", _keys()),
        ("mail", _mail()),
        ("sender", _sender()),
        ("pages", _pages()),
        ("translations", _translations()),
        ("python", _python()),
    )
    return [Finding(area=area, ok=ok, sentence=sentence) for area, found in looks for ok, sentence in found]


def _clock(now: datetime) -> Iterator[Look]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            there = cursor.fetchone()[0]
    except DatabaseError:
        yield unknown(_("The clock cannot be compared with the database's, which does not answer."))
    else:
        seconds = abs((there - now).total_seconds())
        if seconds > CLOCK_DRIFT:
            told = {"seconds": seconds}
            yield bad(
                _("Our clock and the database's differ by %(seconds)d seconds: set both by a time server.") % told
            )
        else:
            yield good(_("The clocks of this machine and of the database agree."))
    zone = {"zone": settings.TIME_ZONE}
    if settings.TIME_ZONE in available_timezones():
        yield good(_("The time zone is %(zone)s.") % zone)
    else:
        yield bad(_("The time zone %(zone)s is unknown: set AMIABLE_TIME_ZONE to one like Europe/Paris.") % zone)


def _database() -> Iterator[Look]:
    try:
        connection.ensure_connection()
        version = connection.pg_version // 10_000  # type: ignore[attr-defined]
        executor = MigrationExecutor(connection)
        waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError as error:
        yield bad(_("The database does not answer: %(said)s") % {"said": str(error).strip()})
    else:
        told = {"version": version, "oldest": OLDEST_POSTGRES}
        if version < OLDEST_POSTGRES:
            yield bad(_("The database is PostgreSQL %(version)d; Amiable needs %(oldest)d or newer.") % told)
        else:
            yield good(_("The database is PostgreSQL %(version)d and answers.") % told)
        if waiting:
            text = ngettext(
                "%(n)d migration is not applied: run manage.py migrate.",
                "%(n)d migrations are not applied: run manage.py migrate.",
                waiting,
            )
            yield bad(text % {"n": waiting})
        else:
            yield good(_("Every migration is applied."))
    free = shutil.disk_usage(_nearest(settings.HOME)).free
    space = {"free": free / 1_000_000_000, "path": settings.HOME}
    if free < ENOUGH_DISK:
        yield bad(_("Only %(free).1f GB are free for %(path)s: make room.") % space)
    else:
        yield good(_("%(free).0f GB are free for %(path)s.") % space)


def _live() -> Iterator[Look]:
    try:
        heard = hears(seconds=SECONDS)
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('max_connections')::int")
            most = cursor.fetchone()[0]
    except (DatabaseError, psycopg.OperationalError):
        yield unknown(_("Live updates cannot be tried: the database does not answer."))
        return
    if heard:
        yield good(_("Live updates arrive (LISTEN and NOTIFY)."))
    else:
        yield bad(
            _("Live updates do not arrive: let DATABASE_URL lead to PostgreSQL itself, or to a pooler in session mode.")
        )
    if most < settings.POOL_SIZE + 10:
        told = {"pool": settings.POOL_SIZE, "most": most}
        yield bad(
            _("A server process may open %(pool)d connections, the database allows %(most)d: lower AMIABLE_POOL_SIZE.")
            % told
        )


def _nearest(path: Path) -> Path:
    """The folder itself, or the first one above that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _keys() -> Iterator[Look]:
    keys = {"AMIABLE_SECRET_KEY": settings.SECRET_KEY, "AMIABLE_CREDENTIAL_KEY": settings.CREDENTIAL_KEY}
    weak = [name for name, key in keys.items() if len(key) < SHORTEST_KEY or len(set(key)) < 10 or "insecure" in key]
    for name in weak:
        told = {"name": name, "n": SHORTEST_KEY}
        yield bad(_("%(name)s can be guessed: set it to at least %(n)d random characters.") % told)
    if settings.SECRET_KEY == settings.CREDENTIAL_KEY:
        yield bad(_("AMIABLE_SECRET_KEY and AMIABLE_CREDENTIAL_KEY are the same: give each its own."))
    elif not weak:
        yield good(_("The secret keys are long and differ from each other."))
    for path in _secret_files():
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            rights = {"path": path, "mode": f"{mode:o}"}
            yield bad(_("Others can read the secret in %(path)s (rights %(mode)s): run chmod 600 on it.") % rights)


def _secret_files() -> list[Path]:
    """The files with secrets, but for those that a container runtime mounts with rights of its own."""
    files = list(Path(settings.HOME).glob("*.secret"))
    for name, value in os.environ.items():
        if name.endswith("_FILE") and name.startswith(("AMIABLE_", "DATABASE_")):
            files.append(Path(value))
    return sorted(path for path in files if path.is_file() and not path.is_relative_to("/run/secrets"))


def _mail() -> Iterator[Look]:
    if not settings.SMTP_HOST:
        say = bad if settings.PRODUCTION else unknown  # where nobody real is written to, that is as it should be
        yield say(_("No mail server is set (AMIABLE_SMTP_HOST): no e-mail leaves."))
        return
    told: dict[str, object] = {"host": settings.SMTP_HOST, "port": settings.SMTP_PORT}
    try:
        with smtp.connected(
            host=settings.SMTP_HOST, port=settings.SMTP_PORT, tls=settings.SMTP_TLS, user=settings.SMTP_USER,
            password=settings.SMTP_PASSWORD, timeout=SECONDS,
        ) as server:  # fmt: skip
            server.noop()
    except smtplib.SMTPAuthenticationError:
        yield bad(_("The mail server %(host)s refuses AMIABLE_SMTP_USER with AMIABLE_SMTP_PASSWORD.") % told)
    except smtplib.SMTPNotSupportedError as error:
        told["said"] = error
        yield bad(_("The mail server %(host)s cannot do what the settings ask for: %(said)s") % told)
    except ssl.SSLCertVerificationError as error:
        told["said"] = error.verify_message
        yield bad(_("The certificate of the mail server %(host)s is not good: %(said)s") % told)
    except (OSError, smtplib.SMTPException) as error:
        told["said"] = error
        yield bad(_("The mail server %(host)s does not answer on port %(port)d: %(said)s") % told)
    else:
        if settings.SMTP_TLS != "none":
            yield good(_("The mail server %(host)s answers, with encryption.") % told)
        else:
            say = good if settings.SMTP_HOST in {"localhost", "127.0.0.1", "::1"} else bad
            yield say(_("The mail server %(host)s answers, without encryption.") % told)


def _sender() -> Iterator[Look]:
    if not settings.MAIL_FROM and not settings.SMTP_HOST and not settings.PRODUCTION:
        yield unknown(_("No sender address is set (AMIABLE_MAIL_FROM)."))
        return
    address = parseaddr(settings.MAIL_FROM)[1]
    domain = address.rpartition("@")[2].lower()
    if "@" not in address or "." not in domain:
        yield bad(_("AMIABLE_MAIL_FROM must be an address like accounts@company.example."))
        return
    try:
        yield from _published(domain)
    except (dns.resolver.NoNameservers, dns.resolver.NoResolverConfiguration, dns.exception.Timeout, OSError):
        told = {"domain": domain}
        yield unknown(_("SPF, DKIM and DMARC of %(domain)s could not be looked up: no name server answers.") % told)


def _published(domain: str) -> Iterator[Look]:
    """What the sender's domain says to the mail servers of the world."""
    ask = _resolver()
    told = {"domain": domain, "selector": getattr(settings, "DKIM_SELECTOR", "")}
    if any(text.startswith("v=spf1") for text in _texts(ask, domain)):
        yield good(_("The domain %(domain)s says who may send for it (SPF).") % told)
    else:
        yield bad(_("The domain %(domain)s has no SPF record: its e-mails will often be taken for spam.") % told)
    if not told["selector"]:
        yield unknown(
            _("DKIM of %(domain)s could not be looked up: no selector is set (AMIABLE_DKIM_SELECTOR).") % told
        )
    elif any("p=" in text for text in _texts(ask, f"{told['selector']}._domainkey.{domain}")):
        yield good(_("The domain %(domain)s publishes the DKIM key %(selector)s.") % told)
    else:
        yield bad(_("The domain %(domain)s does not publish the DKIM key %(selector)s.") % told)
    # A domain without a policy of its own falls under that of the domain above.
    above = [name for name in (domain, domain.partition(".")[2]) if "." in name]
    if any(text.startswith("v=DMARC1") for name in above for text in _texts(ask, f"_dmarc.{name}")):
        yield good(_("The domain %(domain)s has a DMARC policy.") % told)
    else:
        yield bad(_("The domain %(domain)s has no DMARC policy: large mail providers may refuse its e-mails.") % told)


def _resolver() -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver()
    resolver.lifetime = SECONDS
    return resolver


def _texts(ask: dns.resolver.Resolver, name: str) -> list[str]:
    """The TXT records of a name; none when the name does not exist."""
    try:
        answer = ask.resolve(name, "TXT")
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    return [b"".join(record.strings).decode(errors="replace") for record in answer]


def _pages() -> Iterator[Look]:
    if settings.PRODUCTION:
        missing = [name for name in PARTS if not (Path(settings.STATIC_ROOT) / "vendor" / name).exists()]
    else:
        missing = [name for name in PARTS if not finders.find(f"vendor/{name}")]
    cure = "manage.py collectstatic" if settings.PRODUCTION else "make setup"
    if missing:
        told = {"names": ", ".join(missing), "cure": cure}
        yield bad(_("Parts of the pages are missing (%(names)s): run %(cure)s.") % told)
    else:
        yield good(_("The parts of the pages are there."))


def _translations() -> Iterator[Look]:
    stale = []
    for source in (path for folder in settings.LOCALE_PATHS for path in Path(folder).glob("*/LC_MESSAGES/django.po")):
        compiled = source.with_suffix(".mo")
        if not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime:
            stale.append(source.parts[-3])
    if stale:
        told = {"languages": ", ".join(sorted(stale))}
        yield bad(_("The translations are not compiled (%(languages)s): run make setup.") % told)
    else:
        yield good(_("The translations are compiled."))


def _python() -> Iterator[Look]:
    yield good(_("This is Python %(version)s.") % {"version": ".".join(map(str, sys.version_info[:3]))})
