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

  /** One that is good from one day to another. */
  async signBetween(name: string, from: Date, to: Date): Promise<CertificateFiles> {
    const files = await this.sign(name);
    const at = (suffix: string) => path.join(this.dir, `${name}.${suffix}`);
    writeFileSync(at('index'), '');
    const lines = ['[ca]', 'default_ca=d', '[d]', `database=${at('index')}`, `new_certs_dir=${this.dir}`];
    writeFileSync(
      at('conf'),
      [...lines, 'default_md=sha256', 'rand_serial=yes', 'policy=p', '[p]', 'commonName=supplied', ''].join('\n'),
    );
    const time = (date: Date) => date.toISOString().replace(/[-:T]|\.\d+/g, '');
    const dates = ['-startdate', time(from), '-enddate', time(to)];
    const signing = ['ca', '-batch', '-notext', '-config', at('conf'), '-cert', this.cert];
    const rest = ['-keyfile', this.key, '-extfile', at('ext'), '-in', at('csr'), '-out', files.cert];
    await openssl([...signing, ...dates, ...rest]);
    return files;
  }

  pem(): string {
    return readFileSync(this.cert, 'latin1');
  }
}

async function openssl(args: readonly string[]): Promise<void> {
  const { code, stderr } = await run('openssl', args);
  if (code !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
}
