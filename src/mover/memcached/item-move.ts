import { setTimeout as delay } from 'node:timers/promises';
import {
  COPY_SECONDS,
  claimWords,
  copyWords,
  deleteWords,
  foundItem,
  isDeleted,
  keepWords,
  lookUpWords,
  storedCas,
} from '../../protocol/memcached/move-traits.ts';
import type { MemcachedConnection } from './memcached-connection.ts';

/** A claim of another's is looked at again after so long. */
const LOOK_AGAIN_MS = 20;

/** Server to server, and the clock of the target. */
export interface ItemRoute {
  readonly source: MemcachedConnection;
  readonly target: MemcachedConnection;
  /** Seconds since 1970 by the target. */
  clock(): number;
  /** There may be claims at the target, of those who moved keys in the other direction. */
  readonly isBack: boolean;
}

/** Moves a key as move-traits.ts says; returns the bytes of its value, or -1 where there was none. Others may do the same. */
export async function moveItem({ source, target, clock, isBack }: ItemRoute, key: Buffer): Promise<number> {
  while (isBack) {
    const there = await target.meta(lookUpWords(key));
    if (!target.understood(() => foundItem(there))?.isClaim) break;
    await delay(LOOK_AGAIN_MS);
  }
  for (;;) {
    const found = await source.meta(lookUpWords(key));
    const item = source.understood(() => foundItem(found));
    if (item === null) return -1;
    if (item.isClaim) {
      await delay(LOOK_AGAIN_MS);
      continue;
    }
    if (item.isLease || item.leftSeconds === 0) {
      const dropped = await source.meta(deleteWords(key, item.cas));
      if (source.understood(() => isDeleted(dropped))) return -1;
      continue;
    }
    const nowSeconds = clock();
    const claimed = await source.meta(claimWords(key, item));
    const claim = source.understood(() => storedCas(claimed));
    if (claim === null) continue;
    const copied = await target.meta(copyWords(key, item, nowSeconds + COPY_SECONDS));
    // What the target refuses to store is lost, as it would be had a client set it.
    const copy = casOrNull(copied);
    const kept = copy === null ? null : casOrNull(await target.meta(keepWords(key, item, copy, nowSeconds)));
    const released = await source.meta(deleteWords(key, claim));
    // The claim has gone before its time: all was deleted meanwhile (flush_all).
    if (!source.understood(() => isDeleted(released)) && kept !== null) await target.meta(deleteWords(key, kept));
    return item.data.length;
  }
}

function casOrNull(reply: Buffer): string | null {
  try {
    return storedCas(reply);
  } catch {
    return null;
  }
}
