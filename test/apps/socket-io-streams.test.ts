// @socket.io/redis-streams-adapter: servers of socket.io read each other's messages from a stream, blocking.
import assert from 'node:assert/strict';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { Redis } from 'ioredis';
import { waitFor, within } from '../support/wait-for.ts';
import { joinChat, next, startChatServer, tryChat } from './support/chat.ts';
import { connectIoredis } from './support/ioredis-client.ts';
import { connectNodeRedis } from './support/node-redis-client.ts';
import { forEachPool, SHARDED } from './support/pools.ts';

const connect = connectIoredis(Redis);

forEachPool('socket-io-streams', { pools: SHARDED, leavesRejections: true }, appTest => {
  appTest('two servers are one chat, with ioredis', async (t, pool) => {
    const start = () => startChatServer(t, () => ({ adapter: createAdapter(connect(t, pool)) }));
    await tryChat(t, [await start(), await start()]);
  });

  appTest('two servers are one chat, with node-redis', async (t, pool) => {
    const start = () => startChatServer(t, async () => ({ adapter: createAdapter(await connectNodeRedis(t, pool)) }));
    await tryChat(t, [await start(), await start()]);
  });

  appTest('a client that was cut off is told what it missed', async (t, pool) => {
    const server = await startChatServer(t, () => ({
      adapter: createAdapter(connect(t, pool)),
      connectionStateRecovery: { maxDisconnectionDuration: 60_000 },
    }));
    const { socket, heard } = await joinChat(t, server, 'red');
    server.to('red').emit('said', 'before');
    await waitFor(() => heard.length === 1, { what: 'the first message' });
    const cut = next(socket, 'disconnect');
    socket.io.engine.close();
    await within(cut, { what: 'the end of the connection' });
    server.to('red').emit('said', 'meanwhile');
    await waitFor(() => heard.length === 2, { what: 'the message of meanwhile' });
    assert.deepEqual([heard, socket.recovered], [['before', 'meanwhile'], true]);
  });
});
