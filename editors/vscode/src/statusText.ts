/** What the status bar says. Plain values in, plain values out. */

import type { Obstacle } from './enablement';
import type { ServerStatus } from './protocol';
import type { Phase } from './server';

export interface StatusView {
  readonly text: string;
  readonly tooltip: readonly string[];
  readonly severity: 'none' | 'warning' | 'error';
}

export interface Situation {
  readonly phase: Phase;
  readonly obstacle: Obstacle | undefined;
  readonly inlineSuggestionsAreOn: boolean;
  /** an installation is under way */
  readonly isInstalling?: boolean;
}

const name = 'StarCoder';
const calm = (text: string, ...tooltip: readonly string[]): StatusView => ({ text, tooltip, severity: 'none' });

export function statusView({ phase, obstacle, inlineSuggestionsAreOn, isInstalling }: Situation): StatusView {
  if (isInstalling) {
    return calm(`$(loading~spin) ${name}: installing`, 'The server is being installed; the notifications show each step.');
  }
  switch (phase.kind) {
    case 'starting':
      return calm(`$(loading~spin) ${name}`, 'The server is starting.');
    case 'missing':
      return { text: `$(warning) ${name}: no server`, tooltip: ['The server is not installed. Click to install it.'], severity: 'warning' };
    case 'failed':
      return { text: `$(error) ${name}`, tooltip: [phase.message], severity: 'error' };
    case 'running':
      break;
  }

  const { status } = phase;
  const model = status?.model ?? name;
  if (status?.state === 'error') {
    return { text: `$(error) ${name}`, tooltip: [status.message ?? 'No model is loaded.'], severity: 'error' };
  }
  if (!inlineSuggestionsAreOn) {
    return { text: `$(circle-slash) ${model}`, tooltip: ["VS Code's setting editor.inlineSuggest.enabled is off: nothing can be shown."], severity: 'warning' };
  }
  if (obstacle) {
    const icon = obstacle === 'off for this language' ? '$(circle-slash)' : '$(debug-pause)';
    return calm(`${icon} ${model}`, `Suggestions are ${obstacle}.`);
  }

  const details = status?.message ? [status.message] : [];
  switch (status?.state) {
    case undefined:
      return calm(`$(loading~spin) ${name}`, 'The server is running.');
    case 'loading': {
      const percent = status.progress === null ? '' : ` ${status.progress} %`;
      return calm(`$(loading~spin) ${model}: loading${percent}`, `The model ${model} is loading.`, ...details);
    }
    case 'paused':
      return calm(`$(debug-pause) ${model}`, 'Suggestions are paused.', ...details);
    case 'ready':
    case 'busy': {
      const icon = status.state === 'busy' ? '$(sync~spin)' : iconOf(status);
      const latency = status.latencyMs === null ? '' : ` ${Math.round(status.latencyMs)} ms`;
      const engine = status.engine === null ? '' : ` with ${status.engine}`;
      const last = latency && `The last suggestion took${latency}.`;
      return calm(`${icon} ${model}${latency}`, `The model ${model} runs${engine}.`, ...(last ? [last] : []), ...whyNothing(status), ...counts(status), ...details);
    }
  }
}

function iconOf({ reason }: ServerStatus): string {
  switch (reason) {
    case 'unsure': return '$(eye-closed)';
    case 'off': return '$(circle-slash)';
    case 'secret': return '$(lock)';
    default: return '$(sparkle)';
  }
}

function whyNothing({ reason }: ServerStatus): string[] {
  switch (reason) {
    case 'unsure': return ['Hidden: the model was not sure enough here. Alt+\\ shows what it has.'];
    case 'off': return ['Suggestions are off here.'];
    case 'empty': return ['There was nothing to suggest here.'];
    case 'secret': return ['This looks like a secret: it is put into no prompt.'];
    default: return [];
  }
}

function counts({ shown, hidden }: ServerStatus): string[] {
  return shown === undefined || hidden === undefined ? [] : [`This session: ${shown} shown, ${hidden} hidden.`];
}
