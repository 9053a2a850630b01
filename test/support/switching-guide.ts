import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

/** docs/from-twemproxy.md by heading, white space made plain. */
const sections: ReadonlyMap<string, string> = new Map(
  readFileSync(new URL('../../docs/from-twemproxy.md', import.meta.url), 'utf8')
    .split(/^#+ /m)
    .map(text => [text.slice(0, text.indexOf('\n')), text.replace(/\s+/g, ' ')]),
);

/** Asserts that the guide for those who come from twemproxy says `words` in the section with this heading. */
export function assertInGuide(heading: string, words: string): void {
  const section = sections.get(heading);
  assert.ok(section !== undefined, `docs/from-twemproxy.md has no section "${heading}"`);
  assert.ok(section.includes(words), `"${heading}" in docs/from-twemproxy.md lacks: ${words}`);
}
