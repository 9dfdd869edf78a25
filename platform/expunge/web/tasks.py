"""The tasks of a ticket as forms: how each is asked for, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django import forms
from django.http import QueryDict

from expunge.tickets.models import Ticket
from expunge.tickets.rules import Task
from expunge.tickets.tasks import TASKS
from expunge.web.forms import LONGEST_TEXT, Styled


@dataclass(frozen=True)
class TaskCard:
    """The label of a task's text, what the task means, and the tone of its button."""

    words: str
    explanation: str
    tone: str = "plain"


CARDS: Mapping[Task, TaskCard] = {
    Task.IDENTITY_CONFIRM: TaskCard(
        "How it was shown",
        "The person has shown who they are. The ticket goes to review.",
        "primary",
    ),
    Task.SUBMIT: TaskCard(
        "Finding of the review",
        "Ground, scope and exemptions are checked. A second person then approves.",
        "primary",
    ),
    Task.APPROVE: TaskCard(
        "Why you approve",
        "The work begins at once: every model that holds the data is changed and attacked.",
        "primary",
    ),
    Task.SEND_BACK: TaskCard("What is missing", "The ticket goes back to review."),
    Task.REJECT: TaskCard(
        "What the person is told",
        "This ends the ticket. The person is told why, and which remedies they have.",
        "harm",
    ),
    Task.WITHDRAW: TaskCard("Remark", "This ends the ticket; work in progress is stopped.", "harm"),
    Task.HOLD: TaskCard("Authority and matter", "Nothing is erased until the hold is released."),
    Task.RELEASE: TaskCard("Why it ends", "The ticket resumes where it stood.", "primary"),
    Task.EXTEND: TaskCard(
        "What the person is told", "Possible once, and only inside the first period."
    ),
    Task.RETRY: TaskCard(
        "Remark", "Adds further attempts; nothing in the history changes.", "primary"
    ),
    Task.CLOSE_UNVERIFIED: TaskCard(
        "What the person is told",
        "This ends the ticket without a certificate, and says so.",
        "harm",
    ),
}


class TaskForm(Styled):
    """The reasons one task asks for."""

    code = forms.ChoiceField(label="Reason")
    text = forms.CharField(max_length=LONGEST_TEXT, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, task: Task, ticket: Ticket, data: QueryDict | None = None) -> None:
        super().__init__(data, auto_id=f"{task}-%s")
        spec = TASKS[task]
        self.task, self.card = task, CARDS[task]
        self.fields["text"].label = self.card.words
        self.fields["text"].required = spec.text_needed
        if spec.codes is None:
            del self.fields["code"]
        else:
            choices = [("", "Choose a reason"), *spec.codes(ticket.regime)]
            self.fields["code"].choices = choices  # type: ignore[attr-defined]
