"""Folders and files that are in a workspace but that nobody there writes, by their names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container

__all__ = ["why_foreign_file", "why_foreign_folder"]

_FOLDERS: Final = {
    "of a version control system": {".git", ".hg", ".svn", ".bzr", ".jj", "_darcs", "CVS", ".sl"},
    "other people's code": {
        "node_modules", "bower_components", "jspm_packages", "web_modules", "vendor", "vendored", "third_party",
        "third-party", "thirdparty", "3rdparty", "external_libs", "site-packages", "dist-packages", "Pods",
        "Carthage", ".venv", "venv", "virtualenv", ".virtualenv", ".bundle", ".gem", ".cargo", ".m2", ".pub-cache",
        ".yarn", ".pnpm-store", ".pnpm", "elm-stuff", "deps_cache", "godeps", "Godeps", ".spago", "_opam",
        ".stack-work", "dist-newstyle", ".conan", ".vcpkg", "vcpkg_installed",
    },
    "a build's output": {
        "dist", "__pycache__", ".tox", ".nox", ".eggs", ".next", ".nuxt", ".output", ".svelte-kit", ".angular",
        ".parcel-cache", ".turbo", ".vite", ".gradle", ".dart_tool", "DerivedData", "CMakeFiles", ".cxx",
        ".externalNativeBuild", "htmlcov", "coverage", ".nyc_output", ".serverless", ".aws-sam", "cdk.out",
        ".docusaurus", ".vuepress", "_site", ".jekyll-cache", ".ipynb_checkpoints", ".build", ".bloop", ".metals",
        ".bsp", "_build", "zig-cache", ".zig-cache", "zig-out", "nimcache",
    },
    "a tool's cache": {
        ".cache", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".sass-cache", ".eslintcache",
        ".import_linter_cache", ".idea", ".vs", ".fleet", ".settings", ".history", ".direnv", ".terragrunt-cache",
        ".pulumi", ".ccls-cache", ".clangd",
    },
}  # fmt: skip
_FOLDER_NAMES: Final = {name: why for why, names in _FOLDERS.items() for name in names}
_FOLDER_FORMS: Final = re.compile(
    r"(?:cmake-build-.*|bazel-.*|.*\.egg-info|.*\.dist-info|.*\.xcassets|buck-out.*|node_modules.*)"
)

_BESIDE: Final = {
    "build": (
        "setup.py", "pyproject.toml", "CMakeLists.txt", "build.gradle", "build.gradle.kts", "package.json",
        "pubspec.yaml", "meson.build",
    ),
    "out": ("package.json", "build.gradle", "build.gradle.kts", "CMakeLists.txt", "tsconfig.json"),
    "target": ("Cargo.toml", "pom.xml", "build.sbt", "project.clj", "deps.edn"),
    "env": ("requirements.txt", "setup.py", "pyproject.toml"),
    "lib64": ("pyvenv.cfg",),
    "Debug": (".sln", ".vcxproj"),
    "Release": (".sln", ".vcxproj"),
    "bin": (".csproj", ".fsproj", ".vbproj"),
    "obj": (".csproj", ".fsproj", ".vbproj"),
}  # fmt: skip
"""Names that people use for their own folders too: they count only beside one of these files (or of this extension)."""

_GENERATED: Final = re.compile(
    r".*[.-]min\.(?:js|mjs|cjs|css)|.*\.(?:bundle|chunk)\.(?:js|css)|.*\.(?:map|lock|snap|ipynb|svg|po|pot|arb|resx)"
    r"|(?:package-lock|npm-shrinkwrap|composer\.lock|Pipfile\.lock|packages\.lock)(?:\.json)?|pnpm-lock\.ya?ml|yarn\.lock|go\.sum"
    r"|\.pnp\.[cm]?js|.*_pb2(?:_grpc)?\.pyi?|.*\.pb\.(?:go|cc|h|swift|gw\.go)|.*_grpc\.pb\.go|.*[._]pb\.(?:js|ts|d\.ts|rb)"
    r"|.*\.(?:generated|gen|g|freezed|gr)\.(?:dart|cs|go|ts|tsx|js|kt|java|rs|py)|.*_generated\.\w+|zz_generated.*"
    r"|.*\.designer\.(?:cs|vb)|moc_.*\.(?:cpp|cc|h)|ui_.*\.(?:h|py)|qrc_.*\.(?:cpp|py)|R\.java|BuildConfig\.(?:java|kt)"
    r"|.*\.(?:tab|yy)\.[ch]|lex\.yy\.c|.*_wrap\.(?:c|cxx|cpp)|.*\.d\.ts\.map|gradlew(?:\.bat)?|mvnw(?:\.cmd)?",
    re.IGNORECASE,
)  # fmt: skip


def why_foreign_folder(name: str, beside: Container[str]) -> str:
    """Return what makes a folder no part of the project, as the end of "it is …"; empty where nothing does.

    `beside`: the names of what stands in the same folder as it, and their extensions with the dot.
    """
    if (why := _FOLDER_NAMES.get(name)) is not None:
        return why
    if _FOLDER_FORMS.fullmatch(name):
        return "a build's output"
    return "a build's output" if any(one in beside for one in _BESIDE.get(name, ())) else ""


def why_foreign_file(name: str) -> str:
    """Return "generated" for a name that only generators give; empty for others."""
    return "generated" if _GENERATED.fullmatch(name) else ""
