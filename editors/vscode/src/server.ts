/** The server as the rest of the extension sees it: found, started, restarted, asked. */

import * as vscode from 'vscode';
import { ExecuteCommandRequest, WorkDoneProgress, type LanguageClient, type Middleware } from 'vscode-languageclient/node';
import { createClient, sendOptions, stopClient } from './client';
import type { Keys } from './keys';
import type { OwnEnvironment } from './ownEnvironment';
import type { ServerStatus } from './protocol';
import { Queue } from './queue';
import { RestartPolicy } from './restartPolicy';
import { locateServer, ServerPathError, type ServerExecutable } from './serverLocator';
import { ServerLog } from './serverLog';

export type Phase =
  | { readonly kind: 'starting' }
  | { readonly kind: 'running'; readonly status: ServerStatus | undefined; readonly executable: ServerExecutable }
  | { readonly kind: 'missing' }
  | { readonly kind: 'failed'; readonly message: string };

const patienceMs = 60_000;

/** A server that says nothing at all is ended: else nobody would ever hear of it. */
async function startInTime(client: LanguageClient): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      client.serverProcess?.kill();
      reject(new Error(`It did not answer within ${patienceMs / 1000} seconds.`));
    }, patienceMs);
  });
  try {
    await Promise.race([client.start(), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

export class Server {
  readonly #phaseChanged = new vscode.EventEmitter<Phase>();
  readonly onDidChangePhase = this.#phaseChanged.event;
  readonly #started = new vscode.EventEmitter<void>();
  readonly onDidStart = this.#started.event;
  readonly #refreshed = new vscode.EventEmitter<string>();
  readonly onRefresh = this.#refreshed.event;

  readonly #queue = new Queue(() => this.#restart());
  readonly #policy = new RestartPolicy();
  readonly #serverLog: ServerLog;
  #client: LanguageClient | undefined;
  #phase: Phase = { kind: 'starting' };
  #stopped = false;
  #tokens = 0;

  constructor(
    private readonly own: OwnEnvironment,
    private readonly keys: Keys,
    private readonly log: vscode.LogOutputChannel,
    private readonly middleware: () => Middleware,
  ) {
    this.#serverLog = new ServerLog(log);
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Starts the server, or starts it anew. Requests that come while one is under way are served by one more start. */
  restart(): Promise<void> {
    this.#policy.forgive();
    return this.#queue.run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#queue.idle();
    await this.#end();
  }

  sendOptions(): void {
    if (this.#client?.isRunning()) {
      void sendOptions(this.#client);
    }
  }

  /** Runs a command of the protocol. Without a running server it does nothing; an error response is thrown. */
  async request(command: string, ...args: readonly unknown[]): Promise<unknown> {
    const client = this.#client;
    return client?.isRunning() ? client.sendRequest(ExecuteCommandRequest.type, { command, arguments: [...args] }) : undefined;
  }

  /** As `request`, for what takes long: `report` hears how far it is, and `cancel` ends it. */
  async requestWithProgress(command: string, args: readonly unknown[], report: (message: string, percent?: number) => void, cancel: vscode.CancellationToken): Promise<unknown> {
    const client = this.#client;
    if (!client?.isRunning()) {
      return undefined;
    }
    const workDoneToken = `starcoder-${++this.#tokens}`;
    const listener = client.onProgress(WorkDoneProgress.type, workDoneToken, value => {
      if (value.kind !== 'end' && value.message) {
        report(value.message, value.percentage);
      }
    });
    try {
      return await client.sendRequest(ExecuteCommandRequest.type, { command, arguments: [...args], workDoneToken }, cancel);
    } finally {
      listener.dispose();
    }
  }

  /** As `request`, for what nobody waits for: a failure goes to the log. */
  readonly send = async (command: string, ...args: readonly unknown[]): Promise<unknown> => {
    try {
      return await this.request(command, ...args);
    } catch (error) {
      this.log.warn(`${command} failed: ${String(error)}`);
      return undefined;
    }
  };

  async #restart(): Promise<void> {
    await this.#end();
    if (this.#stopped) {
      return;
    }
    this.#enter({ kind: 'starting' });
    try {
      await this.#start();
    } catch (error) {
      this.log.error('The server did not start', error instanceof Error ? error : String(error));
      this.#explain(error instanceof ServerPathError ? error.message : `The StarCoder server did not start. ${this.#serverLog.lastWords || (error instanceof Error ? error.message : String(error))}`);
    }
  }

  async #start(): Promise<void> {
    const executable = await locateServer(this.own);
    if (!executable) {
      this.log.info('No server was found: none in the settings, the Python environment or the PATH, and none was installed');
      this.#enter({ kind: 'missing' });
      return;
    }
    this.log.info(`Starting ${executable.command} (${executable.origin})`);
    this.#serverLog.forget();
    const client = createClient(executable, {
      log: this.log,
      serverLog: this.#serverLog,
      secrets: await this.keys.needed(),
      middleware: this.middleware(),
      onStatus: status => {
        if (this.#client === client) {
          this.#enter({ kind: 'running', status, executable });
        }
      },
      onRefresh: uri => {
        this.#refreshed.fire(uri);
      },
      onCrash: () => {
        this.#crashed();
      },
    });
    this.#client = client;
    await startInTime(client);
    if (this.#phase.kind === 'starting') {
      this.#enter({ kind: 'running', status: undefined, executable });
    }
    this.#started.fire();
  }

  #crashed(): void {
    if (this.#stopped) {
      return;
    }
    const { limit, minutes } = this.#policy;
    if (this.#policy.crashed()) {
      this.log.warn('The server stopped unexpectedly and is started again');
      void this.#queue.run();
      return;
    }
    this.#explain(`The StarCoder server stopped ${limit + 1} times within ${minutes} minutes and is not started again by itself. ${this.#serverLog.lastWords}`.trim());
  }

  /** Says what is wrong, with a way on: in a message, and for later in the status bar. */
  #explain(message: string): void {
    this.#enter({ kind: 'failed', message });
    const [restart, showLog, settings] = ['Restart', 'Show Log', 'Open Settings'];
    void vscode.window.showErrorMessage(message, restart, showLog, settings).then(choice => {
      const command = choice === restart ? 'starcoder.restartServer' : choice === showLog ? 'starcoder.showLog' : choice === settings ? 'starcoder.openServerSettings' : undefined;
      return command && vscode.commands.executeCommand(command);
    });
  }

  async #end(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (!client) {
      return;
    }
    try {
      await stopClient(client);
    } catch (error) {
      this.log.warn(`The server did not stop politely: ${String(error)}`);
    }
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#phaseChanged.fire(phase);
  }
}
