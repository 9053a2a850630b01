import type { ProtocolTraits, Question } from '../traits.ts';
import { MEMCACHED_SETTINGS } from './settings.ts';

const VERSION: Question = {
  bytes: 'version\r\n',
  name: 'version',
  answer: /^(VERSION |ERROR|CLIENT_ERROR|SERVER_ERROR)/,
  refusal: /^ERROR Too many open connections/,
};

export const memcachedTraits = {
  title: 'memcached',
  settings: MEMCACHED_SETTINGS,
  variants: 1,
  variantsNote: '',
  twemproxyRedis: false,
  questions: () => [VERSION],
} as const satisfies ProtocolTraits;
