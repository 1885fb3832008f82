// node wheel.mjs    puts the server's wheel into server/, from where the extension installs it
//
// STARCODER_WHEEL names one that is made already (`make dist`); else it is built from this checkout, by the first of
// STARCODER_PYTHON, the checkout's own environment and the Pythons on the PATH that has pip.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, resolve } from 'node:path';

const checkout = resolve('..', '..');
const folder = resolve('server');

function build() {
  const own = ['.venv/bin/python', '.venv/Scripts/python.exe'].map(path => resolve(checkout, path)).filter(existsSync);
  const pythons = [process.env.STARCODER_PYTHON, ...own, 'python3', 'python', 'py'].filter(Boolean);
  const python = pythons.find(name => spawnSync(name, ['-m', 'pip', '--version']).status === 0);
  if (!python) {
    throw new Error(`No Python with pip was found (${pythons.join(', ')}). Name one in STARCODER_PYTHON.`);
  }
  const pip = ['-m', 'pip', 'wheel', '--quiet', '--no-deps', '--disable-pip-version-check', '--wheel-dir', folder, checkout];
  const { status } = spawnSync(python, pip, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) {
    throw new Error(`${python} could not build the server's wheel.`);
  }
}

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
const { STARCODER_WHEEL: made } = process.env;
if (made) {
  copyFileSync(made, resolve(folder, basename(made)));
} else {
  build();
}
console.log(`server/${readdirSync(folder).join(' ')}`);
