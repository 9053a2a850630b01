import { readFileSync } from 'node:fs';
import { type Document, isMap, isSeq, parseDocument } from 'yaml';
import type { Config } from '../config/config.ts';
import { Secrets } from '../config/secrets.ts';
import { DAEMON_SETTINGS } from '../config/tables/daemon-settings.ts';
import { LISTEN_TLS_SETTINGS } from '../config/tables/tls-settings.ts';
import type { Kind } from '../settings/kinds.ts';
import { defaultOf, type Setting } from '../settings/setting.ts';

/** What a configuration file says of how its daemon is asked. */
export interface AdminSettings extends Pick<Config, 'admin' | 'adminSocket' | 'adminToken'> {
  /** Null: TLS is not spoken there. */
  readonly adminTls: { readonly cert: readonly string[] | null } | null;
}

/** As far as it can be found in a configuration file that can't be used; null: it can't. */
export function adminOfBadFile(file: string): AdminSettings | null {
  try {
    const document = parseDocument(readFileSync(file, 'utf8'), { schema: 'failsafe', uniqueKeys: false });
    if (!isMap(document.contents) || !document.has('pools')) return null;
    const given = <T>(setting: { readonly key: string; readonly kind: Kind<T> }): T => {
      const text = document.get(setting.key);
      return text === undefined ? (defaultOf(setting as Setting, 'native') as T) : setting.kind.read(text as string);
    };
    const { admin, adminSocket } = DAEMON_SETTINGS;
    return {
      admin: given(admin),
      adminSocket: given<AdminSettings['adminSocket']>(adminSocket),
      adminToken: tokenOf(document, file),
      adminTls: tlsOf(document),
    };
  } catch {
    return null;
  }
}

function tokenOf(document: Document, file: string): string | null {
  const { key } = DAEMON_SETTINGS.adminToken;
  const given = document.get(key);
  if (!isMap(given)) return typeof given === 'string' ? given : null;
  const secrets = new Secrets(file);
  const [path, name] = [given.get('file'), given.get('env')];
  if (typeof path === 'string') return secrets.named('file', path, key);
  return typeof name === 'string' ? secrets.named('env', name, key) : null;
}

function tlsOf(document: Document): AdminSettings['adminTls'] {
  const tls = document.get(DAEMON_SETTINGS.adminTls.key);
  if (!isMap(tls)) return null;
  const cert = tls.get(LISTEN_TLS_SETTINGS.cert.key);
  return { cert: isSeq(cert) ? cert.items.map(String) : typeof cert === 'string' ? [cert] : null };
}
