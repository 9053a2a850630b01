import { SettingError } from './setting-error.ts';

/** The longest delay a Node timer can wait: 24.8 days. */
const MAX_DURATION_MS = 2 ** 31 - 1;
const MAX_SIZE_BYTES = 2 ** 40;

const DURATION_UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const SIZE_UNITS_BYTES: Readonly<Record<string, number>> = { b: 1, kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30 };

const QUANTITY = /^([0-9]+(?:\.[0-9]+)?) ?([a-z]*)$/;

/**
 * `400ms`, `5s`, `1.5m`, `1h`; a plain number is milliseconds.
 * @throws SettingError
 */
export function parseDurationMs(text: string, minMs: number, maxMs: number = MAX_DURATION_MS): number {
  const ms = quantity(text, DURATION_UNITS_MS);
  if (ms === null || !Number.isInteger(ms)) {
    throw new SettingError(`"${text}" is no duration; write such as 400ms, 5s, 1m or 1h (a plain number: ms)`);
  }
  if (ms < minMs) throw new SettingError(`${text} is too short; at least ${minMs}ms`);
  if (ms > maxMs) {
    const days = maxMs === MAX_DURATION_MS ? ' (24.8 days)' : '';
    throw new SettingError(`${text} is too long; at most ${maxMs}ms${days}`);
  }
  return ms;
}

/**
 * `64kb`, `512mb`, `1gb` (powers of 1024); a plain number is bytes. `why` says what sets the upper bound.
 * @throws SettingError
 */
export function parseSizeBytes(text: string, minBytes: number, maxBytes: number = MAX_SIZE_BYTES, why = ''): number {
  const bytes = quantity(text.toLowerCase(), SIZE_UNITS_BYTES);
  if (bytes === null || !Number.isInteger(bytes)) {
    throw new SettingError(`"${text}" is no size; write such as 64kb, 512mb or 1gb (a plain number: bytes)`);
  }
  if (bytes < minBytes) throw new SettingError(`${text} is too small; at least ${minBytes} bytes`);
  if (bytes > maxBytes) {
    throw new SettingError(`${text} is too large; at most ${sizeText(maxBytes)}${why === '' ? '' : `, ${why}`}`);
  }
  return bytes;
}

/** In the largest unit that takes it whole: `1gb`, `1000kb`, `100001`. */
export function sizeText(bytes: number): string {
  const units = ['gb', 'mb', 'kb'];
  const unit = units.findIndex((_, i) => bytes > 0 && bytes % 1024 ** (3 - i) === 0);
  return unit < 0 ? String(bytes) : `${bytes / 1024 ** (3 - unit)}${units[unit]}`;
}

function quantity(text: string, units: Readonly<Record<string, number>>): number | null {
  const match = QUANTITY.exec(text);
  if (match === null) return null;
  const unit = match[2] === '' ? 1 : Object.hasOwn(units, match[2]!) ? units[match[2]!]! : Number.NaN;
  return Number.isNaN(unit) ? null : Number(match[1]) * unit;
}
