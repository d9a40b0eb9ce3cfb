import { useSignal } from '@preact/signals';
import { get, Problem } from '../api.js';
import { Ago } from '../parts/time.js';
import type { Proof } from '../shapes.js';

/** Checks on a click whether history, journal and view of the order agree, and shows when it did. */
export function ProofBadge({ orderId }: { readonly orderId: string }) {
  const found = useSignal<Proof | undefined>(undefined);
  const problem = useSignal('');
  const isBusy = useSignal(false);
  const check = async (): Promise<void> => {
    isBusy.value = true;
    problem.value = '';
    try {
      found.value = await get<Proof>(`/v1/orders/${encodeURIComponent(orderId)}/proof`);
    } catch (error) {
      problem.value = error instanceof Problem ? error.message : String(error);
    }
    isBusy.value = false;
  };
  const proof = found.value;
  return (
    <>
      <span class="proof">
        {proof !== undefined && (
          <>
            <span class={`status ${proof.agrees ? 'good' : 'bad'}`}>{inWords(proof)}</span>
            <span class="quiet">
              <Ago at={proof.checkedAt} />
              {proof.position !== undefined && `, position ${proof.position}`}
            </span>
          </>
        )}
        <span class="problem">{problem}</span>
        <button type="button" class="small" disabled={isBusy.value} onClick={() => void check()}>
          {isBusy.value ? 'Checking …' : proof === undefined ? 'Prove' : 'Again'}
        </button>
      </span>
      {proof !== undefined && !proof.agrees && (
        <ul class="differences">
          {proof.differences.map(({ where, detail, remedy }) => (
            <li key={where + detail}>
              <b>{where}</b> {detail} <span class="quiet">{remedy}</span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function inWords({ agrees, hasHistory, version, differences }: Proof): string {
  if (!agrees) return `${differences.length} ${differences.length === 1 ? 'difference' : 'differences'}`;
  return `${hasHistory ? 'history = journal' : 'journal'} = view at version ${version}`;
}
