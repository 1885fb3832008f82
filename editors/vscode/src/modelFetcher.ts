/** Lets the user have a model fetched: pick, read its licence, watch, cancel, use. Nothing is fetched without a yes. */

import * as vscode from 'vscode';
import { LSPErrorCodes, ResponseError } from 'vscode-languageclient/node';
import { setModel } from './config';
import { ServerCommand, type FetchResult, type KnownModel, type ModelLicence, type Recommendation } from './protocol';
import type { Server } from './server';
import { size } from './sizes';

interface Entry extends vscode.QuickPickItem {
  readonly source?: string;
  readonly action?: 'recommend' | 'address';
}

export async function getModel(server: Server): Promise<void> {
  if (server.phase.kind !== 'running') {
    void vscode.window.showInformationMessage('The StarCoder server is not running, so it cannot fetch a model.');
    return;
  }
  const entries = server.request(ServerCommand.catalogue).then(answer => [
    { label: '$(lightbulb) What can this machine run well?', description: 'measures for a few seconds', action: 'recommend' as const },
    { label: '', kind: vscode.QuickPickItemKind.Separator },
    ...(answer as readonly KnownModel[]).map(entry),
    { label: '', kind: vscode.QuickPickItemKind.Separator },
    { label: '$(link) From an address…', description: 'hf:OWNER/REPOSITORY/FILE.gguf, or a URL', action: 'address' as const },
  ]);
  const choice = await vscode.window.showQuickPick<Entry>(entries, { title: 'StarCoder: get a model', matchOnDescription: true, matchOnDetail: true });
  try {
    const source = choice?.action === 'recommend' ? await recommended(server) : choice?.action === 'address' ? await address() : choice?.source;
    if (source) {
      await fetchModel(server, source);
    }
  } catch (error) {
    if (!(error instanceof ResponseError && error.code === LSPErrorCodes.RequestCancelled)) {
      void vscode.window.showErrorMessage(error instanceof Error ? error.message : String(error));
    }
  }
}

function entry({ name, title, bytes, memory, fetched, licence, warning }: KnownModel): Entry {
  return {
    label: `${fetched ? '$(check) ' : '$(cloud-download) '}${title}`,
    description: fetched ? 'here already' : `${size(bytes)} to fetch, ${size(memory)} of memory`,
    detail: [licence.name, warning].filter(Boolean).join('. '),
    source: name,
  };
}

async function recommended(server: Server): Promise<string | undefined> {
  const said = (await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: 'StarCoder looks what this machine can run' },
    () => server.request(ServerCommand.recommend),
  )) as Recommendation;
  const fetch = 'Get It';
  const choice = await vscode.window.showInformationMessage(said.sentence, ...(said.model === null ? [] : [fetch]));
  return choice === fetch ? (said.model ?? undefined) : undefined;
}

function address(): Thenable<string | undefined> {
  return vscode.window.showInputBox({ title: 'StarCoder: get a model', prompt: 'A GGUF file: hf:OWNER/REPOSITORY/FILE.gguf, or a URL', ignoreFocusOut: true });
}

async function fetchModel(server: Server, source: string): Promise<void> {
  let result = await pull(server, source, false);
  if ('licence' in result) {
    if (!(await accepts(result.licence, result.source, result.bytes))) {
      return;
    }
    result = await pull(server, source, true);
  }
  if ('name' in result && result.loaded) {
    await setModel(result.name);
  }
}

/** Shows how far it is, with a button that cancels. */
function pull(server: Server, source: string, acceptLicence: boolean): Thenable<FetchResult> {
  return vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, cancellable: true, title: 'StarCoder' }, async (progress, cancel) => {
    let shown = 0;
    const report = (message: string, percent?: number): void => {
      progress.report({ message, ...(percent !== undefined && { increment: percent - shown }) });
      shown = percent ?? shown;
    };
    return (await server.requestWithProgress(ServerCommand.pullModel, [source, { switch: true, acceptLicence }], report, cancel)) as FetchResult;
  });
}

async function accepts(licence: ModelLicence, source: string, bytes: number | null): Promise<boolean> {
  const [accept, read] = ['Accept and Get', 'Read the Licence'];
  const detail = `${licence.conditions}\n\n${licence.url}\n\n${source}${bytes === null ? '' : `, ${size(bytes)}`}`;
  for (;;) {
    const choice = await vscode.window.showWarningMessage(`This model is under ${licence.name}.`, { modal: true, detail }, accept, read);
    if (choice !== read) {
      return choice === accept;
    }
    await vscode.env.openExternal(vscode.Uri.parse(licence.url));
  }
}
