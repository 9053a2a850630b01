import type { Request, RequestCommand } from '../../request/request.ts';
import type { ClientHost } from '../client-host.ts';

/** A request was answered with a large reply: its key is remembered, where it is known yet. */
export function noteLargeReply(host: ClientHost, request: Request, command: RequestCommand, replyBytes: number): void {
  const { keyAt, keyBytes, readAtUs } = request;
  if (keyBytes === 0) return;
  const key = host.keyTrail.find(keyAt, keyBytes, (host.clock.nowUs - readAtUs) >>> 0);
  if (key !== null) host.watch.onLargeReply(key, command.name, replyBytes);
}
