"""Controllers and their policies, users, the roles users hold, and API tokens."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from expunge.common.models import BaseModel, ImmutableModel


class Controller(BaseModel):
    """An organisation that decides why and how personal data is used (GDPR Art. 4(7)).

    ``country`` and ``subdivision`` pick the holiday calendar of its establishment; dates of
    receipt are taken in ``time_zone``.
    """

    name = models.CharField(max_length=200, unique=True)
    country = models.CharField(max_length=2, default="DE")
    subdivision = models.CharField(max_length=10, blank=True)
    time_zone = models.CharField(max_length=64, default="Europe/Berlin")

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    """Creates users by their mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Store a new user with a hashed password."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(BaseModel, AbstractBaseUser, PermissionsMixin):
    """A person who signs in. An empty ``language`` follows the browser's."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200)
    is_active = models.BooleanField(default=True)
    time_zone = models.CharField(max_length=64, default="Europe/Berlin")
    language = models.CharField(max_length=10, blank=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a person does for a controller."""

    DPO = "dpo", _("Data-protection officer")
    APPROVER = "approver", _("Approver")
    ENGINEER = "engineer", _("ML engineer")
    AUDITOR = "auditor", _("Auditor")
    ADMINISTRATOR = "administrator", _("Administrator")
    DEPLOYER = "deployer", _("Model deployer")


class Membership(BaseModel):
    """A role a user holds for one controller."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    controller = models.ForeignKey(Controller, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "controller", "role"], name="one_role_once"),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} at {self.controller}"


class ApiToken(BaseModel):
    """A bearer token of one user for one controller; only its digest is stored."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    controller = models.ForeignKey(Controller, on_delete=models.CASCADE)
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)
    digest = models.BinaryField(max_length=32, unique=True)
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


def _second_factor_roles() -> list[str]:
    return list(settings.EXPUNGE_SECOND_FACTOR_ROLES)


class ControllerPolicy(ImmutableModel):
    """What an organisation chose, written once: a change is a new row with the next number.

    The defaults hold for an organisation that never chose. ``ladder`` names the methods that may
    be tried (empty: all of the platform's), ``profile`` what a new ticket must show unless it
    says otherwise, ``batch_window_minutes`` how long approved work waits for company (0: not at
    all), ``retention_months`` how long the proof of a GDPR request is kept.
    """

    controller = models.ForeignKey(Controller, on_delete=models.CASCADE, related_name="policies")
    number = models.PositiveIntegerField()
    changed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    profile = models.CharField(max_length=40, default="erasure")
    ladder = ArrayField(models.CharField(max_length=60), default=list)
    batch_window_minutes = models.PositiveIntegerField(default=0)
    identity_expiry_days = models.PositiveIntegerField(default=30)
    retention_months = models.PositiveIntegerField(default=36)
    second_factor_roles = ArrayField(
        models.CharField(max_length=20, choices=Role.choices), default=_second_factor_roles
    )
    public_intake = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["controller", "number"], name="policy_number_once"),
        ]

    def __str__(self) -> str:
        return f"policy {self.number} of {self.controller_id}"
