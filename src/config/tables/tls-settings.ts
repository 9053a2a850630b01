import { duration, filePath, flag, listOf, oneOf, text } from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';

/* TLS of a pool, on both sides. The files are in PEM. */

const pemFile = () => filePath('path of a PEM file');
/** On both sides. */
const CIPHERS = {
  key: 'ciphers',
  kind: text('OpenSSL cipher list', list => list),
  default: null,
  unset: 'TLS 1.3; ECDHE with GCM or ChaCha20',
  about:
    "What may be used to encrypt, in OpenSSL's words, with colons between them; the default has nothing but forward secrecy and AEAD. " +
    'A list without a name of TLS 1.3 (`TLS_AES_256_GCM_SHA384`, …) leaves that version as it is.',
  applies: 'new-connections',
} as const;

/** Toward clients. */
export const LISTEN_TLS_SETTINGS = {
  cert: {
    key: 'cert',
    kind: listOf(pemFile(), 'path of a PEM file, or several'),
    default: null,
    unset: 'required',
    about:
      'The certificate, with the chain that leads to it. Of several, a client gets the one that has the name it asks for ' +
      '(SNI), else the first.',
    applies: 'new-connections',
  },
  key: {
    key: 'key',
    kind: listOf(pemFile(), 'path of a PEM file, or several'),
    default: null,
    unset: 'required',
    about: 'Its private key; of several certificates, theirs in the same order.',
    applies: 'new-connections',
  },
  ca: {
    key: 'ca',
    kind: pemFile(),
    default: null,
    unset: 'unset',
    about: 'Who may sign the certificates of clients. Needed when `client_cert` asks for them.',
    applies: 'new-connections',
  },
  crl: {
    key: 'crl',
    kind: pemFile(),
    default: null,
    unset: 'unset',
    about:
      'Which certificates were revoked, as the authorities say: the lists of all that sign those of clients, one after the other. A list ' +
      'that has run out lets nobody in who shows a certificate.',
    applies: 'new-connections',
  },
  clientCert: {
    key: 'client_cert',
    kind: oneOf('client_cert', ['none', 'optional', 'required'] as const),
    default: 'none',
    about: 'Whether clients show a certificate. One that is shown must be good, also where it is `optional`.',
    applies: 'new-connections',
  },
  minVersion: {
    key: 'min_version',
    // A number to YAML.
    kind: { ...oneOf('min_version', ['1.2', '1.3'] as const), json: { enum: ['1.2', '1.3', 1.2, 1.3] } },
    default: '1.2',
    about: 'The oldest version of TLS that is spoken.',
    applies: 'new-connections',
  },
  ciphers: CIPHERS,
  handshakeTimeoutMs: {
    key: 'handshake_timeout',
    kind: duration(10),
    default: '5s',
    about: 'A client that has not finished its handshake by then is closed.',
    applies: 'new-connections',
  },
} as const satisfies SettingTable;

/** Toward servers, and toward Sentinels, who are servers in them. */
export const SERVER_TLS_SETTINGS = {
  ca: {
    key: 'ca',
    kind: pemFile(),
    default: null,
    unset: "Node's list",
    about: 'Who may sign the certificates of the servers.',
    applies: 'new-connections',
  },
  cert: {
    key: 'cert',
    kind: pemFile(),
    default: null,
    unset: 'unset',
    about: 'The certificate that is shown to servers that ask for one, with its chain.',
    applies: 'new-connections',
  },
  key: {
    key: 'key',
    kind: pemFile(),
    default: null,
    unset: 'unset',
    about: 'Its private key.',
    applies: 'new-connections',
  },
  serverName: {
    key: 'server_name',
    kind: text('name', name => name),
    default: null,
    unset: "the server's host",
    about: 'The name that the certificates of the servers must have; they are asked for it, too (SNI).',
    applies: 'new-connections',
  },
  ciphers: CIPHERS,
  verify: {
    key: 'verify',
    kind: flag(),
    default: 'true',
    about:
      '`false`: any certificate will do. Then somebody on the way can read and change everything; each start says so.',
    applies: 'new-connections',
  },
} as const satisfies SettingTable;

/** The group of these, toward servers and toward Sentinels alike. */
export const SERVER_TLS_GROUP = {
  settings: SERVER_TLS_SETTINGS,
  default: null,
  takes: 'a map; {} for the defaults',
  example: '{ ca: /etc/ringmaster/ca.pem }, or {} for the defaults',
  unset: 'off',
} as const;
