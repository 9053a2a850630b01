// @socket.io/redis-adapter: servers of socket.io tell each other over Pub/Sub, patterns included; its sharded form too.
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import { startChatServer, tryChat } from './support/chat.ts';
import { connectIoredis } from './support/ioredis-client.ts';
import { connectNodeRedis } from './support/node-redis-client.ts';
import { forEachPool, SHARDED } from './support/pools.ts';

const connect = connectIoredis(Redis);

forEachPool('socket-io-adapter', { pools: SHARDED, leavesRejections: true }, appTest => {
  appTest('two servers are one chat, with ioredis', async (t, pool) => {
    const start = () => startChatServer(t, () => ({ adapter: createAdapter(connect(t, pool), connect(t, pool)) }));
    await tryChat(t, [await start(), await start()]);
  });

  appTest('two servers are one chat, with node-redis', async (t, pool) => {
    const start = () =>
      startChatServer(t, async () => ({
        adapter: createAdapter(await connectNodeRedis(t, pool), await connectNodeRedis(t, pool)),
      }));
    await tryChat(t, [await start(), await start()]);
  });

  appTest('two servers are one chat, by sharded channels', async (t, pool) => {
    const start = () =>
      startChatServer(t, async () => ({
        adapter: createShardedAdapter(await connectNodeRedis(t, pool), await connectNodeRedis(t, pool)),
      }));
    await tryChat(t, [await start(), await start()]);
  });
});
