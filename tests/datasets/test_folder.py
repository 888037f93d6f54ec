"""A release folder: labels.csv and files must agree, and each disagreement is named."""

import os
from pathlib import Path

import pytest

from requests_app.datasets.folder import read_folder
from requests_app.errors import Invalid
from tests.factories.datasets import LABELS, fill_folder, make_card, release_folder


def faults(folder: Path) -> list[str]:
    with pytest.raises(Invalid) as caught:
        read_folder(folder, make_card())
    return list(caught.value.fields["folder"])


def labelled(folder: Path, *rows: str, files: tuple[str, ...] = ("a.mp4",)) -> Path:
    return fill_folder(folder, dict.fromkeys(files, "clip"), list(rows))


def test_a_folder_that_agrees_is_read_in_order(tmp_path: Path) -> None:
    files = read_folder(release_folder(tmp_path, clips=2), make_card())
    assert [(f.path, f.label, f.participant_code) for f in files] == [
        ("README.txt", "", ""),
        ("clips/hungry/gull-001.mp4", "hungry", "P001"),
        ("clips/hungry/gull-002.mp4", "hungry", "P002"),
        ("labels.csv", "", ""),
    ]
    assert all(f.source == tmp_path / f.path for f in files)


def test_more_columns_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("clip")
    (tmp_path / "labels.csv").write_text(
        "\ufefflabel,split,path,participant_code\r\ncross,test,a.mp4,P1\r\n", encoding="utf-8"
    )
    files = read_folder(tmp_path, make_card())
    assert [(f.path, f.label) for f in files] == [("a.mp4", "cross"), ("labels.csv", "")]


def test_each_disagreement_is_named(tmp_path: Path) -> None:
    folder = labelled(tmp_path, "a.mp4,hungry,P1", "gone.mp4,cross,P2", files=("a.mp4", "b.mp4"))
    assert faults(folder) == [
        "b.mp4 is in the folder but has no row in labels.csv.",
        "gone.mp4 has a row in labels.csv but is not a clip in the folder.",
    ]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("/etc/hostname,hungry,P1", "is absolute"),
        ("C:\\x.mp4,hungry,P1", "is absolute"),
        ("../a.mp4,hungry,P1", "leads out of the folder"),
        ("clips/../../a.mp4,hungry,P1", "leads out of the folder"),
        ("clips\\a.mp4,hungry,P1", "is not allowed"),
        ("./a.mp4,hungry,P1", "is not allowed"),
        ("clips//a.mp4,hungry,P1", "is not allowed"),
        (",hungry,P1", "is not allowed"),
        ('"a\n.mp4",hungry,P1', "is not allowed"),
        ("-rf.mp4,hungry,P1", "is not allowed"),
        (".hidden,hungry,P1", "is not allowed"),
        ("é.mp4,hungry,P1", "is not allowed"),
        (f"{'a/' * 200}a,hungry,P1", "is not allowed"),
        ("a.mp4,sad,P1", "has the label 'sad', which is not in the card"),
        ("a.mp4,,P1", "has the label ''"),
        ("a.mp4,hungry,", "has no participant code"),
        ("a.mp4,hungry,P 1", "has the participant code 'P 1'"),
        ("a.mp4,hungry", "the number of cells differs"),
        ("a.mp4,hungry,P1,more", "the number of cells differs"),
        ("labels.csv,hungry,P1", "is not a clip in the folder"),
        ("README.txt,hungry,P1", "is not a clip in the folder"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, sentence: str) -> None:
    named = faults(labelled(tmp_path, row))
    assert any(sentence in fault for fault in named), named


def test_a_path_named_twice_is_refused(tmp_path: Path) -> None:
    named = faults(labelled(tmp_path, "a.mp4,hungry,P1", "a.mp4,cross,P2"))
    assert named == ["labels.csv line 3: a.mp4 has a row already."]


def test_a_missing_labels_file_is_named(tmp_path: Path) -> None:
    assert "labels.csv is missing" in faults(fill_folder(tmp_path, {"a.mp4": "clip"}))[0]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"file,label\na.mp4,hungry\n", "has no column path, participant_code"),
        (b"path,label,participant_code\n\xff,x,y\n", "is not a CSV file in UTF-8"),
        (b'path,label,participant_code\n"a.mp4,hungry,P1\n', "is not a CSV file"),
        (LABELS.encode() + b"x" * 200_000, "is not a CSV file"),
    ],
)
def test_a_labels_file_that_cannot_be_read_is_refused(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    assert any(sentence in fault for fault in faults(tmp_path))


def test_links_are_refused_even_when_they_point_inside(tmp_path: Path) -> None:
    folder = labelled(tmp_path, "a.mp4,hungry,P1", "b.mp4,hungry,P1")
    (folder / "b.mp4").symlink_to("a.mp4")
    assert "b.mp4 is a symbolic link" in faults(folder)[0]


def test_a_linked_folder_is_not_entered(tmp_path: Path) -> None:
    elsewhere = fill_folder(tmp_path / "elsewhere", {"secret.mp4": "x"})
    folder = labelled(tmp_path / "release", "a.mp4,hungry,P1", "more/secret.mp4,hungry,P1")
    (folder / "more").symlink_to(elsewhere, target_is_directory=True)
    named = faults(folder)
    assert "more is a symbolic link" in named[0]
    assert "more/secret.mp4 has a row in labels.csv but is not a clip" in named[1]


def test_what_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    folder = labelled(tmp_path, "a.mp4,hungry,P1")
    os.mkfifo(folder / "pipe")
    assert faults(folder) == ["pipe is not a plain file; remove it."]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    folder = fill_folder(tmp_path, {"a.mp4": ""}, ["a.mp4,hungry,P1"])
    assert "a.mp4 is empty." in faults(folder)


@pytest.mark.parametrize("name", ["a b.mp4", ".DS_Store", "-x", "line\nfeed", "é.mp4", "a;b"])
def test_a_file_with_an_odd_name_is_refused(tmp_path: Path, name: str) -> None:
    folder = labelled(tmp_path, "a.mp4,hungry,P1", files=("a.mp4", name))
    assert "has a name that is not allowed" in faults(folder)[0]


def test_names_that_differ_only_in_capitals_are_refused(tmp_path: Path) -> None:
    rows = ("a.mp4,hungry,P1", "A.mp4,hungry,P1")
    named = faults(labelled(tmp_path, *rows, files=("a.mp4", "A.mp4")))
    assert any("a.mp4 differs from A.mp4 only in capitals" in fault for fault in named)


def test_a_long_list_of_faults_is_kept_whole_beside_a_short_message(tmp_path: Path) -> None:
    rows = [f"gone-{number}.mp4,hungry,P1" for number in range(50)]
    with pytest.raises(Invalid, match="And 30 more") as caught:
        read_folder(fill_folder(tmp_path, {}, rows), make_card())
    assert len(caught.value.fields["folder"]) == 50


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="is not a folder"):
        read_folder(tmp_path / "nowhere", make_card())
