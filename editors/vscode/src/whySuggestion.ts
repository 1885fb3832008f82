/** "Why This Suggestion?": what the server read for it, in a read-only document beside the code. */

import * as vscode from 'vscode';
import { contextPage, type SuggestionContext } from './contextText';
import { ServerCommand } from './protocol';
import type { Server } from './server';

const page = vscode.Uri.parse('starcoder:Why%20This%20Suggestion.md');

export class WhySuggestion implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly #registration: vscode.Disposable;
  #text = '';

  constructor(private readonly server: Server) {
    this.#registration = vscode.workspace.registerTextDocumentContentProvider(page.scheme, {
      onDidChange: this.#changed.event,
      provideTextDocumentContent: () => this.#text,
    });
  }

  async show(): Promise<void> {
    if (this.server.phase.kind !== 'running') {
      void vscode.window.showInformationMessage('The StarCoder server is not running, so it cannot be asked.');
      return;
    }
    try {
      const answer = (await this.server.request(ServerCommand.context)) as SuggestionContext;
      this.#text = contextPage(answer);
    } catch (error) {
      void vscode.window.showErrorMessage(error instanceof Error ? error.message : String(error));
      return;
    }
    this.#changed.fire(page);
    const document = await vscode.workspace.openTextDocument(page);
    await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preview: true, preserveFocus: true });
  }

  dispose(): void {
    this.#registration.dispose();
    this.#changed.dispose();
  }
}
