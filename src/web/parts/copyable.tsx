import { useSignal } from '@preact/signals';

/**
 * A line for a terminal, with a button that copies it. On a page that came by plain HTTP from
 * another host, browsers offer no clipboard, so it has no button.
 */
export function Copyable({ text }: { readonly text: string }) {
  const isDone = useSignal(false);
  const copy = (): void => {
    void navigator.clipboard.writeText(text).then(() => (isDone.value = true));
  };
  return (
    <span class="copied">
      <code tabIndex={0}>{text}</code>
      {isSecureContext && (
        <button type="button" class="small" onClick={copy} aria-label={`Copy ${text.slice(0, 40)}`}>
          {isDone.value ? 'Copied' : 'Copy'}
        </button>
      )}
    </span>
  );
}
