/** Ghost text: stands between VS Code and the server's answers, and reports what becomes of them. */

import * as vscode from 'vscode';
import type { Middleware } from 'vscode-languageclient/node';
import type { Enablement, Send } from './enablement';
import { ServerCommand } from './protocol';
import { SuggestionJournal, type Part, type Report } from './suggestionJournal';

/** Set while a suggestion of ours is on offer: Esc then dismisses it through us. */
const offeredContext = 'starcoder.suggestionOffered';
/** Set once a suggestion was accepted: the walkthrough's step is done. */
const acceptedContext = 'starcoder.suggestionAccepted';

/** How long a wish by hand waits for its answer before it is forgotten. */
const byHandMs = 30_000;

interface Request {
  readonly document: vscode.TextDocument;
  readonly version: number;
  readonly position: vscode.Position;
  readonly choosesFromList: boolean;
  readonly isExplicit: boolean;
}

export class Suggestions implements vscode.Disposable {
  readonly #journal = new SuggestionJournal();
  readonly #subscriptions: vscode.Disposable[];
  #last: Request | undefined;
  #refreshing = false;
  #accepting: Part | undefined;
  #offered = false;
  #answeredByHand: ((found: boolean) => void) | undefined;

  constructor(
    private readonly enablement: Enablement,
    private readonly send: Send,
  ) {
    this.#subscriptions = [
      vscode.workspace.onDidChangeTextDocument(event => {
        this.#edited(event);
      }),
      vscode.window.onDidChangeActiveTextEditor(() => {
        this.#journal.withdrawn();
        this.#updateContext();
      }),
    ];
  }

  readonly middleware: Pick<Middleware, 'provideInlineCompletionItems'> = {
    provideInlineCompletionItems: async (document, position, context, token, next) => {
      const refreshed = this.#refreshing;
      this.#refreshing = false;
      if (this.enablement.obstacle(document)) {
        return null;
      }
      const request = {
        document,
        version: document.version,
        position,
        choosesFromList: context.selectedCompletionInfo !== undefined,
        isExplicit: context.triggerKind === vscode.InlineCompletionTriggerKind.Invoke,
      };
      const asked = refreshed ? { ...context, triggerKind: vscode.InlineCompletionTriggerKind.Automatic } : context;
      const answer = await next(document, position, asked, token);
      if (!token.isCancellationRequested) {
        this.#answered(request, Array.isArray(answer) ? answer[0] : answer?.items[0]);
      }
      return answer;
    },
  };

  /** `starcoder/refresh`: asks again where the last answer was given, if nothing has moved since. */
  async refresh(uri: string): Promise<void> {
    const request = this.#last;
    const isSame = request?.document.uri.toString() === vscode.Uri.parse(uri).toString() && this.#isStillThere(request);
    if (!isSame || request.choosesFromList) {
      return;
    }
    // VS Code asks again at the same place only on an explicit wish, and after an explicit one only if nothing is shown
    if (request.isExplicit) {
      await vscode.commands.executeCommand('editor.action.inlineSuggest.hide');
    }
    this.#refreshing = true;
    await vscode.commands.executeCommand('editor.action.inlineSuggest.trigger');
    this.#refreshing = false;
  }

  /** Asks at the cursor as by hand; resolves once the server has answered, or VS Code has not asked it. */
  async askByHand(): Promise<'something' | 'nothing' | 'not asked'> {
    const answer = new Promise<boolean>(resolve => {
      this.#answeredByHand = resolve;
    });
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<undefined>(resolve => {
      timer = setTimeout(() => {
        resolve(undefined);
      }, byHandMs);
    });
    await vscode.commands.executeCommand('editor.action.inlineSuggest.trigger');
    const found = await Promise.race([answer, tooLate]);
    clearTimeout(timer);
    this.#answeredByHand = undefined;
    return found === undefined ? 'not asked' : found ? 'something' : 'nothing';
  }

  /** Accepts a word or a line by VS Code's own command, knowing that the edit is an acceptance. */
  async acceptNext(part: 'Word' | 'Line'): Promise<void> {
    this.#accepting = part === 'Word' ? 'word' : 'line';
    try {
      await vscode.commands.executeCommand(`editor.action.inlineSuggest.acceptNext${part}`);
    } finally {
      this.#accepting = undefined;
    }
  }

  /** The user pressed Esc on a suggestion. */
  async dismiss(): Promise<void> {
    await vscode.commands.executeCommand('editor.action.inlineSuggest.hide');
    this.#report(this.#journal.dismissed());
    this.#updateContext();
  }

  /** The item's command ran: the suggestion was accepted whole. */
  accepted(): void {
    this.#journal.withdrawn();
    this.#updateContext();
    void vscode.commands.executeCommand('setContext', acceptedContext, true);
  }

  dispose(): void {
    vscode.Disposable.from(...this.#subscriptions).dispose();
  }

  #answered(request: Request, item: vscode.InlineCompletionItem | undefined): void {
    this.#last = request;
    const id: unknown = item?.command?.arguments?.[0];
    if (!item || typeof id !== 'string') {
      this.#journal.withdrawn();
      this.#updateContext();
      this.#toldByHand(request, false);
      return;
    }
    this.#toldByHand(request, true);
    const { document, position } = request;
    const start = item.range?.start ?? position;
    const before = document.getText(new vscode.Range(start, position)).replaceAll('\r\n', '\n');
    const text = typeof item.insertText === 'string' ? item.insertText : item.insertText.value;
    this.#journal.offered({ id, uri: document.uri.toString(), text, start, present: before.length });
    this.#updateContext();
    // the editor draws after this turn; what it then still has a place for counts as shown
    setTimeout(() => {
      if (this.#isStillThere(request)) {
        this.#report(this.#journal.shown(id));
      }
    }, 0);
  }

  #toldByHand({ isExplicit }: Request, found: boolean): void {
    if (isExplicit) {
      this.#answeredByHand?.(found);
    }
  }

  #isStillThere({ document, version, position }: Request): boolean {
    const editor = vscode.window.activeTextEditor;
    return editor?.document === document && document.version === version && editor.selection.isEmpty && editor.selection.active.isEqual(position);
  }

  #edited({ document, contentChanges }: vscode.TextDocumentChangeEvent): void {
    const uri = document.uri.toString();
    const [change] = contentChanges;
    if (!change || this.#journal.current?.uri !== uri) {
      return; // only the dirty mark changed, or another document
    }
    if (contentChanges.length > 1) {
      this.#journal.withdrawn(); // several cursors
    } else {
      this.#report(this.#journal.edited({
        uri,
        start: change.range.start,
        inserted: change.text,
        removed: change.rangeLength,
        accepted: this.#accepting,
        textSince: from => document.getText(new vscode.Range(new vscode.Position(from.line, from.character), document.positionAt(change.rangeOffset + change.text.length))),
      }));
    }
    this.#updateContext();
  }

  #report(report: Report | undefined): void {
    if (report?.kind === 'acceptPartial') {
      void this.send(ServerCommand.acceptPartial, report.id, report.length, ...(report.part ? [report.part] : []));
    } else if (report) {
      void this.send(ServerCommand[report.kind], report.id);
    }
  }

  #updateContext(): void {
    const offered = this.#journal.current !== undefined;
    if (offered !== this.#offered) {
      this.#offered = offered;
      void vscode.commands.executeCommand('setContext', offeredContext, offered);
    }
  }
}
