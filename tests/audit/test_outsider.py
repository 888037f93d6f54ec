"""The outsider's script against a keeper who forges, shows two views, or sends rubbish."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from requests_app.audit import merkle, notes, outsider
from requests_app.audit.outsider import Wrong, leaf_hash, node_hash

ORIGIN = "portal.example/log"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VKEY = str(notes.public_key(ORIGIN, KEY))
LEAVES = [json.dumps({"entry": place}) for place in range(8)]


def tree(leaves: list[str]) -> merkle.Subtree:
    hashes = [leaf_hash(leaf.encode()) for leaf in leaves]

    def subtree(height: int, index: int) -> bytes:
        if height == 0:
            return hashes[index]
        return node_hash(subtree(height - 1, 2 * index), subtree(height - 1, 2 * index + 1))

    return subtree


def checkpoint(size: int, leaves: list[str] = LEAVES) -> str:
    said = outsider.Checkpoint(ORIGIN, size, merkle.root(size, tree(leaves)))
    return notes.sign(said, KEY)


def encoded(proof: list[bytes]) -> list[str]:
    return [base64.b64encode(each).decode() for each in proof]


def receipt(index: int, size: int, leaves: list[str] = LEAVES) -> dict[str, Any]:
    return {
        "index": index,
        "leaf": leaves[index],
        "proof": encoded(merkle.inclusion(index, size, tree(leaves))),
        "checkpoint": checkpoint(size, leaves),
    }


def consistency(first: int, second: int) -> dict[str, Any]:
    proof = encoded(merkle.consistency(first, second, tree(LEAVES)))
    return {"first": first, "second": second, "proof": proof}


@pytest.fixture
def run(tmp_path, capsys):
    """The script with contents for its options, each written to a file of its own."""

    def script(url: str = "", **given: Any) -> tuple[int, str]:
        arguments = ["--key", VKEY]
        for name, content in given.items():
            file = tmp_path / name
            text = content if isinstance(content, str | bytes) else json.dumps(content)
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
            arguments += [f"--{name}", str(file)]
        code = outsider.main([*arguments, "--url", url] if url else arguments)
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return script


def test_a_rewritten_entry_does_not_pass_with_a_proof_of_other_lengths():
    """Of size 6 a checkpoint is kept; the log of size 8 holds another entry 4."""
    hashes = [leaf_hash(leaf.encode()) for leaf in LEAVES]
    subtree, forged = tree(LEAVES), leaf_hash(b"forged")
    left, right, last = subtree(2, 0), subtree(1, 2), subtree(1, 3)
    new = node_hash(node_hash(forged, hashes[5]), last)
    root = node_hash(left, right + new)  # 96 bytes, read as left+right and new, or as they are
    growth = [b"", node_hash(forged, hashes[5]) + last, left + right]
    with pytest.raises(Wrong, match="length of a hash"):
        outsider.check_consistency(6, 8, growth, merkle.root(6, subtree), root)
    with pytest.raises(Wrong, match="length of a hash"):
        outsider.check_inclusion(forged, 4, 8, [hashes[5], last, left + right], root)


@pytest.mark.parametrize("content", [b"", b"x", bytes(31), bytes(33), bytes(64)])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_no_element_of_a_proof_has_another_length_than_a_hash(content, place):
    told = receipt(2, 8)
    told["proof"][place] = base64.b64encode(content).decode()
    with pytest.raises(Wrong, match="length of a hash"):
        outsider.check_receipt(told, outsider.parse_key(VKEY))


OTHER_VIEW = [*LEAVES[:2], '{"entry": "another"}', *LEAVES[3:]]


def test_two_views_of_one_size_are_found_with_both_in_hand(run):
    shown_to_me = receipt(2, 6, OTHER_VIEW)
    assert run(receipt=shown_to_me)[0] == 0
    for kept in (checkpoint(6), checkpoint(4)):
        code, told = run(kept=kept, latest=checkpoint(6), proof=consistency(4, 6),
                         receipt=shown_to_me)  # fmt: skip
        assert code == 1
        assert "Two logs of size 6" in told


def test_two_receipts_of_one_size_are_compared_with_each_other(run, tmp_path, capsys):
    for name, told in (("a", receipt(0, 6)), ("b", receipt(2, 6, OTHER_VIEW))):
        (tmp_path / name).write_text(json.dumps(told))
    files = [str(tmp_path / name) for name in "ab"]
    assert outsider.main(["--key", VKEY, "--receipt", *files]) == 1
    assert "Two logs of size 6" in capsys.readouterr().err


def test_a_receipt_of_another_size_is_compared_by_a_proof_or_said_not_to_be(run):
    kept, mine = checkpoint(6), receipt(2, 8)
    assert run(kept=kept, receipt=mine, proof=consistency(6, 8))[0] == 0
    code, told = run(kept=kept, receipt=receipt(2, 8, OTHER_VIEW), proof=consistency(6, 8))
    assert code == 1
    assert "does not go on from" in told
    code, told = run(kept=kept, latest=kept, receipt=mine)
    assert code == 2
    assert "not compared" in told
    code, told = run(receipt=mine)
    assert code == 0  # nothing was given to compare it with
    assert "not compared" in told


MARCH = 1_772_323_200  # 2026-03-01
DATED = [json.dumps({"entry": n, "at": f"2026-0{n + 1}-15T12:00:00.000000Z"}) for n in range(8)]


def dated(size: int, signed: int | None, after: bytes | None = None) -> str:
    root = merkle.root(size, tree(DATED))
    return notes.sign(outsider.Checkpoint(ORIGIN, size, root, signed, after), KEY)


def dated_receipt(index: int, signed: int) -> dict[str, Any]:
    return receipt(index, 8, DATED) | {"checkpoint": dated(8, signed)}


def test_an_entry_older_than_a_kept_checkpoint_that_lacks_it_is_back_dated(run):
    """The entry at place 2 says 15 March."""
    latest, growth = dated(8, MARCH + 365 * 86_400), encoded(merkle.consistency(2, 8, tree(DATED)))
    proof = {"first": 2, "second": 8, "proof": growth}
    mine = dated_receipt(2, MARCH + 365 * 86_400)
    code, told = run(kept=dated(2, MARCH), latest=latest, proof=proof, receipt=mine)
    assert code == 0
    assert "It was signed on 2027-03-01 at 00:00:00 UTC." in told
    for days, expected in ((14, 0), (15, 1), (300, 1)):
        kept = dated(2, MARCH + days * 86_400)
        code, told = run(kept=kept, latest=latest, proof=proof, receipt=mine)
        assert code == expected, days
        assert ("back-dated" in told) is bool(expected)


def test_an_entry_newer_than_a_checkpoint_that_covers_it_is_dated_ahead(run):
    assert run(receipt=dated_receipt(2, MARCH + 15 * 86_400))[0] == 0
    code, told = run(receipt=dated_receipt(2, MARCH))
    assert code == 1
    assert "dated ahead" in told


def test_an_entry_without_a_time_does_not_pass_where_times_are_signed(run):
    root = merkle.root(8, tree(LEAVES))
    note = notes.sign(outsider.Checkpoint(ORIGIN, 8, root, MARCH), KEY)
    code, told = run(receipt=receipt(2, 8) | {"checkpoint": note})
    assert code == 1
    assert "has no time" in told


def test_an_entry_that_tells_its_time_twice_is_not_read_by_the_later_one_alone(run):
    """Its keeper would have the script look at one time, and whoever reads it see the other."""
    day = '"at": "2026-03-15T12:00:00.000000Z"'
    leaves = [*DATED[:2], f'{{"entry": 2, "at": "2020-01-01T00:00:00.000000Z", {day}}}', *DATED[3:]]
    root = merkle.root(8, tree(leaves))
    note = notes.sign(outsider.Checkpoint(ORIGIN, 8, root, MARCH + 365 * 86_400), KEY)
    code, told = run(receipt=receipt(2, 8, leaves) | {"checkpoint": note})
    assert code == 1
    assert "stands twice" in told


def test_a_receipt_that_names_its_leaf_twice_does_not_hold(run):
    text = json.dumps(receipt(2, 8))
    code, told = run(receipt='{"leaf": "forged", ' + text[1:])
    assert code == 1
    assert "stands twice" in told


@pytest.mark.parametrize("other", [(MARCH + 365 * 86_400, None), (MARCH + 364 * 86_400, bytes(32))])
def test_two_checkpoints_of_one_size_with_other_times_or_other_ones_before_are_found(run, other):
    """The keeper signed a second history of checkpoints, over the same entries."""
    latest = dated(8, MARCH + 364 * 86_400)
    assert run(kept=latest, latest=latest)[0] == 0
    for given in (
        {"kept": latest, "latest": dated(8, *other)},
        {
            "kept": latest,
            "latest": latest,
            "receipt": receipt(2, 8, DATED) | {"checkpoint": dated(8, *other)},
        },
    ):
        code, told = run(**given)
        assert code == 1
        assert "Two checkpoints of size 8 were signed" in told


@pytest.mark.parametrize("signed", [None, MARCH - 1])
def test_a_later_checkpoint_that_was_not_signed_later_is_found(run, signed):
    growth = encoded(merkle.consistency(2, 8, tree(DATED)))
    code, told = run(kept=dated(2, MARCH), latest=dated(8, signed), proof={"proof": growth})
    assert code == 1
    assert "signed later" in told


@pytest.mark.parametrize(
    "lines",
    [
        "signed 007\n",
        "signed -1\n",
        "signed 99999999999999\n",
        "signed  7\n",
        "signed\n",
        f"signed 7\nafter {base64.b64encode(bytes(31)).decode()}\n",
        f"after {base64.b64encode(bytes(32)).decode()}\n",
        f"after {base64.b64encode(bytes(32)).decode()}\nsigned 7\n",
        "signed 7\nsigned 7\n",
        "signed 7\nbesides 7\n",
        "besides\n",
    ],
)
def test_a_checkpoint_says_nothing_besides(lines):
    text = str(outsider.Checkpoint(ORIGIN, 3, bytes(32))) + lines
    line = base64.b64encode(outsider.parse_key(VKEY).id + KEY.sign(text.encode())).decode()
    with pytest.raises(Wrong, match="This is not a checkpoint"):
        outsider.open_note(f"{text}\n\N{EM DASH} {ORIGIN} {line}\n", outsider.parse_key(VKEY))


class Portal(BaseHTTPRequestHandler):
    """Answers as it is told to, byte by byte."""

    answer: ClassVar[bytes] = b""
    honest: ClassVar[bool] = False
    asked: ClassVar[list[str]] = []

    def log_message(self, *args: object) -> None: ...

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if not self.honest:
            self.wfile.write(self.answer)
            return
        if self.path == "/log/checkpoint":
            body = checkpoint(8)
        else:
            sizes = [int(part.split("=")[1]) for part in self.path.split("?")[1].split("&")]
            body = json.dumps(consistency(*sizes))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())


@contextmanager
def portal(*, answer: bytes = b"", honest: bool = False) -> Iterator[str]:
    handler = type("Answers", (Portal,), {"answer": answer, "honest": honest, "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("ending", ["", "/"])
def test_with_an_address_everything_is_compared(run, ending):
    with portal(honest=True) as url:
        mine = receipt(2, 6)
        assert run(url=url + ending, kept=checkpoint(4), receipt=mine)[0] == 0
        assert run(url=url + ending, receipt=mine) == (
            0,
            run(receipt=mine)[1].split("\n")[0] + "\n",
        )
        assert run(url=url + ending, receipt=receipt(2, 6, OTHER_VIEW))[0] == 1
        assert run(url=url + ending, kept=checkpoint(8, OTHER_VIEW))[0] == 1


RUBBISH = {
    "no status": b"garbage\r\n\r\n",
    "cut off": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "no text": b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe",
    "a page": b"HTTP/1.1 200 OK\r\n\r\n<!doctype html><html>busy</html>",
    "an error": b"HTTP/1.1 503 Busy\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("answer", RUBBISH.values(), ids=RUBBISH)
def test_what_no_portal_answers_could_not_be_checked(run, answer):
    with portal(answer=answer) as url:
        code, told = run(url=url, kept=checkpoint(4))
    assert code == 2
    assert told.startswith("It could not be checked: ")
    assert told.count("\n") == 1


@pytest.mark.parametrize("url", ["http://[::1", "http://127.0.0.1:99999", "ftp://x", "http://\n"])
def test_what_is_no_address_could_not_be_checked(run, url):
    assert run(url=url, kept=checkpoint(4))[0] == 2


GOOD = receipt(0, 3)
UNREADABLE = {
    "deep": "[" * 100_000,
    "no json": "<html>",
    "no text": b"\xff\xfe{}",
    "huge": json.dumps(GOOD).replace('"index": 0', '"index": ' + "9" * 5000),
}
NO_RECEIPT = {
    "infinite": json.dumps(GOOD).replace('"index": 0', '"index": Infinity'),
    "not a number": json.dumps(GOOD).replace('"index": 0', '"index": NaN'),
    "large": json.dumps(GOOD).replace('"index": 0', '"index": 1e999'),
    "a list": [],
    "a number": 5,
    "fraction": {**GOOD, "index": 0.9},
    "text for a number": {**GOOD, "index": "0"},
    "false for 0": {**GOOD, "index": False},
    "below 0": {**GOOD, "index": -1},
    "leaf is a number": {**GOOD, "leaf": 1},
    "half a character": {**GOOD, "leaf": "\ud800"},
    "names for a proof": {**GOOD, "proof": dict.fromkeys(GOOD["proof"], 1)},
    "text for a proof": {**GOOD, "proof": "abcd"},
    "numbers in a proof": {**GOOD, "proof": [1, 2]},
    "no base64": {**GOOD, "proof": ["é"]},
    "accent in the signature": {**GOOD, "checkpoint": GOOD["checkpoint"][:-3] + "é\n"},
    "half a character in the note": {**GOOD, "checkpoint": "\ud800\n\n\u2014 x y\n"},
}


def test_the_receipt_that_is_damaged_below_holds(run):
    assert run(receipt=GOOD)[0] == 0


@pytest.mark.parametrize(
    ("content", "code"),
    [(each, 2) for each in UNREADABLE.values()] + [(each, 1) for each in NO_RECEIPT.values()],
    ids=[*UNREADABLE, *NO_RECEIPT],
)
def test_what_is_no_receipt_is_said_in_one_sentence(run, content, code):
    found, told = run(receipt=content)
    assert found == code
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    "content", [[], "x", {"proof": {"a": 1}}, {"proof": "abcd"}, {"proof": [1]}]
)
def test_what_is_no_proof_could_not_be_checked(run, content):
    code, _ = run(kept=checkpoint(4), latest=checkpoint(6), proof=json.dumps(content))
    assert code == 2


def test_a_signature_by_this_key_over_half_a_character_does_not_hold():
    key = outsider.parse_key(VKEY)
    line = base64.b64encode(key.id + bytes(64)).decode()
    with pytest.raises(Wrong, match="not valid"):
        outsider.open_note(f"\ud800\n\n\N{EM DASH} {ORIGIN} {line}\n", key)


@pytest.mark.parametrize("key", ["x" * 5000, f"{ORIGIN}+aaaa+é", "a\0b"])
def test_what_is_no_key_is_said(run, tmp_path, key):
    file = Path(tmp_path / "r.json")
    file.write_text(json.dumps(GOOD))
    assert outsider.main(["--key", key, "--receipt", str(file)]) in {1, 2}
