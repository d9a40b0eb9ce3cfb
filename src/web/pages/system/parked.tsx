import { eventId } from '../../../log/event-id.js';
import { useAction } from '../../action.js';
import { post } from '../../api.js';
import { eventName } from '../../format.js';
import { Shown } from '../../parts/states.js';
import { Ago } from '../../parts/time.js';
import { useResource } from '../../resource.js';
import type { Page, ParkedEvent } from '../../shapes.js';

const LOOK_EVERY_MS = 5_000;

/** Events that a view could not apply, and later events of the same orders, which wait for them. */
export function Parked({ view, onDone }: { readonly view: string; readonly onDone: () => void }) {
  const found = useResource<Page<ParkedEvent>>(`/v1/projections/${view}/parked?limit=50`, LOOK_EVERY_MS);
  const { problem, run } = useAction();
  const intervene = async (event: ParkedEvent, action: 'retry' | 'skip'): Promise<void> => {
    await run(async () => {
      const path = `/v1/projections/${view}/parked/${encodeURIComponent(event.orderId)}/${action}`;
      await post(path, { reason: 'by the page', version: event.version });
    });
    found.reload();
    onDone();
  };
  return (
    <section class="parked">
      <h3>Parked in {view}</h3>
      <p class="problem" role="alert">
        {problem}
      </p>
      <Shown of={found.state.value} lines={2}>
        {({ data }) => (
          <ul class="rows">
            {data.map((event) => (
              <li key={eventId(event)}>
                <a href={`/orders/${encodeURIComponent(event.orderId)}?v=${event.version}`}>
                  {event.orderId}
                </a>{' '}
                {eventName(event.type)} (version {event.version}){' '}
                <span class="quiet">
                  <Ago at={event.at} />
                  {event.status === 'waiting' && ', waits for the one before'}
                </span>
                <p class="problem">{event.error}</p>
                {event.status === 'parked' && (
                  <p>
                    <button type="button" class="small" onClick={() => void intervene(event, 'retry')}>
                      Retry
                    </button>{' '}
                    <button type="button" class="small" onClick={() => void intervene(event, 'skip')}>
                      Skip
                    </button>
                  </p>
                )}
              </li>
            ))}
          </ul>
        )}
      </Shown>
    </section>
  );
}
