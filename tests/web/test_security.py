"""What an installation keeps from others: files, headers, caches, and what it forgets."""

import json
import os
import pickle
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress, EmailConfirmation
from django.conf import settings as django_settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.cache.backends.redis import RedisCache
from django.core.checks import run_checks
from django.utils import timezone

from apps.accounts import cleanup
from apps.accounts.models import ApiToken, User
from apps.tools import sweeper
from cinevivid.cache import JSONSerializer
from cinevivid.checks import production
from cinevivid.secret import local_secret_key, private_folder
from scripts.check_deploy import PRODUCTION

ROOT = Path(__file__).resolve().parents[2]


def run(*command, **env):
    """Run a command of the studio in a process of its own; what it printed on both streams."""
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=os.environ | env, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")] if path.exists()}


def test_database_key_and_mail_are_for_their_owner_only(tmp_path):
    folder = tmp_path / "data"
    script = "from django.core.mail import send_mail; send_mail('a', 'b', None, ['x@example.org'])"
    env = {"CINEVIVID_DATA_DIR": str(folder), "SECRET_KEY": "", "REDIS_URL": "", "DATABASE_URL": "", "EMAIL_URL": ""}
    run("manage.py", "migrate", "-v", "0", **env)
    run("manage.py", "shell", "-c", script, **env)
    found = modes(folder)
    assert {"data", "cinevivid.sqlite3", "secret_key", "mail"} <= found.keys()
    assert any(name.endswith(".log") for name in found)
    assert [(name, oct(mode)) for name, mode in found.items() if mode & 0o077] == []


def test_what_an_earlier_release_left_open_is_closed(tmp_path):
    folder = tmp_path / "data"
    (folder / "mail").mkdir(parents=True, mode=0o755)
    for name in ("cinevivid.sqlite3", "cinevivid.sqlite3-wal", "secret_key", "mail/one.log"):
        (folder / name).touch()
        (folder / name).chmod(0o644)
    folder.chmod(0o755)
    private_folder(folder)
    assert not [name for name, mode in modes(folder).items() if mode & 0o077]


def test_processes_that_start_at_once_have_the_same_key(tmp_path):
    with ThreadPoolExecutor(20) as pool:
        keys = list(pool.map(lambda _: local_secret_key(tmp_path), range(20)))
    assert len(set(keys)) == 1
    assert len(keys[0]) > 50
    assert modes(tmp_path)["secret_key"] == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def deploy(**env):
    return run("manage.py", "check", "--deploy", **(PRODUCTION | env))


def test_a_good_installation_has_nothing_to_be_told(tmp_path):
    assert "no issues" in deploy(CINEVIVID_DATA_DIR=str(tmp_path))


GOOD = {
    "SECRET_KEY": "Zq7-Vx2_Lm9Tr4Kp8Wn1Yb6Hd3Jc5Gf0Qs_Rv-Xt7Bz",
    "SECRET_KEY_FROM_ENVIRONMENT": True,
    "SITE_URL": "https://studio.example",
    "ALLOWED_HOSTS": ["studio.example"],
    "SECURE": True,
    "BEHIND_PROXY": True,
    "EMBEDDED": False,
    "EMAIL_URL": "smtp://mail.example:25",
    "CSRF_TRUSTED_ORIGINS": [],
}


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({"ALLOWED_HOSTS": ["*"]}, "E005"),
        ({"ALLOWED_HOSTS": ["studio.example", "*"]}, "E005"),
        ({"ALLOWED_HOSTS": ["other.example"]}, "E006"),
        ({"SITE_URL": "http://studio.example"}, "E004"),
        ({"SITE_URL": "http://studio.example", "SECURE": False}, "W003 W006"),
        ({"SECURE": False}, "W006"),
        ({"SECRET_KEY": "change-me-please-change-me-please-change-me-please"}, "E007"),
        ({"SECRET_KEY": "a" * 60}, "E007"),
        ({"SECRET_KEY": "sh0rt-Key"}, "E007"),
        ({"SECRET_KEY_FROM_ENVIRONMENT": False}, "E001"),
        ({"CSRF_TRUSTED_ORIGINS": ["http://studio.example"]}, "W005"),
        ({"CSRF_TRUSTED_ORIGINS": ["https://*.example"]}, "W005"),
        ({}, ""),
    ],
)
def test_a_dangerous_setting_is_told(settings, tmp_path, changes, ids):
    tmp_path.chmod(0o700)
    for name, value in (GOOD | {"DATA_DIR": tmp_path} | changes).items():
        setattr(settings, name, value)
    found = {each.id for each in production(None)} - {"cinevivid.W001"}  # SQLite
    assert found == {f"cinevivid.{name}" for name in ids.split()}


def test_an_open_data_folder_is_told(settings, tmp_path):
    tmp_path.chmod(0o755)
    settings.DATA_DIR = tmp_path
    assert "cinevivid.W007" in {found.id for found in run_checks(include_deployment_checks=True)}


def test_browsers_lists_are_entered_only_on_request(tmp_path):
    script = "from django.conf import settings as s; print(s.SECURE_HSTS_SECONDS > 0, s.SECURE_HSTS_PRELOAD)"
    env = PRODUCTION | {"CINEVIVID_DATA_DIR": str(tmp_path)}
    assert "True False" in run("manage.py", "shell", "-c", script, **env)
    assert "True True" in run("manage.py", "shell", "-c", script, **env, SECURE_HSTS_PRELOAD="true")


def test_the_administration_has_a_policy_of_its_own(page, ada):
    User.objects.filter(pk=ada.pk).update(is_staff=True, is_superuser=True)
    policy = page.get("/admin/")["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["script-src"] == "'self' 'unsafe-eval'"
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["form-action"] == "'self'"
    assert "unsafe" not in page.get("/home/credits")["Content-Security-Policy"]
    assert "Content-Security-Policy" in page.get("/admin/nothing/")


def test_what_lies_in_redis_is_read_as_data_only():
    class Planted:
        def __reduce__(self):
            return (os.system, ("exit 1",))

    serializer = JSONSerializer()
    for value in (5, 1.5, True, None, "text", [1.5, 2.5], {"a": [1]}):
        assert serializer.loads(serializer.dumps(value)) == value
    with pytest.raises(ValueError):
        serializer.loads(pickle.dumps(Planted()))
    with pytest.raises(TypeError):
        serializer.dumps(Planted())


def test_a_fleet_writes_its_cache_as_data(tmp_path):
    script = "import json; from django.conf import settings as s; print(json.dumps(s.CACHES['default']))"
    told = run("manage.py", "shell", "-v", "0", "-c", script, **(PRODUCTION | {"CINEVIVID_DATA_DIR": str(tmp_path)}))
    options = json.loads(told.splitlines()[-1])
    made = RedisCache("redis://localhost:1", {"OPTIONS": options["OPTIONS"]})
    assert isinstance(made._cache._serializer, JSONSerializer)


@pytest.mark.skipif(django_settings.EMBEDDED, reason="needs a Redis")
def test_limits_are_counted_in_a_redis_that_holds_data_only(client, db):
    answers = [
        client.post("/accounts/login/", {"login": "x@example.org", "password": f"guess {n}"}).content.decode()
        for n in range(7)
    ]
    assert "Too many failed login attempts" in answers[-1]
    redis = cache._cache.get_client()
    values = [redis.get(key) for key in redis.scan_iter("*json*") if redis.type(key) == b"string"]
    assert values
    assert all(json.loads(value) is not None for value in values)
    cache.set("n", 1)
    assert cache.incr("n") == 2


def expired(days):
    session = SessionStore()
    session["x"] = 1
    session.set_expiry(timedelta(days=days))
    session.save()
    return session.session_key


def test_what_nobody_can_use_is_removed_once_a_day(ada, settings, tmp_path):
    settings.EMAIL_FILE_PATH = tmp_path
    old, fresh = tmp_path / "old.log", tmp_path / "fresh.log"
    for path in (old, fresh):
        path.touch()
    os.utime(old, (0, 0))
    gone, live = expired(-1), expired(1)
    ages = {"live": None, "lately": 1, "long ago": cleanup.REVOKED_DAYS + 1}
    for name, days in ages.items():
        token, _ = ApiToken.objects.issue(ada, name)
        when = days and timezone.now() - timedelta(days=days)
        ApiToken.objects.filter(pk=token.pk).update(revoked_at=when)
    address = EmailAddress.objects.get(user=ada)
    EmailConfirmation.objects.create(email_address=address, key="k", sent=timezone.now() - timedelta(days=30))
    sweeper.sweep()
    assert not Session.objects.filter(pk=gone).exists()
    assert Session.objects.filter(pk=live).exists()
    assert {token.name for token in ApiToken.objects.all()} == {"live", "lately"}
    assert not EmailConfirmation.objects.exists()
    assert (old.exists(), fresh.exists()) == (False, True)
    again = expired(-1)
    sweeper.sweep()
    assert Session.objects.filter(pk=again).exists()  # tomorrow


def test_a_sweep_that_cannot_remove_goes_on(db, monkeypatch):
    monkeypatch.setattr(sweeper, "forget_old", lambda: 1 / 0)
    assert sweeper.sweep() == (0, 0)
