"""The tasks of a ticket as forms: how each is asked for, in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django import forms
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from expunge.tickets.models import Ticket
from expunge.tickets.regimes import regimes
from expunge.tickets.rules import Task
from expunge.tickets.tasks import TASKS
from expunge.web.forms import LONGEST_TEXT, Styled


@dataclass(frozen=True)
class TaskCard:
    """The label of a task's text, what the task means, and the tone of its button."""

    words: str | Promise
    explanation: str | Promise
    tone: str = "plain"


CARDS: Mapping[Task, TaskCard] = {
    Task.IDENTITY_CONFIRM: TaskCard(
        _("How it was shown"),
        _("The person has shown who they are. The ticket goes to review."),
        "primary",
    ),
    Task.SUBMIT: TaskCard(
        _("Finding of the review"),
        _("Ground, scope and exemptions are checked. A second person then approves."),
        "primary",
    ),
    Task.APPROVE: TaskCard(
        _("Why you approve"),
        _("The work begins at once: every model that holds the data is changed and attacked."),
        "primary",
    ),
    Task.SEND_BACK: TaskCard(_("What is missing"), _("The ticket goes back to review.")),
    Task.REJECT: TaskCard(
        _("What the person is told"),
        _("This ends the ticket. The person is told why, and which remedies they have."),
        "harm",
    ),
    Task.WITHDRAW: TaskCard(
        _("Remark"), _("This ends the ticket; work in progress is stopped."), "harm"
    ),
    Task.HOLD: TaskCard(
        _("Authority and matter"), _("Nothing is erased until the hold is released.")
    ),
    Task.RELEASE: TaskCard(_("Why it ends"), _("The ticket resumes where it stood."), "primary"),
    Task.EXTEND: TaskCard(
        _("What the person is told"), _("Possible once, and only inside the first period.")
    ),
    Task.PAUSE_CLOCK: TaskCard(
        _("What was asked of the person, and when"),
        _("The deadline moves by the days the clock stands still, if you asked without delay."),
    ),
    Task.RESUME_CLOCK: TaskCard(_("Remark"), _("The clock goes on from today."), "primary"),
    Task.RETRY: TaskCard(
        _("Remark"), _("Adds further attempts; nothing in the history changes."), "primary"
    ),
    Task.CONTAIN: TaskCard(
        _("What happens next"),
        _(
            "The models stay as they are; answers about the person are suppressed when they are "
            "served. This is no erasure, and the deadline runs on."
        ),
    ),
    Task.CLOSE_UNVERIFIED: TaskCard(
        _("What the person is told"),
        _("This ends the ticket without a certificate, and says so."),
        "harm",
    ),
}


class TaskForm(Styled):
    """The reasons one task asks for."""

    code = forms.ChoiceField(label=_("Reason"))
    text = forms.CharField(max_length=LONGEST_TEXT, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, task: Task, ticket: Ticket, data: QueryDict | None = None) -> None:
        super().__init__(data, auto_id=f"{task}-%s")
        self._ask(task, [ticket.regime])

    def _ask(self, task: Task, laws: Iterable[str]) -> None:
        spec = TASKS[task]
        self.task, self.card = task, CARDS[task]
        self.fields["text"].label = str(self.card.words)
        self.fields["text"].required = spec.text_needed
        if spec.codes is None:
            del self.fields["code"]
            return
        known = dict(item for law in laws for item in spec.codes(law))
        choices = [("", _("Choose a reason")), *known.items()]
        self.fields["code"].choices = choices  # type: ignore[attr-defined]


class BulkTaskForm(TaskForm):
    """The reasons a task asks for when it is done for many tickets, of any regime.

    A ticket whose law does not know the chosen reason refuses it and is listed.
    """

    def __init__(self, task: Task, data: QueryDict | None = None) -> None:
        Styled.__init__(self, data, auto_id=f"{task}-%s")
        self._ask(task, regimes())
