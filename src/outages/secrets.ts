/** A shorter text may be an everyday word, which would then be missing from all output. */
const SHORTEST = 8;

const kept = new Set<string>();

/** From now on, `withoutSecrets` hides this value. */
export function keepSecret(value: string): void {
  if (value.length < SHORTEST) return;
  kept.add(value);
  // As it is written within JSON.
  kept.add(JSON.stringify(value).slice(1, -1));
}

/** Keeps user name and password of a connection string, and what its options keep secret. */
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
