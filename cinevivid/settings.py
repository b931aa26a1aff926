"""The settings, read top to bottom. What an operator may change comes from the environment; see .env.example."""

import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import environ
import structlog
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.conf.locale import LANG_INFO
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy

from cinevivid.pool import Pooled, pool_without_database
from cinevivid.secret import OWNER_ONLY, local_secret_key, private_folder

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
# One message at a time for each worker process: a second one waits for whoever is free, not for this GPU.
os.environ.setdefault("dramatiq_queue_prefetch", "1")
if (BASE_DIR / ".env").exists():
    env.read_env(BASE_DIR / ".env")

# --- where this instance keeps its data, and its identity
DATA_DIR = Path(env.str("CINEVIVID_DATA_DIR", default="") or BASE_DIR / "var").resolve()
os.umask(OWNER_ONLY)
private_folder(DATA_DIR)
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or local_secret_key(DATA_DIR)
SECRET_KEY_FROM_ENVIRONMENT = bool(env.str("SECRET_KEY", default=""))
SITE_NAME = "CineVivid"
SITE_URL = env.str("SITE_URL", default="http://localhost:8000").rstrip("/")
SOURCE_URL = env.str("SOURCE_URL", default="")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# --- services by URL; empty means embedded: SQLite, in-process queue, events and cache
DATABASE_URL = env.str("DATABASE_URL", default="") or f"sqlite:///{DATA_DIR / 'cinevivid.sqlite3'}"
REDIS_URL = env.str("REDIS_URL", default="")
EMBEDDED = not REDIS_URL

INSTALLED_APPS = [
    "cinevivid",  # before daphne: its `runserver` starts our server
    "daphne",
    "apps.accounts",
    "apps.billing",
    "apps.library",
    "apps.weights",
    "apps.voices",
    "apps.tools",
    "apps.prompts",
    "apps.privacy",
    "workers",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "channels",
    "django_dramatiq",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "drf_spectacular",
    "heroicons",
    "rest_framework",
    "template_partials",
]

MIDDLEWARE = [
    "cinevivid.middleware.ProbeMiddleware",
    "cinevivid.middleware.ConnectionMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "cinevivid.middleware.PolicyMiddleware",
    "cinevivid.middleware.NulMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "cinevivid.middleware.SlashMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "cinevivid.middleware.RequestLogMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "cinevivid.middleware.MaintenanceMiddleware",
    "cinevivid.middleware.RefusedBodyMiddleware",
    "cinevivid.middleware.StudioErrorMiddleware",
]

ROOT_URLCONF = "cinevivid.urls"
ASGI_APPLICATION = "cinevivid.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.billing.context.credits",
                "apps.library.context.activity",
                "apps.tools.context.tools",
            ],
            "builtins": ["django.templatetags.i18n", "heroicons.templatetags.heroicons"],
        },
    },
]
FORM_RENDERER = "cinevivid.forms.StudioFormRenderer"

# --- database
DATABASES: dict[str, dict[str, Any]] = {"default": env.db_url_config(DATABASE_URL)}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Writers take the lock when the transaction starts: two of them wait for each other instead of failing at commit.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;",
    }
    # The in-memory test database does not wait for locks between threads; a file does, as in production.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(tempfile.gettempdir()) / f"cinevivid-{os.getpid()}.sqlite3")}
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # Requests run on many short-lived threads, so a connection belongs to none of them: they share those of a pool.
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
        "min_size": 1,
        "max_size": env.int("DATABASE_POOL_SIZE", default=20),
        "timeout": env.float("DATABASE_POOL_WAIT", default=30),
        "max_idle": 60,
        "connection_class": Pooled,
        # Seconds after which whoever waits for a database that is away is told so, before `timeout` is over.
        "reconnect_timeout": 2,
        "reconnect_failed": pool_without_database,
    }
    DATABASES["default"]["OPTIONS"]["connect_timeout"] = 5
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- queue, events, cache: three users of one URL
DRAMATIQ_MIDDLEWARE = [
    "dramatiq.middleware.AgeLimit",
    "dramatiq.middleware.TimeLimit",
    "dramatiq.middleware.ShutdownNotifications",
    "dramatiq.middleware.Callbacks",
    "dramatiq.middleware.Retries",
    "django_dramatiq.middleware.DbConnectionsMiddleware",
]
DRAMATIQ_AUTODISCOVER_MODULES = ["actors"]
# Rate limits are kept here: with Django's 300 entries, whoever comes from many addresses would push their own out.
LOCAL_CACHE = {"MAX_ENTRIES": 100_000}
if EMBEDDED:
    DRAMATIQ_BROKER = {"BROKER": "dramatiq.brokers.stub.StubBroker", "OPTIONS": {}, "MIDDLEWARE": DRAMATIQ_MIDDLEWARE}
    CHANNEL_LAYERS: dict[str, dict[str, Any]] = {"default": {"BACKEND": "cinevivid.layers.LocalChannelLayer"}}
    CACHES: dict[str, dict[str, Any]] = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": LOCAL_CACHE}
    }
else:
    DRAMATIQ_BROKER = {
        "BROKER": "dramatiq.brokers.redis.RedisBroker",
        "OPTIONS": {"url": REDIS_URL},
        "MIDDLEWARE": DRAMATIQ_MIDDLEWARE,
    }
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "cinevivid.layers.FleetChannelLayer",
            "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_connect_timeout": 2}]},
        }
    }
    CACHES = {
        "default": {
            "BACKEND": "cinevivid.cache.FallbackCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "json",
            "OPTIONS": {
                "serializer": "cinevivid.cache.JSONSerializer",
                "socket_connect_timeout": 2,
                "socket_timeout": 2,
            },
        }
    }

EVENTS_SOCKET = DATA_DIR / "events.sock"  # where commands beside the embedded studio tell it what they have changed

# --- files: disk, or S3 when a bucket is named; media is never served without the owner check
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", default="") or DATA_DIR / "media")
# Where a worker makes films, on its own disk; finished windows go to the media storage, where every worker finds them.
WORK_ROOT = Path(env.str("WORK_ROOT", default="") or DATA_DIR / "work")
MEDIA_ACCEL_PREFIX = env.str("MEDIA_ACCEL_PREFIX", default="")
# nginx reads files that it serves as a user of its own; other media are this user's alone.
FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = (0o644, 0o755) if MEDIA_ACCEL_PREFIX else (0o600, 0o700)
S3_BUCKET = env.str("S3_BUCKET", default="")
S3_REGION = env.str("S3_REGION", default="us-east-1")
S3_ENDPOINT_URL = env.str("S3_ENDPOINT_URL", default="").rstrip("/") or f"https://s3.{S3_REGION}.amazonaws.com"
# Where signed addresses of films lead; the browser must be allowed to follow them.
S3_ORIGIN = [S3_ENDPOINT_URL] if S3_BUCKET else []
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = EMBEDDED
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(MEDIA_ROOT)}},
    "staticfiles": {
        # A fleet collects static files with hashed names; a laptop serves them straight from the checkout.
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if EMBEDDED
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
if S3_BUCKET:
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": S3_ENDPOINT_URL,
            "region_name": S3_REGION,
            "signature_version": "s3v4",
            "addressing_style": "path",  # the bucket is no part of the host, so the origin is known above
            "querystring_expire": 300,
            "default_acl": None,
            "max_memory_size": 16 * 1024 * 1024,  # larger objects are read through a temporary file, not through memory
        },
    }

# --- people
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "tools:start"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "apps.accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "signup": "apps.accounts.signup.SignupForm",
    "login": "apps.accounts.forms.LoginForm",
    "add_email": "apps.accounts.forms.AddEmailForm",
    "change_password": "apps.accounts.forms.ChangePasswordForm",
    "set_password": "apps.accounts.forms.SetPasswordForm",
    "reset_password": "apps.accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "apps.accounts.forms.ResetPasswordKeyForm",
    "reauthenticate": "apps.accounts.forms.ReauthenticateForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "signup": "20/m/ip",
    "reset_password": "20/m/ip,5/m/key",
    "reset_password_from_key": "20/m/ip",
    "change_password": "5/m/user",
    "manage_email": "10/m/user",
    "reauthenticate": "10/m/user",
    "confirm_email": "1/3m/key",
    "logout": "30/m/ip",
    "profile": "30/m/user",
    "manage_tokens": "20/m/user",
    "export_data": "6/h/user",
    "delete_account": "10/h/user",
    "sign_in_link": env.str("SIGN_IN_LINK_RATE", default="20/m/ip"),
}
EMAIL_URL = env.str("EMAIL_URL", default="")
if EMAIL_URL:
    mail = env.email_url_config(EMAIL_URL)
    if "OPTIONS" in mail:
        raise ImproperlyConfigured(f"EMAIL_URL does not know {', '.join(mail['OPTIONS'])}. TLS is smtp+tls://….")
    vars().update(mail)
else:
    EMAIL_BACKEND = "cinevivid.mail.ConsoleAndFileBackend"
    EMAIL_FILE_PATH = DATA_DIR / "mail"
EMAIL_TIMEOUT = 20  # seconds
MAIL_IN_BACKGROUND = True
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="CineVivid <studio@localhost>")

# --- credits and limits
FREE_CREDITS = env.int("FREE_CREDITS", default=300)
OPERATOR_EMAIL = env.str("OPERATOR_EMAIL", default="")
MAX_ACTIVE_JOBS = env.int("MAX_ACTIVE_JOBS", default=3)
MAX_BATCH_JOBS = env.int("MAX_BATCH_JOBS", default=50)
LEASE_SECONDS = env.int("LEASE_SECONDS", default=120)
MAX_ATTEMPTS = env.int("MAX_ATTEMPTS", default=3)
JOB_TIME_LIMIT_SECONDS = env.int("JOB_TIME_LIMIT_SECONDS", default=2 * 60 * 60)
MODEL_TIME_LIMIT_SECONDS = env.int("MODEL_TIME_LIMIT_SECONDS", default=24 * 60 * 60)
# Whether a worker reads its models into memory as soon as it runs, or with its first job.
WARM = env.bool("CINEVIVID_WARM", default=True)
UNCONFIRMED_DAYS = env.int("UNCONFIRMED_DAYS", default=14)
TRASH_DAYS = env.int("TRASH_DAYS", default=7)
# How many uploads this process opens at once, each in a child process, and how long another one waits for its turn.
DECODERS = max(1, env.int("DECODERS", default=2))
DECODE_WAIT_SECONDS = env.float("DECODE_WAIT_SECONDS", default=15)
USER_STORAGE_GB = env.float("USER_STORAGE_GB", default=10.0)
# Limits that stand in the environment: with paid plans, no plan gives more.
SET_BY_OPERATOR = {
    name
    for name in ("MAX_ACTIVE_JOBS", "MAX_BATCH_JOBS", "USER_STORAGE_GB", "API_RATE_USER")
    if env.str(name, default="")
}
MAINTENANCE_MODE = env.bool("MAINTENANCE_MODE", default=False)
DEVICE_GB = float(env.str("CINEVIVID_DEVICE_GB", default="") or 0) or None

# --- payments: without a key everybody has the operator's plan, and staff grant credits
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="")
# More than one, with commas, while one takes over from another.
STRIPE_WEBHOOK_SECRETS = env.list("STRIPE_WEBHOOK_SECRET", default=[])
# Where Stripe's pages are, to which forms of this site lead; another one where the account has a domain of its own.
STRIPE_PAGES = env.list(
    "STRIPE_PAGES", default=["https://checkout.stripe.com", "https://billing.stripe.com", "https://invoice.stripe.com"]
)
STRIPE_API = env.str("STRIPE_API", default="https://api.stripe.com")
# How taxes relate to the prices, where Stripe adds them: "exclusive" or "inclusive". Empty: no taxes.
STRIPE_TAX = env.str("STRIPE_TAX", default="")
# How long an overdue payment leaves a plan as it is.
GRACE_DAYS = env.int("GRACE_DAYS", default=7)

# --- what may be sent: forms with files of signed-in users are uploads, every other body is small
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("MAX_BODY_KB", default=2_500) * 1_000
MAX_UPLOAD_BYTES = env.int("MAX_UPLOAD_MB", default=600) * 1_000_000
MAX_UPLOADS_AT_ONCE = env.int("MAX_UPLOADS_AT_ONCE", default=4)
# A request may be silent for so long, and its body comes at least so fast on the whole.
REQUEST_IDLE_SECONDS = env.int("REQUEST_IDLE_SECONDS", default=60)
BODY_BYTES_PER_SECOND = 10_000
# Where bodies arrive: not in /tmp, which is memory on many hosts.
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "incoming"
FILE_UPLOAD_TEMP_DIR.mkdir(exist_ok=True)
MAX_SOCKETS = env.int("MAX_SOCKETS", default=20)

# --- how many proxies stand in front, for the addresses that rate limits count
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if BEHIND_PROXY else 0

# --- API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.accounts.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "apps.parsers.StrictJSONParser",
        "apps.parsers.StrictFormParser",
        "apps.parsers.StrictMultiPartParser",
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "apps.negotiation.Negotiation",
    "DEFAULT_SCHEMA_CLASS": "apps.openapi.StudioSchema",
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.CursorPagination",
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.AnonRateThrottle",
        "apps.billing.throttles.PlanRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "anon": env.str("API_RATE_ANON", default="60/min"),
        "user": env.str("API_RATE_USER", default="300/min"),
        "uploads": env.str("API_RATE_UPLOADS", default="60/min"),
    },
    "EXCEPTION_HANDLER": "apps.problems.exception_handler",
    "PAGE_SIZE": 20,
    "NUM_PROXIES": 1 if BEHIND_PROXY else 0,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "CineVivid API",
    "DESCRIPTION": "Make films from words. Create a token under Account, API tokens, and send it as "
    "`Authorization: Bearer <token>`.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.openapi.add_problems",
        "apps.reference.hooks.add_examples",
    ],
    "DEFAULT_GENERATOR_CLASS": "apps.tools.schema.ToolSchemaGenerator",
    "ENUM_NAME_OVERRIDES": {
        "GenerationStatus": "apps.library.models.Generation.Status",
        "VideoModel": "apps.tools.videos.MODEL_CHOICES",
        "RatioEnum": [(ratio, ratio) for ratio in ("16:9", "9:16", "1:1", "4:3")],
        "AvatarRatio": [(ratio, ratio) for ratio in ("16:9", "9:16", "1:1")],
        "Enlargement": [(2, "× 2"), (4, "× 4")],  # two tools ask for it, under two names
    },
}

# --- administration: the models page stands beside what the admin lists
UNFOLD = {
    "SITE_TITLE": SITE_NAME,
    "SITE_HEADER": SITE_NAME,
    "SIDEBAR": {
        "show_all_applications": True,
        "navigation": [
            {
                "title": "Studio",
                "items": [{"title": "Models", "icon": "deployed_code", "link": reverse_lazy("models")}],
            }
        ],
    },
}

# --- security
SECURE = env.bool("SECURE", default=not EMBEDDED)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = SECURE
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
# Browsers' own list takes months to leave: for a domain all of whose sites have TLS, its operator asks for it.
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=False)
SILENCED_SYSTEM_CHECKS = ["security.W021"]  # which wants every site on that list
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "cinevivid.views.csrf_failure"
CONTENT_SECURITY_POLICY: dict[str, dict[str, list[str]]] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:", *S3_ORIGIN],
        "media-src": [SELF, "blob:", *S3_ORIGIN],
        "font-src": [SELF],
        "connect-src": [SELF, *S3_ORIGIN],
        "form-action": [SELF, *(STRIPE_PAGES if STRIPE_SECRET_KEY else [])],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
    },
}
ADMIN_CONTENT_SECURITY_POLICY = CONTENT_SECURITY_POLICY["DIRECTIVES"] | {
    # The theme brings Alpine, which makes functions of its attributes, and sets styles of elements.
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
}

# --- language and time
LANGUAGE_CODE = "en-gb"
_codes = env.list("LANGUAGES", default=["en-gb"])
LANGUAGES = [(code, LANG_INFO.get(code, {}).get("name_local", code)) for code in _codes]
LOCALE_PATHS = [BASE_DIR / "locale"]
if len(LANGUAGES) > 1:  # which one is asked for is known once there is a session
    _sessions = "django.contrib.sessions.middleware.SessionMiddleware"
    MIDDLEWARE.insert(MIDDLEWARE.index(_sessions) + 1, "django.middleware.locale.LocaleMiddleware")
TIME_ZONE = "UTC"
USE_TZ = True

# --- logs: one JSON object a line in production, readable lines on a terminal
LOG_JSON = env.bool("LOG_JSON", default=not EMBEDDED)
KNOWN_SECRETS = [
    SECRET_KEY,
    unquote(str(DATABASES["default"].get("PASSWORD") or "")),
    unquote(urlsplit(REDIS_URL).password or ""),
    unquote(urlsplit(EMAIL_URL).password or ""),
    STRIPE_SECRET_KEY,
    *STRIPE_WEBHOOK_SECRETS,
    *(
        os.environ.get(name, "")
        for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "HF_TOKEN", "ELEVENLABS_API_KEY")
    ),
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"studio": {"()": "cinevivid.logs.formatter", "as_json": LOG_JSON, "known": KNOWN_SECRETS}},
    "filters": {"outages": {"()": "apps.outages.WithoutTraceback"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "studio", "filters": ["outages"]}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="WARNING" if EMBEDDED else "INFO")},
    "loggers": {
        "apps": {"level": env.str("LOG_LEVEL", default="INFO")},
        "workers": {"level": env.str("LOG_LEVEL", default="INFO")},
        # Django's own handlers write in a format of theirs; every line goes through the one above.
        "django": {"handlers": [], "level": "INFO"},
        "django.server": {"handlers": [], "propagate": True},
        # At DEBUG these write the values of queries and of pages, and the headers of requests.
        "django.db.backends": {"level": "INFO"},
        "django.template": {"level": "INFO"},
        "botocore": {"level": "INFO"},
        "urllib3": {"level": "INFO"},
        "psycopg.pool": {"level": "WARNING"},  # it tells each connection that it gives and takes
    },
}
DEFAULT_EXCEPTION_REPORTER = "cinevivid.logs.Reporter"
# The ids of requests in the log are made here, never taken from a caller.
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = DJANGO_STRUCTLOG_TRUST_UPSTREAM_CORRELATION_ID = False
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.StackInfoRenderer(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
