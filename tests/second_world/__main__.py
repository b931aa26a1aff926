"""Django's command line, on a studio that has a second embedded model."""

import os
import sys

from django.core.management import execute_from_command_line

from tests.second_world import install

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cinevivid.settings")
    install()
    execute_from_command_line(sys.argv)
