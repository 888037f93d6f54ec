"""Checkpoints cosigned by a witness that checks them itself, over HTTP."""

import subprocess
import sys
from datetime import timedelta

import pytest
import time_machine
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from cmed_portal.witnesses import is_witness
from requests_app.audit import checkpoints, kinds, log, outsider, posting, witnesses
from requests_app.audit.models import CheckpointPost, WitnessSignature
from requests_app.lifecycle import sweep
from tests.audit.witness_server import DASH, Witness, serving

pytestmark = pytest.mark.django_db


def happen(count: int = 1) -> None:
    for _ in range(count):
        log.record(kinds.SIGNED_IN, by=log.ANYONE, on=log.Named("user:7"), method="password")


@pytest.fixture
def witness(settings):
    """A witness of a log of three entries that it has not seen yet."""
    happen(3)
    key = outsider.parse_key(checkpoints.seal().vkey)
    with serving(Witness(key)) as running:
        settings.LOG_WITNESSES = [running.setting]
        yield running


def ask() -> bool:
    post = witnesses.waiting().first()
    return post is not None and witnesses.ask_witness(post_id=post.pk)


def later(**pause: float) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(**pause))


def grow(count: int = 1) -> str:
    happen(count)
    return checkpoints.seal().note


def test_a_witness_cosigns_the_first_checkpoint_and_those_that_go_on_from_it(witness):
    assert ask()
    for turn, count in enumerate((1, 5, 300), start=1):
        note = grow(count)
        with later(hours=2 * turn):
            assert ask()
        published = Client().get("/log/checkpoint").text
        assert published.startswith(note)
        assert outsider.cosigned_at(published, witness.key) > 0
        outsider.open_note(published, witness.log)
    assert witness.last.size == 309
    assert [body.split("\n")[0] for body in witness.asked] == ["old 0", "old 3", "old 4", "old 9"]


def test_the_last_cosigned_checkpoint_stays_to_be_had_when_the_log_has_grown(witness):
    assert Client().get("/log/checkpoint/witnessed").status_code == 404
    assert ask()
    first = Client().get("/log/checkpoint/witnessed").text
    note = grow()
    assert Client().get("/log/checkpoint").text == note
    assert Client().get("/log/checkpoint/witnessed").text == first
    assert outsider.cosigned_at(first, witness.key)


def test_a_witness_that_knows_another_size_is_believed_and_asked_once_more(witness):
    """Such as one that was asked by a copy of the portal, whose answer was lost."""
    assert ask()
    grow(2)
    witness.last, kept = None, witness.last
    with later(hours=2):
        assert ask()
    assert [body.split("\n")[0] for body in witness.asked[1:]] == ["old 3", "old 0"]
    witness.last = kept
    grow(2)
    with later(hours=4):
        assert ask()
    assert [body.split("\n")[0] for body in witness.asked[3:]] == ["old 5", "old 3"]


def test_the_newest_checkpoint_alone_is_posted_and_not_more_often_than_set(witness, settings):
    settings.LOG_WITNESS_MINUTES = 30
    assert ask()
    grow()
    grow()
    assert not ask()
    with later(minutes=29):
        assert not ask()
    with later(minutes=31):
        assert ask()
        assert not ask(), "it has the newest"
    assert len(witness.asked) == 2
    assert witness.last.size == 5


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((500, "text/plain", "broken"), "answered 500: broken"),
        ((502, "text/html", "a\0b"), "answered 502: a?b"),
        ((307, "text/plain", "http://127.0.0.1:1/"), "answered 307"),
        ((403, "text/plain", "unknown key"), "answered 403"),
        ((422, "text/plain", "no proof"), "answered 422"),
        ((409, "text/x.tlog.size", "99\n"), "99 entries"),
        ((409, "text/x.tlog.size", "many\n"), "no size"),
        ((409, "text/x.tlog.size", "-1\n"), "no size"),
        ((409, "text/x.tlog.size", "9" * 5000), "no size"),
        ((409, "text/plain", "another root"), "answered 409: another root"),
        ((200, "text/plain", ""), "no cosignature"),
        ((200, "text/plain", "nonsense\n"), "no cosignature"),
        ((200, "text/plain", f"{DASH} stranger.example AAAA\n"), "no cosignature"),
        ((200, "text/plain", f"{DASH} witness.example/w1 AAAA\n"), "no cosignature"),
    ],
)
def test_whatever_else_it_answers_is_kept_and_it_is_asked_again_after_longer_pauses(
    witness, answer, says
):
    for pause in (1, 2, 4):
        witness.answers = [answer]
        assert not ask()
        post = CheckpointPost.objects.get()
        assert says in post.last_error
        wait = (post.not_before - timezone.now()).total_seconds()
        assert wait == pytest.approx(60 * pause, abs=20)
        assert not ask()
        CheckpointPost.objects.update(not_before=timezone.now())
    assert not WitnessSignature.objects.exists()
    witness.answers = []
    assert ask()
    assert CheckpointPost.objects.get().last_error == ""


def test_only_lines_of_the_witness_we_know_are_kept(witness):
    checkpoint = outsider.open_note(checkpoints.latest_note(), witness.log)
    stranger = Witness(witness.log, "stranger.example")
    impostor = Witness(witness.log, witness.key.name)
    ours = witness.cosign(checkpoint)
    body = stranger.cosign(checkpoint) + impostor.cosign(checkpoint) + ours
    witness.answers = [(200, "text/plain", body)]
    assert ask()
    assert WitnessSignature.objects.get().lines == ours


def test_a_cosignature_over_something_else_is_none(witness):
    other = outsider.Checkpoint(witness.log.name, 2, b"x" * 32)
    witness.answers = [(200, "text/plain", witness.cosign(other))]
    assert not ask()
    with pytest.raises(outsider.Wrong, match="not valid"):
        outsider.cosigned_at(checkpoints.latest_note() + witness.cosign(other), witness.key)


def test_a_log_that_was_rewritten_gets_no_cosignature(witness):
    """The witness has seen other entries than the log has now, under the log's own key."""
    witness.last = outsider.Checkpoint(witness.log.name, 2, b"x" * 32)
    assert not ask()
    assert "answered 422" in CheckpointPost.objects.get().last_error


def test_one_that_is_away_is_asked_again(witness, settings):
    settings.LOG_WITNESSES = [f"{witness.key} http://127.0.0.1:9/"]
    assert not ask()
    assert "Refused" in CheckpointPost.objects.get(receiver="http://127.0.0.1:9/").last_error


def test_two_workers_do_not_ask_at_once(witness):
    post = witnesses.waiting().get()
    assert posting.claim(post.pk, [post.receiver])
    assert not witnesses.ask_witness(post_id=post.pk)
    assert witness.asked == []


def test_the_sweep_finds_what_waits_and_nothing_waits_where_no_witness_is_named(
    witness, settings, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        assert sweep.sweep()["witnesses"] == 1
    assert witness.last.size == 3
    assert sweep.sweep()["witnesses"] == 0
    grow()
    settings.LOG_WITNESSES = []
    with later(hours=2):
        assert sweep.sweep()["witnesses"] == 0


def test_before_the_first_checkpoint_nothing_is_due(settings):
    settings.LOG_WITNESSES = [f"{Witness(outsider.Key('x', b'')).key} http://127.0.0.1:9/"]
    assert not witnesses.waiting().exists()


@pytest.mark.parametrize("change", ["update", "delete"])
def test_a_cosignature_is_kept_for_ever(witness, change):
    assert ask()
    rows = WitnessSignature.objects.all()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        rows.update(lines="") if change == "update" else rows.delete()


def test_the_script_asks_for_the_witness_by_its_own_key(witness, tmp_path):
    kept = tmp_path / "kept.txt"
    kept.write_text(checkpoints.latest_note())
    latest = tmp_path / "latest.txt"
    command = [sys.executable, "-I", outsider.__file__, "--key", str(witness.log)]
    command += ["--kept", kept, "--latest", latest, "--witness", str(witness.key)]

    def run():
        return subprocess.run(command, capture_output=True, text=True, check=False)

    latest.write_text(Client().get("/log/checkpoint").text)
    assert "is not cosigned by witness.example/w1" in run().stderr
    assert ask()
    latest.write_text(Client().get("/log/checkpoint").text)
    ran = run()
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "witness.example/w1 cosigned its first 3 entries on 20" in ran.stdout


@pytest.mark.parametrize("kept_size", [3, 5, 6])
def test_the_script_finds_by_itself_what_the_witness_cosigned_last(
    witness, tmp_path, monkeypatch, capsys, kept_size
):
    """The kept checkpoint may be older or newer than that; today's is newer than both."""
    notes = {3: checkpoints.latest_note(), 5: grow(2)}
    assert ask()
    notes[6] = grow()
    grow()
    kept = tmp_path / "kept.txt"
    kept.write_text(notes[kept_size])
    portal = "https://portal.example"
    monkeypatch.setattr(outsider, "_fetch", lambda _, address: Client().get(address).text)
    asked = ["--key", str(witness.log), "--kept", str(kept), "--url", portal]
    assert outsider.main([*asked, "--witness", str(witness.key)]) == 0
    told = capsys.readouterr().out
    assert f"The log of size 7 holds all {kept_size} entries you knew." in told
    assert "cosigned its first 5 entries" in told
    stranger = Witness(witness.log, "stranger.example").key
    assert outsider.main([*asked, "--witness", str(stranger)]) == 1


def test_what_an_operator_may_write_for_a_witness():
    key = Witness(outsider.Key("x", b"")).key
    for url in ("https://w.example", "https://w.example:8443/a/b/", "http://127.0.0.1:8/"):
        assert is_witness(f"{key} {url}")
    for url in (
        "http://w.example/",
        "ftp://w.example/",
        "https://",
        "",
        "https://a b",
        "https://a:x",
    ):
        assert not is_witness(f"{key} {url}")
    log_key = outsider.Key("x", key.public)
    for wrong in ("w.example", str(log_key), "a+b+c"):
        assert not is_witness(f"{wrong} https://w.example")
    assert not is_witness(str(key))
