"""How a library is searched and sorted."""

import django_filters
from django.db.models import QuerySet

from apps.library.models import Generation

Status = Generation.Status
SHOW = {
    "completed": (Status.SUCCEEDED,),
    "processing": Generation.ACTIVE,
    "failed": (Status.FAILED, Status.CANCELLED),
}


class LibraryFilter(django_filters.FilterSet):
    """`?q=` in the title, `?show=completed|processing|failed`, `?sort=new|old`."""

    q = django_filters.CharFilter(field_name="title", lookup_expr="icontains")
    show = django_filters.ChoiceFilter(choices=[(key, key.title()) for key in SHOW], method="filter_show")
    sort = django_filters.ChoiceFilter(choices=[("new", "Newest"), ("old", "Oldest")], method="filter_sort")

    class Meta:
        model = Generation
        fields: list[str] = []

    def filter_show(self, jobs: QuerySet[Generation], name: str, value: str) -> QuerySet[Generation]:
        return jobs.filter(status__in=SHOW[value])

    def filter_sort(self, jobs: QuerySet[Generation], name: str, value: str) -> QuerySet[Generation]:
        return jobs.order_by("created_at" if value == "old" else "-created_at")
