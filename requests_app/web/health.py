"""Is the process alive, and can it do its work?"""

from collections.abc import Callable

from celery import current_app
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from requests_app.audit import checkpoints


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when each part can do its work; 503 otherwise.

    The database is migrated, Redis answers, a worker is listening, and the log is sealed: the
    worker can use its key, and no entry waits longer than it may. The JSON body names each part and
    whether it is ready, and nothing else.
    """
    told = _workers()
    parts: dict[str, Callable[[], bool]] = {
        "database": _database,
        "redis": _redis,
        "worker": lambda: bool(told),
        "log": lambda: bool(told) and all(told) and checkpoints.keep_up(),
    }
    state = {name: _answers(check) for name, check in parts.items()}
    return JsonResponse(state, status=200 if all(state.values()) else 503)


def _answers(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except Exception:  # noqa: BLE001 - whatever fails, the answer is "not ready"
        return False


def _database() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _redis() -> bool:
    cache.set("readyz", "1", 10)
    return bool(cache.get("readyz") == "1")


def _workers() -> list[bool]:
    """Whether the log's key can be used, of the first worker that answers; of none if none does."""
    try:
        answers = current_app.control.broadcast("log_key", reply=True, timeout=1.0, limit=1)
    except Exception:  # noqa: BLE001 - as below
        return []
    return [told is True for answer in answers or () for told in answer.values()]
