/** Wires the parts together; everything else happens in them. */

import * as vscode from 'vscode';
import type { Middleware } from 'vscode-languageclient/node';
import { registerCommands } from './commands';
import { section } from './config';
import { Enablement } from './enablement';
import { offerInstallation } from './installOffer';
import { OwnEnvironment } from './ownEnvironment';
import { ServerCommand } from './protocol';
import { onDidSelectInterpreter } from './pythonExtension';
import { Server } from './server';
import { ServerInstaller } from './serverInstaller';
import { createStatusItem } from './status';
import { Suggestions } from './suggestions';

let server: Server | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('StarCoder', { log: true });
  const own = new OwnEnvironment(context.globalStorageUri.fsPath);
  const started = new Server(own, log, (): Middleware => ({
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
  const installer = new ServerInstaller(own, log);

  let offered = false;
  context.subscriptions.push(
    log,
    suggestions,
    createStatusItem(started, enablement),
    registerCommands({ extensionId: context.extension.id, log, server: started, installer, enablement, suggestions }),
    started.onDidStart(() => enablement.tellNewServer()),
    started.onRefresh(uri => suggestions.refresh(uri)),
    started.onDidChangePhase(({ kind }) => {
      void vscode.commands.executeCommand('setContext', 'starcoder.serverReady', kind === 'running');
      if (kind === 'missing' && !offered) {
        offered = true; // once a session; the status bar goes on saying it
        void offerInstallation();
      }
    }),
    vscode.workspace.onDidChangeConfiguration(event => {
      if (event.affectsConfiguration(`${section}.server.path`)) {
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
