"""Nothing of a request is dropped without a word: it is used, or refused."""

import json

import pytest

from apps.library.models import Asset, Generation
from apps.text import tidy
from tests.media import encoded, quarters
from tests.params import PARAMS

PNG = encoded(quarters())
API = "/api/v1/tools/to-video/"
PAGE = "/home/tools/to-video"
LINES = ("a red circle moves right over the sea\n" * 60)[:2000]
FAMILY, ENGLAND, PERSIAN = "👨‍👩‍👧", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "می‌خواهم"
UNSEEN = [
    "\u200b",
    "\u200d\u200c",
    "\ufeff",
    "\u2060 \u00ad",
    "\u3164",
    "\u2800\u2800",
    "\ufe0f",
    "\u202e\u202c",
    "\x07",
]
MISSING = "Prompt: describe what is in the video and how it moves."


def form(*parts):
    """The body of a multipart form: each part is its headers and its bytes."""
    return b"".join(b"--b\r\n" + head + b"\r\n\r\n" + body + b"\r\n" for head, body in parts) + b"--b--\r\n"


def field(name, value):
    return (b'Content-Disposition: form-data; name="' + name + b'"', value)


def file(name, content):
    return (b'Content-Disposition: form-data; name="image"; filename="' + name + b'"', content)


def send(client, address, *parts):
    return client.generic("POST", address, form(*parts), content_type="multipart/form-data; boundary=b")


@pytest.mark.parametrize("name", [b"fa\xe7ade.png", b"\x81\x8d\xff", b"..", b"folder/", b"\xf0\x9f"])
def test_a_picture_is_used_whatever_its_file_is_called(api, ada, name):
    answer = send(api, API, field(b"prompt", b"a star"), file(name, PNG))
    assert answer.status_code == 202, answer.json()
    assert [given["name"] for given in answer.json()["inputs"]] == ["image"]


def test_a_picture_of_a_page_is_used_too(page, ada):
    values = [field(name.encode(), str(value).encode()) for name, value in PARAMS.items() if name != "ratio"]
    answer = send(page, PAGE, *values, field(b"mode", b"picture"), file(b"fa\xe7ade.png", PNG))
    assert answer.status_code == 302
    assert Generation.objects.get(user=ada).inputs.count() == 1
    assert Asset.objects.get(user=ada).name == "façade.png"


@pytest.mark.parametrize(
    "head", [b"Content-Type: image/png", b'Content-Disposition: form-data; filename="a.png"', b"X\xff: y", b"nothing"]
)
def test_a_part_without_a_name_is_refused(api, head):
    answer = send(api, API, field(b"prompt", b"a star"), (head, PNG))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert "has no name" in answer.json()["detail"]


def test_words_that_are_not_in_utf8_are_refused(api):
    assert "'prompt' is not written in UTF-8" in send(api, API, field(b"prompt", b"fa\xe7ade")).json()["detail"]
    answer = api.post(API, "prompt=fa%E7ade", content_type="application/x-www-form-urlencoded")
    assert "'prompt' is not written in UTF-8" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("promt", "Unknown parameter 'promt'. Did you mean 'prompt'?"),
        ("num_frame", "Unknown parameter 'num_frame'. Did you mean 'num_frames'?"),
        ("qqq", "Unknown parameter 'qqq'."),
        ("csrfmiddlewaretoken", "Unknown parameter 'csrfmiddlewaretoken'."),
    ],
)
@pytest.mark.parametrize("address", [API, f"{API}quote/"])
@pytest.mark.parametrize("kind", ["json", "multipart"])
def test_a_program_is_told_of_names_that_nobody_reads(api, address, kind, name, sentence):
    answer = api.post(address, PARAMS | {name: "x"}, format=kind)
    assert (answer.status_code, answer.json()["errors"]) == (422, {name: [sentence]})
    assert not Generation.objects.exists()


def test_a_page_is_told_of_names_that_nobody_reads(page):
    answer = page.post(PAGE, PARAMS | {"promt": "x"})
    assert answer.status_code == 422 and "Did you mean &#x27;prompt&#x27;?" in answer.content.decode()
    told = page.get(f"{PAGE}/quote", PARAMS | {"num_frame": "21"}).content.decode()
    assert "Did you mean &#x27;num_frames&#x27;?" in told
    assert page.post(PAGE, PARAMS | {"csrfmiddlewaretoken": "x"}).status_code == 302


def test_an_upload_is_told_of_names_that_nobody_reads(api):
    answer = send(api, "/api/v1/assets/", file(b"a.png", PNG), field(b"knd", b"image"))
    assert answer.json()["errors"] == {
        "image": ["Unknown parameter 'image'."],
        "knd": ["Unknown parameter 'knd'. Did you mean 'kind'?"],
    }


def test_thousands_of_unknown_names_cost_little(api):
    answer = api.post(API, dict.fromkeys((f"promp{n}" * 8 for n in range(20_000)), 1), format="json")
    assert len(answer.json()["errors"]) == 20


def test_a_value_that_comes_twice_is_refused_and_not_chosen_among(api, page):
    answer = send(api, API, field(b"prompt", b"a star"), field(b"prompt", b"a ring"))
    assert answer.json()["errors"] == {"prompt": ["'prompt' came 2 times: send it once."]}
    answer = api.post(API, '{"prompt": "a star", "prompt": "a ring"}', content_type="application/json")
    assert (answer.status_code, "'prompt' stands in it twice" in answer.json()["detail"]) == (400, True)
    assert page.post(PAGE, PARAMS | {"prompt": ["a star", "a ring"]}).status_code == 422


def test_null_means_left_out(api):
    known = json.loads(api.post(f"{API}quote/", {"prompt": "a star", "seed": 1}, format="json").content)
    optional = ("mode", "image", "ratio", "num_frames", "style", "finish", "negative_prompt", "steps", "offload")
    sent = {"prompt": "a star", "seed": 1} | dict.fromkeys(optional)
    assert api.post(f"{API}quote/", sent, format="json").json() == known
    answer = api.post(API, {"prompt": None}, format="json")
    assert answer.json()["errors"] == {"prompt": [MISSING]}


@pytest.mark.parametrize("line_end", ["\r\n", "\r", "\n", "\u2028"])
def test_a_line_end_is_one_character_wherever_a_prompt_is_counted(api, page, ada, line_end):
    for text, status in ((LINES, 302), (f"{LINES}xx", 422)):
        assert page.post(PAGE, PARAMS | {"prompt": text.replace("\n", line_end)}).status_code == status
    for text, status in ((LINES, 202), (f"{LINES}xx", 422)):
        assert api.post(API, PARAMS | {"prompt": text.replace("\n", line_end)}, format="json").status_code == status
    assert {job.params["prompt"] for job in Generation.objects.filter(user=ada)} == {LINES.strip()}


@pytest.mark.parametrize("prompt", UNSEEN)
def test_a_prompt_of_which_nothing_is_seen_is_none(api, page, prompt):
    answer = api.post(API, PARAMS | {"prompt": prompt}, format="json")
    assert answer.json()["errors"] == {"prompt": [MISSING]}
    answer = page.post(PAGE, PARAMS | {"prompt": prompt})
    assert answer.context["form"].errors["prompt"] == [MISSING]


@pytest.mark.parametrize("text", [FAMILY, ENGLAND, PERSIAN, "a  b", "tab\there", "❤️", "e\u0301"])
def test_joiners_and_signs_that_make_a_letter_stay(text):
    assert tidy(f"\ufeff {text}\u200b\r\n") == text


def test_a_prompt_of_the_landing_page_is_not_cut(client, db):
    assert client.post("/start", {"prompt": "x" * 2001}).status_code == 422
    client.post("/start", {"prompt": "x" * 2000})
    assert len(client.session["pending_prompt"]) == 2000
