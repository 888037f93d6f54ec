"""Finding work whose task was lost between commit and broker, and queueing it again."""

from requests_app import queue
from requests_app.notifications import delivery


def sweep() -> dict[str, int]:
    """Queues every piece of waiting work again; returns how many of each kind were found.

    Safe at any time and as often as one likes: each task does its work once.
    """
    found = {"messages": 0}
    for message_id in delivery.waiting().values_list("pk", flat=True):
        queue.enqueue("notifications.deliver", message_id=str(message_id))
        found["messages"] += 1
    return found
