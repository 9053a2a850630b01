// connect-redis under express-session: a shop with logins; clear, all, ids and length of the store.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { RedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import { connectNodeRedis } from './support/node-redis-client.ts';
import { type AppPool, forEachPool, SHARDED } from './support/pools.ts';

declare module 'express-session' {
  interface SessionData {
    views: number;
    user: string;
  }
}

interface Shop {
  readonly store: RedisStore;
  /** GET of a page with this cookie; resolves with the text and the cookie that was set, if one was. */
  get(page: string, cookie?: string): Promise<{ text: string; cookie: string | undefined }>;
}

async function open(t: TestContext, pool: AppPool): Promise<Shop> {
  const store = new RedisStore({ client: await connectNodeRedis(t, pool), prefix: 'shop:', ttl: 600 });
  const app = express();
  app.use(session({ store, secret: 'not very', resave: false, saveUninitialized: false }));
  app.get('/login', (request, response, next) => {
    request.session.regenerate(error => {
      if (error) return next(error);
      request.session.user = String(request.query.user);
      request.session.views = 0;
      response.send('in');
    });
  });
  app.get('/view', (request, response) => {
    const { user } = request.session;
    if (user !== undefined) request.session.views!++;
    response.send(user === undefined ? 'nobody' : `${user} ${request.session.views}`);
  });
  app.get('/logout', (request, response, next) => {
    request.session.destroy(error => (error ? next(error) : response.send('out')));
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    store,
    async get(page, cookie) {
      const response = await fetch(
        `http://127.0.0.1:${port}${page}`,
        cookie === undefined ? {} : { headers: { cookie } },
      );
      const text = await response.text();
      assert.equal(response.status, 200, text);
      return { text, cookie: response.headers.getSetCookie()[0]?.split(';')[0] };
    },
  };
}

forEachPool('connect-redis', { pools: SHARDED }, appTest => {
  appTest('a session lives from login to logout, in two processes', async (t, pool) => {
    const [first, second] = [await open(t, pool), await open(t, pool)];
    const { cookie } = await first.get('/login?user=ada');
    assert.equal((await first.get('/view', cookie)).text, 'ada 1');
    assert.equal((await second.get('/view', cookie)).text, 'ada 2');
    assert.equal((await second.get('/view')).text, 'nobody');
    await second.get('/logout', cookie);
    assert.equal((await first.get('/view', cookie)).text, 'nobody');
  });

  appTest('clear ends all sessions and nothing else', async (t, pool) => {
    const { store, get } = await open(t, pool);
    const other = await connectNodeRedis(t, pool);
    await other.set('unrelated', 'stays');
    const users = Array.from({ length: 30 }, (_, i) => `user${i}`);
    const cookies = await Promise.all(users.map(async user => (await get(`/login?user=${user}`)).cookie));
    assert.equal(await store.length(), 30);
    assert.equal((await store.ids()).length, 30);
    const all = (await store.all()) as { user: string }[];
    assert.deepEqual(all.map(({ user }) => user).sort(), users.sort());
    await store.clear();
    assert.equal(await store.length(), 0);
    const views = await Promise.all(cookies.map(cookie => get('/view', cookie)));
    assert.deepEqual(new Set(views.map(({ text }) => text)), new Set(['nobody']));
    assert.equal(await other.get('unrelated'), 'stays');
  });
});
