/**
 * The id of the trace in a `traceparent` (W3C Trace Context); undefined if the trace is not
 * sampled. A malformed `traceparent` is ignored, as the standard asks.
 */
export function traceIdOf(traceparent = ''): string | undefined {
  const [, version, traceId, spanId, flags = ''] =
    /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?=$|-)/.exec(traceparent) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && traceparent.length > 55))
    return undefined;
  if (/^0*$/.test(traceId ?? '') || /^0*$/.test(spanId ?? '')) return undefined;
  const isSampled = (Number.parseInt(flags, 16) & 1) === 1;
  return isSampled ? traceId : undefined;
}
