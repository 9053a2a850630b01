import { DOLLAR, LF, numberAfterType, STAR } from '../../resp.ts';

/** What SCAN answers: where to go on, `0` at the end, and names, which are parts of the reply. */
export interface ScanPage {
  readonly cursor: string;
  readonly names: readonly Buffer[];
}

/** Keys that a server looks at in a step. */
export const KEYS_A_STEP = 500;

/** Reads a whole reply; null: it is none of SCAN's. */
export function readScanPage(reply: Buffer): ScanPage | null {
  let at = lineAfter(reply, 0);
  if (reply[0] !== STAR || numberAfterType(reply, 0) !== 2 || reply[at] !== DOLLAR) return null;
  const cursorAt = lineAfter(reply, at);
  const cursorEnd = cursorAt + numberAfterType(reply, at);
  const cursor = reply.toString('latin1', cursorAt, cursorEnd);
  at = cursorEnd + 2;
  if (reply[at] !== STAR || !/^\d{1,20}$/.test(cursor)) return null;
  const count = numberAfterType(reply, at);
  at = lineAfter(reply, at);
  const names: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    if (reply[at] !== DOLLAR) return null;
    const start = lineAfter(reply, at);
    const end = start + numberAfterType(reply, at);
    names.push(reply.subarray(start, end));
    at = end + 2;
  }
  return at === reply.length ? { cursor, names } : null;
}

function lineAfter(reply: Buffer, at: number): number {
  return reply.indexOf(LF, at) + 1;
}
