import { withQuery } from '../../api.js';
import { Status } from '../../parts/status.js';
import { Ago } from '../../parts/time.js';
import type { Endpoint, Subscription } from '../../shapes.js';

interface ListProps {
  readonly endpoints: readonly Endpoint[];
  readonly subscriptions: ReadonlyMap<string, Subscription>;
  readonly chosen: string | undefined;
}

/** All endpoints, and the state of their deliveries. */
export function EndpointList({ endpoints, subscriptions, chosen }: ListProps) {
  return (
    <table class="plain">
      <thead>
        <tr>
          <th>Endpoint</th>
          <th>Status</th>
          <th class="number wide-only">Position</th>
          <th class="number">Lag</th>
          <th class="number">Failures</th>
          <th class="wide-only">Last success</th>
        </tr>
      </thead>
      <tbody>
        {endpoints.map((endpoint) => {
          const { endpointId, url, description } = endpoint;
          const found = subscriptions.get(endpointId);
          return (
            <tr key={endpointId} class={endpointId === chosen ? 'chosen' : ''}>
              <td class="url">
                <a href={withQuery('/webhooks', { endpoint: endpointId })}>{url}</a>
                {description !== undefined && <p class="quiet">{description}</p>}
              </td>
              <td>
                <Status of={endpoint.status} />
              </td>
              <td class="number wide-only">{found?.position.toLocaleString('en')}</td>
              <td class="number">{found?.lag.toLocaleString('en')}</td>
              <td class="number">
                {found !== undefined && found.failures > 0 ? (
                  <b class="bad">{found.failures.toLocaleString('en')}</b>
                ) : (
                  found?.failures
                )}
              </td>
              <td class="wide-only when">
                {found?.lastSuccessAt !== undefined && <Ago at={found.lastSuccessAt} />}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
