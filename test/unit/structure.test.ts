// Reads the imports of src/ and holds them against the layers of the architecture:
//   worker → proxy → upstream → {protocol, placement, socket, hash} → {request, accounts} → memory → {loop, system}    the data path
//   main → cli → master → {admin, ipc, mover, config} → {figures, traits, system}                    the control side
// `traits` are the files of protocol/ that the control side may import too; `settings` is what both know of a setting.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';

const BASE = ['memory', 'loop', 'system'] as const;

/** What a directory of src/ may import, besides itself. A directory that is not listed here is an error. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  system: [],
  loop: [],
  hash: [],
  settings: [],
  traits: ['settings'],
  memory: ['loop', 'system'],
  request: ['memory'],
  accounts: [...BASE],
  figures: ['request'],
  placement: ['hash', 'memory'],
  protocol: ['traits', 'settings', 'hash', 'accounts', 'request', ...BASE],
  socket: ['request', ...BASE],
  upstream: ['protocol', 'socket', 'placement', 'hash', 'request', 'figures', ...BASE],
  proxy: ['upstream', 'protocol', 'accounts', 'socket', 'placement', 'hash', 'request', 'figures', ...BASE],
  // It checks names and limits that hash/ and placement/ define.
  config: ['settings', 'traits', 'hash', 'placement', 'system'],
  ipc: ['config', 'traits', 'figures', 'system'],
  // A process of its own: it asks servers itself, and sees no client.
  mover: ['config', 'settings', 'traits', 'placement', 'hash', 'system'],
  admin: ['ipc', 'traits', 'figures', 'request', 'system'],
  worker: [
    'proxy',
    'upstream',
    'protocol',
    'traits',
    'settings',
    'accounts',
    'socket',
    'ipc',
    'config',
    'figures',
    ...BASE,
  ],
  master: ['admin', 'ipc', 'mover', 'config', 'settings', 'traits', 'placement', 'figures', 'system'],
  // `serve` starts the master; `route` and `diff` compute rings. A client's connection they never see.
  cli: ['master', 'admin', 'config', 'settings', 'traits', 'placement', 'hash', 'figures', 'system'],
  'main.ts': ['cli', 'admin', 'config'],
};

/** Source files by their path inside src/, with forward slashes. */
type Sources = ReadonlyMap<string, string>;

const IMPORT = /\b(?:import|export)\s(?:[\w*{}\s,$]+?\sfrom\s)?\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g;
const COMMENT = /\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm;

/** Relative imports of a file, types included, as paths inside src/. */
function importsOf(file: string, text: string): string[] {
  const found: string[] = [];
  for (const [, from, dynamic] of text.replace(COMMENT, '').matchAll(IMPORT)) {
    const specifier = from ?? dynamic!;
    if (specifier.startsWith('.')) found.push(path.posix.join(path.posix.dirname(file), specifier));
  }
  return found;
}

/** What the control side may know of a protocol, without the code that reads a client's bytes. */
const TRAITS = /^protocol\/(?:\w+\/)?(?:settings|(?:[a-z]+-)?traits)\.ts$/;
const layerOf = (file: string) => (TRAITS.test(file) ? 'traits' : file.split('/')[0]!);

function forbiddenImports(sources: Sources): string[] {
  const faults: string[] = [];
  for (const [file, text] of sources) {
    const layer = layerOf(file);
    const allowed = MAY_IMPORT[layer];
    if (allowed === undefined) faults.push(`${file}: ${layer} has no place in the layers of structure.test.ts`);
    for (const target of importsOf(file, text)) {
      const to = layerOf(target);
      if (to === '..') faults.push(`${file} imports ${target}, outside src`);
      else if (to !== layer && allowed?.includes(to) === false)
        faults.push(`${file} imports ${target}: ${layer} ↛ ${to}`);
      const pair = [file, target].map(each => /^protocol\/(\w+)\//.exec(each)?.[1]);
      if (pair[0] && pair[1] && pair[0] !== pair[1]) faults.push(`${file} imports ${target}: protocols are apart`);
    }
  }
  return faults;
}

/** Files that know a protocol by name beside its own folder and the lists; `redis` of twemproxy's form is only a key. */
const MAY_NAME = [
  'protocol/protocols.ts',
  'protocol/protocol-traits.ts',
  'mover/movers.ts',
  'config/native.ts',
  'config/twemproxy.ts',
];

function protocolNames(sources: Sources): string[] {
  const names = new Set([...sources.keys()].flatMap(file => /^protocol\/(\w+)\//.exec(file)?.[1] ?? []));
  const faults: string[] = [];
  for (const [file, text] of sources) {
    if (MAY_NAME.includes(file) || /^(?:protocol|mover)\/\w+\//.test(file)) continue;
    for (const [, word] of text.replace(COMMENT, '').matchAll(/(?:protocol\/|['"`])(\w+)(?=['"`/])/g)) {
      if (names.has(word!)) faults.push(`${file} names ${word}: let the protocol bring what is needed of it`);
    }
  }
  return faults;
}

/** Every circle once, as "a → b → a". */
function importCircles(sources: Sources): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (file: string) => {
    const at = trail.indexOf(file);
    if (at >= 0) circles.push([...trail.slice(at), file].join(' → '));
    if (at >= 0 || done.has(file)) return;
    trail.push(file);
    for (const target of importsOf(file, sources.get(file) ?? '')) visit(target);
    trail.pop();
    done.add(file);
  };
  for (const file of sources.keys()) visit(file);
  return circles;
}

/** Files that only hand on what others define, and names that say nothing. */
function barrels(sources: Sources): string[] {
  const faults: string[] = [];
  for (const [file, text] of sources) {
    if (/^export\s+(?:type\s+)?(?:\*|\{[^}]*\}\s*from)/m.test(text.replace(COMMENT, ''))) {
      faults.push(`${file} exports another file's names`);
    }
    if (/(?:^|\/)(?:index|utils?|helpers?|misc|common)\.ts$/.test(file)) faults.push(`${file} does not say what it is`);
    if (!/^[a-z0-9]+(?:-[a-z0-9]+)*\.ts$/.test(path.posix.basename(file))) faults.push(`${file} is not kebab-case`);
  }
  return faults;
}

function readTree(): Sources {
  const src = path.join(import.meta.dirname, '../../src');
  const files = globSync('**/*.ts', { cwd: src }).sort();
  return new Map(files.map(file => [file.split(path.sep).join('/'), readFileSync(path.join(src, file), 'utf8')]));
}

describe('the source tree', () => {
  const tree = readTree();

  test('is there', () => assert.ok(tree.size > 0));
  test('imports existing files only', () => {
    const missing = [...tree].flatMap(([file, text]) =>
      importsOf(file, text)
        .filter(target => target.endsWith('.ts') && !tree.has(target))
        .map(target => `${file} imports ${target}`),
    );
    assert.deepEqual(missing, []);
  });
  test('imports in one direction', () => assert.deepEqual(forbiddenImports(tree), []));
  test('has no import circles', () => assert.deepEqual(importCircles(tree), []));
  test('names no protocol outside its folder and the lists', () => assert.deepEqual(protocolNames(tree), []));
  test('has no barrels and no nameless files', () => assert.deepEqual(barrels(tree), []));
});

describe('the rules find', () => {
  const forbidden = (file: string, text: string) => forbiddenImports(new Map([[file, text]])).length;

  test('arrows that point back, however they are written', () => {
    assert.equal(forbidden('memory/a.ts', "import { x } from '../hash/x.ts';"), 1);
    assert.equal(forbidden('proxy/a.ts', "import type { Config } from '../config/config.ts';"), 1);
    assert.equal(forbidden('upstream/a.ts', "import {\n  a,\n  type B,\n} from '../proxy/client.ts';"), 1);
    assert.equal(forbidden('placement/a.ts', "import '../master/master.ts';"), 1);
    assert.equal(forbidden('config/a.ts', "const x = await import('../master/master.ts');"), 1);
    assert.equal(forbidden('hash/a.ts', "export { x } from '../placement/x.ts';"), 1);
    assert.equal(forbidden('admin/a.ts', "import * as config from '../config/config.ts';"), 1);
    assert.equal(forbidden('cli/a.ts', "import { x } from '../../scripts/x.ts';"), 1);
    assert.equal(forbidden('bin/a.ts', ''), 1);
    assert.equal(forbidden('protocol/redis/a.ts', "import { x } from '../memcached/x.ts';"), 1);
  });

  test('nothing wrong with arrows that point on', () => {
    assert.equal(forbidden('proxy/a.ts', "import { x } from '../upstream/x.ts';\nimport net from 'node:net';"), 0);
    assert.equal(
      forbidden('protocol/redis/a.ts', "import { x } from '../protocol.ts';\nimport { y } from './y.ts';"),
      0,
    );
    assert.equal(forbidden('memory/a.ts', "// import { x } from '../hash/x.ts';\n/* import '../placement/x.ts' */"), 0);
    assert.equal(forbidden('main.ts', "import { x } from './cli/serve.ts';"), 0);
  });

  test('protocols called by name', () => {
    const names = (file: string, text: string) =>
      protocolNames(
        new Map([
          ['protocol/redis/a.ts', "const name = 'redis';"],
          [file, text],
        ]),
      ).length;
    assert.equal(names('admin/a.ts', "if (protocol === 'redis') ask();"), 1);
    assert.equal(names('worker/a.ts', "import { x } from '../protocol/redis/redis.ts';"), 1);
    assert.equal(names('config/a.ts', "const key = 'redis_auth';"), 0);
    assert.equal(names('protocol/protocols.ts', "import { x } from './redis/redis.ts';"), 0);
  });

  test('circles of any length', () => {
    const sources = new Map([
      ['memory/a.ts', "import { b } from './b.ts';"],
      ['memory/b.ts', "import { c } from './c.ts';"],
      ['memory/c.ts', "import type { a } from './a.ts';"],
      ['memory/d.ts', "import { a } from './a.ts';"],
    ]);
    assert.deepEqual(importCircles(sources), ['memory/a.ts → memory/b.ts → memory/c.ts → memory/a.ts']);
    sources.delete('memory/c.ts');
    assert.deepEqual(importCircles(sources), []);
  });

  test('barrels and names that say nothing', () => {
    const texts = ["export * from './a.ts';", "export { a } from './a.ts';", "export type { A } from './a.ts';"];
    for (const text of texts) assert.equal(barrels(new Map([['memory/a.ts', text]])).length, 1, text);
    for (const name of ['index', 'utils', 'fooBar'])
      assert.equal(barrels(new Map([[`memory/${name}.ts`, '']])).length, 1);
    assert.deepEqual(barrels(new Map([['memory/a-b2.ts', 'const a = 1;\nexport { a };\nexport const b = 2;']])), []);
  });
});
