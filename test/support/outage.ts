/** How long an outage lasts. The wait is the fault under test; no check depends on its length. */
export const outageSeconds = Number(process.env['OUTAGE_SECONDS'] ?? 60);
