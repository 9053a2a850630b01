// INFO of a pool: what its servers say of themselves, as if they were one, and a section about Ringmaster.
import type { FailureReason } from '../../../request/failure.ts';
import type { ReplyOut } from '../../../request/request.ts';
import type { ParserOptions } from '../../parser-options.ts';
import type { Coalescer } from '../../protocol.ts';
import type { RequestArgs } from '../request-args.ts';
import { failureReply } from '../request-errors.ts';
import { EQUALS, encodeReply, isErrorReply, LF, type RespVersion, VerbatimText } from '../resp.ts';
import { mergeInfo } from './info-merge.ts';

const OURS = 'ringmaster';
const ALL = ['all', 'default', 'everything'];

/** The sections that a request asks for, as far as Ringmaster has to know. */
export interface InfoAsked {
  /** `# Ringmaster` is among them, … */
  readonly isOurs: boolean;
  /** … and nothing else. */
  readonly isOnlyOurs: boolean;
}

/** INFO [section …]. */
export function infoAsked(args: RequestArgs): InfoAsked {
  if (args.count === 1) return { isOurs: true, isOnlyOurs: false };
  let isOurs = false;
  let isOnlyOurs = true;
  for (let i = 1; i < args.count; i++) {
    if (args.isWord(i, OURS)) isOurs = true;
    else isOnlyOurs = false;
    if (ALL.some(word => args.isWord(i, word))) isOurs = true;
  }
  return { isOurs, isOnlyOurs };
}

/** The section `# Ringmaster`; `answering`: of the servers, -1 when none was asked. */
function section(options: ParserOptions, answering: number): string {
  const servers = options.rules?.serverNames ?? [];
  const lines = [
    '# Ringmaster',
    `ringmaster_version:${options.version}`,
    `ringmaster_pool:${options.poolName}`,
    `ringmaster_servers:${servers.length}`,
    ...(answering < 0 ? [] : [`ringmaster_servers_answering:${answering}`]),
    `ringmaster_worker_process_id:${process.pid}`,
    `ringmaster_worker_uptime_in_seconds:${Math.floor(process.uptime())}`,
  ];
  return `${lines.join('\r\n')}\r\n`;
}

/** The reply where nobody need be asked. */
export function ownInfoReply(options: ParserOptions, version: RespVersion): Buffer {
  return encodeReply(new VerbatimText(section(options, -1)), version);
}

/** Makes one text of those of the servers. One that does not answer is left out, unless none does. */
export class InfoCoalescer implements Coalescer {
  private readonly options: ParserOptions;
  private readonly version: RespVersion;
  private readonly isOurs: boolean;
  private readonly hidesAllKeys: boolean;
  private readonly isCluster: boolean;

  /** `hidesAllKeys`: the sections that count keys and commands are left out. */
  constructor(options: ParserOptions, version: RespVersion, isOurs: boolean, hidesAllKeys: boolean) {
    this.options = options;
    this.hidesAllKeys = hidesAllKeys;
    this.version = version;
    this.isOurs = isOurs;
    // What the pool is to its clients, whatever the servers are.
    this.isCluster = (options.rules?.presentedCluster ?? null) !== null;
  }

  failedPart(reason: FailureReason): Buffer {
    return failureReply(reason);
  }

  merge(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): void {
    const answers = parts.filter(part => !isErrorReply(part));
    if (answers.length === 0) {
      out.appendOwned(parts[0]!);
      return;
    }
    const texts = answers.map(answer => (this.hidesAllKeys ? withoutAllKeys(textOf(answer)) : textOf(answer)));
    const merged = texts.length === 1 ? texts[0]! : mergeInfo(texts);
    const theirs = merged.replace(/^cluster_enabled:[01](?=\r$)/m, `cluster_enabled:${this.isCluster ? 1 : 0}`);
    const pieces = this.isOurs ? [theirs, section(this.options, answers.length)] : [theirs];
    out.appendOwned(encodeReply(new VerbatimText(pieces.filter(text => text !== '').join('\r\n')), this.version));
  }
}

/** Of a bulk string, or of a verbatim string, which has its format in front. */
function textOf(part: Buffer): string {
  const start = part.indexOf(LF) + 1;
  return part.toString('utf8', part[0] === EQUALS ? start + FORMAT_BYTES : start, part.length - 2);
}

const OF_ALL_KEYS: ReadonlySet<string> = new Set([
  'Keyspace',
  'Keysizes',
  'Commandstats',
  'Latencystats',
  'Errorstats',
  'Stats',
]);

function withoutAllKeys(text: string): string {
  const sections = text.split(/(?<=\r\n)\r\n(?=# )/);
  return sections.filter(each => !OF_ALL_KEYS.has(/^# (\w+)/.exec(each)?.[1] ?? '')).join('\r\n');
}

/** `txt:`. */
const FORMAT_BYTES = 4;
