"""Which files an import means."""

from __future__ import annotations

import pytest

from starcoder_lsp.repository.facts import language_of
from starcoder_lsp.repository.files import Files
from starcoder_lsp.repository.patterns import imports_in


def resolved(present: str, path: str, text: str) -> list[str]:
    """Return what the imports of a text in the file `path` mean, among the files `present`, separated by blanks."""
    files = Files()
    for slot, one in enumerate([*present.split(), path]):
        files.add(one, slot)
    language = language_of(path)
    found = (target for one in imports_in(text, language) for target in files.resolve(path, language, one))
    return list(dict.fromkeys(found))


@pytest.mark.parametrize(
    ("present", "path", "text", "expected"),
    [
        # Python: a package in src/ or lib/, relative modules, packages and what they export again
        ("src/app/a.py src/app/__init__.py", "tests/test_a.py", "from app.a import f", "src/app/a.py"),
        ("lib/app/a.py lib/app/__init__.py", "lib/app/b.py", "import app.a", "lib/app/a.py"),
        ("app/__init__.py app/a.py app/sub/__init__.py", "app/sub/b.py", "from ..a import f", "app/a.py"),
        ("app/__init__.py app/a.py", "app/b.py", "from . import a", "app/a.py app/__init__.py"),
        ("app/__init__.py other/a.py", "app/b.py", "from .a import f", ""),
        ("app/__init__.py app/os.py", "app/b.py", "import os", ""),
        ("app/__init__.py app/a.pyi", "app/b.py", "from app import a", "app/a.pyi app/__init__.py"),
        ("a.py", "b.py", "from ...a import f", ""),
        ("tools/helpers.py", "tools/run.py", "import helpers", "tools/helpers.py"),
        # JavaScript and TypeScript: index files, .js written for .ts, path aliases, packages of a monorepo
        ("src/a.ts", "src/b.ts", 'import { f } from "./a"', "src/a.ts"),
        ("src/a.ts", "src/b.ts", 'import { f } from "./a.js"', "src/a.ts"),
        ("src/a/index.tsx", "src/b.tsx", 'import A from "./a"', "src/a/index.tsx"),
        ("src/index.js", "src/lib/b.js", 'const x = require("..")', "src/index.js"),
        ("src/paint/colour.ts", "src/b.ts", 'import { C } from "@/paint/colour"', "src/paint/colour.ts"),
        ("src/paint/colour.ts", "src/b.ts", 'import { C } from "~/paint/colour"', "src/paint/colour.ts"),
        ("libs/core/models/user.ts", "src/b.ts", 'import { U } from "@core/models/user"', "libs/core/models/user.ts"),
        ("packages/paint/src/index.ts", "packages/app/b.ts", 'import { C } from "@org/paint"',
         "packages/paint/src/index.ts"),
        ("src/core.ts", "src/b.ts", 'import { C } from "@babel/core"', ""),
        ("src/a.ts", "src/b.ts", 'import { f } from "../../../a"', ""),
        ("src/fs.ts", "src/b.ts", 'import { f } from "fs"', ""),
        # Go: the module's own path in front of a folder
        ("internal/paint/a.go internal/paint/b.go", "main.go", 'import "example.com/app/internal/paint"',
         "internal/paint/a.go internal/paint/b.go"),
        ("fmt/a.go", "x/main.go", 'import (\n\t"fmt"\n)', "fmt/a.go"),
        ("paint/a.go", "main.go", 'import "strings"', ""),
        # Rust: modules beside and below, crate, super, other crates of the workspace
        ("src/lib.rs src/base.rs", "src/a.rs", "use crate::base::Shape;", "src/base.rs src/lib.rs"),
        ("src/lib.rs src/base/mod.rs", "src/lib2.rs", "use crate::base::Shape;", "src/base/mod.rs src/lib.rs"),
        ("src/canvas.rs", "src/main.rs", "mod canvas;", "src/canvas.rs"),
        ("src/shapes/circle.rs", "src/shapes.rs", "mod circle;", "src/shapes/circle.rs"),
        ("src/lib.rs src/shapes/base.rs src/shapes/mod.rs", "src/shapes/a.rs", "use super::base::f;",
         "src/shapes/base.rs src/shapes/mod.rs"),
        ("paint-core/src/lib.rs paint-core/src/colour.rs", "app/src/main.rs", "use paint_core::colour::Tint;",
         "paint-core/src/colour.rs paint-core/src/lib.rs"),
        ("src/lib.rs", "src/a.rs", "use std::fmt;", ""),
        # C and C++: beside the file, below an include folder
        ("src/a.h", "src/a.c", '#include "a.h"', "src/a.h"),
        ("include/lib/a.h", "src/a.c", "#include <lib/a.h>", "include/lib/a.h"),
        ("include/lib/a.h src/a.h", "src/a.c", '#include "a.h"', "src/a.h"),
        ("a/x.h b/x.h", "b/sub/y.c", '#include "x.h"', "b/x.h a/x.h"),
        ("include/a.h", "src/a.c", "#include <stdio.h>", ""),
        # PHP: PSR-4, whose namespace begins with a name that is no folder
        ("src/Paint/Colour.php", "src/A.php", "<?php\nuse App\\Paint\\Colour;", "src/Paint/Colour.php"),
        ("lib/helpers.php", "index.php", "<?php require_once __DIR__ . '/lib/helpers.php';", "lib/helpers.php"),
        # Java and Kotlin: packages as folders
        ("src/main/java/org/x/paint/Colour.java", "src/main/java/org/x/A.java", "import org.x.paint.Colour;",
         "src/main/java/org/x/paint/Colour.java"),
        ("src/org/x/Maths.java", "src/org/x/A.java", "import static org.x.Maths.square;", "src/org/x/Maths.java"),
        ("src/org/x/a/B.java src/org/x/a/C.java", "src/org/x/A.java", "import org.x.a.*;",
         "src/org/x/a/B.java src/org/x/a/C.java"),
        ("src/org/x/B.java", "src/org/x/A.java", "package org.x;", "src/org/x/B.java"),
        ("src/org/x/Tint.kt", "src/org/y/A.kt", "import org.x.Tint as Colour", "src/org/x/Tint.kt"),
        ("src/java/util/List.java", "src/A.java", "import java.util.Map;", ""),
        # In C# a namespace is a folder, of which the first names need not be one
        ("src/Drawing/Paint.cs", "src/A.cs", "using App.Drawing;", "src/Drawing/Paint.cs"),
        # Ruby, shell, Lua
        ("lib/app/shapes.rb", "lib/app/a.rb", 'require "app/shapes"', "lib/app/shapes.rb"),
        ("lib/app/shapes.rb", "lib/app/a.rb", 'require_relative "shapes"', "lib/app/shapes.rb"),
        ("scripts/lib/common.sh", "scripts/run.sh", "source ./lib/common.sh", "scripts/lib/common.sh"),
        ("src/shapes/helpers.lua", "src/main.lua", 'local h = require("shapes.helpers")', "src/shapes/helpers.lua"),
    ],
)  # fmt: skip
def test_an_import_means_files(present: str, path: str, text: str, expected: str) -> None:
    assert resolved(present, path, text) == expected.split()


def test_a_removed_file_is_meant_by_nothing() -> None:
    files = Files()
    for slot, path in enumerate(("a/b.py", "a/c.py", "d/b.py")):
        files.add(path, slot)
    assert files.remove("a/b.py") == 0
    assert files.remove("a/b.py") is None
    (one,) = imports_in("import b", "python")
    assert files.resolve("a/c.py", "python", one) == ["d/b.py"]
    assert list(files.in_folder("a")) == ["a/c.py"]
    assert list(files.with_stem("b")) == ["d/b.py"]
