"""Styles that a user can choose: words added to the prompt, shown on the page and in the recipe."""

STYLES: dict[str, tuple[str, str]] = {
    "realistic": ("Realistic", ""),
    "cinematic": ("Cinematic", "cinematic lighting, shallow depth of field, film grain"),
    "animated": ("Animated", "animated film, clean lines, vivid colours"),
}


def styled(prompt: str, style: str) -> str:
    """The prompt as the model gets it. Raises KeyError for a style that does not exist."""
    words = STYLES[style][1]
    return f"{prompt}, {words}" if words else prompt
