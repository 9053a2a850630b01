// The page in a real browser: it shows traffic as it moves, a slow server, a killed one, a changed setting, and a daemon that is
// gone and comes back.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { violations } from '../support/accessibility.ts';
import { openPage, startBrowser } from '../support/browser.ts';
import { answering, late, startFakeBackend } from '../support/fake-backend.ts';
import { freePorts } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { redisRequest } from '../support/request-splitter.ts';
import { startRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

const TOKEN = 'a-token-of-the-test';
const LATE_MS = 20;
/** Where to put a picture of it, for the README. */
const { SCREENSHOT } = process.env;

/** Resolves once the text of an element matches. */
async function until(page: Page, selector: string, text: RegExp): Promise<void> {
  const locator = page.locator(selector).filter({ hasText: text });
  await locator.first().waitFor({ state: 'attached', timeout: 40_000 });
}

test('the page shows traffic, trouble, changes and a daemon that is gone', async t => {
  const servers = await Promise.all([startRedis(), startRedis(), startRedis()]);
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const slow = await startFakeBackend(answering(redisRequest, () => '$1\r\nx\r\n', late(LATE_MS)));
  t.after(() => slow.close());
  const [port, admin] = await freePorts(2);
  const addresses = [...servers.map(server => server.port), slow.port];
  const config = [
    `admin: 127.0.0.1:${admin}`,
    `admin_token: ${TOKEN}`,
    'pools:',
    '  red:',
    `    listen: 127.0.0.1:${port}`,
    '    protocol: redis',
    '    hash: murmur',
    '    auto_eject_hosts: true',
    '    server_failure_limit: 1',
    '    server_retry_timeout: 600s',
    '    servers:',
    ...addresses.map((each, i) => `      - { address: 127.0.0.1:${each}, name: cache-${i} }`),
    '',
  ].join('\n');
  const first = await startRingmaster({ config, workers: 1 });
  t.after(() => first.kill());

  let isAsking = true;
  const client = await RawClient.connect(port!);
  const traffic = (async () => {
    for (let i = 0; isAsking; i++) await client.command('GET', i % 3 === 0 ? 'hot' : `key-${i % 200}`);
  })().catch(() => {});
  t.after(() => {
    isAsking = false;
    client.destroy();
  });

  const browser = await startBrowser(t);
  const url = `http://127.0.0.1:${admin}/`;
  const { page, complaints } = await openPage(browser, url, { viewport: { width: 1100, height: 900 } });
  await until(page, '#state[data-state="live"]', /Live/);

  // It moves under traffic.
  await until(page, '#pools-table tbody tr', /red.*redis/);
  await page.waitForFunction(() => {
    const { document } = globalThis as unknown as {
      document: { querySelector(s: string): { textContent: string } | null };
    };
    return Number(document.querySelector('#pools-table tbody td:nth-child(3)')?.textContent.replace(',', '')) > 0;
  });
  const asLabel = () => page.locator('#plots > *').first().getAttribute('aria-label');
  const before = await asLabel();
  assert.match(before!, /^Requests per second over 15 minutes; now requests /);
  await page.waitForFunction(
    was => {
      const { document } = globalThis as unknown as {
        document: { querySelector(s: string): { getAttribute(name: string): string } };
      };
      return document.querySelector('#plots > *').getAttribute('aria-label') !== was;
    },
    before,
    { timeout: 40_000 },
  );

  // The slow server, the slow requests, the hot key, who asks.
  await until(page, '#servers-table tr.warn', /cache-3.*in, slow/);
  await until(page, '#slowlog-table tbody tr', /cache-3.*get/i);
  await until(page, '#hotkeys-table tbody tr:first-child', /hot/);
  await until(page, '#busyclients-table tbody tr', /127\.0\.0\.1/);
  await until(page, '#commands-table tbody tr', /get/);
  await until(page, '#latency-table tbody tr', /10s/);
  await until(page, '#workers-table tbody tr', /serving.*%/);
  assert.equal(await page.locator('#ring path.part').count(), 4);
  assert.ok((await page.locator('#ring path').count()) > 100);
  await until(page, '#clients-table tbody tr', /127\.0\.0\.1:\d+.*default.*Cut off/);
  await until(page, '#clients-note', /^1 to 1 of 1 clients$/);
  await until(page, '#pools-table tbody tr', /\d %/);
  assert.match(
    (await page.locator('#plots > *').nth(2).getAttribute('aria-label'))!,
    /^Hits over 15 minutes; now hits /,
  );
  if (SCREENSHOT !== undefined) {
    // For the looks of it: half a minute of traffic.
    await page.waitForTimeout(30_000);
    await page.screenshot({ path: SCREENSHOT, fullPage: true, clip: { x: 0, y: 0, width: 1100, height: 1080 } });
  }

  // By keyboard: the first stop leads past the header.
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.waitForURL(/#pools$/);
  assert.deepEqual(await violations(page), []);

  // A killed server.
  await servers[0]!.kill();
  await until(page, '#servers-table tr.bad', /cache-0.*ejected/);
  await until(page, '#events-table tbody tr', /server_ejected/);
  await until(page, '#pools-table tr.bad', /1 of 4 out/);
  await page.waitForFunction(() => {
    const { document } = globalThis as unknown as { document: { querySelectorAll(s: string): unknown[] } };
    return document.querySelectorAll('#ring path.part').length === 3;
  });

  // A setting: refused without the token, changed with it, and then told.
  assert.deepEqual(complaints(), []);
  await page.locator('#setting').fill('red.timeout');
  await page.locator('#value').fill('700ms');
  await page.locator('button[name=set]').click();
  await until(page, '#answer', /admin_token/);
  // The browser's own line on the 401.
  await waitFor(() => complaints().length === 1, { what: 'one complaint of the browser' });
  await page.locator('#token').fill(TOKEN);
  await page.locator('button[name=set]').click();
  await until(page, '#answer', /set: red\.timeout: 5000ms → 700ms/);
  await until(page, '#settings-table tbody tr', /red\.timeout.*700ms.*5000ms.*page from 127\.0\.0\.1/);
  await until(page, '#events-table tbody tr', /setting_changed/);
  await page.locator('button[name=save]').click();
  await until(page, '#answer', /saved: red\.timeout/);
  assert.match(readFileSync(first.configFile, 'utf8'), /timeout: 700ms/);

  // A block, and taken back; a server ejected by hand from its line; a client cut off.
  await page.locator('#blocked').fill('hot');
  await page.locator('#for').fill('10m');
  await page.locator('button[name=block]').click();
  await until(page, '#answer', /blocked: key hot/);
  await page.getByRole('button', { name: 'Unblock key hot in red' }).click();
  await until(page, '#answer', /unblocked: key hot/);
  await page.getByRole('button', { name: 'Eject cache-1' }).click();
  await until(page, '#servers-table tr.bad', /cache-1.*ejected by hand/);
  await page.getByRole('button', { name: 'Readmit cache-1' }).click();
  await until(page, '#answer', /readmitted: cache-1/);
  await page
    .getByRole('button', { name: /^Cut off 127/ })
    .first()
    .click();
  await until(page, '#answer', /cut: 127\.0\.0\.1:\d+/);
  await until(page, '#events-table tbody tr', /client_cut/);
  assert.deepEqual(await violations(page), []);

  // A master that hangs keeps its connections, and is as good as gone.
  first.signal('SIGSTOP');
  await until(page, '#state[data-state="gone"]', /does not answer/);
  first.signal('SIGCONT');
  await until(page, '#state[data-state="live"]', /Live/);

  // The daemon is gone, the page says so, and comes back by itself.
  isAsking = false;
  await first.kill();
  await until(page, '#state[data-state="gone"]', /does not answer since \d\d:\d\d:\d\d/);
  await traffic;
  const second = await startRingmaster({ config, workers: 1 });
  t.after(() => second.kill());
  await until(page, '#state[data-state="live"]', /Live/);
  await until(page, '#events-table tbody tr', /ready/);
  const others = complaints()
    .slice(1)
    .filter(text => !/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY/.test(text));
  assert.deepEqual(others, []);
});

test('a thousand servers, a phone, the dark: nothing chokes, nothing is wider than the screen', async t => {
  const [port, admin] = await freePorts(2);
  const servers = Array.from({ length: 1000 }, (_, i) => `127.0.0.1:${20_000 + i}:1 server-${i}`);
  const config =
    `admin: 127.0.0.1:${admin}\npools:\n  many:\n    listen: 127.0.0.1:${port}\n    protocol: redis\n    hash: murmur\n` +
    `    servers: [${servers.map(each => JSON.stringify(each)).join(', ')}]\n`;
  const daemon = await startRingmaster({ config, workers: 1, startTimeoutMs: 40_000 });
  t.after(() => daemon.kill());
  const browser = await startBrowser(t);
  const { page, complaints } = await openPage(browser, `http://127.0.0.1:${admin}/`, {
    viewport: { width: 390, height: 800 },
    colorScheme: 'dark',
  });
  await until(page, '#servers-note', /1000 of 1000 servers, of which 100 are shown/);
  assert.equal(await page.locator('#servers-table tbody tr').count(), 100);
  await page.locator('#filter').fill('server-77');
  await until(page, '#servers-note', /^11 of 1000 servers$/);
  const isWider = await page.evaluate(() => {
    const { document, innerWidth } = globalThis as unknown as {
      document: { documentElement: { scrollWidth: number } };
      innerWidth: number;
    };
    return document.documentElement.scrollWidth > innerWidth;
  });
  assert.equal(isWider, false);
  assert.deepEqual(await violations(page), []);
  assert.deepEqual(complaints(), []);
});

test('what is sent: the list to curl, the page to a browser, under a policy that lets nothing else in', async t => {
  const [port, admin] = await freePorts(2);
  const config = `admin: 127.0.0.1:${admin}\npools:\n  p:\n    listen: 127.0.0.1:${port}\n    protocol: redis\n    servers: [127.0.0.1:1]\n`;
  const daemon = await startRingmaster({ config, workers: 1 });
  t.after(() => daemon.kill());
  const get = (path: string, headers = {}) => fetch(`http://127.0.0.1:${admin}${path}`, { headers });
  assert.match(await (await get('/')).text(), /^Ringmaster\n\nGET {2}\/metrics/);
  const page = await get('/', { accept: 'text/html,*/*' });
  assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8');
  assert.match(page.headers.get('content-security-policy')!, /^default-src 'none'; script-src 'self';/);
  assert.doesNotMatch(await page.text(), /https?:|style=|<script>/);
  assert.equal((await get('/page/uPlot.esm.js')).status, 200);
  assert.equal((await get('/page/..%2f..%2fmain.ts')).status, 404);
});
