import type { ProtocolTraits } from '../traits.ts';
import { REDIS_SETTINGS } from './settings.ts';

/** RESP2 and RESP3 have connections of their own. */
export const REDIS_VARIANTS = 2;

export const redisTraits = {
  title: 'Redis',
  settings: REDIS_SETTINGS,
  variants: REDIS_VARIANTS,
  variantsNote: ' × 2 for RESP3',
} as const satisfies ProtocolTraits;
