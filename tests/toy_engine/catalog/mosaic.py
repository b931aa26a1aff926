from collections.abc import Mapping
from typing import Any

from django import forms

from apps.tools.fields import AssetField
from apps.tools.registry import Tool, ToolForm, register


class MosaicForm(ToolForm):
    first = AssetField("image", label="First picture", use="First picture of a mosaic", required=True)
    second = AssetField("image", label="Second picture", use="Second picture of a mosaic", required=True)
    tiles = forms.IntegerField(min_value=2, max_value=64, initial=16, label="Tiles", help_text="On each side.")


@register
class Mosaic(Tool):
    """Lay two pictures as mosaics, and a third one that has the tiles of both by turns."""

    slug = "mosaic"
    title = "Mosaic"
    tagline = "Two pictures, laid in tiles."
    icon = "squares-2x2"
    category = "Pictures"
    task = kind = "mosaic"
    queue = "cpu"
    verb = "Lay"
    noun, nouns = "mosaic", "mosaics"
    form_class = MosaicForm

    def price(self, params: Mapping[str, Any]) -> int:
        return 1 + int(params["tiles"]) // 8

    def work(self, params: Mapping[str, Any]) -> float:
        return float(params["tiles"])

    def summary(self, params: Mapping[str, Any]) -> str:
        return f"3 pictures of {params['tiles']} × {params['tiles']} tiles"
