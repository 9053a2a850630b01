import { CONFIG_TARGET } from './config-target.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { MEMCACHED_REPLY_TARGETS } from './memcached-reply-targets.ts';
import { MEMCACHED_REQUEST_TARGETS } from './memcached-request-targets.ts';
import { REDIS_REPLY_TARGETS } from './redis-reply-targets.ts';
import { REDIS_REQUEST_TARGETS } from './redis-request-targets.ts';

export const TARGETS: readonly FuzzTarget[] = [
  ...REDIS_REQUEST_TARGETS,
  ...REDIS_REPLY_TARGETS,
  ...MEMCACHED_REQUEST_TARGETS,
  ...MEMCACHED_REPLY_TARGETS,
  CONFIG_TARGET,
];

/** @throws Error when there is no target of that name */
export function targetNamed(name: string): FuzzTarget {
  const target = TARGETS.find(each => each.name === name);
  if (target === undefined)
    throw new Error(`no target "${name}"; one of: ${TARGETS.map(each => each.name).join('; ')}`);
  return target;
}
