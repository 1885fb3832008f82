/** The menu behind the status bar item. */

import * as vscode from 'vscode';
import { inlineSuggestionsAreOn, isEnabledFor } from './config';
import type { Enablement } from './enablement';
import { languageName } from './languageNames';
import type { Server } from './server';

interface Entry extends vscode.QuickPickItem {
  readonly command?: string;
  readonly args?: readonly unknown[];
  /** it is for the editor, which must have the keyboard first */
  readonly inEditor?: boolean;
  /** it leaves something open that wants the keyboard */
  readonly opensMore?: boolean;
}

export async function showMenu(server: Server, enablement: Enablement): Promise<void> {
  const choice = await vscode.window.showQuickPick(entries(server, enablement), { title: 'StarCoder' });
  if (choice?.inEditor) {
    await vscode.commands.executeCommand('workbench.action.focusActiveEditorGroup');
  }
  if (choice?.command) {
    await vscode.commands.executeCommand(choice.command, ...(choice.args ?? []));
  }
  if (!choice?.opensMore && !choice?.inEditor) {
    await vscode.commands.executeCommand('workbench.action.focusActiveEditorGroup'); // a click had taken the keyboard to the status bar
  }
}

function entries(server: Server, enablement: Enablement): Entry[] {
  const { phase } = server;
  const document = vscode.window.activeTextEditor?.document;
  const list: Entry[] = [];

  if (!inlineSuggestionsAreOn(document)) {
    list.push({ label: "$(eye) Turn on VS Code's inline suggestions", command: 'workbench.action.openSettings', args: ['editor.inlineSuggest.enabled'], opensMore: true });
  }
  if (document && phase.kind === 'running') {
    list.push({ label: '$(sparkle) Suggest here', description: 'Alt+\\', command: 'starcoder.suggestHere', inEditor: true });
    list.push({ label: '$(question) Why this suggestion?', command: 'starcoder.whySuggestion' });
  }
  list.push(enablement.isPaused
    ? { label: '$(debug-continue) Resume everywhere', command: 'starcoder.togglePause' }
    : { label: '$(debug-pause) Pause everywhere', command: 'starcoder.togglePause' });
  if (document) {
    list.push(
      enablement.isPausedIn(document)
        ? { label: '$(file) Resume in this file', command: 'starcoder.togglePauseFile' }
        : { label: '$(file) Pause in this file', command: 'starcoder.togglePauseFile' },
      isEnabledFor(document.languageId)
        ? { label: `$(circle-slash) Turn off for ${languageName(document.languageId)}`, command: 'starcoder.toggleLanguage' }
        : { label: `$(circle-large) Turn on for ${languageName(document.languageId)}`, command: 'starcoder.toggleLanguage' },
    );
  }

  list.push({ label: '', kind: vscode.QuickPickItemKind.Separator });
  if (phase.kind === 'running') {
    list.push({ label: '$(library) Select model…', description: phase.status?.model ?? '', command: 'starcoder.selectModel' });
    list.push({ label: '$(cloud-download) Get a model…', command: 'starcoder.getModel', opensMore: true });
    list.push({ label: '$(debug-restart) Restart server', description: phase.executable.origin, command: 'starcoder.restartServer' });
    list.push({ label: '$(graph) What suggestions were worth', command: 'starcoder.showUsage' });
  } else {
    list.push({ label: '$(debug-restart) Start server', command: 'starcoder.restartServer' });
    list.push({ label: '$(cloud-download) Install server…', command: 'starcoder.installServer', opensMore: true });
  }

  list.push(
    { label: '', kind: vscode.QuickPickItemKind.Separator },
    { label: '$(output) Show log', command: 'starcoder.showLog', opensMore: true },
    { label: '$(gear) Open settings', command: 'starcoder.openSettings', opensMore: true },
    { label: '$(book) Get started', command: 'starcoder.openWalkthrough', opensMore: true },
  );
  return list;
}
