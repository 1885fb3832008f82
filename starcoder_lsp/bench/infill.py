"""What llama.vim asks of llama.cpp's `/infill`, and how it shows the answers; nothing here does I/O.

Written from llama.vim's `autoload/llama.vim` (https://github.com/ggml-org/llama.vim), with its defaults. Each of
these is to its favour:

- the ring buffer of extra chunks is left out, and with it what it costs to evaluate them;
- the speculative request that it sends for the text behind a suggestion on the screen is left out, which would be a
  second prompt evaluated for many keystrokes;
- a request is never dropped or put off because another one is running (`starcoder_lsp.bench.peer` waits for each
  answer).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any

from attrs import define, field, frozen

from starcoder_lsp.completion.cursor import normalised

N_PREFIX, N_SUFFIX = 256, 64
"""Lines before and after the cursor's (`n_prefix`, `n_suffix`)."""
_N_PREDICT = 128
_T_MAX_PROMPT_MS = 500
_T_MAX_PREDICT_MS = 250  # of a request that is not speculative
_MAX_CACHE_KEYS = 250
_HINT_REACH = 128
_TRIMMED = 3


@frozen
class Local:
    """The text around a cursor, as llama.vim divides it: lines above, the line up to the cursor, the rest."""

    prefix: str
    middle: str
    suffix: str
    indent: int

    @classmethod
    def at(cls, text: str, offset: int) -> Local:
        """Divide a file at a cursor."""
        before, after = normalised(text[:offset]), normalised(text[offset:])
        *above, line_before = before.split("\n")
        line_after, *below = after.split("\n")
        if not (line_before + line_after).strip():
            line_before = line_after = ""  # on a blank line the model is asked from the line's start
        line = line_before + line_after
        return cls(
            prefix="\n".join(above[-N_PREFIX:]) + "\n",
            middle=line_before,
            suffix=line_after + "\n" + "\n".join(below[:N_SUFFIX]) + "\n",
            indent=len(line) - len(line.lstrip(" \t")),
        )

    def request(self) -> dict[str, Any]:
        """Return the body of the request."""
        return {
            "id_slot": 0,
            "input_prefix": self.prefix,
            "input_suffix": self.suffix,
            "input_extra": [],
            "prompt": self.middle,
            "n_predict": _N_PREDICT,
            "stop": [],
            "n_indent": self.indent,
            "top_k": 40,
            "top_p": 0.90,
            "samplers": ["top_k", "top_p", "infill"],
            "stream": False,
            "cache_prompt": True,
            "t_max_prompt_ms": _T_MAX_PROMPT_MS,
            "t_max_predict_ms": _T_MAX_PREDICT_MS,
            "response_fields": ["content", "timings", "tokens_cached", "tokens_evaluated", "truncated"],
        }


@define
class ResultCache:
    """llama.vim's memory of answers: asks nothing twice, and shows the rest of an answer that is being typed."""

    _answers: OrderedDict[str, str] = field(factory=OrderedDict)

    def put(self, local: Local, content: str) -> None:
        """Remember an answer, also for when up to three lines of the prefix have scrolled out."""
        for key in _keys(local):
            self._answers.pop(key, None)
            self._answers[key] = content
        while len(self._answers) > _MAX_CACHE_KEYS:
            self._answers.popitem(last=False)

    def known(self, local: Local) -> bool:
        """Return whether this was asked before: then it is not asked again."""
        return any(key in self._answers for key in _keys(local))

    def hint(self, local: Local) -> str:
        """Return what can be shown at once: an answer, or the rest of one whose beginning was typed; or nothing."""
        found = self._answers.get(_keys(local)[0])
        if found is not None:
            return found
        before = local.prefix + local.middle
        for typed in range(1, min(_HINT_REACH, len(before)) + 1):
            answer = self._answers.get(_key(before[:-typed], local.suffix))
            if answer is not None and answer[:typed] == before[-typed:] and len(answer) > typed:
                return answer[typed:]
        return ""


def _keys(local: Local) -> list[str]:
    prefixes = [local.prefix]
    for _ in range(_TRIMMED):
        _line, found, rest = prefixes[-1].partition("\n")
        if not found or not rest:
            break
        prefixes.append(rest)
    return [_key(prefix + local.middle, local.suffix) for prefix in prefixes]


def _key(before: str, suffix: str) -> str:
    return hashlib.sha256(f"{before}\0{suffix}".encode("utf-8", "surrogatepass")).hexdigest()
