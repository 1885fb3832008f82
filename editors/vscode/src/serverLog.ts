/** The server's standard error goes to the log channel, each line at its own level; the last lines explain a crash. */

import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { LogOutputChannel } from 'vscode';

const kept = 20;

/** Python's logging: time, level, then the logger's name and its message. */
const record = /^[\d-]{10} [\d:,]{12} (DEBUG|INFO|WARNING|ERROR|CRITICAL) (.*)$/;

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
    const complaints = this.#last.filter(line => line.trim() !== '' && !['DEBUG', 'INFO'].includes(record.exec(line)?.[1] ?? ''));
    const last = complaints.at(-1) ?? '';
    return (record.exec(last)?.[2] ?? last).trim();
  }

  forget(): void {
    this.#last.length = 0;
  }

  #write(written: string): void {
    const [, level, text] = record.exec(written) ?? [];
    const line = text ?? written; // the channel writes its own time and level in front
    switch (level) {
      case 'DEBUG': this.channel.debug(line); break;
      case 'WARNING': this.channel.warn(line); break;
      case 'ERROR':
      case 'CRITICAL': this.channel.error(line); break;
      default: this.channel.info(line);
    }
  }
}
