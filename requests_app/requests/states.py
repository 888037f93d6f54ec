"""The states of an access request and every move between them, as one literal table."""

from django.db.models import TextChoices


class State(TextChoices):
    DRAFT = "draft", "Draft"
    SUBMITTED = "submitted", "Submitted"
    RETURNED = "returned", "Returned for changes"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"


class Verb(TextChoices):
    EDIT = "edit", "Edit"
    SIGN = "sign", "Sign and submit"
    COLLECT = "collect", "Sign, and wait for the others"
    STOP = "stop", "Stop collecting signatures"
    COMPLETE = "complete", "Submit with the last signature"
    DECLINE = "decline", "Decline the agreement"
    APPROVE = "approve", "Approve"
    RETURN = "return", "Return for changes"
    REJECT = "reject", "Reject"
    WITHDRAW = "withdraw", "Withdraw"


# verb -> {state it may start from: state it leads to}. What is not here is not allowed.
TRANSITIONS: dict[Verb, dict[State, State]] = {
    Verb.EDIT: {State.DRAFT: State.DRAFT, State.RETURNED: State.RETURNED},
    Verb.SIGN: {State.DRAFT: State.SUBMITTED, State.RETURNED: State.SUBMITTED},
    Verb.COLLECT: {State.DRAFT: State.DRAFT, State.RETURNED: State.RETURNED},
    Verb.STOP: {
        State.DRAFT: State.DRAFT,
        State.RETURNED: State.RETURNED,
        State.APPROVED: State.APPROVED,
    },
    Verb.COMPLETE: {State.DRAFT: State.SUBMITTED, State.RETURNED: State.SUBMITTED},
    Verb.DECLINE: {State.DRAFT: State.WITHDRAWN, State.RETURNED: State.WITHDRAWN},
    Verb.APPROVE: {State.SUBMITTED: State.APPROVED},
    Verb.RETURN: {State.SUBMITTED: State.RETURNED},
    Verb.REJECT: {State.SUBMITTED: State.REJECTED},
    Verb.WITHDRAW: {
        State.DRAFT: State.WITHDRAWN,
        State.SUBMITTED: State.WITHDRAWN,
        State.RETURNED: State.WITHDRAWN,
        State.APPROVED: State.WITHDRAWN,
    },
}


def mermaid() -> str:
    """Returns the table as a Mermaid state diagram; docs/reference/states.md holds its output."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.DRAFT.value}"]
    for verb, moves in TRANSITIONS.items():
        lines += [
            f"    {start.value} --> {end.value}: {verb.value}" for start, end in moves.items()
        ]
    left = {start for verb, moves in TRANSITIONS.items() for start in moves}
    lines += [f"    {state.value} --> [*]" for state in State if state not in left]
    return "\n".join(lines) + "\n"
