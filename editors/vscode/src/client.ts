/** One language client for one run of the server: made, started, and thrown away. */

import * as vscode from 'vscode';
import { CloseAction, ErrorAction, LanguageClient, RevealOutputChannelOn, ShowMessageNotification, State, type LanguageClientOptions, type Middleware } from 'vscode-languageclient/node';
import { section, serverOptions, startOptions } from './config';
import { refreshNotification, statusNotification, type ServerStatus } from './protocol';
import type { ServerExecutable } from './serverLocator';
import type { ServerLog } from './serverLog';
import { showServerMessage } from './serverMessages';

export interface ClientHandlers {
  readonly log: vscode.LogOutputChannel;
  readonly serverLog: ServerLog;
  /** keys of servers, by their names */
  readonly secrets: Record<string, string>;
  readonly middleware: Middleware;
  readonly onStatus: (status: ServerStatus) => void;
  readonly onRefresh: (uri: string) => void;
  /** the server stopped by itself, after it had started */
  readonly onCrash: () => void;
}

/** Files of this machine and files without a name yet; what lives elsewhere is not ours to read. */
const documentSelector = [{ scheme: 'file' }, { scheme: 'untitled' }];

/** Trouble is explained by server.ts, once and with a way on; the library's own messages go to the log. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

export function createClient(server: ServerExecutable, handlers: ClientHandlers): LanguageClient {
  const { log, serverLog } = handlers;
  const options: LanguageClientOptions = {
    documentSelector,
    outputChannel: log,
    traceOutputChannel: log,
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    initializationOptions: () => ({ ...startOptions(), secrets: handlers.secrets }),
    stdioOptions: {
      stdout: () => undefined, // belongs to the protocol
      stderr: stream => {
        serverLog.read(stream);
      },
    },
    middleware: {
      ...handlers.middleware,
      workspace: {
        configuration: (params, token, next) => params.items.every(item => item.section === section) ? params.items.map(serverOptions) : next(params, token),
        didChangeConfiguration: () => Promise.resolve(), // sent below, with the options in the protocol's own form
      },
    },
    // a restart is decided in one place, with its limit: not here
    errorHandler: {
      error: (_error, _message, count) => ({ action: (count ?? 0) <= 3 ? ErrorAction.Continue : ErrorAction.Shutdown, handled: true }),
      closed: () => ({ action: CloseAction.DoNotRestart, handled: true, message: 'The server closed its connection.' }),
    },
    initializationFailedHandler: error => {
      log.error('The server refused to start', error instanceof Error ? error : String(error));
      return false;
    },
  };

  const client = new QuietClient(section, 'StarCoder', { command: server.command, args: ['--stdio'] }, options);
  client.onNotification(statusNotification, handlers.onStatus);
  client.onNotification(refreshNotification, ({ uri }) => {
    handlers.onRefresh(uri);
  });
  client.onNotification(ShowMessageNotification.type, showServerMessage);
  client.onDidChangeState(({ oldState, newState }) => {
    if (oldState === State.Running && newState === State.Stopped && !stopping.has(client)) {
      handlers.onCrash();
    }
  });
  return client;
}

export async function sendOptions(client: LanguageClient): Promise<void> {
  await client.sendNotification('workspace/didChangeConfiguration', { settings: { [section]: serverOptions() } });
}

const stopping = new WeakSet<LanguageClient>();

/** Ends the server politely, and by force if it does not listen. */
export async function stopClient(client: LanguageClient): Promise<void> {
  stopping.add(client);
  if (client.state !== State.StartFailed) {
    await client.dispose(3000);
  }
}
