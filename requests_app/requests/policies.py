"""What the state allows: the question of the request, whoever asks."""

from requests_app.requests.models import AccessRequest
from requests_app.requests.states import TRANSITIONS, State, Verb


def allows(access_request: AccessRequest, verb: Verb) -> bool:
    """Whether the request's state has a way out by `verb`."""
    return State(access_request.state) in TRANSITIONS[verb]
