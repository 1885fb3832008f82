"""Where in the workspace a document lies, however its URI is written."""

from __future__ import annotations

import pytest

from starcoder_lsp.server.folders import Folders


@pytest.mark.parametrize(
    ("folder", "document", "relative"),
    [
        ("file:///home/me/project", "file:///home/me/project/src/a%20b.py", "src/a b.py"),
        ("file:///home/me/project/", "file:///home/me/project/a.py", "a.py"),
        ("file:///home/me/project", "file:///home/me/project2/a.py", "a.py"),
        ("file:///c%3A/Users/me", "file:///C:/Users/me/src/a.py", "src/a.py"),
        ("file:///C:/Users/me", "file:///c%3A/Users/me/src/a.py", "src/a.py"),
        ("file:///c:/", "file:///c%3A/src/a.py", "src/a.py"),
        ("file:///", "file:///src/a.py", "src/a.py"),
        ("file://localhost/project", "file:///project/src/a.py", "src/a.py"),
        ("file://Server/share", "file://server/share/src/a.py", "src/a.py"),
        ("file:///caf%C3%A9", "file:///café/src/a.py", "src/a.py"),
        ("vscode-remote://ssh%2Bbox/project", "vscode-remote://ssh+box/project/src/a.py", "src/a.py"),
        ("file:///project", "untitled:Untitled-1", "untitled:Untitled-1"),
        ("file:///project", "file://[broken/a.py", "a.py"),
        ("file:///project", "", ""),
    ],
)
def test_two_spellings_of_a_place_are_one(folder: str, document: str, relative: str) -> None:
    folders = Folders()
    folders.change(added=[folder])
    assert folders.relative(document) == relative


def test_the_innermost_folder_counts_and_folders_come_and_go() -> None:
    folders = Folders()
    folders.change(added=["file:///c%3A/code", "file:///c%3A/code/inner"])
    assert folders.relative("file:///C:/code/inner/src/a.py") == "src/a.py"
    folders.change(removed=["file:///C:/code/inner", "file:///never"], added=["file:///C:/code"])
    assert folders.relative("file:///C:/code/inner/src/a.py") == "inner/src/a.py"
    assert folders.uris == ("file:///c%3A/code",)
