import { parseDurationMs, parseSizeBytes, sizeText } from './durations-and-sizes.ts';
import type { Kind } from './kinds.ts';
import { SettingError } from './setting-error.ts';

/** So much in so long: `100/s`, `1/10s`, `600/m`. */
export interface Rate {
  readonly amount: number;
  readonly periodMs: number;
}

const MAX_COUNT = 1_000_000_000;
const MAX_PERIOD_MS = 24 * 3_600_000;

/** How often: a plain number is one per second. */
export function rateOf(what: string): Kind<Rate> {
  return {
    takes: `${what} per time, such as 1000/s or 1/10s`,
    read: text => readRate(text, amount => readCount(amount, what)),
    write: rate => writeRate(rate, String),
    json: { type: ['string', 'integer'] },
  };
}

/** How many bytes: a plain size is one per second. */
export function byteRate(): Kind<Rate> {
  return {
    takes: 'size per time, such as 10mb/s',
    read: text => readRate(text, amount => parseSizeBytes(amount, 1)),
    write: rate => writeRate(rate, sizeText),
    json: { type: ['string', 'integer'] },
  };
}

/**
 * `100`, `100/s`, `1/10s`, `600/m`
 * @throws SettingError
 */
export function readRate(text: string, readAmount: (text: string) => number): Rate {
  const parts = text.split('/').map(part => part.trim());
  if (parts.length > 2 || parts.includes('')) {
    throw new SettingError(`${JSON.stringify(text)} is no rate; write such as 1000/s or 1/10s`);
  }
  const [amount = '', period = 's'] = parts;
  const isUnit = /^(?:ms|s|m|h)$/.test(period);
  return { amount: readAmount(amount), periodMs: parseDurationMs(isUnit ? `1${period}` : period, 1, MAX_PERIOD_MS) };
}

export function readCount(text: string, what: string): number {
  const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > MAX_COUNT) {
    throw new SettingError(`must be a whole number of ${what} from 1 to ${MAX_COUNT}, not ${JSON.stringify(text)}`);
  }
  return value;
}

export function writeRate({ amount, periodMs }: Rate, writeAmount: (amount: number) => string): string {
  return `${writeAmount(amount)}/${periodMs === 1000 ? 's' : `${periodMs}ms`}`;
}
