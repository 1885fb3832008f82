/** What the suggestions of the last days were worth: the server's sentence, in a message. */

import * as vscode from 'vscode';
import { ServerCommand } from './protocol';
import type { Server } from './server';

interface ServerUsage {
  readonly enabled: boolean;
  readonly summary: string;
}

export async function showUsage(server: Server): Promise<void> {
  if (server.phase.kind !== 'running') {
    void vscode.window.showInformationMessage('The StarCoder server is not running, so it cannot be asked what helped.');
    return;
  }
  try {
    const { summary } = (await server.request(ServerCommand.usage)) as ServerUsage;
    void vscode.window.showInformationMessage(`StarCoder: ${summary} In a terminal: starcoder-lsp usage`);
  } catch (error) {
    void vscode.window.showErrorMessage(error instanceof Error ? error.message : String(error));
  }
}
