/** How long an outage lasts. Waiting is the fault itself here; nothing that is checked depends on it. */
export const outageSeconds = Number(process.env['OUTAGE_SECONDS'] ?? 60);
