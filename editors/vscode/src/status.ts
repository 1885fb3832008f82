/** The item in the status bar. */

import * as vscode from 'vscode';
import { inlineSuggestionsAreOn } from './config';
import type { Enablement } from './enablement';
import type { Server } from './server';
import { statusView } from './statusText';

const colours = { none: undefined, warning: 'statusBarItem.warningBackground', error: 'statusBarItem.errorBackground' } as const;

export function createStatusItem(server: Server, enablement: Enablement): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('starcoder.status', vscode.StatusBarAlignment.Right, 100);
  item.name = 'StarCoder';

  const update = (): void => {
    const document = vscode.window.activeTextEditor?.document;
    const view = statusView({
      phase: server.phase,
      obstacle: document && enablement.obstacle(document),
      inlineSuggestionsAreOn: inlineSuggestionsAreOn(document),
    });
    const colour = colours[view.severity];
    item.text = view.text;
    item.tooltip = ['StarCoder', ...view.tooltip, 'Click for the menu.'].join('\n');
    item.accessibilityInformation = { label: ['StarCoder', ...view.tooltip].join(' ') };
    item.backgroundColor = colour && new vscode.ThemeColor(colour);
    item.command = server.phase.kind === 'missing' ? 'starcoder.installServer' : 'starcoder.showMenu';
    item.show();
  };
  update();

  return vscode.Disposable.from(
    item,
    server.onDidChangePhase(update),
    enablement.onDidChange(update),
    vscode.window.onDidChangeActiveTextEditor(update),
    vscode.workspace.onDidChangeConfiguration(update),
  );
}
