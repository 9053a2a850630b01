// Debian's Chromium, without a window, as a person at the page would use it.
import type { TestContext } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';

export interface OpenPage {
  readonly page: Page;
  /** What the page complained of so far: errors of its console, exceptions, requests to another host. */
  complaints(): readonly string[];
}

/** A browser that ends with the test. As root, which CI may be, Chromium has no sandbox. */
export async function startBrowser(t: Pick<TestContext, 'after'>): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
  t.after(() => browser.close());
  return browser;
}

export async function openPage(
  browser: Browser,
  url: string,
  options: Parameters<Browser['newPage']>[0] = {},
): Promise<OpenPage> {
  const page = await browser.newPage(options);
  const complaints: string[] = [];
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', error => complaints.push(String(error)));
  page.on('request', request => {
    if (!request.url().startsWith(url)) complaints.push(`it asked for ${request.url()}`);
  });
  await page.goto(url);
  return { page, complaints: () => complaints };
}
