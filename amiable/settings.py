"""Every setting, read from the environment; a wrong value stops the start with one sentence.

A variable NAME may also be given as NAME_FILE, the path of a file that holds the value (secrets on servers).
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ImproperlyConfigured

from amiable.core import postgres
from amiable.core.home import home


def env(name: str, default: str | None = None) -> str:
    """The text of a variable, or of the file that NAME_FILE points to."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names {path}, which cannot be read: {error.strerror}.") from error
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"Set {name} in the environment.")
    return value


def env_bool(name: str, default: bool) -> bool:
    value = env(name, "1" if default else "0").lower()
    if value not in {"0", "1", "true", "false", "yes", "no"}:
        raise ImproperlyConfigured(f"{name} is {value!r}; say 1 or 0.")
    return value in {"1", "true", "yes"}


def env_int(name: str, default: int) -> int:
    value = env(name, str(default))
    if not value.lstrip("-").isdigit():
        raise ImproperlyConfigured(f"{name} is {value!r}; say a whole number.")
    return int(value)


def own_secret(name: str) -> str:
    """A secret of this installation, made once and kept readable by its owner only in the home folder."""
    path = HOME / f"{name}.secret"
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):  # another process was first, its secret is as good
                _write_for_owner(path, secrets.token_urlsafe(48))
        except OSError as error:
            raise ImproperlyConfigured(f"Nothing can be kept in AMIABLE_HOME, {HOME}: {error.strerror}.") from error
    return path.read_text().strip()


def _write_for_owner(path: Path, text: str) -> None:
    """Writes a new file that only its owner reads. Raises FileExistsError where there is one."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def database(url: str) -> dict[str, Any]:
    """Django's form of a postgresql:// address."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("DATABASE_URL must start with postgresql://; Amiable runs on PostgreSQL only.")
    options = dict(parse_qsl(parts.query))
    # Our queries are many and short; compiling them costs more than it saves.
    options["options"] = f"{options.get('options', '')} -c jit=off".strip()
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "amiable",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", None) or unquote(parts.hostname or ""),
        "PORT": str(parts.port or options.pop("port", "")),
        "OPTIONS": options,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "TEST": {"NAME": env("AMIABLE_TEST_DATABASE", "test_amiable")},
    }


HOME = home()
PRODUCTION = env_bool("AMIABLE_PRODUCTION", False)
DEBUG = env_bool("AMIABLE_DEBUG", False)
if PRODUCTION and DEBUG:
    raise ImproperlyConfigured("AMIABLE_DEBUG must be off when AMIABLE_PRODUCTION is on.")
# Rooms under /dev (outbox, clock, test payment page) exist only where nobody's real money runs.
DEV_ROOMS = env_bool("AMIABLE_DEV_ROOMS", not PRODUCTION)

SECRET_KEY = env("AMIABLE_SECRET_KEY") if PRODUCTION else env("AMIABLE_SECRET_KEY", "") or own_secret("django")
CREDENTIAL_KEY = (
    env("AMIABLE_CREDENTIAL_KEY") if PRODUCTION else env("AMIABLE_CREDENTIAL_KEY", "") or own_secret("credential")
)
if PRODUCTION and len(SECRET_KEY) < 40:
    raise ImproperlyConfigured("AMIABLE_SECRET_KEY must have at least 40 characters in production.")
BASE_URL = env("AMIABLE_BASE_URL", "http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = env("AMIABLE_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [BASE_URL]

DATABASES = {"default": database(postgres.database_url())}
POOL_SIZE = env_int("AMIABLE_POOL_SIZE", 10)  # connections that a server process shares among its threads
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "procrastinate.contrib.django",
    "django_htmx",
    "django_cotton.apps.SimpleAppConfig",
    "amiable.core",
    "amiable.ledger",
    "amiable.casework",
    "amiable.intake",
    "amiable.outreach",
    "amiable.payments",
    "amiable.portfolio",
    "amiable.scenario",
    "amiable.insight",
    "amiable.web",
    "allauth",  # after ours, whose templates are taken first
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
]
AUTH_USER_MODEL = "core.User"
AUTHENTICATION_BACKENDS = ["amiable.web.colleague.Colleagues"]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "amiable.core.passwords.NotLeaked"},
]
PASSWORD_RESET_TIMEOUT = 2 * 3600

# How people get in: by name or e-mail, whom a colleague invited; nobody signs up.
ACCOUNT_ADAPTER = "amiable.web.adapters.Accounts"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
ACCOUNT_LOGOUT_REDIRECT_URL = "/login/"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # here; every other session of the person ends
# Failures are counted for a name and for an address, over all processes (CACHES).
ACCOUNT_RATE_LIMITS = {"login": "60/m/ip", "login_failed": "30/m/ip,6/10m/key", "reset_password": "20/m/ip,4/10m/key"}
MFA_ADAPTER = "amiable.web.adapters.Factors"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_TOLERANCE = 1
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION
# How many proxies of ours stand before us: the address of who asks is taken from what they tell.
ALLAUTH_TRUSTED_PROXY_COUNT = env_int("AMIABLE_PROXIES", 0)

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "core_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

MIDDLEWARE = [
    "amiable.web.pieces.Pieces",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "amiable.web.timed.Timed",
    "amiable.web.security.ContentSecurityPolicy",
    "amiable.web.security.PlainWords",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "amiable.web.post.Post",
    "amiable.web.seen.Views",
    "amiable.web.factor.FactorFirst",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "amiable.web.urls"
ASGI_APPLICATION = "amiable.web.asgi.application"
WSGI_APPLICATION = "amiable.web.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": False,
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["django_cotton.cotton_loader.Loader", "django.template.loaders.app_directories.Loader"],
                )
            ],
            "builtins": ["django_cotton.templatetags.cotton"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "amiable.web.ui.context.room",
            ],
        },
    }
]
COTTON_DIR = "cotton"

LANGUAGES = [("fr", "Français"), ("en", "English")]
LANGUAGE_CODE = env("AMIABLE_LANGUAGE", "fr")
if LANGUAGE_CODE not in dict(LANGUAGES):
    raise ImproperlyConfigured(f"AMIABLE_LANGUAGE is {LANGUAGE_CODE!r}; say {' or '.join(dict(LANGUAGES))}.")
LOCALE_PATHS = [Path(__file__).parent / "locale"]
TIME_ZONE = env("AMIABLE_TIME_ZONE", "Europe/Paris")
try:
    ZoneInfo(TIME_ZONE)
except (OSError, ValueError, ZoneInfoNotFoundError) as error:
    raise ImproperlyConfigured(f"AMIABLE_TIME_ZONE is {TIME_ZONE!r}; say a place, such as Europe/Paris.") from error
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # where it is missing, WhiteNoise warns at every start
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = DEBUG
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DOCUMENT_ROOT = HOME / "documents"

SMTP_HOST = env("AMIABLE_SMTP_HOST", "")
SMTP_PORT = env_int("AMIABLE_SMTP_PORT", 587)
SMTP_USER = env("AMIABLE_SMTP_USER", "")
SMTP_PASSWORD = env("AMIABLE_SMTP_PASSWORD", "")
SMTP_TLS = env("AMIABLE_SMTP_TLS", "starttls")  # none, starttls, implicit
SMTP_PER_SECOND = env("AMIABLE_SMTP_PER_SECOND", "")  # messages; empty: as fast as it goes
MAIL_FROM = env("AMIABLE_MAIL_FROM", "")
DKIM_SELECTOR = env("AMIABLE_DKIM_SELECTOR", "")
if SMTP_TLS not in {"none", "starttls", "implicit"}:
    raise ImproperlyConfigured(f"AMIABLE_SMTP_TLS is {SMTP_TLS!r}; say none, starttls or implicit.")

# A pay link stays good for this long; each message carries a fresh one.
LINK_DAYS = env_int("AMIABLE_LINK_DAYS", 60)
API_PER_MINUTE = env_int("AMIABLE_API_PER_MINUTE", 600)  # requests with one token
# Who may read /metrics, for a monitoring system; empty: nobody, and the page is not there.
METRICS_TOKEN = env("AMIABLE_METRICS_TOKEN", "")
if 0 < len(METRICS_TOKEN) < 16:
    raise ImproperlyConfigured("AMIABLE_METRICS_TOKEN must have at least 16 characters.")
STRIPE_API = env("AMIABLE_STRIPE_API", "https://api.stripe.com")  # another one only for tests and proxies
ATTEMPT_ABANDONED_MINUTES = env_int("AMIABLE_ATTEMPT_ABANDONED_MINUTES", 30)

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if PRODUCTION:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = env_bool("AMIABLE_SSL_REDIRECT", True)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env("AMIABLE_LOG_LEVEL", "WARNING")},
}
