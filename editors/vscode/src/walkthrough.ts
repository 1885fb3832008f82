/** The walkthrough's first step is done once the server runs, also where it ran before the page was opened. */

import * as vscode from 'vscode';
import type { Server } from './server';

/**
 * VS Code ticks a step when its context turns true, and takes no notice of one that was true when it made the page. So this one
 * turns true only while a page is open that is no editor, as the walkthrough is.
 */
const context = 'starcoder.serverReadyInWalkthrough';

export function tickFirstStep(server: Server): vscode.Disposable {
  let told = false;
  const update = (): void => {
    const isPageOpen = vscode.window.tabGroups.all.some(group => group.activeTab !== undefined && group.activeTab.input === undefined);
    const ready = isPageOpen && server.phase.kind === 'running';
    if (ready !== told) {
      told = ready;
      void vscode.commands.executeCommand('setContext', context, ready);
    }
  };
  return vscode.Disposable.from(vscode.window.tabGroups.onDidChangeTabs(update), server.onDidChangePhase(update));
}
