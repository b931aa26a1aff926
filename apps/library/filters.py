"""How a library is searched and sorted."""

import django_filters
from django.db.models import QuerySet

from apps.library.models import Generation
from apps.text import folded

LONGEST = 4000  # characters; no title with its prompt has more, and SQLite compares no more than 50,000 bytes
Status = Generation.Status
SHOW = {
    "completed": (Status.SUCCEEDED,),
    "processing": Generation.ACTIVE,
    "failed": (Status.FAILED, Status.CANCELLED),
}


class LibraryFilter(django_filters.FilterSet):
    """`?q=` in the title or the prompt, in either case, `?show=completed|processing|failed`, `?sort=new|old`."""

    q = django_filters.CharFilter(method="filter_words")
    show = django_filters.ChoiceFilter(choices=[(key, key.title()) for key in SHOW], method="filter_show")
    sort = django_filters.ChoiceFilter(choices=[("new", "Newest"), ("old", "Oldest")], method="filter_sort")

    class Meta:
        model = Generation
        fields: list[str] = []

    def filter_words(self, jobs: QuerySet[Generation], name: str, value: str) -> QuerySet[Generation]:
        words = folded(value)
        return jobs.filter(words__contains=words) if len(words) <= LONGEST else jobs.none()

    def filter_show(self, jobs: QuerySet[Generation], name: str, value: str) -> QuerySet[Generation]:
        return jobs.filter(status__in=SHOW[value])

    def filter_sort(self, jobs: QuerySet[Generation], name: str, value: str) -> QuerySet[Generation]:
        return jobs.order_by("created_at" if value == "old" else "-created_at")
