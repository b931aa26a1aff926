"""People and their keys to the API."""

import hashlib
import secrets
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class LowerEmailField(models.EmailField):  # type: ignore[type-arg]
    """An email address in lower case, in rows and in what they are looked up by: people type it as they like."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return value.lower() if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self.get_prep_value(getattr(model_instance, self.attname))
        setattr(model_instance, self.attname, value)
        return value


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A person who signs in with an email address; without a password they can only use a link."""
        if not email:
            raise ValueError("A user needs an email address.")
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A person who may do everything. Whoever makes one on the command line vouches for the address."""
        user = self.create_user(email, password, is_staff=True, is_superuser=True, **fields)
        user.confirm_address()
        return user


class User(AbstractUser):
    """Someone with an account. The email address is the name they sign in with."""

    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = LowerEmailField(_("email address"), unique=True)
    name = models.CharField(_("display name"), max_length=80, blank=True)
    first_prompt = models.TextField(
        blank=True, default="", editable=False, help_text="Typed before signing up, until its film is started."
    )
    activity_seen_at = models.DateTimeField(
        default=timezone.now, help_text="When they last looked at their activity, on any device."
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique_ci")]

    def __str__(self) -> str:
        return self.name or self.email

    def confirm_address(self) -> None:
        """Note that the address is this person's, without a mail."""
        from allauth.account.models import EmailAddress  # needs the model of users

        confirmed = {"verified": True, "primary": True}
        EmailAddress.objects.update_or_create(user=self, email=self.email, defaults=confirmed)

    def get_full_name(self) -> str:
        return str(self)

    def get_short_name(self) -> str:
        return self.name or self.email.partition("@")[0]


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def of(self, user: User) -> "ApiTokenQuerySet":
        return self.filter(user=user, revoked_at=None)

    def issue(self, user: User, name: str) -> tuple["ApiToken", str]:
        """A new token and its secret, which exists only in this return value."""
        secret = f"cv_{secrets.token_urlsafe(32)}"
        return self.create(user=user, name=name, preview=secret[:8], digest=digest(secret)), secret

    def authenticate(self, secret: str) -> "ApiToken | None":
        """The live token of this secret, its last use noted; None when there is none."""
        token = self.select_related("user").filter(digest=digest(secret), revoked_at=None, user__is_active=True).first()
        if token and (token.last_used_at is None or (timezone.now() - token.last_used_at).total_seconds() > 60):
            self.filter(pk=token.pk).update(last_used_at=timezone.now())
        return token

    def revoke(self) -> int:
        """Stop these tokens from working, at once and for good. Returns how many did."""
        return self.filter(revoked_at=None).update(revoked_at=timezone.now())


class ApiToken(models.Model):
    """A key to the API. Only its digest is stored: 256 random bits need no salt."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=60)
    preview = models.CharField(max_length=8)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.preview}…)"


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
