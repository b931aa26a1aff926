"""Style presets: saved from a form, put into another one, edited, ordered, deleted, shared, and used by programs."""

import pytest

from apps.accounts.models import User
from apps.library.models import Generation
from apps.tools import presets, registry
from apps.tools.models import Preset
from tests.factories import AssetFactory, UserFactory

pytestmark = pytest.mark.django_db
URL = "/home/tools/text2image"
FORM = {"prompt": "a red star", "style": "realistic", "quality": "40", "count": "2", "ratio": "16:9", "seed": "5"}
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def dusk(ada):
    told = {"words": "at dusk, long shadows", "negative": "text", "params": {"quality": 30}}
    return Preset.objects.create(user=ada, name="Dusk", tool="text2image", **told)


def initial(answer):
    return answer.context["form"].initial


def test_a_form_is_saved_without_its_scene_and_seed(page, ada):
    answer = page.post(f"{URL}/preset", FORM | {"save": "1"}, **HTMX)
    preset = Preset.objects.get(user=ada)
    assert (preset.name, preset.tool, preset.words) == ("Preset 1", "text2image", "")
    assert preset.params == {"style": "realistic", "ratio": "16:9", "quality": 40}
    assert answer.status_code == 200 and "Saved as" in answer.content.decode()
    assert initial(answer)["prompt"] == "a red star"


def test_a_form_with_a_wrong_setting_is_not_saved(page):
    answer = page.post(f"{URL}/preset", FORM | {"save": "1", "quality": "900"}, follow=True)
    assert "Quality" in answer.content.decode() and not Preset.objects.exists()


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_it_puts_itself_into_the_form_as_it_is_filled_in(page, dusk, headers):
    answer = page.post(f"{URL}/preset", FORM | {"use": str(dusk.pk), "batch_seeds": "1-3"}, **headers)
    assert initial(answer) | {"prompt": "a red star, at dusk, long shadows", "quality": 30} == initial(answer)
    assert (initial(answer)["negative_prompt"], initial(answer)["seed"]) == ("text", "5")
    assert 'value="1-3"' in answer.content.decode()
    assert not Generation.objects.exists()


def test_another_one_takes_its_place(page, ada, dusk):
    dawn = Preset.objects.create(user=ada, name="Dawn", tool="text2image", words="at dawn")
    given = FORM | {"prompt": "a red star, at dusk, long shadows", "negative_prompt": "text", "use": str(dawn.pk)}
    found = initial(page.post(f"{URL}/preset", given))
    assert (found["prompt"], found["negative_prompt"]) == ("a red star, at dawn", "")
    again = initial(page.post(f"{URL}/preset", FORM | {"prompt": found["prompt"], "use": str(dawn.pk)}))
    assert again["prompt"] == "a red star, at dawn"


def test_every_tool_with_looks_offers_it_and_no_other_one(page, dusk):
    for tool in registry.tools():
        shown = f'value="{dusk.pk}"' in page.get(tool.get_absolute_url()).content.decode()
        assert shown == ("style" in tool.form_class.base_fields), tool.slug
    assert "at dusk" in page.get(f"/home/tools/to-video?preset={dusk.pk}").content.decode()


def test_it_is_edited_ordered_deleted_and_brought_back(page, ada, dusk):
    dawn = Preset.objects.create(user=ada, name="Dawn", tool="text2image", position=1)
    shown = AssetFactory(generation__user=ada, kind="image", poster="p.webp")
    change = {"name": "Late", "words": "late", "negative": "", "preview": str(shown.pk), "shared": "on"}
    assert page.post(dusk.get_absolute_url(), change).status_code == 302
    dusk.refresh_from_db()
    assert (dusk.name, dusk.words, dusk.preview, dusk.shared) == ("Late", "late", shown, False)
    page.post(f"{dawn.get_absolute_url()}/up")
    assert [each.name for each in Preset.objects.own(ada)] == ["Dawn", "Late"]
    html = page.post(f"{dusk.get_absolute_url()}/delete", follow=True).content.decode()
    assert "is deleted" in html and f"{dusk.get_absolute_url()}/restore" in html
    assert [each.name for each in Preset.objects.own(ada)] == ["Dawn"]
    page.post(f"{dusk.get_absolute_url()}/restore")
    assert Preset.objects.own(ada).count() == 2
    assert page.post(f"{dusk.get_absolute_url()}/burn").status_code == 404
    assert page.post(dusk.get_absolute_url(), {"name": ""}).status_code == 422


def test_a_picture_is_made_for_it(page, ada, dusk):
    change = {"name": "Late", "words": "at night", "negative": "", "make": "preview"}
    page.post(dusk.get_absolute_url(), change)
    job = Generation.objects.get()
    assert (job.tool, job.params["quality"], job.params["prompt"]) == (
        "text2image",
        30,
        f"{presets.PREVIEWED}, at night",  # what was typed is saved first
    )
    dusk.refresh_from_db()
    assert (dusk.preview_job, dusk.name) == (job, "Late")


def test_the_staff_shares_and_others_only_use(client, ben, dusk):
    olga = UserFactory(is_staff=True)
    ours = Preset.objects.create(user=olga, name="Ours", tool="to-video", words="in rain")
    client.force_login(olga)
    client.post(ours.get_absolute_url(), {"name": "Ours", "words": "in rain", "shared": "on"})
    client.force_login(ben)
    html = client.get("/home/presets").content.decode()
    assert "Ours" in html and "Dusk" not in html
    assert initial(client.post(f"{URL}/preset", FORM | {"use": str(ours.pk)}))["prompt"] == "a red star, in rain"
    for address in (ours.get_absolute_url(), dusk.get_absolute_url(), f"{dusk.get_absolute_url()}/picture"):
        assert client.get(address).status_code == 404
    assert client.post(f"{ours.get_absolute_url()}/delete").status_code == 404
    assert client.post(f"{URL}/preset", FORM | {"use": str(dusk.pk)}).status_code == 404


def test_one_whose_model_is_gone_says_so(page, api, dusk):
    Preset.objects.filter(pk=dusk.pk).update(params={"model_id": "Z-Image"})
    told = "Its model Z-Image is not on this machine."
    assert told in page.get(URL).content.decode() and told in page.get("/home/presets").content.decode()
    assert told in page.post(f"{URL}/preset", FORM | {"use": str(dusk.pk)}).content.decode()
    assert api.get(f"/api/v1/presets/{dusk.pk}/").json()["gone"] == told
    answer = api.post("/api/v1/tools/text2image/", {"prompt": "a star", "preset": str(dusk.pk)}, format="json")
    assert answer.status_code == 422 and told in answer.json()["errors"]["preset"][0]


def test_a_program_makes_one_and_uses_it(api, ada):
    look = {"name": "Dusk", "words": "at dusk", "tool": "text2image", "params": {"quality": 30, "style": "realistic"}}
    told = api.post("/api/v1/presets/", look, format="json").json()
    assert (told["own"], told["shared"], told["gone"]) == (True, False, "")
    body = {"prompt": "a star", "preset": told["id"]}
    job = api.post("/api/v1/tools/text2image/", body, format="json").json()
    assert (job["params"]["prompt"], job["params"]["quality"]) == ("a star, at dusk", 30)
    job = api.post("/api/v1/tools/text2image/", body | {"quality": 40}, format="json").json()
    assert job["params"]["quality"] == 40
    group = api.post("/api/v1/tools/text2image/", body | {"batch": [{"seed": 1}, {"seed": 2}]}, format="json").json()
    assert len(group["generations"]) == 2
    one = f"/api/v1/presets/{told['id']}/"
    assert api.patch(one, {"words": "at dawn"}, format="json").json()["words"] == "at dawn"
    assert api.delete(one).status_code == 204 and api.get(one).status_code == 404
    assert api.post(f"{one}restore/").status_code == 200
    assert [each["name"] for each in api.get("/api/v1/presets/").json()] == ["Dusk"]


def test_the_staff_shares_one_by_a_program(api, ada):
    look = {"name": "Dusk", "words": "at dusk", "tool": "text2image"}
    own = f"/api/v1/presets/{api.post('/api/v1/presets/', look, format='json').json()['id']}/"
    for answer in (
        api.post("/api/v1/presets/", look | {"shared": True}, format="json"),
        api.patch(own, {"shared": True}, format="json"),
    ):
        assert (answer.status_code, list(answer.json()["errors"])) == (422, ["shared"])
    assert not Preset.objects.filter(shared=True).exists() and Preset.objects.count() == 1
    User.objects.filter(pk=ada.pk).update(is_staff=True)
    assert api.patch(own, {"shared": True}, format="json").json()["shared"] is True
    assert api.patch(own, {"shared": False}, format="json").json()["shared"] is False
    assert api.post("/api/v1/presets/", look | {"shared": True}, format="json").json()["shared"] is True


def test_null_is_no_preset_and_a_list_is_no_prompt_with_one(api, dusk):
    body = {"prompt": "a star", "preset": None}
    job = api.post("/api/v1/tools/text2image/", body, format="json").json()
    assert job["params"]["prompt"] == "a star"
    body = {"prompt": ["a star"], "preset": str(dusk.pk)}
    answer = api.post("/api/v1/tools/text2image/", body, format="json")
    assert answer.status_code == 422 and list(answer.json()["errors"]) == ["prompt"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tool": "upscale"}, "tool"),
        ({"tool": "nothing"}, "tool"),
        ({"params": {"prompt": "x"}}, "params"),
        ({"params": {"strength": 0.5}}, "params"),
        ({"params": {"quality": 5000}}, "params"),
        ({"name": "n" * 61}, "name"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_program_is_told_what_is_wrong_with_one(api, change, field):
    look = {"name": "Dusk", "tool": "text2image"} | change
    answer = api.post("/api/v1/presets/", look, format="json")
    assert answer.status_code == 422 and field in answer.json()["errors"]
    assert not Preset.objects.exists()


def test_a_strangers_preset_is_not_there_for_a_program(api, ben):
    his = Preset.objects.create(user=ben, name="His", tool="text2image")
    for answer in (api.get(f"/api/v1/presets/{his.pk}/"), api.delete(f"/api/v1/presets/{his.pk}/")):
        assert answer.status_code == 404
    answer = api.post("/api/v1/tools/text2image/", {"prompt": "a", "preset": str(his.pk)}, format="json")
    assert answer.status_code == 422 and not Generation.objects.exists()
