"""What many threads want of the database at once is wanted of it together.

Whoever comes while nothing is under way goes at once. Who comes in the meantime waits until that is
done; then one of them goes for all of them. So no answer is older than its question, and thousands
of small files, fetched over sixteen connections, cost few queries and few commits.
"""

import threading
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

from django.db import connection

A = TypeVar("A", bound=Hashable)
Q = TypeVar("Q", bound=Hashable)
V = TypeVar("V")


class _Waiting(Generic[Q, V]):
    """One thread, and what became of its question."""

    __slots__ = ("answers", "error", "question", "wake")

    def __init__(self, question: Q) -> None:
        self.question = question
        self.answers: Mapping[Q, V] | None = None
        self.error: BaseException | None = None
        self.wake = threading.Lock()  # held until there is an answer, or it is this one's turn
        self.wake.acquire()

    @property
    def is_answered(self) -> bool:
        return self.answers is not None or self.error is not None


class Gathered(Generic[A, Q, V]):
    """Asks `ask(about, questions)`, which returns the answers of those that have one, by question.

    What is asked about one thing is gathered; about different things threads ask side by side.
    """

    def __init__(self, ask: Callable[[A, list[Q]], Mapping[Q, V]]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._waiting: dict[A, list[_Waiting[Q, V]]] = {}

    def answer(self, about: A, question: Q) -> V | None:
        """Returns the answer, None when there is none; raises what asking raised.

        The answer is shared with whoever asked the same: it must not be changed. Inside a
        transaction of the caller's only that may tell, so it is asked alone.
        """
        if connection.in_atomic_block:
            return self._ask(about, [question]).get(question)
        mine: _Waiting[Q, V] = _Waiting(question)
        with self._lock:
            waiting = self._waiting.get(about)
            if waiting is None:
                self._waiting[about] = []
            else:
                waiting.append(mine)
        if waiting is None:
            self._lead(about, [mine])
        else:
            mine.wake.acquire()
            if not mine.is_answered:
                with self._lock:
                    together, self._waiting[about] = self._waiting[about], []
                self._lead(about, together)
        if mine.error is not None:
            raise mine.error
        return (mine.answers or {}).get(question)

    def _lead(self, about: A, together: list[_Waiting[Q, V]]) -> None:
        """Asks for all of them, then lets the first of those that came since lead."""
        try:
            answers = self._ask(about, list(dict.fromkeys(each.question for each in together)))
            for each in together:
                each.answers = answers
        except BaseException as error:  # noqa: BLE001 - whoever waits raises it
            for each in together:
                each.error = error
        with self._lock:
            since = self._waiting[about]
            if not since:
                del self._waiting[about]
        if since:
            since[0].wake.release()
        for each in together:
            each.wake.release()
