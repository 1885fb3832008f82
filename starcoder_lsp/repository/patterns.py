"""Definitions and imports by regular expressions, line by line.

Imports of every language are found so: they are simple, and stand in files whose syntax is broken at the cursor.
Definitions only where there is no grammar, or no time for one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starcoder_lsp.repository.model import Definition, Import

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["definitions_in", "imports_in"]

_NAME = r"(?P<name>[^\W\d][\w$]*)"
_MODIFIERS = (
    r"(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|sealed|open|data|override|"
    r"virtual|partial|readonly|pub(?:\([^)]*\))?|unsafe|const|inline|extern|declare|local|case|companion|suspend)\s+)*"
)
_TYPE = re.compile(
    rf"^(?P<indent>\s*){_MODIFIERS}(?:enum\s+(?:class|struct)|class|struct|interface|trait|enum|record|object|module|"
    rf"namespace|protocol|union|type|typedef|typealias|message|contract)\s+{_NAME}"
)
_FUNCTION = re.compile(
    rf"^(?P<indent>\s*){_MODIFIERS}(?:def|function|func|fun|fn|sub|proc|method|macro|macro_rules!)\s+"
    rf"(?:(?P<owner>[\w$]+)[.:])?{_NAME}"
)
_RECEIVER = re.compile(rf"^(?P<indent>)func\s*\(\s*\w*\s*\*?(?P<owner>\w+)[^)]*\)\s*{_NAME}")
_TYPED_FUNCTION = re.compile(rf"^(?P<indent>\s*){_MODIFIERS}(?:[\w:<>,\[\]&*?]+\s+)+[*&]?{_NAME}\s*\([^;=]*$")
_BEGINNINGS = frozenset(
    (
        "export", "default", "public", "private", "protected", "internal", "static", "final", "abstract", "async",
        "sealed", "open", "data", "override", "virtual", "partial", "readonly", "pub", "unsafe", "const", "inline",
        "extern", "declare", "local", "case", "companion", "suspend", "class", "struct", "interface", "trait", "enum",
        "record", "object", "module", "namespace", "protocol", "union", "type", "typedef", "typealias", "message",
        "contract", "def", "function", "func", "fun", "fn", "sub", "proc", "method", "macro", "macro_rules!",
    )
)  # fmt: skip
_BEGINNINGS_IN_BRACKETS = ("pub(", "func(")
"""What the three begin with: most lines do not, and this says so in a tenth of the time that the three take."""
_MEMBER = re.compile(rf"^\s*(?:self|this|cls)\.{_NAME}\s*(?::[^=]+)?=[^=]")
_CONSTANT = re.compile(
    rf"^(?P<indent>\s*){_MODIFIERS}(?:(?:const|let|var|val|static|final)\s+(?:mut\s+)?)?{_NAME}\s*(?::[^=]+)?:?=[^=]"
)
_DEFINE = re.compile(rf"^(?P<indent>)\s*#\s*define\s+{_NAME}")
_NOT_NAMES = frozenset(
    (
        "if", "else", "for", "while", "switch", "return", "catch", "case", "new", "delete", "throw", "in", "do",
        "elif", "elsif", "with", "and", "or", "not",
    )
)  # fmt: skip
_DEEP = 8  # columns of indentation, from where assignments are no longer members
_AS_DEEP = (" " * _DEEP, "\t\t")
_THIS = ("self.", "this.", "cls.")


def definitions_in(lines: Sequence[str], language: str) -> list[Definition]:
    """Return what looks like a definition. `lines` without their ends."""
    found: list[Definition] = []
    owners: list[tuple[int, str]] = []  # (indentation, name) of the types around
    for number, line in enumerate(lines, start=1):
        head = line.split(None, 1)
        if not head or len(line) > 400:  # noqa: PLR2004 - minified
            continue
        if owners and owners[-1][0] >= _DEEP and "=" in line:  # so deep it defines nothing, but may end a type
            _leave(owners, max(_DEEP, _columns(line[: -len(line.lstrip())])))
        kind, match = _match(line, head[0], language)
        if match is None or match["name"] in _NOT_NAMES:
            continue
        groups = match.groupdict()
        indent = _columns(groups.get("indent") or "")
        if kind != "attribute":
            _leave(owners, indent)
        owner = groups.get("owner") or (owners[-1][1] if owners else "")
        if kind == "constant":
            if indent >= _DEEP or (indent and not owner):
                continue
            kind = "attribute" if owner else "constant"
        found.append(Definition(match["name"], kind, owner, number, number))
        if kind == "class":
            owners.append((indent, match["name"]))
    return found


def _leave(owners: list[tuple[int, str]], indent: int) -> None:
    """Forget the types that a line of this indentation is not in."""
    while owners and owners[-1][0] >= indent:
        owners.pop()


def _columns(indent: str) -> int:
    return len(indent.expandtabs(4))


def _match(line: str, head: str, language: str) -> tuple[str, re.Match[str] | None]:
    """Return what a line defines. `head` is what stands in front of its first blank."""
    if head in _BEGINNINGS or head.startswith(_BEGINNINGS_IN_BRACKETS):
        for kind, pattern in (("class", _TYPE), ("function", _RECEIVER), ("function", _FUNCTION)):
            match = pattern.match(line)
            if match is not None:
                return kind, match
    if "=" in line:
        if head.startswith(_THIS) and (match := _MEMBER.match(line)) is not None:
            return "attribute", match
        if not line.startswith(_AS_DEEP) and (match := _CONSTANT.match(line)) is not None:
            return "constant", match
    if "define" in line and (match := _DEFINE.match(line)) is not None:
        return "constant", match
    if language in _TYPED and "(" in line and "=" not in line:
        return "function", _TYPED_FUNCTION.match(line)
    return "", None


_TYPED = frozenset(("c", "cpp", "java", "csharp", "dart", "groovy", "objective-c", "objective-cpp"))


# --- imports ---

_PY_FROM = re.compile(
    r"^[ \t]*from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(\([^)]*\)?|[^\n\\]*(?:\\\n[^\n\\]*)*)", re.MULTILINE
)
_PY_IMPORT = re.compile(r"^[ \t]*import[ \t]+([\w., \t]+)", re.MULTILINE)
_JS_FROM = re.compile(
    r"""^[ \t]*(?:import|export)\b(?:\s+type\b)?(?P<what>[^'"();=]*?)(?:\bfrom\s*)?['"](?P<module>[^'"\n]+)['"]""",
    re.MULTILINE,
)
_JS_REQUIRE = re.compile(
    r"""(?:(?:const|let|var)\s+(?P<what>\{[^}=]*\}|[\w$]+)\s*=\s*)?\b(?:require|import)\(\s*['"](?P<module>[^'"\n]+)['"]\s*\)"""
)
_JAVA = re.compile(
    r"^[ \t]*(?:import|using)[ \t]+(?:static[ \t]+)?([\w.*]+)(?:[ \t]+as[ \t]+(\w+))?[ \t]*;?", re.MULTILINE
)
_CSHARP = re.compile(
    r"^[ \t]*(?:global[ \t]+)?using[ \t]+(?:static[ \t]+)?(?:(\w+)[ \t]*=[ \t]*)?([\w.]+)[ \t]*;", re.MULTILINE
)
_PACKAGE = re.compile(r"^[ \t]*(?:package|namespace)[ \t]+([\w.\\]+)", re.MULTILINE)
_GO_ONE = re.compile(r'^[ \t]*import[ \t]+(?:([\w.]+)[ \t]+)?"([^"\n]+)"', re.MULTILINE)
_GO_BLOCK = re.compile(r"^[ \t]*import[ \t]*\(([^)]*)\)", re.MULTILINE)
_GO_LINE = re.compile(r'^[ \t]*(?:([\w.]+)[ \t]+)?"([^"\n]+)"', re.MULTILINE)
_RUST_USE = re.compile(r"^[ \t]*(?:pub(?:\([^)]*\))?[ \t]+)?use[ \t]+([^;]+);", re.MULTILINE)
_RUST_MOD = re.compile(r"^[ \t]*(?:pub(?:\([^)]*\))?[ \t]+)?mod[ \t]+(\w+)[ \t]*;", re.MULTILINE)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*(?:include|import)[ \t]*[<"]([^>"\n]+)[>"]', re.MULTILINE)
_PHP_USE = re.compile(
    r"^[ \t]*use[ \t]+(?:function[ \t]+|const[ \t]+)?([\w\\]+)(?:\\\{([^}]*)\})?(?:[ \t]+as[ \t]+(\w+))?[ \t]*;",
    re.MULTILINE,
)
_PHP_REQUIRE = re.compile(r"""\b(?:require|include)(?:_once)?\b[^'";\n]*['"]([^'"\n]+)['"]""")
_RUBY = re.compile(
    r"""^[ \t]*(require|require_relative|load|autoload)\b[ \t(]*(?::\w+[ \t]*,[ \t]*)?['"]([^'"\n]+)['"]""",
    re.MULTILINE,
)
_SHELL = re.compile(r"""^[ \t]*(?:source|\.)[ \t]+["']?([^\s"';]+)""", re.MULTILINE)
_OTHER_REQUIRE = re.compile(r"""\brequire\b[ \t(]*["']([\w./\\:-]+)["']""")
_OTHER = re.compile(
    r"""^[ \t]*(?:import|use|require|include|open|from|@import|using)\b[ \t(]*["'<]?([\w./\\:-]+)""", re.MULTILINE
)


def imports_in(text: str, language: str) -> list[Import]:
    """Return the imports of a text, in their order within each form."""
    return list(_READERS.get(language, _other)(text))


def _pairs(names: str, alias: str = " as ") -> tuple[tuple[str, str], ...]:
    """`a, b as c` as ((a, a), (b, c)); what is no name is left out."""
    found = []
    for part in re.sub(r"(?:#|//)[^\n]*", "", names).replace("\\\n", " ").split(","):
        there, _, here = " ".join(part.split()).partition(alias)
        there = there.removeprefix("type ").strip()
        if there == "*" or re.fullmatch(r"[\w$]+", there):
            found.append((there, here.strip() or there))
    return tuple(found)


def _in_lines(pattern: re.Pattern[str], text: str, *words: str) -> Iterator[re.Match[str]]:
    """`finditer` for a pattern that begins a line and has one of these words in that line: in a tenth of the time."""
    starts: set[int] = set()
    for word in words:
        at = text.find(word)
        while at >= 0:
            starts.add(text.rfind("\n", 0, at) + 1)
            at = text.find(word, at + len(word))
    end = 0
    for start in sorted(starts):
        if start >= end and (match := pattern.match(text, start)) is not None:
            end = match.end()
            yield match


def _python(text: str) -> Iterator[Import]:
    for match in _in_lines(_PY_FROM, text, "import"):
        yield Import(match[1], _pairs(match[2].strip("()")))
    for match in _in_lines(_PY_IMPORT, text, "import"):
        for there, _, here in (" ".join(part.split()).partition(" as ") for part in match[1].split(",")):
            if there:
                yield Import(there, (), here or there)


def _javascript(text: str) -> Iterator[Import]:
    required = _JS_REQUIRE.finditer(text) if "require(" in text or "import(" in text else ()
    for match in (*_in_lines(_JS_FROM, text, "import", "export"), *required):
        what = (match["what"] or "").strip()
        braces = re.search(r"\{([^}]*)\}", what)
        names = _pairs(braces[1].replace(":", " as ")) if braces else ()
        outside = re.sub(r"\{[^}]*\}", "", what).replace("* as", " ")
        alias = re.search(r"[\w$]+", outside)
        yield Import(match["module"], names, alias[0] if alias and alias[0] != "type" else "")


def _java(text: str) -> Iterator[Import]:
    package = _PACKAGE.search(text)
    if package:
        yield Import(package[1], (("*", "*"),))
    for match in _JAVA.finditer(text):
        module, _, name = match[1].rpartition(".")
        yield Import(module, ((name, match[2] or name),)) if module else Import(name, (), name)


def _csharp(text: str) -> Iterator[Import]:
    for match in _PACKAGE.finditer(text):
        yield Import(match[1], (("*", "*"),))
    for match in _CSHARP.finditer(text):
        yield Import(match[2], (), match[1] or match[2].rpartition(".")[2])


def _go(text: str) -> Iterator[Import]:
    lines = [*_GO_ONE.finditer(text)]
    for block in _GO_BLOCK.finditer(text):
        lines += _GO_LINE.finditer(block[1])
    for match in lines:
        yield Import(match[2], (), match[1] or match[2].rpartition("/")[2])


def _rust(text: str) -> Iterator[Import]:
    for match in _RUST_MOD.finditer(text):
        yield Import(f"mod {match[1]}", (), match[1])
    for match in _RUST_USE.finditer(text):
        yield from _rust_tree("", "".join(re.sub(r"//[^\n]*", "", match[1]).replace(" as ", "=").split()))


def _rust_tree(before: str, tree: str) -> Iterator[Import]:
    """`a::{b, c::{d, e}}`, each branch of its own."""
    head, brace, rest = tree.partition("{")
    if not brace:
        path, _, here = tree.partition("=")
        module, _, name = (before + path).rpartition("::")
        if name == "self":
            yield Import(module, (), here or module.rpartition("::")[2])
        elif module or name:
            yield Import(module, ((name, here or name),)) if module else Import(name, (), here or name)
        return
    depth, start = 0, 0
    rest = rest.removesuffix("}")
    for at, letter in enumerate(rest + ","):
        if letter == "," and depth == 0:
            if at > start:
                yield from _rust_tree(before + head, rest[start:at])
            start = at + 1
        depth += (letter == "{") - (letter == "}")


def _c(text: str) -> Iterator[Import]:
    for match in _in_lines(_INCLUDE, text, "include", "import"):
        yield Import(match[1])


def _php(text: str) -> Iterator[Import]:
    package = _PACKAGE.search(text)
    if package:
        yield Import(package[1], (("*", "*"),))
    for match in _PHP_USE.finditer(text):
        if match[2]:
            yield Import(match[1], _pairs(match[2]))
        else:
            module, _, name = match[1].rpartition("\\")
            yield Import(module, ((name, match[3] or name),))
    for match in _PHP_REQUIRE.finditer(text):
        yield Import(match[1].lstrip("/"))


def _ruby(text: str) -> Iterator[Import]:
    for match in _RUBY.finditer(text):
        yield Import(("./" if match[1] == "require_relative" and match[2][0] != "." else "") + match[2])


def _shell(text: str) -> Iterator[Import]:
    for match in _SHELL.finditer(text):
        yield Import(match[1])


def _other(text: str) -> Iterator[Import]:
    for match in (*_OTHER.finditer(text), *_OTHER_REQUIRE.finditer(text)):
        yield Import(match[1])


_READERS: dict[str, Callable[[str], Iterator[Import]]] = {
    "python": _python,
    "javascript": _javascript,
    "javascriptreact": _javascript,
    "typescript": _javascript,
    "typescriptreact": _javascript,
    "vue": _javascript,
    "svelte": _javascript,
    "java": _java,
    "kotlin": _java,
    "scala": _java,
    "groovy": _java,
    "csharp": _csharp,
    "go": _go,
    "rust": _rust,
    "c": _c,
    "cpp": _c,
    "objective-c": _c,
    "objective-cpp": _c,
    "php": _php,
    "ruby": _ruby,
    "shellscript": _shell,
}
