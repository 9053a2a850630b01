// The requests of the binary protocol that are answered, and what a right one of each looks like.
import { FLAG_READS, FLAG_RESENDABLE, FLAG_VALUES, FLAG_WRITES } from '../../routes.ts';

export const OP_GET = 0;
/** GET with a new expiry time. */
export const OP_GAT = 1;
export const OP_TOUCH = 2;
export const OP_SET = 3;
export const OP_ADD = 4;
export const OP_REPLACE = 5;
export const OP_APPEND = 6;
export const OP_PREPEND = 7;
export const OP_DELETE = 8;
export const OP_INCREMENT = 9;
export const OP_DECREMENT = 10;
export const OP_FLUSH = 11;
export const OP_STAT = 12;
export const OP_VERSION = 13;
export const OP_VERBOSITY = 14;
export const OP_NOOP = 15;
export const OP_QUIT = 16;
export const OP_SASL_LIST = 17;
export const OP_SASL_AUTH = 18;
export const OP_SASL_STEP = 19;

export interface Opcode {
  readonly name: string;
  readonly kind: number;
  /** A miss, or for changes a success, has no response. */
  readonly isQuiet: boolean;
  /** The response has the key. */
  readonly returnsKey: boolean;
  readonly minExtrasBytes: number;
  readonly maxExtrasBytes: number;
  readonly minKeyBytes: number;
  readonly maxKeyBytes: number;
  readonly hasValue: boolean;
  /** See `RequestParser.flags`. */
  readonly effects: number;
}

const MAX_KEY_BYTES = 250;
const TABLE: (Opcode | null)[] = new Array<Opcode | null>(256).fill(null);

interface Shape {
  readonly extras?: number | readonly [number, number];
  readonly key?: 'none' | 'perhaps';
  readonly hasValue?: boolean;
  readonly effects: number;
}

/** `codes`: of the loud and the quiet form. */
function define(name: string, kind: number, codes: readonly number[], shape: Shape, returnsKey = false): void {
  const { extras = 0, key, hasValue = false, effects } = shape;
  const [minExtrasBytes, maxExtrasBytes] = typeof extras === 'number' ? [extras, extras] : extras;
  for (const [i, code] of codes.entries()) {
    TABLE[code] = {
      name: i === 0 ? name : `${name}q`,
      kind,
      isQuiet: i > 0,
      returnsKey,
      minExtrasBytes,
      maxExtrasBytes,
      minKeyBytes: key === undefined ? 1 : 0,
      maxKeyBytes: key === 'none' ? 0 : MAX_KEY_BYTES,
      hasValue,
      effects,
    };
  }
}

const READS = { effects: FLAG_READS | FLAG_RESENDABLE | FLAG_VALUES };
const TOUCHES = { extras: 4, effects: FLAG_READS | FLAG_WRITES | FLAG_RESENDABLE };
const READS_AND_TOUCHES = { ...TOUCHES, effects: TOUCHES.effects | FLAG_VALUES };
const STORES = { extras: 8, hasValue: true, effects: FLAG_WRITES };
const EXTENDS = { hasValue: true, effects: FLAG_WRITES };
const COUNTS = { extras: 20, effects: FLAG_READS | FLAG_WRITES };
const KEYLESS = { key: 'none', effects: FLAG_READS | FLAG_RESENDABLE } as const;

define('get', OP_GET, [0x00, 0x09], READS);
define('getk', OP_GET, [0x0c, 0x0d], READS, true);
define('gat', OP_GAT, [0x1d, 0x1e], READS_AND_TOUCHES);
define('gatk', OP_GAT, [0x23, 0x24], READS_AND_TOUCHES, true);
define('touch', OP_TOUCH, [0x1c], TOUCHES);
define('set', OP_SET, [0x01, 0x11], STORES);
define('add', OP_ADD, [0x02, 0x12], STORES);
define('replace', OP_REPLACE, [0x03, 0x13], STORES);
define('append', OP_APPEND, [0x0e, 0x19], EXTENDS);
define('prepend', OP_PREPEND, [0x0f, 0x1a], EXTENDS);
define('delete', OP_DELETE, [0x04, 0x14], { effects: FLAG_WRITES });
define('increment', OP_INCREMENT, [0x05, 0x15], COUNTS);
define('decrement', OP_DECREMENT, [0x06, 0x16], COUNTS);
define('flush', OP_FLUSH, [0x08, 0x18], { extras: [0, 4], key: 'none', effects: FLAG_WRITES });
define('stat', OP_STAT, [0x10], { key: 'perhaps', effects: FLAG_READS | FLAG_RESENDABLE });
define('version', OP_VERSION, [0x0b], KEYLESS);
define('verbosity', OP_VERBOSITY, [0x1b], { extras: 4, key: 'none', effects: FLAG_WRITES });
define('noop', OP_NOOP, [0x0a], KEYLESS);
define('quit', OP_QUIT, [0x07, 0x17], KEYLESS);
define('sasl_list_mechs', OP_SASL_LIST, [0x20], KEYLESS);
define('sasl_auth', OP_SASL_AUTH, [0x21], { hasValue: true, effects: FLAG_READS });
define('sasl_step', OP_SASL_STEP, [0x22], { hasValue: true, effects: FLAG_READS });

/** All that there are. */
export const OPCODES: readonly Opcode[] = TABLE.filter(opcode => opcode !== null);

const TEXT_NAMES: Readonly<Record<string, string>> = {
  getk: 'get',
  gatk: 'gat',
  increment: 'incr',
  decrement: 'decr',
  flush: 'flush_all',
  stat: 'stats',
  noop: 'mn',
};

/** By the name of an opcode: the command of the text protocol that does the same; what is not here is called alike, or is none. */
export const COMMANDS_OF_OPCODES: ReadonlyMap<string, string> = new Map(
  TABLE.flatMap(opcode => {
    if (opcode === null) return [];
    const loud = opcode.isQuiet ? opcode.name.slice(0, -1) : opcode.name;
    return [[opcode.name, TEXT_NAMES[loud] ?? loud] as const];
  }),
);

/** What the opcode is, or null when it is none that we know. */
export function findOpcode(code: number): Opcode | null {
  return TABLE[code]!;
}
