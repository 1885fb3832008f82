/** The commands of the palette. */

import * as vscode from 'vscode';
import { isEnabledFor, section, setEnabledFor } from './config';
import type { Enablement } from './enablement';
import { showMenu } from './menu';
import { selectModel } from './modelPicker';
import type { Server } from './server';
import type { ServerInstaller } from './serverInstaller';
import type { Suggestions } from './suggestions';

export interface Parts {
  readonly extensionId: string;
  readonly log: vscode.LogOutputChannel;
  readonly server: Server;
  readonly installer: ServerInstaller;
  readonly enablement: Enablement;
  readonly suggestions: Suggestions;
}

export function registerCommands({ extensionId, log, server, installer, enablement, suggestions }: Parts): vscode.Disposable {
  const inActiveDocument = async (action: (document: vscode.TextDocument) => Promise<void>): Promise<void> => {
    const document = vscode.window.activeTextEditor?.document;
    await (document ? action(document) : vscode.window.showInformationMessage('StarCoder: open a file first.'));
  };

  const handlers: Record<string, () => unknown> = {
    showMenu: () => showMenu(server, enablement),
    togglePause: () => enablement.togglePause(),
    togglePauseFile: () => inActiveDocument(document => enablement.togglePauseIn(document)),
    toggleLanguage: () => inActiveDocument(({ languageId }) => setEnabledFor(languageId, !isEnabledFor(languageId))),
    selectModel: () => selectModel(server),
    restartServer: () => server.restart(),
    installServer: async () => {
      if (await installer.install()) {
        await server.restart();
        await installer.tidy();
      }
    },
    showLog: () => {
      log.show();
    },
    openSettings: () => vscode.commands.executeCommand('workbench.action.openSettings', `@ext:${extensionId}`),
    openWalkthrough: () => vscode.commands.executeCommand('workbench.action.openWalkthrough', `${extensionId}#start`, false),
    acceptNextWord: () => suggestions.acceptNext('Word'),
    acceptNextLine: () => suggestions.acceptNext('Line'),
    dismiss: () => suggestions.dismiss(),
  };
  return vscode.Disposable.from(...Object.entries(handlers).map(([name, handler]) => vscode.commands.registerCommand(`${section}.${name}`, handler)));
}
