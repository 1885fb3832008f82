/** docs/protocol.md in TypeScript: what the server says and hears beyond plain LSP. */

import { NotificationType } from 'vscode-languageclient/node';

export interface ServerStatus {
  readonly state: 'loading' | 'ready' | 'busy' | 'paused' | 'error';
  readonly model: string | null;
  readonly engine: string | null;
  readonly message: string | null;
  readonly progress: number | null;
  readonly latencyMs: number | null;
  readonly pausedUris: readonly string[];
}

export interface ServerModel {
  readonly name: string;
  readonly path: string | null;
  readonly bytes: number | null;
  readonly current: boolean;
}

export const statusNotification = new NotificationType<ServerStatus>('starcoder/status');
export const refreshNotification = new NotificationType<{ readonly uri: string }>('starcoder/refresh');

export const ServerCommand = {
  accept: 'starcoder.accept',
  acceptPartial: 'starcoder.acceptPartial',
  reject: 'starcoder.reject',
  show: 'starcoder.show',
  pause: 'starcoder.pause',
  resume: 'starcoder.resume',
  models: 'starcoder.models',
  switchModel: 'starcoder.switchModel',
} as const;
