import type { PeerCertificate } from 'node:tls';

/** A name in the text that Node makes of a subjectAltName: `DNS:a.test, URI:spiffe://x/y`; odd ones are quoted as in JSON. */
const ALTERNATIVE = /(?:^|(?!^), )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?=, |$)/gy;
const KINDS: ReadonlySet<string> = new Set(['DNS', 'URI', 'email']);

/**
 * What a certificate is made out to: its common name, if it has one and no more, then the DNS names, URIs and mail addresses of its
 * subjectAltName, in their order. Nothing of a text that is not understood.
 */
export function certificateNames({
  subject,
  subjectaltname,
}: Pick<PeerCertificate, 'subject' | 'subjectaltname'>): string[] {
  const commonName = subject?.CN as string | readonly string[] | undefined;
  const names = typeof commonName === 'string' && commonName !== '' ? [commonName] : [];
  return [...names, ...alternativeNames(subjectaltname ?? '')];
}

function alternativeNames(text: string): string[] {
  const names: string[] = [];
  let end = 0;
  for (const found of text.matchAll(ALTERNATIVE)) {
    const [whole, kind, value] = found as unknown as [string, string, string];
    end = found.index + whole.length;
    if (KINDS.has(kind)) names.push(value.startsWith('"') ? (JSON.parse(value) as string) : value);
  }
  return end === text.length ? names : [];
}
