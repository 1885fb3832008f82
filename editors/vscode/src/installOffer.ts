/** No server was found: offers to install one, once a session; the status bar goes on saying it. */

import * as vscode from 'vscode';
import type { Server } from './server';

/** The settings of a remote machine, which may name a server, can come later than the extension starts. */
const patienceMs = 3_000;

export class InstallOffer {
  #made = false;

  constructor(private readonly server: Server) {}

  /** Does nothing if a server is found meanwhile. */
  async make(): Promise<void> {
    await new Promise(resolve => setTimeout(resolve, patienceMs));
    if (this.#made || this.server.phase.kind !== 'missing') {
      return;
    }
    this.#made = true;
    const [install, choose, walkthrough] = ['Install', 'Use Another…', 'Learn More'];
    const choice = await vscode.window.showInformationMessage(
      'StarCoder needs its server, and found none on this machine. It can install one for itself, into an environment of its own that touches nothing else.',
      install, choose, walkthrough,
    );
    const command = choice === install ? ['starcoder.installServer']
      : choice === choose ? ['starcoder.openServerSettings']
        : choice === walkthrough ? ['starcoder.openWalkthrough']
          : undefined;
    const [id, ...args] = command ?? [];
    if (id) {
      await vscode.commands.executeCommand(id, ...args);
    }
  }
}
