"""Secrets of many shapes, made up: `PLANTED` maps a name to lines of code, and what of them must never be seen.

They are put together here from pieces, so that this file holds none itself.
"""

from __future__ import annotations

import base64
import random
import string
from typing import Final

_draw = random.Random(7)  # noqa: S311 - the same at each run
_LETTERS: Final = string.ascii_letters + string.digits


def _some(count: int, letters: str = _LETTERS) -> str:
    return "".join(_draw.choice(letters) for _ in range(count))


_UPPER: Final = string.ascii_uppercase + "234567"
_HEX: Final = "0123456789abcdef"


def _block(kind: str) -> tuple[str, str]:
    body = "\n".join(base64.b64encode(_draw.randbytes(48)).decode() for _ in range(4))
    return f'KEY = """-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"""', body.split("\n")[2]


def _planted() -> dict[str, tuple[str, str]]:
    aws, github, gitlab = "AK" + "IA" + _some(16, _UPPER), "gh" + "p_" + _some(36), "glp" + "at-" + _some(20)
    slack = "xox" + "b-" + "-".join((_some(12, string.digits), _some(12, string.digits), _some(24)))
    stripe, google, npm = (
        "sk_" + "live_" + _some(24),
        "AI" + "za" + _some(35),
        "npm" + "_" + _some(36, _LETTERS.lower()),
    )
    jwt = ".".join(("ey" + "J" + _some(30), "ey" + "J" + _some(60), _some(43)))
    openai = "sk-" + "proj-" + _some(60)
    hub, sendgrid = "hf" + "_" + _some(34, string.ascii_letters), "SG" + "." + _some(22) + "." + _some(43)
    twilio, pypi = "SK" + _some(32, _HEX), "pypi-" + "AgEIcHlwaS5vcmc" + _some(60)
    azure = base64.b64encode(_draw.randbytes(64)).decode()
    word, other = "correct-horse-" + _some(6), "Tr0ub4dor&" + _some(4)
    hexed, mixed = _some(64, _HEX), _some(40)
    found = {
        "aws access key": (f'AWS_ID = "{aws}"', aws),
        "aws secret key": (f"aws_secret_access_key={mixed}", mixed),
        "github token": (f'headers = {{"Authorization": "token {github}"}}', github),
        "gitlab token": (f"client = connect({gitlab!r})", gitlab),
        "slack token": (f"const slack = '{slack}';", slack),
        "stripe key": (f'Stripe.apiKey = "{stripe}";', stripe),
        "google key": (f'url = "https://maps.example/api?key={google}"', google),
        "npm token": (f"//registry.example/:_authToken={npm}", npm),
        "jwt": (f'let session = "{jwt}"', jwt),
        "openai key": (f'openai_client(key="{openai}")', openai),
        "hugging face token": (f"login('{hub}')", hub),
        "sendgrid key": (f'mail := sendgrid.New("{sendgrid}")', sendgrid),
        "twilio key": (f'$sid = "{twilio}";', twilio),
        "pypi token": (f"# twine upload -p {pypi}", pypi),
        "azure account key": (f'"AccountName=shop;AccountKey={azure}"', azure),
        "password in quotes": (f'password = "{word}"', word),
        "password as an argument": (f'connect(user="app", password="{word}")', word),
        "password in a comment": (f"# the db password is '{word}'", word),
        "password with a type": (f'db_password: Final[str] = "{word}"', word),
        "password as a default": (f'def connect(host, passwd="{other}"):', other),
        "password as a key": (f'{{"db": {{"password": "{other}"}}}}', other),
        "password in a subscript": (f"os.environ['DB_PASSWORD'] = '{other}'", other),
        "password in a call": (f'config.set_password("{other}")', other),
        "password on the next line": (f'secret_key = (\n    "{word}"\n)', word),
        "password in shell": (f"export DB_PASSWORD={other}1", other),
        "password as a flag": (f"mysql -u root --password={other}", other),
        "password in an address": (f'engine = create_engine("postgresql://app:{word}@db/shop")', word),
        "basic authorization": (f"curl -H 'Authorization: Basic {mixed}=='", mixed),
        "pair of arguments": (f'builder.header("X-Api-Key", "{word}")', word),
        "hexadecimal digits": (f'SALT = bytes.fromhex("{hexed}")', hexed),
        "random letters": (f"return decode('{mixed}')", mixed),
        "java property": (f'properties.put("jdbc.password", "{other}");', other),
        "go struct": (f'cfg := Config{{ApiKey: "{word}"}}', word),
        "rust constant": (f'const API_TOKEN: &str = "{word}";', word),
        "php constant": (f"define('DB_PASSWORD', '{other}');", other),
    }
    for kind in ("RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK", "CERTIFICATE"):
        found[kind.lower()] = _block(kind)
    return found


PLANTED: Final = _planted()
