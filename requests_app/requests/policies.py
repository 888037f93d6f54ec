"""What the state allows: the question of the request, whoever asks."""

from requests_app.requests.models import AccessRequest
from requests_app.requests.states import TRANSITIONS, State, Verb

# What must not happen while others have yet to sign, and what happens only then.
NOT_WHILE_COLLECTING = frozenset({Verb.EDIT, Verb.SIGN, Verb.COLLECT})
ONLY_WHILE_COLLECTING = frozenset({Verb.STOP, Verb.COMPLETE})


def allows(access_request: AccessRequest, verb: Verb) -> bool:
    """Whether the request's state has a way out by `verb`, and signatures are not in the way."""
    collecting = access_request.collecting_since is not None
    if verb in (NOT_WHILE_COLLECTING if collecting else ONLY_WHILE_COLLECTING):
        return False
    return State(access_request.state) in TRANSITIONS[verb]
