import type { LeaseMessage, PlaceMessage } from '../limits/connection-quotas.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What two masters say to each other of places, of which the other may be of another version; null: it is not understood. */
export function placeMessage(raw: unknown): PlaceMessage | null {
  const fields = raw as Fields;
  const isOne = isOfHolder(raw) && isCount(fields.count);
  const isAsk = isOne && fields.type === 'ask' && isCount(fields.limit) && typeof fields.isForced === 'boolean';
  const isGift = isOne && fields.type === 'giveBack' && typeof fields.isAnswer === 'boolean';
  return isAsk || isGift ? (raw as PlaceMessage) : null;
}

/** The answers to these, likewise. */
export function leaseMessage(raw: unknown): LeaseMessage | null {
  const fields = raw as Fields;
  if (!isOfHolder(raw)) return null;
  const isGrant = fields.type === 'grant' && isCount(fields.count) && typeof fields.isForced === 'boolean';
  return isGrant || fields.type === 'recall' ? (raw as LeaseMessage) : null;
}

function isOfHolder(raw: unknown): boolean {
  if (typeof raw !== 'object' || raw === null) return false;
  const { pool, scope, name } = raw as Fields;
  const isScope = scope === 'pool' || scope === 'address' || scope === 'user';
  return isScope && typeof pool === 'string' && typeof name === 'string';
}

export function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
