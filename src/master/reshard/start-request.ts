import type { BigKeyRule } from '../../mover/mover-job.ts';
import { parseDurationMs, parseSizeBytes, sizeText } from '../../settings/durations-and-sizes.ts';
import { SettingError } from '../../settings/setting-error.ts';

/** What `plan` and `start` are asked with. */
export interface StartRequest {
  /** The text of the new file. */
  readonly file: string;
  readonly pool: string | null;
  /** Admin addresses of the other proxies; null: those of the configuration. */
  readonly peers: readonly string[] | null;
  readonly paceBytes: number;
  readonly maxStepMs: number;
  readonly bigKeys: BigKeyRule;
  readonly orphans: 'refuse' | 'remove';
  readonly sampleKeys: number;
  /** For how long keys move only when they are asked for, where servers can't list them; null: such are in the way. */
  readonly ttlMs: number | null;
}

const DEFAULT_PACE_BYTES = 10 * 2 ** 20;
const MIN_PACE_BYTES = 1024;
const DEFAULT_MAX_STEP_MS = 100;
const DEFAULT_SAMPLE = 10_000;
const MAX_SAMPLE = 100_000_000;
const MIN_TTL_MS = 1000;
const KEYS = ['file', 'pool', 'peers', 'pace', 'maxStep', 'bigKeys', 'orphans', 'sample', 'ttl'];

/** Throws a SettingError. */
export function readStartRequest(body: unknown): StartRequest {
  const fields = fieldsOf(body, KEYS);
  const { file, pool = null, peers = null, pace, maxStep, bigKeys, orphans = 'refuse', sample, ttl } = fields;
  if (typeof file !== 'string') throw new SettingError('file must be the text of the new configuration file');
  if (pool !== null && typeof pool !== 'string') throw new SettingError('pool must be the name of a pool');
  if (peers !== null && !(Array.isArray(peers) && peers.every(each => typeof each === 'string'))) {
    throw new SettingError('peers must be a list of admin addresses');
  }
  if (orphans !== 'refuse' && orphans !== 'remove') throw new SettingError('orphans must be refuse or remove');
  const sampleKeys = sample === undefined ? DEFAULT_SAMPLE : Number(sample);
  if (!Number.isInteger(sampleKeys) || sampleKeys < 1 || sampleKeys > MAX_SAMPLE) {
    throw new SettingError(`sample must be a number of keys, ${MAX_SAMPLE} at most`);
  }
  return {
    ...{ file, pool, peers, orphans, sampleKeys },
    paceBytes: pace === undefined ? DEFAULT_PACE_BYTES : readPace(pace),
    maxStepMs: maxStep === undefined ? DEFAULT_MAX_STEP_MS : parseDurationMs(String(maxStep), 1),
    ttlMs: ttl === undefined ? null : parseDurationMs(String(ttl), MIN_TTL_MS),
    bigKeys: bigKeys === undefined ? 'wait' : readBigKeys(bigKeys),
  };
}

/** `50mb/s` or `50mb`. Throws a SettingError. */
export function readPace(pace: unknown): number {
  return parseSizeBytes(String(pace).replace(/\/s$/, ''), MIN_PACE_BYTES);
}

export function paceText(bytes: number): string {
  return `${sizeText(bytes)}/s`;
}

/** Throws a SettingError. */
export function readBigKeys(rule: unknown): BigKeyRule {
  if (rule !== 'wait' && rule !== 'leave') throw new SettingError('bigKeys must be wait or leave');
  return rule;
}

/** Throws a SettingError. */
export function fieldsOf(body: unknown, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (body === null) return {};
  if (typeof body !== 'object' || Array.isArray(body)) throw new SettingError('the body must be a map');
  const other = Object.keys(body).find(key => !known.includes(key));
  if (other !== undefined) throw new SettingError(`the body has ${known.join(', ')}, and no ${JSON.stringify(other)}`);
  return body as Record<string, unknown>;
}
