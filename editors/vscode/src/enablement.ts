/** Where suggestions are wanted: the settings, and what was paused by hand. */

import * as vscode from 'vscode';
import { isEnabledFor } from './config';
import { ServerCommand } from './protocol';

/** Sends a command of the protocol to the server, if one is running. */
export type Send = (command: string, ...args: readonly unknown[]) => Promise<unknown>;

export type Obstacle = 'paused' | 'paused in this file' | 'off for this language';

export class Enablement {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  readonly #pausedUris = new Set<string>();
  #paused = false;

  constructor(private readonly send: Send) {}

  get isPaused(): boolean {
    return this.#paused;
  }

  isPausedIn(document: vscode.TextDocument): boolean {
    return this.#pausedUris.has(document.uri.toString());
  }

  /** Why this document gets no suggestions; undefined: it gets them. */
  obstacle(document: vscode.TextDocument): Obstacle | undefined {
    if (this.#paused) {
      return 'paused';
    }
    if (this.isPausedIn(document)) {
      return 'paused in this file';
    }
    return isEnabledFor(document.languageId) ? undefined : 'off for this language';
  }

  async togglePause(): Promise<void> {
    this.#paused = !this.#paused;
    this.#changed.fire();
    await this.send(this.#paused ? ServerCommand.pause : ServerCommand.resume);
  }

  async togglePauseIn(document: vscode.TextDocument): Promise<void> {
    const uri = document.uri.toString();
    const paused = !this.#pausedUris.delete(uri);
    if (paused) {
      this.#pausedUris.add(uri);
    }
    this.#changed.fire();
    await this.send(paused ? ServerCommand.pause : ServerCommand.resume, uri);
  }

  /** A server that was started again knows of no pause. */
  async tellNewServer(): Promise<void> {
    if (this.#paused) {
      await this.send(ServerCommand.pause);
    }
    for (const uri of this.#pausedUris) {
      await this.send(ServerCommand.pause, uri);
    }
  }
}
