"""Languages by file name, and what is to be known of each."""

from __future__ import annotations

__all__ = ["KIN", "language_of", "stop_words"]

_BY_EXTENSION = {
    "python": "py pyi pyw pyx",
    "javascript": "js mjs cjs",
    "javascriptreact": "jsx",
    "typescript": "ts mts cts",
    "typescriptreact": "tsx",
    "java": "java",
    "go": "go",
    "rust": "rs",
    "c": "c h",
    "cpp": "cc cpp cxx c++ hpp hh hxx h++ ipp inl tpp cu cuh ino",
    "csharp": "cs",
    "php": "php phtml inc",
    "ruby": "rb rake gemspec ru",
    "kotlin": "kt kts",
    "shellscript": "sh bash zsh ksh",
    "scala": "scala sbt",
    "swift": "swift",
    "objective-c": "m",
    "objective-cpp": "mm",
    "lua": "lua",
    "perl": "pl pm",
    "r": "r",
    "julia": "jl",
    "haskell": "hs",
    "elixir": "ex exs",
    "erlang": "erl hrl",
    "clojure": "clj cljs cljc",
    "fsharp": "fs fsi fsx",
    "groovy": "groovy gradle",
    "dart": "dart",
    "zig": "zig",
    "nim": "nim",
    "ocaml": "ml mli",
    "vue": "vue",
    "svelte": "svelte",
    "sql": "sql",
    "proto": "proto",
    "html": "html htm",
    "css": "css",
    "scss": "scss",
    "less": "less",
    "cmake": "cmake",
    "yaml": "yaml yml",
    "toml": "toml",
    "json": "json",
    "xml": "xml",
    "markdown": "md",
    "vim": "vim",
    "fortran": "f f90 f95 f03",
    "solidity": "sol",
    "powershell": "ps1 psm1",
    "graphql": "graphql gql",
    "terraform": "tf",
}
_LANGUAGES = {extension: name for name, all_ in _BY_EXTENSION.items() for extension in all_.split()}
_BY_NAME = {
    "dockerfile": "dockerfile",
    "makefile": "makefile",
    "gnumakefile": "makefile",
    "cmakelists.txt": "cmake",
    "rakefile": "ruby",
    "gemfile": "ruby",
    "jenkinsfile": "groovy",
}

_FAMILIES = (
    ("javascript", "javascriptreact", "typescript", "typescriptreact", "vue", "svelte"),
    ("c", "cpp", "objective-c", "objective-cpp"),
    ("java", "kotlin", "scala", "groovy"),
    ("html", "vue", "svelte"),
    ("css", "scss", "less"),
)
KIN: dict[str, frozenset[str]] = {}
"""Languages whose files use each other's names."""
for _family in _FAMILIES:
    for _name in _family:
        KIN[_name] = KIN.get(_name, frozenset()) | frozenset(_family)


def language_of(path: str) -> str:
    """Return the language of a file by its name, as LSP names languages; empty for one that is not known."""
    name = path.rpartition("/")[2].lower()
    return _BY_NAME.get(name) or _LANGUAGES.get(name.rpartition(".")[2] if "." in name else "", "")


_COMMON = """
abstract and any array as assert async await base bool boolean break byte case catch char class const constructor
continue crate def default del delete do double each elif else elsif end ensure enum except export extends extern
false final finally float fn for foreach from func function global go goto if impl implements import in include
inline instanceof int integer interface internal is isinstance it lambda len let list long loop match mod module move
mut namespace new nil none nonlocal not null object operator or out override package params pass private protected
pub public raise range readonly ref require rescue return self set short signed sizeof static str string struct super
switch template test then this throw throws trait true try type typedef typename typeof undefined union unless
unsigned until use using val value var virtual void volatile when where while with yield
"""
_stop: frozenset[str] | None = None


def stop_words() -> frozenset[str]:
    """Keywords and the commonest names: they stand everywhere and say nothing of a place."""
    global _stop  # noqa: PLW0603 - made once
    if _stop is None:
        words = _COMMON.split()
        _stop = frozenset([*words, *(word.capitalize() for word in words)])
    return _stop
