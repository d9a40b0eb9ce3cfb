import 'uplot/dist/uPlot.min.css';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { Empty, Shown } from '../../parts/states.js';
import { type Resource, useResource } from '../../resource.js';
import type { Day } from '../../shapes.js';
import { type Chart, chartsOf } from './series.js';

const LOOK_EVERY_MS = 30_000;
const HEIGHT = 150;

interface Stats {
  readonly from: string;
  readonly to: string;
  readonly data: readonly Day[];
}

export function useStats(): Resource<Stats> {
  return useResource<Stats>('/v1/stats', LOOK_EVERY_MS).state.value;
}

/** What happened day by day, in the last thirty days. */
export function Charts({ found }: { readonly found: Resource<Stats> }) {
  return (
    <section class="panel charts">
      <h2>Day by day</h2>
      <Shown of={found} lines={10}>
        {({ from, to, data }) =>
          data.length === 0 ? (
            <Empty title="Nothing in thirty days" />
          ) : (
            <div class="grid">
              {chartsOf(from, to, data).map((chart) => (
                <Plot key={chart.title} of={chart} />
              ))}
            </div>
          )
        }
      </Shown>
    </section>
  );
}

function Plot({ of }: { readonly of: Chart }) {
  const target = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const { current } = target;
    if (current === null) return undefined;
    const plot = new uPlot(
      optionsOf(of, current),
      [of.days.map((day) => day / 1_000), ...of.values.map((values) => [...values])],
      current,
    );
    const sized = new ResizeObserver(() => plot.setSize({ width: current.clientWidth, height: HEIGHT }));
    sized.observe(current);
    return () => {
      sized.disconnect();
      plot.destroy();
    };
  }, [of]);
  const last = of.names.map((name, index) => `${name} ${of.format(of.values[index]?.at(-1) ?? null, name)}`);
  return (
    <figure>
      <figcaption>
        {of.title}{' '}
        <span class="quiet">
          {last.map((text, index) => (
            <span key={text} class={`key ink-${index}`}>
              {text}
            </span>
          ))}
          today
        </span>
      </figcaption>
      <div ref={target} class="plot" role="img" aria-label={`${of.title} by day; ${last.join(', ')} today`} />
    </figure>
  );
}

const inks = ['--ink-busy', '--ink-warn', '--ink-bad'];

function optionsOf(of: Chart, target: Element): uPlot.Options {
  const ink = (name: string) => getComputedStyle(target).getPropertyValue(name).trim();
  const axis = { stroke: ink('--quiet'), grid: { stroke: ink('--line'), width: 1 }, ticks: { show: false } };
  return {
    width: target.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_self, _min, max) => [0, Math.max(1, max * 1.1)] } },
    axes: [
      { ...axis, grid: { show: false }, values: '{D} {MMM}', space: 60, size: 30 },
      { ...axis, size: 62, values: (_self, marks) => marks.map((mark) => of.format(mark)) },
    ],
    series: [
      {},
      ...of.names.map((label, index) => ({
        label,
        stroke: ink(inks[index] ?? '--ink-busy'),
        width: 1.5,
        points: { show: isSparse(of.values[index]), size: 5, fill: ink(inks[index] ?? '--ink-busy') },
      })),
    ],
  };
}

/** Whether there are too few values for a line to be visible. */
function isSparse(values: readonly (number | null)[] = []): boolean {
  return values.filter((value) => value !== null).length < 3;
}
