import type { JsonAnswer } from '../admin/api.ts';
import { ConfigError, formatProblem } from '../config/errors.ts';
import { SettingError } from '../settings/setting-error.ts';
import type { Log } from '../system/log.ts';
import { IncompleteError, RefusedError } from './errors.ts';

/** What the admin server lets others do. */
export interface Control {
  /** Rejects with a ConfigError, RefusedError or IncompleteError. `by`: who asks, and from where. */
  reload(by: string): Promise<object>;
  restartWorkers(by: string): Promise<object>;
}

/** The same by path, with answers in JSON and a status that says whose fault it is. */
export function controlAnswers(control: Control, log: Log): ReadonlyMap<string, (by: string) => Promise<JsonAnswer>> {
  const answer = async (did: string, run: () => Promise<object>): Promise<JsonAnswer> => {
    try {
      return { status: 200, body: { result: did, ...(await run()) } };
    } catch (error) {
      return failure(error as Error, log);
    }
  };
  return new Map([
    ['/-/reload', by => answer('reloaded', () => control.reload(by))],
    ['/-/restart-workers', by => answer('restarted', () => control.restartWorkers(by))],
  ]);
}

/** Whose fault it is. */
export function failure(error: Error, log: Log): JsonAnswer {
  if (error instanceof ConfigError) {
    const problems = error.problems.map(problem => ({ ...problem, text: formatProblem(problem) }));
    return { status: 400, body: { result: 'refused', error: 'the configuration cannot be used', problems } };
  }
  if (error instanceof SettingError) return { status: 400, body: { result: 'refused', error: error.message } };
  if (error instanceof RefusedError) return { status: 409, body: { result: 'refused', error: error.message } };
  if (error instanceof IncompleteError) return { status: 500, body: { result: 'incomplete', error: error.message } };
  log.error({ err: error }, 'control failed');
  return { status: 500, body: { result: 'failed', error: 'internal error; the log has more' } };
}
