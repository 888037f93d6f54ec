"""People who sign in, and what is known of the domains their addresses belong to."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models, transaction
from django.utils import timezone

from requests_app.audit import kinds, log
from requests_app.identity.addresses import parse


class UserManager(BaseUserManager["User"]):
    """Creates users by e-mail address; there are no user names."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save()
        return user

    @transaction.atomic
    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """What `manage.py createsuperuser` calls; one entry, for nobody gets power unrecorded."""
        user = self.create_user(email, password, is_staff=True, is_superuser=True, **fields)
        after = ["is_active", "is_staff", "is_superuser"]
        log.record(kinds.ROLES_CHANGED, by=log.OPERATOR, on=user, before=[], after=after)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """An account. An applicant is a user with a verified institutional address.

    Users are pseudonymised, never deleted: evidence refers to them with PROTECT.
    """

    email = models.EmailField("e-mail address", unique=True)
    canonical_email = models.EmailField(
        unique=True, editable=False, help_text="The address without case and plus-tag."
    )
    full_name = models.CharField(max_length=200, blank=True)
    is_staff = models.BooleanField("may enter the admin", default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)
    pseudonymised_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.full_name or self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        address = parse(self.email)
        self.email, self.canonical_email = address.normal, address.canonical
        if (fields := kwargs.get("update_fields")) and "email" in fields:
            kwargs["update_fields"] = {*fields, "canonical_email"}
        super().save(*args, **kwargs)

    def get_full_name(self) -> str:
        return self.full_name

    def get_short_name(self) -> str:
        return self.full_name or self.email

    @property
    def audit_ref(self) -> str:
        return f"user:{self.pk}"


class InstitutionDomain(models.Model):
    """What the operator, or a list the operator loaded, says of one e-mail domain."""

    class Standing(models.TextChoices):
        ALLOW = "allow", "accepted by the operator"
        DENY = "deny", "refused by the operator"
        LISTED = "listed", "listed as an institution"

    domain = models.CharField(max_length=253, unique=True, help_text="Lower-case A-labels.")
    name = models.CharField(max_length=300, blank=True)
    standing = models.CharField(max_length=8, choices=Standing)
    source = models.CharField(max_length=100, help_text="The file or person it came from.")
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("domain",)

    def __str__(self) -> str:
        return f"{self.domain} ({self.standing})"

    @property
    def audit_ref(self) -> str:
        return f"institution_domain:{self.domain}"
