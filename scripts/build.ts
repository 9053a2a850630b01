// npm run build: dist/ from src/. tsc emits the modules; this adds what tsc does not know of.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { writeSbom } from './sbom.ts';

const root = path.join(import.meta.dirname, '..');
const dist = path.join(root, 'dist');

// What an earlier build left would be published too.
rmSync(dist, { recursive: true, force: true });
const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

const src = path.join(root, 'src');
for (const asset of globSync('**/*.*', { cwd: src }).filter(file => !/\.(?:ts|md)$/.test(file))) {
  mkdirSync(path.dirname(path.join(dist, asset)), { recursive: true });
  copyFileSync(path.join(src, asset), path.join(dist, asset));
}

const main = path.join(dist, 'main.js');
if (!readFileSync(main, 'utf8').startsWith('#!/usr/bin/env node\n')) {
  console.error('src/main.ts must begin with #!/usr/bin/env node: it becomes the command ringmaster');
  process.exit(1);
}
chmodSync(main, 0o755);
writeSbom(root, path.join(dist, 'sbom.cdx.json'));
