"""Tool pages, and what a user does to a job."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from apps.accounts.http import PENDING_KEY, PENDING_PROMPT, SignedIn
from apps.accounts.models import User
from apps.bodies import takes_files
from apps.errors import StudioError
from apps.library import storage
from apps.library.models import Generation
from apps.tools import registry, services
from apps.tools.registry import Tool, ToolForm

STAGE_SIZE = 12
MAX_PENDING = 2000  # characters of a prompt that the session keeps while somebody signs up
# Where the session keeps it for the form when it made no job: an address of 2000 letters can be too long, with 18 kB.
REFUSED_PROMPT = "refused_prompt"


def all_tools(request: HttpRequest) -> HttpResponse:
    """Every tool: the popular ones first, the others by category."""
    popular = [tool for tool in registry.tools() if tool.popular]
    others = {name: [tool for tool in tools if not tool.popular] for name, tools in registry.by_category().items()}
    groups = [{"title": title, "tools": tools} for title, tools in ({_("Popular"): popular} | others).items() if tools]
    return render(request, "tools/all.html", {"groups": groups})


@takes_files
@login_required
def tool_page(request: SignedIn, slug: str) -> HttpResponse:
    """The form of a tool beside what it has made; a POST starts a job."""
    tool = registry.get_or_404(slug)
    sent: tuple[Any, ...] = ()
    if request.method == "POST":
        storage.refuse_full(request.user)  # before anything that is sent is decoded
        sent = (request.POST, request.FILES)
    form = tool.form_class(*sent, initial=_initial(request, tool), user=request.user)
    job = None
    if form.is_valid():
        try:
            job = services.submit(request.user, tool, form.params)
        except StudioError as error:
            form.add_error(None, error.public_text)
        else:
            if not request.htmx:
                return redirect(tool)
            return render(request, "tools/started.html", {"tool": tool, "job": job})
    status = 422 if form.is_bound else 200
    template = f"{tool.template}#panel" if request.htmx and form.is_bound else tool.template
    return render(request, template, _page(request, tool, form), status=status)


@takes_files
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def tool_quote(request: SignedIn, slug: str) -> HttpResponse:
    """The price and time of the form as it is filled in, or its first error; posted, with what is to be uploaded."""
    tool = registry.get_or_404(slug)
    form = tool.form_class(request.POST or request.GET, request.FILES, user=request.user, draft=True)
    context: dict[str, Any] = {"tool": tool, "quote": None}
    if form.is_valid():
        context["quote"] = services.quote(tool, form.params)
    elif not all(error.code == "required" for each in form.errors.as_data().values() for error in each):
        context["problem"] = _first_error(form)  # what is only not there yet is no problem
    return render(request, "tools/quote.html", context)


def start(request: HttpRequest) -> HttpResponse:
    """Start a job from the prompt of the landing page, after sign-up when needed; without one, open the main tool.

    The query of the address is handed on to the tool's form.
    """
    if request.method == "POST":
        prompt = request.POST.get("prompt", "")
        if len(prompt) > MAX_PENDING:
            raise StudioError(f"A prompt has at most {MAX_PENDING} characters.", code="validation_failed")
        request.session[PENDING_PROMPT] = prompt.strip()
        request.session[PENDING_KEY] = uuid.uuid4().hex
    if not isinstance(request.user, User):
        return redirect("account_signup")
    tool = registry.main()
    prompt, key = request.session.pop(PENDING_PROMPT, None), request.session.pop(PENDING_KEY, "")
    if prompt is None:
        return redirect(f"{tool.get_absolute_url()}?{request.GET.urlencode()}" if request.GET else tool)
    form = tool.form_class(tool.form_class.page_data() | {"prompt": prompt}, user=request.user)
    problem = _first_error(form)
    if not problem:
        try:
            # Two pages that open at once read the same session; the key makes one job of them.
            services.submit(request.user, tool, form.params, idempotency_key=key and f"start:{key}")
        except StudioError as error:
            problem = error.public_text
    if not problem:
        return redirect(tool)
    messages.error(request, problem)
    request.session[REFUSED_PROMPT] = prompt
    return redirect(tool)


@login_required
@require_POST
def cancel(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """Stop a job and say what came back."""
    job = get_object_or_404(Generation.objects.of(request.user), pk=pk)
    given_back = services.cancel(job)
    return _answer(request, job, f"Cancelled. {given_back} credits are back in your wallet.")


@login_required
@require_POST
def stop(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """End a job with what it has finished, and say what is kept."""
    job = services.stop(get_object_or_404(Generation.objects.of(request.user), pk=pk))
    if job.is_active:
        return _answer(request, job, "What is finished is kept; what the rest costs comes back.")
    return _answer(request, job, f"Nothing was finished yet. {job.cost} credits are back in your wallet.")


@login_required
@require_POST
def cancel_group(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """Stop a job and all others of its group that have not ended, and say what came back."""
    job = get_object_or_404(Generation.objects.of(request.user).select_related("group"), pk=pk, group__isnull=False)
    assert job.group is not None
    given_back = services.cancel_group(job.group)
    messages.success(request, f"Cancelled. {given_back} credits are back in your wallet.")
    return redirect(job)


@login_required
@require_POST
def delete(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """Move a job to the trash; it can be brought back for a few days."""
    job = get_object_or_404(Generation.objects.of(request.user), pk=pk)
    services.delete(job)
    on_its_page = request.htmx.current_url_abs_path == job.get_absolute_url()
    if request.htmx and not on_its_page:
        return render(request, "tools/deleted.html", {"job": job})
    messages.success(request, "Deleted.", extra_tags=f"restore:{job.pk}")
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
    return _answer(request, job, "Brought back.")


def _answer(request: SignedIn, job: Generation, message: str) -> HttpResponse:
    """The card as it is now, with a toast; the page it came from without JavaScript."""
    job = Generation.objects.with_assets().get(pk=job.pk)
    if request.htmx:
        return render(request, "tools/changed.html", {"job": job, "message": message})
    messages.success(request, message)
    return redirect(_tool_url(job))


def _first_error(form: ToolForm) -> str:
    """The first thing that does not fit; empty when all does."""
    return next((str(error) for errors in form.errors.values() for error in errors), "")


def _tool_url(job: Generation) -> str:
    tool = services.tool_of(job)
    return tool.get_absolute_url() if tool else "/"


def _page(request: SignedIn, tool: Tool, form: ToolForm) -> dict[str, Any]:
    jobs = Generation.objects.of(request.user).filter(tool=tool.slug).with_assets()[:STAGE_SIZE]
    draft = form if form.is_bound else tool.form_class(_data(form), user=request.user, draft=True)
    quote = services.quote(tool, draft.params) if draft.is_valid() else None
    return {"tool": tool, "form": form, "jobs": jobs, "quote": quote, **tool.page_context}


def _initial(request: SignedIn, tool: Tool) -> dict[str, Any]:
    """What the form starts with: a prompt that `start` could not use, a remixed job, or what the address hands over."""
    if request.method == "GET" and (refused := request.session.pop(REFUSED_PROMPT, "")):
        return {"prompt": refused}
    source = request.GET.get("from", "")
    if source:
        try:
            job = Generation.objects.of(request.user).get(pk=uuid.UUID(source), tool=tool.slug)
            return {**job.params} | {given.name: str(given.asset_id) for given in job.inputs.all() if given.asset_id}
        except (ValueError, Generation.DoesNotExist):
            messages.error(
                request, f"That {tool.noun} is not in your library any more, so its settings cannot be used."
            )
    return {name: request.GET[name] for name in (*tool.prefill, *tool.inputs) if request.GET.get(name)}


def _data(form: ToolForm) -> dict[str, Any]:
    """What a form would send as it stands on the page."""
    stands = form.page_data() | dict(form.initial)
    return {name: value for name, value in stands.items() if name in form.fields}
