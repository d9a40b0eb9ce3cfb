/** The variables that decide how a server is reached by TLS. */
const variables = new Map([
  [
    'Temporal',
    'TEMPORAL_TLS_SERVER_CA_CERT_PATH (the CA of the server), TEMPORAL_TLS_SERVER_NAME (the name in its certificate), ' +
      'TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH',
  ],
  ['MongoDB', 'tlsCAFile (the CA of the server), tlsCertificateKeyFile and the host names in MONGODB_URI'],
]);

/**
 * What to check when something fails because of TLS.
 *
 * @param of what fails: `Temporal` or `MongoDB`; for anything else there is no advice
 * @returns an empty text if the problem has nothing to do with TLS
 */
export function tlsAdvice(of: string, problem: string): string {
  const toCheck = variables.get(of);
  const isTls = /certificate|\btls\b|\bssl\b/i.test(problem);
  return isTls && toCheck !== undefined ? ` (check ${toCheck})` : '';
}
