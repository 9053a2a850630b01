// A chat of two socket.io servers that know of each other through an adapter, and their clients.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { Server, type ServerOptions } from 'socket.io';
import { type Socket as ClientSocket, io as connectClient } from 'socket.io-client';
import { waitFor, within } from '../../support/wait-for.ts';

/** Starts a server of the chat: clients are in the room that their query names. `options` brings its adapter. */
export async function startChatServer(
  t: TestContext,
  options: () => Partial<ServerOptions> | Promise<Partial<ServerOptions>>,
): Promise<Server> {
  let server: Server | undefined;
  // Before the adapter's Redis clients end, which its last words go through: hooks run in the order of their making.
  t.after(() => server?.close());
  const http = createServer();
  server = new Server(http, await options());
  server.on('connection', socket => {
    void socket.join(String(socket.handshake.query.room));
    socket.on('say', text => server.to(String(socket.handshake.query.room)).emit('said', text));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return server;
}

export interface ChatClient {
  readonly socket: ClientSocket;
  /** What it heard, in order. */
  readonly heard: string[];
}

/** Connects a client to the server, in this room. */
export async function joinChat(t: TestContext, server: Server, room: string): Promise<ChatClient> {
  const { port } = server.httpServer.address() as AddressInfo;
  const socket = connectClient(`http://127.0.0.1:${port}`, {
    transports: ['websocket'],
    query: { room },
    forceNew: true,
  });
  const heard: string[] = [];
  socket.on('said', text => heard.push(text));
  socket.on('question', (_, answer) => answer(`${room} hears`));
  t.after(() => socket.disconnect());
  await within(next(socket, 'connect'), { what: 'a client to be connected' });
  return { socket, heard };
}

/** Resolves with what comes with the next `event`. */
export function next(socket: ClientSocket, event: string): Promise<unknown> {
  return new Promise(resolve => socket.once(event, resolve));
}

/** What any adapter has to do between two servers. */
export async function tryChat(t: TestContext, servers: readonly [Server, Server]): Promise<void> {
  const [here, there] = servers;
  const ada = await joinChat(t, here, 'red');
  const bob = await joinChat(t, there, 'red');
  const eve = await joinChat(t, there, 'blue');
  await waitFor(async () => (await here.fetchSockets()).length === 3, { what: 'three clients known here' });

  // Some hundred messages in order, from both sides, to one room.
  for (let i = 0; i < 100; i++) {
    ada.socket.emit('say', `a${i}`);
    bob.socket.emit('say', `b${i}`);
  }
  for (const { heard } of [ada, bob]) {
    await waitFor(() => heard.length >= 200, { what: 'two hundred messages' });
    for (const name of ['a', 'b']) {
      assert.deepEqual(
        heard.filter(text => text.startsWith(name)),
        Array.from({ length: 100 }, (_, i) => `${name}${i}`),
      );
    }
  }
  assert.deepEqual(eve.heard, []);

  // Binary, to everybody but a room.
  const bytes = Buffer.from([0, 1, 2, 255]);
  const binary = next(eve.socket, 'bytes');
  here.except('red').emit('bytes', bytes);
  assert.deepEqual(await within(binary, { what: 'the bytes' }), bytes);

  // Acknowledgements of clients of both servers, and of the other server.
  const answers = await here.timeout(5000).emitWithAck('question', 'hello?');
  assert.deepEqual((answers as string[]).sort(), ['blue hears', 'red hears', 'red hears']);
  there.on('which', (answer: (text: string) => void) => answer('there'));
  assert.deepEqual(await here.serverSideEmitWithAck('which'), ['there']);

  // Rooms are changed from afar, and clients cut off.
  here.in('blue').socketsJoin('red');
  await waitFor(async () => (await here.in('red').fetchSockets()).length === 3, { what: 'the third in the room' });
  here.to('red').emit('said', 'to all');
  await waitFor(() => eve.heard.includes('to all'), { what: 'the message to the third' });
  const cut = next(bob.socket, 'disconnect');
  here.in(bob.socket.id!).disconnectSockets(true);
  await within(cut, { what: 'the end of a client' });
}
