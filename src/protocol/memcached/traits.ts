import type { ProtocolTraits } from '../traits.ts';
import { MEMCACHED_SETTINGS } from './settings.ts';

export const memcachedTraits = {
  title: 'memcached',
  settings: MEMCACHED_SETTINGS,
  variants: 1,
  variantsNote: '',
} as const satisfies ProtocolTraits;
