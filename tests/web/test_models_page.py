"""The models of the studio, for its staff: the page and the command."""

import importlib
import shutil

import dramatiq
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from apps.tools import services
from apps.weights.queue import send_again
from tests.e2e.site import Site
from tests.factories import GenerationFactory
from tests.params import PARAMS
from workers.engines.skyreels import cards
from workers.weights import folder, store
from workers.weights import folder as models_folder

ID = "SkyReels-V2-DF-1.3B-540P"
PAGE = "/studio/models"
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def staff(client, ada):
    """A browser in which ada is signed in, who runs this studio."""
    ada.is_staff = True
    ada.save()
    client.force_login(ada)
    return client


def test_staff_see_every_model_with_what_they_need_to_choose(staff, remote):
    html = staff.get(PAGE).content.decode()
    for card in cards.all():
        assert f"model-{card.id.replace('.', '-')}" in html and card.title in html
    assert "960 × 544, 97 frames" in html and "1280 × 720, 121 frames" in html
    assert "about 14.7 GB" in html and cards.SKYWORK_LICENCE_URL in html
    assert html.count("Not released") == 10 and html.count("Makes the films") == 1
    assert html.count("For Talking avatar") == 2 and "Makes the avatars" not in html
    assert html.count(">Download<") == 18 and "free in" in html


def test_the_page_is_found_from_the_menu_and_the_admin(staff, ada):
    assert f'href="{PAGE}"' in staff.get("/home/my-library").content.decode()
    ada.is_superuser = True
    ada.save()
    assert f'href="{PAGE}"' in staff.get(reverse("admin:index")).content.decode()


def test_for_everybody_else_there_is_nothing(client, page, remote):
    for path in (PAGE, f"{PAGE}/{ID}"):
        assert page.get(path).status_code == 404
    assert page.post(f"{PAGE}/{ID}/download").status_code == 404
    assert PAGE not in page.get("/home/my-library").content.decode()
    client.logout()
    assert client.get(PAGE).url.startswith("/accounts/login/")
    assert client.post(f"{PAGE}/{ID}/download").url.startswith("/accounts/login/")
    assert store.status(ID).state == "absent"


def test_nothing_happens_by_following_a_link(staff, remote):
    for verb in ("download", "cancel", "verify", "remove"):
        assert staff.get(f"{PAGE}/{ID}/{verb}").status_code == 405
    assert staff.post(f"{PAGE}/{ID}/polish").status_code == 404
    assert staff.post(f"{PAGE}/SkyReels-V9/download").status_code == 404


def test_a_download_from_the_page_is_done_by_the_worker(worker, staff, remote, wait_until):
    # Importing torch takes its time, which is not what is waited for here.
    importlib.import_module("workers.engines.skyreels.check")
    remote.seconds_a_block = 0.2
    html = staff.post(f"{PAGE}/{ID}/download", **HTMX).content.decode()
    assert 'hx-trigger="every 2s"' in html and ">Cancel<" in html
    wait_until(lambda: store.status(ID).done, message="no byte came")
    moving = staff.get(f"{PAGE}/{ID}", **HTMX).content.decode()
    assert "<progress" in moving and "MB of" in moving and "<button" not in moving
    remote.seconds_a_block = 0
    wait_until(lambda: store.status(ID).state == "ready", message="the model did not come")
    answer = staff.get(f"{PAGE}/{ID}", **HTMX)
    assert answer.headers["HX-Retarget"] == "#model-SkyReels-V2-DF-1-3B-540P"
    assert ">Verify<" in answer.content.decode() and "every 2s" not in answer.content.decode()
    staff.post(f"{PAGE}/{ID}/verify")
    wait_until(lambda: not store.status(ID).active, message="it was not verified")
    assert store.status(ID).state == "ready"


def test_a_cancelled_download_keeps_what_came_and_offers_to_go_on(worker, staff, remote, wait_until):
    remote.seconds_a_block = 0.2
    staff.post(f"{PAGE}/{ID}/download")
    wait_until(lambda: store.status(ID).done, message="no byte came")
    staff.post(f"{PAGE}/{ID}/cancel")
    wait_until(lambda: not store.status(ID).active, message="it did not stop")
    html = staff.get(PAGE).content.decode()
    assert "Interrupted at" in html and "Continue" in html


def test_a_worker_that_is_stopped_leaves_what_came_and_says_so(transactional_db, staff, remote, wait_until):
    import workers.actors  # noqa: F401

    worker = dramatiq.Worker(dramatiq.get_broker(), worker_timeout=50, worker_threads=1)
    worker.start()
    remote.seconds_a_block = 0.2
    staff.post(f"{PAGE}/{ID}/download")
    wait_until(lambda: store.status(ID).done, message="no byte came")
    worker.stop()
    now = store.status(ID)
    assert now.state == "interrupted" and now.code == "download_interrupted" and now.done
    assert "stopped from outside" in staff.get(PAGE).content.decode()
    # A studio that starts again goes on with it.
    assert store.requeue() == [(ID, "download")] and store.status(ID).state == "queued"


@pytest.fixture
def work_off(transactional_db):
    """Have a worker do all that is in the queue now."""
    import workers.actors  # noqa: F401

    def work_off():
        broker = dramatiq.get_broker()
        worker = dramatiq.Worker(broker, worker_timeout=50, worker_threads=1)
        worker.start()
        broker.join("cpu", timeout=60_000)
        worker.join()
        worker.stop()

    return work_off


def test_messages_of_downloads_that_were_cancelled_or_removed_start_nothing(work_off, staff, remote):
    for verb in ("download", "cancel", "download", "cancel"):
        staff.post(f"{PAGE}/{ID}/{verb}")
    work_off()
    part = models_folder.root() / f"{ID}.part"
    part.mkdir(parents=True)
    (part / "model_index.json").write_text("{}")
    for verb in ("download", "cancel", "remove"):
        staff.post(f"{PAGE}/{ID}/{verb}")
    work_off()
    assert store.status(ID).state == "absent" and not remote.requests


def test_what_waited_when_the_studio_was_stopped_is_done_by_the_next_one(work_off, staff, remote):
    assert store.requeue() == []
    staff.post(f"{PAGE}/{ID}/download")
    dramatiq.get_broker().flush_all()  # the queue of one process ends with it
    work_off()
    assert store.status(ID).state == "queued"
    send_again()
    work_off()
    assert store.status(ID).state == "ready" and store.requeue() == []


@pytest.mark.slow
def test_the_studio_goes_on_with_a_download_in_which_it_was_killed(hub_server, tmp_path, monkeypatch, wait_until):
    site = Site(tmp_path / "site")
    if site.fleet:
        pytest.skip("The broker of a fleet keeps its messages.")
    site.folder.mkdir()
    monkeypatch.setenv("CINEVIVID_MODELS", str(tmp_path / "models"))
    site.env |= {"HF_ENDPOINT": hub_server.url, "CINEVIVID_MODELS": str(tmp_path / "models")}
    store.queue(ID, "download")
    hub_server.seconds_a_block = 0.5
    try:
        site.start()
        wait_until(lambda: store.status(ID).done, message="no byte came")
        site.kill("web")
        assert store.status(ID).state == "interrupted"
        hub_server.seconds_a_block = 0
        site.start()
        wait_until(lambda: store.status(ID).state == "ready", seconds=200, message="it did not come")
    finally:
        site.stop()


def test_a_failure_is_told_on_the_page(worker, staff, remote, wait_until):
    remote.token = "hf_right"
    staff.post(f"{PAGE}/{ID}/download")
    wait_until(lambda: store.status(ID).code, message="it did not fail")
    html = staff.get(PAGE).content.decode()
    assert "Its terms are at" in html and "and set HF_TOKEN." in html and "token_missing" in html


def test_a_model_is_removed_from_the_page(staff, remote):
    shutil.copytree(cards.NANO, models_folder.root() / ID)
    assert ">Remove model<" in staff.get(PAGE).content.decode()
    html = staff.post(f"{PAGE}/{ID}/remove", **HTMX).content.decode()
    assert "Not installed" in html and store.status(ID).state == "absent"


def test_a_model_that_a_film_in_the_queue_needs_is_not_removed(staff, remote, capsys):
    shutil.copytree(cards.NANO, models_folder.root() / ID)
    job = GenerationFactory(params=PARAMS | {"model_id": ID})
    answer = staff.post(f"{PAGE}/{ID}/remove", {"force": "yes"}, **HTMX)
    assert answer.status_code == 409 and "needed by films that wait" in answer.content.decode()
    with pytest.raises(CommandError, match="needed by films"):
        call_command("models", "evict", ID, "--force")
    with pytest.raises(CommandError, match="would be missing"):
        call_command("models", "evict", "--free", f"{folder.free_bytes() / folder.GB + 0.005}")
    assert store.status(ID).state == "ready"
    services.cancel(job)
    assert staff.post(f"{PAGE}/{ID}/remove", **HTMX).status_code == 200


def test_a_refusal_is_told_in_the_words_of_the_catalogue(staff, remote):
    answer = staff.post(f"{PAGE}/SkyReels-V2-DF-5B-540P/download", **HTMX)
    assert answer.status_code == 409 and "not released" in answer.content.decode()
    assert answer.headers["HX-Retarget"] == "#toasts"
    assert staff.post(f"{PAGE}/nano/remove").status_code == 409
    assert staff.post(f"{PAGE}/{ID}/remove").status_code == 409


def test_the_page_needs_no_inline_script(staff, remote):
    answer = staff.get(PAGE)
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    html = answer.content.decode()
    assert "onclick" not in html and "style=" not in html and "<script>" not in html


def test_the_command_lists_downloads_verifies_and_removes(db, remote, capsys):
    call_command("models", "list")
    told = capsys.readouterr().out
    assert "nano *" in told and "unreleased" in told and "about 14.7 GB" in told
    assert "Skywork/SkyReels-V2-I2V-14B-720P-Diffusers" in told and "Skywork Community License" in told
    call_command("models", "download", ID)
    assert f"{ID} is ready: " in capsys.readouterr().out
    call_command("models", "verify", ID)
    assert "every byte is right" in capsys.readouterr().out
    call_command("models", "list")
    assert "1280 × 720, 121 frames" in capsys.readouterr().out
    call_command("models", "evict", ID)
    assert "is removed" in capsys.readouterr().out and store.status(ID).state == "absent"
    call_command("models", "evict", "--free", "0.001")
    assert "GB are free." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "code", "sentence"),
    [
        (["download", "SkyReels-V2-DF-5B-540P"], 1, "have not released"),
        (["verify", ID], 1, "not on this machine"),
        (["evict", "nano"], 1, "part of this software"),
        (["evict", "--free", "1000000"], 4, "would be missing"),
        (["download", ID], 3, r"answered with error 503. Check the network, or try again later. \(hub_unreachable\)"),
    ],
)
def test_the_command_ends_with_a_sentence_and_a_code_that_a_script_can_use(db, remote, line, code, sentence):
    remote.status = 503
    with pytest.raises(CommandError, match=sentence) as stopped:
        call_command("models", *line)
    assert stopped.value.returncode == code


def test_a_folder_that_cannot_be_used_is_told_with_what_to_do_about_it(staff, remote, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CINEVIVID_MODELS", str(tmp_path / "file" / "models"))
    with pytest.raises(CommandError, match="or set CINEVIVID_MODELS to another folder") as stopped:
        call_command("models", "download", ID)
    assert stopped.value.returncode == 4
    answer = staff.post(f"{PAGE}/{ID}/download", **HTMX)
    assert answer.status_code == 500 and "or set CINEVIVID_MODELS" in answer.content.decode()
