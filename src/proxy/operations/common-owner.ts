import { ACCESS_READ, ACCESS_WRITE, type Access } from '../../placement/placement.ts';
import type { RequestReading } from '../../protocol/protocol.ts';
import { FLAG_WRITES } from '../../protocol/routes.ts';
import type { RequestBytes } from '../../request/request-bytes.ts';
import type { Backend } from '../../upstream/backend.ts';
import type { Pool } from '../../upstream/pool.ts';

/** The keys of a request have several owners. */
export const SEVERAL = 'several';

/** The backend that owns all keys of the request just parsed, `SEVERAL`, or null: none is in the ring, or it has no keys. */
export function commonOwner(pool: Pool, parser: RequestReading, bytes: RequestBytes): Backend | null | typeof SEVERAL {
  const { keyCount, keyStarts, keyEnds } = parser;
  const { keyBuf } = bytes;
  if (keyCount === 0) return null;
  const access = accessOf(parser);
  const owner = pool.pick(keyBuf, keyStarts[0] as number, keyEnds[0] as number, access);
  for (let i = 1; i < keyCount; i++) {
    if (pool.pick(keyBuf, keyStarts[i] as number, keyEnds[i] as number, access) !== owner) return SEVERAL;
  }
  return owner;
}

/** What the request just parsed does with its keys. */
export function accessOf(parser: RequestReading): Access {
  return (parser.flags & FLAG_WRITES) === 0 ? ACCESS_READ : ACCESS_WRITE;
}

/** The same for a client that is bound to a server: another one is out of its reach, and so is `SEVERAL`. */
export function ownerInReach(
  owner: Backend | null | typeof SEVERAL,
  bound: Backend | null,
): Backend | null | typeof SEVERAL {
  return owner === null || bound === null || owner === bound ? owner : SEVERAL;
}
