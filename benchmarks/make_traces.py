"""Make the editing traces of `starcoder-lsp bench keystrokes` from files of real packages.

A piece of a file is taken out, and typed again as a person would. The files are of packages that the model `nano` was
never trained on (training/corpus.toml, `excluded`), at pinned versions, all under MIT, BSD or Apache licences; each
trace names its source. Run again, this gives the same bytes.

    python benchmarks/make_traces.py            fetches the packages with pip, writes benchmarks/traces/
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from attrs import frozen

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from typing import TYPE_CHECKING

from benchmarks.typist import Typist

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PACKAGES = {
    "attrs": ("25.3.0", "MIT"),
    "flask": ("3.1.1", "BSD-3-Clause"),
    "h11": ("0.16.0", "MIT"),
    "httpx": ("0.28.1", "BSD-3-Clause"),
    "pygls": ("2.1.1", "Apache-2.0"),
    "rich": ("14.0.0", "MIT"),
    "starlette": ("0.47.1", "BSD-3-Clause"),
    "structlog": ("25.4.0", "MIT OR Apache-2.0"),
    "trio": ("0.30.0", "MIT OR Apache-2.0"),
}
_WORTH_ACCEPTING = 12
"""Characters of a line that are worth accepting rather than typing."""
_OUT = Path(__file__).parent / "traces"


@frozen
class Hole:
    """A file with a piece taken out."""

    before: str
    piece: str
    after: str

    @property
    def text(self) -> str:
        """The file without the piece."""
        return self.before + self.after


@frozen
class Library:
    """The unpacked packages."""

    folder: Path

    def read(self, path: str) -> str:
        """Return a file's text."""
        return (self.folder / path).read_text(encoding="utf-8")

    def source(self, package: str) -> str:
        """Say where a file comes from, and under which licence."""
        version, licence = _PACKAGES[package]
        return f"{package} {version} ({licence})"


def hole(text: str, name: str, *, skip: int = 0, least: int = 100) -> Hole:
    """Take whole lines out of the body of a function (`name`, or `Class.name`), at least `least` characters.

    `skip`: statements of the body that stay (a docstring stays by itself).
    """
    node = _find(text, name)
    body = node.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    body = body[skip:]
    lines = text.splitlines(keepends=True)
    first, last = body[0].lineno - 1, body[0].lineno - 1
    last_line = body[-1].end_lineno or first
    while last < last_line and sum(len(line.strip()) for line in lines[first:last]) < least:
        last += 1
    start, end = sum(map(len, lines[:first])), sum(map(len, lines[:last]))
    return Hole(text[:start], text[start:end], text[end:])


def _find(text: str, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
    nodes: list[ast.stmt] = ast.parse(text).body
    parts = name.split(".")
    for depth, part in enumerate(parts):
        for node in nodes:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == part:
                if depth == len(parts) - 1 and not isinstance(node, ast.ClassDef):
                    return node
                nodes = node.body
                break
        else:
            raise LookupError(f"There is no {name} in this version.")
    raise LookupError(f"{name} is not a function.")


def typed(typist: Typist, one: Hole, **how: float | bool) -> None:
    """Type the piece where it was: its line is made first, with Enter at the end of the line above."""
    typist.move(len(one.before) - 1)
    typist.type("\n" + one.piece.rstrip("\n"), **how)  # type: ignore[arg-type]


# ---- the traces ----------------------------------------------------------------------------------------------------


def typing(package: str, path: str, name: str, **where: int) -> Callable[[Library, Typist], None]:
    """Return a trace that types some lines of a function."""

    def make(library: Library, typist: Typist) -> None:
        one = hole(library.read(path), name, **where)
        typist.open(path, "python", one.text, library.source(package))
        typed(typist, one)

    return make


def typing_at_the_end(library: Library, typist: Typist) -> None:
    """Type a new function below everything else."""
    text = library.read("attr/filters.py")
    node = _find(text, "exclude")
    lines = text.splitlines(keepends=True)
    start = sum(map(len, lines[: node.lineno - 1]))
    typist.open("attr/filters.py", "python", text[:start], library.source("attrs"))
    typist.move(start)
    typist.type("".join(lines[node.lineno - 1 : node.end_lineno])[:170])


def typos(library: Library, typist: Typist) -> None:
    """Type with many mistakes, and mend them."""
    one = hole(library.read("flask/helpers.py"), "get_root_path", least=110)
    typist.open("flask/helpers.py", "python", one.text, library.source("flask"))
    typed(typist, one, typos=0.09)


def brackets(library: Library, typist: Typist) -> None:
    """Type in an editor that closes brackets and quotes by itself."""
    one = hole(library.read("httpx/_models.py"), "Headers.__setitem__", least=150)
    typist.open("httpx/_models.py", "python", one.text, library.source("httpx"))
    typed(typist, one, auto_close=True)


def pasting(library: Library, typist: Typist) -> None:
    """Paste a method, then change what must differ, then type on below it."""
    text = library.read("trio/_channel.py")
    one = hole(text, "MemorySendChannel.send_nowait", skip=1, least=90)
    other = hole(text, "MemoryReceiveChannel.receive_nowait", least=200)
    typist.open("trio/_channel.py", "python", one.text, library.source("trio"))
    typist.move(len(one.before))
    typist.paste(other.piece)
    for _ in range(2):
        typist.erase(8)
        typist.type("receive_", typos=0.0)
    typist.type("\n" + one.piece.rstrip("\n"))


def jumping(library: Library, typist: Typist) -> None:
    """Go through a long file, changing a line here and there, and come back."""
    text = library.read("rich/table.py")
    typist.open("rich/table.py", "python", text, library.source("rich"))
    names = ("Table.add_column", "Table.grid", "Table.get_row_style", "Table._calculate_column_widths", "Table.grid")
    for name in names:
        node = _find(typist.text, name)
        lines = typist.text.splitlines(keepends=True)
        statement = node.body[-1]
        line = statement.lineno - 1
        indent = lines[line][: len(lines[line]) - len(lines[line].lstrip())]
        typist.move(sum(map(len, lines[:line])) - 1)
        typist.type(f"\n{indent}# {name.rpartition('.')[2].strip('_')} is done here")
        typist.rest()


def accepting(library: Library, typist: Typist) -> None:
    """Type the beginning of each line, and accept the rest."""
    one = hole(library.read("starlette/responses.py"), "Response.set_cookie", least=420)
    typist.open("starlette/responses.py", "python", one.text, library.source("starlette"))
    typist.move(len(one.before) - 1)
    for line in one.piece.rstrip("\n").split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        code = line[len(indent) :]
        if len(code) < _WORTH_ACCEPTING:
            typist.type("\n" + line)
        else:
            typist.type("\n" + indent + code[:6])
            typist.accept(code[6:])


def edits_above(library: Library, typist: Typist) -> None:
    """Type in a function, go up to add an import, return."""
    one = hole(library.read("pygls/workspace/text_document.py"), "TextDocument._apply_incremental_change", least=160)
    typist.open("pygls/workspace/text_document.py", "python", one.text, library.source("pygls"))
    half = one.piece.rstrip("\n").find("\n", len(one.piece) // 2)
    typist.move(len(one.before) - 1)
    typist.type("\n" + one.piece[:half])
    back = typist.cursor
    top = typist.text.index("\nimport ")
    typist.move(top)
    added = "\nimport contextlib\nimport itertools"
    typist.type(added)
    typist.move(back + len(added))
    typist.type(one.piece[half:].rstrip("\n"))


def two_files(library: Library, typist: Typist) -> None:
    """Work in two files in turn."""
    first = hole(library.read("httpx/_auth.py"), "DigestAuth._get_client_nonce", least=90)
    second = hole(library.read("httpx/_content.py"), "encode_urlencoded_data", least=90)
    typist.open("httpx/_auth.py", "python", first.text, library.source("httpx"))
    one, two = _halves(first.piece), _halves(second.piece)
    typist.move(len(first.before) - 1)
    typist.type("\n" + one[0])
    typist.rest()
    typist.open("httpx/_content.py", "python", second.text, library.source("httpx"))
    typist.move(len(second.before) - 1)
    typist.type("\n" + two[0])
    typist.rest()
    typist.show("httpx/_auth.py")
    typist.type(one[1])
    typist.rest()
    typist.show("httpx/_content.py")
    typist.type(two[1])


def _halves(piece: str) -> tuple[str, str]:
    piece = piece.rstrip("\n")
    cut = piece.find("\n", len(piece) // 3)
    return (piece, "") if cut < 0 else (piece[:cut], piece[cut:])


def windows_and_emoji(library: Library, typist: Typist) -> None:
    """Type in a file with CRLF line ends and characters outside the Basic Multilingual Plane."""
    text = "# 🙂🙂 naïve 日本語\n" + library.read("structlog/dev.py")
    one = hole(
        text, "ConsoleRenderer._configure_columns" if "_configure_columns" in text else "plain_traceback", least=120
    )
    crlf = Hole(*(part.replace("\n", "\r\n") for part in (one.before, one.piece, one.after)))
    typist.open("structlog/dev.py", "python", crlf.text, library.source("structlog"))
    typist.move(len(crlf.before) - 2)
    typist.type("\n" + one.piece.rstrip("\n").replace("\r", ""))
    typist.type('\n    label = "🎉 done: 完了"  # 🙂 ok\n    print(label, "🙂")')


MORNING = (
    ("h11", "h11/_readers.py", "ChunkedReader.__call__"),
    ("httpx", "httpx/_content.py", "encode_request"),
    ("structlog", "structlog/_base.py", "BoundLoggerBase._process_event"),
    ("flask", "flask/views.py", "View.as_view"),
    ("starlette", "starlette/staticfiles.py", "StaticFiles.get_response"),
    ("pygls", "pygls/feature_manager.py", "FeatureManager.feature"),
    ("httpx", "httpx/_multipart.py", "DataField.render_data"),
    ("flask", "flask/templating.py", "DispatchingJinjaLoader._get_source_explained"),
    ("structlog", "structlog/threadlocal.py", "tmp_bind"),
    ("starlette", "starlette/templating.py", "Jinja2Templates._setup_env_defaults"),
    ("h11", "h11/_headers.py", "set_comma_header"),
    ("attrs", "attr/_funcs.py", "assoc"),
    ("httpx", "httpx/_auth.py", "DigestAuth._parse_challenge"),
    ("starlette", "starlette/formparsers.py", "FormParser.parse"),
    ("flask", "flask/config.py", "Config.from_pyfile"),
    ("structlog", "structlog/twisted.py", "JSONRenderer.__call__"),
    ("httpx", "httpx/_utils.py", "get_environment_proxies"),
    ("starlette", "starlette/websockets.py", "WebSocket.receive"),
    ("pygls", "pygls/io_.py", "run_async"),
    ("h11", "h11/_state.py", "ConnectionState.process_event"),
)
"""Package, file, and the function that is written in it."""
_RESTART_AT = 12
_EVERY = 5


def morning(library: Library, typist: Typist) -> None:
    """Work in twenty files: look definitions up here and there, go back, restart, return to the first ten."""
    places: list[tuple[str, str]] = []
    for number, (package, path, name) in enumerate(MORNING):
        one = hole(library.read(path), name, least=110)
        typist.open(path, "python", one.text, library.source(package))
        first, second = _halves(one.piece)
        typist.move(len(one.before) - 1)
        typist.type("\n" + first)
        here = typist.cursor
        if number % 2 and places:  # a definition in another file
            typist.show(places[-1][0])
            typist.move(_definition(typist))
            typist.show(path)
        else:
            typist.move(_definition(typist))
        typist.move(here)
        if number == _RESTART_AT:
            typist.restart()
            typist.show(path)
            typist.move(here)
        typist.type(second)
        typist.rest()
        places.append((path, name.rpartition(".")[2].strip("_")))
        if number % _EVERY == _EVERY - 1:
            _note(typist, *places[number - _EVERY + 1])
    for place in places[: len(places) // 2]:
        _note(typist, *place)


def _definition(typist: Typist) -> int:
    """Return the end of the line of the definition that is farthest from the cursor."""
    lines = typist.text.splitlines(keepends=True)
    ends = [sum(map(len, lines[: at + 1])) - 1 for at, line in enumerate(lines) if line.lstrip().startswith("def ")]
    return max(ends, key=lambda end: abs(end - typist.cursor))


def _note(typist: Typist, path: str, name: str) -> None:
    """Go back to where one was in a file, and write a line there."""
    typist.show(path)
    typist.move(typist.back)
    line = typist.text[typist.text.rfind("\n", 0, typist.cursor) + 1 : typist.cursor]
    indent = line[: len(line) - len(line.lstrip())]
    typist.type(f"\n{indent}# {name} is done")
    typist.rest()


TRACES: dict[str, Callable[[Library, Typist], None]] = {
    "01-typing-h11": typing("h11", "h11/_connection.py", "Connection._extract_next_receive_event", least=130),
    "02-typing-structlog": typing("structlog", "structlog/processors.py", "ExceptionPrettyPrinter.__call__", least=150),
    "03-typing-starlette": typing("starlette", "starlette/routing.py", "Route.matches", least=150),
    "04-typing-at-the-end-attrs": typing_at_the_end,
    "05-typos-flask": typos,
    "06-brackets-httpx": brackets,
    "07-pasting-trio": pasting,
    "08-jumping-rich": jumping,
    "09-accepting-starlette": accepting,
    "10-edits-above-pygls": edits_above,
    "11-two-files-httpx": two_files,
    "12-crlf-emoji-structlog": windows_and_emoji,
    "13-a-morning": morning,
}


def fetch(folder: Path) -> Library:
    """Unpack the packages into a folder, with pip."""
    pins = [f"{name}=={version}" for name, (version, _licence) in _PACKAGES.items()]
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-compile",
        "--target",
        str(folder),
        *pins,
    ]
    subprocess.run(command, check=True)
    return Library(folder)


def make(library: Library) -> Iterator[tuple[str, str]]:
    """Return each trace's name and its lines."""
    for name, play in TRACES.items():
        typist = Typist(name, asks=play is not morning)
        play(library, typist)
        yield name, "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in typist.events)


def main() -> None:
    """Write the traces."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, metavar="FOLDER", help="unpacked already, or to be unpacked here")
    parser.add_argument("--out", type=Path, default=_OUT, metavar="FOLDER")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.packages or Path(temporary)
        library = Library(folder) if (folder / "h11").is_dir() else fetch(folder)
        arguments.out.mkdir(parents=True, exist_ok=True)
        for name, text in make(library):
            (arguments.out / f"{name}.jsonl").write_text(text, encoding="utf-8", newline="\n")
            keys = text.count('"event": "change"')
            print(f"{name}: {keys} changes, {len(text.encode()) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
