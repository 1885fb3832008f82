"""What a client may do wrong: each request still gets exactly one answer, and the server goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.support.wire import Message, Wire, frame, place, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, PARSE_ERROR = -32600, -32601, -32602, -32700
NOT_INITIALIZED, REQUEST_FAILED = -32002, -32803
URI = "file:///project/sample.py"
STATS = (
    b'{"jsonrpc": "2.0", "id": "first", "method": "workspace/executeCommand", "params": {"command": "starcoder.stats"}}'
)
TEXT = "def area(radius):\n    return \n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wire() -> AsyncIterator[Wire]:
    async with serving() as wire:
        wire.open(URI, TEXT)
        yield wire


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def still_well(wire: Wire) -> AsyncIterator[None]:
    """After each test the server answers, and nothing was answered twice."""
    yield
    assert isinstance(await wire.command("starcoder.status"), dict)
    identities = [str(message["id"]) for message in wire.inbox if "method" not in message and message["id"] is not None]
    assert len(identities) == len(set(identities))
    assert "Traceback" not in wire.log.decode()


async def null_error(wire: Wire, seen: int) -> int:
    """Return the code of the first error with id null after `seen` messages."""

    def find() -> Any:
        return [message for message in wire.inbox[seen:] if "error" in message and message["id"] is None]

    found = await wire.until(find, "an error without id")
    return int(found[0]["error"]["code"])


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"jsonrpc": "2.0", "method": ', b"\xff\xfe\x00", b"nonsense", b'{"a": \x01}', b"[" * 100_000],
    ids=["open", "cut", "bytes", "word", "control", "deep"],
)
async def test_what_is_not_json(wire: Wire, body: bytes) -> None:
    seen = len(wire.inbox)
    wire.send_bytes(frame(body))
    assert await null_error(wire, seen) == PARSE_ERROR


@pytest.mark.parametrize("message", [5, "text", None, True, [], [{"jsonrpc": "2.0", "id": 1, "method": "shutdown"}]])
async def test_json_that_is_no_message(wire: Wire, message: object) -> None:
    seen = len(wire.inbox)
    wire.send(message)
    assert await null_error(wire, seen) == INVALID_REQUEST


@pytest.mark.parametrize("identity", [{"a": 1}, [1], None, 1.5, True])
async def test_a_request_whose_id_is_none(wire: Wire, identity: object) -> None:
    seen = len(wire.inbox)
    wire.send({"jsonrpc": "2.0", "id": identity, "method": "textDocument/inlineCompletion", "params": place(URI, 0, 0)})
    assert await null_error(wire, seen) == INVALID_REQUEST


@pytest.mark.parametrize("version", [{}, {"jsonrpc": "1.0"}, {"jsonrpc": 2}])
async def test_a_request_of_another_protocol(wire: Wire, version: dict[str, object]) -> None:
    wire.send({"id": f"other {version}", "method": "textDocument/inlineCompletion", "params": {}} | version)
    assert (await wire.response(f"other {version}"))["error"]["code"] == INVALID_REQUEST


async def test_an_object_without_anything_is_ignored(wire: Wire) -> None:
    wire.send({})
    wire.send({"jsonrpc": "2.0"})
    wire.send({"jsonrpc": "2.0", "id": "nobody asked", "result": 5})
    wire.send({"jsonrpc": "2.0", "id": None, "error": {"code": 1, "message": "x"}})
    wire.send({"jsonrpc": "2.0", "id": "nobody asked", "error": {"code": 1, "message": "x"}})


async def test_unknown_methods(wire: Wire) -> None:
    for method in ("textDocument/nonsense", "$/nonsense", "textDocument/hover"):
        assert (await wire.error(method, place(URI, 0, 0)))["code"] == METHOD_NOT_FOUND
    wire.notify("$/nonsense", {})
    wire.notify("nonsense/nonsense", {})


@pytest.mark.parametrize(
    "params",
    [
        None,
        {},
        [],
        5,
        {"textDocument": {"uri": URI}},
        {"textDocument": {"uri": URI}, "position": {"line": "one", "character": 0}, "context": {"triggerKind": 1}},
        {"textDocument": {"uri": URI}, "position": {"line": 0}, "context": {"triggerKind": 1}},
        {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}, "context": {"triggerKind": 99}},
        {"textDocument": {"uri": URI}, "position": {"line": None, "character": None}, "context": {}},
    ],
)
async def test_wrong_parameters(wire: Wire, params: object) -> None:
    error = await wire.error("textDocument/inlineCompletion", params)
    assert error["code"] == INVALID_PARAMS
    assert "textDocument/inlineCompletion" in error["message"]


async def test_an_error_tells_no_one_the_user_s_text(wire: Wire) -> None:
    typed = "hunter2 = 12345"
    wire.notify("textDocument/didOpen", {"textDocument": {"uri": URI, "version": "one", "text": typed}})
    error = await wire.error("textDocument/inlineCompletion", {"textDocument": typed})
    assert "hunter2" not in str(error)
    await wire.command("starcoder.status")
    assert "hunter2" not in wire.log.decode()


@pytest.mark.parametrize("method", ["textDocument/didOpen", "textDocument/didChange", "textDocument/didClose"])
@pytest.mark.parametrize("params", [None, {}, {"textDocument": None}, {"textDocument": {"uri": 3}}])
async def test_malformed_notifications_are_ignored(wire: Wire, method: str, params: object) -> None:
    wire.notify(method, params)


async def test_a_notification_with_an_id_is_refused(wire: Wire) -> None:
    document = {"textDocument": {"uri": URI}}
    assert (await wire.error("textDocument/didClose", document))["code"] == INVALID_REQUEST
    assert await wire.result("textDocument/inlineCompletion", place(URI, 1, 11)) is not None


async def test_a_request_without_an_id_is_ignored(wire: Wire) -> None:
    wire.notify("textDocument/inlineCompletion", place(URI, 0, 0))
    wire.notify("shutdown")


@pytest.mark.parametrize(("line", "character"), [(-1, 0), (0, -1), (-5, -5)])
async def test_negative_positions_are_refused_or_clamped(wire: Wire, line: int, character: int) -> None:
    message = await wire.response(wire.ask(URI, line, character))
    assert "error" not in message or message["error"]["code"] == INVALID_PARAMS


@pytest.mark.parametrize(("line", "character"), [(10**6, 0), (0, 10**6), (2**31 - 1, 2**31 - 1), (1, 2**31 - 1)])
async def test_huge_positions_are_clamped(wire: Wire, line: int, character: int) -> None:
    answer = await wire.result("textDocument/inlineCompletion", place(URI, line, character))
    for item in answer["items"]:
        start = item["range"]["start"]
        assert item["range"]["end"] == start
        lines = TEXT.split("\n")
        assert start["line"] < len(lines)
        assert start["character"] <= len(lines[start["line"]])


async def test_positions_beyond_the_protocol_s_numbers(wire: Wire) -> None:
    assert (await wire.error("textDocument/inlineCompletion", place(URI, 2**40, 0)))["code"] == INVALID_PARAMS


async def test_documents_that_are_not_open(wire: Wire) -> None:
    unknown = "file:///nowhere.py"
    assert await wire.result("textDocument/inlineCompletion", place(unknown, 0, 0)) is None
    wire.change(unknown, 2, "x")
    wire.notify("textDocument/didClose", {"textDocument": {"uri": unknown}})
    assert await wire.result("textDocument/inlineCompletion", place(unknown, 0, 0)) is None
    assert await wire.result("textDocument/inlineCompletion", place("", 0, 0)) is None


async def test_opening_twice_takes_the_newer_text(wire: Wire) -> None:
    uri = "file:///twice.py"
    wire.open(uri, "x = 1\n")
    wire.open(uri, "y = 2\nz = \n")
    answer = await wire.result("textDocument/inlineCompletion", place(uri, 1, 4))
    assert answer["items"][0]["range"]["start"] == {"line": 1, "character": 4}


async def test_a_second_initialize_is_refused(wire: Wire) -> None:
    params: dict[str, object] = {"processId": None, "rootUri": None, "capabilities": {}}
    assert (await wire.error("initialize", params))["code"] == INVALID_REQUEST


async def test_cancelling_what_is_not_there(wire: Wire) -> None:
    for identity in (123456, "nobody", 0):
        wire.notify("$/cancelRequest", {"id": identity})
    wire.notify("$/cancelRequest", {})
    wire.notify("$/cancelRequest", None)


async def test_ids_may_be_strings(wire: Wire) -> None:
    request = {"jsonrpc": "2.0", "id": "täxt", "method": "textDocument/inlineCompletion", "params": place(URI, 1, 11)}
    wire.send(request)
    assert "result" in await wire.response("täxt")


async def test_messages_inside_messages_are_only_data(wire: Wire) -> None:
    inner = {"jsonrpc": "2.0", "id": "inner", "method": "textDocument/inlineCompletion"}
    error = await wire.error("workspace/executeCommand", {"command": "starcoder.show", "arguments": [inner]})
    assert error["code"] == INVALID_PARAMS
    assert wire.responses("inner") == []


async def test_a_header_with_more_fields_and_no_space_of_time_between_messages(wire: Wire) -> None:
    body = STATS
    header = b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n"
    wire.send_bytes(header + frame(body) + frame(body.replace(b"first", b"again")))
    for identity in ("first", "again"):
        assert "result" in await wire.response(identity)


async def test_a_message_in_pieces(wire: Wire) -> None:
    body = STATS
    for byte in frame(body.replace(b"first", b"pieces")):
        wire.send_bytes(bytes([byte]))
    assert "result" in await wire.response("pieces")


@pytest.mark.parametrize("length", [b"many", b"-5", b"1.5", b"0", b"\xff", b""])
async def test_a_length_that_is_none(wire: Wire, length: bytes) -> None:
    seen = len(wire.inbox)
    wire.send_bytes(b"Content-Length: " + length + b"\r\n\r\n")
    assert await null_error(wire, seen) == PARSE_ERROR


@pytest.mark.parametrize(
    "header",
    [
        b"content-length: %d\r\n\r\n",
        b"Content-Length:%d\r\n\r\n",
        b"Content-Length: %d \r\n\r\n",
        b"Content-Length: %d\n\n",
        b"content-type: application/vscode-jsonrpc\nCONTENT-LENGTH:\t%d\t\n\n",
    ],
    ids=["lower", "no-blank", "trailing", "lf", "all"],
)
async def test_headers_as_http_has_them(wire: Wire, header: bytes) -> None:
    body = STATS.replace(b"first", b"header %d" % len(wire.inbox))
    wire.send_bytes(header % len(body) + body)
    assert "result" in await wire.response(json.loads(body)["id"])


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"Content-Length: 1000000000000\r\n\r\n", "1000000000000 bytes"),
        (b"Content-Length: 10000000000000000000\r\n\r\n", "10000000000000000000 bytes"),
        (b"Content-Length: " + b"7" * 5000 + b"\r\n\r\n", "5,000 digits"),
        (b"Content-Length: x\r\n\r\n" + STATS + frame(STATS), "a header was expected"),
    ],
    ids=["12", "19", "5000", "body"],
)
async def test_a_stream_in_which_no_message_can_be_found_ends_with_a_sentence(sent: bytes, said: str) -> None:
    """Going on would be deafness: the editor starts it again."""
    async with serving() as own:
        await own.state("ready")
        own.send_bytes(sent)
        assert await own.wait() == 1
        [error] = [message["error"] for message in own.inbox if message.get("id", 0) is None][-1:]
        assert error["code"] == PARSE_ERROR
        assert said in error["message"]
        log = own.log.decode()
        assert said in log
        assert "Traceback" not in log


HUGE = b"9" * 5000


async def test_a_number_of_thousands_of_digits(wire: Wire) -> None:
    params = json.dumps(place(URI, 0, 0)).encode().replace(b'"line": 0', b'"line": ' + HUGE)
    head = b'{"jsonrpc": "2.0", "method": "textDocument/inlineCompletion", "id": '
    wire.send_bytes(frame(head + b'"huge", "params": ' + params + b"}"))
    assert (await wire.response("huge"))["error"]["code"] == INVALID_PARAMS
    seen = len(wire.inbox)
    wire.send_bytes(frame(head + HUGE + b', "params": null}'))
    assert await null_error(wire, seen) == INVALID_REQUEST
    shown = b'{"jsonrpc": "2.0", "id": "odd", "method": "workspace/executeCommand", "params": {"command": '
    wire.send_bytes(frame(shown + b'"starcoder.acceptPartial", "arguments": ["s0", ' + HUGE + b"]}}"))
    assert "error" in await wire.response("odd") or wire.responses("odd")


@pytest.mark.parametrize(
    "method", ["textDocument/inlineCompletion", "textDocument/nonsense", "workspace/executeCommand"]
)
@pytest.mark.parametrize("more", [{"error": {"code": 1, "message": "x"}}, {"result": 5}, {"error": None}])
async def test_a_request_that_looks_like_an_answer_is_a_request(wire: Wire, method: str, more: Message) -> None:
    identity = f"both {method} {more}"
    wire.send({"jsonrpc": "2.0", "id": identity, "method": method} | more)
    code = METHOD_NOT_FOUND if "nonsense" in method else INVALID_PARAMS
    assert (await wire.response(identity))["error"]["code"] == code


async def test_an_unknown_method_without_parameters(wire: Wire) -> None:
    for method in ("textDocument/nonsense", "$/nonsense", "textDocument/hover", "", "x" * 10_000):
        wire.send({"jsonrpc": "2.0", "id": f"bare {method}", "method": method})
        error = (await wire.response(f"bare {method}"))["error"]
        assert error["code"] == METHOD_NOT_FOUND
        assert len(error["message"]) < 200
    oddities: list[object] = [5, None, [], {"a": 1}]
    for number, odd in enumerate(oddities):
        wire.send({"jsonrpc": "2.0", "id": f"odd method {number}", "method": odd})
        assert "error" in await wire.response(f"odd method {number}")


async def test_a_client_cannot_answer_its_own_requests(wire: Wire) -> None:
    asked = [wire.ask(URI, 1, 11) for _ in range(20)]
    for identity in asked:
        wire.send({"jsonrpc": "2.0", "id": identity, "result": None})
        wire.send({"jsonrpc": "2.0", "id": identity, "error": {"code": 1, "message": "x"}})
    for identity in asked:
        assert "result" in await wire.response(identity)


async def test_after_a_change_that_cannot_be_read_nothing_is_suggested_in_a_wrong_text(wire: Wire) -> None:
    uri = "file:///missed.py"
    wire.open(uri, TEXT)
    assert await wire.result("textDocument/inlineCompletion", place(uri, 1, 11)) is not None
    span = {"start": {"line": 0, "character": "x"}, "end": {"line": 0, "character": 0}}
    document = {"uri": uri, "version": 2}
    wire.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"range": span, "text": "y"}]})
    assert await wire.result("textDocument/inlineCompletion", place(uri, 1, 11)) is None
    wire.open(uri, TEXT)
    assert await wire.result("textDocument/inlineCompletion", place(uri, 1, 11)) is not None


async def test_only_open_documents_are_paused(wire: Wire) -> None:
    for number in range(300):
        assert await wire.command("starcoder.pause", f"file:///never{number}.py") is False
    assert (await wire.command("starcoder.status"))["pausedUris"] == []
    assert await wire.command("starcoder.pause", URI) is True
    assert (await wire.command("starcoder.status"))["pausedUris"] == [URI]
    assert await wire.command("starcoder.resume", URI) is True


async def test_before_initialize_and_after_shutdown() -> None:
    wire = await Wire.start()
    try:
        early = await wire.error("textDocument/inlineCompletion", place(URI, 0, 0))
        assert early["code"] == NOT_INITIALIZED
        assert (await wire.error("shutdown"))["code"] == NOT_INITIALIZED
        assert (await wire.error("nonsense"))["code"] == NOT_INITIALIZED
        wire.notify("textDocument/didOpen", {"textDocument": {"uri": URI}})
        await wire.initialize()
        wire.open(URI, TEXT)
        assert await wire.result("shutdown") is None
        for method in ("textDocument/inlineCompletion", "shutdown", "nonsense", "workspace/executeCommand"):
            assert (await wire.error(method, place(URI, 0, 0)))["code"] == INVALID_REQUEST
        wire.change(URI, 2, "x")
        wire.notify("exit")
        assert await wire.wait() == 0
    finally:
        await wire.close()


async def test_exit_before_shutdown_is_a_failure() -> None:
    wire = await Wire.start()
    try:
        await wire.initialize()
        wire.notify("exit")
        assert await wire.wait() == 1
    finally:
        await wire.close()
