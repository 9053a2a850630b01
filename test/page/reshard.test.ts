// A reshard on the page: how far it is, and what can be done about it from there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { violations } from '../support/accessibility.ts';
import { askAdmin } from '../support/admin-client.ts';
import { openPage, startBrowser } from '../support/browser.ts';
import { freePorts } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { startRingmaster } from '../support/ringmaster.ts';

const TOKEN = 'a-token-of-the-test';
const KEYS = 300;

async function until(page: Page, selector: string, text: RegExp): Promise<void> {
  await page.locator(selector).filter({ hasText: text }).first().waitFor({ state: 'attached', timeout: 40_000 });
}

test('the page shows how a reshard goes, and pauses, paces and takes it back', async t => {
  const servers = await Promise.all([startRedis(), startRedis(), startRedis()]);
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const [port, admin] = (await freePorts(2)) as [number, number];
  const config = (count: number) =>
    [
      `admin: 127.0.0.1:${admin}`,
      `admin_token: ${TOKEN}`,
      'pools:',
      '  red:',
      `    listen: 127.0.0.1:${port}`,
      '    protocol: redis',
      '    hash: murmur',
      '    servers:',
      ...servers.slice(0, count).map((each, i) => `      - { address: 127.0.0.1:${each.port}, name: cache-${i} }`),
      '',
    ].join('\n');
  const ringmaster = await startRingmaster({ config: config(2), workers: 1 });
  t.after(() => ringmaster.kill());
  const client = await RawClient.connect(port);
  for (let i = 0; i < KEYS; i++) await client.command('SET', `key:${i}`, 'v'.repeat(1000));

  const browser = await startBrowser(t);
  const { page, complaints } = await openPage(browser, `http://127.0.0.1:${admin}/`, {
    viewport: { width: 1100, height: 900 },
  });
  await until(page, '#state[data-state="live"]', /Live/);
  assert.equal(await page.locator('#reshard').isVisible(), false);

  const headers = { authorization: `Bearer ${TOKEN}` };
  const body = { file: config(3), pace: '1kb/s' };
  const { status, text } = await askAdmin(admin, '/api/v1/reshard/start', { method: 'POST', body, headers });
  assert.equal(status, 200, text);
  await until(page, '#reshard-note', /^Pool red: both; \d+ of about \d+ keys, .* moved; pace 1kb\/s/);
  await until(page, '#reshard-note', / left$/);
  await until(page, '#reshard-table tbody tr', /^this one$/);
  await page.waitForFunction(() => {
    const { document } = globalThis as unknown as { document: { querySelector(s: string): { value: number } } };
    const { value } = document.querySelector('#reshard-progress');
    return value > 0 && value < 1;
  });
  assert.deepEqual(await violations(page), []);

  const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
  await press('Pause');
  await until(page, '#answer', /admin_token/);
  await page.getByLabel('Token').fill(TOKEN);
  await press('Pause');
  await until(page, '#answer', /^paused$/);
  await until(page, '#reshard-note', /pace 1kb\/s, paused$/);
  assert.ok(await page.locator('#reshard-pause').isDisabled());
  await press('Go on');
  await until(page, '#answer', /^resumed$/);
  await page.getByLabel('Pace').fill('2kb/s');
  await press('Set the pace');
  await until(page, '#answer', /^paced: 2kb\/s$/);
  await until(page, '#reshard-note', /pace 2kb\/s(?!, paused)/);
  await press('Move back');
  await until(page, '#answer', /^aborting$/);
  await until(page, '#reshard-note', /^Pool red: both, back to the old ring;/);
  assert.ok(await page.locator('#reshard-abort').isDisabled());
  await page.getByLabel('Pace').fill('1gb/s');
  await press('Set the pace');
  await until(page, '#reshard-note', /^Pool red: undone, back to the old ring/);
  assert.equal(await page.locator('#reshard-steering').isVisible(), false);
  // The browser's own line on the 401.
  assert.equal(complaints().length, 1, complaints().join('\n'));
  client.destroy();
});
