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
  /** suggestions of this session that were shown, and that were hidden because the model was not sure enough; an older server says neither */
  readonly shown?: number;
  readonly hidden?: number;
  /** why the newest request was answered with nothing */
  readonly reason?: 'unsure' | 'off' | 'empty' | 'secret' | null;
}

export interface ServerModel {
  readonly name: string;
  readonly path: string | null;
  readonly bytes: number | null;
  readonly current: boolean;
}

export interface ModelLicence {
  readonly name: string;
  readonly url: string;
  /** what it asks for, a sentence; empty: nothing but a notice */
  readonly conditions: string;
  readonly accepted: boolean;
}

export interface KnownModel {
  readonly name: string;
  readonly title: string;
  readonly bytes: number;
  readonly memory: number;
  readonly fetched: boolean;
  readonly licence: ModelLicence;
  readonly warning: string;
}

export interface Recommendation {
  readonly sentence: string;
  readonly model: string | null;
}

export type FetchResult =
  | { readonly name: string; readonly path: string; readonly loaded: boolean }
  | { readonly licence: ModelLicence; readonly source: string; readonly bytes: number | null };

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
  catalogue: 'starcoder.catalogue',
  recommend: 'starcoder.recommend',
  pullModel: 'starcoder.pullModel',
  usage: 'starcoder.usage',
  context: 'starcoder.context',
} as const;
