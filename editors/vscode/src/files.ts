/** Finds executables. */

import { access, constants, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import * as path from 'node:path';

const onWindows = process.platform === 'win32';

export async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false; // absent, or not ours to run: both mean "not this one"
  }
}

export function expandHome(file: string): string {
  return /^~(?=$|[/\\])/.test(file) ? homedir() + file.slice(1) : file;
}

/** Where a Python environment keeps the programs of its packages. */
export function scriptsFolder(environment: string): string {
  return path.join(environment, onWindows ? 'Scripts' : 'bin');
}

export function executableName(name: string): string {
  return onWindows ? `${name}.exe` : name;
}

export async function findOnPath(name: string): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter).filter(folder => path.isAbsolute(folder))) {
    const file = path.join(folder, executableName(name));
    if (await isExecutable(file)) {
      return file;
    }
  }
  return undefined;
}
