"""Form fields and widgets that more than one tool uses."""

import secrets
from typing import Any

from django import forms


class SeedInput(forms.NumberInput):
    """A seed with a dice and a lock."""

    template_name = "forms/seed.html"


class SeedField(forms.IntegerField):
    """A seed; left empty it is drawn now, so that the recipe always names the one used."""

    widget = SeedInput

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "The same seed and settings make the same film. Empty: a new one.")
        super().__init__(required=False, min_value=0, max_value=2**31 - 1, **kwargs)

    def clean(self, value: Any) -> int:
        seed = super().clean(value)
        return secrets.randbelow(2**31) if seed is None else int(seed)


class Slider(forms.NumberInput):
    """A number chosen by sliding over legal steps."""

    input_type = "range"
    template_name = "forms/slider.html"


class RatioSelect(forms.RadioSelect):
    """Aspect ratios as drawn rectangles."""

    template_name = "forms/ratio.html"


class StyleSelect(forms.RadioSelect):
    """Styles as small pictures."""

    template_name = "forms/style.html"
