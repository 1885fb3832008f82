/** Finds a Python that can make the server's environment. */

import { serverSettings } from './config';
import { expandHome } from './files';
import { run } from './processes';
import { selectedInterpreters } from './pythonExtension';

const oldest: readonly [number, number] = [3, 10];
export const oldestPython = oldest.join('.');

export interface Python {
  readonly command: string;
  readonly args: readonly string[];
}

async function isNewEnough({ command, args }: Python, signal: AbortSignal): Promise<boolean> {
  const probe = `import sys; sys.exit(sys.version_info < (${oldest.join(', ')}))`;
  return (await run(command, [...args, '-c', probe], { signal, timeoutMs: 20_000 })).exitCode === 0;
}

export async function findPython(signal: AbortSignal): Promise<Python | undefined> {
  const configured = serverSettings().python;
  const plain = (command: string): Python => ({ command, args: [] });
  const named = process.platform === 'win32'
    ? [{ command: 'py', args: ['-3'] }, plain('python')]
    : ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'].map(plain);
  const candidates = configured
    ? [plain(expandHome(configured))]
    : [...named, ...(await selectedInterpreters()).map(plain)];
  for (const candidate of candidates) {
    if (await isNewEnough(candidate, signal)) {
      return candidate;
    }
  }
  return undefined;
}
