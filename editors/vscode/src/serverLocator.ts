/** Finds a server: the setting, the selected Python environment, the PATH, the extension's own environment; in this order. */

import * as path from 'node:path';
import { serverSettings } from './config';
import { executableName, expandHome, findOnPath, isExecutable } from './files';
import type { OwnEnvironment } from './ownEnvironment';
import { selectedInterpreters } from './pythonExtension';

export interface ServerExecutable {
  readonly command: string;
  /** where it was found, in words for the log and the menu */
  readonly origin: string;
}

/** The setting names a file that is not there: said aloud, because a silent substitute would only puzzle. */
export class ServerPathError extends Error {
  constructor(readonly file: string) {
    super(`The setting starcoder.server.path names ${file}, which is not an executable file.`);
  }
}

export async function locateServer(own: OwnEnvironment): Promise<ServerExecutable | undefined> {
  const { path: configured } = serverSettings();
  if (configured) {
    const command = expandHome(configured);
    if (!path.isAbsolute(command) || !(await isExecutable(command))) {
      throw new ServerPathError(configured);
    }
    return { command, origin: 'the setting starcoder.server.path' };
  }

  for (const interpreter of await selectedInterpreters()) {
    const command = path.join(path.dirname(interpreter), executableName('starcoder-lsp'));
    if (await isExecutable(command)) {
      return { command, origin: 'the selected Python environment' };
    }
  }

  const onPath = await findOnPath('starcoder-lsp');
  if (onPath) {
    return { command: onPath, origin: 'the PATH' };
  }

  const installed = await own.current();
  if (installed && (await isExecutable(installed.server))) {
    return { command: installed.server, origin: "StarCoder's own environment" };
  }
  return undefined;
}
