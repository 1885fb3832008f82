"""Files that no prompt ever holds a line of, by their name: environments, keys, certificates, credentials.

Pure: a name is all that is looked at. There is no setting that takes one of them off the list.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["why_secret"]

_DATA: Final = "ya?ml|json5?|toml|ini|cfg|conf|config|properties|xml|txt|csv|enc|plist|tfvars|sops|pwd|db|sqlite3?|md"
_KINDS: Final = {
    "an environment file": (
        r"\.env.*",
        r".*\.env",
        r"\.flaskenv",
        r"\.dev\.vars",
    ),
    "a key or a certificate": (
        r".*\.(?:pem|key|crt|cer|der|csr|p7[bcs]|p8|p12|pfx|pkcs12|jks|jceks|bks|keystore|truststore|kdbx?|ppk|asc)",
        r".*\.(?:gpg|pgp|age|ovpn|keytab|mobileprovision|agekey|snk|crl)",
        r"id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?(?:\..*)?",
        r"(?:ssh_host_.*_key|identity|authorized_keys|known_hosts)(?:\.pub)?",
        r".*[._-](?:rsa|dsa|ed25519|ecdsa)",
        r"secring\..*|pubring\..*",
    ),
    "a file of credentials": (
        r"[._]netrc",
        r"\.(?:npmrc|yarnrc|yarnrc\.yml|pypirc|gemrc|git-credentials|htpasswd|htdigest|pgpass|mylogin\.cnf|my\.cnf|s3cfg|boto)",
        r"\.(?:dockercfg|dockerconfigjson|vault-token|vault_pass|tugboat|remote-sync\.json|sentryclirc|esmtprc|msmtprc)",
        r"\.(?:bash|zsh|sh|python|psql|mysql|sqlite|rediscli|node_repl|irb|pry)_?history|\.histfile",
        rf"(?:.*[._-])?(?:credential|secret|password|passwd)s?(?:[._-].*)?\.(?:{_DATA})",
        r"(?:credentials?|secrets?|passwords?|passwd|shadow|token|tokens|htpasswd)",
        r"(?:service|gcp|google|firebase)[._-]?(?:account|credentials?|adminsdk)?[._-]?.*key.*\.json",
        r"(?:.*[._-])?(?:service[._-]?account|firebase[._-]adminsdk|client[._-]secret|application_default_credentials).*\.json",
        r"google-services\.json|GoogleService-Info\.plist",
        r"(?:.*\.)?(?:tfvars|tfvars\.json|tfstate|tfstate\.backup|tfstate\..*)",
        r"kube[._-]?config(?:\..*)?|.*\.kubeconfig",
        r"(?:auth|accounts?|tokens?)\.(?:json|ya?ml|toml)",
        r"(?:master|production|staging|development|test)\.key",
        r".*\.(?:vault|sops)\.(?:ya?ml|json)|vault\.ya?ml|ansible[._-]vault.*",
        r"local\.settings\.json|secrets?\.auto\..*|wp-config\.php|configuration\.php-dist|parameters\.ya?ml|database\.ya?ml",
        r"(?:sftp|ftp|deployment)-?(?:config|sync)?\.json|filezilla\.xml|sitemanager\.xml|recentservers\.xml",
        r"(?:\.?ht)?passwd(?:\..*)?|\.?rhosts|hosts\.ya?ml",
        r"settings-security\.xml|keystore\.properties|key\.properties|signing\.properties|gradle\.properties",
        r".*\.(?:rdp|rdg|vnc|agilekeychain|keychain(?:-db)?|opvault|1pux)",
        r"heroku\.json|robomongo\.json|\.?idea_?datasources.*\.xml|dataSources(?:\.local)?\.xml|webservers\.xml",
    ),
}  # fmt: skip
_FOLDERS: Final = {
    ".ssh": "a folder of keys",
    ".gnupg": "a folder of keys",
    ".aws": "a folder of credentials",
    ".azure": "a folder of credentials",
    ".gcloud": "a folder of credentials",
    ".kube": "a folder of credentials",
    ".docker": "a folder of credentials",
    ".chef": "a folder of credentials",
    ".password-store": "a folder of passwords",
    ".terraform": "a folder of credentials",
    ".secrets": "a folder of secrets",
    "secrets.d": "a folder of secrets",
}

_NAMES: Final = re.compile(
    "|".join(f"(?P<k{at}>{'|'.join(names)})" for at, names in enumerate(_KINDS.values())), re.IGNORECASE
)
_WHY: Final = {f"k{at}": why for at, why in enumerate(_KINDS)}


def why_secret(path: str) -> str:
    """Return what makes a file secret, as the end of "it is …"; empty where nothing does.

    `path` is relative or whole, with slashes or, on Windows, backslashes. `.env.example` is as secret as `.env`:
    people fill in examples.
    """
    *folders, name = re.split(r"[/\\]", path)
    for folder in folders:
        if (why := _FOLDERS.get(folder.lower())) is not None:
            return f"in {why}"
        if folder.lower().startswith(".env"):
            return "in a folder of environment files"
    found = _NAMES.fullmatch(name)
    return _WHY[found.lastgroup] if found is not None and found.lastgroup is not None else ""
