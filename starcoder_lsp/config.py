"""What an editor may set (all optional, camelCase), and what the program runs with (frozen, validated).

A field that is unknown or wrong is reported, and the rest is kept. docs/protocol.md lists the options for people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from attrs import Attribute, evolve, field, fields, frozen

from starcoder_lsp.addresses import LOCAL, Place, Secret, read_engines
from starcoder_lsp.completion.curve import LEVELS, Level

EngineChoice = Literal["auto", "llama.cpp", "ctransformers"]
Switch = Literal["auto", "always", "never"]

Check = Callable[[object], object]
"""Returns the value as the program wants it; raises ValueError with what was expected."""


def _one_of(*choices: str) -> Check:
    def check(value: object) -> object:
        if value not in choices:
            raise ValueError("one of " + ", ".join(f'"{choice}"' for choice in choices))
        return value

    return check


def _integer(least: int, most: int) -> Check:
    def check(value: object) -> object:
        # JSON does not tell 4 from 4.0, and Python's reader takes Infinity and NaN for numbers.
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return check


def _boolean(value: object) -> object:
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - a value error to the reader of the report
    return value


def _text(value: object) -> object:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text that is not empty")
    return value.strip()


@frozen
class Adapter:
    """A LoRA adapter: its file, and how much of it is added."""

    path: str
    scale: float = 1.0


def _adapters(value: object) -> object:
    if not isinstance(value, (list, tuple)):
        raise ValueError(_ADAPTERS)  # noqa: TRY004 - as for booleans
    return tuple(map(_adapter, value))


def _adapter(value: object) -> Adapter:
    if isinstance(value, str) and value.strip():
        return Adapter(value.strip())
    if isinstance(value, Mapping) and isinstance(value.get("path"), str) and not set(value) - {"path", "scale"}:
        scale = value.get("scale", 1.0)
        if isinstance(scale, (int, float)) and not isinstance(scale, bool) and -10 <= scale <= 10:  # noqa: PLR2004 - said in the message
            return Adapter(value["path"].strip(), float(scale))
    raise ValueError(_ADAPTERS)


_ADAPTERS = 'a list of files, each a path or {"path": …, "scale": a number from -10 to 10}'


def _languages(value: object) -> object:
    if not isinstance(value, Mapping) or not all(
        isinstance(name, str) and isinstance(on, bool) for name, on in value.items()
    ):
        raise ValueError('an object of language ids and true or false, such as {"markdown": false}')
    return dict(value)


def _folder(value: object) -> object:
    if not isinstance(value, str) or (value.strip() and not Path(value.strip()).is_absolute()):
        raise ValueError("the whole path of a folder")
    return value.strip()


def _gpu_layers(value: object) -> object:
    if value == "auto" or value is None:
        return None
    try:
        return _integer(0, 10_000)(value)
    except ValueError:
        raise ValueError('"auto" or a whole number from 0') from None


def _confidence(value: object) -> object:
    if value in LEVELS:
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(", ".join(f'"{level}"' for level in LEVELS) + " or a number from 0 to 1")
    return float(value)


def _shared(value: object) -> object:
    if value != "auto" and not isinstance(value, bool):
        raise ValueError('true, false or "auto"')
    return value


MOST_CONTEXT = 0.75
"""Of the window: the code around the cursor is worth more than any neighbour."""


def _share(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= MOST_CONTEXT:
        raise ValueError(f"a share of the window, from 0 to {MOST_CONTEXT}")
    return float(value)


def _patterns(value: object) -> object:
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
        raise ValueError('a list of patterns as .gitignore has them, such as ["generated/", "*.sql"]')
    return tuple(value)


def _secrets(value: object) -> object:
    if not isinstance(value, Mapping) or not all(
        isinstance(name, str) and isinstance(key, (str, Secret)) for name, key in value.items()
    ):
        raise ValueError("an object of names and keys")
    return {name: key if isinstance(key, Secret) else Secret(key) for name, key in value.items()}


def _option(name: str, check: Check, default: Any, *, loads: bool = False, private: bool = False) -> Any:  # noqa: ANN401 - each field declares its own type
    return field(default=default, metadata={"name": name, "check": check, "loads": loads, "private": private})


# ruff: noqa: RUF009 - `_option` is an attrs field
@frozen(kw_only=True)
class Settings:
    """Every setting, resolved.

    `metadata["name"]` of a field is its option's name; `metadata["loads"]` says that the loaded engine depends on it;
    `metadata["private"]` that it decides where text goes (also: onto the disk), or holds a key: no workspace gives it,
    no message shows it.
    """

    model: str = _option("model", _text, "nano", loads=True)
    engine: EngineChoice = _option("engine", _one_of("auto", "llama.cpp", "ctransformers"), "auto", loads=True)
    engines: tuple[Place, ...] = _option("engines", read_engines, (LOCAL,), loads=True, private=True)
    secrets: Mapping[str, Secret] = field(
        factory=dict,
        metadata={"name": "secrets", "check": _secrets, "loads": True, "private": True},
        hash=False,
        repr=False,
    )
    shared: bool | Literal["auto"] = _option("shared", _shared, "auto", loads=True)
    enabled: bool = _option("enabled", _boolean, True)
    languages: Mapping[str, bool] = field(factory=dict, metadata={"name": "languages", "check": _languages}, hash=False)
    context_size: int = _option("contextSize", _integer(256, 131_072), 8192, loads=True)
    gpu_layers: int | None = _option("gpuLayers", _gpu_layers, None, loads=True)
    threads: int = _option("threads", _integer(0, 512), 0, loads=True)
    flash_attention: Literal["auto", "on", "off"] = _option(
        "flashAttention", _one_of("auto", "on", "off"), "auto", loads=True
    )
    cache_type: Literal["f16", "q8_0"] = _option("cacheType", _one_of("f16", "q8_0"), "f16", loads=True)
    lora: tuple[Adapter, ...] = _option("lora", _adapters, (), loads=True)
    layout: Literal["auto", "spm", "psm"] = _option("layout", _one_of("auto", "spm", "psm"), "auto")
    chat_markup: Literal["never", "always"] = _option("chatMarkup", _one_of("never", "always"), "never", loads=True)
    multiline: Switch = _option("multiline", _one_of("auto", "always", "never"), "auto")
    max_tokens: int = _option("maxTokens", _integer(1, 1024), 96)
    confidence: Level | float = _option("confidence", _confidence, "balanced")
    debounce_min: int = _option("debounceMin", _integer(0, 10_000), 0)
    debounce_max: int = _option("debounceMax", _integer(0, 10_000), 400)
    prefill_while_typing: Switch = _option("prefillWhileTyping", _one_of("auto", "always", "never"), "auto")
    plain_completion: Switch = _option("plainCompletion", _one_of("auto", "always", "never"), "auto")
    refresh: bool = _option("refresh", _boolean, False)
    usage_enabled: bool = _option("usage.enabled", _boolean, True)
    context_enabled: bool = _option("context.enabled", _boolean, True)
    context_budget: float = _option("context.budget", _share, 0.25)
    context_exclude: tuple[str, ...] = _option("context.exclude", _patterns, ())
    context_max_files: int = _option("context.maxFiles", _integer(0, 1_000_000), 100_000)
    cache_disk: int = _option("cache.disk", _integer(0, 1_000_000), 2048, loads=True, private=True)
    cache_folder: str = _option("cache.folder", _folder, "", loads=True, private=True)
    log_level: Literal["error", "warning", "info", "debug"] = _option(
        "logLevel", _one_of("error", "warning", "info", "debug"), "info"
    )

    def allows(self, language: str) -> bool:
        """Return whether suggestions are wanted in this language at all."""
        return self.enabled and self.languages.get(language, self.languages.get("*", True))

    def engine_part(self) -> tuple[object, ...]:
        """Return what the loaded engine depends on: a change of it loads the model again."""
        return tuple(getattr(self, name) for name in _engine_fields())

    def with_engine_part(self, other: Settings) -> Settings:
        """Return these settings with the engine part of others."""
        return evolve(self, **{name: getattr(other, name) for name in _engine_fields()})


def _engine_fields() -> list[str]:
    return [one.name for one in fields(Settings) if one.metadata.get("loads")]


_BY_NAME: dict[str, Attribute[Any]] = {one.metadata["name"]: one for one in fields(Settings)}
_GROUPS = {name.partition(".")[0] for name in _BY_NAME if "." in name}


def apply_options(base: Settings, options: object, *, trusted: bool = True) -> tuple[Settings, list[str]]:
    """Return `base` with an editor's options applied, and a sentence for each that could not be.

    `options` is what came over the wire: nothing about its shape is taken for granted. None changes nothing, and so
    does a field that is null (editors send null for what is not set). Of options that are not `trusted` (a workspace
    may have given them) those that decide where text goes count only where they say what `base` says already.
    """
    if options is None:
        return base, []
    if not isinstance(options, Mapping):
        return base, [f"Options must be an object, not {type(options).__name__}."]
    changes: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in _flat(options):
        known = _BY_NAME.get(name)
        if known is None:
            problems.append(f'Unknown option "{name}"{_hint(str(name))}.')
        elif value is not None:
            problem = _take(known, value, base, changes, trusted=trusted)
            problems += [problem] if problem else []
    settings = evolve(base, **changes)
    if settings.debounce_min > settings.debounce_max:
        problems.append('Option "debounceMin" is greater than "debounceMax"; both are set to the smaller.')
        settings = evolve(settings, debounce_min=settings.debounce_max)
    most = settings.context_size // 2
    if settings.max_tokens > most:
        problems.append(
            f'Option "maxTokens" ({settings.max_tokens}) is more than half of "contextSize" ({settings.context_size}), '
            f"which leaves no room for code; it is set to {most}."
        )
        settings = evolve(settings, max_tokens=most)
    return settings, problems


def _take(
    known: Attribute[Any], value: object, base: Settings, changes: dict[str, Any], *, trusted: bool
) -> str | None:
    """Put an option's checked value into `changes`; return a sentence where that cannot be."""
    name, private = known.metadata["name"], known.metadata.get("private", False)
    try:
        checked = known.metadata["check"](value)
    except ValueError as error:
        shown = "" if private else f", not {value!r:.60}"
        return f'Option "{name}" must be {error}{shown}.'
    if trusted or not private:
        changes[known.name] = checked
    elif checked != getattr(base, known.name):
        return (
            f'Option "{name}" decides where your code goes: it is taken only from initializationOptions or the command '
            "line, never from settings that a workspace can change. Restart the server after changing it."
        )
    return None


def _flat(options: Mapping[Any, object]) -> Iterator[tuple[str, object]]:
    """Yield the options by their full names: editors send `context.enabled` as an object `context`."""
    for name, value in options.items():
        if name in _GROUPS and isinstance(value, Mapping):
            for inner, one in value.items():
                yield f"{name}.{inner}", one
        else:
            yield name, value


def _hint(name: str) -> str:
    import difflib  # noqa: PLC0415 - only for a mistake

    close = difflib.get_close_matches(name, _BY_NAME, n=1)
    return f' (did you mean "{close[0]}"?)' if close else ""
