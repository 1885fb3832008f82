"""The prompts of one place for each family, as ids and spelled out. `python -m tests.support.family_prompts` writes
them.

Each family gets a vocabulary made for it: every byte, or for SentencePiece every ASCII character, a token of its own,
and the family's control tokens behind them. So the ids are exact and depend on nothing but the family's row.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen
from gguf.constants import TokenType

from starcoder_lsp.completion.context import Neighbour, Neighbours, alone, context_of
from starcoder_lsp.completion.families import FAMILIES, FimFamily, Sign
from starcoder_lsp.completion.prompt import Place, candidates
from starcoder_lsp.completion.window import Anchor
from starcoder_lsp.loading import family_of
from starcoder_lsp.models.byte_alphabet import token_text
from starcoder_lsp.models.gguf import Vocabulary, read_header
from starcoder_lsp.tokens.lines import LineEncoder
from starcoder_lsp.tokens.tokenizer import Tokenizer
from tests.support.gguf_files import write_gguf

if TYPE_CHECKING:
    from starcoder_lsp.models.gguf import GGUFHeader

FOLDER: Final = Path(__file__).parents[1] / "golden" / "families"

BEFORE, AFTER = "def add(a, b):\n    return ", "\n\n\nprint(add(1, 2))\n"
PLACE: Final = Place(BEFORE + AFTER, len(BEFORE), "src/add.py")
NEIGHBOURS: Final = Neighbours("k", "me/sums", (Neighbour("src/sub.py", "def sub(a, b):\n    return a - b\n"),))

_SENTENCEPIECE: Final = {"codellama", "aixcoder", "codestral", "codegemma"}


@frozen
class _Origin:
    """What a file of the family says of itself."""

    architecture: str
    rule: str = "starcoder"
    name: str = "a model"


_ORIGINS: Final = {
    "mellum": _Origin("llama", "mellum"),
    "starcoder2": _Origin("starcoder2"),
    "starcoder": _Origin("starcoder"),
    "santacoder": _Origin("starcoder"),
    "refact": _Origin("refact"),
    "granite": _Origin("llama"),
    "codegemma": _Origin("gemma"),
    "qwen-coder": _Origin("qwen2", "qwen2"),
    "qwen-coder-chat": _Origin("qwen3moe", "qwen2"),
    "bars": _Origin("granite", "qwen2"),
    "deepseek-coder": _Origin("llama", "deepseek-coder"),
    "seed-coder": _Origin("llama", "seed-coder"),
    "codestral": _Origin("llama", name="Codestral 22B v0.1"),
    "glm": _Origin("glm4moe", "glm4"),
    "codegeex": _Origin("chatglm", "chatglm-bpe", name="CodeGeeX4 All 9b"),
}


def vocabulary_of(family: FimFamily, folder: Path) -> GGUFHeader:
    """Write a file without weights that is of this family, and return its header."""
    spellings = [family.prefix, family.suffix, family.middle, family.repo, family.file_separator, family.file_name]
    spellings += [part.spelling for part in (*family.opening, *family.closing) if isinstance(part, Sign)]
    control = list(dict.fromkeys([*filter(None, spellings), *family.ends]))
    origin = _ORIGINS.get(family.name, _Origin("llama"))
    path = folder / f"{family.name}.gguf"
    if family.name in _SENTENCEPIECE:
        control = [one for one in control if one not in {"<s>", "</s>"}]
        head = ["<unk>", "<s>", "</s>"]
        raw = [f"<0x{byte:02X}>" for byte in range(256)]
        text = ["▁", *(chr(code) for code in range(33, 127))]
        types = [TokenType.UNKNOWN, *[TokenType.CONTROL] * 2, *[TokenType.BYTE] * 256, *[TokenType.NORMAL] * len(text)]
        tokens = [*head, *raw, *text]
        scalars: dict[str, str | int] = {"model": "llama", "bos_token_id": 1, "eos_token_id": 2}
    else:
        tokens = [*(token_text(bytes([byte])) for byte in range(256)), "or"]
        types = [TokenType.NORMAL] * 257
        scalars = {"model": "gpt2", "pre": origin.rule}
    vocabulary = Vocabulary(
        [*tokens, *control],
        [*map(int, types), *[int(TokenType.CONTROL)] * len(control)],
        [-float(number) for number in range(len(tokens) + len(control))] if family.name in _SENTENCEPIECE else [],
        [] if family.name in _SENTENCEPIECE else ["o r"],
    )
    pairs: dict[str, str | int] = {f"tokenizer.ggml.{key}": value for key, value in scalars.items()}
    about = {"general.architecture": origin.architecture, "general.name": origin.name}
    write_gguf(path, {**about, **pairs}, vocabulary=vocabulary)
    return read_header(path, vocabulary_only=True)


def prompts_of(header: GGUFHeader, *, chat_markup: bool = False) -> dict[str, Any]:
    """Return the prompts of `PLACE`, alone and with a neighbour, in each layout of the file's family."""
    tokenizer = Tokenizer.from_header(header)
    tokens = family_of(header, tokenizer, chat_markup=chat_markup)
    chunks = LineEncoder(tokenizer).chunks
    with_neighbour = context_of(NEIGHBOURS, language="python", tokens=tokens, budget=300, chunks=chunks)
    found: dict[str, Any] = {"family": tokens.family.name}
    for case, context in (("alone", alone(tokens)), ("with a neighbour", with_neighbour)):
        prompts = candidates(
            PLACE, tokens=tokens, budget=2000, anchor=Anchor(), chunks=chunks, contexts=[context], language="python"
        )
        found[case] = {
            prompt.layout: {"text": _spelled(tokenizer, prompt.ids), "ids": prompt.ids} for prompt in prompts
        }
    return found


def _spelled(tokenizer: Tokenizer, ids: list[int]) -> str:
    """The text of a prompt; control tokens in angle quotes, so that none is taken for text."""
    return b"".join(
        f"«{tokenizer.piece(token).decode()}»".encode() if tokenizer.is_control(token) else tokenizer.piece(token)
        for token in ids
    ).decode()


def main() -> None:
    """Write all golden files anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for family in FAMILIES:
            found = prompts_of(vocabulary_of(family, Path(folder)), chat_markup=family.if_asked)
            (FOLDER / f"{family.name}.json").write_text(rendered(found), "utf-8")


def rendered(found: dict[str, Any]) -> str:
    """Return a golden file's text: ids on one line."""
    for case in ("alone", "with a neighbour"):
        for prompt in found[case].values():
            prompt["ids"] = " ".join(map(str, prompt["ids"]))
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
