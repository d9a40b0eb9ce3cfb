import { useEffect } from 'preact/hooks';

/** Sets the title of the browser's tab while the page is open. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === 'Orders' ? title : `${title} · Orders`;
  }, [title]);
}
