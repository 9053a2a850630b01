// Holds a request that was read against the rights of the client's account, before anything is done for it.
import type { Account } from '../../accounts/account.ts';
import { errorResponse, opaqueOf, opcodeOf, STATUS_AUTH_ERROR } from './binary/binary-header.ts';
import type { ParsedRequest } from './parsed-request.ts';
import { ALLOWED, DENIED_COMMAND, type MemcachedPermissions } from './permissions.ts';
import { FORBIDDEN_COMMAND, FORBIDDEN_KEY } from './replies.ts';
import { type MemcachedSession, WIRE_BINARY } from './session.ts';

const NO_EXTRAS: readonly string[] = [];
/** What flags of `mg` do beside reading: create an item, give it another expiry time, or the client the task to renew it. */
const EXTRAS_OF_MG: Readonly<Record<number, string>> = { 78: 'add', 84: 'touch', 82: 'touch' };
/** Longer first arguments are no subject of rules. */
const MAX_ARGUMENT_BYTES = 64;

/** Makes an error of the request at `buf[start]` that was read into `out` if the client may not do it. */
export function checkAccount(
  out: ParsedRequest,
  session: MemcachedSession,
  { permissions, figures }: Account,
  buf: Buffer,
  start: number,
  next: number,
): void {
  const { command, keyCount, keyStarts, keyEnds } = out;
  const sent = out.rewritten ?? buf;
  const isBinary = session.wire === WIRE_BINARY;
  // What was rewritten has its prefix; rights are about what the client wrote.
  const prefixBytes = isBinary ? out.prefix.length : 0;
  const verdict = (permissions as MemcachedPermissions).check({
    command,
    extras: command === 'mg' && !isBinary ? extrasOfMg(out, buf) : NO_EXTRAS,
    firstArgument: argumentOf(
      sent,
      out.rewritten === null ? start : 0,
      out.rewritten === null ? next : out.rewrittenEnd,
    ),
    keyBuf: out.keyBuf ?? sent,
    ...{ prefixBytes, keyCount, keyStarts, keyEnds },
  });
  if (verdict === ALLOWED) return;
  figures.denied();
  out.keyCount = 0;
  out.transform = null;
  if (isBinary) out.answer(errorResponse(opcodeOf(buf, start), opaqueOf(buf, start), STATUS_AUTH_ERROR), next);
  else out.answerUnlessNoreply(verdict === DENIED_COMMAND ? FORBIDDEN_COMMAND : FORBIDDEN_KEY, next);
}

function extrasOfMg({ line }: ParsedRequest, buf: Buffer): readonly string[] {
  let extras = NO_EXTRAS;
  for (let i = 1; i < line.argCount; i++) {
    const extra = EXTRAS_OF_MG[buf[line.argStarts[i]!]!];
    if (extra !== undefined) extras = [...extras, extra];
  }
  return extras;
}

/** The second word of the line that is sent. */
function argumentOf(buf: Buffer, start: number, end: number): string {
  const line = buf.toString('latin1', start, Math.min(end, start + MAX_ARGUMENT_BYTES));
  return /^\S+ +(\S+)\s/.exec(line)?.[1] ?? '';
}
