"""Texts that tokenizers get wrong."""
# ruff: noqa: RUF001 -- ambiguous letters are the point

from __future__ import annotations

import sysconfig
from pathlib import Path

NASTY = (
    "",
    " ",
    "\n",
    "\r\n",
    "def f(x):\r\n    return x\r\n\r\n\r\nclass A:\r\n\tpass\r\n",
    "\tif x:\n\t\tpass\n\n\n\t# done\t\n",
    "x = 1   \n   \n\t\n    y = 22.5e-10\n",
    "{\n  \n}\n;\n\n  foo();\n",
    "page\x0cbreak\x0b\n\x0c\ndef f(): pass",
    "nul\x00byte\x00\n\x00",
    "a\u2028b\u2029c\u0085d\u00a0e\u3000f\u200bg\ufeffh",
    "emoji 👩\u200d👩\u200d👧 🇩🇪 e\u0301 \U0001f600\n👍🏽",
    "日本語のコメント # 中文 한국어\n",
    "naïve café Straße ǅ ﬁ İı ſ K Ω",
    "Don't I'LL we'Re they'VE 'S 's'd\n'm 'ſ",
    "1234567890 3.14159 ٣٤٥ ½ Ⅷ x1y2\n",
    "$x += ^~|`<=>`&&||!!==::->=>//--**",
    "                                x",
    "a" * 300,
    "  \n" * 40 + "x",
    "<|endoftext|> <fim_prefix> <fim_middle><fim_suffix><fim_pad> <file_sep><repo_name>",
    "<|fim_prefix|> <｜fim▁begin｜>▁<PRE> ▁<EOT> </s> <s> <unk> <0x0A> [PAD1] ▁▁ ▁",
    "<", "<|", "|>", "</", "</s", "s>",
)  # fmt: skip


def library_files(step: int) -> list[str]:
    """Every `step`-th module of the Python standard library that is UTF-8."""
    library = Path(sysconfig.get_path("stdlib"))
    texts = []
    for path in sorted(library.rglob("*.py"))[::step]:
        if "site-packages" in path.parts or path.stat().st_size > 100_000:
            continue
        try:
            texts.append(path.read_text("utf-8"))
        except UnicodeDecodeError:
            continue
    return texts
