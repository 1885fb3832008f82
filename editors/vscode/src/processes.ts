/** Runs a program to its end. */

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Outcome {
  /** null: the program could not be started, or was stopped */
  readonly exitCode: number | null;
  /** standard output and standard error, as they came */
  readonly output: string;
}

export interface RunOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  readonly onLine?: (line: string) => void;
}

export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return new Promise(resolve => {
    const lines: string[] = [];
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
      ...(options.signal && { signal: options.signal }),
      ...(options.timeoutMs !== undefined && { timeout: options.timeoutMs }),
    });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', line => {
        lines.push(line);
        options.onLine?.(line);
      });
    }
    child.once('error', error => {
      lines.push(error.message);
      resolve({ exitCode: null, output: lines.join('\n') });
    });
    child.once('close', exitCode => {
      resolve({ exitCode, output: lines.join('\n') });
    });
  });
}
