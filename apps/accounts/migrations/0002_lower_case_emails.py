import apps.accounts.models
from django.db import migrations


def lower_case(registry, schema_editor):
    """Write every address in lower case, which is how it is looked up.

    Where two rows then are one: a user's own twins are joined, an address stays confirmed for the user who confirmed it
    first, and of two users (possible only with letters that the database does not fold) the older one keeps it.
    """
    User = registry.get_model("accounts", "User")
    for user in User.objects.order_by("pk").only("pk", "email").iterator():
        lower = user.email.lower()
        if lower == user.email:
            continue
        if User.objects.filter(email=lower).exclude(pk=user.pk).exists():
            print(f"\n  User {user.pk} keeps an address with capitals: another user has it without.")
            continue
        User.objects.filter(pk=user.pk).update(email=lower)

    EmailAddress = registry.get_model("account", "EmailAddress")
    for address in EmailAddress.objects.order_by("-verified", "pk"):
        lower = address.email.lower()
        if lower == address.email:
            continue
        taken = EmailAddress.objects.filter(email=lower, verified=True).exclude(user_id=address.user_id).exists()
        twin = EmailAddress.objects.filter(user_id=address.user_id, email=lower).first()
        if twin:
            address.delete()
        EmailAddress.objects.filter(pk=(twin or address).pk).update(
            email=lower,
            verified=(address.verified and not taken) or bool(twin and twin.verified),
            primary=address.primary or bool(twin and twin.primary),
        )


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [
        migrations.RunPython(lower_case, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            model_name="user",
            name="email",
            field=apps.accounts.models.LowerEmailField(max_length=254, unique=True, verbose_name="e-mail address"),
        ),
    ]
