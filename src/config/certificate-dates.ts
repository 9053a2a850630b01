import { X509Certificate } from 'node:crypto';
import type { ListenTls } from '../system/listen-tls.ts';
import type { Config, PoolConfig } from './config.ts';

/** A certificate that is shown to clients or servers, with those that lead to it. */
export interface CertificateDates {
  /** Empty: the admin server's. */
  readonly pool: string;
  readonly side: 'clients' | 'servers' | 'sentinels' | 'admin';
  readonly file: string;
  /** From when to when all of them are good, in ms since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

const PEM_CERTIFICATE =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[\s\S]*?-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;

/** Of pools, by their object: as it was read, none changes. */
const known = new WeakMap<object, readonly CertificateDates[]>();

/** Of all pools as workers have them. */
export function certificateDates({ pools }: Config): CertificateDates[] {
  return pools.flatMap(pool => (pool.tls === undefined ? [] : datesOf(pool)));
}

export function datesOf(pool: PoolConfig): readonly CertificateDates[] {
  const { name, tls, serverTls, sentinelTls } = pool;
  let dates = tls === undefined ? [] : known.get(tls);
  if (dates !== undefined || tls === undefined) return dates ?? [];
  const of = (side: CertificateDates['side'], file: string, pem: string) => ({ pool: name, side, file, ...span(pem) });
  const shown = (tls.listen?.certificates ?? []).map(({ cert, file }) => of('clients', file, cert));
  const own = [
    ['servers', serverTls, tls.servers],
    ['sentinels', sentinelTls, tls.sentinels],
  ] as const;
  dates = [
    ...shown,
    ...own.flatMap(([side, settings, read]) => (read?.cert == null ? [] : of(side, settings?.cert ?? '', read.cert))),
  ];
  known.set(tls, dates);
  return dates;
}

/** Of the admin server. */
export function adminDates(tls: ListenTls | null): CertificateDates[] {
  return (tls?.certificates ?? []).map(({ cert, file }) => ({ pool: '', side: 'admin', file, ...span(cert) }));
}

function span(pem: string): { readonly notBeforeMs: number; readonly notAfterMs: number } {
  const all = Array.from(pem.matchAll(PEM_CERTIFICATE), ([text]) => new X509Certificate(text));
  return {
    notBeforeMs: Math.max(...all.map(({ validFromDate }) => validFromDate.getTime())),
    notAfterMs: Math.min(...all.map(({ validToDate }) => validToDate.getTime())),
  };
}

/** Null: it is good now. */
export function whyNotNow({ file, notBeforeMs, notAfterMs }: CertificateDates, nowMs = Date.now()): string | null {
  if (notAfterMs <= nowMs) return `${file} has expired on ${new Date(notAfterMs).toISOString()}`;
  if (notBeforeMs > nowMs) return `${file} is not valid before ${new Date(notBeforeMs).toISOString()}`;
  return null;
}
