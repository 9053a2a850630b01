import type { AboutTraits, ProtocolTraits, Question } from '../traits.ts';
import { ACCESS_TRAITS } from './access-traits.ts';
import { authLines } from './auth-traits.ts';
import { MEMCACHED_SETTINGS } from './settings.ts';

const VERSION: Question = {
  bytes: 'version\r\n',
  name: 'version',
  answer: /^(VERSION |ERROR|CLIENT_ERROR|SERVER_ERROR)/,
  refusal: /^ERROR Too many open connections/,
};

const REFUSAL_TO_US = /^(ERROR Too many open connections|CLIENT_ERROR unauthenticated)/;

/** One that wants a password says so, and not what it is. */
const ABOUT: AboutTraits = {
  question: () => Buffer.from('version\r\n'),
  ends: ['\r\n'],
  read(answer) {
    const version = /^VERSION (\S+)/.exec(answer.toString('latin1'))?.[1];
    return version === undefined
      ? `it answers ${JSON.stringify(answer.toString('latin1').trim())}`
      : { version, isOfCluster: false, isReplica: false };
  },
};

export const memcachedTraits = {
  title: 'memcached',
  settings: MEMCACHED_SETTINGS,
  variants: 1,
  variantsNote: '',
  twemproxyRedis: false,
  access: ACCESS_TRAITS,
  credentialsNeed: { user: true, oneLine: true },
  about: ABOUT,
  cluster: null,
  sentinel: null,
  replication: null,
  questions(credentials) {
    if (credentials === undefined) return [VERSION];
    if (credentials === null) return [{ ...VERSION, refusal: REFUSAL_TO_US }];
    const bytes = Buffer.from(authLines(credentials)).toString('latin1');
    const answer = /^(STORED|ERROR|CLIENT_ERROR|SERVER_ERROR)/;
    return [{ bytes, name: 'set with the password', answer, refusal: /^(?!STORED)/ }, VERSION];
  },
} as const satisfies ProtocolTraits;
