import type { TopicScope } from '../../topics.ts';
import { EventScope } from './event-scope.ts';

/** What the names of some clients begin with on the servers, and nowhere else. */
export class KeyPrefix {
  readonly bytes: Buffer;
  /** Topics as these clients know them. */
  readonly scope: TopicScope;

  /** `text`: see `keyPrefix` in settings/key-prefix.ts. */
  constructor(text: string) {
    this.bytes = Buffer.from(text, 'latin1');
    this.scope = new EventScope(this.bytes);
  }
}
