import type { ServerResponse } from 'node:http';

const STREAMS_MAX = 1024;
/** Who has so much unread is cut off: it would have the rest in our memory. */
const UNREAD_MAX_BYTES = 64 * 1024;

/** Server-sent events: the same bytes to all who listen, made once. */
export class EventStream {
  private readonly listeners = new Set<ServerResponse>();

  get isFull(): boolean {
    return this.listeners.size >= STREAMS_MAX;
  }

  get hasListeners(): boolean {
    return this.listeners.size > 0;
  }

  /** Gives it all that is sent from now on, until it goes. */
  accept(response: ServerResponse): void {
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      connection: 'close',
      'x-content-type-options': 'nosniff',
    });
    response.flushHeaders();
    this.listeners.add(response);
    response.once('close', () => this.listeners.delete(response));
    response.on('error', () => response.destroy());
  }

  /** `data`: for JSON. */
  send(event: string, data: object): void {
    if (!this.hasListeners) return;
    const bytes = Buffer.from(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    for (const response of this.listeners) {
      if (response.writableLength > UNREAD_MAX_BYTES) response.destroy();
      else response.write(bytes);
    }
  }
}
