import pytest

from starcoder_lsp.repository.secrets import secret_lines, without_secrets
from tests.support.planted_secrets import PLANTED

CODE = """\
def connect(user, password):
    token = tokenizer.next_token()
    if token == "class":
        self.key = key_of(token)
    secret = os.environ["APP_SECRET"]
    password = getpass.getpass("Password: ")
    headers = {"Authorization": f"Bearer {token}"}
    keys = sorted(mapping.keys())
    return Http2ConnectionWithRetry(user, password=password, api_key=None)
TokenKind.IDENTIFIER = "identifier"
class ForeignKeyConstraintMismatchError2(Exception): pass
assert_called_once_with(first_argument=1, second_argument=2)
url = "https://example.org/a/long/path/to/some/page.html#anchor"
passwd: str
PASSWORD_FIELDS = ("old", "new")
"""


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("indent", ["", "        "])
def test_a_planted_secret_is_emptied(name: str, indent: str) -> None:
    lines, secret = PLANTED[name]
    text = "\n".join(["def before(): ...", *(indent + line for line in lines.split("\n")), "def behind(): ..."])
    clean = without_secrets(text)
    assert secret not in clean
    assert clean.count("\n") == text.count("\n")
    assert clean.startswith("def before(): ...\n")
    assert clean.endswith("\ndef behind(): ...")


def test_there_are_thirty_shapes_and_more() -> None:
    assert len(PLANTED) >= 30


def test_ordinary_code_is_left_alone() -> None:
    hidden = secret_lines(CODE)
    assert [CODE.split("\n")[at] for at in sorted(hidden)] == []


def test_windows_line_ends_and_letters_that_change_their_length_move_nothing() -> None:
    lines, secret = PLANTED["password in quotes"]
    text = f"# {'İ' * 30}\nx = 1\n{lines}\ny = 2"
    assert without_secrets(text) == f"# {'İ' * 30}\nx = 1\n\ny = 2"
    assert secret not in without_secrets(text.replace("\n", "\r\n"))


def test_a_block_without_an_end_hides_what_follows() -> None:
    lines, secret = PLANTED["rsa private key"]
    cut = lines[: lines.index(secret) + len(secret)]
    assert secret not in without_secrets(f"a = 1\n{cut}\n")


def test_a_very_long_line_is_searched_to_its_end() -> None:
    lines, secret = PLANTED["github token"]
    text = "x = [" + "1, " * 20_000 + lines + "]"
    assert secret not in without_secrets(text)
