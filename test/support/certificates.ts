// Certificates that openssl makes in a temporary directory.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run, temporaryDirectory } from './child.ts';

/** A certificate and its key: paths of PEM files. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

const SERVER_NAMES = 'DNS:localhost,IP:127.0.0.1';

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

  /** `names`: as in subjectAltName, such as `DNS:a.test,IP:127.0.0.1`. `seconds`: it is good for so long from now on. */
  sign(name: string, names = SERVER_NAMES, seconds = 2 * 86_400): Promise<CertificateFiles> {
    return this.signed(name, names, fromNow(-86_400), fromNow(seconds));
  }

  /** One that is good from one day to another. */
  signBetween(name: string, from: Date, to: Date): Promise<CertificateFiles> {
    return this.signed(name, SERVER_NAMES, from, to);
  }

  private async signed(name: string, names: string, from: Date, to: Date): Promise<CertificateFiles> {
    const at = (suffix: string) => path.join(this.dir, `${name}.${suffix}`);
    await openssl(['req', '-new', ...KEY, '-subj', `/CN=${name}`, '-keyout', at('key'), '-out', at('csr')]);
    writeFileSync(at('ext'), `subjectAltName=${names}\n`);
    const signing = ['ca', '-batch', '-notext', '-config', this.database(), '-in', at('csr'), '-out', at('pem')];
    await openssl([...signing, '-extfile', at('ext'), '-startdate', utcTime(from), '-enddate', utcTime(to)]);
    return { cert: at('pem'), key: at('key') };
  }

  /** From now on the next list of revoked certificates has it. */
  async revoke({ cert }: CertificateFiles): Promise<void> {
    await openssl(['ca', '-config', this.database(), '-revoke', cert]);
  }

  /** A new list of the certificates that were revoked; the path of its file. */
  async revocations(seconds = 86_400): Promise<string> {
    const file = path.join(this.dir, 'crl.pem');
    const until = ['-crl_lastupdate', utcTime(fromNow(-86_400)), '-crl_nextupdate', utcTime(fromNow(seconds))];
    await openssl(['ca', '-config', this.database(), '-gencrl', ...until, '-out', file]);
    return file;
  }

  /** OpenSSL's, of what was signed; the path of its configuration. */
  private database(): string {
    const file = path.join(this.dir, 'ca.cnf');
    if (existsSync(file)) return file;
    writeFileSync(path.join(this.dir, 'index.txt'), '');
    const lines = [
      '[ca]',
      'default_ca = own',
      '[own]',
      `database = ${path.join(this.dir, 'index.txt')}`,
      `new_certs_dir = ${this.dir}`,
      `certificate = ${this.cert}`,
      `private_key = ${this.key}`,
      'default_md = sha256',
      'unique_subject = no',
      'rand_serial = yes',
      'policy = any',
      '[any]',
      'commonName = optional',
      '',
    ];
    writeFileSync(file, lines.join('\n'));
    return file;
  }

  pem(): string {
    return readFileSync(this.cert, 'latin1');
  }
}

async function openssl(args: readonly string[]): Promise<void> {
  const { code, stderr } = await run('openssl', args);
  if (code !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
}

const fromNow = (seconds: number) => new Date(Date.now() + seconds * 1000);
/** As OpenSSL takes it. */
const utcTime = (time: Date) => time.toISOString().replace(/[-:T]|\.\d+/g, '');
