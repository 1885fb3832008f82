#!/usr/bin/env bash
# Type-checks and lints the VS Code extension. Without Node it says so, and fails in CI: there it must be checked.
set -euo pipefail
cd "$(dirname "$0")/../editors/vscode"
if ! command -v npm >/dev/null; then
  echo "== VS Code extension NOT checked: npm is not here (Debian and Ubuntu: apt-get install npm) ==" >&2
  [ "${CI:-}" != true ]
  exit
fi
# npm ci only where the lock file changed: it takes half a minute.
if ! cmp -s package-lock.json node_modules/.package-lock.installed; then
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.package-lock.installed
fi
npm run --silent check
