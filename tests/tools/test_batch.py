"""Batches: several prompts, seeds and values, checked together, paid together, and shown as one thing."""

import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from apps.billing import services as billing
from apps.billing.models import Power
from apps.errors import StudioError
from apps.library.batches import batch_of
from apps.library.models import Asset, Generation, Group
from apps.tools import alternatives, services
from apps.tools.batches import told_apart
from tests.factories import AssetFactory, GenerationFactory
from tests.media import encoded, quarters
from tests.plans import give

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/home/tools/text2image"
PARAMS = {
    "prompt": "a {red|blue} star",
    "style": "realistic",
    "quality": "50",
    "count": "1",
    "ratio": "16:9",
    "seed": "",
}
HTMX = {"HTTP_HX_REQUEST": "true"}
NOTHING = (0, 0, 100)


@pytest.fixture
def _payments(settings):
    settings.STRIPE_SECRET_KEY = "sk_test_plans"


def state(ada):
    return Generation.objects.count(), Group.objects.count(), billing.balance(ada)


def jobs():
    return list(Generation.objects.order_by("created_at", "pk"))


def csv(text, name="prompts.csv"):
    return SimpleUploadedFile(name, text if isinstance(text, bytes) else text.encode(), "text/csv")


def faults(answer):
    form = answer.context["form"]
    of_batch = {name: list(errors) for name, errors in form.batch.errors.items()} if form.batch else {}
    return {name: list(errors) for name, errors in form.errors.items()} | of_batch


# --- alternatives


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a {red|blue} star", ["a red star", "a blue star"]),
        ("{a|b} {c|d}", ["a c", "a d", "b c", "b d"]),
        ("a {red {big|small}|blue} star", ["a red big star", "a red small star", "a blue star"]),
        (r"a \{red\|b\} star", ["a {red|b} star"]),
        ("a {plain} star", ["a {plain} star"]),
        ('{"shot_type": "a|b"}', ['{"shot_type": "a|b"}']),
    ],
)
def test_alternatives_are_written_out(text, found):
    assert (alternatives.expanded(text), alternatives.count(text)) == (found, len(found))


@pytest.mark.parametrize(("text", "place"), [("a {red|blue", 3), ("a red|blue} star", 11), ("{" * 9 + "}" * 9, 9)])
def test_a_brace_without_its_counterpart_is_named_by_its_place(text, place):
    with pytest.raises(alternatives.UnbalancedError) as caught:
        alternatives.expanded(text)
    assert caught.value.place == place


def test_how_many_there_are_is_known_without_writing_them_out():
    assert alternatives.count("{a|b}" * 39) == 2**39
    assert alternatives.count("{a|b}" * 60_000) == alternatives.MOST


def test_labels_have_the_words_that_differ():
    assert told_apart(["a red star", "a dark blue star"]) == ["red", "dark blue"]
    assert told_apart(["a star", "a star"]) == ["–", "–"]


# --- from the page


def test_alternatives_lines_seeds_and_values_multiply_into_one_group(page, ada):
    more = {"batch_prompts": "a green star\n", "batch_seeds": "1, 5", "batch_vary": "quality", "batch_values": "30, 50"}
    answer = page.post(URL, PARAMS | more)
    group = Group.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/home/batches/{group.pk}")
    assert (group.title, group.kind, len(jobs())) == ("a {red|blue} star", "batch", 12)
    found = {(job.params["prompt"], job.params["quality"], job.params["seed"]) for job in jobs()}
    prompts = ("a red star", "a blue star", "a green star")
    assert found == {(prompt, quality, seed) for prompt in prompts for quality in (30, 50) for seed in (1, 5)}
    receipt = billing.receipt(group.reference)
    assert receipt.held == sum(job.cost for job in jobs()) == 100 - billing.balance(ada)
    assert {job.group_id for job in jobs()} == {group.pk}


def test_without_seeds_all_have_the_same_one(page):
    page.post(URL, PARAMS)
    assert len({job.params["seed"] for job in jobs()}) == 1
    page.post(URL, PARAMS | {"batch_seeds": "x3"})
    assert len({job.params["seed"] for job in jobs()[2:]}) == 3


def test_the_rows_of_a_csv_are_jobs(page):
    rows = "\ufeffprompt;seed;quality\r\na red star;7;\r\n\r\na {blue|green} ring;8;30\r\n"
    answer = page.post(URL, PARAMS | {"prompt": "", "batch_file": csv(rows)}, **HTMX)
    assert answer.status_code == 200, faults(answer)
    found = [(job.params["prompt"], job.params["seed"], job.params["quality"]) for job in jobs()]
    assert found == [("a red star", 7, 50), ("a blue ring", 8, 30), ("a green ring", 8, 30)]
    assert Group.objects.get().title == "a red star and 2 more"


@pytest.mark.parametrize(
    "rows",
    [
        "\ufeffsep=;\r\nprompt;seed\r\na star, far away;7\r\n\r\na ring;8\r\n",
        "Sep=|\nprompt|seed\na star, far away|7\n\na ring|8\n",
        "sep=\t\nprompt\tseed\na star, far away\t7\n\na ring\t8\n",
        '"sep=,",\nprompt,seed\n"a star, far away",7\n\na ring,8\n',
    ],
)
def test_a_csv_may_name_its_separator_first(page, rows):
    answer = page.post(URL, PARAMS | {"prompt": "", "batch_file": csv(rows)}, **HTMX)
    assert answer.status_code == 200, faults(answer)
    assert [(job.params["prompt"], job.params["seed"]) for job in jobs()] == [("a star, far away", 7), ("a ring", 8)]
    quote = page.post(f"{URL}/quote", PARAMS | {"prompt": "", "batch_file": csv(rows)})
    assert "Line 4 is empty and left out." in quote.content.decode()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_of_a_csv_is_told_from_its_first_line(page, separator):
    rows = f"seed{separator}prompt{separator}quality\n7{separator}a star{separator}30\n"
    page.post(URL, PARAMS | {"prompt": "", "batch_file": csv(rows)}, **HTMX)
    assert [(job.params["seed"], job.params["quality"]) for job in jobs()] == [(7, 30)]


def test_empty_columns_at_the_end_of_a_csv_are_left_out(page):
    answer = page.post(URL, PARAMS | {"prompt": "", "batch_file": csv("prompt,seed,,\na star,7,,\na ring,\n")}, **HTMX)
    assert answer.status_code == 200, faults(answer)
    assert [job.params["prompt"] for job in jobs()] == ["a star", "a ring"]


def test_one_prompt_alone_is_a_job_alone(page):
    page.post(URL, PARAMS | {"prompt": "a red star", "batch_prompts": " ", "batch_seeds": ""})
    assert (len(jobs()), Group.objects.count()) == (1, 0)


def test_a_form_that_is_sent_twice_makes_one_batch(page):
    for _time in range(2):
        assert page.post(URL, PARAMS | {"once": "word"}).status_code == 302
    assert (len(jobs()), Group.objects.count()) == (2, 1)


def test_the_quote_is_for_all_and_says_which_lines_are_empty(page, ada):
    html = page.post(f"{URL}/quote", PARAMS | {"batch_prompts": "a green star\n\na white star"}).content.decode()
    assert "<strong>4</strong>" in html and "4 jobs" in html and "Line 2 is empty and left out." in html
    assert state(ada) == NOTHING


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"prompt": "a {red|blue star"}, "prompt", "the brace at character 3 has no counterpart"),
        ({"batch_prompts": "a star\na {red|blue"}, "batch_prompts", "line 2: the brace at character 3"),
        (
            {"prompt": "x", "batch_prompts": "a star\n" + "y" * 2001},
            "batch_prompts",
            "line 2: Prompt: use at most 2000",
        ),
        ({"batch_prompts": "a star\n" * 1000}, "batch_prompts", "1,002 jobs"),
        ({"prompt": "{a|b}" * 30}, "prompt", "1,073,741,824 jobs"),
        ({"batch_prompts": "{a|b}" * 50_000}, "batch_prompts", "1,000,000,000,000 jobs or more"),
        ({"batch_seeds": "1-9999"}, "batch_seeds", "19,998 jobs"),
        ({"batch_seeds": "one"}, "batch_seeds", "“one” is no seed"),
        ({"batch_seeds": "9-3"}, "batch_seeds", "“9-3” is no seed"),
        ({"batch_seeds": str(2**31)}, "batch_seeds", "is no seed"),
        ({"batch_vary": "quality"}, "batch_values", "write the values"),
        ({"batch_values": "3"}, "batch_vary", "choose the setting"),
        ({"batch_vary": "prompt", "batch_values": "3"}, "batch_vary", "not one of the available choices"),
        ({"batch_vary": "quality", "batch_values": "30,,50"}, "batch_values", "is empty"),
        ({"batch_vary": "quality", "batch_values": "30,500"}, "batch_values", "“500”: Quality: choose 100 or less."),
        ({"quality": "500"}, "quality", "Quality: choose 100 or less."),
        ({"prompt": "{ |a}"}, "prompt", "describe what is in the image"),
    ],
)
def test_what_is_wrong_is_told_at_its_field_before_a_credit_moves(page, ada, change, field, sentence):
    answer = page.post(URL, PARAMS | change, **HTMX)
    assert answer.status_code == 422
    assert sentence in " ".join(faults(answer).get(field, [])), faults(answer)
    assert faults(answer).keys() == {field}
    assert state(ada) == NOTHING
    assert answer.context["form"]["prompt"].value() == PARAMS["prompt"] if "prompt" not in change else True


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("words;colours\na;b", "the first line has to name settings, such as prompt, seed."),
        ("prompt,colour\na,red", "“colour” is no setting of this tool"),
        ("prompt,prompt\na,b", "the column “prompt” is there twice"),
        ("sep=;", "the first line has to name settings"),
        ("sep=;\nprompt;seed\na star\n", "line 3 has 1 cells, and the first line has 2."),
        ("prompt,seed\na star\n", "line 2 has 1 cells, and the first line has 2."),
        ("prompt\na star\na ring,5", "line 3 has 2 cells"),
        ("prompt,seed\na star,1\na ring,two", "line 3: Seed: enter a whole number."),
        ("prompt\n\n", "there is nothing below its first line."),
        ("", "The submitted file is empty."),
        ("prompt\na star".encode("utf-16"), "not written in UTF-8"),
        (b"prompt\nna\xefve", "not written in UTF-8"),
        (b"prompt\na\0b", "this is not a CSV"),
        (b"prompt\n" + b"a star\n" * 3_000_000, "at most 1 MB"),
    ],
)
def test_a_csv_that_cannot_be_used_is_told_with_its_reason(page, ada, content, sentence):
    answer = page.post(URL, PARAMS | {"prompt": "", "batch_file": csv(content)}, **HTMX)
    assert answer.status_code == 422
    assert sentence in " ".join(faults(answer)["batch_file"]), faults(answer)
    assert state(ada) == NOTHING


def test_a_batch_beyond_the_plan_is_refused_with_the_plan_that_has_it(page, ada, _payments):
    give("free", batch_jobs=4)
    answer = page.post(URL, PARAMS | {"batch_seeds": "1-3"}, **HTMX)
    told = " ".join(faults(answer)["batch_seeds"])
    assert "these are 6 jobs. On the plan Free, a batch has at most 4 jobs. The plan Pro has 16." in told
    assert "/pricing" in answer.content.decode()
    assert state(ada) == NOTHING
    assert page.post(URL, PARAMS | {"batch_seeds": "1-2"}).status_code == 302


def test_the_bound_holds_where_no_form_is(ada, _payments):
    give("free", batch_jobs=2)
    tool = services.registry.get("voiceover")
    params = {"text": "Hello.", "voice": "rachel", "voice_engine": "offline", "format": "mp3"}
    with pytest.raises(services.powers.NotInPlan):
        services.submit_batch(ada, tool, "three", [params] * 3)
    assert (state(ada), Power.objects.get(plan__slug="free", name="batch_jobs").value) == (NOTHING, 2)


def test_a_batch_over_the_wallet_makes_nothing(page, ada):
    answer = page.post(URL, PARAMS | {"count": "4", "quality": "100", "batch_seeds": "1-20"}, **HTMX)
    assert answer.status_code == 422 and "more credits" in answer.content.decode()
    assert state(ada) == NOTHING


def test_an_upload_is_opened_once_for_all_jobs(page, ada):
    picture = SimpleUploadedFile("a.png", encoded(quarters(64, 64)))
    answer = page.post("/home/tools/upscale", {"source": picture, "batch_vary": "factor", "batch_values": "2, × 4"})
    assert answer.status_code == 302, faults(answer)
    assert Asset.objects.count() == 1
    assert [(job.params["factor"], str(job.inputs.get().asset_id)) for job in jobs()] == [
        (factor, str(Asset.objects.get().pk)) for factor in (2, 4)
    ]


def test_a_text_to_speak_has_lines_too(page):
    page.post("/home/tools/voiceover", {"text": "", "format": "mp3", "batch_prompts": "Good morning.\nGood night."})
    assert [job.params["text"] for job in jobs()] == ["Good morning.", "Good night."]


def test_a_prompt_is_written_alone(page):
    assert "batch_prompts" not in page.get("/home/tools/prompt").content.decode()
    answer = page.post("/home/tools/prompt", {"prompt": "a star", "batch_prompts": "a ring"})
    assert answer.status_code == 422


# --- in the library


@pytest.fixture
def made(page):
    page.post(URL, PARAMS | {"batch_prompts": "a green star"})
    return Group.objects.get()


def test_it_is_one_row_in_the_library_and_on_the_stage(page, made):
    for address in ("/home/my-library", URL, "/home/my-library?q=blue"):
        html = page.get(address).content.decode()
        assert html.count('<article class="card') == 1, address
        assert f"/home/batches/{made.pk}" in html
    assert "0 of 3 done" in page.get("/home/my-library").content.decode()
    assert "1 item" in page.get("/home/my-library").content.decode()


def test_its_card_begins_with_what_was_finished_first(page, ada):
    group = Group.objects.create(user=ada, kind=Group.BATCH, title="Stars")
    now = timezone.now()
    last, first, lost, still = (
        GenerationFactory(user=ada, group=group, status=status, params={"count": 3}, finished_at=at, created_at=now)
        for status, at in (
            ("succeeded", now + timedelta(minutes=2)),
            ("succeeded", now),
            ("failed", now),
            ("queued", None),
        )
    )
    files = [AssetFactory(user=ada, generation=job, position=place) for place in range(3) for job in (last, first)]
    batch = batch_of(still)
    assert batch.pictures == [*files[1::2], *files[::2], None, None, None] and batch.more == 0
    GenerationFactory(user=ada, group=group, params={"count": 4})
    batch = batch_of(Generation.objects.get(pk=lost.pk))
    assert (len(batch.pictures), batch.more) == (9, 4)
    html = page.get("/home/my-library").content.decode()
    assert html.count('class="mosaic__one"') == 9 and "+4" in html


def test_its_page_compares_by_what_differs(page, made):
    html = page.get(made.get_absolute_url()).content.decode()
    for word in ("red", "blue", "green"):
        assert f'<dd class="figures" dir="auto">{word}</dd>' in html
    assert html.count('class="variant"') == 3 and "Quality" not in html.split("variants")[1]


def test_what_is_discarded_goes_to_the_trash_and_comes_back(page, made, ada):
    red, blue, green = jobs()
    html = page.post(f"/home/batches/{made.pk}/keep", {"id": str(blue.pk)}, follow=True).content.decode()
    assert "2 deleted" in html and "/home/jobs/restore" in html
    assert list(Generation.objects.of(ada)) == [blue]
    assert billing.receipt(made.reference).open == blue.cost
    page.post("/home/jobs/restore", {"id": f"{red.pk},{green.pk}"})
    assert Generation.objects.of(ada).count() == 3
    answer = page.post(f"/home/batches/{made.pk}/keep", {"id": ""}, follow=True)
    assert "Pick what you want to keep first." in answer.content.decode()
    page.post("/home/jobs/delete", {"id": ",".join(str(job.pk) for job in jobs())})
    assert "is in the trash" in page.get(made.get_absolute_url()).content.decode()


def test_one_that_fails_does_not_sink_the_rest(page, made, ada):
    services.fail(Generation.objects.claim("gpu"), StudioError(code="generation_failed"))
    assert [job.status for job in jobs()] == ["failed", "queued", "queued"]
    assert (billing.balance(ada), billing.held(ada)) == (98, 2)
    assert "0 of 3 done, 1 failed or cancelled" in page.get(made.get_absolute_url()).content.decode()
    for job in jobs()[1:]:
        services.cancel(job)
    assert "0 of 3 credits" in page.get("/home/my-library").content.decode(), "what was paid, not what was held"


def test_a_strangers_batch_is_not_there(client, ben, page, made):
    client.force_login(ben)
    assert client.get(made.get_absolute_url()).status_code == 404
    assert client.post(f"/home/batches/{made.pk}/keep", {"id": str(jobs()[0].pk)}).status_code == 404
    assert client.post(f"/home/jobs/{jobs()[0].pk}/cancel-all").status_code == 404


# --- through the API


def post(api, body, address="/api/v1/tools/text2image/", **headers):
    return api.post(address, body, format="json", **headers)


def test_a_program_sends_a_list_and_gets_a_group(api, ada):
    body = {"quality": 30, "batch": [{"prompt": "a {red|blue} star", "seed": 3}, {"prompt": "a ring", "quality": 50}]}
    assert post(api, body, "/api/v1/tools/text2image/quote/").json()["credits"] == 3
    answer = post(api, body)
    assert answer.status_code == 202, answer.json()
    told = answer.json()
    assert answer["Location"].endswith(f"/api/v1/groups/{told['id']}/")
    assert (told["kind"], told["title"], len(told["generations"])) == ("batch", "a red star and 2 more", 3)
    assert told["credits"] == {"held": 3, "captured": 0, "released": 0}
    assert [(job.params["prompt"], job.params["quality"]) for job in jobs()] == [
        ("a red star", 30),
        ("a blue star", 30),
        ("a ring", 50),
    ]
    assert [job.params["seed"] for job in jobs()[:2]] == [3, 3]


def test_a_key_makes_one_batch_of_two_requests(api):
    body = {"prompt": "a star", "batch": [{"seed": 1}, {"seed": 2}]}
    first = post(api, body, HTTP_IDEMPOTENCY_KEY="k")
    assert post(api, body, HTTP_IDEMPOTENCY_KEY="k").json()["id"] == first.json()["id"]
    assert post(api, {"prompt": "a star"}, HTTP_IDEMPOTENCY_KEY="k").json()["code"] == "duplicate_request"
    assert Group.objects.count() == 1


@pytest.mark.parametrize(
    ("batch", "sentence"),
    [
        ([{"prompt": "a star"}, {"prompt": "a ring", "quality": 5}], "2: Quality: choose 30 or more."),
        ([{"prompt": "a star"}, {}], "2: Prompt: describe what is in the image."),
        ([{"prompt": "a star", "colour": "red"}], "1: Unknown parameter 'colour'."),
        ([{"prompt": "a {red|blue"}], "1: the brace at character 3"),
        ([{"prompt": ["{a|b}"]}], "1: Prompt"),
        ([{"prompt": "a star", "batch": []}], "Send a list of objects"),
        ([], "Send at least one job."),
        ("text", "Send a list of objects"),
        ({"prompt": "a"}, "Send a list of objects"),
        ([5], "Send a list of objects"),
        (None, "Send a list of objects"),
    ],
)
def test_one_wrong_job_is_told_by_its_place(api, ada, batch, sentence):
    answer = post(api, {"batch": batch})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert sentence in " ".join(answer.json()["errors"]["batch"]), answer.json()
    assert state(ada) == NOTHING


def test_what_is_wrong_with_all_alternatives_of_a_job_is_told_once(api):
    answer = post(api, {"batch": [{"prompt": "a {red|blue} star", "quality": 5}]})
    assert answer.json()["errors"]["batch"] == ["1: Quality: choose 30 or more."]


@pytest.mark.parametrize(
    "batch", [[{"prompt": f"star {number}"} for number in range(1000)], [{"prompt": "{a|b}" * 20_000}]]
)
def test_a_thousand_prompts_are_refused_with_the_limit(api, ada, batch):
    answer = post(api, {"batch": batch})
    assert (answer.status_code, answer.json()["code"]) == (402, "not_in_plan")
    assert state(ada) == NOTHING


def test_a_form_with_a_file_brings_its_batch_as_json(api):
    picture = SimpleUploadedFile("a.png", encoded(quarters(64, 64)))
    body = {"source": picture, "batch": json.dumps([{"factor": 2}, {"factor": 4}])}
    answer = api.post("/api/v1/tools/upscale/", body, format="multipart")
    assert answer.status_code == 202, answer.json()
    assert (Asset.objects.count(), len(jobs())) == (1, 2)


def test_it_is_made_and_paid_as_one_thing(page, ada, worker, wait_until):
    page.post(URL, PARAMS | {"quality": "30"})
    group = Group.objects.get()
    wait_until(lambda: not group.is_active)
    assert [job.status for job in jobs()] == ["succeeded", "succeeded"]
    receipt = billing.receipt(group.reference)
    assert (receipt.held, receipt.captured, receipt.open, billing.audit()) == (2, 2, 0, [])
    html = page.get("/home/my-library").content.decode()
    assert "2 jobs" in html and html.count("poster") >= 2
