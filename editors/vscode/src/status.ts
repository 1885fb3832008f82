/** The item in the status bar. */

import * as vscode from 'vscode';
import { inlineSuggestionsAreOn } from './config';
import type { Enablement } from './enablement';
import type { Installation } from './installation';
import type { Server } from './server';
import { statusView } from './statusText';

const colours = { none: undefined, warning: 'statusBarItem.warningBackground', error: 'statusBarItem.errorBackground' } as const;

export function createStatusItem(server: Server, enablement: Enablement, installation: Installation): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('starcoder.status', vscode.StatusBarAlignment.Right, 100);
  item.name = 'StarCoder';

  const update = (): void => {
    const document = vscode.window.activeTextEditor?.document;
    const view = statusView({
      phase: server.phase,
      obstacle: document && enablement.obstacle(document),
      inlineSuggestionsAreOn: inlineSuggestionsAreOn(document),
      isInstalling: installation.isRunning,
    });
    const colour = colours[view.severity];
    item.text = view.text;
    item.tooltip = ['StarCoder', ...view.tooltip, ...(installation.isRunning || server.phase.kind === 'missing' ? [] : ['Click for the menu.'])].join('\n');
    item.accessibilityInformation = { label: ['StarCoder', ...view.tooltip].join(' ') };
    item.backgroundColor = colour && new vscode.ThemeColor(colour);
    item.command = installation.isRunning ? 'notifications.showList' : server.phase.kind === 'missing' ? 'starcoder.installServer' : 'starcoder.showMenu';
    item.show();
  };
  update();

  return vscode.Disposable.from(
    item,
    server.onDidChangePhase(update),
    enablement.onDidChange(update),
    installation.onDidChange(update),
    vscode.window.onDidChangeActiveTextEditor(update),
    vscode.workspace.onDidChangeConfiguration(update),
  );
}
