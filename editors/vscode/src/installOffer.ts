/** No server was found: offers to install one. */

import * as vscode from 'vscode';

export async function offerInstallation(): Promise<void> {
  const [install, choose, walkthrough] = ['Install', 'Use Another…', 'Learn More'];
  const choice = await vscode.window.showInformationMessage(
    'StarCoder needs its server, and found none on this machine. It can install one for itself, into an environment of its own that touches nothing else.',
    install, choose, walkthrough,
  );
  const command = choice === install ? ['starcoder.installServer']
    : choice === choose ? ['workbench.action.openSettings', 'starcoder.server.path']
      : choice === walkthrough ? ['starcoder.openWalkthrough']
        : undefined;
  const [id, ...args] = command ?? [];
  if (id) {
    await vscode.commands.executeCommand(id, ...args);
  }
}
