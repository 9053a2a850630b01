import { INCOMPLETE } from '../../protocol.ts';
import { ROUTE_KEY } from '../../routes.ts';
import { decodeBase64 } from '../base64.ts';
import {
  KIND_META_ARITHMETIC,
  KIND_META_DEBUG,
  KIND_META_GET,
  KIND_META_NOOP,
  KIND_META_STORE,
} from '../command-table.ts';
import type { ParsedRequest } from '../parsed-request.ts';
import {
  BAD_DATA_CHUNK,
  BAD_FORMAT,
  DUPLICATE_FLAG,
  INVALID_OR_DUPLICATE_FLAG,
  MN,
  OBJECT_TOO_LARGE,
  TOO_MANY_FLAGS,
  TOO_MANY_FLAGS_GET,
} from '../replies.ts';
import { REPLY_META, REPLY_META_STORED } from '../reply-scanner.ts';
import { MAX_KEY_BYTES } from '../request-line.ts';
import { hasBadClientFlags, MAX_META_STORE_FLAGS, metaDataBytes } from '../storage-header.ts';
import { MetaFlags } from './meta-flags.ts';
import { QUIET_ARITHMETIC, QUIET_CHANGE, QUIET_GET, QuietReply } from './quiet-reply.ts';

const CR = 13;
const LF = 10;

/** Flags that memcached 1.6.18 takes. */
const MAX_FLAGS = 17;

/**
 * Reads meta commands, whose lines are those of text. They go to the server as they are, but for the flag `q`: the server is
 * always asked for its reply, and what the client does not want to see is dropped. What is wrong with a line is for the
 * server to say in its own words, except where it would not read the data block or where `q` itself is wrong.
 */
export class MetaRequests {
  private readonly maxRequestBytes: number;
  readonly flags = new MetaFlags();
  /** Where a key that came as base64 lies decoded, for the hash. */
  private readonly key = Buffer.allocUnsafe(MAX_KEY_BYTES);

  constructor(maxRequestBytes: number) {
    this.maxRequestBytes = maxRequestBytes;
  }

  /** The line of `out` begins at `buf[start]` and ends before `lineEnd`; its command is a meta command. */
  parse(out: ParsedRequest, buf: Buffer, start: number, lineEnd: number, end: number): number {
    const { line } = out;
    const kind = line.command!.kind;
    if (kind === KIND_META_NOOP) return out.answer(MN, lineEnd);
    if (line.argCount === 0 || line.hasNul || line.argEnds[0]! - line.argStarts[0]! > MAX_KEY_BYTES) {
      return out.answer(BAD_FORMAT, lineEnd);
    }
    if (kind === KIND_META_STORE) return this.parseStore(out, buf, start, lineEnd, end);
    const { flags } = this;
    flags.read(line, buf, 1);
    if (kind !== KIND_META_DEBUG) {
      if (line.argCount - 1 > MAX_FLAGS) {
        return out.answer(kind === KIND_META_GET ? TOO_MANY_FLAGS_GET : TOO_MANY_FLAGS, lineEnd);
      }
      if (flags.hasTwoQuiet) {
        return out.answer(kind === KIND_META_GET ? DUPLICATE_FLAG : INVALID_OR_DUPLICATE_FLAG, lineEnd);
      }
      this.dropQuiet(out, buf, kind);
    }
    return this.forward(out, buf, REPLY_META, lineEnd);
  }

  private parseStore(out: ParsedRequest, buf: Buffer, start: number, lineEnd: number, end: number): number {
    const { line } = out;
    const dataBytes = metaDataBytes(line, buf);
    if (dataBytes < 0)
      return out.answer(line.argCount - 2 > MAX_META_STORE_FLAGS ? TOO_MANY_FLAGS : BAD_FORMAT, lineEnd);
    const next = lineEnd + dataBytes + 2;
    const { flags } = this;
    flags.read(line, buf, 2);
    if (next - start > this.maxRequestBytes) return out.answer(OBJECT_TOO_LARGE, next);
    if (next > end) return INCOMPLETE;
    if (flags.hasTwoQuiet) return out.answer(DUPLICATE_FLAG, next);
    if (hasBadClientFlags(line, buf)) return out.answer(BAD_FORMAT, next);
    if (buf[next - 2] !== CR || buf[next - 1] !== LF) return out.answer(BAD_DATA_CHUNK, next);
    this.dropQuiet(out, buf, KIND_META_STORE);
    return this.forward(out, buf, REPLY_META_STORED, next);
  }

  /** Leaves out `q`, with the space before it. */
  private dropQuiet(out: ParsedRequest, buf: Buffer, kind: number): void {
    const { quiet } = this.flags;
    if (quiet < 0) return;
    const { argStarts, argEnds } = out.line;
    out.cutStart = argStarts[quiet]! - 1;
    out.cutEnd = argEnds[quiet]!;
    // A word that ends in a CR would lose it to the bare LF behind the cut: the space between them stays.
    if (buf[out.cutStart - 1] === CR && buf[out.cutEnd] === LF) out.cutStart++;
    out.transform = new QuietReply(quietKind(kind));
  }

  /** To the server of the key; of one that is no base64 to any: it says so. */
  private forward(out: ParsedRequest, buf: Buffer, replyKind: number, next: number): number {
    out.keyCount = 1;
    if (this.flags.isBase64) {
      const { argStarts, argEnds } = out.line;
      const decodedEnd = decodeBase64(buf, argStarts[0]!, argEnds[0]!, this.key, 0);
      if (decodedEnd > 0) out.setKey(this.key, 0, decodedEnd);
      // With a prefix in front it might be base64 of something else.
      else if (out.prefix.length > 0) out.setKey(this.key, 0, 0);
    }
    return out.forward(ROUTE_KEY, replyKind, next);
  }
}

function quietKind(kind: number): number {
  switch (kind) {
    case KIND_META_GET:
      return QUIET_GET;
    case KIND_META_ARITHMETIC:
      return QUIET_ARITHMETIC;
    default:
      return QUIET_CHANGE;
  }
}
