"""All settings, read once from the environment. `docs/settings.md` lists each one."""

import contextlib
import os
import secrets
import urllib.parse
from pathlib import Path

from accounts import openid_settings

from .env import BadSetting, Env
from .places import socket_directory

env = Env()
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.path("MQ_DATA_DIR", BASE_DIR / "var")
RUN_DIR = socket_directory(DATA_DIR)

DEBUG = env.boolean("MQ_DEBUG", False)
PRODUCTION = env.boolean("MQ_PRODUCTION", False)


def _secret(name: str, file_name: str) -> str:
    """Returns the secret from the environment, or the one kept in the data directory, made on first use."""
    given = env.text(name)
    if given:
        return given
    path = DATA_DIR / file_name
    if not path.exists():
        DATA_DIR.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{secrets.token_hex(4)}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):  # the first process wins; the others read what it wrote
            path.hardlink_to(fresh)
        fresh.unlink()
    return path.read_text().strip()


SECRET_KEY = _secret("MQ_SECRET_KEY", "secret.key")
# Encrypts AccessKey secrets at rest; kept outside the database on purpose.
MASTER_KEY = _secret("MQ_MASTER_KEY", "master.key")

# --- addresses -------------------------------------------------------------------------------------------------
BIND = env.text("MQ_BIND", "127.0.0.1")
ADVERTISE_HOST = env.text("MQ_ADVERTISE_HOST", "127.0.0.1")
HTTP_PORT = env.integer("MQ_HTTP_PORT", 8000, low=1, high=65535)
# How many web processes share the port on this machine.
WEB_PROCESSES = env.integer("MQ_WEB_PROCESSES", min(max((os.cpu_count() or 1) // 2, 1), 4), low=1, high=64)
# What RocketMQ's remoting clients connect to: namesrvAddr, and the broker every route leads to.
REMOTING = env.boolean("MQ_REMOTING", True)
NAMESRV_PORT = env.integer("MQ_NAMESRV_PORT", 9876, low=1, high=65535)
BROKER_PORT = env.integer("MQ_BROKER_PORT", 10911, low=1, high=65535)
ADVERTISE_PORT = env.integer("MQ_ADVERTISE_PORT", BROKER_PORT, low=1, high=65535)
_IS_LAPTOP = BIND in {"127.0.0.1", "::1", "localhost"} and not PRODUCTION
# The account of remoting clients without an access key; empty: there are none. Only this machine reaches a loopback
# address, so a laptop works at once.
REMOTING_ANONYMOUS = env.text("MQ_REMOTING_ANONYMOUS", "main" if _IS_LAPTOP else "")
# Remoting clients may make the topics and groups they name.
REMOTING_AUTO_CREATE = env.boolean("MQ_REMOTING_AUTO_CREATE", _IS_LAPTOP)
# A certificate and its key in PEM files let remoting clients use TLS on the same ports.
TLS_CERT = env.text("MQ_TLS_CERT")
TLS_KEY = env.text("MQ_TLS_KEY")
REMOTING_TLS_ONLY = env.boolean("MQ_REMOTING_TLS_ONLY", False)
if REMOTING_TLS_ONLY and not (TLS_CERT and TLS_KEY):
    raise BadSetting("MQ_REMOTING_TLS_ONLY=1: set MQ_TLS_CERT and MQ_TLS_KEY as well")
ALLOWED_HOSTS = env.words("MQ_ALLOWED_HOSTS", f"localhost,127.0.0.1,[::1],{ADVERTISE_HOST}")
CSRF_TRUSTED_ORIGINS = env.words("MQ_TRUSTED_ORIGINS")
# Behind a reverse proxy that sets (and strips from outside) X-Forwarded-Proto and X-Forwarded-For.
BEHIND_PROXY = env.boolean("MQ_BEHIND_PROXY", False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- stores ----------------------------------------------------------------------------------------------------
# A server whose address is not given is run by `mqconsole.local` and listens on a socket in RUN_DIR.
EMBEDDED_POSTGRES = not env.text("MQ_DATABASE_URL")
EMBEDDED_REDIS = not env.text("MQ_REDIS_URL")
# Start although the database would lose acknowledged messages.
ALLOW_UNSAFE = env.boolean("MQ_ALLOW_UNSAFE", False)
_database = env.url(
    "MQ_DATABASE_URL",
    f"postgresql://postgres@/mqconsole?host={urllib.parse.quote(str(RUN_DIR))}",
    schemes=("postgresql", "postgres"),
)
_query = dict(urllib.parse.parse_qsl(_database.query))
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": urllib.parse.unquote(_database.path.lstrip("/")),
        "USER": urllib.parse.unquote(_database.username or ""),
        "PASSWORD": urllib.parse.unquote(_database.password or ""),
        "HOST": _query.pop("host", "") or _database.hostname or "",
        "PORT": str(_database.port or _query.pop("port", "") or ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": {"application_name": "mqconsole", **_query},
        "TEST": {"NAME": env.text("MQ_TEST_DATABASE", "test_mqconsole")},
    }
}
REDIS_URL = env.text("MQ_REDIS_URL", f"unix://{RUN_DIR / 'redis.sock'}")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- message store ---------------------------------------------------------------------------------------------
# Where signed checkpoints of the audit are written: best on another disk than the database's.
AUDIT_DIR = env.path("MQ_AUDIT_DIR", DATA_DIR / "audit")
AUDIT_CHECKPOINT_SECONDS = env.integer("MQ_AUDIT_CHECKPOINT_SECONDS", 300, low=10, high=86400)
AUDIT_RETENTION_DAYS = env.integer("MQ_AUDIT_RETENTION_DAYS", 0, low=0, high=36500)  # 0: for ever
RETENTION_HOURS = env.integer("MQ_RETENTION_HOURS", 72, low=1, high=24 * 365)
DEAD_LETTER_RETENTION_DAYS = env.integer("MQ_DEAD_LETTER_RETENTION_DAYS", 30, low=1, high=3650)
# A half message's first check, the pause between checks, how many come before it is discarded: unless its producer
# group has settings of its own.
TRANSACTION_IMMUNITY_SECONDS = env.integer("MQ_TRANSACTION_IMMUNITY_SECONDS", 6, low=1, high=24 * 3600)
TRANSACTION_CHECK_SECONDS = env.integer("MQ_TRANSACTION_CHECK_SECONDS", 30, low=1, high=24 * 3600)
TRANSACTION_CHECK_MAX = env.integer("MQ_TRANSACTION_CHECK_MAX", 15, low=1, high=1000)
# How long a decision is remembered: a repeated or late one gets a definite answer until then.
TRANSACTION_DECISION_HOURS = env.integer("MQ_TRANSACTION_DECISION_HOURS", 72, low=1, high=24 * 365)
# Webhooks may lead to addresses inside: for tests, and for networks whose every address is trusted.
WEBHOOK_ALLOW_PRIVATE = env.boolean("MQ_WEBHOOK_ALLOW_PRIVATE", False)
# Threads of one process that run engine calls; each holds one PostgreSQL connection.
ENGINE_THREADS = env.integer("MQ_ENGINE_THREADS", 8, low=2, high=64)
# The most an account may have of each thing, and what it has unless it sets less; 0: no ceiling.
CEILINGS = {
    "send_per_second": env.integer("MQ_CEILING_SEND_PER_SECOND", 200_000, low=0, high=2**40),
    "send_bytes_per_second": env.integer("MQ_CEILING_SEND_BYTES_PER_SECOND", 2**30, low=0, high=2**50),
    "receive_per_second": env.integer("MQ_CEILING_RECEIVE_PER_SECOND", 400_000, low=0, high=2**40),
    "receive_bytes_per_second": env.integer("MQ_CEILING_RECEIVE_BYTES_PER_SECOND", 2**31, low=0, high=2**50),
    "topics": env.integer("MQ_CEILING_TOPICS", 10_000, low=0, high=2**31),
    "groups": env.integer("MQ_CEILING_GROUPS", 10_000, low=0, high=2**31),
    "backlog_bytes": env.integer("MQ_CEILING_BACKLOG_BYTES", 0, low=0, high=2**50),
    "connections": env.integer("MQ_CEILING_CONNECTIONS", 10_000, low=0, high=2**31),
    "message_bytes": env.integer("MQ_CEILING_MESSAGE_BYTES", 4 * 2**20, low=1, high=4 * 2**20),
}
DEMO = env.boolean("MQ_DEMO", False)
# Who reads /metrics from another machine shows this token.
METRICS_TOKEN = env.text("MQ_METRICS_TOKEN")

LOG_FORMAT = env.choice("MQ_LOG_FORMAT", "text", ("text", "json"))
LOG_LEVEL = env.choice("MQ_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))

# --- Django ----------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "accounts",
    "brokers",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_cotton.apps.SimpleAppConfig",
    "django_htmx",
    "channels",
    "rest_framework",
    "drf_spectacular",
]
MIDDLEWARE = [
    "brokers.api.middleware.ApiMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "brokers.console.middleware.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "brokers.console.middleware.ReaderTimezone",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "brokers.console.middleware.SessionActivity",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "mqconsole.urls"
ASGI_APPLICATION = "mqconsole.asgi.application"
AUTH_USER_MODEL = "accounts.User"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django_cotton.cotton_loader.Loader",
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "builtins": ["django_cotton.templatetags.cotton", "brokers.console.tags"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
COTTON_DIR = "components"
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Hashed and compressed once `collectstatic` has run (`make run` does it); a bare checkout serves the sources.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if (STATIC_ROOT / "staticfiles.json").exists()
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = True
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
# What a password has to be is in accounts/passwords.py.
AUTH_PASSWORD_VALIDATORS: list[dict[str, str]] = []
# Accounts whose people come in through an OpenID provider.
OPENID_PROVIDERS = env.parsed("MQ_OPENID", openid_settings.parse)
SESSION_ENGINE = "accounts.session_store"
# A session ends so long after signing in, and after so long without a click.
SESSION_COOKIE_AGE = 3600 * env.integer("MQ_SESSION_HOURS", 12, low=1, high=720)
SESSION_IDLE_MINUTES = env.integer("MQ_SESSION_IDLE_MINUTES", 120, low=5, high=43200)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = PRODUCTION
CSRF_COOKIE_SECURE = PRODUCTION
CSRF_COOKIE_HTTPONLY = True
if PRODUCTION:
    # A browser takes a cookie of such a name only over TLS and from this very host: a neighbour under the same domain
    # cannot plant one.
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_NAME = "__Host-csrf"
SECURE_HSTS_SECONDS = env.integer("MQ_HSTS_SECONDS", 31536000, low=0, high=126144000) if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
# Whether browsers ship with a domain in their list is for its owner to decide; leaving the list takes months.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 6 * 1024 * 1024
LOGIN_URL = "/signin"
CSRF_FAILURE_VIEW = "brokers.console.page.csrf_failure"
LOGIN_REDIRECT_URL = "/"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "templates" / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "mq-live"},
    }
}

# --- logging: one event a line, on stderr; what runs the process decides where that goes ------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "mqconsole.logs.TextFormatter"},
        "json": {"()": "mqconsole.logs.JsonFormatter"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {name: {"level": LOG_LEVEL} for name in ("brokers", "accounts", "mqconsole")}
    # Every refused request would be a warning there; what went wrong here is logged where it happens.
    | {"django.request": {"level": "ERROR"}},
}

# --- jobs ------------------------------------------------------------------------------------------------------
# Celery's word for the database of a unix socket is virtual_host; it would take `db` for nothing, and number 0.
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
# A task takes its turn in a minute, so one unanswered for ten belongs to a worker that is gone.
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "visibility_timeout": 600}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "mqconsole",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "AUTHENTICATION_WHITELIST": [],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "PATH_CONVERTER_OVERRIDES": {"name": {"type": "string"}},
    "POSTPROCESSING_HOOKS": ["brokers.api.schema.complete"],
}
