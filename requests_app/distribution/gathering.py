"""What many threads want of the database at once is wanted of it together.

Whoever comes while nothing is under way goes at once. Who comes in the meantime waits until that is
done; then one of them goes for all of them. So no answer is older than its question, and thousands
of small files, fetched over sixteen connections, cost few queries and few commits.
"""

import threading
from collections.abc import Callable, Hashable, Mapping
from typing import Final, Generic, TypeVar

from django.db import OperationalError, connection

A = TypeVar("A", bound=Hashable)
Q = TypeVar("Q", bound=Hashable)
V = TypeVar("V")

PATIENCE: Final = 30.0
"""Seconds that a thread waits for what another asks: the other's line may be dead, not its own."""


class _Waiting(Generic[Q, V]):
    """One thread, and what became of its question."""

    __slots__ = ("answers", "error", "leads", "question", "wake")

    def __init__(self, question: Q) -> None:
        self.question = question
        self.answers: Mapping[Q, V] | None = None
        self.error: BaseException | None = None
        self.leads = False
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

        Raises OperationalError where another has asked for `PATIENCE` seconds without an answer.
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
            self._wait(about, mine)
            if not mine.is_answered:
                with self._lock:
                    together, self._waiting[about] = self._waiting[about], []
                self._lead(about, together)
        if mine.error is not None:
            raise mine.error
        return (mine.answers or {}).get(question)

    def _wait(self, about: A, mine: _Waiting[Q, V]) -> None:
        """Until there is an answer, or it is this one's turn."""
        came = False
        try:
            came = mine.wake.acquire(timeout=PATIENCE)
        finally:
            if not came:
                self._leave(about, mine)
        if not (came or mine.is_answered):
            raise OperationalError("The database has not answered another thread for too long.")

    def _leave(self, about: A, mine: _Waiting[Q, V]) -> None:
        """Who is gone must not be waited for, whether or not it has just become its turn."""
        with self._lock:
            waiting = self._waiting.get(about, [])
            if mine in waiting:
                waiting.remove(mine)
                if mine.leads:
                    self._call_next(about)

    def _call_next(self, about: A) -> None:
        """Under the lock: the first of those who wait leads."""
        if waiting := self._waiting[about]:
            waiting[0].leads = True
            waiting[0].wake.release()
        else:
            del self._waiting[about]

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
            self._call_next(about)
        for each in together:
            each.wake.release()
