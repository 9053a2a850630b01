import * as z from 'zod';
import { parseDurationMs, parseSizeBytes } from './durations-and-sizes.ts';
import { SettingError } from './setting-error.ts';

/** What the reference says about a key beside its type and default; `schema.ts` is the table of them. */
export interface SettingNotes {
  /** What a value looks like; also said when it is missing or of the wrong kind. */
  readonly takes: string;
  readonly about: string;
  /** How the reference writes the default where the schema has none as text. */
  readonly unset?: string;
}

export const SETTING_NOTES = z.registry<SettingNotes>();

/** A scalar of the file, which is text, read by `parse`; a SettingError becomes an issue of the schema. */
export function readAs<T>(parse: (text: string) => T) {
  return z.string().transform((text, ctx): T => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      ctx.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });
}

export function oneOf<T extends string>(what: string, names: readonly T[]) {
  return readAs((text): T => {
    const name = names.find(candidate => candidate === text);
    if (name === undefined)
      throw new SettingError(`unknown ${what} ${JSON.stringify(text)}; one of: ${names.join(', ')}`);
    return name;
  });
}

/** twemproxy's words for it, and only those. */
export function flag() {
  return readAs((text): boolean => {
    if (text !== 'true' && text !== 'false')
      throw new SettingError(`must be true or false, not ${JSON.stringify(text)}`);
    return text === 'true';
  });
}

const MAX_COUNT = 2 ** 31 - 1;

export function count(min: number, max: number = MAX_COUNT) {
  return readAs((text): number => {
    const value = /^[0-9]{1,12}$/.test(text) ? Number(text) : -1;
    if (value < min || value > max) {
      throw new SettingError(`must be a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`);
    }
    return value;
  });
}

export function duration(minMs: number) {
  return readAs(text => parseDurationMs(text, minMs));
}

/** A duration where `none` and 0 both mean: never. Results in 0. */
export function durationOrNone() {
  return readAs(text => (text === 'none' ? 0 : parseDurationMs(text, 0)));
}

export function size(minBytes: number) {
  return readAs(text => parseSizeBytes(text, minBytes));
}

/** Two bytes in UTF-8, as twemproxy counts. */
export function hashTag() {
  return readAs((text): string => {
    if (Buffer.byteLength(text) !== 2) {
      throw new SettingError(`must be exactly two characters, such as "{}", not ${JSON.stringify(text)}`);
    }
    return text;
  });
}

/** A value that is never shown in messages. */
export function secret() {
  return readAs((text): string => {
    if (text === '') throw new SettingError('is empty; write the password, or leave the key out');
    return text;
  });
}
