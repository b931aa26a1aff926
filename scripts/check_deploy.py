"""`check --deploy` as a production host would run it: with the variables that production must set."""

import os
import secrets
import subprocess
import sys

PRODUCTION = {
    "SECRET_KEY": secrets.token_urlsafe(50),
    "SITE_URL": "https://studio.example",
    "ALLOWED_HOSTS": "studio.example",
    "DATABASE_URL": "postgres://cinevivid:secret@db/cinevivid",
    "REDIS_URL": "redis://redis:6379/0",
    "EMAIL_URL": "smtp://mail.example:25",
    "DEBUG": "false",
    "BEHIND_PROXY": "true",
    "SECURE": "true",
}

if __name__ == "__main__":
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    sys.exit(subprocess.run(command, env=os.environ | PRODUCTION, check=False).returncode)
