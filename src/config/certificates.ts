import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { type CertifiedKey, createTlsServer, type ListenTls } from '../system/listen-tls.ts';
import { type ServerTls, serverTlsContext } from '../system/server-tls.ts';
import { adminDates, datesOf, whyNotNow } from './certificate-dates.ts';
import type { ListenTlsConfig, PoolConfig, PoolTls, ServerTlsConfig } from './config.ts';

/** More is no certificate or key. */
const MAX_FILE_BYTES = 4 * 2 ** 20;

/** A file that a pool needs for TLS can't be read, or OpenSSL can't use it. Contents are in no message. */
export class CertificateError extends Error {}

/** The length that OpenSSL wants. */
const TICKET_KEYS_BYTES = 48;

/**
 * Reads and tries the files that the TLS settings of a pool name. The keys of its session tickets are new each time.
 * @throws CertificateError
 */
export function withTlsFiles(pool: PoolConfig): PoolConfig {
  const { name, listenTls, serverTls, sentinelTls } = pool;
  if (listenTls === null && serverTls === null && sentinelTls === null) return pool;
  const tls: PoolTls = {
    listen: listenTls === null ? null : readShown(listenTls, `pool ${name}: listen_tls`),
    servers: serverTls === null ? null : readTrusted(serverTls, `pool ${name}: server_tls`),
    sentinels: sentinelTls === null ? null : readTrusted(sentinelTls, `pool ${name}: sentinel_tls`),
  };
  return { ...pool, tls };
}

/** As `withTlsFiles`, for the admin server. */
export function readAdminTls(adminTls: ListenTlsConfig | null): ListenTls | null {
  return adminTls === null ? null : readShown(adminTls, 'admin_tls');
}

function readShown(settings: ListenTlsConfig, where: string): ListenTls {
  const { cert: certs, key: keys, ca, crl, ...others } = settings;
  // The checks of the file have found both.
  const [cert, key] = [certs ?? [], keys ?? []];
  const tls: ListenTls = {
    ...others,
    certificates: cert.map((path, i) => ({
      cert: readPem(path, where),
      key: readPem(key[i] as string, where),
      file: path,
    })),
    ca: ca === null ? null : readPem(ca, where),
    crl: crl === null ? null : readPem(crl, where),
    ticketKeys: newTicketKeys(),
  };
  for (const [i, pair] of tls.certificates.entries()) checkPair(where, pair, key[i] as string);
  const files = [...cert, ...key, ...[ca, crl].filter(path => path !== null)];
  tried(where, files, () => createTlsServer(tls));
  return tls;
}

function newTicketKeys(): string {
  return randomBytes(TICKET_KEYS_BYTES).toString('base64');
}

/** The same with other keys for session tickets: what was given out under the old ones is not resumed. */
export function withNewTickets(tls: ListenTls): ListenTls {
  return { ...tls, ticketKeys: newTicketKeys() };
}

/** Files that are read for the TLS of a pool. */
export function tlsFiles({ listenTls, serverTls, sentinelTls }: PoolConfig): string[] {
  const trusted = [serverTls, sentinelTls].flatMap(tls => [tls?.ca, tls?.cert, tls?.key]);
  return [...shownFiles(listenTls), ...trusted.filter(file => file != null)];
}

/** Those of `listen_tls`, and of `admin_tls`. */
export function shownFiles(tls: ListenTlsConfig | null): string[] {
  return [...(tls?.cert ?? []), ...(tls?.key ?? []), tls?.ca, tls?.crl].filter(file => file != null);
}

/** What has come of reading again the files of a pool that has `tls` of them. */
export type Renewed = { readonly pool: PoolConfig } | { readonly refused: string } | null;

/**
 * Null: nothing has changed. Refused is what can't be used, and what is not valid now: whoever replaced what is may have mixed up files.
 */
export function renewed(pool: PoolConfig): Renewed {
  try {
    const next = withTlsFiles(pool);
    if (isDeepStrictEqual(withoutTickets(next.tls), withoutTickets(pool.tls))) return null;
    const why = datesOf(next).flatMap(dates => whyNotNow(dates) ?? [])[0];
    return why === undefined ? { pool: next } : { refused: `pool ${pool.name}: ${why}` };
  } catch (error) {
    if (error instanceof CertificateError) return { refused: error.message };
    throw error;
  }
}

/** As `renewed`, for the admin server, which has `now`. */
export function renewedAdminTls(
  adminTls: ListenTlsConfig | null,
  now: ListenTls | null,
): { readonly tls: ListenTls | null } | { readonly refused: string } | null {
  try {
    const tls = readAdminTls(adminTls);
    if (isDeepStrictEqual(tls && { ...tls, ticketKeys: '' }, now && { ...now, ticketKeys: '' })) return null;
    const why = adminDates(tls).flatMap(dates => whyNotNow(dates) ?? [])[0];
    return why === undefined ? { tls } : { refused: `admin_tls: ${why}` };
  } catch (error) {
    if (error instanceof CertificateError) return { refused: error.message };
    throw error;
  }
}

function withoutTickets(tls: PoolTls | undefined): unknown {
  return tls && { ...tls, listen: tls.listen && { ...tls.listen, ticketKeys: '' } };
}

function readTrusted(settings: ServerTlsConfig, where: string): ServerTls {
  const read = (path: string | null) => (path === null ? null : readPem(path, where));
  const { ca, cert, key } = settings;
  const tls: ServerTls = { ...settings, ca: read(ca), cert: read(cert), key: read(key) };
  if (tls.cert !== null && tls.key !== null) {
    checkPair(where, { cert: tls.cert, key: tls.key, file: cert as string }, key as string);
  }
  tried(
    where,
    [ca, cert, key].filter(path => path !== null),
    () => serverTlsContext(tls),
  );
  return tls;
}

/** Whoever has mixed up two files is told which. What else may be wrong with them OpenSSL says when it uses them. */
function checkPair(where: string, { cert, key, file }: CertifiedKey, keyFile: string): void {
  let isPair: boolean;
  try {
    isPair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    return;
  }
  if (!isPair) throw new CertificateError(`${where}: ${keyFile} is not the key of ${file}`);
}

function tried(where: string, files: readonly string[], use: () => unknown): void {
  try {
    use();
  } catch (error) {
    throw new CertificateError(`${where}: OpenSSL can't use ${files.join(', ')}: ${(error as Error).message}`);
  }
}

function readPem(path: string, where: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch (error) {
    throw new CertificateError(`${where}: cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`);
  }
  if (text.length > MAX_FILE_BYTES || !text.includes('-----BEGIN ')) {
    throw new CertificateError(`${where}: ${path} is no PEM file`);
  }
  return text;
}
