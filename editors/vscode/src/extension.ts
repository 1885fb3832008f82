/** Wires the parts together; everything else happens in them. */

import * as vscode from 'vscode';
import type { Middleware } from 'vscode-languageclient/node';
import { registerCommands } from './commands';
import { section, startOptionNames } from './config';
import { Enablement } from './enablement';
import { Installation } from './installation';
import { InstallOffer } from './installOffer';
import { Keys } from './keys';
import { OwnEnvironment } from './ownEnvironment';
import { ServerCommand } from './protocol';
import { onDidSelectInterpreter } from './pythonExtension';
import { Server } from './server';
import { ServerInstaller } from './serverInstaller';
import { createStatusItem } from './status';
import { Suggestions } from './suggestions';
import { tickFirstStep } from './walkthrough';
import { WhySuggestion } from './whySuggestion';

let server: Server | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('StarCoder', { log: true });
  const own = new OwnEnvironment(context.globalStorageUri.fsPath);
  const keys = new Keys(context.secrets);
  const started = new Server(own, keys, log, (): Middleware => ({
    ...suggestions.middleware,
    executeCommand: (command, args, next) => {
      if (command === ServerCommand.accept) {
        suggestions.accepted();
      }
      return next(command, args) as unknown;
    },
  }));
  server = started;
  const enablement = new Enablement(started.send);
  const suggestions = new Suggestions(enablement, started.send);
  const installation = new Installation(started, new ServerInstaller(own, context.extensionPath, log));

  const why = new WhySuggestion(started);

  const offer = new InstallOffer(started);
  context.subscriptions.push(
    log,
    suggestions,
    why,
    createStatusItem(started, enablement, installation),
    tickFirstStep(started),
    registerCommands({ extensionId: context.extension.id, log, server: started, installation, enablement, suggestions, why, keys }),
    keys.onDidChange(() => started.restart()),
    started.onDidStart(() => enablement.tellNewServer()),
    started.onRefresh(uri => suggestions.refresh(uri)),
    started.onDidChangePhase(({ kind }) => {
      void vscode.commands.executeCommand('setContext', 'starcoder.serverReady', kind === 'running');
      if (kind === 'missing') {
        void offer.make();
      }
    }),
    vscode.workspace.onDidChangeConfiguration(event => {
      if (['server.path', ...startOptionNames].some(name => event.affectsConfiguration(`${section}.${name}`))) {
        void started.restart();
      } else if (event.affectsConfiguration(section)) {
        started.sendOptions();
      }
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => started.restart()),
  );
  // another interpreter may hold another server; only a search that had not ended at the setting depends on it
  void onDidSelectInterpreter(() => {
    if (started.phase.kind === 'missing') {
      void started.restart();
    }
  }).then(subscription => subscription && context.subscriptions.push(subscription));

  void started.restart();
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}
