import type { LeftRate, LentMessage, ShareMessage } from '../limits/rate-leases.ts';
import { isCount } from './place-messages.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What two masters say to each other of rates, of which the other may be of another version; null: it is not understood. */
export function shareMessage(raw: unknown): ShareMessage | null {
  if (!isKeyed(raw)) return null;
  const isAsk = raw.type === 'askShare' && isRate({ ...raw, units: raw.ofUnits }) && isCount(raw.wants);
  const isGift =
    raw.type === 'giveShare' && isCount(raw.units) && Number.isFinite(raw.tokens) && typeof raw.isAnswer === 'boolean';
  return isAsk || isGift ? (raw as ShareMessage) : null;
}

/** The answers to these, likewise. */
export function lentMessage(raw: unknown): LentMessage | null {
  if (!isKeyed(raw)) return null;
  const isLease = raw.type === 'share' && isCount(raw.units) && Number.isFinite(raw.tokens);
  const isRecall = raw.type === 'recallShare' && isCount(raw.keep);
  return isLease || isRecall ? (raw as unknown as LentMessage) : null;
}

/** What is left of rates, without those that are not understood. */
export function leftRates(raw: unknown): LeftRate[] {
  if (!Array.isArray(raw)) return [];
  return raw.filter(each => isKeyed(each) && isRate(each) && Number.isFinite(each.tokens));
}

function isKeyed(raw: unknown): raw is Fields & { readonly key: string } {
  return typeof raw === 'object' && raw !== null && typeof (raw as Fields).key === 'string';
}

function isRate({ perMs, capacity, units }: Fields): boolean {
  const arePositive = [perMs, capacity, units].every(value => Number.isFinite(value) && (value as number) > 0);
  return arePositive && isCount(units);
}
