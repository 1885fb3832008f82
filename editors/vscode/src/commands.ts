/** The commands of the palette. */

import * as vscode from 'vscode';
import { askByHand } from './askByHand';
import { isEnabledFor, section, setEnabledFor } from './config';
import type { Enablement } from './enablement';
import type { Installation } from './installation';
import type { Keys } from './keys';
import { showMenu } from './menu';
import { getModel } from './modelFetcher';
import { selectModel } from './modelPicker';
import type { Server } from './server';
import { openMachineSettings } from './settingsPage';
import type { Suggestions } from './suggestions';
import { showUsage } from './usage';
import type { WhySuggestion } from './whySuggestion';

export interface Parts {
  readonly extensionId: string;
  readonly log: vscode.LogOutputChannel;
  readonly server: Server;
  readonly installation: Installation;
  readonly enablement: Enablement;
  readonly suggestions: Suggestions;
  readonly why: WhySuggestion;
  readonly keys: Keys;
}

export function registerCommands({ extensionId, log, server, installation, enablement, suggestions, why, keys }: Parts): vscode.Disposable {
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
    getModel: () => getModel(server),
    restartServer: () => server.restart(),
    installServer: () => installation.run(),
    setServerKey: () => keys.set(),
    showUsage: () => showUsage(server),
    showLog: () => {
      log.show();
    },
    openSettings: () => vscode.commands.executeCommand('workbench.action.openSettings', `@ext:${extensionId}`),
    openServerSettings: () => openMachineSettings('starcoder.server'),
    openWalkthrough: () => vscode.commands.executeCommand('workbench.action.openWalkthrough', `${extensionId}#start`, false),
    suggestHere: () => askByHand(server, enablement, suggestions),
    whySuggestion: () => why.show(),
    acceptNextWord: () => suggestions.acceptNext('Word'),
    acceptNextLine: () => suggestions.acceptNext('Line'),
    dismiss: () => suggestions.dismiss(),
  };
  return vscode.Disposable.from(...Object.entries(handlers).map(([name, handler]) => vscode.commands.registerCommand(`${section}.${name}`, handler)));
}
