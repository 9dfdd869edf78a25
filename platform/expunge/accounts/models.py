"""Controllers, users, the roles users hold per controller, and API tokens."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models

from expunge.common.models import BaseModel


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
    """A person who signs in."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200)
    is_active = models.BooleanField(default=True)
    time_zone = models.CharField(max_length=64, default="Europe/Berlin")

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a person does for a controller."""

    DPO = "dpo", "Data-protection officer"
    APPROVER = "approver", "Approver"
    ENGINEER = "engineer", "ML engineer"
    AUDITOR = "auditor", "Auditor"
    ADMINISTRATOR = "administrator", "Administrator"


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
