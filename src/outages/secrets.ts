/** A shorter secret may be a common word, and hiding it would make output unreadable. */
const SHORTEST = 8;

const kept = new Set<string>();

/** From now on, `withoutSecrets` hides this value. */
export function keepSecret(value: string): void {
  if (value.length < SHORTEST) return;
  kept.add(value);
  // the secret as it appears within JSON
  kept.add(JSON.stringify(value).slice(1, -1));
}

/** Hides the user name and password of a connection string, and the secrets among its options. */
export function keepConnectionString(uri: string): void {
  const [, credentials = ''] = /\/\/(.*)@/s.exec(uri) ?? [];
  const password = credentials.slice(credentials.indexOf(':') + 1);
  for (const secret of [credentials, password, decoded(password)]) keepSecret(secret);
  for (const [, value = ''] of uri.matchAll(/[?&]\w*(?:password|properties)=([^&]*)/gi))
    for (const secret of [value, decoded(value)]) keepSecret(secret);
}

/**
 * A text for people, with `***` for each secret that this process has read, and for the user name
 * and password of any URL.
 */
export function withoutSecrets(text: string): string {
  let shown = text.replaceAll(/(?<=:\/\/)[^\s/@]+@/g, '***@');
  for (const secret of kept) shown = shown.replaceAll(secret, '***');
  return shown;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
