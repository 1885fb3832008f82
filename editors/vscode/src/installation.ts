/** An installation from its start to the first suggestion: the status bar shows that it runs, and a message that it is done. */

import * as vscode from 'vscode';
import type { Server } from './server';
import type { ServerInstaller } from './serverInstaller';

export class Installation {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  #isRunning = false;

  constructor(
    private readonly server: Server,
    private readonly installer: ServerInstaller,
  ) {}

  get isRunning(): boolean {
    return this.#isRunning;
  }

  async run(): Promise<void> {
    if (!(await this.#install())) {
      return;
    }
    await this.server.restart();
    await this.installer.tidy();
    if (this.server.phase.kind === 'running') {
      void vscode.window.showInformationMessage('The StarCoder server is installed and runs. Type in any file; Alt+\\ asks for a suggestion by hand.');
    }
  }

  async #install(): Promise<boolean> {
    this.#set(true);
    try {
      return await this.installer.install();
    } finally {
      this.#set(false);
    }
  }

  #set(isRunning: boolean): void {
    this.#isRunning = isRunning;
    this.#changed.fire();
  }
}
