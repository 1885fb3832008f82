/** Alt+\\: asks for a suggestion at the cursor, shows also what the model is not sure of, and says why there is nothing. */

import * as vscode from 'vscode';
import { inlineSuggestionsAreOn } from './config';
import type { Enablement } from './enablement';
import { languageName } from './languageNames';
import type { Server } from './server';
import type { Suggestions } from './suggestions';

/** A way on: the words on the button, and the command behind it. */
type Remedy = readonly [string, string, ...unknown[]];

export async function askByHand(server: Server, enablement: Enablement, suggestions: Suggestions): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  const problem = document ? obstacle(server, enablement, document) : (['Open a file first.'] as const);
  if (problem) {
    const [message, remedy] = problem;
    const choice = await vscode.window.showInformationMessage(`StarCoder: ${message}`, ...(remedy ? [remedy[0]] : []));
    if (choice && remedy) {
      const [, command, ...args] = remedy;
      await vscode.commands.executeCommand(command, ...args);
    }
    return;
  }
  if ((await suggestions.askByHand()) === 'nothing') {
    vscode.window.setStatusBarMessage('StarCoder: nothing to suggest here', 4000);
  }
}

function obstacle(server: Server, enablement: Enablement, document: vscode.TextDocument): readonly [string, Remedy?] | undefined {
  const { phase } = server;
  if (phase.kind === 'missing') {
    return ['The server is not installed.', ['Install', 'starcoder.installServer']];
  }
  if (phase.kind !== 'running') {
    return phase.kind === 'failed' ? [phase.message, ['Restart', 'starcoder.restartServer']] : ['The server is starting.'];
  }
  if (phase.status?.state === 'error') {
    return [phase.status.message ?? 'No model is loaded.', ['Select Model', 'starcoder.selectModel']];
  }
  if (phase.status?.state === 'loading') {
    return [`The model ${phase.status.model ?? ''} is loading.`];
  }
  if (!inlineSuggestionsAreOn(document)) {
    return ["VS Code's inline suggestions are off.", ['Open Settings', 'workbench.action.openSettings', 'editor.inlineSuggest.enabled']];
  }
  switch (enablement.obstacle(document)) {
    case 'paused': return ['Suggestions are paused.', ['Resume', 'starcoder.togglePause']];
    case 'paused in this file': return ['Suggestions are paused in this file.', ['Resume', 'starcoder.togglePauseFile']];
    case 'off for this language': return [`Suggestions are off for ${languageName(document.languageId)}.`, ['Turn On', 'starcoder.toggleLanguage']];
    default: return undefined;
  }
}
