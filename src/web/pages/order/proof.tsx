import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { get, problemOf, type GetOptions } from '../../api.js';
import { Ago } from '../../parts/time.js';
import type { Proof } from '../../shapes.js';

/**
 * Up to this version, an order is checked without a click. A longer history takes seconds to read.
 */
const MAX_CHECKED_UNASKED = 1_000;
/**
 * The check waits for an idle moment of the browser, but no longer than this, so that the page is
 * drawn first.
 */
const IDLE_WITHIN_MS = 2_000;

interface ProofBadgeProps {
  readonly orderId: string;
  /** the version of the order as it is now */
  readonly version: number;
}

/**
 * Whether history, journal and view of the order agree, when that was checked and at which
 * position. It is checked once when the page is open, and again by each click.
 */
export function ProofBadge({ orderId, version }: ProofBadgeProps) {
  const found = useSignal<Proof | undefined>(undefined);
  const problem = useSignal('');
  const isBusy = useSignal(false);
  const check = async (options: GetOptions = {}): Promise<void> => {
    isBusy.value = true;
    problem.value = '';
    try {
      found.value = await get<Proof>(`/v1/orders/${encodeURIComponent(orderId)}/proof`, options);
    } catch (error) {
      if (options.signal?.aborted === true) return;
      problem.value = problemOf(error).message;
    }
    isBusy.value = false;
  };
  useEffect(() => {
    if (version > MAX_CHECKED_UNASKED) return undefined;
    const leaving = new AbortController();
    const cancel = whenIdle(() => void check({ priority: 'low', signal: leaving.signal }));
    return () => {
      cancel();
      leaving.abort();
    };
  }, [orderId]);
  const proof = found.value;
  return (
    <>
      <p class="proof">
        <span class={`status ${toneOf(proof, version)}`} role="status">
          {proof === undefined ? (isBusy.value ? 'checking …' : 'not checked yet') : inWords(proof)}
        </span>
        <span class={`at ${problem.value === '' ? 'quiet' : 'problem'}`} title={problem}>
          {problem.value !== '' && problem}
          {problem.value === '' && proof !== undefined && (
            <>
              {`version ${proof.version}, position ${proof.position ?? 'to come'}, `}
              <Ago at={proof.checkedAt} />
            </>
          )}
        </span>
        <button type="button" class="small" disabled={isBusy.value} onClick={() => void check()}>
          Check again
        </button>
      </p>
      {proof !== undefined && !proof.agrees && (
        <ul class="differences">
          {proof.differences.map(({ where, detail, remedy }) => (
            <li key={where + detail}>
              <b>{where}</b> {detail} <span class="quiet">{withCode(remedy)}</span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** A text in which each part between backticks is code. */
function withCode(text = ''): ComponentChildren {
  return text.split('`').map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part));
}

/**
 * The colour of a proof. A proof of an older version says nothing about this version, so it is
 * plain.
 */
function toneOf(proof: Proof | undefined, version: number): string {
  if (proof === undefined) return 'plain';
  if (!proof.agrees) return 'bad';
  return proof.version === version ? 'good' : 'plain';
}

function inWords({ agrees, hasHistory, differences }: Proof): string {
  if (!agrees) return `${differences.length} ${differences.length === 1 ? 'difference' : 'differences'}`;
  return `${hasHistory ? 'history = journal' : 'journal'} = view`;
}

/** Calls `act` when the browser is idle. @returns a function that cancels the call */
function whenIdle(act: () => void): () => void {
  if (!('requestIdleCallback' in globalThis)) {
    const timer = setTimeout(act, IDLE_WITHIN_MS);
    return () => clearTimeout(timer);
  }
  const idle = requestIdleCallback(act, { timeout: IDLE_WITHIN_MS });
  return () => cancelIdleCallback(idle);
}
