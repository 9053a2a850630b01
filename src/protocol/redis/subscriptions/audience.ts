// Who listens, asked of all servers: PUBSUB's subcommands, and the number that PUBLISH answers with. A server sees each worker as
// one subscriber of a topic; the worker adds its own clients.
import type { FailureReason } from '../../../request/failure.ts';
import type { ReplyOut } from '../../../request/request.ts';
import type { Coalescer } from '../../protocol.ts';
import type { ReplyTransform, TransformOut } from '../../reply-transform.ts';
import type { Listeners, TopicKind } from '../../topics.ts';
import { ErrorFirstCoalescer } from '../coalescers.ts';
import { CR, DOLLAR, encodeReply, LF } from '../resp.ts';

type Value = Buffer | number;

/** The elements of an array of bulk strings and integers; null: it is none. */
function valuesOf(reply: Buffer): Value[] | null {
  const values: Value[] = [];
  let at = reply.indexOf(LF) + 1;
  while (at < reply.length) {
    const end = reply.indexOf(CR, at);
    const number = Number(reply.toString('latin1', at + 1, end));
    if (end < 0 || Number.isNaN(number)) return null;
    if (reply[at] === DOLLAR) {
      values.push(reply.subarray(end + 2, end + 2 + number));
      at = end + 2 + number + 2;
    } else {
      values.push(number);
      at = end + 2;
    }
  }
  return values;
}

/** CHANNELS, SHARDCHANNELS: those of all servers, each once. */
class UnionCoalescer extends ErrorFirstCoalescer {
  protected override mergeValues(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): boolean {
    const names = new Map<string, Buffer>();
    for (const part of parts) {
      for (const name of valuesOf(part) ?? []) if (typeof name !== 'number') names.set(name.toString('latin1'), name);
    }
    out.appendOwned(parts.length === 1 ? parts[0]! : encodeReply([...names.values()]));
    return true;
  }
}

/** NUMPAT: each pattern is known to all servers. */
class MostCoalescer extends ErrorFirstCoalescer {
  protected override mergeValues(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): boolean {
    const counts = parts.map(part => Number(part.toString('latin1', 1, part.length - 2)));
    if (counts.some(Number.isNaN)) return false;
    out.appendOwned(encodeReply(Math.max(...counts)));
    return true;
  }
}

/** NUMSUB, SHARDNUMSUB: a name and its count in turns; where more than one server has a channel, it is the same subscribers'. */
class CountsCoalescer extends ErrorFirstCoalescer {
  protected override mergeValues(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): boolean {
    const lists = parts.map(valuesOf);
    const [first] = lists;
    if (!first || lists.some(list => list?.length !== first.length)) return false;
    const most = first.map((value, i) =>
      typeof value === 'number' ? Math.max(...lists.map(list => Number(list![i]))) : value,
    );
    out.appendOwned(parts.length === 1 ? parts[0]! : encodeReply(most));
    return true;
  }
}

const union = new UnionCoalescer();
const counts = new CountsCoalescer();

/** By the name of the subcommand. */
export const AUDIENCE_COALESCERS: Readonly<Record<string, Coalescer>> = {
  'pubsub|channels': union,
  'pubsub|numpat': new MostCoalescer(),
  'pubsub|numsub': counts,
  'pubsub|shardchannels': union,
  'pubsub|shardnumsub': counts,
};

/** Keeps a small reply until it is whole. */
abstract class WholeReply implements ReplyTransform {
  protected readonly listeners: Listeners;
  protected readonly kind: TopicKind;
  private readonly pieces: Buffer[] = [];

  constructor(listeners: Listeners, kind: TopicKind) {
    this.listeners = listeners;
    this.kind = kind;
  }

  piece(buf: Buffer, start: number, end: number, isLast: boolean, out: TransformOut): void {
    this.pieces.push(Buffer.from(buf.subarray(start, end)));
    if (!isLast) return;
    const whole = Buffer.concat(this.pieces);
    const changed = this.change(whole) ?? whole;
    out.append(changed, 0, changed.length);
  }

  failure(_reason: FailureReason): null {
    return null;
  }

  protected abstract change(reply: Buffer): Buffer | null;
}

/** PUBLISH: the number of those who got the message. */
export class PublicationReply extends WholeReply {
  private readonly name: string;

  constructor(listeners: Listeners, kind: TopicKind, name: string) {
    super(listeners, kind);
    this.name = name;
  }

  protected override change(reply: Buffer): Buffer | null {
    const heard = /^:(\d+)\r\n$/.exec(reply.toString('latin1'))?.[1];
    if (heard === undefined) return null;
    return encodeReply(Number(heard) + this.listeners.beyondOne(this.kind, this.name, true));
  }
}

/** NUMSUB: the numbers of those who are subscribed. */
export class AudienceReply extends WholeReply {
  protected override change(reply: Buffer): Buffer | null {
    const values = /^[*%]/.test(reply.toString('latin1', 0, 1)) ? valuesOf(reply) : null;
    if (values === null) return null;
    let name = '';
    const changed = values.map(value => {
      if (typeof value === 'number') return value + this.listeners.beyondOne(this.kind, name, false);
      name = value.toString('latin1');
      return value;
    });
    return Buffer.concat([reply.subarray(0, reply.indexOf(LF) + 1), ...changed.map(value => encodeReply(value))]);
  }
}
