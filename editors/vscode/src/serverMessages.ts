/** What the server wants its user to read. An error is about the model, and comes with the way to another one. */

import * as vscode from 'vscode';
import { MessageType, type ShowMessageParams } from 'vscode-languageclient/node';

export async function showServerMessage({ type, message }: ShowMessageParams): Promise<void> {
  if (type !== MessageType.Error) {
    await (type === MessageType.Warning ? vscode.window.showWarningMessage(message) : vscode.window.showInformationMessage(message));
    return;
  }
  const [selectModel, showLog] = ['Select Model', 'Show Log'];
  const choice = await vscode.window.showErrorMessage(message, selectModel, showLog);
  if (choice) {
    await vscode.commands.executeCommand(choice === selectModel ? 'starcoder.selectModel' : 'starcoder.showLog');
  }
}
