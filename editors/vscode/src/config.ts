/** The settings: those of the extension itself, and those that it passes on to the server. */

import * as vscode from 'vscode';

export const section = 'starcoder';

/** The options of docs/protocol.md that are settings; `refresh` is a fact about this client, not a choice. */
const serverOptionNames = [
  'model', 'engine', 'enabled', 'languages', 'contextSize', 'gpuLayers', 'threads', 'flashAttention', 'cacheType', 'lora', 'layout',
  'chatMarkup', 'shared', 'multiline', 'maxTokens', 'confidence', 'debounceMin', 'debounceMax', 'prefillWhileTyping', 'plainCompletion', 'usage.enabled', 'logLevel',
  'context.enabled', 'context.budget', 'context.exclude', 'context.maxFiles',
] as const;

/** Where code goes, also onto the disk: the server takes these only as it starts. Changing one starts it anew. */
export const startOptionNames = ['engines', 'cache.disk', 'cache.folder'] as const;

export const serverOptions = (): Record<string, unknown> => ({ refresh: true, ...given(serverOptionNames) });

export const startOptions = (): Record<string, unknown> => ({ ...serverOptions(), ...given(startOptionNames) });

function given(names: readonly string[]): Record<string, unknown> {
  const settings = vscode.workspace.getConfiguration(section);
  const options: Record<string, unknown> = {};
  for (const name of names) {
    const value = settings.get<unknown>(name);
    if (value !== undefined && value !== null) {
      options[name] = value;
    }
  }
  return options;
}

export interface ServerSettings {
  readonly path: string;
  readonly python: string;
  /** what pip installs; empty: the wheel that came with the extension */
  readonly installSpec: string;
}

export function serverSettings(): ServerSettings {
  const settings = vscode.workspace.getConfiguration(`${section}.server`);
  return {
    path: settings.get('path', '').trim(),
    python: settings.get('python', '').trim(),
    installSpec: settings.get('installSpec', '').trim(),
  };
}

export function isEnabledFor(languageId: string): boolean {
  const settings = vscode.workspace.getConfiguration(section);
  const languages = settings.get<Record<string, boolean>>('languages', {});
  return settings.get<boolean>('enabled', true) && (languages[languageId] ?? languages['*'] ?? true);
}

export async function setEnabledFor(languageId: string, enabled: boolean): Promise<void> {
  const settings = vscode.workspace.getConfiguration(section);
  const languages = settings.inspect<Record<string, boolean>>('languages')?.globalValue;
  await settings.update('languages', { ...languages, [languageId]: enabled }, vscode.ConfigurationTarget.Global);
}

export async function setModel(nameOrPath: string): Promise<void> {
  await vscode.workspace.getConfiguration(section).update('model', nameOrPath, vscode.ConfigurationTarget.Global);
}

/** VS Code's own switch for ghost text: when it is off, nothing of ours can be seen. */
export function inlineSuggestionsAreOn(document?: vscode.TextDocument): boolean {
  return vscode.workspace.getConfiguration('editor', document).get('inlineSuggest.enabled', true);
}
