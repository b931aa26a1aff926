"""Who may do what: every address of the site, by every method that it takes, for four people.

A new address needs a row here; the test that walks the URL configuration says which.
"""

import json
import re
from types import SimpleNamespace
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import get_resolver, resolve, reverse
from django.utils import timezone

from apps.accounts.links import sign_in_url
from apps.accounts.models import ApiToken
from apps.billing.models import Checkout, TopUp
from apps.library.models import Asset, Generation, Group
from apps.tools.models import Preset
from cinevivid.asgi import application
from tests.factories import AssetFactory, GenerationFactory, UserFactory
from tests.library.sockets import drain, open_socket

PEOPLE = ("anonymous", "stranger", "owner", "staff")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

# in: sent to the sign-in page; again: sent to enter the password again; on: sent on to another page; a number: the
# status. Names in braces are the owner's. Signing in as the owner has used {link} up, so it leads them on.
TABLE = """
method   address                                    anonymous  stranger  owner  staff

GET      /                                          200        200       200    200
GET      /docs                                      200        200       200    200
GET      /docs/generations                          200        200       200    200
GET      /docs/tools/to-video                       200        200       200    200
GET      /licence                                   200        200       200    200
GET      /robots.txt                                200        200       200    200
GET      /sitemap.xml                               200        200       200    200
GET      /manifest.webmanifest                      200        200       200    200
GET      /pricing                                   200        200       200    200
GET      /home/tools/all                            200        200       200    200
GET      /start                                     on         on        on     on
POST     /start                                     on         on        on     on

GET      /accounts/login/                           200        on        on     on
POST     /accounts/login/                           200        on        on     on
GET      /accounts/signup/                          200        on        on     on
POST     /accounts/signup/                          200        on        on     on
GET      /accounts/logout/                          on         200       200    200
POST     /accounts/logout/                          on         on        on     on
GET      /accounts/inactive/                        200        200       200    200
GET      /accounts/reauthenticate/                  in         200       200    200
POST     /accounts/reauthenticate/                  in         200       200    200
GET      /accounts/email/                           in         200       200    200
POST     /accounts/email/                           in         again     again  again
PUT      /accounts/email/                           in         on        on     on
GET      /accounts/confirm-email/                   200        200       200    200
GET      /accounts/confirm-email/waiting            on         on        on     on
GET      /accounts/confirm-email/nothing/           200        200       200    200
POST     /accounts/confirm-email/nothing/           200        200       200    200
GET      {confirmation}                             200        200       200    200
POST     {confirmation}                             on         on        on     on
GET      /accounts/password/change/                 in         200       200    200
POST     /accounts/password/change/                 in         200       200    200
GET      /accounts/password/set/                    in         on        on     on
POST     /accounts/password/set/                    in         on        on     on
GET      /accounts/password/reset/                  200        200       200    200
POST     /accounts/password/reset/                  200        200       200    200
GET      /accounts/password/reset/done/             200        200       200    200
GET      /accounts/password/reset/key/a-b/          200        200       200    200
POST     /accounts/password/reset/key/a-b/          200        200       200    200
GET      /accounts/password/reset/key/done/         200        200       200    200
GET      /accounts/login/code/confirm/              on         on        on     on
POST     /accounts/login/code/confirm/              on         on        on     on
GET      /accounts/profile                          in         200       200    200
POST     /accounts/profile                          in         on        on     on
GET      /accounts/tokens                           in         200       200    200
GET      /accounts/tokens/                          on         on        on     on
POST     /accounts/tokens                           in         422       422    422
POST     /accounts/tokens/revoke                    in         on        on     on
POST     /accounts/tokens/{token}/revoke            in         404       on     404
GET      {link}                                     200        200       on     200
POST     {link}                                     on         on        on     on
GET      /accounts/data                             in         200       200    200
GET      /accounts/data/download                    in         200       200    200
GET      /accounts/delete                           in         again     again  again
POST     /accounts/delete                           in         again     again  again

GET      /home/my-library                           in         200       200    200
GET      /home/my-library/{job}                     in         404       200    404
GET      /home/my-library/uploads                   in         200       200    200
POST     /home/my-library/uploads/{upload}/delete   in         404       on     404
POST     /home/my-library/uploads/{upload}/consent  in         404       on     404
POST     /home/my-library/uploads/delete            in         on        on     on
POST     /home/my-library/uploads/restore           in         on        on     on
POST     /home/my-library/zip                       in         on        200    on
GET      /home/my-library/trash                     in         200       200    200
POST     /home/my-library/trash/delete              in         on        on     on
POST     /home/my-library/trash/empty               in         on        on     on
POST     /home/my-library/last-frame/{film}         in         404       422    404
GET      /media/{film}/file                         404        404       200    404
GET      /media/{film}/poster                       404        404       200    404
GET      /live/{job}/index.m3u8                     404        404       404    404
GET      /media/{film}/text/captions.vtt            404        404       200    404
GET      /home/voices                               in         200       200    200
POST     /home/voices                               in         422       422    422
POST     /home/voices/skylark/favourite             in         on        on     on
GET      /home/voices/nobody/sample                 404        404       404    404
POST     /home/voices/nobody/withdraw               in         404       404    404
GET      /home/credits                              in         200       200    200
GET      /home/credits/generation:{job}             in         404       200    404
GET      /home/billing                              in         on        on     on
POST     /home/billing/checkout                     in         409       409    409
GET      /home/billing/checkout/{checkout}          in         404       200    404
GET      /home/billing/change/pro                   in         409       409    409
POST     /home/billing/change/pro                   in         409       409    409
POST     /home/billing/portal                       in         409       409    409
POST     /stripe/webhook                            404        404       404    404
GET      /home/tools/to-video                       in         200       200    200
POST     /home/tools/to-video                       in         422       422    422
GET      /home/tools/to-video/quote                 in         200       200    200
POST     /home/tools/to-video/quote                 in         200       200    200
POST     /home/tools/to-video/preset                 in         404       404    404
GET      /home/presets                              in         200       200    200
GET      /home/presets/{preset}                     in         404       200    404
POST     /home/presets/{preset}                     in         404       422    404
GET      /home/presets/{preset}/picture             404        404       404    404
POST     /home/presets/{preset}/up                  in         404       on     404
GET      /home/tools/prompt/builder                 in         200       200    200
POST     /home/tools/prompt/builder                 in         200       200    200
POST     /home/tools/prompt/suggestion              in         on        on     on
GET      /home/tools/prompt/suggestion/{written}    in         404       200    404
GET      /home/activity                             in         200       200    200
POST     /home/activity/seen                        in         on        on     on
GET      /home/batches/{group}                      in         404       200    404
POST     /home/batches/{group}/keep                 in         404       on     404
POST     /home/jobs/{lost}/again                    in         404       on     404
POST     /home/jobs/delete                          in         on        on     on
POST     /home/jobs/restore                         in         on        on     on
POST     /home/jobs/{job}/cancel                    in         404       on     404
POST     /home/jobs/{grouped}/cancel-all            in         404       on     404
POST     /home/jobs/{job}/stop                      in         404       on     404
POST     /home/jobs/{job}/title                     in         404       on     404
POST     /home/jobs/{job}/delete                    in         404       on     404
POST     /home/jobs/{job}/restore                   in         404       on     404

GET      /studio/models                             in         404       404    200
GET      /studio/models/nano                        in         404       404    on
POST     /studio/models/nano/cancel                 in         404       404    on
POST     /studio/models/nano/download               in         404       404    409

GET      /api                                       404        404       404    404
GET      /api/v1/nothing/                           404        404       404    404
POST     /api/v1/nothing/                           404        404       404    404
GET      /api/v1/schema/                            200        200       200    200
GET      /api/v1/account/                           401        200       200    200
GET      /api/v1/credits/                           401        200       200    200
GET      /api/v1/plans/                             401        200       200    200
GET      /api/v1/tools/                             401        200       200    200
POST     /api/v1/tools/to-video/                    401        422       422    422
POST     /api/v1/tools/to-video/quote/              401        200       200    200
GET      /api/v1/assets/                            401        200       200    200
POST     /api/v1/assets/                            401        422       422    422
GET      /api/v1/assets/{film}/                     401        404       200    404
DELETE   /api/v1/assets/{film}/                     401        404       409    404
GET      /api/v1/assets/{upload}/                   401        404       200    404
DELETE   /api/v1/assets/{upload}/                   401        404       204    404
GET      /api/v1/assets/storage/                    401        200       200    200
POST     /api/v1/assets/empty-trash/                401        200       200    200
GET      /api/v1/groups/{group}/                    401        404       200    404
POST     /api/v1/groups/{group}/cancel/             401        404       200    404
GET      /api/v1/presets/                           401        200       200    200
POST     /api/v1/presets/                           401        422       422    422
GET      /api/v1/presets/{preset}/                  401        404       200    404
PATCH    /api/v1/presets/{preset}/                  401        404       200    404
DELETE   /api/v1/presets/{preset}/                  401        404       204    404
POST     /api/v1/presets/{preset}/restore/          401        404       200    404
GET      /api/v1/generations/                       401        200       200    200
POST     /api/v1/generations/delete/                401        200       200    200
POST     /api/v1/generations/restore/               401        200       200    200
POST     /api/v1/generations/zip/                   401        422       200    422
GET      /api/v1/generations/{job}/                 401        404       200    404
PATCH    /api/v1/generations/{job}/                 401        404       422    404
DELETE   /api/v1/generations/{job}/                 401        404       204    404
POST     /api/v1/generations/{job}/cancel/          401        404       200    404
POST     /api/v1/generations/{job}/stop/            401        404       200    404
POST     /api/v1/generations/{lost}/retry/          401        404       202    404
GET      /api/v1/voices/                            401        200       200    200
POST     /api/v1/voices/skylark/favourite/          401        204       204    204
DELETE   /api/v1/voices/skylark/favourite/          401        204       204    204
POST     /api/v1/prompts/compose/                   401        200       200    200
POST     /api/v1/prompts/enhance/                   401        200       200    200
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()[1:] if line.strip()]
STAFF_ONLY = "admin/"  # every address below it
SAID = {"language": "en", "cues": [{"start": 0, "end": 1, "text": "Hello."}]}
OURS_INSTEAD = {
    r"accounts/confirm-email/(?P<key>[-:\w]+)/$"
}  # of allauth, below an address of ours that takes all of it
FORMS = {
    "/api/v1/tools/to-video/quote/": {"prompt": "x"},
    "/api/v1/prompts/compose/": {"text": "x"},
    "/api/v1/prompts/enhance/": {"prompt": "a swan"},
    "/accounts/password/reset/": {"email": "nobody"},
    "/home/my-library/uploads/delete": {"id": "{upload}"},
    "/home/my-library/uploads/restore": {"id": "{upload}"},
    "/home/my-library/zip": {"id": "{made}"},
    "/home/my-library/trash/delete": {"id": "{made}"},
    "/home/jobs/delete": {"id": "{made}"},
    "/home/jobs/restore": {"id": "{made}"},
    "/api/v1/generations/delete/": {"ids": ["{made}"]},
    "/api/v1/generations/restore/": {"ids": ["{made}"]},
    "/api/v1/generations/zip/": {"ids": ["{made}"]},
    "/home/tools/to-video/preset": {"use": "{preset}x"},
    "/accounts/profile": {"name": "Somebody"},
    "/accounts/email/": {"email": "third@example.org", "action_add": ""},
}


def routes(patterns=None, before=""):
    """Every route of the URL configuration, as `resolve` names it."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern).removeprefix("^")
        if hasattr(pattern, "url_patterns"):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


@pytest.fixture
def world(db):
    """What the owner has, and the browsers of the four."""
    owner = UserFactory(email="owner@example.org", credits=300)
    people = {"owner": owner, "stranger": UserFactory(email="stranger@example.org", credits=100)}
    people["staff"] = UserFactory(email="staff@example.org", credits=100, is_staff=True, is_superuser=True)
    group = Group.objects.create(user=owner, kind="batch", title="A batch")
    film = AssetFactory(generation__user=owner, captions=SAID)
    upload = AssetFactory(generation=None, user=owner, kind="image", recipe={"name": "start.png"})
    AssetFactory(generation=None, user=owner, kind="image", recipe={}, deleted_at=timezone.now())
    second = EmailAddress.objects.create(user=owner, email="second@example.org")
    ended = {"status": "cancelled", "finished_at": timezone.now(), "held": False}
    objects = {
        "job": GenerationFactory(user=owner).pk,
        "grouped": GenerationFactory(user=owner, group=group, held=False, cost=0).pk,
        "group": group.pk,
        "film": film.pk,
        "made": film.generation_id,
        "written": GenerationFactory(user=owner, tool="prompt", **ended).pk,
        "lost": GenerationFactory(user=owner, **ended).pk,
        "upload": upload.pk,
        "preset": Preset.objects.create(user=owner, name="Dusk", tool="to-video").pk,
        "checkout": Checkout.objects.create(user=owner, topup=TopUp.objects.get(slug="small")).pk,
        "token": ApiToken.objects.issue(owner, "test")[0].pk,
        "link": sign_in_url(owner).removeprefix(settings.SITE_URL),
        "confirmation": reverse("account_confirm_email", args=[EmailConfirmationHMAC(second).key]),
    }
    return SimpleNamespace(people=people, objects=objects)


def browser_of(world, person):
    client = Client(raise_request_exception=False)
    if person != "anonymous":
        client.force_login(world.people[person])
    return client


def fill(text, world):
    """A text with the names in braces made ids."""
    return re.sub(r"\{(\w+)\}", lambda found: str(world.objects[found[1]]), text)


def ask(world, person, method, address):
    cache.clear()  # no rate limit is met here
    path = address.format(**world.objects)
    kind = {"content_type": "application/json"} if "/api/" in path and "assets" not in path else {}
    data = json.loads(fill(json.dumps(FORMS.get(path, {})), world)) if method == "POST" else {}
    return getattr(browser_of(world, person), method.lower())(path, data, **kind)


def said(answer):
    """An answer in the words of the table."""
    if answer.status_code in (301, 302, 303):
        doors = {"/accounts/login/?next=": "in", "/accounts/reauthenticate/?next=": "again"}
        return next((word for door, word in doors.items() if answer["Location"].startswith(door)), "on")
    return str(answer.status_code)


def test_every_address_has_a_row(world):
    known = {resolve(row[1].format(**world.objects)).route.removeprefix("^") for row in ROWS}
    new = {route for route in routes() if not route.startswith(STAFF_ONLY)} - known - OURS_INSTEAD
    assert not new, (
        f"Who may ask for {', '.join(sorted(new))}? Add a row for each of its methods to TABLE in {__file__}: "
        "the method, an address, and what anonymous, a stranger, the owner and the staff are answered."
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row[:2]))
def test_each_is_answered_as_the_table_says(world, row):
    """And what is the owner's stays as it is, unless the owner asks."""
    method, address, *expected = row
    answers, before = [], facts()
    for person in PEOPLE:
        with transaction.atomic():
            answers.append(said(ask(world, person, method, address)))
            assert person == "owner" or facts() == before, person
            transaction.set_rollback(True)
    assert answers == expected


@pytest.mark.parametrize("address", sorted({row[1] for row in ROWS}))
def test_other_methods_give_nobody_more(world, address):
    """What the table does not name is refused, or read as a GET; only the owner may see or change what is theirs."""
    rows = {row[0]: row[2:] for row in ROWS if row[1] == address}
    before = facts()
    for method in METHODS:
        for person in PEOPLE if method not in rows else ():
            answer = ask(world, person, method, address)
            allowed = {each[PEOPLE.index(person)] for each in rows.values()}
            refused = {"in", "again", "401", "403", "404", "405", "415"}
            assert said(answer) in refused | allowed, (method, person, answer.status_code)
    assert facts() == before


def facts():
    """What the owner's things are like; none of it changes by a method that no row names."""
    jobs = list(Generation.objects.order_by("pk").values_list("pk", "status", "deleted_at"))
    files = list(Asset.objects.order_by("pk").values_list("pk", "deleted_at", "file"))
    return jobs, files, list(ApiToken.objects.values_list("pk", "revoked_at"))


@pytest.mark.parametrize("route", sorted(route for route in routes() if route.startswith(STAFF_ONLY)))
def test_the_administration_is_for_the_staff_alone(world, route):
    path = re.sub(r"(?<!\?P)<[^>]+>", str(world.people["owner"].pk), f"/{route}")
    path = re.sub(r"\(\?P<app_label>[^)]*\)", "auth", path)
    path = re.sub(r"\(\?P[^)]*\)", "nothing", path).replace("^", "").replace("$", "")
    assert said(ask(world, "anonymous", "GET", path)) in ("in", "on")
    for person in ("stranger", "owner"):
        answer = ask(world, person, "GET", path)
        assert answer.status_code in (302, 403, 404, 405), (person, path)
    assert ask(world, "staff", "GET", path).status_code in (200, 301, 302, 400, 403, 404, 405)


def test_no_id_that_the_administration_is_asked_for_is_an_error(world):
    for kind in ContentType.objects.all():
        for made_up in ("19", "nothing", "9" * 30, "%00", str(uuid4())):
            addresses = [f"/admin/r/{kind.pk}/{made_up}/"]
            if kind.model_class() in admin.site._registry:
                addresses.append(f"/admin/{kind.app_label}/{kind.model}/{made_up}/history/")
            for address in addresses:
                assert ask(world, "staff", "GET", address).status_code in (200, 302, 400, 403, 404), address


async def listen(client):
    """Open the socket of a browser's page; what it is sent at once, or None where it is refused."""
    socket = await open_socket(client)
    if socket is None:
        return None
    heard = await drain(socket)
    await socket.disconnect()
    return "".join(heard)


@pytest.mark.parametrize("person", PEOPLE)
def test_a_socket_tells_each_their_own(transactional_db, world, person):
    heard = async_to_sync(listen)(browser_of(world, person))
    if person == "anonymous":
        assert heard is None
    else:
        assert 'id="credits"' in heard and (str(world.objects["job"]) in heard) == (person == "owner")


def test_there_is_one_address_for_sockets():
    inner = application.application_mapping["websocket"]
    while not hasattr(inner, "routes"):
        inner = getattr(inner, "application", None) or inner.inner
    assert [str(route.pattern) for route in inner.routes] == ["ws/"], "Say above who may listen to the new one."
