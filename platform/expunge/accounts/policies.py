"""What an organisation chooses for itself: its settings and its policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

import holidays
from django.db import transaction
from django.utils.translation import gettext as _

from expunge.accounts.models import Controller, ControllerPolicy, Role
from expunge.accounts.permissions import Actor, Permission, controller_for
from expunge.accounts.selectors import policy_of
from expunge.accounts.signals import AccountEvent, account_announce
from expunge.common.errors import ConflictError, InvalidInputError

BOUNDS: Mapping[str, tuple[int, int]] = {
    "batch_window_minutes": (0, 7 * 24 * 60),
    "identity_expiry_days": (1, 365),
    "retention_months": (1, 240),
}
"""The least and the most of each number of a policy."""
FIELDS = (
    "profile",
    "ladder",
    *BOUNDS,
    "second_factor_roles",
    "public_intake",
)
BY_LAW = "law"
"""The choice, as a policy's profile, of whatever the law of each request asks."""
_offers: dict[str, Callable[[], Iterable[tuple[str, str]]]] = {}


def policy_offer(field: str, choices: Callable[[], Iterable[tuple[str, str]]]) -> None:
    """Let the part of the platform that knows say what ``profile`` or ``ladder`` may hold."""
    _offers[field] = choices


def policy_choices(field: str) -> tuple[tuple[str, str], ...]:
    """Return the values of ``profile`` or ``ladder`` that may be chosen, each with its words."""
    return tuple(_offers[field]()) if field in _offers else ()


@transaction.atomic
def policy_change(*, actor: Actor, controller_id: UUID, **changes: Any) -> ControllerPolicy:
    """Choose anew; what is not named stays. Choosing what holds already changes nothing.

    Raises:
        NotFoundError: ``controller_unknown``.
        InvalidInputError: ``field_unknown``, ``choice_unknown``, ``number_out_of_range``.
    """
    controller_for(actor, Permission.ADMINISTER, controller_id)
    Controller.objects.select_for_update().get(pk=controller_id)
    held = policy_of(controller_id)
    before = {name: getattr(held, name) for name in FIELDS}
    after = before | {name: _checked(name, value) for name, value in changes.items()}
    changed = sorted(name for name in FIELDS if before[name] != after[name])
    if not changed:
        return held
    policy = ControllerPolicy.objects.create(
        controller_id=controller_id, number=held.number + 1, changed_by=actor.user, **after
    )
    account_announce(
        event=AccountEvent.POLICY_CHANGED,
        actor=actor.pseudonym,
        controller_id=controller_id,
        subject={"policy": str(policy.pk)},
        data={"number": policy.number, "changed": {name: after[name] for name in changed}},
    )
    return policy


@transaction.atomic
def controller_change(  # noqa: PLR0913 - an organisation is changed whole
    *, actor: Actor, controller_id: UUID, name: str, country: str, subdivision: str, time_zone: str
) -> Controller:
    """Change what an organisation is called and where it is established.

    Country and part of it pick the calendar of public holidays; deadlines that are stored stay
    as they are.

    Raises:
        NotFoundError: ``controller_unknown``.
        InvalidInputError: ``name_missing``, ``country_unknown``, ``subdivision_unknown``,
            ``time_zone_unknown``.
        ConflictError: ``name_taken``.
    """
    controller = controller_for(actor, Permission.ADMINISTER, controller_id)
    wanted = {
        "name": name.strip(),
        "country": country.strip().upper(),
        "subdivision": subdivision.strip().upper(),
        "time_zone": time_zone,
    }
    _check_place(**wanted)
    if Controller.objects.filter(name=wanted["name"]).exclude(pk=controller_id).exists():
        raise ConflictError("name_taken", _("Another organisation has this name."), field="name")
    changed = {key: value for key, value in wanted.items() if getattr(controller, key) != value}
    if changed:
        Controller.objects.filter(pk=controller_id).update(**changed)
        account_announce(
            event=AccountEvent.CONTROLLER_CHANGED,
            actor=actor.pseudonym,
            controller_id=controller_id,
            subject={"controller": str(controller_id)},
            data={key: value for key, value in changed.items() if key != "name"},
        )
    controller.refresh_from_db()
    return controller


def _check_place(name: str, country: str, subdivision: str, time_zone: str) -> None:
    calendars = holidays.list_supported_countries()
    if not name:
        raise InvalidInputError("name_missing", _("Give the organisation a name."), field="name")
    if country not in calendars:
        raise InvalidInputError(
            "country_unknown", _("There is no holiday calendar for this country."), field="country"
        )
    if subdivision and subdivision not in calendars[country]:
        raise InvalidInputError(
            "subdivision_unknown",
            _("Leave it empty, or choose one of %(known)s.")
            % {"known": ", ".join(calendars[country]) or "none"},
            field="subdivision",
        )
    if time_zone not in available_timezones():
        raise InvalidInputError(
            "time_zone_unknown", _("There is no such time zone."), field="time_zone"
        )


def _checked(field: str, value: Any) -> Any:
    if field in BOUNDS:
        return _number(field, value)
    if field == "public_intake" and isinstance(value, bool):
        return value
    if field == "profile":
        return _chosen(field, [value], policy_choices(field))[0]
    if field == "ladder":
        return _chosen(field, value, policy_choices(field))
    if field == "second_factor_roles":
        return _chosen(field, value, Role.choices)
    raise InvalidInputError("field_unknown", _("A policy has no such field or value."), field=field)


def _number(field: str, value: Any) -> int:
    least, most = BOUNDS[field]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidInputError(
            "number_out_of_range",
            _("A whole number from %(least)s to %(most)s.") % {"least": least, "most": most},
            field=field,
        )
    return value


def _chosen(field: str, values: Iterable[Any], offered: Iterable[tuple[Any, Any]]) -> list[str]:
    """Return the values in the order in which they are offered, each once."""
    known, wanted = [str(key) for key, _ in offered], {str(value) for value in values}
    if not wanted.issubset(known):
        raise InvalidInputError(
            "choice_unknown",
            _("Choose among %(known)s.") % {"known": ", ".join(known)},
            field=field,
        )
    return [key for key in known if key in wanted]
