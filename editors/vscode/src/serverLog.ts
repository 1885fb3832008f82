/** The server's standard error goes to the log channel, each line at its own level; the last lines explain a crash. */

import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { LogOutputChannel } from 'vscode';

const kept = 20;

export class ServerLog {
  readonly #last: string[] = [];

  constructor(private readonly channel: LogOutputChannel) {}

  read(stream: Readable): void {
    createInterface({ input: stream }).on('line', line => {
      this.#last.push(line);
      this.#last.splice(0, this.#last.length - kept);
      this.#write(line);
    });
  }

  /** The server's last complaint, for a message: a traceback ends with its cause. */
  get lastWords(): string {
    return this.#last.filter(line => line.trim() !== '' && !/\b(DEBUG|INFO)\b/.test(line)).at(-1)?.trim() ?? '';
  }

  forget(): void {
    this.#last.length = 0;
  }

  #write(line: string): void {
    const level = /\b(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b/.exec(line.slice(0, 80))?.[1];
    switch (level) {
      case 'DEBUG': this.channel.debug(line); break;
      case 'WARNING': this.channel.warn(line); break;
      case 'ERROR':
      case 'CRITICAL': this.channel.error(line); break;
      default: this.channel.info(line);
    }
  }
}
