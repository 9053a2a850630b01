import { parseDurationMs, parseSizeBytes, sizeText } from './durations-and-sizes.ts';
import { SettingError } from './setting-error.ts';

/** A kind of value: how the text of the file becomes it, and back. */
export interface Kind<T> {
  /** What a value looks like; also said when it is missing or of the wrong kind. */
  readonly takes: string;
  /** @throws SettingError */
  read(text: string): T;
  /** As a file would write it: `read` makes the same value of it. */
  write(value: T): string;
  /** What JSON Schema says of it, for editors: YAML's own types, which a file may use, included. */
  readonly json: object;
  /** Never shown: not in messages, and elsewhere `<redacted>`. */
  readonly isSecret?: true;
  /** A file that is read, or several: relative to the configuration file. */
  readonly isPath?: true;
  /** Of a secret: what a reference led to, as the file itself would have it. */
  ofReference?(text: string): string;
  /** Several values: a list of the file is read as its items with commas between them. */
  readonly isList?: true;
  /** As `read`, of the items of a list: where a comma may be part of one. */
  readItems?(items: readonly string[]): T;
  /** Names with values: a map of the file is read as `name=value` with commas between them. */
  readonly isMap?: true;
  /** Any characters at all: a person reads it in quotes. */
  readonly isQuoted?: true;
}

/** A kind of its own: `read` throws a SettingError that says what would be right. */
export function text<T = string>(
  takes: string,
  read: (text: string) => T,
  write: (value: T) => string = String,
  json: object = { type: 'string' },
): Kind<T> {
  return { takes, read, write, json };
}

export function oneOf<T extends string>(what: string, names: readonly T[], takes = names.join(', ')): Kind<T> {
  const read = (text: string): T => {
    const name = names.find(candidate => candidate === text);
    if (name === undefined)
      throw new SettingError(`unknown ${what} ${JSON.stringify(text)}; one of: ${names.join(', ')}`);
    return name;
  };
  return { takes, read, write: String, json: { enum: names } };
}

/** At least one of `kind`, as a list or on one line with commas between them. */
export function listOf<T>(kind: Kind<T>, takes: string): Kind<readonly T[]> {
  return {
    takes,
    read: text => text.split(',').map(item => kind.read(item.trim())),
    write: values => values.map(value => kind.write(value)).join(', '),
    json: { anyOf: [{ type: 'array', minItems: 1, items: kind.json }, { type: 'string' }] },
    isList: true,
    ...(kind.isPath && { isPath: true }),
  };
}

/** The name of a file that is read. */
export function filePath(takes: string): Kind<string> {
  const read = (written: string): string => {
    if (written === '' || written.includes('\0')) throw new SettingError(`must be ${takes}`);
    return written;
  };
  return { ...text(takes, read), isPath: true };
}

const NAMED = /^([^=,\s]+) *= *([^=,]+)$/;

/** Names, each with a `what`: a map, or on one line `name=what` with commas between them. At least one; no name twice. */
export function namesOf(what: string): Kind<readonly (readonly [string, string])[]> {
  return {
    takes: `a map of names to a ${what} each`,
    read: text => {
      const names = text.split(',').map((item): readonly [string, string] => {
        const [, name, value] = NAMED.exec(item.trim()) ?? [];
        if (name === undefined)
          throw new SettingError(`must be such as "name: ${what}", not ${JSON.stringify(item.trim())}`);
        return [name, (value as string).trim()];
      });
      const twice = names.find(([name], i) => names.findIndex(each => each[0] === name) < i);
      if (twice !== undefined) throw new SettingError(`has ${JSON.stringify(twice[0])} twice`);
      return names;
    },
    write: names => names.map(([name, value]) => `${name}=${value}`).join(', '),
    json: {
      anyOf: [
        { type: 'object', minProperties: 1, additionalProperties: { type: ['string', 'integer'] } },
        { type: 'string' },
      ],
    },
    isMap: true,
  };
}

/** twemproxy's words for it, and only those. */
export function flag(): Kind<boolean> {
  const read = (text: string): boolean => {
    if (text !== 'true' && text !== 'false')
      throw new SettingError(`must be true or false, not ${JSON.stringify(text)}`);
    return text === 'true';
  };
  return { takes: 'true, false', read, write: String, json: { type: 'boolean' } };
}

const MAX_COUNT = 2 ** 31 - 1;

export function count(min: number, max: number = MAX_COUNT, takes = 'number'): Kind<number> {
  const read = (text: string): number => {
    const value = /^[0-9]{1,12}$/.test(text) ? Number(text) : -1;
    if (value < min || value > max) {
      throw new SettingError(`must be a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`);
    }
    return value;
  };
  return { takes, read, write: String, json: { type: 'integer', minimum: min, maximum: max } };
}

const DURATION_JSON = {
  anyOf: [
    { type: 'integer', minimum: 0 },
    { type: 'string', pattern: '^[0-9]+(\\.[0-9]+)? ?(ms|s|m|h)?$' },
  ],
};

export function duration(minMs: number, maxMs?: number): Kind<number> {
  return {
    takes: 'duration',
    read: text => parseDurationMs(text, minMs, maxMs),
    write: ms => `${ms}ms`,
    json: DURATION_JSON,
  };
}

/** A duration where `none` and 0 both mean: never. Results in 0. */
export function durationOrNone(maxMs?: number): Kind<number> {
  return {
    takes: 'duration, or none',
    read: text => (text === 'none' ? 0 : parseDurationMs(text, 0, maxMs)),
    write: ms => (ms === 0 ? 'none' : `${ms}ms`),
    json: { anyOf: [...DURATION_JSON.anyOf, { enum: ['none'] }] },
  };
}

/** A duration where `off` means that nothing takes too long. Results in null. */
export function durationOrOff(): Kind<number | null> {
  return {
    takes: 'duration, or off',
    read: text => (text === 'off' ? null : parseDurationMs(text, 0)),
    write: ms => (ms === null ? 'off' : `${ms}ms`),
    json: { anyOf: [...DURATION_JSON.anyOf, { enum: ['off'] }] },
  };
}

/** Plain milliseconds, the way twemproxy writes durations. */
export function milliseconds(): Kind<number> {
  return { ...count(0), takes: 'milliseconds' };
}

const SIZE_JSON = {
  anyOf: [
    { type: 'integer', minimum: 0 },
    { type: 'string', pattern: '^[0-9]+(\\.[0-9]+)? ?([bB]|[kKmMgG][bB])?$' },
  ],
};

/** `why` is added to the message that a size is over `maxBytes`. */
export function size(minBytes: number, maxBytes?: number, why?: string): Kind<number> {
  return {
    takes: 'size',
    read: text => parseSizeBytes(text, minBytes, maxBytes, why),
    write: sizeText,
    json: SIZE_JSON,
  };
}

/** A size, or one of the words that stand for `others`. */
export function sizeOr<T extends string | number>(
  bounds: { readonly minBytes: number },
  others: Readonly<Record<string, T>>,
): Kind<number | T> {
  const words = Object.keys(others);
  return {
    takes: `${words.filter(word => word !== 'none').join(', ')}${words.length > 1 ? ', ' : ''}size or none`,
    read: text => (Object.hasOwn(others, text) ? (others[text] as T) : parseSizeBytes(text, bounds.minBytes)),
    write: value => words.find(word => others[word] === value) ?? sizeText(value as number),
    json: { anyOf: [...SIZE_JSON.anyOf, { enum: words }] },
  };
}

/** Two bytes in UTF-8, as twemproxy counts. */
export function hashTag(): Kind<string> {
  const read = (text: string): string => {
    if (Buffer.byteLength(text) !== 2) {
      throw new SettingError(`must be exactly two characters, such as "{}", not ${JSON.stringify(text)}`);
    }
    return text;
  };
  // A tag of two digits is a number to an editor.
  return { takes: 'two characters', read, write: String, json: { type: ['string', 'integer'] }, isQuoted: true };
}

/** Text that may be a number or a flag to an editor, and is text to us. */
export const ANY_TEXT_JSON = { type: ['string', 'number', 'boolean'] };

const reference = (key: string) => ({
  type: 'object',
  properties: { [key]: { type: 'string' } },
  required: [key],
  additionalProperties: false,
});
export const SECRET_JSON = { anyOf: [ANY_TEXT_JSON, reference('file'), reference('env')] };

/** A value that is never shown in messages; our own form of the file may refer to it. */
export function secret(check: (text: string) => string): Kind<string> {
  const takes = 'text, { file: PATH } or { env: NAME }';
  return { takes, read: check, write: String, json: SECRET_JSON, isSecret: true };
}

export function password(): Kind<string> {
  return secret(text => {
    if (text === '') throw new SettingError('is empty; write the password, or leave the key out');
    return text;
  });
}
