"""Names and texts of a request: unknown names are refused, never ignored, and texts are tidied."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.utils.datastructures import MultiValueDict
from rest_framework import serializers

from apps.text import tidy

MOST = 20  # wrong names that one answer lists
SHOWN = 60  # characters of a wrong name that an answer repeats


def misfits(given: Mapping[str, Any], known: Collection[str], lists: Collection[str] = ()) -> dict[str, list[str]]:
    """Return sentences about wrong names of a request, by name: unknown ones, and those that came more than once.

    Names in `lists` may have several values.
    """
    found: dict[str, list[str]] = {}
    for name in map(str, given):
        if len(found) == MOST:
            break
        if name not in known:
            near = difflib.get_close_matches(name[:SHOWN], known, n=1)
            shown = f"{name[:SHOWN]}…" if len(name) > SHOWN else name
            found[shown] = [f"Unknown parameter '{shown}'." + (f" Did you mean '{near[0]}'?" if near else "")]
        elif isinstance(given, MultiValueDict) and name not in lists:
            times = sum(value not in ("", None) for value in given.getlist(name))
            if times > 1:
                found[name] = [f"'{name}' came {times} times: send it once."]
    return found


def tidied(given: Mapping[str, Any], texts: Collection[str]) -> Mapping[str, Any]:
    """Return a copy of what was sent: the `texts` tidied, and null left out."""

    def each(name: str, values: Iterable[Any]) -> list[Any]:
        return [tidy(value) if name in texts and isinstance(value, str) else value for value in values]

    if isinstance(given, MultiValueDict):
        return MultiValueDict({name: each(name, values) for name, values in given.lists()})
    return {name: each(name, [value])[0] for name, value in given.items() if value is not None}


class StrictSerializer(serializers.Serializer[Any]):
    """A request's body: names that are no field are refused, texts are tidied, and null means left out."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return super().to_internal_value(data)
        if wrong := misfits(data, self.fields.keys()):
            raise serializers.ValidationError(wrong)
        texts = {name for name, field in self.fields.items() if type(field) is serializers.CharField}
        return super().to_internal_value(tidied(data, texts))
