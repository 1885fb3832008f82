/** Lets the user choose another model. */

import * as vscode from 'vscode';
import { setModel } from './config';
import { ServerCommand, type ServerModel } from './protocol';
import type { Server } from './server';
import { size } from './sizes';

interface Entry extends vscode.QuickPickItem {
  readonly model?: string;
  readonly getsMore?: boolean;
}

export async function selectModel(server: Server): Promise<void> {
  if (server.phase.kind !== 'running') {
    void vscode.window.showInformationMessage('The StarCoder server is not running, so it cannot be asked for its models.');
    return;
  }
  const models = server.request(ServerCommand.models).then(answer => [
    ...(answer as readonly ServerModel[]).map(entry),
    { label: '', kind: vscode.QuickPickItemKind.Separator },
    { label: '$(cloud-download) Get another model…', description: 'from the catalogue, or an address', getsMore: true },
    { label: '$(folder-opened) Another file…', description: 'GGUF or GGML' },
  ]);
  const choice = await vscode.window.showQuickPick<Entry>(models, { title: 'StarCoder: model', matchOnDescription: true, matchOnDetail: true });
  if (choice?.getsMore) {
    await vscode.commands.executeCommand('starcoder.getModel');
    return;
  }
  const model = choice && (choice.model ?? (await pickFile()));
  if (!model) {
    return;
  }
  try {
    await server.request(ServerCommand.switchModel, model);
    await setModel(model);
  } catch (error) {
    void vscode.window.showErrorMessage(error instanceof Error ? error.message : String(error));
  }
}

function entry({ name, path, bytes, current }: ServerModel): Entry {
  return {
    label: `${current ? '$(check) ' : ''}${name}`,
    description: bytes === null ? '' : size(bytes),
    ...(path !== null && { detail: path }),
    model: name,
  };
}

async function pickFile(): Promise<string | undefined> {
  const files = await vscode.window.showOpenDialog({ title: 'StarCoder: model', openLabel: 'Use This Model', filters: { Models: ['gguf', 'ggml', 'bin'] } });
  return files?.[0]?.fsPath;
}
