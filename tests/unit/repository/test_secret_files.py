import pytest

from starcoder_lsp.repository.secret_files import why_secret

SECRET = [
    ".env", ".env.local", ".env.example", ".ENV.production", "prod.env", ".envrc", "server.pem", "server.key",
    "ca.crt", "store.jks", "signing.p12", "id_rsa", "id_ed25519.pub", ".netrc", "_netrc", ".npmrc", ".pypirc",
    ".git-credentials", ".htpasswd", ".pgpass", "credentials.json", "credentials", "secrets.yaml",
    "app.secrets.toml", "db_passwords.txt", "service-account-prod.json", "client_secret_123.json",
    "terraform.tfstate", "prod.tfvars", "kubeconfig", "wp-config.php", "local.settings.json", "master.key",
    ".bash_history", "google-services.json", ".aws/credentials", ".aws/anything.py", "deep/.ssh/config",
    ".kube/x.yaml", "vault.yml",
]  # fmt: skip
ORDINARY = [
    "secrets.py", "credentials.py", "password_reset.ts", "token.go", "tokens.py", "env.py", "environment.ts",
    "keyboard.c", "key.rs", "auth.py", "Passwords.java", "secret_store.rb", "config.json", "settings.py", "hosts.py",
    "certificates.md.py", "test_env.py",
]  # fmt: skip


@pytest.mark.parametrize("path", SECRET)
def test_a_secret_file_is_known_by_its_name(path: str) -> None:
    assert why_secret(path)
    assert why_secret(f"some/folder/{path}")
    assert why_secret(f"C:\\work\\{path}".replace("/", "\\"))


@pytest.mark.parametrize("path", ORDINARY)
def test_code_about_secrets_is_no_secret(path: str) -> None:
    assert why_secret(f"src/{path}") == ""
