/** Opens the settings where a change of them counts. */

import * as vscode from 'vscode';

/** Settings of the machine that the server runs on: in a remote window they have a tab of their own, and the user's tab does not list them. */
export async function openMachineSettings(query: string): Promise<void> {
  const command = vscode.env.remoteName === undefined ? 'workbench.action.openSettings' : 'workbench.action.openRemoteSettings';
  await vscode.commands.executeCommand(command, { query });
}
