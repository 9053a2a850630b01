import { isIPv6 } from 'node:net';
import { SettingError } from '../settings/setting-error.ts';
import { checkZone } from '../settings/zones.ts';
import { addressText, type FixedAddress, type HostPort, type ListenAddress } from './address.ts';

/** What fits into `sun_path` with its final NUL. */
const MAX_SOCKET_PATH_BYTES = 107;
const MAX_SOCKET_MODE = 0o777;
const MAX_WEIGHT = 2 ** 31 - 1;

/** twemproxy splits at the last colon, so `::1:22121` is unambiguous to it; our own form asks for brackets. */
export type BareIpv6 = 'bare-ipv6' | 'bracketed-ipv6';

/** One line of `servers:` before it has a ring name. */
export interface ServerLine {
  readonly address: FixedAddress;
  /** As written: ring names keep leading zeros. Empty for a unix socket. */
  readonly portText: string;
  readonly weight: number;
  readonly alias: string | null;
}

/**
 * `host:port`, `[v6]:port` or `/path [octal mode]`. Port 0 lets the system choose when `minPort` is 0.
 * @throws SettingError
 */
export function parseListenAddress(text: string, minPort: 0 | 1, ipv6: BareIpv6): ListenAddress {
  if (!text.startsWith('/')) {
    if (!text.includes(':')) throw new SettingError(`"${text}" has no port; write host:port or an absolute /path`);
    return parseHostPort(text, minPort, ipv6).address;
  }
  const space = text.lastIndexOf(' ');
  if (space < 0) return { path: checkSocketPath(text), mode: null };
  const modeText = text.slice(space + 1);
  const mode = /^[0-7]{1,4}$/.test(modeText) ? Number.parseInt(modeText, 8) : -1;
  if (mode < 0 || mode > MAX_SOCKET_MODE) {
    throw new SettingError(`"${modeText}" after the socket path is no file mode; write it in octal, such as 0660`);
  }
  return { path: checkSocketPath(text.slice(0, space)), mode };
}

/** @throws SettingError */
export function parseHostPort(
  text: string,
  minPort: 0 | 1,
  ipv6: BareIpv6,
): { readonly address: HostPort; readonly portText: string } {
  const colon = text.lastIndexOf(':');
  if (colon < 0) throw new SettingError(`"${text}" has no port; write host:port`);
  const portText = text.slice(colon + 1);
  return { address: { host: parseHost(text.slice(0, colon), ipv6), port: parsePort(portText, minPort) }, portText };
}

/**
 * `host:port[:weight] [name]` or `/path[:weight] [name]`, our own form.
 * @throws SettingError
 */
export function parseServerLine(text: string): ServerLine {
  const space = text.indexOf(' ');
  const place = space < 0 ? text : text.slice(0, space);
  const alias = space < 0 ? null : checkAlias(text.slice(space + 1).trimStart());
  if (alias?.includes(' ')) {
    throw new SettingError(`a name with spaces needs the long form: { address: ${place}, name: "${alias}" }`);
  }
  if (place.startsWith('/')) {
    const colon = place.lastIndexOf(':');
    if (colon < 0) return { address: { path: checkSocketPath(place) }, portText: '', weight: 1, alias };
    const path = checkSocketPath(place.slice(0, colon));
    return { address: { path }, portText: '', weight: parseWeight(place.slice(colon + 1)), alias };
  }
  const afterHost = place.startsWith('[') ? place.indexOf(']') + 1 : 0;
  const colons = place.slice(afterHost).split(':').length - 1;
  if (colons === 0) throw new SettingError(`"${place}" has no port; write host:port:weight or host:port`);
  if (colons > 2) {
    throw new SettingError(`"${place}" has too many colons; write host:port:weight, IPv6 as [::1]:6379:1`);
  }
  const end = colons === 2 ? place.lastIndexOf(':') : place.length;
  const weight = colons === 2 ? parseWeight(place.slice(end + 1)) : 1;
  const { address, portText } = parseHostPort(place.slice(0, end), 1, 'bracketed-ipv6');
  return { address, portText, weight, alias };
}

/**
 * The `address` of the long form: `host:port` or `/path`, which here may have colons and spaces.
 * @throws SettingError
 */
export function parseServerAddress(text: string): { readonly address: FixedAddress; readonly portText: string } {
  if (text.startsWith('/')) return { address: { path: checkSocketPath(text) }, portText: '' };
  return parseHostPort(text, 1, 'bracketed-ipv6');
}

/**
 * `host:port:weight [name]` or `/path:weight [name]` the way twemproxy takes it apart: from the end, at the last space,
 * then at the last colons. The weight is not optional there.
 * @throws SettingError
 */
export function parseTwemproxyServer(text: string): ServerLine {
  const space = text.lastIndexOf(' ');
  const alias = space < 0 ? null : checkAlias(text.slice(space + 1));
  const place = space < 0 ? text : text.slice(0, space);
  const beforeWeight = place.lastIndexOf(':');
  const isPath = text.startsWith('/');
  if (beforeWeight < 0 || (!isPath && !place.slice(0, beforeWeight).includes(':'))) {
    throw new SettingError(`"${text}" lacks its ${beforeWeight < 0 && !isPath ? 'port and ' : ''}weight; ${LINE_FORM}`);
  }
  const addressText = place.slice(0, beforeWeight);
  const weight = parseWeight(place.slice(beforeWeight + 1));
  if (isPath) {
    if (addressText.includes(':')) throw new SettingError(`a socket path cannot contain a colon here; ${LINE_FORM}`);
    return { address: { path: checkSocketPath(addressText) }, portText: '', weight, alias };
  }
  const { address, portText } = parseHostPort(addressText, 1, 'bare-ipv6');
  return { address, portText, weight, alias };
}

const LINE_FORM = 'write host:port:weight [name] or /path:weight [name]';

/** @throws SettingError */
export function parseWeight(text: string): number {
  const weight = /^[0-9]{1,10}$/.test(text) ? Number(text) : 0;
  if (weight < 1 || weight > MAX_WEIGHT) {
    throw new SettingError(`"${text}" is no weight; write a whole number from 1 to ${MAX_WEIGHT}`);
  }
  return weight;
}

/** @throws SettingError */
export function checkAlias(text: string): string {
  if (text === '') throw new SettingError('the name is empty; leave it out or write one');
  if (hasControlCharacter(text)) throw new SettingError('the name contains a control character; write plain text');
  return text;
}

/**
 * `host:port` or `/path`, and perhaps a zone behind it.
 * @throws SettingError
 */
export function parseReplica(text: string): { readonly address: FixedAddress; readonly zone: string | null } {
  const [place, zone, ...more] = text.split(/ +/);
  if (more.length > 0) throw new SettingError(`"${text}" has more than an address and a zone`);
  return { address: parseServerAddress(place!).address, zone: zone === undefined ? null : checkZone(zone) };
}

export function replicaText({ address, zone }: ReturnType<typeof parseReplica>): string {
  return zone === null ? addressText(address) : `${addressText(address)} ${zone}`;
}

/**
 * Sentinel tells of masters in words with spaces between them.
 * @throws SettingError
 */
export function checkMasterName(text: string): string {
  if (text === '' || /\s/.test(text) || hasControlCharacter(text)) {
    throw new SettingError(`${JSON.stringify(text)} is no name of a master; it has no spaces`);
  }
  return text;
}

function parsePort(text: string, minPort: 0 | 1): number {
  const port = /^[0-9]{1,10}$/.test(text) ? Number(text) : -1;
  if (port < minPort || port > 65535) throw new SettingError(`"${text}" is no port; write a number from 1 to 65535`);
  return port;
}

function parseHost(text: string, ipv6: BareIpv6): string {
  if (text === '') throw new SettingError('the host is missing; write such as 127.0.0.1:22121, or 0.0.0.0 for all');
  if (text === '*') throw new SettingError('"*" is no address; for all interfaces write 0.0.0.0 or [::]');
  if (text.startsWith('[') && text.endsWith(']')) {
    const inner = text.slice(1, -1);
    if (!isIPv6(inner)) throw new SettingError(`"${inner}" in brackets is no IPv6 address`);
    return inner;
  }
  if (text.includes(':')) {
    if (!isIPv6(text)) throw new SettingError(`"${text}" is neither a host name nor an IPv6 address`);
    if (ipv6 !== 'bare-ipv6') throw new SettingError(`put the IPv6 address in brackets: [${text}]`);
    return text;
  }
  if (/[\s/[\]]/.test(text) || hasControlCharacter(text)) {
    throw new SettingError(`"${text}" is no host name or address`);
  }
  return text;
}

function checkSocketPath(path: string): string {
  if (path.endsWith(' ')) throw new SettingError('the socket path ends with a space');
  if (path.endsWith('/')) throw new SettingError(`"${path}" is a directory; write the path of a socket`);
  if (hasControlCharacter(path)) throw new SettingError('the socket path contains a control character');
  const length = Buffer.byteLength(path);
  if (length > MAX_SOCKET_PATH_BYTES) {
    throw new SettingError(`the socket path has ${length} bytes; at most ${MAX_SOCKET_PATH_BYTES}`);
  }
  return path;
}

function hasControlCharacter(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
