"""What is found in a file, language by language: small samples in `samples/`, each followed by what it should give."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from starcoder_lsp.repository.facts import FileFacts, extract, language_of

SAMPLES = Path(__file__).parent / "samples"
SEPARATOR = "\n=== found ===\n"


def told(facts: FileFacts) -> list[str]:
    """Return a line for each definition and each import."""
    lines = []
    for one in facts.definitions:
        place = f"{one.line}" if one.end_line == one.line else f"{one.line}-{one.end_line}"
        owner = f"{one.owner}." if one.owner else ""
        documented = f", documented at {one.doc_line}" if one.doc_line else ""
        lines.append(f"{place} {one.kind} {owner}{one.name}{documented}")
    for needed in facts.imports:
        names = ", ".join(there if there == here else f"{there} as {here}" for there, here in needed.names)
        alias = f" as {needed.alias}" if needed.alias else ""
        lines.append(f"import {needed.module}{alias}" + (f": {names}" if names else ""))
    return lines


@pytest.mark.parametrize("sample", sorted(SAMPLES.iterdir()), ids=lambda path: path.stem)
def test_definitions_and_imports(sample: Path) -> None:
    text, _, expected = sample.read_text(encoding="utf-8").partition(SEPARATOR)
    assert told(extract("sample", sample.stem, text)) == expected.splitlines()


@pytest.mark.parametrize("sample", sorted(SAMPLES.iterdir()), ids=lambda path: path.stem)
@pytest.mark.parametrize("parse", [True, False])
def test_facts_survive_a_pipe(sample: Path, *, parse: bool) -> None:
    facts = extract("sample", sample.stem, sample.read_text(encoding="utf-8"), parse=parse)
    assert pickle.loads(pickle.dumps(facts)) == facts  # noqa: S301 - our own
    assert facts.definitions


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a/b.py", "python"),
        ("a.tsx", "typescriptreact"),
        ("x/Makefile", "makefile"),
        ("CMakeLists.txt", "cmake"),
        ("a.h", "c"),
        ("a.hpp", "cpp"),
        ("B.KT", "kotlin"),
        ("a.py.orig", ""),
        ("LICENSE", ""),
        ("a.png", ""),
    ],
)
def test_languages_by_name(path: str, language: str) -> None:
    assert language_of(path) == language


def test_where_the_parser_is_lost_words_and_lines_still_tell() -> None:
    text = "class Whole:\n    pass\n\n\n" + "def broken(:\n" * 3 + "def found_again(value):\n    return value\n" * 8
    names = {one.name for one in extract("a.py", "python", text).definitions}
    assert {"Whole", "found_again"} <= names


@pytest.mark.parametrize("text", ["", "\n", "\0", "\ud800", "a" * 600_000, "def " * 9000, "(" * 3000, "class A:\r\n"])
@pytest.mark.parametrize("language", ["python", "typescript", "cpp", "rust", "markdown", ""])
def test_any_text_has_facts(language: str, text: str) -> None:
    facts = extract("x", language, text)
    assert facts.lines == text.count("\n") + 1
    assert all(1 <= one.line <= one.end_line for one in facts.definitions)
