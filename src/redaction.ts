/** A shorter secret is not hidden: it may be a common word, and output would become unreadable. */
const MIN_SECRET_LENGTH = 8;

/** The secrets to hide, the longest first, because a secret may contain another one. */
let hidden: readonly string[] = [];

/** From now on, `withoutSecrets` hides this value. */
export function hideSecret(value: string): void {
  if (value.length < MIN_SECRET_LENGTH) return;
  const withinJson = JSON.stringify(value).slice(1, -1);
  const all = new Set([...hidden, value, withinJson]);
  hidden = [...all].toSorted((one, other) => other.length - one.length);
}

/** Hides the user name and password of a connection string, and the secrets among its options. */
export function hideConnectionString(uri: string): void {
  const [, credentials = ''] = /\/\/(.*)@/s.exec(uri) ?? [];
  const password = credentials.slice(credentials.indexOf(':') + 1);
  for (const secret of [credentials, password, decoded(password)]) hideSecret(secret);
  for (const [, value = ''] of uri.matchAll(/[?&]\w*(?:password|properties)=([^&]*)/gi))
    for (const secret of [value, decoded(value)]) hideSecret(secret);
}

/**
 * A text for people, with `***` for each secret that is hidden (`hideSecret`), and for the user
 * name and password of any URL.
 */
export function withoutSecrets(text: string): string {
  let shown = text.replaceAll(/(?<=:\/\/)[^\s/@]+@/g, '***@');
  for (const secret of hidden) shown = shown.replaceAll(secret, '***');
  return shown;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
