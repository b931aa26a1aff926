"""The one-process studio guards its data."""

import socket

import pytest
from django.core.management import CommandError

from cinevivid.management.commands.studio import check_free, demo_user, take_lock


def test_a_second_studio_on_the_same_data_is_refused(tmp_path):
    first = take_lock(tmp_path / "studio.lock")
    with pytest.raises(CommandError, match="running on"):
        take_lock(tmp_path / "studio.lock")
    first.close()
    take_lock(tmp_path / "studio.lock").close()


def test_a_taken_port_is_told_before_anything_starts():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CommandError, match=f"Try PORT={port + 1}"):
            check_free("127.0.0.1", port)


def test_the_demo_account_needs_no_password_and_no_credits(db, settings):
    settings.FREE_CREDITS = 0
    assert not demo_user().has_usable_password()
