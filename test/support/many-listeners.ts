import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { waitFor } from './wait-for.ts';

/** Connections begun at a time. */
const CONNECTING = 200;

/** Thousands of clients that subscribe to one channel and count what they read: a `RawClient` would take 64 KiB for each. */
export class ManyListeners {
  private readonly sockets: Socket[] = [];
  /** What each of them has read. */
  private readonly read: Buffer[] = [];

  static async connect(port: number, count: number): Promise<ManyListeners> {
    const listeners = new ManyListeners();
    while (listeners.sockets.length < count) {
      const more = Math.min(CONNECTING, count - listeners.sockets.length);
      const sockets = Array.from({ length: more }, () => connect(port, '127.0.0.1'));
      await Promise.all(sockets.map(socket => once(socket, 'connect')));
      for (const socket of sockets) listeners.add(socket);
    }
    return listeners;
  }

  send(bytes: Buffer): void {
    for (const socket of this.sockets) socket.write(bytes);
  }

  /** Resolves once each has read just this since the last time, and rejects once one has read something else. */
  async allHave(wanted: Buffer, timeoutMs = 60_000): Promise<void> {
    const have = () => {
      for (const bytes of this.read) {
        if (bytes.length > wanted.length) throw new Error(`a listener has read ${bytes.toString('latin1')}`);
        if (bytes.length < wanted.length) return false;
        if (!bytes.equals(wanted)) throw new Error(`a listener has read ${bytes.toString('latin1')}`);
      }
      return true;
    };
    await waitFor(async () => have(), { what: `each to have read ${wanted.length} bytes`, timeoutMs });
    this.read.fill(Buffer.alloc(0));
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private add(socket: Socket): void {
    const at = this.sockets.push(socket) - 1;
    this.read.push(Buffer.alloc(0));
    socket.on('data', (bytes: Buffer) => {
      const before = this.read[at] as Buffer;
      this.read[at] = before.length === 0 ? bytes : Buffer.concat([before, bytes]);
    });
    socket.on('error', () => {});
  }
}
