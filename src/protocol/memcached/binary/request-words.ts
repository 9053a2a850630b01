// What binary requests become: words of text and of meta commands, with the spaces around them.
import { findCommand, type MemcachedCommand } from '../command-table.ts';
import { OP_ADD, OP_APPEND, OP_PREPEND, OP_REPLACE } from './opcodes.ts';

const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');
export const GETS = ascii('gets');
export const GATS = ascii('gats ');
export const BASE64 = ascii(' b');
export const WITH_CAS = ascii(' c');
export const WITH_ITEM = ascii(' f c v');
export const WITH_FLAGS = ascii(' f c');
export const CLIENT_FLAGS = ascii(' F');
export const EXPTIME = ascii(' T');
export const COMPARE_CAS = ascii(' C');
export const NUMBER = ascii(' v c D');
export const DECREMENTS = ascii(' MD');
export const CREATE_EXPTIME = ascii(' N');
export const INITIAL = ascii(' J');
export const FLUSH_ALL = ascii('flush_all');
export const VERBOSITY = ascii('verbosity ');
export const VERSION = ascii('version');
export const STATS = ascii('stats');
export const SPACE = 32;

export const GETS_COMMAND = findCommand(GETS, 0, GETS.length) as MemcachedCommand;
export const GATS_COMMAND = findCommand(GATS, 0, GATS.length - 1) as MemcachedCommand;

/** ` M` and the mode, of what stores. */
export const MODES: ReadonlyMap<number, Buffer> = new Map([
  [OP_ADD, ascii(' ME')],
  [OP_REPLACE, ascii(' MR')],
  [OP_APPEND, ascii(' MA')],
  [OP_PREPEND, ascii(' MP')],
]);
