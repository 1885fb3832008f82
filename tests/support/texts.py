"""Texts that tokenizers get wrong."""
# ruff: noqa: RUF001 -- ambiguous letters are the point

from __future__ import annotations

from pathlib import Path

from starcoder_lsp.bench.keystrokes import default_traces
from starcoder_lsp.bench.traces import Open, read_trace

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


def real_files() -> list[str]:
    """The files of real packages that the traces of `bench` open: 300,000 characters, the same on every machine."""
    traces = [read_trace(path) for path in default_traces()]
    return list(dict.fromkeys(event.text for trace in traces for event in trace.events if isinstance(event, Open)))


def repository_files() -> list[str]:
    """The sources of this repository, in all its languages."""
    root = Path(__file__).parents[2]
    kinds = (
        "starcoder_lsp/**/*.py",
        "tests/**/*.py",
        "training/*.py",
        "editors/**/*.ts",
        "editors/**/*.lua",
        "editors/**/*.mjs",
    )
    paths = {path for kind in kinds for path in root.glob(kind) if "node_modules" not in path.parts}
    return [path.read_text("utf-8") for path in sorted(paths)]
