import type { BringWords } from '../../protocol/bringing.ts';
import { Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import type { Backend } from '../../upstream/backend.ts';
import type { BackendConnection } from '../../upstream/backend-connection.ts';
import { WholeReply } from './bring-task.ts';
import type { SourceMemories } from './source-memories.ts';

interface Count {
  readonly connection: BackendConnection;
  readonly era: number;
  readonly failures: number;
}

/**
 * Asks servers, at once, how many steps have failed half-way. When all that these had left on its way is seen to have arrived,
 * `keep` spares the first keys that are brought a fence of their own. Whoever has not answered by then is fenced by them.
 */
export class FailureCounts {
  private readonly sources: SourceMemories;
  private readonly counts: Count[] = [];

  constructor(backends: readonly Backend[], { failures, variantOf, replyKind }: BringWords, sources: SourceMemories) {
    this.sources = sources;
    if (failures === null) return;
    const { request, countOf } = failures;
    const variant = variantOf(0);
    for (const backend of backends) {
      const connection = backend.connectionFor(variant, variant);
      const sink = new WholeReply(reply => {
        if (reply === null) return;
        this.counts.push({ connection, era: connection.stream.era, failures: countOf(reply) });
      });
      connection.send(new Request(sink, replyKind), new RequestBytes().set(request, 0, request.length, null), null);
    }
  }

  keep(): void {
    for (const { connection, era, failures } of this.counts) this.sources.set(connection, era, failures);
  }
}
