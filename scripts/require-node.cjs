'use strict';
// Loaded before every script (node -r): says in one sentence what an old Node would say with a stack trace.
// Plain old CommonJS, so that any Node can read it.

var WANTED = 26;

if (Number(process.versions.node.split('.')[0]) < WANTED) {
  console.error(
    'Ringmaster needs Node ' +
      WANTED +
      ' or newer, and this is ' +
      process.version +
      ' (' +
      process.execPath +
      ').\n' +
      "'npm ci' brings the right one along (the package 'node') and npm scripts find it first; if it ran with\n" +
      "--ignore-scripts, or ignore-scripts is set in an .npmrc, 'npm rebuild node --ignore-scripts=false' adds it.",
  );
  process.exit(1);
}
