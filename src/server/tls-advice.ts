const variables = {
  Temporal:
    'TEMPORAL_TLS_SERVER_CA_CERT_PATH (the CA of the server), TEMPORAL_TLS_SERVER_NAME (the name in its certificate), ' +
    'TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH',
  MongoDB: 'tlsCAFile (the CA of the server), tlsCertificateKeyFile and the host names in MONGODB_URI',
} as const;

/** What to check when a connection fails because of TLS; empty for another problem. */
export function tlsAdvice(server: keyof typeof variables, problem: string): string {
  return /certificate|\btls\b|\bssl\b/i.test(problem) ? ` (check ${variables[server]})` : '';
}
