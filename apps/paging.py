"""Pages of a long list by cursor: the last row of a page says where the next one begins.

Whatever comes and goes meanwhile, no row is shown twice and none is left out, and the last page costs as much as the
first.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from django.core import signing
from django.db.models import Model, Q, QuerySet
from rest_framework import exceptions
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

Row = TypeVar("Row", bound=Model)
SALT = "apps.paging"
AFTER, BEFORE = "after", "before"  # the parameters of an address


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a list. `before` and `after` are the cursors of its neighbours, empty where there are none."""

    rows: list[Row]
    before: str = ""
    after: str = ""

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def page(rows: "QuerySet[Row]", query: Mapping[str, str], by: str, size: int) -> Page[Row]:
    """Return the page of an address, or the first one where its cursor cannot be used.

    `by` is a column, with a minus where the highest come first. Rows that are alike in it are sorted by their keys.
    """
    for name in (AFTER, BEFORE):
        if place := _place(query.get(name, ""), by, rows.model):
            found, more = _read(rows, by, size, place, backwards=name == BEFORE)
            if name == AFTER and found:
                return Page(found, _cursor(found[0], by), _cursor(found[-1], by) if more else "")
            if name == BEFORE and more:
                return Page(found, _cursor(found[0], by), _cursor(found[-1], by))
            break  # nothing follows any more, or the list begins within this page: then it is the first one
    found, more = _read(rows, by, size)
    return Page(found, "", _cursor(found[-1], by) if more else "")


def _read(
    rows: "QuerySet[Row]", by: str, size: int, place: tuple[Any, Any] | None = None, backwards: bool = False
) -> tuple[list[Row], bool]:
    """Return up to `size` rows beyond a place, and whether there are more beyond these."""
    column, falls = by.removeprefix("-"), by.startswith("-") != backwards
    if place:
        value, key = place
        beyond = "lt" if falls else "gt"
        # The first condition alone is what an index can begin with.
        rows = rows.filter(
            Q((f"{column}__{beyond}e", value)) & (Q((f"{column}__{beyond}", value)) | Q((f"pk__{beyond}", key)))
        )
    sign = "-" if falls else ""
    found = list(rows.order_by(f"{sign}{column}", f"{sign}pk")[: size + 1])
    more, found = len(found) > size, found[:size]
    return (found[::-1] if backwards else found), more


def _cursor(row: Model, by: str) -> str:
    value = getattr(row, by.removeprefix("-"))
    place = [by, value.isoformat() if isinstance(value, datetime) else value, str(row.pk)]
    return signing.dumps(place, salt=_salt(type(row)))


def _place(cursor: str, by: str, model: type[Model]) -> tuple[Any, Any] | None:
    """Return the place that a cursor of ours names in a list of such rows, in this order; None for any other."""
    try:
        order, value, key = signing.loads(cursor, salt=_salt(model)) if cursor else ("", None, None)
    except (signing.BadSignature, ValueError):
        return None
    if order != by:
        return None
    return (datetime.fromisoformat(value) if isinstance(value, str) else value), key


def _salt(model: type[Model]) -> str:
    """Cursors are good for lists of the same kind of rows: the keys of others are of another type."""
    return f"{SALT}.{model._meta.label}"


class NewestFirst(CursorPagination):
    """Pages of a list, newest first. Raises ValidationError for a `cursor` or `page_size` that cannot be used."""

    ordering = "-created_at"
    page_size_query_param = "page_size"
    max_page_size = 100

    @property
    def names(self) -> set[str]:
        """The parameters of the address that it reads."""
        return {self.cursor_query_param, self.page_size_query_param}

    def decode_cursor(self, request: Request) -> Any:
        try:
            cursor = super().decode_cursor(request)
            if cursor == Cursor(0, False, None) and request.query_params[self.cursor_query_param]:
                raise ValueError("It says nothing, and would lead to the first page.")
            if cursor and cursor.position is not None:
                # As a moment in UTC, which every database can compare with.
                moment = datetime.fromisoformat(str(cursor.position)).astimezone(UTC)
                cursor = Cursor(cursor.offset, cursor.reverse, str(moment))  # type: ignore[arg-type]
        except (exceptions.NotFound, ValueError, OverflowError) as error:
            text = "This is no cursor of ours: take the addresses in `next` and `previous` as they are."
            raise exceptions.ValidationError({self.cursor_query_param: [text]}) from error
        return cursor

    def get_page_size(self, request: Request) -> int:
        text = request.query_params.get(self.page_size_query_param)
        if text is None:
            return int(self.page_size or self.max_page_size)
        if not re.fullmatch("0*[0-9]{1,3}", text) or not 0 < int(text[-3:]) <= self.max_page_size:
            text = f"A page has 1 to {self.max_page_size} results."
            raise exceptions.ValidationError({self.page_size_query_param: [text]})
        return int(text[-3:])

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for each in parameters:
            if each["name"] == self.page_size_query_param:
                each["schema"] |= {"minimum": 1, "maximum": self.max_page_size}
        return parameters
