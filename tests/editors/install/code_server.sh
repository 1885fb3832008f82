#!/usr/bin/env bash
# VS Code in the browser (code-server) and what drives it (playwright-core), in .cache/editors/code_server, on the Node
# of node.sh; the browser is the machine's own Chromium. 1 GB, two to three minutes.
. "$(dirname "$0")/suite.sh"
CODE_SERVER=4.139.1 PLAYWRIGHT=1.65.1
"$(dirname "$0")/node.sh" > /dev/null
begin code_server

# the browser, and what code-server's native modules are compiled with
packages=(chromium g++ make python3 libkrb5-dev libsecret-1-dev libx11-dev libxkbfile-dev pkg-config fonts-dejavu-core)
debian "${packages[@]}"

mkdir -p "$ROOT"
ln -s ../node "$ROOT/node"
export PATH=$ROOT/node/bin:$PATH npm_config_nodedir=$EDITORS/node/wheel JOBS=max

install_module() {
    mkdir -p "$ROOT/$1"
    (cd "$ROOT/$1" && npm init -y > /dev/null && npm install --no-audit --no-fund --foreground-scripts "$2" > install.log 2>&1) ||
        { tail -30 "$ROOT/$1/install.log"; return 1; }
}
install_module code-server "code-server@$CODE_SERVER"
install_module playwright "playwright-core@$PLAYWRIGHT"
node "$ROOT/code-server/node_modules/code-server/out/node/entry.js" --version
end
