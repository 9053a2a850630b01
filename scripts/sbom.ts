// What the package is made of, as CycloneDX 1.5, from package-lock.json: the same bytes for the same lock.
// Source: https://cyclonedx.org/docs/1.5/json/
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

interface LockedPackage {
  readonly version?: string;
  readonly name?: string;
  readonly license?: string;
  /** Such as `sha512-` and base64. */
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface PackageLock {
  readonly name: string;
  readonly version: string;
  /** By their place: `` is the package itself, the others `node_modules/…`. */
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

const FOLDER = 'node_modules/';

/** Without what only development needs. */
export function sbomOf(lock: PackageLock): object {
  const own = lock.packages[''] ?? {};
  const places = Object.keys(lock.packages).filter(place => place !== '' && lock.packages[place]?.dev !== true);
  const refOf = (place: string) => purl(nameAt(place), lock.packages[place]?.version ?? '');
  const root = purl(lock.name, lock.version);
  const dependsOn = (place: string) => {
    const { dependencies, optionalDependencies } = lock.packages[place] ?? {};
    const names = Object.keys({ ...dependencies, ...optionalDependencies });
    const found = names.flatMap(name => resolved(lock, place, name) ?? []);
    return found.filter(each => places.includes(each)).map(refOf);
  };
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: component('application', lock.name, lock.version, own) },
    components: places.map(place => {
      const locked = lock.packages[place] as LockedPackage;
      return component('library', nameAt(place), locked.version ?? '', locked);
    }),
    dependencies: [
      { ref: root, dependsOn: dependsOn('') },
      ...places.map(place => ({ ref: refOf(place), dependsOn: dependsOn(place) })),
    ],
  };
}

function component(type: 'application' | 'library', name: string, version: string, locked: LockedPackage): object {
  const { license, integrity } = locked;
  const [algorithm, digest] = integrity?.split('-', 2) ?? [];
  const hash = { alg: 'SHA-512', content: Buffer.from(digest ?? '', 'base64').toString('hex') };
  return {
    type,
    'bom-ref': purl(name, version),
    name,
    version,
    purl: purl(name, version),
    ...(license !== undefined && { licenses: [{ expression: license }] }),
    ...(algorithm === 'sha512' && { hashes: [hash] }),
  };
}

/** As npm's are written: the slash of a scope stays, its at sign does not. */
function purl(name: string, version: string): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

const nameAt = (place: string) => place.slice(place.lastIndexOf(FOLDER) + FOLDER.length);

/** Where a package at `place` finds `name`: in its own folder, else in those around it. */
function resolved(lock: PackageLock, place: string, name: string): string | null {
  for (let around = place; ; around = around.slice(0, Math.max(0, around.lastIndexOf(`/${FOLDER}`)))) {
    const at = `${around === '' ? '' : `${around}/`}${FOLDER}${name}`;
    if (at in lock.packages) return at;
    if (around === '') return null;
  }
}

/** `file`: of the package that is built. */
export function writeSbom(root: string, file: string): void {
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as PackageLock;
  writeFileSync(file, `${JSON.stringify(sbomOf(lock), null, 2)}\n`);
}
