"""What the OpenAPI document says beside what the views say: examples that run, and the names of the groups."""

from typing import Any

from django.conf import settings

from apps.reference.examples import answer, examples


def add_examples(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add the examples of the API page to the bodies and the answers of the document."""
    for operations in result["paths"].values():
        for operation in operations.values():
            for place, example in enumerate(examples(operation["operationId"])):
                told = {"summary": str(example.title)}
                bodies = operation.get("requestBody", {}).get("content", {})
                media, sent = (
                    ("application/json", example.body) if example.body else ("multipart/form-data", example.form)
                )
                if sent and media in bodies:
                    bodies[media].setdefault("examples", {})[f"example-{place}"] = told | {"value": dict(sent)}
                given = answer(operation["operationId"], place, settings.SITE_URL)
                for body in operation["responses"].get(str(example.status), {}).get("content", {}).values():
                    if given is not None:
                        body.setdefault("examples", {})[f"example-{place}"] = told | {"value": given}
    return result
