import type { TopicScope } from '../protocol/topics.ts';

/**
 * One message on its way from a server to all who have subscribed: the same bytes for each, but for the first, which differs
 * from one version of the protocol to the other.
 */
export class TopicMessage {
  private readonly bytes: Buffer;
  private others: Buffer | null = null;
  /** As it was last seen in a scope. */
  private scope: TopicScope | null = null;
  private seen: TopicMessage | null = null;

  /** `bytes` are never written to again. */
  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  /** The message as clients of `scope` read it; null: it is not for them. */
  seenIn(scope: TopicScope): TopicMessage | null {
    if (scope !== this.scope) {
      const bytes = scope.shownMessage(this.bytes);
      this.scope = scope;
      this.seen = bytes === null ? null : new TopicMessage(bytes);
    }
    return this.seen;
  }

  /** Of a message that begins with `firstByte`; never written to again. */
  beginningWith(firstByte: number): Buffer {
    if (this.bytes[0] === firstByte) return this.bytes;
    if (this.others === null) {
      this.others = Buffer.from(this.bytes);
      this.others[0] = firstByte;
    }
    return this.others;
  }
}
