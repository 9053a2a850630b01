import { ErrorReply, type Reply } from './reply-traits.ts';

const CR = 13;

/** Takes what a server says in RESP2, piece by piece, apart into replies. */
export class ReplyReader {
  private rest: Buffer = Buffer.alloc(0);
  private at = 0;

  /** The replies that are whole now. Throws an Error for what is no RESP2. */
  read(bytes: Buffer): Reply[] {
    this.rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    const replies: Reply[] = [];
    let done = 0;
    for (;;) {
      this.at = done;
      const reply = this.next();
      if (reply === undefined) break;
      replies.push(reply);
      done = this.at;
    }
    this.rest = this.rest.subarray(done);
    return replies;
  }

  /** undefined: there is more to come. */
  private next(): Reply | undefined {
    const { rest } = this;
    const end = rest.indexOf(CR, this.at);
    if (end < 0 || end + 1 >= rest.length) return undefined;
    const type = String.fromCharCode(rest[this.at]!);
    const line = rest.subarray(this.at + 1, end);
    this.at = end + 2;
    switch (type) {
      case '+':
        return Buffer.from(line);
      case '-':
        return new ErrorReply(line.toString());
      case ':':
        return Number(line.toString());
      case '$':
        return this.bulk(Number(line.toString()));
      case '*':
        return this.list(Number(line.toString()));
      default:
        throw new Error(`a reply begins with ${JSON.stringify(type)}`);
    }
  }

  private bulk(length: number): Reply | undefined {
    if (length < 0) return null;
    const start = this.at;
    if (start + length + 2 > this.rest.length) return undefined;
    this.at = start + length + 2;
    return this.rest.subarray(start, start + length);
  }

  private list(count: number): Reply | undefined {
    if (count < 0) return null;
    const items: Reply[] = [];
    while (items.length < count) {
      const item = this.next();
      if (item === undefined) return undefined;
      items.push(item);
    }
    return items;
  }
}
