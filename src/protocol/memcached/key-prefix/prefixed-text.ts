import { chained } from '../../chained-transform.ts';
import { ROUTE_ALL, ROUTE_LOCAL, ROUTE_SPLIT } from '../../routes.ts';
import { KIND_FLUSH, KIND_GAT, KIND_GET, KIND_META_DEBUG, KIND_META_GET, KIND_VERBOSITY } from '../command-table.ts';
import type { MetaFlags } from '../meta/meta-flags.ts';
import type { ParsedRequest } from '../parsed-request.ts';
import { BAD_EXPTIME, BAD_FORMAT, LINE_TOO_LONG_REPLY, REQUEST_TOO_LARGE } from '../replies.ts';
import { MAX_LINE_BYTES } from '../request-line.ts';
import { isExptime } from '../storage-header.ts';
import { ValuesCoalescer } from '../values-coalescer.ts';
import { DELAYED_FLUSH_TEXT, FlushKeys } from './flush-keys.ts';
import { MetaKey } from './meta-key.ts';
import { KEY_TOO_LONG, LINE_TOO_LONG, writePrefixed } from './prefixed-line.ts';
import { ValueKeys } from './value-keys.ts';

const NOT_ALLOWED = ' not allowed\r\n';
const DELAYED_FLUSH = Buffer.from(`CLIENT_ERROR ${DELAYED_FLUSH_TEXT}\r\n`);
/** memcached's words where an operator has switched something off. */
const VERBOSITY_NOT_ALLOWED = Buffer.from(`CLIENT_ERROR verbosity${NOT_ALLOWED}`);
const STATS_NOT_ALLOWED = Buffer.from(`CLIENT_ERROR stats of keys and items${NOT_ALLOWED}`);
const SETTINGS = 'settings';

/** A line of text or a meta command that was read: its keys get the prefix, and the reply loses it; or it is answered. */
export function prefixText(
  out: ParsedRequest,
  prefix: Buffer,
  buf: Buffer,
  start: number,
  next: number,
  maxGetLineBytes: number,
  flags: MetaFlags,
): void {
  const { line, route, keyCount } = out;
  const { kind } = line.command!;
  if (route === ROUTE_LOCAL) return;
  if (route === ROUTE_ALL) {
    prefixOfAll(out, prefix, buf, kind, next);
    return;
  }
  if (keyCount === 0) return;
  const isGet = kind === KIND_GET || kind === KIND_GAT;
  const maxLineBytes = kind === KIND_GET ? maxGetLineBytes : MAX_LINE_BYTES - 1;
  const written = writePrefixed(out, prefix, buf, start, next, maxLineBytes);
  if (written === KEY_TOO_LONG) out.answerUnlessNoreply(BAD_FORMAT, next);
  else if (written === LINE_TOO_LONG) out.answerUnlessNoreply(isGet ? REQUEST_TOO_LARGE : LINE_TOO_LONG_REPLY, next);
  else if (isGet) {
    out.transform = new ValueKeys(prefix);
    if (route === ROUTE_SPLIT) {
      out.coalescer = new ValuesCoalescer(out.rewritten!, line.argStarts[0]!, line.argEnds[keyCount - 1]!);
    }
  } else if (kind === KIND_META_DEBUG || (kind >= KIND_META_GET && flags.returnsKey)) {
    out.transform = chained(out.transform, new MetaKey(prefix));
  }
}

/** What all servers are asked, or told: of figures only those that name no key. */
function prefixOfAll(out: ParsedRequest, prefix: Buffer, buf: Buffer, kind: number, next: number): void {
  const { line } = out;
  if (kind === KIND_FLUSH) flush(out, prefix, buf, next);
  else if (kind === KIND_VERBOSITY) out.answerUnlessNoreply(VERBOSITY_NOT_ALLOWED, 0);
  else if (line.argCount > 0 && buf.toString('latin1', line.argStarts[0], line.argEnds[0]) !== SETTINGS) {
    out.answer(STATS_NOT_ALLOWED, 0);
  }
}

/** `flush_all [<delay>] [noreply]`; a delay below 0 is none. */
function flush(out: ParsedRequest, prefix: Buffer, buf: Buffer, next: number): void {
  const { line } = out;
  const delays = line.argCount - (out.isNoreply ? 1 : 0);
  const [start, end] = [line.argStarts[0]!, line.argEnds[0]!];
  if (delays > 0 && !isExptime(buf, start, end)) out.answerUnlessNoreply(BAD_EXPTIME, next);
  else if (delays > 0 && Number(buf.toString('latin1', start, end)) > 0) out.answerUnlessNoreply(DELAYED_FLUSH, next);
  else out.sweepKeys(new FlushKeys(prefix), next);
}
