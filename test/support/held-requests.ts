// Stands before a real server and keeps what one connection sends back, from a request on that a test names, until it lets go.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export class HeldRequests {
  readonly port: number;
  /** What comes with these bytes in it is held, and all that follows on that connection; null: nothing. */
  word: string | null = null;
  private held: { readonly from: Socket; readonly rest: Buffer[]; readonly to: Socket }[] = [];

  private constructor(port: number) {
    this.port = port;
  }

  /** On a port of its own; it ends with the test. */
  static async before(t: Pick<TestContext, 'after'>, server: number): Promise<HeldRequests> {
    const sockets = new Set<Socket>();
    const listener = createServer(socket => void gate.pass(socket, sockets, server));
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const gate = new HeldRequests((listener.address() as AddressInfo).port);
    t.after(() => {
      listener.close();
      for (const socket of sockets) socket.destroy();
    });
    return gate;
  }

  get count(): number {
    return this.held.length;
  }

  /** Lets go of all that is held, and holds nothing more. */
  release(): void {
    this.word = null;
    this.step();
  }

  /** Lets go of all that is held, but not of the next. */
  step(): void {
    const { held } = this;
    this.held = [];
    for (const { rest, to } of held) for (const bytes of rest) to.write(bytes);
  }

  private pass(socket: Socket, sockets: Set<Socket>, server: number): void {
    const to = connect(server, '127.0.0.1');
    for (const [one, other] of [
      [socket, to],
      [to, socket],
    ] as const) {
      sockets.add(one);
      one.setNoDelay(true);
      one.on('error', () => {});
      one.on('close', () => other.destroy());
    }
    to.on('data', bytes => socket.write(bytes));
    socket.on('data', (bytes: Buffer) => {
      const held = this.held.find(({ from }) => from === socket);
      if (held !== undefined) held.rest.push(bytes);
      else if (this.word !== null && bytes.includes(this.word)) this.held.push({ from: socket, rest: [bytes], to });
      else to.write(bytes);
    });
  }
}
