"""How a library is searched and sorted."""

from collections.abc import Callable, Collection, Mapping

import django_filters
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.library.models import Asset, Generation, GenerationQuerySet
from apps.text import folded

LONGEST = 4000  # characters; no title with its prompt has more, and SQLite compares no more than 50,000 bytes
MOST_WORDS = 40
Status = Generation.Status
SHOW = {
    "completed": (Status.SUCCEEDED,),
    "processing": Generation.ACTIVE,
    "failed": (Status.FAILED, Status.CANCELLED),
}
STATES = [
    ("", _("All")),
    ("completed", _("Completed")),
    ("processing", _("In progress")),
    ("failed", _("Failed or cancelled")),
]
KINDS = [
    ("video", _("Videos")),
    ("image", _("Images")),
    ("audio", _("Sounds")),
]
SORTS = {  # what an address calls an order: its words, and its column
    "new": (_("Newest"), "-created_at"),
    "old": (_("Oldest"), "created_at"),
    "long": (_("Longest"), "-length"),
    "short": (_("Shortest"), "length"),
    "dear": (_("Most credits"), "-cost"),
    "cheap": (_("Fewest credits"), "cost"),
}
NEWEST = "new"
_titles: Callable[[], Mapping[str, str]] = dict


def register(titles: Callable[[], Mapping[str, str]]) -> None:
    """Let a search know the titles of the tools, by the names that rows have for them."""
    global _titles
    _titles = titles


def order(query: Mapping[str, str], orders: Collection[str] = SORTS.keys()) -> str:
    """Return the key of the order that an address asks for, the newest first where it asks for none that there is."""
    wanted = query.get("sort", NEWEST)
    return wanted if wanted in orders else NEWEST


def shown(jobs: GenerationQuerySet, query: Mapping[str, str]) -> GenerationQuerySet:
    """Return the jobs that a library shows whose address has this query."""
    found: GenerationQuerySet = LibraryFilter(query, queryset=jobs).qs
    return found


def searched(jobs: QuerySet[Generation], text: str) -> QuerySet[Generation]:
    """Return the jobs that have every word of a text in their title, prompt, model, or the title of their tool."""
    words = folded(text)
    if len(words) > LONGEST or len(words.split()) > MOST_WORDS:
        return jobs.none()
    tools = {slug: folded(f"{slug} {title}") for slug, title in _titles().items()}
    for word in words.split():
        of_tool = [slug for slug, told in tools.items() if word in told]
        jobs = jobs.filter(Q(words__contains=word) | Q(engine__icontains=word) | Q(tool__in=of_tool))
    return jobs


class LibraryFilter(django_filters.FilterSet):
    """`?q=` words, `?show=completed|processing|failed`, `?tool=`, and `?kind=` of what was made."""

    q = django_filters.CharFilter(method="filter_words")
    show = django_filters.ChoiceFilter(choices=STATES[1:], method="filter_show")
    tool = django_filters.CharFilter(field_name="tool", lookup_expr="exact", max_length=40)
    kind = django_filters.ChoiceFilter(choices=KINDS, method="filter_kind")

    class Meta:
        model = Generation
        fields: list[str] = []

    def filter_words(self, jobs: QuerySet[Generation], name: str, value: str) -> QuerySet[Generation]:
        return searched(jobs, value)

    def filter_show(self, jobs: QuerySet[Generation], name: str, value: str) -> QuerySet[Generation]:
        return jobs.filter(status__in=SHOW[value])

    def filter_kind(self, jobs: QuerySet[Generation], name: str, value: str) -> QuerySet[Generation]:
        return jobs.filter(Exists(Asset.objects.filter(generation=OuterRef("pk"), kind=value)))
