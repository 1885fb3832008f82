/** Keys of servers: kept by VS Code's secret storage; the setting `engines` holds only their names. */

import * as vscode from 'vscode';
import { section } from './config';

const prefix = 'server-key:';

/** The names that engines ask for with `"key": {"secret": NAME}`. */
function names(): string[] {
  const engines = vscode.workspace.getConfiguration(section).get<unknown>('engines');
  const found = (Array.isArray(engines) ? engines : []).map((engine: { key?: { secret?: unknown } } | null) => engine?.key?.secret);
  return [...new Set(found.filter(name => typeof name === 'string'))];
}

export class Keys {
  readonly onDidChange: vscode.Event<unknown>;

  constructor(private readonly storage: vscode.SecretStorage) {
    this.onDidChange = storage.onDidChange;
  }

  /** The keys that the server needs now, by their names; one that was never given is left out. */
  async needed(): Promise<Record<string, string>> {
    const pairs = await Promise.all(names().map(async name => [name, await this.storage.get(prefix + name)] as const));
    return Object.fromEntries(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined));
  }

  /** Asks for a key, and keeps it; an empty one forgets it. */
  async set(): Promise<void> {
    const asked = names();
    if (asked.length === 0) {
      const open = 'Open Settings';
      const message = 'StarCoder: no server in the setting "engines" asks for a key by name, as {"url": …, "key": {"secret": "NAME"}} does.';
      if (await vscode.window.showInformationMessage(message, open) === open) {
        await vscode.commands.executeCommand('workbench.action.openSettings', `${section}.engines`);
      }
      return;
    }
    const name = asked.length === 1 ? asked[0] : await vscode.window.showQuickPick(asked, { title: 'Whose key?' });
    if (name === undefined) {
      return;
    }
    const key = await vscode.window.showInputBox({
      title: `Key "${name}"`,
      prompt: 'Kept in VS Code\'s secret storage, sent only to the servers that ask for it; empty: forget it',
      password: true,
      ignoreFocusOut: true,
    });
    if (key === '') {
      await this.storage.delete(prefix + name);
    } else if (key !== undefined) {
      await this.storage.store(prefix + name, key);
    }
  }
}
