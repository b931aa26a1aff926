"""The plans and packs that a new studio begins with. Its operator changes them in the administration."""

from typing import Any

PLANS: dict[str, dict[str, Any]] = {
    "free": {"title": "Free", "credits": 300, "price": 0, "order": 10},
    "pro": {"title": "Pro", "credits": 1000, "price": 1999, "lookup_key": "cinevivid_pro", "order": 20},
    "business": {"title": "Business", "credits": 3000, "price": 4999, "lookup_key": "cinevivid_business", "order": 30},
    "enterprise": {
        "title": "Enterprise", "credits": 10000, "price": 14999, "lookup_key": "cinevivid_enterprise", "order": 40,
    },
    # Everybody's plan in a studio without payments.
    "studio": {"title": "Studio", "credits": 0, "price": 0, "order": 100, "is_public": False},
}  # fmt: skip
TOPUPS: dict[str, dict[str, Any]] = {
    "small": {"title": "Small pack", "credits": 500, "price": 1199, "lookup_key": "cinevivid_small", "order": 10},
    "medium": {"title": "Medium pack", "credits": 1500, "price": 3299, "lookup_key": "cinevivid_medium", "order": 20},
    "large": {"title": "Large pack", "credits": 5000, "price": 9999, "lookup_key": "cinevivid_large", "order": 30},
}


def fill(plans: Any, topups: Any) -> None:
    """Make the plans and the packs of a database that has none, given both models."""
    for model, rows in ((plans, PLANS), (topups, TOPUPS)):
        if not model.objects.exists():
            model.objects.bulk_create(model(slug=slug, **row) for slug, row in rows.items())
