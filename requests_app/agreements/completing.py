"""What happens with the last signature: the agreement is rendered, and the request submitted."""

from requests_app import queue
from requests_app.agreements.models import Agreement
from requests_app.agreements.outstanding import is_complete
from requests_app.audit import log
from requests_app.requests import transitions
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State, Verb


def complete_if_all_signed(agreement: Agreement, *, by: log.Audited) -> bool:
    """Submits the request of an agreement that nobody has yet to sign; returns whether it did.

    Part of the verb that put or dropped a signature and locked the request. A new version under an
    approved request takes effect by the task `lifecycle.take_effect`. Effects: the rendering
    queued, and the request `submitted` with its entry, or the task queued.
    """
    if not is_complete(agreement):
        # Perhaps only the applicant's own certificate is waited for now; the task looks.
        queue.enqueue("agreements.issue_document", agreement_id=str(agreement.pk))
        return False
    queue.enqueue("agreements.render_document", agreement_id=str(agreement.pk))
    access_request = AccessRequest.objects.get(pk=agreement.access_request_id)
    if access_request.state == State.APPROVED:
        transitions.set_collecting(access_request, None)
        queue.enqueue("lifecycle.take_effect", agreement_id=str(agreement.pk))
    else:
        transitions.move(access_request, verb=Verb.COMPLETE, by=by, agreement=agreement.number)
    return True
