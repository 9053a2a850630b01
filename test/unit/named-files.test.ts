// What documents and comments say of the source: the files that they name are there.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const ROOT = path.join(import.meta.dirname, '../..');
const FOLDERS = ['src', 'test', 'bench', 'scripts'] as const;
const NAME = /(?<![\w./*<-])(?:[a-z][\w-]*\/)*[a-z][\w-]*\.ts(?![\w/])/g;
/** What there is never to be. */
const NONE = 'utils.ts';
const COMMENT = /\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm;

const at = (pattern: string) => globSync(pattern, { cwd: ROOT, exclude: ['**/node_modules/**'] });
const files = FOLDERS.flatMap(folder => at(`${folder}/**/*.ts`));

/** `upgrade.ts`, `master/upgrade/upgrade.ts` and `src/master/upgrade/upgrade.ts` are all names of the same file. */
function isThere(name: string): boolean {
  return files.some(file => file === name || file.endsWith(`/${name}`));
}

function missing(text: string): string[] {
  return [...text.matchAll(NAME)].map(([name]) => name).filter(name => name !== NONE && !isThere(name));
}

test('a name of a file that is not there is found, in whatever form', () => {
  assert.deepEqual(missing('`src/nothing.ts`, proxy/router.ts, `router.ts` and (nothing/router.ts)'), [
    'src/nothing.ts',
    'nothing/router.ts',
  ]);
});

for (const file of [...at('*.md'), ...at('docs/**/*.md')].filter(name => name !== 'CHANGELOG.md')) {
  test(`${file} names only files of the source that are there`, () => {
    assert.deepEqual(missing(readFileSync(path.join(ROOT, file), 'utf8')), []);
  });
}

test('comments name only files of the source that are there', () => {
  const wrong = at('src/**/*.ts').flatMap(file => {
    const comments = readFileSync(path.join(ROOT, file), 'utf8').match(COMMENT) ?? [];
    return missing(comments.join('\n')).map(name => `${file}: ${name}`);
  });
  assert.deepEqual(wrong, []);
});
