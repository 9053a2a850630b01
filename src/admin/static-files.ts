import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** A file as it is sent. */
export interface StaticFile {
  readonly type: string;
  readonly body: string;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Nothing from elsewhere, nothing inline, in nobody's frame. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

const OWN = [
  'index.html',
  'icon.svg',
  'page.css',
  'clients.js',
  'events.js',
  'feed.js',
  'format.js',
  'page.js',
  'plots.js',
  'reshard.js',
  'ring.js',
  'steering.js',
  'table.js',
];
const OF_UPLOT = ['uPlot.esm.js', 'uPlot.min.css'];

/** By their paths: the page at / and what it loads. Each is read when it is first asked for. */
export function staticFiles(): ReadonlyMap<string, () => StaticFile> {
  const uplot = () => path.dirname(createRequire(import.meta.url).resolve('uplot'));
  return new Map([
    ...OWN.map(name => [`/page/${name}`, fileIn(() => path.join(import.meta.dirname, 'page'), name)] as const),
    ...OF_UPLOT.map(name => [`/page/${name}`, fileIn(uplot, name)] as const),
  ]);
}

function fileIn(directory: () => string, name: string): () => StaticFile {
  let file: StaticFile | null = null;
  return () => {
    file ??= { type: TYPES[path.extname(name)]!, body: readFileSync(path.join(directory(), name), 'utf8') };
    return file;
  };
}
