"""The literal table: what must be true of it whatever it says, and its picture in the docs."""

from pathlib import Path

from requests_app.requests.states import TRANSITIONS, State, Verb, mermaid

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "states.md"


def reachable() -> set[State]:
    found, edge = set(), {State.DRAFT}
    while edge:
        found |= edge
        edge = {
            end for moves in TRANSITIONS.values() for start, end in moves.items() if start in edge
        } - found
    return found


def test_every_state_can_be_reached_from_a_draft():
    assert reachable() == set(State)


def test_only_a_signature_submits_and_only_an_approver_approves():
    into = {
        state: {
            verb
            for verb, moves in TRANSITIONS.items()
            if any(end == state != start for start, end in moves.items())
        }
        for state in State
    }
    assert into[State.SUBMITTED] == {Verb.SIGN, Verb.COMPLETE}
    assert into[State.APPROVED] == {Verb.APPROVE}


def test_what_is_rejected_or_withdrawn_stays_so():
    left = {start for moves in TRANSITIONS.values() for start in moves}
    assert set(State) - left == {State.REJECTED, State.WITHDRAWN}


def test_the_reference_shows_the_table_as_it_is():
    assert f"```mermaid\n{mermaid()}```" in PAGE.read_text(), (
        "docs/reference/states.md is out of date: put the output of "
        "requests_app.requests.states.mermaid() between its fences."
    )


def test_the_reference_explains_every_state_and_verb():
    text = PAGE.read_text()
    for each in [*State, *Verb]:
        assert f"| `{each.value}` |" in text
