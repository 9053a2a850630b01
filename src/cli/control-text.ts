import type { ConfigChanges, PoolChange } from '../config/changes/changes.ts';
import type { OverrideOutcome } from '../config/changes/overrides.ts';
import { counted } from './text-table.ts';

/** What the admin server answers; see src/master/control.ts. */
export interface Answer {
  readonly result: string;
  readonly error?: string;
}

/** What /-/reload answers, as far as people are told. */
interface ReloadAnswer extends Answer {
  readonly tookMs: number;
  readonly workers: readonly { readonly servedAfterMs: number }[];
  readonly warnings: readonly string[];
  readonly overrides: readonly OverrideOutcome[];
  readonly changes: ConfigChanges;
}

/** What /-/restart-workers answers, as far as people are told. */
interface RestartAnswer extends Answer {
  readonly tookMs: number;
  readonly workers: readonly {
    readonly slot: number;
    readonly pid: number | null;
    readonly oldPid: number;
    readonly clientsCut: number;
  }[];
}

export function reloadText(answer: Answer): string {
  if (answer.result !== 'reloaded') return failureText('not reloaded', answer);
  const { changes, overrides, workers, warnings, tookMs } = answer as ReloadAnswer;
  const lines = [
    ...changes.added.map(name => `  pool ${name}: added`),
    ...changes.removed.map(name => `  pool ${name}: removed; its clients are let go`),
    ...changes.changed.map(change => `  pool ${change.pool}: ${poolText(change)}`),
  ];
  if (changes.settings.length > 0) lines.push(`  changed: ${changes.settings.join(', ')}`);
  if (changes.needWorkerRestart.length > 0) {
    lines.push(`  in effect after \`ringmaster restart-workers\`: ${changes.needWorkerRestart.join(', ')}`);
  }
  if (lines.length === 0) lines.push('  nothing is different');
  for (const { path, won, why } of overrides) {
    lines.push(`  ${path}: ${won === 'set' ? 'what was set is kept' : 'the file wins over what was set'}: ${why}`);
  }
  lines.push(...warnings.map(warning => `  warning: ${warning}`));
  return `reloaded: ${counted(workers.length, 'worker')} had it after ${tookMs} ms\n${lines.join('\n')}\n`;
}

export function restartText(answer: Answer): string {
  if (answer.result !== 'restarted') return failureText('not restarted', answer);
  const { workers, tookMs } = answer as RestartAnswer;
  const lines = workers.map(({ slot, pid, oldPid, clientsCut }) => {
    const cut = clientsCut === 0 ? '' : `; ${counted(clientsCut, 'client')} cut off`;
    return `  worker ${slot}: process ${pid} took the place of ${oldPid}${cut}\n`;
  });
  return `restarted: ${counted(workers.length, 'worker')} in ${tookMs} ms\n${lines.join('')}`;
}

function poolText({ oldName, settings, serversAdded, serversRemoved, serversChanged }: PoolChange): string {
  const parts: string[] = [];
  if (oldName !== undefined) parts.push(`was ${oldName}`);
  if (settings.length > 0) parts.push(`changed: ${settings.join(', ')}`);
  if (serversAdded.length > 0) parts.push(`servers added: ${serversAdded.join(', ')}`);
  if (serversRemoved.length > 0) parts.push(`servers removed: ${serversRemoved.join(', ')}`);
  if (serversChanged.length > 0) parts.push(`servers changed: ${serversChanged.join(', ')}`);
  return parts.join('; ');
}

function failureText(what: string, answer: Answer): string {
  const { error = 'no reason given', problems = [] } = answer as Answer & {
    readonly problems?: readonly { readonly text: string }[];
  };
  const head = answer.result === 'incomplete' ? 'done in part' : what;
  return [`${head}: ${error}`, ...problems.map(({ text }) => `  ${text}`), ''].join('\n');
}
