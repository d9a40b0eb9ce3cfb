/** What a code of a problem means. */
export interface ProblemPage {
  /** what has happened, and what has not */
  readonly cause: string;
  /** what the caller, or an operator, does about it */
  readonly remedy: string;
}

const sameKey = 'Send it again with the same Idempotency-Key, after the seconds of Retry-After.';
const later = 'Ask again after the seconds of Retry-After.';
const noOrder = 'Check the id. An order that was accepted is known immediately, by every process.';
const asErrorsSay = 'Correct what `errors` points to, and send it under a new Idempotency-Key.';

/** All codes of problems in answers of this API. A test checks that none is missing. */
export const problems: Readonly<Record<string, ProblemPage>> = {
  // --- the request could not be read ---
  malformed_request: {
    cause: 'The data that arrived is not an HTTP/1.1 request.',
    remedy: 'Check whether a client or proxy uses another protocol on this port, such as TLS.',
  },
  headers_too_large: {
    cause: 'The request line and the headers are larger than 16 KiB.',
    remedy: 'Send fewer or smaller headers.',
  },
  request_timeout: {
    cause: 'The request took too long to arrive, and was not read to its end.',
    remedy: 'Send it again; a command with the same Idempotency-Key.',
  },
  request_aborted: {
    cause: 'The client ended the connection before all of the request had arrived.',
    remedy: 'Send it again; a command with the same Idempotency-Key.',
  },
  invalid_url: {
    cause: 'The path is not encoded correctly, or the URL of a webhook endpoint cannot be used.',
    remedy: 'Encode each part: two hexadecimal digits of UTF-8 follow each %. For an endpoint, see `errors`.',
  },
  unknown_path: {
    cause: 'There is no such route in a process of this role.',
    remedy: 'Look it up in /docs; with OPS_PORT, operations are on a port of their own.',
  },
  method_not_allowed: {
    cause: 'The route exists, and takes other methods.',
    remedy: 'Use one of those in the header Allow.',
  },
  unsupported_media_type: {
    cause: 'The body is not declared as JSON.',
    remedy: 'Send `Content-Type: application/json`.',
  },
  invalid_json: {
    cause: 'The body is not valid JSON in UTF-8, or has a member `__proto__` or `constructor.prototype`.',
    remedy: 'Make the body with a JSON library, not by hand; no schema has such members.',
  },
  invalid_utf8: {
    cause: 'The body is not encoded in UTF-8.',
    remedy: 'Encode it in UTF-8, whatever its Content-Type says.',
  },
  invalid_length: {
    cause: 'The body is longer or shorter than Content-Length says.',
    remedy: 'Leave the header to your HTTP library.',
  },
  body_too_large: { cause: 'The body is larger than 1 MiB.', remedy: 'Send less in one request.' },
  url_too_long: {
    cause: 'A part of the path is longer than 2,000 characters. No id is that long.',
    remedy: 'Check the ids in the path.',
  },
  bad_request: { cause: 'The request violates HTTP.', remedy: 'Read `detail`.' },
  invalid_request: {
    cause: 'A member, a parameter or a header does not have the form that its schema asks for.',
    remedy: asErrorsSay,
  },
  malformed: {
    cause: 'The workflow was sent a command that does not have the form of its type.',
    remedy: 'Send commands through the API or the client scripts, which check them first.',
  },
  invalid_cursor: {
    cause: 'The cursor is not one that this API gave out, or was given for another sort or secret.',
    remedy: 'Begin again without a cursor, with the same filters.',
  },

  // --- authentication and access ---
  unauthenticated: {
    cause: 'Authentication is on, and the request has no credentials.',
    remedy: 'Send `Authorization: Bearer <API key or access token>`.',
  },
  invalid_key: {
    cause: 'The API key is unknown, expired or revoked.',
    remedy: 'Have a new one made: `npx orders keys create`.',
  },
  invalid_token: {
    cause: 'The access token is expired, or not of the issuer and the audience of this API.',
    remedy: 'Ask the issuer for a new one, for the audience AUTH_AUDIENCE.',
  },
  scope_missing: {
    cause: 'The key or token is valid, and lacks the scope that `scope` names.',
    remedy: 'Have a key made that has the scope, or ask the issuer for it.',
  },
  access_unavailable: {
    cause: 'The credentials cannot be checked now: MongoDB, or the issuer of tokens, is unavailable.',
    remedy: later,
  },
  invalid_signature: {
    cause: 'The signature of a webhook is missing, wrong, or older than five minutes.',
    remedy: 'Sign the exact bytes of the body with the current secret, and set the clock.',
  },
  host_not_allowed: {
    cause: 'The `Host` of the request is not a name of this API.',
    remedy: 'Add the name to ALLOWED_HOSTS.',
  },
  origin_not_allowed: {
    cause: 'A page of another origin sent the request.',
    remedy: 'Add its origin to CORS_ORIGINS, if it is yours.',
  },

  // --- overload and outages ---
  rate_limited: {
    cause: 'The caller sent more requests in a minute than RATE_LIMIT allows. Nothing was started.',
    remedy: 'Wait for the seconds of Retry-After, and send less often.',
  },
  overloaded: {
    cause: 'The process has too many requests of this kind. Nothing was started.',
    remedy: 'Send it again after the seconds of Retry-After, with a growing pause.',
  },
  outcome_unknown: {
    cause: 'No worker, or Temporal, answered in time. The command may still take effect.',
    remedy: `${sameKey} It happens once, and the answer is the same.`,
  },
  mongodb_unavailable: {
    cause: 'MongoDB does not answer, and this can be answered from there only.',
    remedy: `${later} Orders are still accepted, and single orders can be read.`,
  },
  temporal_unavailable: { cause: 'Temporal does not answer.', remedy: later },
  journal_unavailable: {
    cause:
      'The order has so many commands that only the journal knows whether the key was used. MongoDB is unavailable, or the journal still lacks events of the order.',
    remedy: sameKey,
  },
  keys_unavailable: {
    cause: 'The personal data in the command cannot be sealed: the key store is unavailable.',
    remedy: `${sameKey} Commands of customers that were seen lately are still taken.`,
  },
  journal_behind: {
    cause: 'Too many events of the order wait to be recorded, so it takes no further command.',
    remedy: `${sameKey} An operator looks at MongoDB and the workers.`,
  },
  preview_unavailable: {
    cause: 'Neither a worker nor Temporal could say what the command would do.',
    remedy: `${later} A preview changes nothing, so it may be repeated.`,
  },
  memory_from: {
    cause:
      'Only the journal knows whether the Idempotency-Key was used before, and it did not answer in time.',
    remedy: sameKey,
  },
  query_too_slow: {
    cause: 'MongoDB stopped the query, because it took too long.',
    remedy: 'Ask for less: a smaller limit, a narrower filter.',
  },
  internal_error: {
    cause: 'A defect of this software. The log has it, under the correlation id.',
    remedy: 'Report it with the correlation id. A command may be sent again with the same key.',
  },

  // --- a command, by its key and its version ---
  key_reused: {
    cause: 'The Idempotency-Key was used by the same caller for another command.',
    remedy: 'Use a new key for each command, and the same key only to repeat it.',
  },
  stale_version: {
    cause: 'The order is no longer at the version that If-Match names. Nothing was changed.',
    remedy: 'Read the order again, decide again, and send the new ETag.',
  },
  id_reserved: {
    cause: 'The id has the form of those that are derived from a key (UUID version 8).',
    remedy: 'Choose another id, or none.',
  },
  order_exists: {
    cause: 'An order with that id exists, with other content.',
    remedy: 'Choose another id, or none. The same content again would have been answered as before.',
  },

  // --- the state of an order ---
  order_not_found: { cause: 'No order has this id, in Temporal or in MongoDB.', remedy: noOrder },
  not_allowed: {
    cause: 'The order, in its present state, does not allow the command.',
    remedy:
      'Choose from `allowedCommands`. `blockedCommands` of the order says why the others are not allowed.',
  },
  order_closed: {
    cause: 'The order is over, and takes no command any more.',
    remedy: 'Place a new order. Read the old one as before.',
  },
  order_open: {
    cause: 'The order is not finished, so its personal data cannot be forgotten.',
    remedy: 'Finish or cancel it, or ask to forget when it is finished.',
  },
  orders_open: {
    cause: 'The customer has orders that are not finished.',
    remedy: 'Finish or cancel them, or send `whenFinished`.',
  },
  order_forked: {
    cause: 'The journal and the history of the order contradict each other, so the order is halted.',
    remedy: 'An operator compares them (`npx orders verify --order`), and resumes it.',
  },
  endpoint_forked: {
    cause: 'The journal and the history of the webhook endpoint contradict each other, so it is halted.',
    remedy: 'An operator compares them (`npx orders verify --order <id> --entity endpoint`), and resumes it.',
  },
  workflow_ended: {
    cause: 'The workflow ended although its order, or its webhook endpoint, has not.',
    remedy: 'An operator resumes it: `npx orders resume`. Then send the command again.',
  },
  workflow_rewound: {
    cause: 'Temporal was restored to a backup that lacks the newest events of the order.',
    remedy: 'An operator resumes it: `npx orders resume`. Then send the command again.',
  },
  log_incomplete: {
    cause:
      'Events of the order were lost with a database: its earlier states are unknown, or it cannot be resumed.',
    remedy: 'Read the order as it is now, or restore a backup that has these events.',
  },
  log_unreadable: {
    cause: 'An event of the order is of a newer version than this process knows, or is damaged.',
    remedy: 'Deploy the newer version here too. The events themselves can still be read.',
  },
  history_not_kept: {
    cause: 'Temporal no longer has the history of this order, which ended long ago.',
    remedy: 'Leave `source` out: the journal has all of it.',
  },
  not_recorded_yet: {
    cause: 'The order is accepted, and none of its events is in the journal yet.',
    remedy: later,
  },
  order_resuming: {
    cause: 'The order is being resumed: it has no view, and its workflow has not loaded its journal yet.',
    remedy: `${later} If that does not help, an operator looks at MongoDB and the workers.`,
  },
  facts_waiting: {
    cause: 'Too many facts about the order wait for something that has not happened.',
    remedy: 'Send it again later. `npx orders attention` shows what they wait for.',
  },

  // --- the rules of a command ---
  unknown_currency: { cause: 'The code is not a currency that can be charged.', remedy: asErrorsSay },
  invalid_amount: { cause: 'An amount is not a whole number of minor units.', remedy: 'EUR 19.99 is 1999.' },
  invalid_lines: { cause: 'There are no lines, or more than 200.', remedy: asErrorsSay },
  duplicate_sku: { cause: 'Two lines have the same SKU.', remedy: 'Add their quantities up in one line.' },
  invalid_quantity: { cause: 'A quantity is not a whole number of 1 or more.', remedy: asErrorsSay },
  quantity_too_large: {
    cause: 'More of a SKU is asked for than the order has left for it.',
    remedy: 'Read the order: each line says what is shipped, delivered, returned and cancelled.',
  },
  unknown_sku: { cause: 'The order has no line with that SKU.', remedy: asErrorsSay },
  price_missing: { cause: 'A SKU is new in the order, and has no price.', remedy: 'Give its `unitPrice`.' },
  nothing_to_amend: { cause: 'The amendment changes nothing.', remedy: 'Give lines, an address, or both.' },
  total_not_positive: {
    cause: 'Discount and free lines leave nothing to pay, and such an order cannot be authorized.',
    remedy: 'Leave a total of at least one minor unit.',
  },
  total_too_large: { cause: 'The total is beyond what can be counted exactly.', remedy: 'Split the order.' },
  shipment_not_found: { cause: 'The order has no such shipment.', remedy: 'Read the order’s `shipments`.' },
  return_not_found: { cause: 'The order has no such return.', remedy: 'Read the order’s `returns`.' },
  return_window_passed: {
    cause: 'The time in which the order takes returns is over (`returnsUntil`).',
    remedy: 'If it is goodwill, refund without a return.',
  },
  parcel_unknown: {
    cause: 'A dispatch names no carrier or no tracking number, and no label is booked.',
    remedy:
      'Give both, or have a label booked first with the command `label`, and then give neither. A label that is requested takes a moment: its shipment says when it is booked.',
  },
  refund_too_large: {
    cause: 'The refund is more than was captured and not refunded yet.',
    remedy: 'Refund at most the difference of `captured` and `refunded`.',
  },
  payment_unknown: {
    cause: 'The provider names an authorization that the order does not have.',
    remedy: 'Send the order and the reference under which the authorization was requested.',
  },
  payment_not_pending: {
    cause: 'The payment that the provider settles is settled already.',
    remedy: 'Nothing: the first outcome stands.',
  },
  payment_not_wanted: {
    cause: 'The provider declines a payment that the order has given up.',
    remedy: 'Nothing: the order is over, or pays in another way.',
  },

  // --- reading the past, and the feed ---
  version_not_found: { cause: 'The order has no such version yet.', remedy: '`version` is its latest.' },
  version_unknown: {
    cause: 'The order has no such version, so a stream cannot continue after it.',
    remedy: 'Continue after `version`, its latest.',
  },
  version_not_reached: {
    cause: 'The view of the order did not reach `minVersion` in time.',
    remedy: `${later} The command that gave the version is safe.`,
  },
  order_not_created_yet: {
    cause: 'At that time, the order did not exist.',
    remedy: 'Ask for a time after it was created.',
  },
  position_unknown: {
    cause: 'The position is beyond the end of the feed.',
    remedy: 'Continue after `head`; if it is far away, the checkpoint is of another system.',
  },
  too_many_readers: {
    cause: 'The client has the maximum number of named readers of the feed.',
    remedy:
      'Use the name of a reader again; a reader is forgotten 30 days after its checkpoint was kept last.',
  },
  feed_restored: {
    cause: 'MongoDB was restored from a backup: positions after `commonUntil` are of other events now.',
    remedy: 'Continue after `commonUntil` in `generation`, and undo what you did for later positions.',
  },

  // --- stock, customers, products ---
  stock_reserved: {
    cause: 'More units are reserved for orders than this count has on hand.',
    remedy: 'Count again, or cancel orders first.',
  },
  stock_restoring: {
    cause: 'The stock is being restored from the histories, and cannot be counted yet.',
    remedy: 'Wait until `npx orders rebuild --from history` is done.',
  },
  stock_not_ready: {
    cause: 'No process has set up this database yet.',
    remedy: 'Start one, and send the request again.',
  },
  customer_not_found: {
    cause: 'No order of such a customer is known, or it is not in the view yet.',
    remedy: 'Check the id; after a first order, ask again soon.',
  },
  product_not_found: {
    cause: 'No order has asked for such a product, or it is not in the view yet.',
    remedy: 'Check the SKU; after a first order, ask again soon.',
  },
  other_customer: {
    cause: 'A customer is to be forgotten in an order of another customer.',
    remedy: 'Nothing, if `npx orders forget` led to it: the order is skipped. Check the id otherwise.',
  },
  forgetting_ends: { cause: 'An earlier forgetting of this customer is being completed.', remedy: later },
  forgetting_not_found: { cause: 'This customer was not forgotten.', remedy: 'Check the id.' },

  // --- operations ---
  projection_not_found: { cause: 'There is no such view.', remedy: '`detail` names the views that exist.' },
  rebuild_under_way: {
    cause: 'The view is being rebuilt already.',
    remedy: 'Wait for it: GET /v1/projections shows its progress.',
  },
  no_previous_build: {
    cause: 'No earlier build of the view is kept.',
    remedy: 'Deploy the older code, and rebuild the view.',
  },
  nothing_parked: {
    cause: 'The view has no parked event of this order: it was applied, or skipped.',
    remedy: 'Nothing. List what is parked: `npx orders parked list`.',
  },
  other_version_parked: {
    cause: 'The first parked event of the order is another one by now.',
    remedy: 'Look at the list again, and name that version.',
  },
  other_view_version: {
    cause: 'The view was built by another version of its code than this process has.',
    remedy: 'Rebuild the view, or ask a process of that version.',
  },
  endpoint_not_found: {
    cause: 'There is no such webhook endpoint, or it was deleted.',
    remedy: 'List them: `npx orders webhooks list`.',
  },
  event_not_found: {
    cause: 'The feed has no such event.',
    remedy: 'Name it by its order and version, as the message had it.',
  },
  replay_place: {
    cause: 'A replay names both a position and a time to begin at, or neither.',
    remedy: 'Give either `after` or `from`.',
  },
  key_not_found: { cause: 'There is no such API key.', remedy: 'List them: `npx orders keys list`.' },
};
