"""How every form of the site is drawn."""

from django.forms.renderers import TemplatesSetting


class StudioFormRenderer(TemplatesSetting):
    """All fields through one template, with label, help and errors tied to the control."""

    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"
