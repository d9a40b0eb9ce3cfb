/*
 * The ids and bodies of the requests that the reference page shows, ready to be sent. A test sends
 * all of them to a new system with the sandbox, after it has prepared what some of them need, such
 * as a declined capture.
 */

/** Example ids in paths, by the name of the parameter. */
export const idExamples: Readonly<Record<string, string>> = {
  orderId: 'example',
  shipmentId: 's1',
  returnId: 'r1',
  sku: 'A-1',
  customerId: 'c-1',
  name: 'customers',
  eventId: 'example:1',
  reader: 'erp',
};

const order = {
  id: 'example',
  customer: { id: 'c-1', name: 'Ada Example', email: 'ada@example.com' },
  currency: 'EUR',
  lines: [{ sku: 'A-1', quantity: 2, unitPrice: 1999, name: 'Green mug' }],
  shippingFee: 490,
  shippingAddress: { street: '1 Main St', city: 'Berlin', postalCode: '10115', country: 'DE' },
  payment: { method: 'tok_ok' },
  tags: ['example'],
};

/** Bodies, by operation. An operation that is not here takes no body, or an empty one. */
export const bodyExamples: Readonly<Record<string, object>> = {
  'PUT /v1/stock/{sku}': { onHand: 250 },
  'POST /v1/orders': order,
  'POST /v1/orders/{orderId}/hold': { reason: 'the address looks wrong' },
  'POST /v1/orders/{orderId}/amend': { lines: [{ sku: 'A-1', quantity: 3 }] },
  'POST /v1/orders/{orderId}/notes': { text: 'ring twice' },
  'POST /v1/orders/{orderId}/shipments': { lines: [{ sku: 'A-1', quantity: 2 }] },
  'POST /v1/orders/{orderId}/shipments/{shipmentId}/label': { carrier: 'Sandbox Post' },
  'POST /v1/orders/{orderId}/shipments/{shipmentId}/dispatch': {
    carrier: 'DHL',
    trackingNumber: '00340434161094042557',
  },
  'POST /v1/orders/{orderId}/cancel': { reason: 'the customer changed their mind' },
  'POST /v1/orders/{orderId}/returns': {
    lines: [{ sku: 'A-1', quantity: 1 }],
    reason: 'one is chipped',
  },
  'POST /v1/orders/{orderId}/refunds': { amount: 100, reason: 'late' },
  'POST /v1/orders/{orderId}/write-off': { reason: 'the amount is small' },
  'POST /v1/orders/{orderId}/resume': { reason: 'Temporal was restored' },
  'POST /v1/customers/{customerId}/forget': { reason: 'the customer asked for it', whenFinished: true },
  'POST /v1/projections/{name}/parked/{orderId}/retry': { reason: 'the view is fixed' },
  'POST /v1/projections/{name}/parked/{orderId}/skip': { reason: 'it was corrected by hand' },
  'POST /v1/keys': { client: 'shop', scopes: ['orders:read', 'orders:write'] },
  'POST /v1/session': { key: 'ordk_0123456789abcdef_the-secret-of-your-key' },
  'POST /v1/webhook-endpoints': { url: 'https://shop.example/hooks', events: ['OrderConfirmed'] },
  'PATCH /v1/webhook-endpoints/{endpointId}': { events: ['OrderConfirmed', 'OrderCompleted'] },
  'POST /v1/webhook-endpoints/{endpointId}/replay': { after: 0 },
  'PUT /v1/readers/{reader}': { position: 1, generation: 1 },
  'POST /v1/webhooks/payments': {
    type: 'payment.authorized',
    data: { orderId: 'example', reference: 'example:authorize:2', authorizationId: 'auth_1' },
  },
  'POST /v1/webhooks/carriers': {
    type: 'shipment.delivered',
    data: { orderId: 'example', shipmentId: 's1' },
  },
};
