/** What people call a language: its first alias in the extension that contributes it. */

import * as vscode from 'vscode';

interface Contribution {
  readonly id: string;
  readonly aliases?: readonly string[];
}

export function languageName(id: string): string {
  for (const { packageJSON } of vscode.extensions.all) {
    const { contributes } = packageJSON as { readonly contributes?: { readonly languages?: readonly Contribution[] } };
    const name = contributes?.languages?.find(language => language.id === id)?.aliases?.[0];
    if (name !== undefined) {
      return name;
    }
  }
  return id;
}
