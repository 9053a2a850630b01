// FUNCTION over all servers of a pool: what they have taken is remembered, and what they have is told as one.
import type { ReplyOut } from '../../../request/request.ts';
import { INCOMPLETE, MALFORMED } from '../../protocol.ts';
import type { Gift, Remedy } from '../../remedy.ts';
import { ErrorFirstCoalescer, SameCoalescer } from '../coalescers.ts';
import type { Command } from '../commands/command.ts';
import { RedisReplyScanner } from '../reply-scanner.ts';
import type { RequestArgs } from '../request-args.ts';
import { CR, LF, PERCENT, STAR } from '../resp.ts';
import type { FunctionLibraries } from './function-libraries.ts';

const NOT_FOUND = '-ERR Function not found';

/** FCALL of a function that a server may lack. */
export class MissingFunction implements Remedy {
  readonly isGivenAhead = true;
  /** They have those of their primary, and take none from others. */
  readonly isForReplicas = false;
  private readonly libraries: FunctionLibraries;
  private readonly name: Buffer;

  /** `name`: of the function; it is copied. */
  constructor(libraries: FunctionLibraries, name: Buffer) {
    this.libraries = libraries;
    this.name = Buffer.from(name);
  }

  get gifts(): readonly Gift[] {
    return this.libraries.with(this.name);
  }

  isLacking(buf: Buffer, start: number, end: number): boolean {
    return buf.toString('latin1', start, Math.min(end, start + NOT_FOUND.length)) === NOT_FOUND;
  }

  isLackingInside(buf: Buffer, start: number, end: number): boolean {
    const at = buf.indexOf(NOT_FOUND, start, 'latin1');
    return at >= 0 && at < end;
  }
}

/** A change of the libraries, which counts once all servers have made it. */
export class LibraryChange extends SameCoalescer {
  private readonly onDone: () => void;

  constructor(onDone: () => void) {
    super();
    this.onDone = onDone;
  }

  protected override mergeValues(parts: readonly Buffer[], owners: Int32Array, out: ReplyOut): boolean {
    this.onDone();
    return super.mergeValues(parts, owners, out);
  }
}

/** What the request does to the libraries when servers do it; null: nothing. Its arguments are copied. */
export function libraryChange(command: Command, args: RequestArgs, libraries: FunctionLibraries): (() => void) | null {
  switch (command.name) {
    case 'function|load': {
      const code = Buffer.from(args.bytes(args.count - 1));
      return () => libraries.loaded(code);
    }
    case 'function|restore': {
      const dump = Buffer.from(args.bytes(2));
      const isAdded = args.count < 4 || !args.isWord(3, 'flush');
      return () => libraries.restored(dump, isAdded);
    }
    case 'function|delete': {
      const name = args.text(2);
      return () => libraries.deleted(name);
    }
    case 'function|flush':
      return () => libraries.flushed();
    default:
      return null;
  }
}

/** FUNCTION LIST: each library once, as the first server that has it tells of it. */
export class LibrariesCoalescer extends ErrorFirstCoalescer {
  protected override mergeValues(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): boolean {
    if (parts.length === 1) {
      out.appendOwned(parts[0]!);
      return true;
    }
    const found = new Map<string, Buffer>();
    for (const part of parts) {
      if (part[0] !== STAR) return false;
      for (const element of elementsOf(part)) {
        const name = libraryName(element);
        if (!found.has(name)) found.set(name, element);
      }
    }
    out.appendOwned(Buffer.from(`*${found.size}\r\n`));
    for (const element of found.values()) out.appendOwned(element);
    return true;
  }
}

/** FUNCTION STATS: of a server that runs a script, else of the first. */
export class FunctionStatsCoalescer extends ErrorFirstCoalescer {
  protected override mergeValues(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): boolean {
    const running = parts.find(part => isRunning(part));
    out.appendOwned(running ?? parts[0]!);
    return true;
  }
}

function isRunning(part: Buffer): boolean {
  const at = part.indexOf(RUNNING);
  const type = at < 0 ? 0 : part[at + RUNNING.length];
  return type === STAR || type === PERCENT;
}

const RUNNING = Buffer.from('running_script\r\n');
const NAME = Buffer.from('library_name\r\n$');

function libraryName(element: Buffer): string {
  const at = element.indexOf(NAME);
  if (at < 0) return element.toString('latin1');
  const start = element.indexOf(LF, at + NAME.length) + 1;
  return element.toString('latin1', start, element.indexOf(CR, start));
}

/** Of a whole array. */
function elementsOf(part: Buffer): Buffer[] {
  const scanner = new RedisReplyScanner();
  const elements: Buffer[] = [];
  for (let at = part.indexOf(LF) + 1; at < part.length; ) {
    scanner.begin(0);
    const end = scanner.scan(part, at, part.length);
    if (end === INCOMPLETE || end === MALFORMED) break;
    elements.push(part.subarray(at, end));
    at = end;
  }
  return elements;
}
