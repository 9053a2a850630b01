import type { SourceMemory } from '../../protocol/bringing.ts';
import type { BackendConnection } from '../../upstream/backend-connection.ts';

interface Remembered extends SourceMemory {
  readonly era: number;
}

/** What is remembered of servers that keys come from, for as long as the connection lasts on which it was seen. */
export class SourceMemories {
  private memories = new WeakMap<BackendConnection, Remembered>();

  of(connection: BackendConnection): SourceMemory {
    const { era } = connection.stream;
    const known = this.memories.get(connection);
    return known?.era === era ? known : this.set(connection, era, -1);
  }

  /** `era`: of the connection's stream, when the server said it. */
  set(connection: BackendConnection, era: number, fencedFailures: number): SourceMemory {
    const memory = { era, fencedFailures };
    this.memories.set(connection, memory);
    return memory;
  }

  clear(): void {
    this.memories = new WeakMap();
  }
}
