import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type PackageLock, sbomOf } from '../../../scripts/sbom.ts';

interface Bom {
  readonly components: readonly { readonly name: string; readonly purl: string; readonly hashes?: readonly object[] }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

test('what a package needs to run, with its hash and its own needs, nested ones too', () => {
  const lock: PackageLock = {
    name: 'it',
    version: '1.0.0',
    packages: {
      '': { license: 'MIT', dependencies: { '@a/b': '^1' } },
      'node_modules/@a/b': {
        version: '1.2.3',
        integrity: 'sha512-AQI=',
        license: 'ISC',
        dependencies: { c: '^2', d: '^1' },
      },
      'node_modules/@a/b/node_modules/c': { version: '2.0.0' },
      'node_modules/c': { version: '3.0.0' },
      'node_modules/d': { version: '1.0.0' },
      'node_modules/tool': { version: '9.0.0', dev: true },
    },
  };
  const bom = sbomOf(lock) as Bom;
  assert.deepEqual(
    bom.components.map(({ purl }) => purl),
    ['pkg:npm/%40a/b@1.2.3', 'pkg:npm/c@2.0.0', 'pkg:npm/c@3.0.0', 'pkg:npm/d@1.0.0'],
  );
  assert.deepEqual(bom.components[0]?.hashes, [{ alg: 'SHA-512', content: '0102' }]);
  assert.deepEqual(bom.dependencies.slice(0, 2), [
    { ref: 'pkg:npm/it@1.0.0', dependsOn: ['pkg:npm/%40a/b@1.2.3'] },
    { ref: 'pkg:npm/%40a/b@1.2.3', dependsOn: ['pkg:npm/c@2.0.0', 'pkg:npm/d@1.0.0'] },
  ]);
});

test('that of this package names all that it depends on, and no place where it was fetched', () => {
  const read = (file: string) => JSON.parse(readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8'));
  const bom = sbomOf(read('package-lock.json'));
  const names = (bom as Bom).components.map(({ name }) => name);
  for (const name of Object.keys(read('package.json').dependencies)) assert.ok(names.includes(name), name);
  for (const name of Object.keys(read('package.json').devDependencies)) assert.ok(!names.includes(name), name);
  assert.doesNotMatch(JSON.stringify(bom), /https?:|file:/);
});
