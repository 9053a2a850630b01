import type { AccessTraits } from '../traits.ts';

/**
 * What the commands are to rules of users, by their names in the text protocol; those of the binary protocol are the same ones.
 * memcached itself knows no such thing. What tells of other users' items, or takes them all away, is dangerous.
 */
export const COMMAND_CATEGORIES: Readonly<Record<string, readonly string[]>> = {
  get: ['read'],
  gets: ['read'],
  gat: ['write'],
  gats: ['write'],
  mg: ['read'],
  set: ['write'],
  add: ['write'],
  replace: ['write'],
  append: ['write'],
  prepend: ['write'],
  cas: ['write'],
  delete: ['write'],
  incr: ['write'],
  decr: ['write'],
  touch: ['write'],
  ms: ['write'],
  md: ['write'],
  ma: ['write'],
  flush_all: ['write', 'dangerous'],
  stats: ['dangerous'],
  verbosity: ['dangerous'],
  shutdown: ['dangerous'],
  me: ['dangerous'],
  version: ['connection'],
  quit: ['connection'],
  mn: ['connection'],
};

export const ACCESS_TRAITS: AccessTraits = {
  commands: () => Object.keys(COMMAND_CATEGORIES),
  categories: () => [...new Set(Object.values(COMMAND_CATEGORIES).flat())],
  credentials: userAndPassword => {
    const colon = userAndPassword.indexOf(':');
    return { name: userAndPassword.slice(0, colon), password: userAndPassword.slice(colon + 1) };
  },
};
