/*
 * Preloaded into the sandbox of workflows. The SDK takes a stack trace for each promise there,
 * which takes a fifth of the time that a workflow costs its thread. Two frames still show where an
 * error comes from.
 */
Error.stackTraceLimit = 2;
