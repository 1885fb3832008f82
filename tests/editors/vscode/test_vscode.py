"""VS Code, headless, with the real server and the model that comes with it."""

from __future__ import annotations

import json
import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.editors.lab import REPOSITORY, poll

if TYPE_CHECKING:
    from pathlib import Path

    from tests.editors.vscode.conversation import Tap
    from tests.editors.vscode.driver import Window

pytestmark = [pytest.mark.editors, pytest.mark.timeout(1500)]

IMAGES = REPOSITORY / "docs" / "images"

BEFORE = """import json
from pathlib import Path


def read_json(path):
    with open(path) as file:
        return json.load(file)


"""
AFTER = """


print(read_json(Path("settings.json")))
"""
PAGE = f"{BEFORE}║{AFTER}"
KEYS = "def write_json(path, data):\nwith open("  # the editor indents
TYPED = "def write_json(path, data):\n    with open("
ROW = (BEFORE + TYPED).count("\n")


def reported(tap: Tap, mark: int, *names: str) -> tuple[Any, ...]:
    """The first of these commands that the server heard since the mark."""
    found: list[tuple[Any, ...]] = []

    def probe() -> bool:
        found[:] = [command for command in tap.commands(mark) if command[0] in names]
        return bool(found)

    poll(f"the server hears {names}", probe)
    return found[0]


def test_types_sees_the_models_suggestion_and_accepts_it_with_tab(window: Window, tap: Tap, tmp_path: Path) -> None:
    mark = tap.count()
    file = window.open(PAGE)
    window.type(KEYS)
    window.wait_for_ghost()
    poll("the ghost is what the server said", lambda: tap.said(window.ghost(), TYPED, mark))
    assert reported(tap, mark, "show")[1] in tap.suggestions(mark)
    poll("the server has no more", lambda: not tap.pending())
    pictures = IMAGES if os.environ.get("UPDATE_SCREENSHOTS") else tmp_path
    window.browser("screenshot", path=str(pictures / "vscode.png"))

    window.press("Tab")

    _, name = reported(tap, mark, "accept")
    assert window.save(file) == tap.written(name, BEFORE + TYPED) + AFTER


def test_accepts_one_word(window: Window, tap: Tap) -> None:
    mark = tap.count()
    file = window.open(PAGE)
    window.type(KEYS)
    window.wait_for_ghost()

    window.press("Control+ArrowRight")

    _, name, length, part = reported(tap, mark, "acceptPartial")
    assert part == "word"
    text = tap.suggestions(mark)[name]
    assert 0 < length < len(text)
    assert window.save(file) == tap.written(name, BEFORE + TYPED, length) + AFTER


def test_accepts_one_line(window: Window, tap: Tap) -> None:
    mark = tap.count()
    file = window.open(PAGE)
    window.type(KEYS)
    window.wait_for_ghost()

    window.press("F9")

    _, name, *_ = reported(tap, mark, "acceptPartial", "accept")
    assert window.save(file).split("\n")[ROW] == tap.written(name, BEFORE + TYPED).split("\n")[ROW]


def test_typing_through_a_suggestion_never_flickers(window: Window, tap: Tap) -> None:
    window.open(PAGE)
    window.type(KEYS)
    ghost = window.wait_for_ghost().split("\n")[0]
    typed = ghost[: max(3, len(ghost) // 2)]
    asked = len(tap.requests())

    with window.watched() as watch:
        window.type(typed, delay=90)
        window.wait("everything is typed", ".view-lines", lambda _: len(tap.requests()) > asked)

    line = watch.frames[0]["lines"][ROW]
    assert line.startswith(TYPED.rpartition("\n")[2] + typed)
    assert watch.count > 1
    for frame in watch.frames:
        # what was typed and what is suggested make up the same line, at every moment
        assert frame["lines"][ROW].startswith(line), frame
        assert frame["ghost"], frame
    assert len(watch.keys) == len(typed)


def test_esc_dismisses(window: Window, tap: Tap) -> None:
    mark = tap.count()
    file = window.open(PAGE)
    window.type(KEYS)
    window.wait_for_ghost()

    window.press("Escape")
    window.wait_for_no_ghost()

    assert reported(tap, mark, "reject")[1] in tap.suggestions(mark)
    assert window.save(file) == BEFORE + TYPED + AFTER


def test_asks_by_hand(window: Window, tap: Tap) -> None:
    mark = tap.count()
    window.open(PAGE)
    window.type(KEYS)
    poll("it is asked behind the last key", lambda: tap.asked_behind(BEFORE + TYPED, mark))
    poll("the server has no more", lambda: not tap.pending())
    window.wait_for_ghost()

    def dismiss_and_ask(*, by_key: bool) -> None:
        window.press("Escape")
        window.wait_for_no_ghost()
        mark = tap.count()
        if by_key:
            window.press("Alt+\\")
        else:
            window.browser("click", selector='[id^="starcoder-lsp.starcoder-lsp"] a')
            window.choose("Suggest here")
        # by hand the server offers several
        poll("what the server said is shown", lambda: tap.said(window.ghost(), TYPED, mark))
        assert tap.requests(mark)[0]["params"]["context"]["triggerKind"] == 1

    dismiss_and_ask(by_key=True)
    dismiss_and_ask(by_key=False)


def test_asked_by_hand_says_what_keeps_suggestions_away(window: Window, tap: Tap) -> None:
    window.open(PAGE)
    mark = tap.count()
    window.command("StarCoder: Pause or Resume in This File")
    reported(tap, mark, "pause")
    window.wait("the editor has the keyboard", ".editor-instance .monaco-editor.focused", lambda found: found)
    window.press("Alt+\\")
    window.wait_for_message("paused in this file")
    window.click_button("Resume")
    reported(tap, mark, "resume")
    window.browser("click", selector=".editor-instance .view-lines")
    mark = tap.count()
    window.type("x")
    poll("it asks again", lambda: tap.requests(mark))


def test_works_with_crlf_and_emoji_before_the_cursor(window: Window, tap: Tap) -> None:
    before = 'import this\r\n\r\nparty = "🎉🎉"  # 👩‍👩‍👧 and \U0001d54a\r\n'
    typed = 'cakes = "🎂🍰" + open('
    after = "\r\nprint(cakes)\r\n"
    file = window.open(f"{before}║{after}")
    window.browser("insert", text=typed)
    mark = tap.count()
    window.wait_for_ghost()

    window.press("Tab")

    _, name = reported(tap, mark, "accept")
    assert window.save(file) == before + typed + tap.suggestions()[name].replace("\n", "\r\n") + after


def test_the_list_of_completions_and_the_ghost_get_along(window: Window, tap: Tap) -> None:
    file = window.open("alphabet_soup = 1\nalphabet_song = 2\n║\n")
    window.type("alpha")
    window.press("Control+Space")
    window.wait("the list", ".suggest-widget.visible .monaco-list-row", lambda rows: len(rows) >= 2)
    window.press("ArrowDown", "Enter")
    window.wait("the list is closed", ".suggest-widget.visible", lambda found: not found)
    poll("the editor is at rest", lambda: not tap.pending())

    def is_dismissed() -> bool:
        window.press("Escape")  # what came late, too
        return window.ghost() == ""

    poll("no ghost text", is_dismissed)
    assert window.save(file).split("\n")[2] in {"alphabet_soup", "alphabet_song"}


def test_asks_again_when_the_server_has_more(window: Window, tap: Tap) -> None:
    file = window.open(PAGE)
    window.type(KEYS)
    window.wait_for_ghost()
    poll("the editor is at rest", lambda: not tap.pending())

    def asks_again() -> None:
        mark = tap.count()
        tap.say("starcoder/refresh", {"uri": file.as_uri()})
        poll("it asks", lambda: tap.requests(mark))
        assert tap.requests(mark)[0]["params"]["context"]["triggerKind"] == 2
        window.wait_for_ghost()
        poll("the editor is at rest", lambda: not tap.pending())

    asks_again()
    asks_again()

    # elsewhere the answer would be for a place where nobody is
    opened = tap.count()
    other = window.open(PAGE).as_uri()
    window.press("F8")
    poll("it asks there", lambda: tap.requests()[-1]["params"]["textDocument"]["uri"] == other)
    poll("the editor is at rest", lambda: not tap.pending())
    mark = tap.count()
    tap.say("starcoder/refresh", {"uri": file.as_uri()})
    tap.say("window/showMessage", {"type": 3, "message": "That was all."})
    window.wait_for_message("That was all.")
    # the server itself may have more for the place where somebody is
    assert len(tap.requests(mark)) <= tap.refreshes(opened).count(other)
    window.command("Notifications: Clear All Notifications")


def test_pauses_in_a_file_and_everywhere_and_for_a_language(window: Window, tap: Tap) -> None:
    window.open(PAGE)
    start = tap.count()

    def suggests(patience: float = 40) -> bool:
        mark = tap.count()
        window.type("x")
        try:
            poll("it asks", lambda: tap.requests(mark), patience)
        except TimeoutError:
            return False
        return True

    def choose(label: str) -> None:
        window.browser("click", selector='[id^="starcoder-lsp.starcoder-lsp"] a')
        window.choose(label)
        window.wait("the editor has the keyboard", ".editor-instance .monaco-editor.focused", lambda found: found)

    assert suggests()
    for off, on in [
        ("Pause in this file", "Resume in this file"),
        ("Pause everywhere", "Resume everywhere"),
        ("Turn off for Python", "Turn on for Python"),
    ]:
        choose(off)
        assert not suggests(2), off
        choose(on)
        assert suggests(), on
    names = [command[0] for command in tap.commands(start)]
    assert names.count("pause") == names.count("resume") == 2


def test_says_why_this_suggestion(window: Window, tap: Tap) -> None:
    window.open(PAGE)
    window.type(KEYS)
    window.wait_for_ghost()
    mark = tap.count()
    window.command("StarCoder: Why This Suggestion?")
    poll("the server hears it", lambda: ("context",) in tap.commands(mark))
    title = "Why This Suggestion.md"
    window.wait("its tab", ".tab.active", lambda tabs: any(title in tab for tab in tabs))
    poll("the page", lambda: "# Why this suggestion?" in window.lines())
    poll("what it says of the answer", lambda: any(line.startswith("- The newest answer") for line in window.lines()))
    window.command("View: Close Editors in Other Groups")
    window.wait("it is closed", ".tab", lambda tabs: not any(title in tab for tab in tabs))


def test_lists_the_models_and_switches(window: Window, tap: Tap) -> None:
    window.command("StarCoder: Select Model")
    window.choose("nano")
    poll("the server hears it", lambda: any(command[:2] == ("switchModel", "nano") for command in tap.commands()))
    poll("it is kept", lambda: '"starcoder.model"' in window.server.machine_settings.read_text())
    window.wait_until_ready()


def test_a_wrong_model_comes_with_the_way_to_another_one(window: Window) -> None:
    settings = window.server.machine_settings
    before = json.loads(settings.read_text())
    settings.write_text(json.dumps({**before, "starcoder.model": "nothere-7b"}))
    window.wait_for_message("nothere-7b")
    window.click_button("Select Model")
    window.choose("nano")
    poll("it is kept", lambda: '"nano"' in settings.read_text())
    window.wait_until_ready()


def test_shows_the_model_loading(window: Window, tap: Tap) -> None:
    starts, mark = len(tap.starts()), tap.count()
    with window.watched() as watch:
        window.command("StarCoder: Restart Server")
        poll("it starts", lambda: len(tap.starts()) > starts)
        window.wait_until_ready()
    seen = [frame["status"] for frame in watch.frames]
    assert any("loading" in text.lower() for text in seen), seen
    progress = [message["params"]["value"] for message in tap.messages(mark) if message.get("method") == "$/progress"]
    assert {"begin", "end"} <= {value["kind"] for value in progress}


def test_a_new_server_hears_of_pauses(window: Window, tap: Tap) -> None:
    uri = window.open(PAGE).as_uri()
    for command, heard in [
        ("Pause or Resume in This File", "pause"),
        ("Restart Server", "pause"),
        ("Pause or Resume in This File", "resume"),
    ]:
        mark = tap.count()
        window.command(f"StarCoder: {command}")
        assert reported(tap, mark, "pause", "resume") == (heard, uri)
    window.wait_until_ready()


def test_survives_a_server_killed_in_the_middle_of_a_request(window: Window, tap: Tap) -> None:
    window.open(PAGE)
    starts = tap.starts()
    os.kill(starts[-1], signal.SIGSTOP)  # it hears the request and cannot answer
    window.type(KEYS)
    poll("a request waits", tap.pending)
    os.kill(starts[-1], signal.SIGKILL)

    poll("it is started again", lambda: len(tap.starts()) > len(starts))
    window.wait_until_ready()
    window.type("pa")
    assert window.wait_for_ghost()
    assert window.notices() == []


def test_gives_up_on_a_server_that_keeps_dying_and_says_so(window: Window, tap: Tap) -> None:
    before = len(tap.starts())
    window.command("StarCoder: Restart Server")  # the count begins again
    for number in range(1, 7):
        poll("a server runs", partial(tap.has_started, before + number))
        os.kill(tap.starts()[-1], signal.SIGKILL)
    window.wait_for_message("stopped 6 times")
    window.click_button("Restart")
    window.wait_until_ready()
    window.open(PAGE)
    window.type(KEYS)
    assert window.wait_for_ghost()


def test_shows_the_first_steps(window: Window) -> None:
    window.command("StarCoder: Get Started")
    steps = window.wait("the walkthrough", ".gettingStartedContainer .step-title", lambda found: len(found) >= 4)
    assert steps[0] == "Install the server"
    done = ".gettingStartedContainer .getting-started-step.expanded .codicon-getting-started-step-checked.complete"
    window.wait("the first one is done: the server runs", done, lambda found: found)
    window.press("Control+w")
