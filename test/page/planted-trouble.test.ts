// The questions of a bad night, answered from the page alone: which server is late, which key is hot, who floods, what was changed.
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { openPage, startBrowser } from '../support/browser.ts';
import { plantTrouble, TROUBLE } from '../support/planted-trouble.ts';

const { lateServer, hotKey, floodName, setting, settingValue } = TROUBLE;

async function until(page: Page, selector: string, text: RegExp): Promise<void> {
  await page.locator(selector).filter({ hasText: text }).first().waitFor({ state: 'attached', timeout: 40_000 });
}

test('all that is wrong is on the page', async t => {
  const { adminPort } = await plantTrouble(t);
  const browser = await startBrowser(t);
  const { page } = await openPage(browser, `http://127.0.0.1:${adminPort}/`, {
    viewport: { width: 1100, height: 900 },
  });
  await until(page, '#state[data-state="live"]', /Live/);
  // The first line is that of the server that is worst, and it says so.
  await until(page, '#servers-table tbody tr:first-child.warn', new RegExp(`^${lateServer}in, slow`));
  await until(page, '#hotkeys-table tbody tr:first-child', new RegExp(`^${hotKey}`));
  await until(page, '#busyclients-table tbody tr:first-child', new RegExp(` ${floodName}`));
  await until(page, '#clients-table tbody tr:first-child', new RegExp(floodName));
  await until(page, '#events-table tbody tr', new RegExp(`setting_changed.*${setting}`));
  await until(
    page,
    '#settings-table tbody tr',
    new RegExp(`${setting}.*${settingValue}.*night-shift from 127\\.0\\.0\\.1`),
  );
});
