/** The interpreter selected for the workspace: asks the Python extension where it is installed, else reads the plain signs. */

import * as path from 'node:path';
import * as vscode from 'vscode';
import { executableName, expandHome, isExecutable, scriptsFolder } from './files';

/** The part used here of the Python extension's public API. */
interface PythonApi {
  readonly environments: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { readonly path: string };
    resolveEnvironment(environment: { readonly path: string }): Promise<{ readonly executable: { readonly uri?: vscode.Uri } } | undefined>;
    readonly onDidChangeActiveEnvironmentPath: vscode.Event<unknown>;
  };
}

const patienceMs = 10_000;

async function pythonApi(): Promise<PythonApi | undefined> {
  const extension = vscode.extensions.getExtension<PythonApi>('ms-python.python');
  if (!extension) {
    return undefined;
  }
  // it may take its time to start; StarCoder does not wait for ever
  const tooLate = new Promise<undefined>(resolve => setTimeout(resolve, patienceMs, undefined));
  return Promise.race([Promise.resolve(extension.activate()), tooLate]);
}

/** The workspace's interpreters, the likeliest first. Only a trusted workspace may name a program to run. */
export async function selectedInterpreters(): Promise<string[]> {
  if (!vscode.workspace.isTrusted) {
    return [];
  }
  const folders = (vscode.workspace.workspaceFolders ?? []).filter(folder => folder.uri.scheme === 'file');
  const candidates: string[] = [];

  const api = await pythonApi();
  if (api) {
    const selected = api.environments.getActiveEnvironmentPath(folders[0]?.uri);
    const resolved = await api.environments.resolveEnvironment(selected);
    candidates.push(resolved?.executable.uri?.fsPath ?? selected.path);
  }
  const configured = vscode.workspace.getConfiguration('python').get<string>('defaultInterpreterPath', '');
  for (const folder of folders) {
    candidates.push(expandHome(configured.replaceAll('${workspaceFolder}', folder.uri.fsPath)));
    for (const name of ['.venv', 'venv']) {
      candidates.push(path.join(scriptsFolder(path.join(folder.uri.fsPath, name)), executableName('python')));
    }
  }

  const absolute = [...new Set(candidates.filter(file => path.isAbsolute(file)))];
  const exist = await Promise.all(absolute.map(isExecutable));
  return absolute.filter((_, index) => exist[index]);
}

export async function onDidSelectInterpreter(listener: () => void): Promise<vscode.Disposable | undefined> {
  return (await pythonApi())?.environments.onDidChangeActiveEnvironmentPath(listener);
}
