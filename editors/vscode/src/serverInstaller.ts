/** Makes the extension's own Python environment and installs the server into it. */

import * as path from 'node:path';
import * as vscode from 'vscode';
import { bundledWheel } from './bundledWheel';
import { serverSettings } from './config';
import type { OwnEnvironment } from './ownEnvironment';
import { explain, progressOf } from './pip';
import { run } from './processes';
import { findPython, oldestPython, type Python } from './python';

/** A failure with a sentence for the user; the details are in the log. */
class InstallError extends Error {}

/** A program and the arguments that always come first. */
type Program = Python;

type Report = (message: string) => void;

export class ServerInstaller {
  #running: Promise<boolean> | undefined;

  constructor(
    private readonly own: OwnEnvironment,
    private readonly extension: string,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  /** True: the server is installed. False: the user stopped it, or was told why it failed. */
  install(): Promise<boolean> {
    this.#running ??= this.#installWithProgress().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #installWithProgress(): Promise<boolean> {
    const aborter = new AbortController();
    try {
      await vscode.window.withProgress(
        { location: vscode.ProgressLocation.Notification, title: 'Installing the StarCoder server', cancellable: true },
        async (progress, token) => {
          token.onCancellationRequested(() => {
            aborter.abort();
          });
          await this.#install(aborter.signal, message => {
            progress.report({ message });
          });
        },
      );
      return true;
    } catch (error) {
      await this.tidy();
      if (aborter.signal.aborted) {
        this.log.info('Installation stopped by the user');
        return false;
      }
      this.log.error('Installation failed', error instanceof Error ? error : String(error));
      void this.#tell(error instanceof InstallError ? error.message : `The StarCoder server could not be installed: ${String(error)}`);
      return false;
    }
  }

  /** Removes what failed installations and older servers left behind. */
  async tidy(): Promise<void> {
    try {
      await this.own.tidy();
    } catch (error) {
      this.log.warn(`An older installation could not be removed: ${String(error)}`);
    }
  }

  async #install(signal: AbortSignal, report: Report): Promise<void> {
    report('looking for Python');
    const python = await findPython(signal);
    if (!python) {
      const { python: configured } = serverSettings();
      throw new InstallError(
        configured
          ? `${configured} (setting starcoder.server.python) is not a Python ${oldestPython} or newer.`
          : `StarCoder needs Python ${oldestPython} or newer, and found none. Install it, or name one in starcoder.server.python.`,
      );
    }
    report('making an environment');
    const environment = await this.own.fresh();
    await this.#step('The environment could not be made.', python, ['-m', 'venv', environment.folder], signal);

    const spec = serverSettings().installSpec || (await bundledWheel(this.extension));
    const pip = ['-m', 'pip', 'install', '--no-input', '--disable-pip-version-check', '--progress-bar', 'off', spec];
    const own: Program = { command: environment.python, args: [] };
    await this.#step(`${path.basename(spec)} could not be installed.`, own, pip, signal, line => {
      const message = progressOf(line);
      if (message) {
        report(message);
      }
    });

    report('trying it');
    await this.#step('The server was installed, but does not start.', { command: environment.server, args: [] }, ['--version'], signal);
    await this.own.adopt(environment);
  }

  async #step(failure: string, { command, args }: Program, more: readonly string[], signal: AbortSignal, onLine?: (line: string) => void): Promise<void> {
    this.log.info(`Running ${[command, ...args, ...more].join(' ')}`);
    const { exitCode, output } = await run(command, [...args, ...more], {
      signal,
      onLine: line => {
        this.log.info(line);
        onLine?.(line);
      },
    });
    if (exitCode !== 0) {
      throw new InstallError(`${failure} ${explain(output)}`);
    }
  }

  async #tell(message: string): Promise<void> {
    const [again, showLog, settings] = ['Try Again', 'Show Log', 'Open Settings'];
    const choice = await vscode.window.showErrorMessage(message, again, showLog, settings);
    if (choice === again) {
      await vscode.commands.executeCommand('starcoder.installServer');
    } else if (choice === showLog) {
      this.log.show();
    } else if (choice === settings) {
      await vscode.commands.executeCommand('starcoder.openServerSettings');
    }
  }
}
