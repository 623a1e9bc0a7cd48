"""Django settings. Everything an installation may change comes from the environment or from ``.env``.

docs/operators.md lists the settings, and a test keeps that list complete.
"""

import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from proxy_site import sso
from proxy_site.environment import secrets_from

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
if (BASE_DIR / ".env").exists():
    env.read_env(BASE_DIR / ".env")
env.ENVIRON = {name: value for name, value in os.environ.items() if value}  # empty means the default

PROXY_DATA_DIR = (BASE_DIR / env.str("PROXY_DATA_DIR", default="data")).resolve()
_secrets = secrets_from(env.ENVIRON, PROXY_DATA_DIR / "secrets.env")

#: SECRET_KEY signs sessions; the keys of FIELD_ENCRYPTION_KEYS (Fernet) encrypt the credentials toward
#: backoffices, the peppers of PROXY_CREDENTIAL_PEPPERS go into the hashes of charger passwords. The first
#: of several is used for new values, the others still read old ones.
SECRET_KEY = _secrets["SECRET_KEY"]
FIELD_ENCRYPTION_KEYS: list[str] = [key for key in _secrets["FIELD_ENCRYPTION_KEYS"].split(",") if key]
PROXY_CREDENTIAL_PEPPERS: list[str] = [key for key in _secrets["PROXY_CREDENTIAL_PEPPERS"].split(",") if key]

DEBUG = env.bool("DEBUG", default=False)

DATABASE_URL = env.str("DATABASE_URL", default=f"sqlite:///{PROXY_DATA_DIR / 'db.sqlite3'}")
REDIS_URL = env.str("REDIS_URL", default="")
#: One process on SQLite without Redis; then its defaults are those of a bench, not of a fleet.
PROXY_EMBEDDED = DATABASE_URL.startswith("sqlite") and not REDIS_URL

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["*"] if PROXY_EMBEDDED else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
PROXY_UNKNOWN_CHARGERS = env.str("PROXY_UNKNOWN_CHARGERS", default="refuse")
PROXY_ALLOW_PRIVATE_UPSTREAMS = env.bool("PROXY_ALLOW_PRIVATE_UPSTREAMS", default=PROXY_EMBEDDED)
PROXY_REQUIRE_TLS = env.bool("PROXY_REQUIRE_TLS", default=False)
PROXY_ADMIN_PASSWORD = env.str("PROXY_ADMIN_PASSWORD", default="")
#: How much of the audit log may wait on disk, in PROXY_DATA_DIR/spool, while the database is away.
PROXY_SPOOL_BYTES = env.int("PROXY_SPOOL_BYTES", default=64 * 2**20)
#: The largest file that a charger may send (diagnostics, logs), and the largest firmware, in bytes.
PROXY_UPLOAD_BYTES = env.int("PROXY_UPLOAD_BYTES", default=50 * 2**20)
PROXY_FIRMWARE_BYTES = env.int("PROXY_FIRMWARE_BYTES", default=200 * 2**20)
#: For how many days what is kept, where an organisation does not say otherwise (routing/keeping.py).
PROXY_KEEP_FRAMES_DAYS = env.int("PROXY_KEEP_FRAMES_DAYS", default=90)
PROXY_KEEP_EXCHANGES_DAYS = env.int("PROXY_KEEP_EXCHANGES_DAYS", default=365)
PROXY_KEEP_TRANSACTIONS_DAYS = env.int("PROXY_KEEP_TRANSACTIONS_DAYS", default=730)
PROXY_KEEP_ACTIONS_DAYS = env.int("PROXY_KEEP_ACTIONS_DAYS", default=730)
#: Whoever knows it sees /metrics in full; without one nobody does.
PROXY_METRICS_TOKEN = env.str("PROXY_METRICS_TOKEN", default="")
#: How the admin looks: "unfold", or "stock" for Django's own.
PROXY_ADMIN_SKIN = env.str("PROXY_ADMIN_SKIN", default="unfold")
#: The address at which chargers reach the proxy, where it is not that of the admin: wss://HOST[:PORT].
PROXY_PUBLIC_URL = env.str("PROXY_PUBLIC_URL", default="")
PROXY_LOG_LEVEL = env.str("PROXY_LOG_LEVEL", default="INFO").upper()
#: What a line of the log is: "text" for people, "json" for programs (proxy_site.logs.AsJson).
PROXY_LOG_FORMAT = env.str("PROXY_LOG_FORMAT", default="text").lower()
if PROXY_LOG_FORMAT not in ("text", "json"):
    raise ImproperlyConfigured(f"PROXY_LOG_FORMAT is {PROXY_LOG_FORMAT!r}: set it to text or json")
#: Second factors and logins by a company's own directory: django-allauth, which is an extra (proxy_site.sso).
PROXY_SSO = env.bool("PROXY_SSO", default=False)
PROXY_MFA_REQUIRED = env.bool("PROXY_MFA_REQUIRED", default=False)
PROXY_SSO_READY = PROXY_SSO and sso.is_installed()
_oidc = env.str("PROXY_OIDC", default="")
try:
    _directories, PROXY_OIDC_WRONG = sso.providers_of(_oidc), ""
except sso.Wrong as wrong:
    _directories, PROXY_OIDC_WRONG = [], str(wrong)
PROXY_OIDC_GIVEN = bool(_oidc)

# Applications

INSTALLED_APPS = [
    "proxy_site",
    "accounts",
    "chargers",
    "backoffices",
    "routing",
    *(["unfold.apps.BasicAppConfig"] if PROXY_ADMIN_SKIN == "unfold" else []),
    "proxy_site.apps.ProxyAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "channels",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    *(sso.APPS if PROXY_SSO_READY else []),
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "proxy_site.slashes.SlashMiddleware",
    "proxy_site.static.StaticFilesMiddleware",
    "proxy_site.csp.ContentSecurityMiddleware",
    "accounts.middleware.ActingMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "proxy_site.language.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    *(sso.MIDDLEWARE if PROXY_SSO_READY else []),
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "proxy_site.urls"
ASGI_APPLICATION = "proxy_site.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Database

_SQLITE_START = (
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"  # a transaction message that was answered survives a power cut
    "PRAGMA foreign_keys = ON;"
    "PRAGMA mmap_size = 134217728;"
    "PRAGMA cache_size = -20000;"
    "PRAGMA temp_store = MEMORY;"
)


def _database() -> dict[str, Any]:
    config: dict[str, Any] = dict(env.db_url_config(DATABASE_URL))
    if config["ENGINE"] == "django.db.backends.sqlite3":
        config["OPTIONS"] = {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": _SQLITE_START,
            **config.get("OPTIONS", {}),
        }
        # Any command may be the first that needs the directory.
        Path(config["NAME"]).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A file, as in production: in memory, threads would share one connection and no lock would be real.
        config["TEST"] = {"NAME": str(Path(tempfile.gettempdir()) / f"proxy-test-{os.getpid()}.sqlite3")}
    elif config["ENGINE"] == "django.db.backends.postgresql":
        config["OPTIONS"] = {
            # The pool dials less and less often, up to reconnect_timeout: with its usual 300 s, an outage of
            # a minute would last another one for us.
            "pool": {"min_size": 1, "max_size": 16, "timeout": 10, "reconnect_timeout": 10},
            **config.get("OPTIONS", {}),
        }
    config["CONN_MAX_AGE"] = 0  # under ASGI a kept connection belongs to a thread that may never come back
    return config


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# People

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: who is locked out is asked no further
    "django.contrib.auth.backends.ModelBackend",
    "accounts.backends.RoleBackend",  # rights by membership
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

#: Who fails to log in too often is locked out: by name and address together, so that nobody locks out others.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_USERNAME_CALLABLE = "accounts.lockout.name_of"
AXES_CLIENT_IP_CALLABLE = "accounts.acting.address_of"
AXES_LOCKOUT_CALLABLE = "accounts.lockout.locked_page"
AXES_ENABLE_ADMIN = False
AXES_DISABLE_ACCESS_LOG = True  # who has logged in is among what people did
AXES_VERBOSE = False

if PROXY_SSO_READY:
    globals().update(sso.settings_for(_directories))

SESSION_COOKIE_AGE = env.int("PROXY_SESSION_HOURS", default=168) * 3600
SESSION_COOKIE_SAMESITE = "Lax"

# Mail: invitations, transfers. Without EMAIL_URL links are shown, to be handed on by hand.

EMAIL_URL = env.str("EMAIL_URL", default="")
PROXY_MAIL = bool(EMAIL_URL)
if EMAIL_URL:
    globals().update(env.email_url_config(EMAIL_URL))
EMAIL_TIMEOUT = 10
#: A link in such a mail leads to the host that was asked; where anybody can name one, it could be theirs.
PROXY_PASSWORD_RESET = PROXY_MAIL and "*" not in ALLOWED_HOSTS
DEFAULT_FROM_EMAIL = env.str("PROXY_MAIL_FROM", default="ocpp-proxy@localhost")

# HTTP

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
if PROXY_REQUIRE_TLS:
    # The front proxy ends TLS and says so in this header, which it must overwrite in what clients send.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # straight from the packages: a first start needs no collectstatic

# Nothing comes from elsewhere. What unfold needs beyond that, it gets in the admin (proxy_site.csp).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

UNFOLD = {
    "SITE_TITLE": "OCPP proxy",
    "SITE_HEADER": "OCPP proxy",
    "SITE_URL": None,
    "SITE_ICON": "proxy_site.menu.icon",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "proxy_site.menu.icon"}],
    "STYLES": ["proxy_site.menu.stylesheet"],
    "SHOW_BACK_BUTTON": True,
    "SHOW_LANGUAGES": True,
    "COLORS": {
        "primary": {
            "50": "oklch(97% .02 170)",
            "100": "oklch(94% .045 170)",
            "200": "oklch(89% .08 169)",
            "300": "oklch(82% .115 168)",
            "400": "oklch(73% .125 167)",
            "500": "oklch(62% .12 167)",
            "600": "oklch(51% .1 168)",
            "700": "oklch(44% .085 169)",
            "800": "oklch(38% .07 170)",
            "900": "oklch(33% .06 171)",
            "950": "oklch(23% .045 172)",
        },
    },
    "SIDEBAR": {"navigation": "proxy_site.menu.navigation"},
    "ACCOUNT": {"navigation": "proxy_site.menu.account"},
}

# The API: docs/api.md

KNOX_TOKEN_MODEL = "accounts.ApiToken"
REST_KNOX = {
    "TOKEN_MODEL": KNOX_TOKEN_MODEL,
    "TOKEN_TTL": None,  # of machines; who makes one for a time says until when
    "TOKEN_PREFIX": "ocpp_",  # scanners of secrets know it by this
    "AUTH_HEADER_PREFIX": "Bearer",
}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["accounts.api.parsing.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "accounts.api.pagination.Pages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["accounts.api.throttling.TokenThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "read": "600/min",
        "write": "120/min",
        "commands": "60/min",
        "export": "6/hour",
    },
    "EXCEPTION_HANDLER": "accounts.api.errors.answer_for",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "OCPP proxy",
    "DESCRIPTION": "One charger on several OCPP backoffices at once: see docs/api.md.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "RoleEnum": "routing.models.routes.ROLES",
        "MemberRoleEnum": "accounts.models.Membership.Role",
    },
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "accounts.api.document.tell_errors",
    ],
}

# What several processes share: how often somebody has asked

if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "proxy_site.caching.ForgivingCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "proxy-cache",
            "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},  # a request waits for it
        }
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# Language and time: what is stored is UTC, what is shown follows the browser's language where translated

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("nl", "Nederlands"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# Channels and Celery: docs/contributors.md tells why each value

if REDIS_URL:
    CHANNEL_LAYERS: dict[str, Any] = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            # Redis pub/sub knows no databases: installations that share a server would hear each other.
            "CONFIG": {"hosts": [REDIS_URL], "prefix": f"proxy{urlsplit(REDIS_URL).path.strip('/') or 0}"},
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

CELERY_BROKER_URL = REDIS_URL or "memory://localhost"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    {"visibility_timeout": 3600, "health_check_interval": 10, "socket_timeout": 10}
    if REDIS_URL
    else {"polling_interval": 0.02}
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 0
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = bool(REDIS_URL)
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = 4

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"format": "%(asctime)s %(levelname)s %(name)s: %(joined_by)s%(message)s"},
        "json": {"()": "proxy_site.logs.AsJson"},
    },
    "filters": {
        "said_once": {"()": "proxy_site.logs.SaidOnce"},
        "joined": {"()": "proxy_site.logs.Joined"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": PROXY_LOG_FORMAT, "filters": ["joined"]},
    },
    "root": {"handlers": ["console"], "level": PROXY_LOG_LEVEL},
    "loggers": {
        "axes": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        "psycopg.pool": {"level": "WARNING", "filters": ["said_once"]},
        "proxy_site.caching": {"filters": ["said_once"]},
        "channels_redis": {"level": "CRITICAL"},  # a traceback each second; backoffices.mailbox says it once
    },
}
