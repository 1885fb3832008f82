/**
 * The Python environment that the extension keeps for itself, in its global storage.
 *
 * Each installation gets a new folder, and a small file names the one in use. So an installation that fails or is stopped
 * leaves the server that was there as it was.
 */

import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { executableName, scriptsFolder } from './files';

export interface Environment {
  readonly folder: string;
  readonly python: string;
  readonly server: string;
}

function environment(folder: string): Environment {
  const scripts = scriptsFolder(folder);
  return { folder, python: path.join(scripts, executableName('python')), server: path.join(scripts, executableName('starcoder-lsp')) };
}

export class OwnEnvironment {
  readonly #root: string;
  readonly #pointer: string;

  constructor(globalStorage: string) {
    this.#root = path.join(globalStorage, 'server');
    this.#pointer = path.join(this.#root, 'current');
  }

  async current(): Promise<Environment | undefined> {
    try {
      return environment(path.join(this.#root, (await readFile(this.#pointer, 'utf8')).trim()));
    } catch {
      return undefined; // no pointer: nothing was ever installed
    }
  }

  /** A place for a new installation. */
  async fresh(): Promise<Environment> {
    await mkdir(this.#root, { recursive: true });
    return environment(path.join(this.#root, Date.now().toString(36)));
  }

  /** From now on this one is in use. */
  async adopt({ folder }: Environment): Promise<void> {
    const written = `${this.#pointer}.new`;
    await writeFile(written, path.basename(folder));
    await rename(written, this.#pointer);
  }

  /** Removes what is not in use: older installations, and ones that failed. */
  async tidy(): Promise<void> {
    await mkdir(this.#root, { recursive: true });
    const inUse = await this.current();
    const entries = await readdir(this.#root, { withFileTypes: true });
    const folders = entries.filter(entry => entry.isDirectory()).map(entry => path.join(this.#root, entry.name));
    await Promise.all(folders.filter(folder => folder !== inUse?.folder).map(folder => rm(folder, { recursive: true, force: true })));
  }
}
