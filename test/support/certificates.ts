// Certificates that openssl makes in a temporary directory.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run, temporaryDirectory } from './child.ts';

/** A certificate and its key: paths of PEM files. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Who signs certificates. */
export class Authority {
  readonly dir: string;
  /** Its own certificate. */
  readonly cert: string;
  private readonly key: string;

  private constructor(dir: string) {
    this.dir = dir;
    this.cert = path.join(dir, 'ca.pem');
    this.key = path.join(dir, 'ca.key');
  }

  static async create(): Promise<Authority> {
    const authority = new Authority(temporaryDirectory('certificates'));
    const { cert, key } = authority;
    await openssl(['req', '-x509', ...KEY, '-days', '2', '-subj', '/CN=test authority', '-keyout', key, '-out', cert]);
    return authority;
  }

  /** `names`: as in subjectAltName, such as `DNS:a.test,IP:127.0.0.1`. */
  async sign(name: string, names = 'DNS:localhost,IP:127.0.0.1'): Promise<CertificateFiles> {
    const at = (suffix: string) => path.join(this.dir, `${name}.${suffix}`);
    await openssl(['req', '-new', ...KEY, '-subj', `/CN=${name}`, '-keyout', at('key'), '-out', at('csr')]);
    writeFileSync(at('ext'), `subjectAltName=${names}\n`);
    const signing = ['x509', '-req', '-in', at('csr'), '-CA', this.cert, '-CAkey', this.key, '-CAcreateserial'];
    await openssl([...signing, '-days', '2', '-extfile', at('ext'), '-out', at('pem')]);
    return { cert: at('pem'), key: at('key') };
  }

  pem(): string {
    return readFileSync(this.cert, 'latin1');
  }
}

async function openssl(args: readonly string[]): Promise<void> {
  const { code, stderr } = await run('openssl', args);
  if (code !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
}
