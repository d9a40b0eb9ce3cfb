import { useComputed } from '@preact/signals';
import { failing } from '../resource.js';

/** Names what cannot be read, until it can be read again. */
export function Banner() {
  const text = useComputed(() => {
    const problems = [...failing.value.values()];
    if (problems.length === 0) return '';
    if (problems.some(({ status }) => status === 0))
      return 'The API does not answer. What you see may be old; it is tried again by itself.';
    return `${problems[0]?.message ?? ''} What you see may be old; it is tried again by itself.`;
  });
  return (
    <div class="banner" role="status" hidden={text.value === ''}>
      {text}
    </div>
  );
}
