import { useSignal } from '@preact/signals';
import { eventOfId } from '../../../log/event-id.js';
import { problemOf } from '../../api.js';
import { eventName } from '../../format.js';
import { Shown } from '../../parts/states.js';
import { Ago } from '../../parts/time.js';
import { useResource } from '../../resource.js';
import type { Attempt, Endpoint, Page } from '../../shapes.js';
import { endpointPath, sendAgain } from './endpoints.js';

const LOOK_EVERY_MS = 3_000;

/** The latest attempts to deliver, the last one first. */
export function Attempts({ endpoint }: { readonly endpoint: Endpoint }) {
  const path = `${endpointPath(endpoint.endpointId)}/deliveries?limit=50`;
  const found = useResource<Page<Attempt>>(path, LOOK_EVERY_MS);
  const message = useSignal('');
  const resend = async (eventId: string): Promise<void> => {
    try {
      await sendAgain(endpoint, eventId);
      message.value = `${eventId} is sent again soon.`;
    } catch (error) {
      message.value = problemOf(error).message;
    }
    found.reload();
  };
  return (
    <section>
      <h3>Attempts</h3>
      <p class="quiet" role="status">
        {message}
      </p>
      <Shown of={found.state.value} lines={4}>
        {({ data }) =>
          data.length === 0 ? (
            <p class="quiet">None in the last 30 days.</p>
          ) : (
            <table class="plain">
              <thead>
                <tr>
                  <th>When</th>
                  <th>Event</th>
                  <th>Outcome</th>
                  <th class="number wide-only">Took</th>
                  <th>
                    <span class="hidden">Send again</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {data.map((one) => (
                  <tr key={`${one.at}${one.eventId}`}>
                    <td class="when">
                      <Ago at={one.at} />
                    </td>
                    <td class="which">
                      <EventLink of={one} />
                    </td>
                    <td class="outcome">
                      <Outcome of={one} />
                    </td>
                    <td class="number wide-only">{one.ms} ms</td>
                    <td class="number">
                      {!isTest(one) && (
                        <button
                          type="button"
                          class="small"
                          aria-label={`Send ${one.eventId} again`}
                          onClick={() => void resend(one.eventId)}
                        >
                          Again
                        </button>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        }
      </Shown>
    </section>
  );
}

function isTest({ eventId }: Attempt): boolean {
  return eventOfId(eventId) === undefined;
}

function EventLink({ of }: { readonly of: Attempt }) {
  const event = eventOfId(of.eventId);
  if (event === undefined) return <>a test</>;
  return (
    <>
      {eventName(of.type)}
      <br />
      <a href={`/orders/${encodeURIComponent(event.orderId)}?v=${event.version}`}>{of.eventId}</a>
    </>
  );
}

/**
 * The result of an attempt: whether it was delivered, and the beginning of the answer or the reason
 * why there is no answer.
 */
export function Outcome({ of: { isDelivered, status, error, answer = '' } }: { readonly of: Attempt }) {
  return (
    <>
      <span class={`status ${isDelivered ? 'good' : 'bad'}`}>
        {isDelivered ? 'delivered' : 'not delivered'}
      </span>{' '}
      <span class="quiet">
        {status === undefined ? (error ?? 'no answer') : `HTTP ${status}`}
        {!isDelivered && answer !== '' && `: ${answer.slice(0, 120)}`}
      </span>
    </>
  );
}
