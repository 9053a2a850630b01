/**
 * What is spoken where nobody says otherwise, in OpenSSL's words and the order of preference: all of TLS 1.3, and of TLS 1.2 what has
 * forward secrecy (ECDHE) and encrypts and authenticates in one (AEAD). Node's own list has CBC and static RSA, too, which scanners
 * mark, and which Lucky 13 and ROBOT were about.
 */
export const DEFAULT_CIPHERS: string = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');
