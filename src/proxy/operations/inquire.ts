import type { AskClients, ClientInquiry } from '../../protocol/client-inquiry.ts';
import { Request } from '../../request/request.ts';
import type { RequestOrigin } from '../request-origin.ts';

/** A request that the workers answer together; the client's next ones do not wait for that. */
export function inquire(origin: RequestOrigin, inquiry: ClientInquiry, isSilent: boolean, ask: AskClients): void {
  const request = new Request(origin, 0);
  request.isSilent = isSilent;
  origin.enqueue(request);
  ask(inquiry.question, (answers, isWhole) => {
    const bytes = inquiry.reply(answers, isWhole);
    request.sink?.onReply(request, bytes, 0, bytes.length, true, null);
  });
}
