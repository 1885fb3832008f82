"""How many people can one server serve? Simulated ones type the traces that come with the program.

Each person types at the pace of the recording and asks after each key that no other follows within the debounce; what
is not answered by the next key is superseded, as in an editor. Four kinds of clients take turns on the same server:
this program, and ones that send the prompts of llama.vim, Continue and Tabby. Reported, for each: suggestions a
second, how long they took, how many came too late, and the prompt tokens sent and computed (the server's /metrics).

  starcoder-lsp bench fleet --url http://gpu.local:8000 --users 20
  starcoder-lsp bench fleet --url http://gpu.local:8000 --users 50 --seconds 120 --side ours --json
  starcoder-lsp bench fleet --url unix:/run/llama.sock --key-env LLAMA_KEY --vocabulary starcoder2-3b

This is a load test: point it at a server that is yours. Token counts need the server's own /metrics (llama-server:
--metrics), of one server, not of a balancer. docs/deploy.md says how to read the figures, and has a sizing table.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen
from rich.console import Console

from starcoder_lsp.bench.fleet.counters import Counters, read_counters
from starcoder_lsp.bench.fleet.people import Figures, Pace, Person
from starcoder_lsp.bench.fleet.prompts import PEERS, Vocabulary
from starcoder_lsp.bench.fleet.report import one_side, table
from starcoder_lsp.bench.fleet.sides import Ours, Peer, Side, apart
from starcoder_lsp.bench.keystrokes import default_traces
from starcoder_lsp.bench.progress import Progress
from starcoder_lsp.bench.steps import Step, steps_of
from starcoder_lsp.bench.traces import read_trace
from starcoder_lsp.config import Settings, apply_options
from starcoder_lsp.connecting import connect
from starcoder_lsp.engine.http.events import Call
from starcoder_lsp.errors import ConfigError, EngineUnavailable
from starcoder_lsp.models.catalogue import from_shell

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from starcoder_lsp.completer.token_completer import TokenCompleter
    from starcoder_lsp.engine.http.transport import Transport

OURS: Final = "starcoder-lsp"
_SIDES: Final = {"ours": OURS, **{name.lower(): name for name in PEERS}}
_MOST_USERS, _MOST_SECONDS = 1000, 3600.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--url", required=True, metavar="URL", help="a vLLM or llama-server: http://…, unix:/…")
    parser.add_argument("--key-env", metavar="NAME", help="environment variable with the server's key")
    parser.add_argument("--users", type=int, default=10, metavar="N", help="people who type at once (default 10)")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="of typing, each side (default 60)")
    parser.add_argument(
        "--side",
        action="append",
        choices=[*_SIDES],
        help="whose prompts; may be given several times (default: all, one after the other)",
    )
    parser.add_argument("--speed", type=float, default=1.0, metavar="X", help="type X times faster than recorded")
    parser.add_argument(
        "--debounce", type=float, default=100.0, metavar="MS", help="from a key to the question (default 100)"
    )
    parser.add_argument(
        "--max-tokens", type=int, default=48, metavar="N", help="the most tokens of a suggestion, a line (default 48)"
    )
    parser.add_argument(
        "--vocabulary",
        type=from_shell,
        metavar="NAME|FILE",
        help="a GGUF file with the tokens of the server's model (default: looked for among the models here)",
    )
    parser.add_argument("--trace", nargs="+", type=Path, metavar="FILE", help="default: those in benchmarks/traces")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    plan = _plan(arguments)
    completer = connect(*_address(arguments))
    try:
        result = asyncio.run(measure(plan, completer))
    finally:
        completer.close()
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        Console(highlight=False).print(table(result))
    return 0


@frozen
class Plan:
    """What to measure."""

    url: str
    users: int
    seconds: float
    sides: Sequence[str]
    pace: Pace
    max_tokens: int
    traces: Sequence[Sequence[Step]]


def _plan(arguments: argparse.Namespace) -> Plan:
    for flag, value, most in (
        ("--users", arguments.users, _MOST_USERS),
        ("--seconds", arguments.seconds, _MOST_SECONDS),
        ("--speed", arguments.speed, 100),
        ("--debounce", arguments.debounce, 10_000),
        ("--max-tokens", arguments.max_tokens, 4096),
    ):
        if not 0 < value <= most:
            raise ConfigError(f"{flag} must be above 0 and at most {most:g}, not {value:g}.")
    return Plan(
        arguments.url,
        arguments.users,
        arguments.seconds,
        [_SIDES[name] for name in dict.fromkeys(arguments.side or _SIDES)],
        Pace(arguments.speed, arguments.debounce / 1e3),
        arguments.max_tokens,
        [steps_of(read_trace(path)) for path in arguments.trace or default_traces()],
    )


def _address(arguments: argparse.Namespace) -> tuple[Any, Settings]:
    # slots 0: so many people can have no slots of their own, and a server that they share chooses among them
    engine: dict[str, Any] = {"url": arguments.url, "slots": 0}
    if arguments.key_env:
        engine["key"] = {"env": arguments.key_env}
    if arguments.vocabulary:
        engine["vocabulary"] = arguments.vocabulary
    settings, problems = apply_options(Settings(), {"engines": [engine]})
    if problems:
        raise ConfigError(f"--url: {' '.join(problems)}")
    return settings.engines[0], settings


async def measure(plan: Plan, completer: TokenCompleter) -> dict[str, Any]:
    """Let each side's people type, one side after the other."""
    # Marks differ between sides and from earlier runs, which have left warm caches behind.
    marks = count(secrets.randbelow(10**6) * 1000)
    sides = {name: await _one(plan, completer, name, marks) for name in plan.sides}
    return {
        "url": plan.url,
        "server": completer.about.detail,
        "model": completer.about.name,
        "users": plan.users,
        "seconds": plan.seconds,
        "speed": plan.pace.speed,
        "debounce_ms": plan.pace.debounce_s * 1e3,
        "max_tokens": plan.max_tokens,
        "sides": sides,
    }


async def _one(plan: Plan, completer: TokenCompleter, name: str, marks: Iterator[int]) -> dict[str, Any]:
    """Let one side's people open their files, then type. `marks`: what sets people apart."""
    figures, opening = Figures(), Figures()
    loop = asyncio.get_running_loop()
    sides: list[Side] = []
    with ThreadPoolExecutor(plan.users + 2, "person") as threads:
        try:
            sides += [_side(plan, completer, name, next(marks)) for _ in range(plan.users)]
            people = [Person(number, side, plan.pace, figures, threads) for number, side in enumerate(sides)]
            counts = [await _counters(completer, threads)]
            began = loop.time()
            await asyncio.gather(*(evolve(person, figures=opening).open(plan.traces) for person in people))
            opened_s = loop.time() - began
            if opening.failed == plan.users and opening.failure is not None:
                raise opening.failure
            counts.append(await _counters(completer, threads))
            sent = [sum(side.wire.tokens for side in sides)]
            begin = loop.time()
            ticking = loop.create_task(_tick(f"{name}, users: {plan.users}; seconds", plan.seconds))
            try:
                await asyncio.gather(*(person.type(plan.traces, begin, begin + plan.seconds) for person in people))
            finally:
                ticking.cancel()
            typed_s = loop.time() - begin
            counts.append(await _counters(completer, threads))
            sent.append(sum(side.wire.tokens for side in sides))
            requests = sum(side.wire.requests for side in sides)
        finally:
            for side in sides:
                side.wire.close()
    if figures.failure is not None and not figures.latency_ms:
        raise figures.failure
    return one_side(figures, typed_s, sent=sent, counts=counts, requests=requests, opened_s=opened_s)


def _side(plan: Plan, completer: TokenCompleter, name: str, mark: int) -> Side:
    own, wire = apart(completer, mark)
    if name == OURS:
        return Ours(own, wire, plan.max_tokens)
    return Peer(own, wire, plan.max_tokens, Vocabulary(own.tokens, own.encoder), PEERS[name])


async def _counters(completer: TokenCompleter, threads: ThreadPoolExecutor) -> Counters | None:
    transport: Transport = completer.engine.transport  # type: ignore[attr-defined]

    def fetch() -> Counters | None:
        try:
            reply = transport.fetch(Call("/metrics"))
        except EngineUnavailable:
            return None
        return read_counters(reply.body.decode("utf-8", "replace"))

    return await asyncio.get_running_loop().run_in_executor(threads, fetch)


async def _tick(title: str, seconds: float) -> None:
    progress = Progress(title, round(seconds))
    try:
        while True:
            await asyncio.sleep(1)
            progress.step()
    finally:
        progress.end()
