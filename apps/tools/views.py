"""Tool pages, and what a user does to a job."""

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from apps.accounts import pending
from apps.accounts.http import PENDING_KEY, PENDING_PROMPT, SignedIn
from apps.accounts.models import User
from apps.billing import services as billing
from apps.billing.powers import NotInPlan
from apps.bodies import takes_files
from apps.errors import StudioError
from apps.library import filters, picks, storage
from apps.library.ids import as_uuid
from apps.library.models import Generation
from apps.text import tidy
from apps.tools import batch, presets, registry, services, starting
from apps.tools.again import key_of_try, try_again
from apps.tools.batch_form import BatchForm
from apps.tools.models import Preset
from apps.tools.registry import CSRF_FIELD, ONCE_FIELD, Tool, ToolForm

STAGE_SIZE = 12
STAGE_ORDER = (
    Generation.Status.RUNNING,
    Generation.Status.OFFERED,
    Generation.Status.QUEUED,
    Generation.Status.WAITING,
)
MAX_PENDING = 2000  # characters of a prompt that the session keeps while somebody signs up
# Where the session keeps a prompt for the next form: an address of 2000 letters can be too long, with 18 kB.
HANDED_PROMPT = "handed_prompt"
TYPED = "typed"  # where the session keeps a form whose sender was no longer signed in
MAX_TYPED = 20_000  # characters of it


def all_tools(request: HttpRequest) -> HttpResponse:
    """Every tool: the popular ones first, the others by category."""
    popular = [tool for tool in registry.tools() if tool.popular]
    others = {name: [tool for tool in tools if not tool.popular] for name, tools in registry.by_category().items()}
    groups = [{"title": title, "tools": tools} for title, tools in ({_("Popular"): popular} | others).items() if tools]
    return render(request, "tools/all.html", {"groups": groups})


def keeps_what_was_typed(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Keep the form of somebody whose session has ended over the sign-in; `login_required` for the pages of tools."""

    @wraps(view)
    def page(request: HttpRequest, slug: str) -> HttpResponse:
        if isinstance(request.user, User):
            return view(request, slug)
        if request.method == "POST":
            typed = {name: request.POST[name] for name in request.POST if name not in (CSRF_FIELD, ONCE_FIELD)}
            if sum(map(len, typed.values())) <= MAX_TYPED:
                request.session[TYPED] = {"tool": slug, "values": typed}
        answer = redirect_to_login(request.path if request.method == "POST" else request.get_full_path())
        return HttpResponseClientRedirect(answer.url) if "HX-Request" in request.headers else answer

    return page


@takes_files
@keeps_what_was_typed
def tool_page(request: SignedIn, slug: str) -> HttpResponse:
    """The form of a tool beside what it has made; a POST starts a job."""
    tool = registry.get_or_404(slug)
    if request.method != "POST":
        form = tool.form_class(initial=_initial(request, tool), user=request.user)
        return render(request, tool.template, _page(request, tool, form))
    storage.refuse_full(request.user)  # before anything that is sent is decoded
    asked = batch.read(tool, request.POST, request.FILES, user=request.user)
    form = asked.form
    if asked.params:
        try:
            job = _submit(request, tool, asked)
        except StudioError as error:
            form.add_error(None, error.public_text)
            form.refused_by_plan = error.code == NotInPlan.code
        else:
            if not request.htmx:
                return redirect(job.group if asked.batch and job.group else tool)
            instant = tool.is_instant(asked.params[0])
            told = {"tool": tool, "job": job, "once": uuid.uuid4().hex, "instant": instant}
            return render(request, "tools/started.html", told)
    template = f"{tool.template}#panel" if request.htmx else tool.template
    return render(request, template, _page(request, tool, form), status=422)


def _submit(request: SignedIn, tool: Tool, asked: batch.Asked) -> Generation:
    """Start what a form asks for; of a batch, the job that stands for it is returned."""
    key = _once(request)
    if not asked.batch:
        return services.submit(request.user, tool, asked.params[0], idempotency_key=key)
    group = services.submit_batch(request.user, tool, asked.title, asked.params, idempotency_key=key)
    return Generation.objects.filter(group=group, deleted_at=None).with_batches().order_by("created_at", "pk")[0]


@takes_files
@login_required
@require_POST
def tool_preset(request: SignedIn, slug: str) -> HttpResponse:
    """Put a preset into a tool's form as it is filled in (`use`), or save what it says as one (`save`)."""
    tool = registry.get_or_404(slug)
    if not presets.takes(tool) or not {"use", "save"} & request.POST.keys():
        raise Http404
    shared, own = batch.split(request.POST)
    given, problem = shared.dict(), ""
    try:
        if "use" in request.POST:
            known = list(Preset.objects.of(request.user))
            preset = next((each for each in known if str(each.pk) == request.POST["use"]), None)
            if preset is None:
                raise Http404
            given, said = presets.applied(preset, tool, given, known), _("“%(name)s” is in the form.")
        else:
            preset, said = (
                presets.save(request.user, tool, given),
                _("Saved as “%(name)s”: give it words under Edit presets."),
            )
        message = said % {"name": preset.name}
    except StudioError as error:
        message = problem = error.public_text
    form = tool.form_class(initial=given, user=request.user)
    context = _page(request, tool, form, own.dict())
    if request.htmx:
        told = {"panel": f"{tool.template}#panel", "swapped": True, "message": message}
        return render(request, "tools/preset_used.html", context | told)
    (messages.error if problem else messages.success)(request, message)
    return render(request, tool.template, context)


@takes_files
@require_http_methods(["GET", "HEAD", "POST"])
def tool_quote(request: HttpRequest, slug: str) -> HttpResponse:
    """The price and time of the form as it is filled in, or its first error; posted, with what is to be uploaded.

    An upload is held for the form, which names it from then on: each comes once.
    """
    tool = registry.get_or_404(slug)
    if not isinstance(request.user, User):
        if "HX-Request" not in request.headers:
            return redirect_to_login(tool.get_absolute_url())
        problem = _("You are signed out. Go on, and sign in: what you typed is kept.")
        return render(request, "tools/quote.html", {"tool": tool, "quote": None, "problem": problem})
    asked = batch.read(tool, request.POST or request.GET, request.FILES, user=request.user, draft=True, holds=True)
    form = asked.form
    context: dict[str, Any] = {"tool": tool, "quote": None}
    context |= _quoted(request.user, tool, asked) if asked.params else _refused(form)
    context["following"] = [each for each in form if getattr(each.field.widget, "follows", False)]
    context["notes"] = [(name, form.notes.get(name, ""), _fault(form, name)) for name in tool.inputs]
    answer = render(request, "tools/quote.html", context)
    answer["Held-Files"] = json.dumps(form.held)
    return answer


def start(request: HttpRequest) -> HttpResponse:
    """Start a job from the prompt of the landing page, after sign-up when needed; without one, open the main tool.

    A prompt with words that the model does not know is not started but put into the form, which names them and the
    price. The form begins with what was started, too. The query of the address is handed on to the tool's form.
    """
    if request.method == "POST":
        # Without the NUL: the account keeps the prompt, and PostgreSQL takes none.
        typed = tidy(request.POST.get("prompt", "").replace("\0", ""))
        if len(typed) > MAX_PENDING:
            raise StudioError(
                _("A prompt has at most %(most)d characters.") % {"most": MAX_PENDING}, code="validation_failed"
            )
        request.session[PENDING_PROMPT] = typed
        request.session[PENDING_KEY] = uuid.uuid4().hex
    if not isinstance(request.user, User):
        return redirect("account_signup")
    tool = registry.main()
    prompt, key = pending.take(request)
    first = request.user.first_prompt
    if prompt is None and not first:
        if request.GET:
            return redirect(f"{tool.get_absolute_url()}?{request.GET.urlencode()}")
        if made := starting.made_first(request.user):
            request.session[HANDED_PROMPT] = made
        return redirect(tool)
    if prompt is None:
        # It came with the sign-up, in this browser or another one, and was not started when the address was confirmed.
        prompt, problem = first, starting.make_first(request.user)
        User.objects.filter(pk=request.user.pk).update(first_prompt="")
    elif (quote := starting.quote(request.user, prompt)) and quote.unknown_words:
        problem = ""
        messages.info(request, _("Not started yet: %(model)s does not know every word.") % {"model": quote.model})
    else:
        # Two pages that open at once read the same session; the key makes one job of them.
        problem = starting.make(request.user, prompt, key and f"start:{key}")
    if problem:
        messages.error(request, problem)
    request.session[HANDED_PROMPT] = prompt
    return redirect(tool)


@login_required
@require_POST
def cancel(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """Stop a job and say what came back."""
    job = get_object_or_404(Generation.objects.of(request.user), pk=pk)
    given_back = services.cancel(job)
    return _answer(request, job, _with_credits(_("Cancelled."), given_back))


@login_required
@require_POST
def stop(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """End a job with what it has finished, and say what is kept."""
    job = services.stop(get_object_or_404(Generation.objects.of(request.user), pk=pk))
    if job.is_active:
        return _answer(request, job, _("What is finished is kept; you get the credits for the rest back."))
    return _answer(request, job, _with_credits(_("Nothing was finished yet."), job.cost))


@login_required
@require_POST
def again(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """Start a job that failed or was cancelled once more; a second click finds the job that the first has made."""
    job = get_object_or_404(Generation.objects.of(request.user), pk=pk)
    made = try_again(job)
    if request.htmx and request.htmx.current_url_abs_path != job.get_absolute_url():
        return render(request, "tools/again.html", {"job": made, "about": job.pk})
    if request.htmx:
        response: HttpResponse = HttpResponseClientRedirect(made.get_absolute_url())
        return response
    return redirect(_tool_url(made))


@login_required
@require_POST
def cancel_group(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """Stop a job and all others of its group that have not ended, and say what came back."""
    job = get_object_or_404(Generation.objects.of(request.user).select_related("group"), pk=pk, group__isnull=False)
    assert job.group is not None
    given_back = services.cancel_group(job.group)
    messages.success(request, _with_credits(_("Cancelled."), given_back))
    return redirect(job.group if job.group.is_batch else job)


@login_required
@require_POST
def rename(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """Give a job the title that its owner wants; without one it has that of its prompt again."""
    job = get_object_or_404(Generation.objects.of(request.user), pk=pk)
    services.rename(job, request.POST.get("title", ""))
    messages.success(request, _("Saved."))
    return redirect(job)


@login_required
@require_POST
def delete(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """Move a job to the trash; it can be restored for a few days."""
    job = get_object_or_404(Generation.objects.of(request.user), pk=pk)
    services.delete(job)
    on_its_page = request.htmx.current_url_abs_path == job.get_absolute_url()
    said, undo = picks.deleted(1), picks.undo(reverse("tools:restore", args=[job.pk]))
    if request.htmx and not on_its_page:
        return render(request, "tools/deleted.html", {"job": job, "message": said, "restore": undo, **_shelf(request)})
    messages.success(request, said, extra_tags=undo)
    if on_its_page:
        response: HttpResponse = HttpResponseClientRedirect(reverse("library:library"))
        return response
    return redirect(_tool_url(job))


@login_required
@require_POST
def restore(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """Take a job out of the trash."""
    job = get_object_or_404(Generation.objects.filter(user=request.user), pk=pk)
    services.restore(job)
    return _answer(request, job, _("Restored."))


def _with_credits(done: str, credits: int) -> str:
    """Say what was done, and how many credits came back."""
    back = ngettext(
        "%(number)d credit is back in your wallet.", "%(number)d credits are back in your wallet.", credits
    ) % {"number": credits}
    return f"{done} {back}"


def _answer(request: SignedIn, job: Generation, message: str) -> HttpResponse:
    """The card as it is now, with a toast; the page it came from without JavaScript."""
    job = Generation.objects.with_assets().get(pk=job.pk)
    if request.htmx:
        return render(request, "tools/changed.html", {"job": job, "message": message, **_shelf(request)})
    messages.success(request, message)
    return redirect(_tool_url(job))


def _shelf(request: SignedIn) -> dict[str, Any]:
    """What the library that a card stands in says of itself: how much it shows, and how much is stored."""
    path, _found, query = (request.htmx.current_url_abs_path or "").partition("?")
    if path != reverse("library:library"):
        return {}
    found = filters.shown(Generation.objects.of(request.user), QueryDict(query)).faces()
    return {"count": found.count(), "share": storage.share(request.user)}


def _tool_url(job: Generation) -> str:
    tool = services.tool_of(job)
    return tool.get_absolute_url() if tool else "/"


def _page(request: SignedIn, tool: Tool, form: ToolForm, of_batch: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What the page of a tool shows; `of_batch` is what its form says of a batch."""
    mine = Generation.objects.of(request.user).filter(tool=tool.slug)
    jobs = on_stage(mine.faces().with_batches()[:STAGE_SIZE])
    quoted: dict[str, Any] = {"quote": None}
    if form.is_bound:
        quoted |= _refused(form)
    else:
        form.batch = BatchForm(tool, initial=of_batch) if tool.batches else None
        draft = tool.form_class(_data(form), user=request.user, draft=True)
        if draft.is_valid():
            quoted = _quoted(request.user, tool, batch.Asked(draft, [draft.params]))
    context = {"tool": tool, "form": form, "jobs": jobs, "once": uuid.uuid4().hex}
    if presets.takes(tool):
        context["presets"] = [(each, presets.gone(each)) for each in Preset.objects.of(request.user)]
        context["preset_url"] = reverse("tools:tool_preset", args=[tool.slug])
    return context | quoted | tool.page_context(form)


def _refused(form: ToolForm) -> dict[str, Any]:
    """The first thing that is wrong with a form; what is only not there yet is no problem."""
    if form.batch and (wrong := registry.first_error(form.batch)):
        return {"problem": wrong, "refused_by_plan": form.refused_by_plan}
    missing = all(error.code == "required" for each in form.errors.as_data().values() for error in each)
    return {} if missing else {"problem": registry.first_error(form)}


def _fault(form: ToolForm, name: str) -> str:
    """The first thing that is wrong with one field, or an empty text; what is only not there yet is no fault."""
    wrong = [error for error in form.errors.as_data().get(name, ()) if error.code != "required"]
    return str(form.errors[name][0]) if wrong else ""


def _quoted(user: User, tool: Tool, asked: batch.Asked) -> dict[str, Any]:
    """The quote of a form that fits, and the credits that its user lacks for it, or what their plan lacks."""
    try:
        now = None
        for params in asked.params:
            now = services.require(user, tool, params, now)
    except NotInPlan as error:
        return {"quote": None, "problem": error.message, "refused_by_plan": True}
    first = asked.params[0]
    quote = services.quote_batch(tool, asked.params) if asked.batch else services.quote(tool, first)
    balance = billing.balance(user)
    lacking = max(0, quote.credits - balance)
    fitting = tool.fitting(first, balance) if lacking and not asked.batch else ""
    return {"quote": quote, "lacking": lacking, "fitting": fitting, "skipped": asked.skipped}


def _once(request: SignedIn) -> str:
    """The key of a form that was sent: the same for the same form with the same values, empty without its word.

    It changes once its job is lost or deleted: whoever sends the form again then wants another one.
    """
    once = request.POST.get(ONCE_FIELD, "")
    if not once:
        return ""
    sent = {name: request.POST.getlist(name) for name in request.POST if name != CSRF_FIELD}
    files = {name: [(file.name, file.size) for file in request.FILES.getlist(name)] for name in request.FILES}
    digest = hashlib.sha256(json.dumps([request.path, sent, files], sort_keys=True).encode()).hexdigest()
    return key_of_try(request.user, f"page:{digest}:")


def on_stage(jobs: Iterable[Generation]) -> list[Generation]:
    """Order jobs as the stage shows them: what is being made first, what waits in its turn, then the newest that ended.

    static/js/stage.js keeps this order while the page is open.
    """
    place: dict[str, int] = {status: number for number, status in enumerate(STAGE_ORDER)}
    return sorted(
        jobs,
        key=lambda job: (
            place.get(job.status, len(place)),
            job.created_at.timestamp() if job.is_active else -job.created_at.timestamp(),
        ),
    )


def _initial(request: SignedIn, tool: Tool) -> dict[str, Any]:
    """What the form starts with: a prompt that `start` hands over, a remixed job, or what the address hands over."""
    handed = {name: request.GET[name] for name in (*tool.prefill, *tool.inputs) if request.GET.get(name)}
    if prompt := taken_prompt(request):
        return handed | {"prompt": prompt}
    if (chosen := as_uuid(request.GET.get("preset", ""))) and presets.takes(tool):
        preset = Preset.objects.of(request.user).filter(pk=chosen).first()
        try:
            return presets.applied(preset, tool, handed) if preset else handed
        except StudioError as error:
            messages.error(request, error.public_text)
    typed = request.session.get(TYPED) if request.method == "GET" else None
    if typed and typed["tool"] == tool.slug:
        del request.session[TYPED]
        messages.info(request, _("You were signed out. What you typed is still here."))
        return {name: value for name, value in typed["values"].items() if name in tool.form_class.base_fields}
    source = request.GET.get("from", "")
    if source:
        try:
            job = Generation.objects.of(request.user).get(pk=uuid.UUID(source), tool=tool.slug)
            brought = {given.name: str(given.asset_id) for given in job.inputs.all() if given.asset_id}
            return (
                {**job.params} | brought | {name: request.GET[name] for name in tool.prefill if request.GET.get(name)}
            )
        except (ValueError, Generation.DoesNotExist):
            messages.error(request, _("That is not in your library, so its settings cannot be used."))
    return handed


def taken_prompt(request: HttpRequest) -> str:
    """Take the prompt out of the session that is for the page that opens now; empty without one."""
    return str(request.session.pop(HANDED_PROMPT, "")) if request.method == "GET" else ""


def _data(form: ToolForm) -> dict[str, Any]:
    """What a form would send as it stands on the page."""
    stands = form.page_data() | dict(form.initial)
    return {name: value for name, value in stands.items() if name in form.fields}
