import { signal, useComputed } from '@preact/signals';
import { failing } from '../resource.js';

const isOffline = signal(!navigator.onLine);
for (const name of ['online', 'offline'] as const)
  addEventListener(name, () => (isOffline.value = name === 'offline'));

/** Says why something cannot be read, until it can be read again. */
export function Banner() {
  const text = useComputed(() => {
    if (isOffline.value)
      return 'This browser is offline. What you see may be old; the page continues once the browser is online.';
    const [first, ...others] = failing.value.values();
    if (first === undefined) return '';
    const isSilent = [first, ...others].some(({ status }) => status === 0);
    const why = isSilent ? 'The API does not answer.' : sentence(first.message);
    return `${why} What you see may be old; the page tries again by itself.`;
  });
  return (
    <div class="banner" role="status" hidden={text.value === ''}>
      {text}
    </div>
  );
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
