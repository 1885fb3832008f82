#!/usr/bin/env bash
# Lints the Neovim plugin with luacheck, installed into .cache/. Where it cannot be had it says so, and fails in CI.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! tests/editors/install/luacheck.sh >/dev/null; then
  echo "== Neovim plugin NOT checked: luacheck could not be installed here ==" >&2
  [ "${CI:-}" != true ]
  exit
fi
.cache/editors/luacheck/bin/luacheck -q --config editors/neovim/.luacheckrc editors/neovim tests/editors/neovim/bridge.lua
