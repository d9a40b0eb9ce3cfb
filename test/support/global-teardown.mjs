export default async function stopSharedServers() {
  await globalThis.stopSharedServers?.();
}
