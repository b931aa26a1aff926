"""How a library is searched and sorted."""

import django_filters
from django.db.models import Q, QuerySet

from apps.library.models import Generation

Status = Generation.Status
SHOW = {
    "completed": (Status.SUCCEEDED,),
    "processing": Generation.ACTIVE,
    "failed": (Status.FAILED, Status.CANCELLED),
}


class LibraryFilter(django_filters.FilterSet):
    """`?q=` in the title or the prompt, `?show=completed|processing|failed`, `?sort=new|old`."""

    q = django_filters.CharFilter(method="filter_words")
    show = django_filters.ChoiceFilter(choices=[(key, key.title()) for key in SHOW], method="filter_show")
    sort = django_filters.ChoiceFilter(choices=[("new", "Newest"), ("old", "Oldest")], method="filter_sort")

    class Meta:
        model = Generation
        fields: list[str] = []

    def filter_words(self, jobs: QuerySet[Generation], name: str, value: str) -> QuerySet[Generation]:
        # The title is the beginning of the prompt, or what stands for one.
        return jobs.filter(Q(title__icontains=value) | Q(params__prompt__icontains=value))

    def filter_show(self, jobs: QuerySet[Generation], name: str, value: str) -> QuerySet[Generation]:
        return jobs.filter(status__in=SHOW[value])

    def filter_sort(self, jobs: QuerySet[Generation], name: str, value: str) -> QuerySet[Generation]:
        return jobs.order_by("created_at" if value == "old" else "-created_at")
