"""Letters in the outbox, and the wording of letters."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission, controller_for
from expunge.api.resource import ListResource, Resource
from expunge.api.v1.webhooks import ADMINISTER, OUTBOX_STATES
from expunge.notices import handling, selectors
from expunge.notices.kinds import Language, NoticeKind
from expunge.notices.letters import BODY_MOST, FORMS, SUBJECT_MOST, default_wording
from expunge.notices.models import Notice
from expunge.notices.wording import (
    kind_named,
    language_named,
    template_reset,
    template_save,
    wording_of,
)

NOTICES = [kind.value for kind in NoticeKind]
LANGUAGES = [language.value for language in Language]
EITHER = [frozenset({Permission.ADMINISTER}), frozenset({Permission.TICKET_REVIEW})]
REVIEW = [frozenset({Permission.TICKET_REVIEW})]


class NoticeFilter(serializers.Serializer[Any]):
    """Which letters."""

    state = serializers.ChoiceField(OUTBOX_STATES, required=False)


class NoticeOut(serializers.Serializer[Any]):
    """A letter without recipient and text."""

    id = serializers.UUIDField(source="pk")
    kind = serializers.ChoiceField(NOTICES)
    language = serializers.ChoiceField(LANGUAGES)
    ticket = serializers.UUIDField(source="ticket_id", allow_null=True)
    message_id = serializers.CharField()
    state = serializers.ChoiceField(OUTBOX_STATES)
    error = serializers.CharField()
    tries = serializers.IntegerField()
    due_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class LetterOut(NoticeOut):
    """A letter; recipient and text are there until it is out, for those who review."""

    recipient = serializers.CharField(allow_null=True)
    subject = serializers.CharField(allow_null=True)
    body = serializers.CharField(allow_null=True)


class TemplateIn(serializers.Serializer[Any]):
    """The wording of a letter."""

    subject = serializers.CharField(max_length=SUBJECT_MOST)
    body = serializers.CharField(max_length=BODY_MOST)


class TemplateOut(TemplateIn):
    """The wording in force; ``needed`` placeholders must appear in the body."""

    kind = serializers.ChoiceField(NOTICES)
    language = serializers.ChoiceField(LANGUAGES)
    is_own = serializers.BooleanField()
    placeholders = serializers.ListField(child=serializers.CharField())
    needed = serializers.ListField(child=serializers.CharField())


class Notices(ListResource[Notice]):
    """The outbox."""

    serializer_class = NoticeOut
    needs: ClassVar = {"GET": EITHER}

    @extend_schema(operation_id="notices_list", parameters=[NoticeFilter])
    def get(self, request: Request) -> Response:
        """List letters, newest first."""
        state = self.read_query(NoticeFilter).get("state")
        return self.listing(selectors.notices_visible(self.actor, state=state))


class OneNotice(Resource):
    """One letter."""

    needs: ClassVar = {"GET": EITHER}

    @extend_schema(operation_id="notices_get", responses=LetterOut)
    def get(self, request: Request, notice_id: UUID) -> Response:
        """Return a letter."""
        notice = selectors.notice_get(self.actor, notice_id)
        found = selectors.notice_letter(self.actor, notice)
        recipient, letter = found or (None, None)
        text = {
            "recipient": recipient,
            "subject": letter.subject if letter else None,
            "body": letter.body if letter else None,
        }
        return Response({**NoticeOut(notice).data, **text})


class RetryNotice(Resource):
    """Trying again."""

    subject = OneNotice
    needs: ClassVar = {"POST": EITHER}

    @extend_schema(operation_id="notices_retry", request=None, responses=NoticeOut)
    def post(self, request: Request, notice_id: UUID) -> Response:
        """Have a failed letter tried again."""
        return Response(
            NoticeOut(handling.notice_retry(actor=self.actor, notice_id=notice_id)).data
        )


class TakeOverNotice(Resource):
    """Sending by hand instead."""

    subject = OneNotice
    needs: ClassVar = {"POST": REVIEW}

    @extend_schema(operation_id="notices_take_over", request=None, responses=NoticeOut)
    def post(self, request: Request, notice_id: UUID) -> Response:
        """Take a failed letter out of the machine, to send it by hand."""
        return Response(
            NoticeOut(handling.notice_take_over(actor=self.actor, notice_id=notice_id)).data
        )


class NoticeSent(Resource):
    """Sent by hand."""

    subject = OneNotice
    needs: ClassVar = {"POST": REVIEW}

    @extend_schema(operation_id="notices_mark_sent", request=None, responses=NoticeOut)
    def post(self, request: Request, notice_id: UUID) -> Response:
        """Record that the letter was sent by hand; its text is erased."""
        return Response(
            NoticeOut(handling.notice_mark_sent(actor=self.actor, notice_id=notice_id)).data
        )


class NoticeTemplates(Resource):
    """Every wording."""

    needs: ClassVar = {"GET": ADMINISTER}

    @extend_schema(operation_id="notice_templates_list", responses=TemplateOut(many=True))
    def get(self, request: Request) -> Response:
        """Return the wording of every letter in every language."""
        controller = controller_for(self.actor, Permission.ADMINISTER, self.controller_id)
        states = selectors.templates_of(controller)
        return Response([_template(controller.pk, one.kind, one.language) for one in states])


class OneNoticeTemplate(Resource):
    """One wording."""

    needs: ClassVar = {"GET": ADMINISTER, "PUT": ADMINISTER, "DELETE": ADMINISTER}

    @extend_schema(operation_id="notice_templates_get", responses=TemplateOut)
    def get(self, request: Request, kind: str, language: str) -> Response:
        """Return a wording."""
        controller = controller_for(self.actor, Permission.ADMINISTER, self.controller_id)
        return Response(_template(controller.pk, kind_named(kind), language_named(language)))

    @extend_schema(operation_id="notice_templates_save", request=TemplateIn, responses=TemplateOut)
    def put(self, request: Request, kind: str, language: str) -> Response:
        """Give the letter a wording of one's own."""
        template_save(
            actor=self.actor,
            controller_id=self.controller_id,
            kind=kind,
            language=language,
            **self.read(TemplateIn),
        )
        return Response(_template(self.controller_id, kind_named(kind), language_named(language)))

    @extend_schema(operation_id="notice_templates_reset", responses={204: None})
    def delete(self, request: Request, kind: str, language: str) -> Response:
        """Go back to the platform's own wording."""
        template_reset(
            actor=self.actor, controller_id=self.controller_id, kind=kind, language=language
        )
        return Response(status=204)


def _template(controller_id: UUID, kind: NoticeKind, language: Language) -> dict[str, Any]:
    words, form = wording_of(controller_id, kind, language), FORMS[kind]
    return {
        "kind": kind.value,
        "language": language.value,
        "subject": words.subject,
        "body": words.body,
        "is_own": words != default_wording(kind, language),
        "placeholders": sorted(form.known),
        "needed": sorted(form.shown),
    }
