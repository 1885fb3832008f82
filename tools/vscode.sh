#!/usr/bin/env bash
# vscode.sh SCRIPT: an npm script of editors/vscode/package.json, with its packages and a Node of our own in place.
# Ends with 69 (EX_UNAVAILABLE) where Node is neither in the package index for this machine nor on the PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=${STARCODER_LSP_EDITORS:-$PWD/.cache/editors}/node/bin:$PATH
tests/editors/install/node.sh >/dev/null || command -v npm >/dev/null || exit 69
cd editors/vscode
# npm ci only where the lock file changed: it takes half a minute.
if ! cmp -s package-lock.json node_modules/.package-lock.installed; then
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.package-lock.installed
fi
npm run --silent "$@"
