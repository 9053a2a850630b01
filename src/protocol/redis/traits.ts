import type { ProtocolTraits, Question } from '../traits.ts';
import { ABOUT_TRAITS } from './about-traits.ts';
import { ACCESS_TRAITS } from './access-traits.ts';
import { authOf, requestBytes } from './answer-traits.ts';
import { CLUSTER_TRAITS } from './cluster-traits.ts';
import { REPLICATION_TRAITS } from './replication-traits.ts';
import { SENTINEL_TRAITS } from './sentinel-traits.ts';
import { REDIS_SETTINGS } from './settings.ts';

/** RESP2 and RESP3 have connections of their own. */
export const REDIS_VARIANTS = 2;

// What is not known to be a refusal counts as an answer: -MISCONF of a server that can't save, and still reads.
const REFUSAL = /^-(LOADING|MASTERDOWN|DENIED|ERR max number of clients)/;
const REFUSAL_TO_US = /^-(LOADING|MASTERDOWN|DENIED|ERR max number of clients|NOAUTH|BUSY )/;

// Arrays and no inline commands: proxies, which may stand behind us, know nothing else.
const PING: Question = { bytes: '*1\r\n$4\r\nPING\r\n', name: 'PING', answer: /^[+-]/, refusal: REFUSAL };

export const redisTraits = {
  title: 'Redis',
  settings: REDIS_SETTINGS,
  variants: REDIS_VARIANTS,
  variantsNote: ' × 2 for RESP3',
  twemproxyRedis: true,
  access: ACCESS_TRAITS,
  credentialsNeed: { user: false, oneLine: false },
  about: ABOUT_TRAITS,
  cluster: CLUSTER_TRAITS,
  sentinel: SENTINEL_TRAITS,
  replication: REPLICATION_TRAITS,
  questions(credentials) {
    if (credentials === undefined) return [PING];
    const ping = { ...PING, refusal: REFUSAL_TO_US };
    if (credentials === null) return [ping];
    const bytes = requestBytes(authOf(credentials)).toString('latin1');
    return [{ bytes, name: 'AUTH', answer: /^[+-]/, refusal: /^-/ }, ping];
  },
} as const satisfies ProtocolTraits;
